"""TEST_MODE (document 070): a dry run of the whole bot, latched from its flag and ephemeral.

The flag is used up when the mode is latched, before anything runs: one run per flag, and a process
that dies in a dry run is followed by an ordinary session. What a dry run writes lies below
``runs/test_mode/``, which the next one removes; of the live files it touches test_mode.log alone.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.errors import ConfigError
from rigd.core.events import SessionClosed, SliceDone
from rigd.reporting.telling import Memory, tell
from rigd.store.control import flag_of_test
from rigd.store.files import remove_tree
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.events import Entry
    from rigd.core.ports import ControlClock
    from rigd.core.values import BotIdentity
    from rigd.hosts.request import SessionRequest
    from rigd.store.control import ControlFolder
    from rigd.store.paths import Home

WRITER = "rigd.hosts.test_mode"
LOG = "test_mode.log"
WHOLE = "full"
"""The name of the dry run of the whole bot in test_mode.log."""


def latched(flags: ControlFolder, request: SessionRequest) -> SessionRequest:
    """Return the request in the mode that the flags ask for; they stay until `begin`.

    Parameters
    ----------
    flags
        The control folder.
    request
        What is asked for.

    Returns
    -------
    SessionRequest
        With `test_mode` set, and then as fast as possible, when ``test_mode.flag`` lies there.

    Raises
    ------
    ConfigError
        If flags of single tests lie there: they take precedence, and are no session.
    """
    asked = flags.tests()
    single = [name for name in asked if name]
    if single:
        files = ", ".join(flag_of_test(name) for name in single)
        msg = f"no flag of a single test may lie in runs/control at start, found {files}"
        raise ConfigError(msg, fix=f"rigd test {' '.join(single)}, or rigd flags clear")
    if not asked:
        return request
    return replace(request, test_mode=True, speed=0.0)


def begin(home: Home, flags: ControlFolder) -> Home:
    """Use the flag up and empty the folder of dry runs; return where this one writes."""
    flags.take_tests("")
    remove_tree(home.dry.runs)
    return home.dry


class DryRunLog:
    """Projection that tells every event of a dry run in the live test_mode.log.

    Parameters
    ----------
    home, identity
        Whose log.
    clock
        The control clock: the log is an audit trail in wall time.
    test
        What runs.
    """

    def __init__(
        self, home: Home, identity: BotIdentity, clock: ControlClock, test: str = WHOLE
    ) -> None:
        self._registry = Registry(home.live, identity)
        self._clock = clock
        self._test = test
        self._memory = Memory()
        self._seq = 0

    def start(self) -> None:
        """Tell that the test begins, and that its flag is used up."""
        self._row("test_started", f"{self._test} begins, its flag is used up")

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if entry.seq <= self._seq:
            return
        self._seq = entry.seq
        record = entry.record
        self._memory.learn(record)
        told = tell(record, self._memory)
        if told is not None and not isinstance(record, SliceDone):
            self._row(told.event, told.message, seq=entry.seq, market_time=iso(entry.at))
        if isinstance(record, SessionClosed):
            passed = record.flat and record.exit_code == 0
            self.end(passed=passed, detail=f"{record.trades} trades, {record.exit_reason}")

    def end(self, *, passed: bool, detail: str) -> None:
        """Tell how the test ended."""
        self._row("test_ended", f"{'passed' if passed else 'FAILED'}: {detail}")

    def note(self, event: str, message: str) -> None:
        """Tell one event of a test that has no journal."""
        self._row(event, message)

    def close(self) -> None:
        """Close the log."""
        self._registry.close()

    def _row(self, event: str, message: str, **more: object) -> None:
        row = {
            "timestamp": iso(self._clock.now()),
            "event": event,
            "test": self._test,
            "test_mode": True,
            "message": message,
        } | more
        line = json.dumps(row, sort_keys=True)
        self._registry.append_line(LOG, line, writer=WRITER)
