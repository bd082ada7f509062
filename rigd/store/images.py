"""Homes that are tried out and thrown away: copies, half-written files, images of a lost disk."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from rigd.store.files import storage_errors, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system, in which a private folder is made
"""A file system in memory, where there is one: a killed process loses nothing there either."""

Pieces = list[tuple[int, bytes]]
"""What a file holds: (offset, bytes); the rest up to its size is zeros."""


@contextmanager
def workplace() -> Iterator[Path]:
    """Yield a private folder, in memory where that may be written; it is removed afterwards."""
    base = IN_MEMORY if os.access(IN_MEMORY, os.W_OK | os.X_OK) else None
    with TemporaryDirectory(prefix="rigd-", dir=base) as folder:
        yield Path(folder)


def copy_home(source: Path, target: Path) -> None:
    """Copy a folder with everything in it; raises StorageError when `target` exists."""
    with storage_errors(f"copy {source.name}"):
        shutil.copytree(source, target, symlinks=True)


def drop_home(folder: Path) -> None:
    """Remove a folder with everything in it."""
    with storage_errors(f"remove {folder.name}"):
        shutil.rmtree(folder)


def write_torn(path: Path, content: bytes, offset: int) -> None:
    """Write the part of a write that a crash let through, without syncing it."""
    with storage_errors(f"write {path.name}"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            write_all(descriptor, content, offset)
        finally:
            os.close(descriptor)


def lay_out(root: Path, folders: Iterable[str], files: Iterable[tuple[str, int, Pieces]]) -> None:
    """Make the files of an image; what is zero takes no room.

    Parameters
    ----------
    root
        An empty folder, made when missing.
    folders
        Paths below it.
    files
        Path below it, size [bytes], what it holds.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    with storage_errors(f"make {root.name}"):
        root.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, size, pieces in files:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(descriptor, size)
                for offset, content in pieces:
                    write_all(descriptor, content, offset)
            finally:
                os.close(descriptor)
