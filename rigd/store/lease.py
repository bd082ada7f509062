"""Leases: small files in which a running process says, again and again, that it is alive.

A lease names its owner so that nobody else can be taken for it: process number, the process's own
start (a number is used again, a start is not), and the machine's boot. Its beat is monotonic time,
the same for every process of one boot: a wall clock that jumps ages no lease. A lease is no lock.
It tells who must be ended before somebody else takes over (FAULTS §3, rule 6).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.errors import StorageError
from rigd.store.files import open_plain, publish, require_plain, storage_errors, write_all

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock

LATE_S = 2.5
"""A trading engine is missed when its beat is older: with the watcher's own step within 3 s."""

_PROC = Path("/proc")
_START_FIELD = 22
"""Which field of ``/proc/PID/stat`` holds the process's start, in ticks since boot."""
_BYTES = 512
"""The size of a lease; written over in place, so that a beat needs no room on a full disk."""
_LOOKS = 3
"""How often a reader looks again that met a beat half written."""


class Phase(StrEnum):
    """What an owner is busy with; only one that trades is missed after `LATE_S`."""

    STARTING = "starting"
    TRADING = "trading"
    FINISHING = "finishing"
    ENDED = "ended"
    WATCHING = "watching"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of this machine, told apart from every other that ever had its number.

    Parameters
    ----------
    pid
        Its number.
    born
        Its start [ticks since boot]; 0 where the system does not say.
    boot
        The boot that it belongs to; blank where the system does not say.
    """

    pid: int
    born: int
    boot: str

    @classmethod
    def this(cls) -> Process:
        """Return the calling process."""
        pid = os.getpid()
        return cls(pid=pid, born=born(pid) or 0, boot=boot())

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return the process that has this number now; None when none has it."""
        began = born(pid)
        return None if began is None else cls(pid=pid, born=began, boot=boot())

    @property
    def lives(self) -> bool:
        """Tell whether it still runs: the same boot, the same start, and no zombie."""
        if self.boot != boot():
            return False
        found = born(self.pid)
        return found is not None and self.born in {0, found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What the file says.

    Parameters
    ----------
    owner
        Who beats.
    epoch
        Which owner of the bot it is; 0 for one that owns no bot.
    phase
        What it is busy with.
    beat_s, expires_s
        When it beat last, and when the lease ends without another beat [s, monotonic].
    at
        The same beat by the wall clock, for people; ISO 8601 UTC.
    """

    owner: Process
    epoch: int
    phase: Phase
    beat_s: float
    expires_s: float
    at: str

    def age_s(self, now_s: float) -> float:
        """Return the seconds since the last beat; infinite for a beat of another boot."""
        return now_s - self.beat_s if self.owner.boot == boot() else float("inf")

    def is_late(self, now_s: float) -> bool:
        """Tell whether a trading owner has missed its beat."""
        return self.phase is Phase.TRADING and self.age_s(now_s) > LATE_S


class Beat:
    """Writes one lease.

    Parameters
    ----------
    path
        The file; it is written over in place and not synced: it means nothing after a reboot.
    clock
        The control clock.
    epoch
        Which owner of the bot this process is; 0 for one that owns no bot.
    life_s
        How long the lease lives without a beat [s].
    """

    __slots__ = ("_clock", "_life_s", "_owner", "_path", "epoch")

    def __init__(self, path: Path, clock: ControlClock, *, life_s: float, epoch: int = 0) -> None:
        self._path = path
        self._clock = clock
        self._life_s = life_s
        self._owner = Process.this()
        self.epoch = epoch

    def beat(self, phase: Phase) -> None:
        """Say that this process is alive and what it is busy with."""
        now = self._clock.monotonic()
        lease = Lease(
            owner=self._owner,
            epoch=self.epoch,
            phase=phase,
            beat_s=now,
            expires_s=now + self._life_s,
            at=iso(self._clock.now()),
        )
        content = json.dumps(asdict(lease)).encode().ljust(_BYTES - 1) + b"\n"
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with storage_errors(f"write {self._path.name}"):
            try:
                descriptor = os.open(self._path, flags)
            except OSError:  # none yet, or a link, a pipe or a folder in its place
                publish(self._path, content)
                return
            try:
                require_plain(descriptor, self._path)
                write_all(descriptor, content, 0)
            finally:
                os.close(descriptor)


def read_lease(path: Path) -> Lease | None:
    """Return what a lease says; None when there is none, or no whole one."""
    for _ in range(_LOOKS):
        found = _read(path)
        if found is not None:
            return found
    return None


def _read(path: Path) -> Lease | None:
    try:
        with open_plain(path) as file:
            held = json.loads(file.read(_BYTES))
        owner = held["owner"]
        return Lease(
            owner=Process(pid=int(owner["pid"]), born=int(owner["born"]), boot=str(owner["boot"])),
            epoch=int(held["epoch"]),
            phase=Phase(held["phase"]),
            beat_s=float(held["beat_s"]),
            expires_s=float(held["expires_s"]),
            at=str(held["at"]),
        )
    except (StorageError, OSError, ValueError, KeyError, TypeError):
        return None


def boot() -> str:
    """Return the id of the machine's boot; blank where the system has none."""
    try:
        text = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return ""
    return text.strip()


def born(pid: int) -> int | None:
    """Return when a process started; None when none of that number runs.

    Parameters
    ----------
    pid
        Its number. One that has ended and waits to be reaped does not run.

    Returns
    -------
    int or None
        [ticks since boot]; 0 for one that exists where the system has no ``/proc``.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None if (_PROC / "self").exists() else _exists(pid)
    after_name = stat.rpartition(b")")[2].split()
    if after_name[0] in {b"Z", b"X"}:
        return None
    return int(after_name[_START_FIELD - 3])


def _exists(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0
    return 0
