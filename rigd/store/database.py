"""SQLite files: opened durable, backed up whole.

Write-ahead log with ``synchronous=FULL``: a committed transaction survives a power loss once the
file's creation is durable, which is why the folder is synced (FAULTS M14). The write-ahead log is
grown by zeros beforehand, so that commits change no file size.
"""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from rigd.core.errors import DataError, StorageError
from rigd.store.files import (
    create_secret,
    extend,
    kind_of,
    make_folder,
    storage_errors,
    sync_file,
    sync_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHECKPOINT_PAGES: Final = 1000
"""Pages of 4096 bytes after which SQLite moves the write-ahead log into the database."""

_FRAME_BYTES: Final = 24 + 4096
_RESERVE_BYTES: Final = (CHECKPOINT_PAGES + 200) * _FRAME_BYTES


def open_database(
    path: Path, *, wal_reserve: bool = True, secret: bool = False
) -> sqlite3.Connection:
    """Open a database to write to, or create it durably.

    Parameters
    ----------
    path
        The file; its folder is created when missing.
    wal_reserve
        Whether to grow the write-ahead log beforehand (5 MB); it makes each commit faster and
        lets commits go on while the disk is full.
    secret
        Whether a new file is the owner's alone; what SQLite puts beside it is so too.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode, with foreign keys on; transactions are begun by hand.

    Raises
    ------
    DataError
        If the file is no database.
    StorageError
        If the disk refuses, or something else than a plain file lies in the place of the database
        or of one of SQLite's files beside it: it would be followed, or waited for.
    """
    make_folder(path.parent)
    _require_plain_files(path)
    with _database_errors(path):
        if secret:
            create_secret(path)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _configure(connection)
            if wal_reserve:
                _grow_wal(connection, path)
            with storage_errors(f"sync the folder of {path.name}"):
                sync_folder(path.parent)
        except BaseException:
            connection.close()
            raise
    return connection


class _Watched(sqlite3.Connection):
    """A connection that asks before each statement, and tells of each commit."""

    gate: Callable[[str], str]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - of the base
        refusal = self.gate(sql)
        if refusal:
            self.rollback()  # as SQLite does by itself when the disk is full (FAULTS M15)
            raise sqlite3.OperationalError(refusal)
        cursor = super().execute(sql, parameters)
        if sql == "COMMIT":
            self.gate("COMMITTED")
        return cursor


def open_in_memory(gate: Callable[[str], str]) -> sqlite3.Connection:
    """Open a database that no file holds, for a simulation.

    Parameters
    ----------
    gate
        Called with each statement before it runs, and with ``COMMITTED`` after a commit; a text
        that it returns is raised as what the database refuses with.

    Returns
    -------
    sqlite3.Connection
        Configured as `open_database` does it, where that applies.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=_Watched)
    connection.gate = gate
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _require_plain_files(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        place = path.with_name(name)
        try:
            mode = place.lstat().st_mode
        except OSError:  # none there, which is fine, or SQLite says why it cannot be reached
            continue
        if not stat.S_ISREG(mode):
            msg = f"{name} must be a plain file, found {kind_of(mode)}"
            raise StorageError(msg, fix=f"move {place} away, then restore it from a backup")


def open_for_reading(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open a database that is only read; a missing file is not created.

    Parameters
    ----------
    path
        The file.
    any_thread
        Whether threads share it; they take turns by a lock of their own.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode; every write is refused.

    Raises
    ------
    DataError
        If the file is no database.
    StorageError
        If it is missing or the disk refuses.
    """
    with _database_errors(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=not any_thread
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
    return connection


def backup_database(source: sqlite3.Connection, destination: Path) -> None:
    """Copy a database that may be in use into one whole file, durable on return.

    A plain copy of the file would lack what is still in the write-ahead log (FAULTS M16).

    Parameters
    ----------
    source
        An open connection; other connections may go on writing.
    destination
        The copy; it must not exist.

    Raises
    ------
    DataError
        If the copy is not sound.
    StorageError
        If the disk refuses or the copy exists.
    """
    make_folder(destination.parent)
    with storage_errors(f"create {destination.name}"):
        destination.touch(exist_ok=False)
    with _database_errors(destination):
        with closing(sqlite3.connect(destination, isolation_level=None)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            (answer,) = copy.execute("PRAGMA integrity_check").fetchone()
        if answer != "ok":
            msg = f"the copy {destination.name} must be sound, was: {answer}"
            raise DataError(msg)
    with storage_errors(f"sync {destination.name}"):
        sync_file(destination)
        sync_folder(destination.parent)


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _grow_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Append zeros to the write-ahead log, which SQLite takes for no frame, while nobody writes.

    A full disk only means that there is less reserve. The file carries none of SQLite's locks:
    closing it here drops none (FAULTS M18).
    """
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or wal.stat().st_size >= _RESERVE_BYTES:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        with suppress(OSError):
            extend(wal, _RESERVE_BYTES)
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def _database_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        msg = f"could not open {path.name}: {error}"
        raise StorageError(msg) from error
    except sqlite3.DatabaseError as error:
        msg = f"{path.name} must be a sound SQLite database: {error}"
        raise DataError(msg, fix="restore it from a backup in runs/backups/") from error
