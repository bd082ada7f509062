"""SYSTEM_USERS.db: its versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from rigd.access.schema import MIGRATIONS, migrate, transaction
from rigd.core.errors import StorageError
from rigd.store.database import open_database


def test_the_file_is_the_owners_alone(house) -> None:
    """W4: mode 0600, below env/databases, and so is what SQLite puts beside it."""
    folder = house.home.env / "databases"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes["SYSTEM_USERS.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_database_of_later_is_refused(tmp_path) -> None:
    """It is said which version was found."""
    with closing(open_database(tmp_path / "users.db", wal_reserve=False)) as connection:
        migrate(connection)
        migrate(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with pytest.raises(StorageError, match=f"was {len(MIGRATIONS) + 1}"):
            migrate(connection)


def test_a_change_is_whole_or_not_there(tmp_path) -> None:
    """An error inside takes everything back."""
    with closing(open_database(tmp_path / "users.db", wal_reserve=False)) as connection:
        migrate(connection)

        def fail() -> None:
            with transaction(connection):
                connection.execute("INSERT INTO attempts VALUES (1.0, 'a', 'b')")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (0,)


@pytest.mark.parametrize(
    "row",
    [
        ("a", "admin", "$2b$12$x"),
        ("ada", "root", "$2b$12$x"),
        ("ada", "admin", "in plain text"),
    ],
)
def test_the_database_refuses_what_must_not_be(tmp_path, row) -> None:
    """A name too short, a role that is none, a password that is no hash."""
    with closing(open_database(tmp_path / "users.db", wal_reserve=False)) as connection:
        migrate(connection)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO users VALUES (?,?,?,1,'','')", row)
