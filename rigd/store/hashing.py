"""Digests of files and of folders."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rigd.store.files import open_plain, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    StorageError
        If the file cannot be read.
    """
    with storage_errors(f"read {path.name}"), open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(folder: Path, pattern: str = "*") -> str:
    """Return one SHA-256 over the names and contents of the files below a folder.

    Parameters
    ----------
    folder
        The folder.
    pattern
        Which files count, such as ``*.py``; caches of the interpreter never do.

    Returns
    -------
    str
        64 hexadecimal digits; independent of time stamps and of where the folder lies.

    Raises
    ------
    StorageError
        If a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(folder).as_posix()
            whole.update(f"{name}\0{sha256_file(path)}\n".encode())
    return whole.hexdigest()


def hash_files(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, hexadecimal, by name.

    Parameters
    ----------
    folder
        The folder.
    patterns
        Which files count, such as ``rigd/**/*.py``; caches of the interpreter never do.

    Returns
    -------
    dict
        Digest by name relative to the folder, in alphabetical order.

    Raises
    ------
    StorageError
        If a file cannot be read.
    """
    return {name: sha256_file(folder / name) for name in names_of(folder, patterns)}


def names_of(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Return the names of the files that patterns stand for.

    Parameters
    ----------
    folder, patterns
        As of `hash_files`.

    Returns
    -------
    list of str
        Relative to the folder, in alphabetical order.
    """
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    names = sorted(path.relative_to(folder).as_posix() for path in found)
    return [name for name in names if "__pycache__" not in name]
