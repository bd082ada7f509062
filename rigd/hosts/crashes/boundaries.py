"""What a call at the door is to a session: which file, what it changes, and how it may be hit."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rigd.core.errors import LogicError
from rigd.hosts.crashes.calls import bytes_at, folder_of, open_file_of, text_at

if TYPE_CHECKING:
    from rigd.hosts.crashes.calls import Call

BROKER: Final = "broker"
"""Stands for a file where a boundary is a message to the broker."""

ORDERS: Final = frozenset({"submit", "replace", "cancel"})
"""Messages that change an order; the others play the market or ask."""

WRITES: Final = frozenset({"write", "pwrite64"})
SYNCS: Final = frozenset({"fsync", "fdatasync"})
SEND: Final = "sendto"
CREATE: Final = "openat"

_OF_OPEN_FILE: Final = frozenset({*WRITES, *SYNCS, "ftruncate"})
_OF_PATH: Final[dict[str, tuple[int | None, ...]]] = {
    "rename": (None, 0, None, 1),
    "renameat": (0, 1, 2, 3),
    "renameat2": (0, 1, 2, 3),
    "unlink": (None, 0),
    "unlinkat": (0, 1),
    "rmdir": (None, 0),
    "mkdir": (None, 0),
    "mkdirat": (0, 1),
    "symlink": (None, 1),
    "symlinkat": (1, 2),
    "openat": (0, 1),
}
_NAMED: Final = {
    "renameat": "rename",
    "renameat2": "rename",
    "unlinkat": "unlink",
    "rmdir": "unlink",
    "mkdirat": "mkdir",
    "symlinkat": "symlink",
}


class Fault(StrEnum):
    """What happens at a boundary."""

    KILL = "kill"
    TORN = "torn"
    INT = "int"
    ENOSPC = "enospc"
    FULL = "full"
    EIO = "eio"


INJECTIONS: Final = {
    "kill": (Fault.KILL, Fault.TORN),
    "int": (Fault.INT,),
    "enospc": (Fault.ENOSPC, Fault.FULL),
    "eio": (Fault.EIO,),
}
"""What ``--inject`` names, and the faults that belong to it: a killed process may have written half
of a record; a disk may refuse one write, or be full from a write on."""

ERRNO: Final = {Fault.ENOSPC: errno.ENOSPC, Fault.FULL: errno.ENOSPC, Fault.EIO: errno.EIO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """One place where a session can be cut: a call that changes a file, syncs it or sends.

    Parameters
    ----------
    kind
        The call, such as ``pwrite64``.
    file
        Path below the home, blank for the home itself; `BROKER` for a message.
    to
        The new path of a rename; the operation of a message.
    content
        What is written or sent.
    offset
        Where in the file [bytes].
    size
        Of an ``ftruncate``: the new size [bytes].
    takes_room
        Whether it needs free room on the disk: it creates a name or lets a file grow.
    """

    kind: str
    file: str
    to: str = ""
    content: bytes = b""
    offset: int = 0
    size: int = 0
    takes_room: bool = False

    @property
    def name(self) -> str:
        """The boundary in a word or two, without numbers that differ from run to run."""
        return f"{self.kind} {self.file}" + (f" -> {self.to}" if self.to else "")

    def meets(self, fault: Fault) -> bool:
        """Tell whether a fault can happen here."""
        if fault is Fault.TORN:
            return self.kind in WRITES and len(self.content) > 1
        if fault is Fault.ENOSPC:
            return self.kind not in {*SYNCS, SEND, "unlink", "ftruncate"}
        if fault is Fault.FULL:
            return self.takes_room
        return True


class Reader:
    """Reads calls of one process as boundaries below one home.

    Parameters
    ----------
    home
        What lies outside of it is no boundary.
    memory
        A descriptor of the process's memory.
    """

    def __init__(self, home: Path, memory: int) -> None:
        self._root = str(home)
        self._home = f"{home}/"
        self._memory = memory

    def read(self, call: Call) -> Boundary | None:
        """Return what a waiting call is; None when it is no boundary of the session.

        Parameters
        ----------
        call
            The call; it must not be answered yet.

        Returns
        -------
        Boundary or None
            The boundary.

        Raises
        ------
        LogicError
            If the call changes a file of the home in a way that is not known here.
        """
        if call.name == SEND:
            return self._message(call)
        if call.name in _OF_PATH:
            return self._named(call)
        path = open_file_of(call)
        if not path.startswith(self._home) and path != self._root:
            return None
        if call.name not in _OF_OPEN_FILE:
            msg = f"a call must be one that is understood, was {call.name} on {path}"
            raise LogicError(msg)
        file = self._below(path)
        if call.name in SYNCS:
            return Boundary(kind=call.name, file=file)
        if call.name == "ftruncate":
            return Boundary(kind=call.name, file=file, size=call.arguments[1])
        return self._write(call, path, file)

    def _write(self, call: Call, path: str, file: str) -> Boundary:
        _, address, size, offset, *_ = call.arguments
        end = Path(path).stat().st_size
        if call.name == "write":
            offset = end  # every plain write of the product appends
        return Boundary(
            kind=call.name,
            file=file,
            content=bytes_at(self._memory, address, size),
            offset=offset,
            takes_room=offset + size > end,
        )

    def _message(self, call: Call) -> Boundary | None:
        if not open_file_of(call).startswith("socket:"):
            return None
        content = bytes_at(self._memory, call.arguments[1], call.arguments[2])
        try:
            operation = json.loads(content)["op"]
        except (ValueError, KeyError, TypeError):
            return None
        if operation not in ORDERS:
            return None
        return Boundary(kind=SEND, file=BROKER, to=operation, content=content)

    def _named(self, call: Call) -> Boundary | None:
        places = _OF_PATH[call.name]
        paths = [
            self._path(call, places[number], places[number + 1])
            for number in range(0, len(places), 2)
        ]
        if not paths[0].startswith(self._home):
            return None
        kind = _NAMED.get(call.name, call.name)
        new = not os.path.lexists(paths[-1])
        if kind == CREATE and not new and not self._truncates(call, paths[0]):
            return None  # opens a file that is there: nothing changes
        if kind == "mkdir" and not new:
            return None
        content = b""
        if kind == "symlink":
            content = os.fsencode(text_at(self._memory, call.arguments[0]))
        return Boundary(
            kind=kind,
            file=self._below(paths[0]),
            to=self._below(paths[1]) if len(paths) > 1 else "",
            content=content,
            takes_room=new and kind in {CREATE, "mkdir", "symlink"},
        )

    def _truncates(self, call: Call, path: str) -> bool:
        return bool(call.arguments[2] & os.O_TRUNC) and Path(path).stat().st_size > 0

    def _path(self, call: Call, folder: int | None, argument: int | None) -> str:
        assert argument is not None  # noqa: S101 - only folders may be missing in the table
        text = text_at(self._memory, call.arguments[argument])
        return text if text.startswith("/") else f"{folder_of(call, folder)}/{text}"

    def _below(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")
