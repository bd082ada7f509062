"""One owner at a time: a file lock that names its owner, and the counter of owners.

``flock`` belongs to the open file, so a second session in the same process is refused as well as
one in another process (POSIX ``lockf`` would let it pass). The system drops the lock when the
owner dies, so a file left behind is no obstacle.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from rigd.core.clock import iso
from rigd.core.errors import AlreadyRunning, DataError, LogicError, StorageError
from rigd.store.files import (
    FILE_MODE,
    make_folder,
    open_plain,
    read_plain,
    replace,
    require_plain,
    storage_errors,
    write_all,
)
from rigd.store.lease import Process

if TYPE_CHECKING:
    from rigd.core.ports import Clock

SUPERVISOR = "rigd up"
"""What a resident supervisor calls itself."""
UNNAMED = "a process that has not yet said what it runs"

_OWNER_BYTES = 4096
_PROC = Path("/proc")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a lock.

    Parameters
    ----------
    pid
        The process.
    started
        When it took the lock, ISO 8601 UTC.
    what
        What it runs, such as ``session 2013-10-07_1``.
    born, boot
        The process's start and the machine's boot (see `lease.Process`); 0 and blank when the file
        does not say.
    """

    pid: int
    started: str
    what: str
    born: int = 0
    boot: str = ""

    @property
    def process(self) -> Process:
        """The process that holds the lock."""
        return Process(pid=self.pid, born=self.born, boot=self.boot)

    def __str__(self) -> str:
        """Return the owner for a message."""
        return f"{self.what} (process {self.pid}, since {self.started})"


class SessionLock:
    """The right to be the one session of a bot; usable in a ``with`` statement.

    Parameters
    ----------
    path
        The lock file; it stays when the lock is released.
    what
        What the owner runs, for the message to others.
    clock
        Says since when.
    """

    __slots__ = ("_clock", "_fd", "_path", "_what")

    def __init__(self, path: Path, *, what: str, clock: Clock) -> None:
        self._path = path
        self._what = what
        self._clock = clock
        self._fd = -1

    @property
    def held(self) -> bool:
        """Tell whether this object holds the lock."""
        return self._fd >= 0

    def acquire(self, *, nameless: bool = False) -> None:
        """Take the lock without waiting.

        Parameters
        ----------
        nameless
            Hold it also when the disk refuses to take the owner's name: what must be done on a full
            disk too.

        Raises
        ------
        AlreadyRunning
            If another process, or another session in this process, holds it; names the owner.
        LogicError
            If this very object holds it already.
        StorageError
            If the disk refuses.
        """
        if self._fd >= 0:
            msg = f"a lock must be taken once, {self._path.name} is held by this session"
            raise LogicError(msg)
        make_folder(self._path.parent)
        with storage_errors(f"lock {self._path.name}"):
            self._fd = _locked(self._path)
        try:
            self._sign()
        except StorageError:
            if not nameless:
                self.release()
                raise

    def release(self) -> None:
        """Give the lock back; without it, do nothing."""
        if self._fd >= 0:
            with storage_errors(f"unlock {self._path.name}"):
                os.ftruncate(self._fd, 0)
                fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = -1

    def _sign(self) -> None:
        started = {"started": iso(self._clock.now()), "what": self._what}
        content = json.dumps(asdict(Process.this()) | started).encode() + b"\n"
        with storage_errors(f"lock {self._path.name}"):
            os.ftruncate(self._fd, 0)
            write_all(self._fd, content, 0)

    def __enter__(self) -> Self:
        """Take the lock."""
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        self.release()


def read_owner(path: Path) -> Owner | None:
    """Return who wrote a lock file last, dead or alive; None when it is blank or malformed."""
    try:
        with open_plain(path) as file:
            held = json.loads(file.read(_OWNER_BYTES))
        return Owner(
            pid=int(held["pid"]),
            started=str(held["started"]),
            what=str(held["what"]),
            born=int(held.get("born", 0)),
            boot=str(held.get("boot", "")),
        )
    except (StorageError, OSError, ValueError, KeyError, TypeError):
        return None


def owner_of(path: Path) -> Owner | None:
    """Return who holds a lock: by its file, or by the system where the file is blank or lies.

    Parameters
    ----------
    path
        The lock file.

    Returns
    -------
    Owner or None
        Whom the file names, when that process holds the lock or the system does not say who does;
        else the process that does. None when nobody can be named.
    """
    named, held = read_owner(path), holders(path)
    if not held:
        return named
    for each in held:
        if named is not None and each.pid == named.pid:
            return replace_fields(named, born=each.born, boot=each.boot)
    return Owner(**asdict(held[0]), started="an unknown instant", what=UNNAMED)


def holders(path: Path) -> list[Process]:
    """Return the processes that hold a lock, as the system knows them, lowest number first.

    Parameters
    ----------
    path
        The lock file.

    Returns
    -------
    list of Process
        More than one when a child inherited the open file; empty when nobody holds the lock, the
        holders are another user's, or the system does not say.
    """
    try:
        wanted = path.stat()
        pids = sorted(int(each.name) for each in _PROC.iterdir() if each.name.isdecimal())
    except OSError:
        return []
    found = (Process.of(pid) for pid in pids if _holds(pid, wanted))
    return [process for process in found if process is not None]


def _holds(pid: int, wanted: os.stat_result) -> bool:
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False
    for each in descriptors:
        with suppress(OSError):
            info = _PROC / str(pid) / "fdinfo" / each.name
            if os.path.samestat(each.stat(), wanted) and b"FLOCK" in info.read_bytes():
                return True
    return False


def next_epoch(path: Path) -> int:
    """Count one more owner, durably; call it while the lock is held.

    Parameters
    ----------
    path
        The counter's file.

    Returns
    -------
    int
        The new owner's number, from 1, never the same twice.

    Raises
    ------
    DataError
        If the file holds no number.
    StorageError
        If the disk refuses.
    """
    epoch = current_epoch(path) + 1
    replace(path, f"{epoch}\n".encode(), FILE_MODE)
    return epoch


def current_epoch(path: Path) -> int:
    """Return the number of the newest owner, 0 before the first.

    Parameters
    ----------
    path
        The counter's file.

    Returns
    -------
    int
        Read anew each time: another owner may have come.

    Raises
    ------
    DataError
        If the file holds no number.
    StorageError
        If the disk refuses.
    """
    held = read_plain(path, _OWNER_BYTES) if path.exists() else b"0"
    text = held.decode(encoding="ascii", errors="replace").strip()
    if not (text.isascii() and text.isdigit()):
        msg = f"{path.name} must hold a whole number, was {text[:40]!r}"
        raise DataError(msg, fix="restore it from a backup, or write the journal's last epoch")
    return int(text)


def _locked(path: Path) -> int:
    """Return the open, locked file; again when it was replaced between opening and locking."""
    while True:
        descriptor = os.open(path, _FLAGS, FILE_MODE)
        try:
            require_plain(descriptor, path)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            _refuse(path)
        except BaseException:
            os.close(descriptor)
            raise
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _refuse(path: Path) -> NoReturn:
    owner = owner_of(path)
    if owner is not None and owner.what == SUPERVISOR:
        msg = f"a supervisor has this bot already: {owner}"
        fix = "start and stop in its panel, or end it: Ctrl-C in its console, or its service"
        raise AlreadyRunning(msg, fix=fix)
    msg = f"another session of this bot is running: {owner or UNNAMED}"
    raise AlreadyRunning(msg, fix="wait for it to end, or raise its stop flag")
