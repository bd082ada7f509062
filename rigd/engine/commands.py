"""Commands from flags, signals and a parent's death; the strongest one counts.

The engine reads the flag folder itself, at most every `interval_s` seconds of the control clock, so
that Stop and Kill work with every other process dead.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from rigd.core.events import Command, CommandObeyed
from rigd.engine.recorder import STRENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.core.ports import ControlClock
    from rigd.store.control import FlagSeen


class Flags(Protocol):
    """The folder of control flags."""

    def read(self) -> FlagSeen | None:
        """Return the strongest flag that lies there."""
        ...

    def consume(self, seen: FlagSeen) -> None:
        """Remove a flag that was obeyed."""
        ...


class CommandReader:
    """Collects what is asked of the engine; safe to `ask` from any thread and signal handler.

    Parameters
    ----------
    flags
        The flag folder; None where nobody can raise one, as in a simulation.
    clock
        The control clock.
    interval_s
        How often the folder is read at most [seconds].
    take_tests
        Removes the flags of TEST_MODE that lie there and returns their names; the mode of a
        session is latched at its start, so that each is refused (document 070, FAULTS K11).
    """

    def __init__(
        self,
        flags: Flags | None,
        clock: ControlClock,
        interval_s: float,
        take_tests: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._flags = flags
        self._take_tests = take_tests
        self._refused: list[str] = []
        self.clock = clock
        self._interval_s = interval_s
        self._next_read = float("-inf")
        self._asked: list[CommandObeyed] = []
        self._failed: list[tuple[BaseException, str, bool]] = []
        self._seen: FlagSeen | None = None
        self._lock = threading.Lock()

    def ask(self, command: Command, source: str, why: str) -> None:
        """Ask from inside the process: a signal, the notebook, a parent's death."""
        with self._lock:
            self._asked.append(
                CommandObeyed(command=command, source=source, signed=False, by="process", why=why)
            )

    def report(self, error: BaseException, context: str, *, fatal: bool = True) -> None:
        """Take in an exception that nobody caught, from any thread.

        Parameters
        ----------
        error, context
            What, and where it escaped.
        fatal
            Whether the session fails by it; an error of somebody else's cell is recorded alone.
        """
        with self._lock:
            self._failed.append((error, context, fatal))

    def failures(self) -> list[tuple[BaseException, str, bool]]:
        """Return and forget the exceptions that nobody caught; each with whether it is fatal."""
        if not self._failed:
            return []
        with self._lock:
            failed, self._failed = self._failed, []
        return failed

    def due(self) -> CommandObeyed | None:
        """Return the strongest command since the last call; None when there is none."""
        found = self._taken()
        now = self.clock.monotonic()
        if self._flags is not None and now >= self._next_read:
            self._next_read = now + self._interval_s
            self._refused.extend(self._take_tests())
            seen = self._flags.read()
            if seen is not None and not seen.refused and seen.command is not Command.START:
                self._seen = seen
                found.append(
                    CommandObeyed(
                        command=seen.command,
                        source=seen.file,
                        signed=seen.signed,
                        by=seen.by,
                        why=seen.why,
                    )
                )
        return max(found, key=lambda record: STRENGTH[record.command], default=None)

    def refused_tests(self) -> list[str]:
        """Return the flags of TEST_MODE that were refused since the last call."""
        if not self._refused:
            return []
        refused, self._refused = self._refused, []
        return refused

    def settle(self) -> None:
        """Remove the flag that was obeyed: what it asks for is durable in the journal now.

        Not earlier: a crash in between would lose a kill that nobody gives again.
        """
        if self._seen is not None and self._flags is not None:
            self._flags.consume(self._seen)
        self._seen = None

    def _taken(self) -> list[CommandObeyed]:
        if not self._asked:
            return []
        with self._lock:
            taken, self._asked = self._asked, []
        return taken
