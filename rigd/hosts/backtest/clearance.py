"""Clearance: at a real broker a launch needs a recorded backtest of the same settings and code.

At the simulated broker nothing is asked (SPEC §10). A recorded backtest counts when it ran to its
end over at least one session, with the bot's own settings and no others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.config.choices import BrokerCode
from rigd.config.digest import digest
from rigd.core.errors import ConfigError
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.store.paths import Home

SUMMARY = "backtest/daily_summary_backtest.json"


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
    runs = Registry(home, stamp="none").path(SUMMARY).parent.parent
    found = sorted(runs.glob("*/daily_summary_backtest.json")) if runs.exists() else []
    for path in reversed(found):
        if _clears(path, config_digest, code_digest):
            return path.parent
    return None


def require(home: Home, settings: Settings, code_digest: str) -> None:
    """Refuse a launch at a real broker without a recorded backtest.

    Parameters
    ----------
    home
        RIGD_HOME.
    settings
        The bot's.
    code_digest
        SHA-256 over the code.

    Raises
    ------
    ConfigError
        If none was recorded for the same settings and code.
    """
    if settings.broker_code is BrokerCode.SIM:
        return
    config = digest(settings)
    if cleared_by(home, config, code_digest) is None:
        msg = (
            f"a launch at {settings.broker_code} needs a recorded backtest of this configuration "
            f"({config[:16]}) and code ({code_digest[:16]}), found none"
        )
        raise ConfigError(msg, fix="rigd backtest --start … --end … --data …, without --set")


def _clears(path: Path, config_digest: str, code_digest: str) -> bool:
    try:
        summary = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    if not isinstance(summary, dict):
        return False
    bound = (summary.get("config_digest"), summary.get("code_digest"), summary.get("overrides"))
    return bound == (config_digest, code_digest, {}) and bool(summary.get("sessions"))
