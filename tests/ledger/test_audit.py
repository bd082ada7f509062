"""The one pass that proves a ledger."""

from __future__ import annotations

import pytest

from rigd.core.values import Side
from rigd.ledger import audit
from rigd.ledger.entries import chain, literal, seal
from tests.ledger.books import ACCOUNT, BOT, connect, fill, ledger, post_all, started
from tests.ledger.test_book import DAY, bust

MISTAKE = (
    started(),
    fill("1", Side.BUY, "1", "10"),
    fill("2", Side.BUY, "1", "20"),
    fill("3", Side.SELL, "1", "30"),
)


def test_the_state_of_a_sound_ledger():
    """Head, balances, lots and marks are those that posting left."""
    books = ledger()
    post_all(books, *DAY, bust("x", "1"))
    state, problems = audit.audit(books._connection, identity=BOT, account=ACCOUNT)
    assert problems == []
    assert (state.txn, state.head) == books.head
    assert state.totals[1030, "USD"] == int(books.balances()[1030].scaleb(6))
    assert state.lots.symbols() == ["IBM", "SPY"]
    assert state.marks["2013-10-07_1"][0] == 8


def test_an_empty_ledger_is_sound():
    """Nothing posted, nothing wrong."""
    assert ledger().check() == []


def test_the_owner_and_schema_are_checked():
    """The books of another bot, or a missing trigger, are reported."""
    books = ledger()
    post_all(books, *DAY)
    _, problems = audit.audit(books._connection, identity="OTHER_USA_SIM_01", account=ACCOUNT)
    assert "must belong to" in problems[0].message
    books._connection.execute("DROP TRIGGER legs_sealed")
    (problem,) = books.check()
    assert problem.key == "legs_sealed"


def test_no_database_is_a_problem_not_an_exception():
    """A file without the tables is reported."""
    _, problems = audit.audit(connect(), identity=BOT, account=ACCOUNT)
    assert problems


def test_a_transaction_that_closes_the_wrong_lot_is_found():
    """Books that were resealed around a LIFO sale still fail: lots are proved by themselves."""
    books = ledger()
    post_all(books, *MISTAKE)
    connection = books._connection
    for trigger in ("legs_no_update", "transactions_no_update"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("UPDATE legs SET lot = 3, amount = -20000000 WHERE txn = 4 AND leg = 1")
    connection.execute("UPDATE legs SET amount = -10000000 WHERE txn = 4 AND leg = 2")
    before, row = (
        connection.execute("SELECT * FROM transactions WHERE txn = ?", (txn,)).fetchone()
        for txn in (3, 4)
    )
    legs = connection.execute("SELECT * FROM legs WHERE txn = 4 ORDER BY leg").fetchall()
    forged = seal(before[-1], literal(row[:-1]), literal([leg[1:] for leg in legs]))
    connection.execute("UPDATE transactions SET hash = ? WHERE txn = 4", (forged,))
    state = audit.State(head=books_genesis(connection))
    problems = audit._replay(connection, "ledger", state)
    assert [problem.where for problem in problems] == ["ledger:transaction 4"]
    assert "first in, first out" in problems[0].message


def books_genesis(connection):
    (first,) = connection.execute("SELECT hash FROM books").fetchone()
    return first


def test_resealed_unbalanced_legs_are_found():
    """A forger who recomputes the hash is still caught by the sum."""
    books = ledger()
    post_all(books, *MISTAKE)
    connection = books._connection
    for trigger in ("legs_no_update", "transactions_no_update"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("UPDATE legs SET amount = amount + 1 WHERE txn = 4 AND leg = 3")
    before, row = (
        connection.execute("SELECT * FROM transactions WHERE txn = ?", (txn,)).fetchone()
        for txn in (3, 4)
    )
    legs = connection.execute("SELECT * FROM legs WHERE txn = 4 ORDER BY leg").fetchall()
    forged = seal(before[-1], literal(row[:-1]), literal([leg[1:] for leg in legs]))
    connection.execute("UPDATE transactions SET hash = ? WHERE txn = 4", (forged,))
    state = audit.State(head=books_genesis(connection))
    (problem,) = audit._replay(connection, "ledger", state)
    assert problem.message == "its legs do not sum to zero"


@pytest.mark.parametrize("table", ["accounts", "mappings", "cash_counts", "unposted"])
def test_rows_cut_off_the_other_tables_are_noticed(table):
    """The last mark holds the heads of every table, so a missing last row shows."""
    books = ledger()
    post_all(books, *DAY, bust("x", "nobody"))
    post_all(books, started("1"), key="2013-10-08_1")
    connection = books._connection
    name = f"{table}_no_delete"
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    connection.execute(f"DROP TRIGGER {name}")
    connection.execute(f"DELETE FROM {table} WHERE item = (SELECT max(item) FROM {table})")
    connection.execute(sql)
    _, problems = audit.audit(connection, identity=BOT, account=ACCOUNT)
    assert problems


def test_a_digest_of_the_sides_covers_every_head():
    """Two states that differ in one table's head have different digests."""
    sides = {name: (0, "a") for name in audit._SIDES}
    first = audit.State(head="", sides=sides).sides_digest()
    assert first == chain("", *((0, "a") for _ in sides))
    for name in sides:
        assert audit.State(head="", sides={**sides, name: (1, "b")}).sides_digest() != first
