"""Clearance: at a real broker a launch needs a recorded backtest of the same settings and code.

At the simulated broker nothing is asked (SPEC §10). A recorded backtest counts when it ran to its
end over at least one session with the bot's own settings; how fills are simulated is free.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.config.choices import BrokerCode
from rigd.config.digest import digest
from rigd.core.errors import ConfigError, StorageError
from rigd.store.files import read_plain
from rigd.store.hashing import digest_tree
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.config.schema import Settings
    from rigd.store.paths import Home

SUMMARY = "backtest/daily_summary_backtest.json"

_SIMULATED = ("SIM_", "SIMULAT", "SLIPPAGE_")
"""Keys that belong to the simulated broker alone: the bot's own settings cannot hold them."""


def code_digest() -> str:
    """Return the SHA-256 over the package's code, as a session records it."""
    return digest_tree(Path(__file__).resolve().parents[2], "**/*.py")


def cleared_by(home: Home, config_digest: str, code_digest: str) -> Path | None:
    """Return the newest recorded backtest of a configuration and code.

    Parameters
    ----------
    home
        RIGD_HOME.
    config_digest, code_digest
        SHA-256 over the bot's settings, and over the code.

    Returns
    -------
    Path or None
        The run's folder; None when there is none.
    """
    summary = Registry(home, stamp="none").path(SUMMARY)
    found = sorted(summary.parent.parent.glob(f"*/{summary.name}"))
    for path in reversed(found):
        if _clears(path, config_digest, code_digest):
            return path.parent
    return None


def require(home: Home, settings: Settings, code: Callable[[], str] = code_digest) -> None:
    """Refuse a launch at a real broker without a recorded backtest.

    Parameters
    ----------
    home
        RIGD_HOME.
    settings
        The bot's.
    code
        Tells the SHA-256 over the code; asked at a real broker alone.

    Raises
    ------
    ConfigError
        If none was recorded for the same settings and code.
    """
    if settings.broker_code is BrokerCode.SIM:
        return
    config, own = digest(settings), code()
    if cleared_by(home, config, own) is None:
        msg = (
            f"a launch at {settings.broker_code} needs a recorded backtest of this configuration "
            f"({config[:16]}) and code ({own[:16]}), found none"
        )
        raise ConfigError(msg, fix="rigd backtest --start … --end … --data …, without --set")


def _clears(path: Path, config_digest: str, code_digest: str) -> bool:
    try:
        summary = json.loads(read_plain(path))
    except (StorageError, ValueError, RecursionError):
        return False
    if not isinstance(summary, dict):
        return False
    changed = summary.get("overrides")
    own = isinstance(changed, dict) and all(key.startswith(_SIMULATED) for key in changed)
    bound = (summary.get("config_digest"), summary.get("code_digest"))
    return own and bound == (config_digest, code_digest) and bool(summary.get("sessions"))
