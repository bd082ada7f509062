"""Whole files and folders: replaced atomically, durable on return.

A reader sees the old content or the new, never a mixture; after a power loss too (write a temporary
file, sync it, rename it, sync the folder).
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rigd.core.errors import AccessError, LogicError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

FILE_MODE = 0o644
SECRET_MODE = 0o600
FOLDER_MODE = 0o755
SECRET_FOLDER_MODE = 0o700
MOST_BYTES = 1 << 30
"""No file that is read as a whole is larger: what is larger was not written by us [bytes]."""

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Translate every OSError inside into a StorageError that says what was being done.

    Parameters
    ----------
    what
        The action and the file, such as ``write status.json``.

    Yields
    ------
    None
        Nothing; the body runs.

    Raises
    ------
    StorageError
        If the body raises an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ELOOP:
            reason = "a symbolic link lies in its place, move it away"
        msg = f"could not {what}: {reason}"
        raise StorageError(msg, errno=error.errno or 0) from error


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder (created, renamed, removed names) survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's content and size survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = FOLDER_MODE) -> None:
    """Create a folder and its parents where they are missing; their names are durable on return.

    Parameters
    ----------
    folder
        The folder.
    mode
        Permissions of the folders that are created.

    Raises
    ------
    StorageError
        If a folder cannot be created, or a file of that name is in the way.
    """
    missing = []
    at = folder
    while not at.is_dir():
        missing.append(at)
        at = at.parent
    with storage_errors(f"create folder {folder.name}"):
        for new in reversed(missing):
            new.mkdir(mode=mode, exist_ok=True)
            sync_folder(new.parent)


def read_plain(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the content of a plain file: nothing that could block or fill the memory is read.

    Parameters
    ----------
    path
        The file; a link to one is followed.
    most
        How large it may be [bytes].

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    StorageError
        If it is missing, no plain file (a pipe would block the reader for ever), larger than
        `most`, or cannot be read.
    """
    with storage_errors(f"read {path.name}"), open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            msg = f"{path.name} must have at most {most} bytes, has {size}"
            raise StorageError(msg, errno=errno.EFBIG, fix=f"move {path} away")
        return file.read()


@contextmanager
def open_plain(path: Path) -> Iterator[BufferedReader]:
    """Open a plain file for reading; what could block for ever is not opened.

    Parameters
    ----------
    path
        The file; a link to one is followed.

    Yields
    ------
    BufferedReader
        At its beginning; closed afterwards.

    Raises
    ------
    StorageError
        If it is a pipe, a folder or a device.
    OSError
        If it is missing or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        require_plain(descriptor, path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def require_plain(descriptor: int, path: Path) -> None:
    """Refuse what was opened unless it is a plain file.

    Parameters
    ----------
    descriptor
        The open file; `path` names it for the message.
    path
        Where it lies.

    Raises
    ------
    StorageError
        If it is something else; it stays open.
    """
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        msg = f"{path.name} must be a plain file, found {kind_of(mode)}"
        raise StorageError(msg, errno=errno.EINVAL, fix=f"move {path} away")


def kind_of(mode: int) -> str:
    """Return what a file is, in words, by its ``st_mode``."""
    kinds = {
        stat.S_IFREG: "a plain file",
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def write_all(descriptor: int, content: bytes, offset: int) -> None:
    """Write every byte at an offset, also when the system takes them in parts."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        offset += written
        view = view[written:]


def extend(path: Path, size: int) -> None:
    """Let a file end in zeros up to a size, written and synced; a larger file is left alone.

    Parameters
    ----------
    path
        An existing file.
    size
        What it should have at least [bytes].

    Raises
    ------
    OSError
        If the disk is full or refuses; the file may have grown in part.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        end = os.fstat(descriptor).st_size
        if end < size:
            write_all(descriptor, bytes(size - end), end)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes, mode: int = FILE_MODE, *, mark: str = "") -> None:
    """Replace or create a file: old or new content, never a mixture, durable on return.

    Parameters
    ----------
    path
        The file; its folder is created when missing.
    content
        The whole new content.
    mode
        Permissions of the new file.
    mark
        Tells the temporary files of several writers of one path apart; blank where there is one
        writer.

    Raises
    ------
    StorageError
        If the disk is full or refuses; the old content is then untouched.
    """
    make_folder(path.parent, SECRET_FOLDER_MODE if mode == SECRET_MODE else FOLDER_MODE)
    temporary = path.with_name(f".{path.name}{mark and '.' + mark}.tmp")
    with storage_errors(f"write {path.name}"):
        with _removed_on_error(temporary):
            _write_synced(temporary, content, mode)
            temporary.replace(path)
        sync_folder(path.parent)


def create(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Create a file that was not there: whole and durable on return, never in place of another.

    Parameters
    ----------
    path
        The file; its folder is created when missing.
    content
        The whole content.
    mode
        Permissions of the file.

    Raises
    ------
    LogicError
        If there is a file of that name; it stays as it is.
    StorageError
        If the disk is full or refuses; there is no file then.
    """
    make_folder(path.parent, SECRET_FOLDER_MODE if mode == SECRET_MODE else FOLDER_MODE)
    temporary = path.with_name(f".{path.name}.new.tmp")
    with storage_errors(f"create {path.name}"):
        try:
            _write_synced(temporary, content, mode)
            path.hardlink_to(temporary)
        except FileExistsError:
            msg = f"a new file must not replace one that exists: {path.name}"
            raise LogicError(msg) from None
        finally:
            with suppress(OSError):
                temporary.unlink()
        sync_folder(path.parent)


def overwrite(path: Path, content: bytes) -> None:
    """Write over an existing file where it lies: no room is needed, but a crash can tear it.

    For a file whose torn content is as safe as the new one, on a disk that takes no new file.

    Parameters
    ----------
    path
        The file; it must exist.
    content
        The whole new content.

    Raises
    ------
    StorageError
        If the file does not exist, or the disk refuses.
    """
    with storage_errors(f"write {path.name}"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            write_all(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def publish(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Replace or create a file for other processes of this boot: whole, but not durable.

    For what is said several times a second and means nothing after a reboot. Readers see the old
    content or the new one; no sync makes the writer wait for the disk.

    Parameters
    ----------
    path
        The file; its folder must exist.
    content
        The whole new content.
    mode
        Permissions of the new file.

    Raises
    ------
    StorageError
        If the disk is full or refuses; the old content is then untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(f"write {path.name}"), _removed_on_error(temporary):
        descriptor = os.open(temporary, _NEW_FILE, mode)
        try:
            write_all(descriptor, content, 0)
        finally:
            os.close(descriptor)
        temporary.replace(path)


def create_secret(path: Path) -> None:
    """Create an empty file that its owner alone may read; one that exists stays as it is.

    It is not even opened then: to close a file drops every lock that this process holds on it,
    SQLite's among them, and another process would write into a database that is in use (M18).

    Parameters
    ----------
    path
        The file; its folder must exist.

    Raises
    ------
    StorageError
        If the disk refuses, or the name is a link.
    FileExistsError
        Never: it is one of the disk's refusals.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with storage_errors(f"create {path.name}"):
        try:
            os.close(os.open(path, flags, SECRET_MODE))
        except FileExistsError:
            if path.is_symlink():
                raise


@contextmanager
def _removed_on_error(temporary: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _write_synced(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, _NEW_FILE, mode)
    try:
        os.fchmod(descriptor, mode)
        write_all(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> bool:
    """Remove a file durably; tell whether it was there.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    bool
        False when there was nothing to remove.

    Raises
    ------
    StorageError
        If the system refuses.
    """
    with storage_errors(f"remove {path.name}"):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
    return True


def remove_tree(folder: Path) -> bool:
    """Remove a folder with everything in it durably; tell whether it was there.

    Parameters
    ----------
    folder
        The folder; a link in its place is removed, never followed.

    Returns
    -------
    bool
        False when there was nothing to remove.

    Raises
    ------
    StorageError
        If the system refuses.
    """
    if folder.is_symlink() or folder.is_file():
        return remove(folder)
    with storage_errors(f"remove {folder.name}"):
        if not folder.exists():
            return False
        shutil.rmtree(folder)
        sync_folder(folder.parent)
    return True


def repoint(link: Path, target: Path) -> None:
    """Let a symbolic link such as ``runs/latest`` point to `target`, atomically.

    Parameters
    ----------
    link
        The link; it is created when missing.
    target
        What it points to, stored relative to the link's folder.

    Raises
    ------
    StorageError
        If the system refuses.
    """
    make_folder(link.parent)
    temporary = link.with_name(f".{link.name}.tmp")
    with storage_errors(f"point {link.name} to {target.name}"):
        with suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(os.path.relpath(target, link.parent))
        temporary.replace(link)
        sync_folder(link.parent)


class LocalFiles:
    """The files of one folder: implements ``core.ports.Files``.

    Parameters
    ----------
    folder
        Every name is relative to it; names that lead out of it are refused.
    mode
        Permissions of the files it writes; `SECRET_MODE` for keys and secrets.
    """

    __slots__ = ("_folder", "_mode")

    def __init__(self, folder: Path, *, mode: int = FILE_MODE) -> None:
        self._folder = folder
        self._mode = mode

    @property
    def folder(self) -> Path:
        """The folder of this door."""
        return self._folder

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        name
            Relative to the folder.

        Returns
        -------
        bytes
            All of it.

        Raises
        ------
        StorageError
            If the file is missing or cannot be read.
        """
        return read_plain(self.path(name))

    def replace(self, name: str, content: bytes) -> None:
        """Replace or create a file: old or new content, never a mixture, durable on return."""
        replace(self.path(name), content, self._mode)

    def exists(self, name: str) -> bool:
        """Tell whether the file is there."""
        return self.path(name).is_file()

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, in order; none where it is missing.

        Parameters
        ----------
        folder
            Relative to this door's; blank for that one itself.

        Returns
        -------
        list of str
            Without links and folders.

        Raises
        ------
        StorageError
            If it cannot be read.
        """
        at = self.path(folder) if folder else self._folder
        with storage_errors(f"list {folder}"):
            if not at.is_dir():
                return []
            return sorted(x.name for x in at.iterdir() if x.is_file() and not x.is_symlink())

    def remove(self, name: str) -> bool:
        """Remove a file durably; tell whether it was there."""
        return remove(self.path(name))

    def path(self, name: str) -> Path:
        """Return where a file lies.

        Parameters
        ----------
        name
            Relative to the folder.

        Returns
        -------
        Path
            The path inside the folder.

        Raises
        ------
        AccessError
            If the name is absolute, blank or leads out of the folder.
        """
        parts = name.split("/")
        if not name or "\0" in name or any(part in {"", ".", ".."} for part in parts):
            msg = f"a file name must stay inside its folder, was {name!r}"
            raise AccessError(msg)
        return self._folder.joinpath(*parts)
