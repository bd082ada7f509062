"""What a supervisor knows of the engine it started: its beat, and how often it died.

The beat comes from the engine's own loop. A kernel that answers while its engine hangs has none,
whatever hangs it: a cell that never lets go, a blocking call, a stopped process (FAULTS K04, K08).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rigd.core.errors import StorageError
from rigd.hosts.supervisor import end_process
from rigd.store.files import remove
from rigd.store.lease import Beat, Phase, read_lease

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.store.lease import Lease
    from rigd.store.paths import BotTree

START_S = 60.0
"""How long kernel and engine may take from launch to the first beat [s]."""
BUSY_S = 120.0
"""How long an engine that does not trade may go without a beat: opening, finishing, ended [s]."""
CLOSE_S = 45.0
"""How long an engine that lost its notebook may close by itself while its beat goes on [s]."""
BEAT_S = 1.0
CRASH_LOOP = "crash loop"
RESTARTS = 3
RESTART_SPAN_S = 600.0
"""So many restarts within this span are allowed; one more death is a crash loop (FAULTS K04)."""


class EngineWatch:
    """Watches one run of the engine from its launch on.

    Parameters
    ----------
    path
        The engine's lease file; what an earlier engine left there does not count.
    clock
        The control clock.
    began_s
        When the run began [s, monotonic]; now without it.
    """

    def __init__(self, path: Path, clock: ControlClock, began_s: float | None = None) -> None:
        self._path = path
        self._clock = clock
        self._began = clock.monotonic() if began_s is None else began_s

    def lease(self) -> Lease | None:
        """Return the lease of this run's engine; None before its first beat."""
        lease = read_lease(self._path)
        return lease if lease is not None and lease.beat_s >= self._began else None

    def missing(self) -> str:
        """Return why the engine must be ended and started again; blank while all is well."""
        lease, now = self.lease(), self._clock.monotonic()
        if lease is None:
            late = now - self._began > START_S
            return f"no beat within {START_S:.0f} s of the launch" if late else ""
        age = lease.age_s(now)
        if lease.phase is not Phase.ENDED and not lease.owner.lives:
            return f"process {lease.owner.pid} is gone, its last beat {age:.1f} s old"
        if lease.is_late(now) or age > BUSY_S:
            return f"no beat of process {lease.owner.pid} for {age:.1f} s while {lease.phase}"
        return ""


class Restarts:
    """Counts restarts.

    Parameters
    ----------
    clock
        The control clock.
    """

    def __init__(self, clock: ControlClock) -> None:
        self._clock = clock
        self._at: list[float] = []

    def may_restart(self) -> bool:
        """Tell whether one more restart is no crash loop, and count it when it is none."""
        now = self._clock.monotonic()
        self._at = [at for at in self._at if now - at < RESTART_SPAN_S]
        if len(self._at) >= RESTARTS:
            return False
        self._at.append(now)
        return True


class Supervision:
    """One supervised session: beats for the engine to hear, watches it, ends it, counts.

    Parameters
    ----------
    tree
        The bot's output tree; the caller holds its launch lock.
    clock
        The control clock.
    life_s
        How long the engine goes on taking risk without hearing us [s].
    """

    def __init__(self, tree: BotTree, clock: ControlClock, *, life_s: float) -> None:
        self._tree = tree
        self._clock = clock
        self._beat = Beat(tree.supervisor, clock, life_s=life_s)
        self._restarts = Restarts(clock)
        self._next_beat = float("-inf")
        self._watch = EngineWatch(tree.lease, clock)
        self.reason = ""

    def adopt(self) -> bool:
        """Watch the engine that an earlier supervisor left; False when none lives.

        Returns
        -------
        bool
            True while it lives; it hears this supervisor from now on.
        """
        self._watch = EngineWatch(self._tree.lease, self._clock, began_s=float("-inf"))
        lease = self._watch.lease()
        self._say_alive()
        return lease is not None and lease.phase is not Phase.ENDED and lease.owner.lives

    def begin(self) -> None:
        """Begin to watch a new run of the engine."""
        self.reason = ""
        self._watch = EngineWatch(self._tree.lease, self._clock)
        self._say_alive()

    @property
    def ended(self) -> bool:
        """Tell whether the run's engine has said that it ended."""
        lease = self._watch.lease()
        return lease is not None and lease.phase is Phase.ENDED

    def look(self, hung: str = "") -> bool:
        """Beat, and look for the engine's beat; end an engine that misses it.

        Parameters
        ----------
        hung
            What else shows that it hangs; blank for nothing.

        Returns
        -------
        bool
            True when the engine is dead, so that its notebook's run must end.
        """
        self._say_alive()
        self.reason = self.reason or hung or self._watch.missing()
        if not self.reason:
            return False
        lease = self._watch.lease()
        return lease is None or end_process(lease.owner)

    def await_end(self) -> None:
        """Wait until the run's engine is proven dead; one that closes by itself may do so."""
        until = self._clock.monotonic() + CLOSE_S
        while (lease := self._watch.lease()) is not None and lease.owner.lives:
            now = self._clock.monotonic()
            ending = lease.phase is Phase.ENDED or lease.is_late(now) or now >= until
            if ending and not end_process(lease.owner):
                self.reason = f"process {lease.owner.pid} cannot be ended by this process"
                return
            self._say_alive()
            self._clock.sleep(BEAT_S / 10)

    def crash_loop(self) -> str:
        """Count a restart; return `CRASH_LOOP` when there were too many."""
        return "" if self._restarts.may_restart() else CRASH_LOOP

    def end(self) -> None:
        """Stop to be heard; what the disk keeps of it expires."""
        with suppress(StorageError):
            remove(self._tree.supervisor)

    def _say_alive(self) -> None:
        now = self._clock.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_S
            with suppress(StorageError):  # not heard, the engine takes no more risk by itself
                self._beat.beat(Phase.WATCHING)
