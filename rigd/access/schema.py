"""SYSTEM_USERS.db: its tables, and the steps from one version to the next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rigd.core.errors import StorageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

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
)
"""One script a version; `PRAGMA user_version` says how many have run."""


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
    if version > len(MIGRATIONS):
        msg = f"SYSTEM_USERS.db must be of version {len(MIGRATIONS)} or older, was {version}"
        raise StorageError(msg, fix="start the rigd that wrote it, or a newer one")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(connection):
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
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
