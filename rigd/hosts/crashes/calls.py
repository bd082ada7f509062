"""Stand at the door between a child process and the system: each call that changes a file waits.

A child asks the system (seccomp, user notification) to hold every call that writes, syncs, renames,
removes or sends, and hands the door to its parent. The parent looks at each call, with its
arguments in the child's memory, and lets it pass, refuses it with an error, or kills the child
before it. The product knows nothing of it, and what SQLite does inside itself waits as well.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rigd.broker.links import ORDER_MARK
from rigd.core.errors import RigdError, StorageError

if TYPE_CHECKING:
    from io import FileIO

TABLE: Final = MappingProxyType({
    "write": (1, 64),
    "pwrite64": (18, 68),
    "writev": (20, 66),
    "pwritev": (296, 70),
    "pwritev2": (328, 287),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "sync_file_range": (277, 84),
    "ftruncate": (77, 46),
    "truncate": (76, 45),
    "fallocate": (285, 47),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rmdir": (84, None),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "link": (86, None),
    "linkat": (265, 37),
    "creat": (85, None),
    "openat": (257, 56),
    "sendto": (44, 206),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
})
"""System calls that change a file, make a change last or send: number on x86-64 and on arm64."""

_MACHINES: Final = MappingProxyType({
    "x86_64": (0, 0xC000003E, 317),
    "aarch64": (1, 0xC00000B7, 277),
})
"""Column of TABLE, the system's name of the architecture, and the number of ``seccomp``."""

_DEATH_SIGNAL: Final = 1
_NO_NEW_PRIVILEGES: Final = 38
_SET_FILTER: Final = 1
_NEW_LISTENER: Final = 1 << 3
_WAIT_KILLABLE: Final = 1 << 5
_NOTIFY: Final = 0x7FC00000
_ALLOW: Final = 0x7FFF0000
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_BITS: Final = 0x45
_RETURN: Final = 0x06
_AT_ARCH: Final = 4
_AT_ARGUMENT: Final = 16
_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_NOTICE: Final = "QIIiIQ6Q"
_NOTICE_BYTES: Final = 80
_CONTINUE: Final = 1
_SOME: Final = MappingProxyType({
    "openat": (_AT_ARGUMENT + 8 * 2, os.O_CREAT | os.O_TRUNC),
    "sendto": (_AT_ARGUMENT + 8 * 3, ORDER_MARK),
})
"""Calls that wait only with one of these bits in an argument: an open that creates or empties, a
message that changes an order."""
_PAGE: Final = 4096
_MASK: Final = 0xFFFFFFFF
_HERE: Final = -100
"""The directory argument that stands for the working folder."""


class NotWatchable(RigdError):  # noqa: N818 - says what cannot be done here
    """The system does not let a parent stand at the door of its child."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that waits at the door.

    Parameters
    ----------
    key
        The system's number of the notice.
    pid
        The thread that calls.
    name
        A name of TABLE.
    arguments
        Its six arguments, as the system has them.
    """

    key: int
    pid: int
    name: str
    arguments: tuple[int, ...]


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("when", ctypes.c_uint8),
        ("otherwise", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def die_with_parent() -> None:
    """Let the system kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)


def stand(end: socket.socket) -> None:
    """Let every later call of TABLE in this process wait; hand the door over through `end`.

    Parameters
    ----------
    end
        One end of a socket pair; the other end's `CallDoor.take` answers from now on.

    Raises
    ------
    NotWatchable
        If the system or the processor is not known, or the system refuses.
    """
    column, arch, seccomp = _machine()
    steps = _program(column, arch)
    held = (_Step * len(steps))(*steps)
    wanted = _Filter(len(steps), held)
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    door = -1
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        door = system.syscall(seccomp, _SET_FILTER, flags, ctypes.byref(wanted))
        if door >= 0:
            break
    if door < 0:
        msg = f"the system must let a parent watch its child's calls: {_text(ctypes.get_errno())}"
        raise NotWatchable(msg, fix="run it on Linux 5.9 or newer, outside of another watcher")
    socket.send_fds(end, [b"d"], [door])
    os.close(door)


class CallDoor:
    """The parent's side: calls come in one by one and wait for an answer.

    Parameters
    ----------
    descriptor
        The door.
    """

    def __init__(self, descriptor: int) -> None:
        self._door = descriptor
        column, _, _ = _machine()
        self._names = {
            numbers[column]: name for name, numbers in TABLE.items() if numbers[column] is not None
        }
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    @classmethod
    def take(cls, end: socket.socket) -> CallDoor:
        """Take the door that a child hands over; raises NotWatchable when it ended without."""
        _, descriptors, _, _ = socket.recv_fds(end, 1, 1)
        if not descriptors:
            msg = "the child must hand over the door of its calls, it ended without"
            raise NotWatchable(msg, fix="look into its output")
        return cls(descriptors[0])

    def wait(self, timeout_s: float) -> Call | None:
        """Return the next call; None when every process behind the door has ended.

        Parameters
        ----------
        timeout_s
            How long to wait [s].

        Returns
        -------
        Call or None
            The call; it waits until it is answered.

        Raises
        ------
        TimeoutError
            If nothing happened for so long.
        OSError
            If the system refuses to tell the call.
        """
        while True:
            ready = self._poll.poll(timeout_s * 1000.0)
            if not ready:
                msg = f"no call and no end within {timeout_s:g} s"
                raise TimeoutError(msg)
            if not ready[0][1] & select.POLLIN:
                return None
            notice = bytearray(_NOTICE_BYTES)
            try:
                fcntl.ioctl(self._door, _RECEIVE, notice)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.EINTR}:
                    continue  # the caller was killed meanwhile
                raise
            key, pid, _, number, _, _, *arguments = struct.unpack(_NOTICE, notice)
            return Call(key, pid, self._names[number], tuple(arguments))

    def go_on(self, call: Call) -> None:
        """Let a call happen."""
        self._answer(call, 0, _CONTINUE)

    def refuse(self, call: Call, number: int) -> None:
        """Let a call fail with an error of the system, without happening."""
        self._answer(call, -number, 0)

    def close(self) -> None:
        """Close the door: calls that still come fail."""
        os.close(self._door)

    def _answer(self, call: Call, error: int, flags: int) -> None:
        with suppress(FileNotFoundError):  # the caller is gone
            fcntl.ioctl(
                self._door, _SEND, bytearray(struct.pack("QqiI", call.key, 0, error, flags))
            )


def text_at(memory: int, address: int) -> str:
    """Return the text at an address of a process, to its zero byte.

    Parameters
    ----------
    memory
        The descriptor of its memory, see `open_memory`.
    address
        Where it begins.

    Returns
    -------
    str
        The text, such as a path.
    """
    found = b""
    while b"\0" not in found:
        size = _PAGE - (address + len(found)) % _PAGE
        found += os.pread(memory, size, address + len(found))
    return os.fsdecode(found.partition(b"\0")[0])


def bytes_at(memory: int, address: int, size: int) -> bytes:
    """Return so many bytes at an address of a process."""
    return os.pread(memory, size, address)


def open_memory(pid: int) -> FileIO:
    """Return a child's memory as a file, to read it; StorageError when that is refused."""
    try:
        return Path(f"/proc/{pid}/mem").open("rb", buffering=0)
    except OSError as error:
        msg = f"could not read the memory of process {pid}: {error.strerror}"
        raise StorageError(msg, errno=error.errno or 0) from error


def folder_of(call: Call, argument: int | None) -> str:
    """Return the folder that a call's directory argument names; None means the working folder."""
    value = _HERE if argument is None else call.arguments[argument] & _MASK
    if value in {_HERE, _HERE & _MASK}:
        return _behind(f"/proc/{call.pid}/cwd")
    return _behind(f"/proc/{call.pid}/fd/{value}")


def open_file_of(call: Call) -> str:
    """Return the path behind a call's first argument, an open file; ``socket:[…]`` for a socket."""
    return _behind(f"/proc/{call.pid}/fd/{call.arguments[0] & _MASK}")


def _behind(link: str) -> str:
    return os.readlink(link)  # noqa: PTH115 - asked for every call; a Path costs more than it


def _program(column: int, arch: int) -> list[_Step]:
    """Return the filter: notify for each number of TABLE that `_SOME` does not except."""
    here = {name: row[column] for name, row in TABLE.items()}
    some = [
        (number, *_SOME[name])
        for name, number in here.items()
        if name in _SOME and number is not None
    ]
    numbers = [number for name, number in here.items() if name not in _SOME and number is not None]
    size = 3 + len(numbers) + 3 * len(some) + 2
    allow, notify = size - 2, size - 1
    steps = [
        _Step(_LOAD, 0, 0, _AT_ARCH),
        _Step(_JUMP_EQUAL, 0, allow - 2, arch),
        _Step(_LOAD, 0, 0, 0),
    ]
    for number in numbers:
        steps.append(_Step(_JUMP_EQUAL, notify - len(steps) - 1, 0, number))
    for number, at, bits in some:
        steps.append(_Step(_JUMP_EQUAL, 0, 2, number))
        steps.append(_Step(_LOAD, 0, 0, at))
        after = len(steps) + 1
        steps.append(_Step(_JUMP_BITS, notify - after, allow - after, bits))
    return [*steps, _Step(_RETURN, 0, 0, _ALLOW), _Step(_RETURN, 0, 0, _NOTIFY)]


def _machine() -> tuple[int, int, int]:
    found = _MACHINES.get(platform.machine()) if platform.system() == "Linux" else None
    if found is None:
        msg = f"calls are watched on Linux on {' or '.join(_MACHINES)}, not on {platform.machine()}"
        raise NotWatchable(msg)
    return found


def _text(number: int) -> str:
    return os.strerror(number)
