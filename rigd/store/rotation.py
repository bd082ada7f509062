"""Standing logs: whole lines appended in one write each, and rotation by size.

``open.log`` becomes ``open.log.1``, that ``open.log.2``, and the oldest is dropped.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from rigd.core.errors import LogicError, StorageError
from rigd.store.files import FILE_MODE, make_folder, require_plain, storage_errors, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 4 * 1024 * 1024
"""Size at which a standing log is rotated [bytes]; 20 logs stay below 256 MB (FAULTS R14)."""

KEPT: Final = 2
"""Rotated files that are kept of each log."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WINDOW = 1024 * 1024


def rotate(path: Path, kept: int = KEPT) -> None:
    """Move a log aside, so that the next line begins a new one.

    Parameters
    ----------
    path
        The log; when it is missing nothing happens.
    kept
        How many older files remain beside it.

    Raises
    ------
    StorageError
        If the system refuses.
    """
    if not path.exists():
        return
    with storage_errors(f"rotate {path.name}"):
        for number in range(kept, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
            if newer.exists():
                newer.replace(older)
        if kept == 0:
            path.unlink()
        sync_folder(path.parent)


def rotated(path: Path) -> list[Path]:
    """Return a log's older files and then itself, oldest line first; only those that exist."""
    numbered = sorted(
        (int(suffix), older)
        for older in path.parent.glob(f"{path.name}.*")
        if (suffix := older.name.removeprefix(f"{path.name}.")).isascii() and suffix.isdigit()
    )
    return [older for _, older in reversed(numbered)] + ([path] if path.exists() else [])


class LineLog:
    """A standing log that one module appends whole lines to.

    A line that a crash cut short is removed when the log is opened: its writer derives it again.

    Parameters
    ----------
    path
        The file; its folder is created when missing.
    max_bytes
        Size at which it is rotated [bytes].
    kept
        Rotated files that are kept.

    Raises
    ------
    StorageError
        If the system refuses.
    """

    __slots__ = ("_fd", "_kept", "_max_bytes", "_path", "_size")

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        make_folder(path.parent)
        with storage_errors(f"open {path.name}"):
            _cut_torn_line(path)
            self._fd = os.open(path, _FLAGS, FILE_MODE)
            self._size = os.fstat(self._fd).st_size

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def write(self, line: str) -> None:
        """Append one line in one write; the log is rotated first when it would grow too large.

        Parameters
        ----------
        line
            Text without a line end.

        Raises
        ------
        LogicError
            If the text has a line end inside, or the log is closed.
        StorageError
            If the disk is full or refuses.
        """
        if "\n" in line or "\r" in line or self._fd < 0:
            msg = (
                f"a log takes one whole line while it is open, {self._path.name} got {line[:40]!r}"
            )
            raise LogicError(msg)
        content = line.encode() + b"\n"
        if self._size and self._size + len(content) > self._max_bytes:
            self._rotate()
        with storage_errors(f"append to {self._path.name}"):
            written = os.write(self._fd, content)
            if written != len(content):
                os.ftruncate(self._fd, self._size)
        if written != len(content):
            msg = f"could not append to {self._path.name}: only a part of the line was taken"
            raise StorageError(msg)
        self._size += written

    def begin_new(self) -> None:
        """Move what the log holds aside, so that the next line begins a new file.

        Raises
        ------
        StorageError
            If the system refuses.
        """
        if self._size:
            self._rotate()

    def close(self) -> None:
        """Sync and close; closing twice does nothing."""
        if self._fd >= 0:
            descriptor, self._fd = self._fd, -1
            with storage_errors(f"close {self._path.name}"):
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _rotate(self) -> None:
        with storage_errors(f"rotate {self._path.name}"):
            os.close(self._fd)
            self._fd = -1
            rotate(self._path, self._kept)
            self._fd = os.open(self._path, _FLAGS, FILE_MODE)
        self._size = 0


def _cut_torn_line(path: Path) -> None:
    """Remove what follows the last line end."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        require_plain(descriptor, path)
    except StorageError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "r+b") as file:
        size = end = os.fstat(descriptor).st_size
        while end > 0:
            start = max(0, end - _WINDOW)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            end = start + place + 1 if place >= 0 else start
            if place >= 0:
                break
        if end < size:
            file.truncate(end)
