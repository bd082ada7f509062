"""The stamp of the newest run of the whole test suite: what a launch and a change at a broker read.

Source: document 070, "any test failure blocks config/strategy/code change and release" (INVENTORY
V20). A run of the suite stamps the checkout that it tested. At a real broker a launch needs a run
that passed on the code that lies there; after one that failed, settings and build stay as they are
until the suite passes again. The simulated broker asks for nothing (SPEC §10), and what only takes
risk away is never held up.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import BrokerCode
from rigd.config.sources import checkout
from rigd.core.clock import iso
from rigd.core.errors import ConfigError, RigdError
from rigd.hosts.backtest.clearance import code_digest
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from rigd.config.schema import Settings

WRITER = "rigd.hosts.gate_stamp"
NAME = "test_stamp.json"
SUITES = ("tests", "system")
"""The suite that `make test` runs, and the one of `make test-system`."""

TAKES_RISK_AWAY = frozenset({"DEFENSE_MODE_ACTIVE", "DISABLE_ALL_TRADES"})
"""Keys that may be changed whatever the tests said."""

FIX = "make test"
_SHOWN = 5


class Stamp(NamedTuple):
    """How one suite ended, on which code, and when; `failed` names some of what did not pass."""

    passed: bool
    code_digest: str
    at: str
    failed: tuple[str, ...]


def place() -> Home:
    """Return where the stamp of this code lies: its own checkout, whatever RIGD_HOME says."""
    return Home(checkout())


def write_stamp(
    home: Home,
    suite: str,
    *,
    passed: bool,
    failed: Sequence[str],
    code_digest: str,
    at: datetime,
) -> None:
    """Note how a run of a whole suite ended.

    Parameters
    ----------
    home
        Of `place`.
    suite
        One of `SUITES`.
    passed, failed
        Whether everything passed, and what did not.
    code_digest
        SHA-256 over the code that was tested.
    at
        When it ended, UTC.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    with Registry(home) as registry:
        kept = {name: stamp._asdict() for name, stamp in read_stamps(home).items()}
        mine = Stamp(passed, code_digest, iso(at), tuple(failed[:_SHOWN]))
        content = json.dumps(kept | {suite: mine._asdict()}, indent=1, sort_keys=True)
        registry.write(NAME, content.encode() + b"\n", writer=WRITER)


def read_stamps(home: Home) -> Mapping[str, Stamp]:
    """Return how each suite ended last; a file that cannot be read counts as none.

    Parameters
    ----------
    home
        Of `place`.

    Returns
    -------
    mapping of str to Stamp
        By suite; those that never ran are missing.
    """
    try:
        held = json.loads(Registry(home).read(NAME) or b"{}")
        return {
            suite: Stamp(
                passed=held[suite]["passed"] is True,
                code_digest=str(held[suite]["code_digest"]),
                at=str(held[suite]["at"]),
                failed=tuple(str(each) for each in held[suite]["failed"]),
            )
            for suite in SUITES
            if suite in held
        }
    except (RigdError, ValueError, LookupError, TypeError, RecursionError):
        return {}


def require_passed(settings: Settings, code: Callable[[], str] = code_digest) -> None:
    """Refuse a launch at a real broker without a passed run of the tests on this code.

    Parameters
    ----------
    settings
        The bot's.
    code
        Tells the SHA-256 over the code; asked at a real broker alone.

    Raises
    ------
    ConfigError
        If the tests never ran on it, or failed.
    """
    if settings.broker_code is BrokerCode.SIM:
        return
    own, stamps = code(), read_stamps(place())
    tests = stamps.get("tests")
    fits = tests is not None and tests.code_digest == own
    if fits and all(stamp.passed for stamp in stamps.values() if stamp.code_digest == own):
        return
    found = _told(stamps, own) if fits else "found none of it"
    msg = f"a launch at {settings.broker_code} needs a passed run of the tests on this code "
    raise ConfigError(f"{msg}({own[:16]}), {found}", fix=FIX)


def refuse_after_failure(settings: Settings, what: str, keys: Collection[str] = ()) -> None:
    """Refuse a change at a real broker while the newest run of the tests stands as failed.

    Parameters
    ----------
    settings
        The bot's, before the change.
    what
        What is about to change, for people.
    keys
        Keys of ``.env_bot`` that change; those of `TAKES_RISK_AWAY` alone are never refused.

    Raises
    ------
    ConfigError
        If a suite failed last.
    """
    if settings.broker_code is BrokerCode.SIM or (keys and TAKES_RISK_AWAY.issuperset(keys)):
        return
    stamps = read_stamps(place())
    if not all(stamp.passed for stamp in stamps.values()):
        msg = f"{what} must wait until the tests pass, {_told(stamps)}"
        raise ConfigError(msg, fix=FIX)


def _told(stamps: Mapping[str, Stamp], own: str = "") -> str:
    failed = [
        f"{suite} failed at {stamp.at}: {', '.join(stamp.failed) or 'see its output'}"
        for suite, stamp in stamps.items()
        if not stamp.passed and own in {"", stamp.code_digest}
    ]
    return "; ".join(failed)
