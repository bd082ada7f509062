"""The books' schema and double entry (document 070, test_ledger_schema)."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest

from rigd.core.values import Side
from rigd.ledger.book import Ledger
from tests.flags import run_by_hand
from tests.ledger.books import ACCOUNT, BOT, connect, fill, post_all, started


@pytest.fixture
def connection() -> sqlite3.Connection:
    """A database with the books of one round trip: 10 bought at 100, sold at 101, 0.30 each way."""
    opened = connect()
    books = Ledger(opened, identity=BOT, account=ACCOUNT)
    post_all(
        books,
        started("10000"),
        fill("1", Side.BUY, "10", "100", commission="0.30"),
        fill("2", Side.SELL, "10", "101", commission="0.30", minute=1),
    )
    return opened


def test_a_round_trip_by_hand(connection: sqlite3.Connection) -> None:
    """Cash 10000 - 1000.30 + 1009.70, gain 10, fees 0.60: worked by hand."""
    balances = Ledger(connection, identity=BOT, account=ACCOUNT).balances()
    assert balances[1030] == Decimal("10009.40")
    assert balances[4010] == Decimal(-10)
    assert balances[5010] == Decimal("0.60")
    assert balances[3030] == Decimal(-10000)
    assert balances.get(1111, Decimal(0)) == 0


def test_debits_equal_credits(connection: sqlite3.Connection) -> None:
    """The trial balance sums to zero, and the check of the books finds nothing."""
    books = Ledger(connection, identity=BOT, account=ACCOUNT)
    assert sum(books.balances().values()) == 0
    assert books.check() == []


def tables(connection: sqlite3.Connection) -> list[str]:
    """The tables of the database."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def test_the_books_are_append_only(connection: sqlite3.Connection) -> None:
    """The database itself refuses to change or delete a row, in every table that holds one."""
    held = [t for t in tables(connection) if connection.execute(f"SELECT 1 FROM {t}").fetchone()]  # noqa: S608 - names from the schema
    assert len(held) >= 4
    for table in held:
        column = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]  # noqa: S608 - names from the schema
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):  # noqa: S608 - names from the schema
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                connection.execute(statement)


def test_amounts_are_whole_numbers(connection: sqlite3.Connection) -> None:
    """No column of the books is a binary fraction: amounts are integers of the smallest unit."""
    for table in tables(connection):
        kinds = connection.execute(f"SELECT type FROM pragma_table_info('{table}')").fetchall()  # noqa: S608 - names from the schema
        assert {kind for (kind,) in kinds} <= {"INTEGER", "TEXT"}


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
