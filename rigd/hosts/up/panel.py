"""Keep the panel alive: a process beside the bot that is restarted, and never takes it down.

It is started again when it ends, and ended when its loop gives no sign of life (`PULSE`): such a
panel holds its port and answers nobody. Its kernels go with it; log-ins are in the users' database
and stay. A session is a tree of processes of its own, which none of this touches.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol

from rigd.hosts.ports import listening_socket
from rigd.hosts.supervisor import CONSTANT, Child, end_process, kept_of
from rigd.store.lease import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.hosts.panel.listening import Listening
    from rigd.hosts.up.memory import Memory
    from rigd.store.paths import Home

FIRST_S = 1.0
LONGEST_S = 60.0
"""The waits before it is started again [s]: they double while it does not stay."""

SILENT_S = 30.0
"""A panel whose loop gave no sign for so long hangs [s].

It gives one each second. A busy loop is late: a page that is built on a loaded machine takes it a
few seconds, a users' database that another process holds up to 5 s a statement. Neither comes near,
and people wait for half a minute at most.
"""
START_S = 120.0
"""How long it may take to its first sign [s]: many imports from a cold, loaded disk."""
STEP_S = 1.0
"""What counts as silence between two looks, at most [s].

When the machine slept, or this process was stopped or starved itself, the panel may have been so
too: it gets time to be heard first. (The clock of Linux stands still in a suspended machine; that
of a container that was paused does not.)
"""
PULSE = "--pulse"
"""The option of the panel's command line that names the pipe through which it is heard."""
_MOST_BYTES = 1 << 16
"""What a pipe holds: all that was said is taken at once."""


class Kept(Protocol):
    """A child, as of `rigd.hosts.supervisor.Child`."""

    process: Process | None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def end(self) -> None:
        """End it."""
        ...


class Beating(Kept, Protocol):
    """A child whose loop says that it runs."""

    def beats(self) -> bool:
        """Tell whether it said so since the last question."""
        ...

    def kill(self) -> None:
        """Kill it with all that it started, without waiting for its end."""
        ...

    def close(self) -> None:
        """Close what it was heard by."""
        ...


class Panel(Child):
    """The panel's process, and the pipe through which its loop is heard.

    Parameters
    ----------
    command, environment, folder
        What is run, its whole environment, and where; the end of the pipe is added to the command.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._heard, said = os.pipe()
        os.set_blocking(self._heard, False)
        try:
            super().__init__([*command, PULSE, str(said)], environment, folder, pipes=[said])
        except OSError:
            self.close()
            raise
        finally:
            os.close(said)

    def beats(self) -> bool:
        """Tell whether its loop said that it runs since the last question."""
        try:
            return bool(os.read(self._heard, _MOST_BYTES))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._heard)


class PanelKeeper:
    """Starts the panel, and again whenever it ends; ends one that hangs.

    Parameters
    ----------
    start
        Starts it.
    clock
        The control clock.
    memory
        Where its process is noted, so that the next supervisor can end it.
    tell
        Tells a person at the console.
    note
        Writes what hung to the supervisor's log.
    """

    def __init__(
        self,
        start: Callable[[], Beating],
        clock: ControlClock,
        memory: Memory,
        tell: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self._start = start
        self._clock = clock
        self._memory = memory
        self._tell = tell
        self._note_hung = note
        self._child: Beating | None = None
        self._began = self._next = self._looked = float("-inf")
        self._wait_s = FIRST_S
        self._silent_s, self._may_s = 0.0, START_S

    def look(self) -> None:
        """Start it where it does not run, at the latest after `LONGEST_S`."""
        now = self._clock.monotonic()
        if self._child is not None:
            if (code := self._child.code) is None:
                self._listen(self._child, now)
                return
            self._child.close()
            stayed = now - self._began >= LONGEST_S
            self._wait_s = FIRST_S if stayed else min(2.0 * self._wait_s, LONGEST_S)
            self._child, self._next = None, now + self._wait_s
            self._tell(f"the panel ended with {code}; started again in {self._wait_s:.0f} s")
            self._note(None)
        if now >= self._next:
            self._child, self._began = self._start(), now
            self._looked, self._silent_s, self._may_s = now, 0.0, START_S
            self._note(self._child.process)

    def end(self) -> None:
        """End it with the supervisor."""
        if self._child is not None:
            self._child.end()
            self._child.close()
            self._child = None
            self._note(None)

    def _listen(self, child: Beating, now: float) -> None:
        """Kill it when it was silent for too long, again if that did not end it."""
        self._silent_s += min(now - self._looked, STEP_S)
        self._looked = now
        if child.beats():
            self._silent_s, self._may_s = 0.0, SILENT_S
        elif self._silent_s >= self._may_s:
            found = "gave no sign of life" if self._may_s == SILENT_S else "did not come up"
            told = f"the panel {found} for {self._may_s:.0f} s: it is killed, with its pages"
            self._silent_s = 0.0
            child.kill()
            self._tell(told)
            self._note_hung(told)

    def _note(self, process: Process | None) -> None:
        found = process or Process(pid=0, born=0, boot="")
        self._memory.change(panel_pid=found.pid, panel_born=found.born, panel_boot=found.boot)


def command(port: int, listening: Listening) -> list[str]:
    """Return the command line of the panel; no secret is on it."""
    words = [sys.executable, "-m", "rigd.hosts.panel", "--port", str(port)]
    return words + listening.options()


def environment(inherited: Mapping[str, str], home: Home) -> dict[str, str]:
    """Return the panel's whole environment: what any run inherits, and its home."""
    return kept_of(inherited) | CONSTANT | {"RIGD_HOME": str(home.root)}


def require_free(port: int, address: str) -> None:
    """Refuse a port that somebody else has: whoever goes there would meet a stranger's page."""
    listening_socket(port, address=address, what="the panel's", option="--port").close()


def end_former(memory: Memory) -> None:
    """End the panel that a supervisor left behind which was killed; it holds the port."""
    known = memory.known
    if known.panel_pid:
        former = Process(pid=known.panel_pid, born=known.panel_born, boot=known.panel_boot)
        end_process(former)
        memory.change(panel_pid=0, panel_born=0, panel_boot="")
