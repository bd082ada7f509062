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
    """Head, lots and marks are those that posting left."""
    books = ledger()
    post_all(books, *DAY, bust("x", "1"))
    state, problems = audit.audit(books._connection, identity=BOT, account=ACCOUNT)
    assert problems == []
    assert (state.txn, state.head) == books.head
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


def resealed(books, txn, *statements):
    """Return what the walk finds after a forger changed a transaction and resealed it."""
    connection = books._connection
    connection.execute("PRAGMA ignore_check_constraints=ON")
    for trigger in ("legs_no_update", "transactions_no_update"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    before, row = (
        connection.execute("SELECT * FROM transactions WHERE txn = ?", (number,)).fetchone()
        for number in (txn - 1, txn)
    )
    legs = connection.execute("SELECT * FROM legs WHERE txn = ? ORDER BY leg", (txn,)).fetchall()
    apart = literal([leg[1:] for leg in legs]) if legs else ""
    forged = seal(before[-1], literal(row[:-1]), apart)
    connection.execute("UPDATE transactions SET hash = ? WHERE txn = ?", (forged, txn))
    (first,) = connection.execute("SELECT hash FROM books").fetchone()
    return audit._replay(connection, "ledger", audit.State(head=first))


def test_a_transaction_that_closes_the_wrong_lot_is_found():
    """Books that were resealed around a LIFO sale still fail: lots are proved by themselves."""
    books = ledger()
    post_all(books, *MISTAKE)
    forged = "UPDATE transactions SET lot = 3, amount1 = -20000000, amount2 = -10000000"
    (problem,) = resealed(books, 4, f"{forged} WHERE txn = 4")
    assert problem.where == "ledger:transaction 4"
    assert "first in, first out" in problem.message


def test_a_large_transaction_that_closes_lots_in_another_order_is_found():
    """The same for a sale of both lots, whose legs stand in their own table."""
    books = ledger()
    post_all(books, *MISTAKE[:3], fill("3", Side.SELL, "2", "30"))
    (problem,) = resealed(books, 4, "UPDATE legs SET lot = 3 WHERE txn = 4 AND lot = 2")
    assert problem.where == "ledger:transaction 4"
    assert "first in, first out" in problem.message


def test_resealed_unbalanced_legs_are_found():
    """A forger who recomputes the hash is still caught by the sum."""
    books = ledger()
    post_all(books, *MISTAKE)
    forged = "UPDATE transactions SET amount3 = amount3 + 1 WHERE txn = 4"
    (problem,) = resealed(books, 4, forged)
    assert problem.message == "its legs do not sum to zero"


def test_resealed_unbalanced_legs_of_a_large_transaction_are_found():
    """So is one whose legs stand in their own table."""
    books = ledger()
    post_all(books, *MISTAKE[:3], fill("3", Side.SELL, "2", "30"))
    (problem,) = resealed(books, 4, "UPDATE legs SET amount = amount + 1 WHERE txn = 4 AND leg = 4")
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
    last = f"(SELECT max(item) FROM {table})"  # noqa: S608 - constants of the schema
    connection.execute(f"DELETE FROM {table} WHERE item = {last}")  # noqa: S608 - as above
    connection.execute(sql)
    _, problems = audit.audit(connection, identity=BOT, account=ACCOUNT)
    assert problems


def test_a_digest_of_the_sides_covers_every_head():
    """Two states that differ in one table's head have different digests."""
    sides = dict.fromkeys(audit._SIDES, (0, "a"))
    first = audit.State(head="", sides=sides).sides_digest()
    assert first == chain("", *((0, "a") for _ in sides))
    for name in sides:
        assert audit.State(head="", sides={**sides, name: (1, "b")}).sides_digest() != first
