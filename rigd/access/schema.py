"""SYSTEM_USERS.db: its tables, and the steps from one version to the next."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from rigd.core.errors import DataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIGRATIONS: Final = (
    """
    CREATE TABLE users(
        name TEXT PRIMARY KEY COLLATE NOCASE CHECK(length(name) BETWEEN 2 AND 64),
        role TEXT NOT NULL CHECK(role IN ('viewer', 'auditor', 'operator', 'admin')),
        password TEXT NOT NULL CHECK(password LIKE '$2b$%'),
        enabled INTEGER NOT NULL DEFAULT 1 CHECK(enabled IN (0, 1)),
        created_at TEXT NOT NULL,
        changed_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE sessions(
        digest TEXT PRIMARY KEY,
        user TEXT NOT NULL COLLATE NOCASE REFERENCES users(name) ON DELETE CASCADE,
        begun_s REAL NOT NULL,
        seen_s REAL NOT NULL,
        proved_s REAL NOT NULL
    ) STRICT;
    CREATE TABLE tokens(
        digest TEXT PRIMARY KEY,
        purpose TEXT NOT NULL CHECK(purpose IN ('register', 'reset')),
        user TEXT NOT NULL COLLATE NOCASE,
        expires_s REAL NOT NULL
    ) STRICT;
    CREATE TABLE attempts(
        at_s REAL NOT NULL,
        account TEXT NOT NULL COLLATE NOCASE,
        address TEXT NOT NULL
    ) STRICT;
    CREATE INDEX attempts_by_account ON attempts(account, at_s);
    CREATE INDEX attempts_by_address ON attempts(address, at_s);
    """,
    """
    CREATE TABLE kernel_sessions(
        kernel TEXT PRIMARY KEY CHECK(length(kernel) BETWEEN 1 AND 64),
        session TEXT NOT NULL REFERENCES sessions(digest) ON DELETE CASCADE,
        page TEXT NOT NULL,
        bound_s REAL NOT NULL
    ) STRICT;
    CREATE TABLE rows_to_write(
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        log TEXT NOT NULL,
        line TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE server_keys(
        name TEXT PRIMARY KEY CHECK(name IN ('devices')),
        key TEXT NOT NULL CHECK(length(key) > 0)
    ) STRICT;
    """,
)
"""One script a version; `PRAGMA user_version` says how many have run."""


RESTORE: Final = (
    "the file was left as it is: put a sound copy of env/databases/SYSTEM_USERS.db in its place, or"
    " move it away and run `rigd up`, which lets a first admin register"
)
"""What to do with a database that is not what it should be."""
_DAMAGED: Final = "SYSTEM_USERS.db must be a sound database, was damaged"


def require_known(connection: sqlite3.Connection) -> bool:
    """Refuse a database that this program did not make; nothing is written.

    Parameters
    ----------
    connection
        To SYSTEM_USERS.db; one that only reads is enough.

    Returns
    -------
    bool
        False for a database without tables: one whose making was interrupted, or that was emptied.

    Raises
    ------
    DataError
        If the file is damaged, or its tables are not those of its version.
    StorageError
        If it is of a newer version than this program knows.
    """
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        _require_not_newer(version)
        state = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        found = _columns(connection)
    except sqlite3.DatabaseError as error:
        raise DataError(f"{_DAMAGED}: {error}", fix=RESTORE) from error
    if state != "ok":
        raise DataError(f"{_DAMAGED}: {state}", fix=RESTORE)
    wanted = _columns_of(version)
    for table in sorted({*wanted, *found}):
        if found.get(table) != wanted.get(table):
            msg = (
                f"SYSTEM_USERS.db says that it is of version {version}, with {_told(wanted, table)}"
                f"; found {_told(found, table)}"
            )
            raise DataError(msg, fix=RESTORE)
    return version > 0


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version, each step whole or not at all.

    Parameters
    ----------
    connection
        Of `rigd.store.database`, in autocommit mode.

    Raises
    ------
    StorageError
        If the file is of a newer version than this program knows.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _require_not_newer(version)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(connection):
            _run(connection, script)
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _require_not_newer(version: int) -> None:
    if version > len(MIGRATIONS):
        msg = f"SYSTEM_USERS.db must be of version {len(MIGRATIONS)} or older, was {version}"
        raise StorageError(msg, fix="start the rigd that wrote it, or a newer one")


def _told(tables: Mapping[str, tuple[str, ...]], name: str) -> str:
    return f"{name}({', '.join(tables[name])})" if name in tables else f"no table {name}"


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Run the statements of a script in the transaction that is open."""
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)


@cache
def _columns_of(version: int) -> dict[str, tuple[str, ...]]:
    """Return the columns by table as the steps up to a version make them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in MIGRATIONS[:version]:
            _run(connection, script)
        return _columns(connection)


def _columns(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY m.name, c.cid"
    ).fetchall()
    found: dict[str, tuple[str, ...]] = {}
    for table, column in rows:
        found[table] = (*found.get(table, ()), column)
    return found
