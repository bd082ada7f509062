# ruff: noqa: S608 - the tables and columns in the statements are constants of the schema
"""What the database itself refuses, whoever writes."""

from __future__ import annotations

import sqlite3

import pytest

from rigd.core.values import Side
from rigd.ledger import schema
from tests.ledger.books import fill, ledger, post_all, started

HASH = "0" * 64
ROW = (
    "INSERT INTO transactions VALUES ({txn},'{fitid}','buy','t','t','{key}','','SPY',"
    "1,1,-5,0,'USD','open',0,{legs},{slots},'" + HASH + "')"
)
APART = ",".join("0" * 10)
LEG = "INSERT INTO legs VALUES (?,?,?,?,?,0,0)"


@pytest.fixture
def raw():
    """Return the bare connection of a ledger with an opening and one purchase."""
    books = ledger()
    post_all(books, started(), fill("a", Side.BUY, "10", "100"))
    return books._connection


@pytest.fixture
def large():
    """Return the same after a sale that closes two lots, so that every form of legs is there."""
    books = ledger()
    two = (fill("a", Side.BUY, "10", "100"), fill("b", Side.BUY, "10", "100"))
    post_all(books, started(), *two, fill("c", Side.SELL, "20", "100"))
    return books._connection


def insert(raw, *legs, txn=3, count=None, fitid="1" * 64, key="raw"):
    for number, (account, currency, amount) in enumerate(legs, start=1):
        raw.execute(LEG, (txn, number, account, currency, amount))
    count = len(legs) if count is None else count
    raw.execute(ROW.format(txn=txn, fitid=fitid, key=key, legs=count, slots=APART))


def dump(raw):
    return [
        row
        for table in ("transactions", "legs", "books", *schema.SIDE_TABLES)
        for row in raw.execute(f"SELECT * FROM {table}")
    ]


def refused(raw, before, match, *legs, **changes):
    raw.execute("BEGIN")
    with pytest.raises(sqlite3.IntegrityError, match=match):
        insert(raw, *legs, **changes)
    raw.execute("ROLLBACK")
    assert dump(raw) == before


def test_balanced_legs_are_let_in(raw):
    """The refusals below are not refusals of everything."""
    raw.execute("BEGIN")
    insert(raw, (1030, "USD", -5), (1111, "USD", 5))
    raw.execute("COMMIT")
    assert raw.execute("SELECT count(*) FROM transactions").fetchone() == (3,)


@pytest.mark.parametrize(
    "legs",
    [
        [(1030, "USD", -5), (1111, "USD", 4)],
        [(1030, "USD", -5), (1111, "EUR", 5)],
        [(1030, "USD", -5), (1111, "USD", 5), (1030, "EUR", 7)],
    ],
)
def test_legs_must_sum_to_zero_in_every_currency(raw, legs):
    """An unbalanced transaction is refused, also when only the mixed sum is zero."""
    refused(raw, dump(raw), "sum to zero", *legs)


def test_legs_without_their_transaction_cannot_be_committed(raw):
    """A plain COMMIT after some legs alone fails, balanced or not."""
    before = dump(raw)
    raw.execute("BEGIN")
    raw.execute(LEG, (3, 1, 1030, "USD", -5))
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        raw.execute("COMMIT")
    raw.execute("ROLLBACK")
    assert dump(raw) == before


SLOTTED = (0, 0, 1030, -5, 1111, 5, 0, 0, 0, 0)


def slotted(raw, slots, legs, *, txn=3, verb="INSERT", fitid="1" * 64):
    """Insert a transaction that carries its legs in its own row."""
    row = ROW.replace("INSERT", verb)
    slots = ",".join(map(str, slots))
    raw.execute(row.format(txn=txn, fitid=fitid, key="raw", legs=legs, slots=slots))


def test_balanced_legs_in_the_row_are_let_in(raw):
    """The refusals below are not refusals of everything; the view shows the legs."""
    slotted(raw, SLOTTED, 2)
    rows = raw.execute("SELECT leg, account, amount FROM postings WHERE txn = 3").fetchall()
    assert rows == [(1, 1030, -5), (2, 1111, 5)]


HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("slots", "legs", "match"),
    [
        ((0, 0, 1030, -5, 1111, 4, 0, 0, 0, 0), 2, "sum_to_zero"),
        ((0, 0, 1030, HUGE, 1111, 1, 5010, -HUGE, 1111, -2), 4, "sum_to_zero"),
        ((0, 0, 1030, -HUGE, 1111, -1000, 5010, HUGE, 1111, 1001), 4, "sum_to_zero"),
        (SLOTTED, 3, "all_there"),
        (SLOTTED, 4, "all_there"),
        ((0, 0, 1030, 0, 0, 0, 0, 0, 0, 0), 2, "all_there"),
        ((0, 0, 1030, -5, 0, 5, 0, 0, 0, 0), 2, "all_there"),
        ((0, 0, 1030, -5, 1111, 4, 0, 1, 0, 0), 2, "all_there"),
        ((0, 0, 1030, -5, 1111, 4, 0, 0, 5010, 1), 3, "all_there"),
        ((0, 0, 9100, -5, 1111, 5, 0, 0, 0, 0), 2, "CHECK"),
        ((0, 0, 1030, -5, 999, 5, 0, 0, 0, 0), 2, "CHECK"),
        ((0, 0, 1030, "1.5", 1111, "-1.5", 0, 0, 0, 0), 2, "INTEGER|real"),
        ((0, 0, 1030, "NULL", 1111, 5, 0, 0, 0, 0), 2, "NOT NULL"),
        ((0, 0, 0, -5, 0, 5, 0, 0, 0, 0), 2, "legs"),
        ((2, 1, 0, 0, 0, 0, 0, 0, 0, 0), 2, "legs"),
    ],
)
def test_legs_in_the_row_obey_the_same_rules(raw, slots, legs, match):
    """They sum to zero exactly, are as many as it says, of accounts of the balance, and whole."""
    before = dump(raw)
    with pytest.raises(sqlite3.IntegrityError, match=match):
        slotted(raw, slots, legs)
    assert dump(raw) == before


def test_legs_stand_in_one_place(raw):
    """A transaction with legs in its row takes none beside it."""
    before = dump(raw)
    raw.execute("BEGIN")
    raw.execute(LEG, (3, 1, 1030, "USD", 0))
    with pytest.raises(sqlite3.IntegrityError, match="one place"):
        slotted(raw, SLOTTED, 2)
    raw.execute("ROLLBACK")
    assert dump(raw) == before


def test_a_row_with_its_legs_is_posted_once_and_in_order(raw):
    """Numbers without gaps and FITIDs that are new are demanded of it too, with REPLACE as well."""
    before = dump(raw)
    (fitid,) = raw.execute("SELECT fitid FROM transactions WHERE txn = 2").fetchone()
    for verb in ("INSERT", "INSERT OR REPLACE"):
        for changes, match in (
            ({"txn": 2}, "gaps"),
            ({"txn": 5}, "gaps"),
            ({"txn": "NULL"}, "gaps"),
            ({"fitid": fitid}, "posted once"),
        ):
            with pytest.raises(sqlite3.IntegrityError, match=match):
                slotted(raw, SLOTTED, 2, verb=verb, **changes)
    assert dump(raw) == before


@pytest.mark.parametrize("legs", [[], [(1030, "USD", 0)]])
def test_a_transaction_needs_two_legs(raw, legs):
    """One leg, or none, is no double entry."""
    refused(raw, dump(raw), "legs|CHECK", *legs)


def test_a_missing_leg_is_noticed(raw):
    """A transaction that says three legs does not go in with two."""
    refused(raw, dump(raw), "all its legs", (1030, "USD", -5), (1111, "USD", 5), count=3)


def test_a_posted_transaction_takes_no_more_legs(raw):
    """A leg for an old transaction is refused, with REPLACE too."""
    before = dump(raw)
    for verb in ("INSERT", "INSERT OR REPLACE"):
        with pytest.raises(sqlite3.IntegrityError, match="no more legs"):
            raw.execute(LEG.replace("INSERT", verb), (2, 1, 1030, "USD", 0))
    assert dump(raw) == before


@pytest.mark.parametrize("table", ["books", "transactions", "legs", *schema.SIDE_TABLES])
def test_no_table_takes_an_update_or_a_delete(large, table):
    """Every table is append-only."""
    raw = large
    if not raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
        assert table in {"cash_counts", "unposted"}
        raw.execute(
            f"INSERT INTO {table} VALUES (1,'k','t','USD',1,1,'h')"
            if table == "cash_counts"
            else f"INSERT INTO {table} VALUES (1,'k','t','e','r','x','h')"
        )
    before = dump(raw)
    column = raw.execute(f"SELECT name FROM pragma_table_info('{table}') LIMIT 1").fetchone()[0]
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    assert dump(raw) == before


@pytest.mark.parametrize("changes", [{"txn": 2}, {"txn": 5}])
def test_numbers_have_no_gaps_and_are_used_once(raw, changes):
    """A transaction is the next one or is refused."""
    refused(raw, dump(raw), "gaps|no more legs", (1030, "USD", -5), (1111, "USD", 5), **changes)


def test_replace_cannot_push_a_transaction_out(raw):
    """INSERT OR REPLACE with the FITID of a posted one is refused."""
    before = dump(raw)
    (fitid,) = raw.execute("SELECT fitid FROM transactions WHERE txn = 2").fetchone()
    legs = ((1030, "USD", -5), (1111, "USD", 5))
    for changes in ({"fitid": fitid}, {"fitid": fitid, "key": "a"}):
        refused(raw, before, "posted once", *legs, **changes)
        raw.execute("BEGIN")
        for number, leg in enumerate(legs, start=1):
            raw.execute(LEG, (3, number, *leg))
        row = ROW.replace("INSERT", "INSERT OR REPLACE").format(**{
            "txn": 3,
            "fitid": "1" * 64,
            "key": "raw",
            "legs": 2,
            "slots": APART,
            **changes,
        })
        with pytest.raises(sqlite3.IntegrityError, match="posted once"):
            raw.execute(row)
        raw.execute("ROLLBACK")
        assert dump(raw) == before


@pytest.mark.parametrize("table", ["accounts", "journal_marks", "mappings"])
def test_replace_cannot_push_a_row_out_of_the_other_tables(raw, table):
    """A row with a number that is taken is refused."""
    before = dump(raw)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
    with pytest.raises(sqlite3.IntegrityError, match="one bot"):
        raw.execute("INSERT OR REPLACE INTO books SELECT * FROM books")
    assert dump(raw) == before


@pytest.mark.parametrize("amount", [1.5, "abc", float("nan"), b"x", None])
def test_an_amount_must_be_an_integer(raw, amount):
    """Fractions, texts and NaN are refused by the type of the column."""
    raw.execute("BEGIN")
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(LEG, (3, 1, 1030, "USD", amount))
    raw.execute("ROLLBACK")


def test_control_accounts_take_no_legs(raw):
    """Accounts 9100-9399 never enter the balance."""
    raw.execute("BEGIN")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        raw.execute(LEG, (3, 1, 9100, "USD", 1))
    raw.execute("ROLLBACK")


def test_the_views_show_posted_legs_alone(raw):
    """Legs whose transaction is not there yet count nowhere."""
    before = raw.execute("SELECT * FROM balances").fetchall()
    raw.execute("BEGIN")
    raw.execute(LEG, (3, 1, 1030, "USD", -5))
    assert raw.execute("SELECT * FROM balances").fetchall() == before
    raw.execute("ROLLBACK")
    assert before == [
        (1030, "USD", 99_000_000_000),
        (1111, "USD", 1_000_000_000),
        (3030, "USD", -100_000_000_000),
    ]
    assert raw.execute("SELECT symbol, quantity, amount FROM open_lots").fetchall() == [
        ("SPY", 10_000_000_000, 1_000_000_000)
    ]
