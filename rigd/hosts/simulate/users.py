"""People and their clock: commands at any minute, twice, against each other, and a reset."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rigd.core.events import Command
from rigd.engine.recorder import STRENGTH
from rigd.hosts.simulate.faults import Fault
from rigd.store.control import FlagSeen

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.hosts.simulate.trace import Trace

_ASKS = (
    (Fault.USER_STOP, Command.STOP),
    (Fault.USER_SHUTDOWN, Command.SHUTDOWN),
    (Fault.USER_KILL, Command.KILL),
)


class SimClock:
    """The control clock: it moves when something takes time, and for nothing else.

    Parameters
    ----------
    start
        The first instant, UTC.
    """

    __slots__ = ("_now", "_seconds", "_start")

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._seconds = 0.0

    def now(self) -> datetime:
        """Return the wall time, UTC."""
        return self._start + timedelta(seconds=self._seconds)

    def jump(self, seconds: float) -> None:
        """Set the wall time ahead, or back; no time passes."""
        self._start += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds


class Users:
    """The control folder, and who writes into it.

    Parameters
    ----------
    plan
        What goes wrong.
    trace
        Where events are noted.
    told
        Called with each command that is raised.
    """

    def __init__(self, plan: FaultPlan, trace: Trace, told: Callable[[str], None]) -> None:
        self._plan = plan
        self._trace = trace
        self._told = told
        self._flags: list[FlagSeen] = []
        self._changes_mind = False

    def act(self) -> None:
        """Let them do what they do in a minute; a change of mind is a kill the minute after."""
        if self._changes_mind:
            self._changes_mind = False
            self._raise(Command.KILL)
        for fault, command in _ASKS:
            if self._plan.fires(fault):
                self._raise(command)
                if self._plan.fires(Fault.USER_TWICE):
                    self._raise(command)
                if self._plan.fires(Fault.USER_CONTRADICTS):
                    self._raise(Command.START)
                    self._changes_mind = command is not Command.KILL

    def read(self) -> FlagSeen | None:
        """Return the strongest flag that lies there."""
        return max(self._flags, key=lambda flag: STRENGTH[flag.command], default=None)

    def consume(self, seen: FlagSeen) -> None:
        """Remove a flag that was obeyed."""
        self._flags.remove(seen)

    def _raise(self, command: Command) -> None:
        self._flags.append(
            FlagSeen(
                command=command,
                file=f"control_{command}.flag",
                signed=True,
                by="operator",
                why="simulated",
                source="panel",
                refused="" if command is not Command.START else "a session runs",
                nonce=str(len(self._flags)),
                note="",
            )
        )
        self._trace.add("user", command)
        self._told(command)
