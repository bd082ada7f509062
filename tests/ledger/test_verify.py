# ruff: noqa: S608 - the tables and columns in the statements are constants of the schema
"""Finding every change of a ledger file, and saying where."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from rigd.ledger import schema
from rigd.ledger.verify import self_check, verify
from tests.ledger.books import KEY, connect, entry, fill, ledger, post_all, started
from tests.ledger.test_book import DAY, bust, random_fills

TABLES = ("transactions", "legs", "books", *schema.SIDE_TABLES)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return the path of a closed ledger with some hundred transactions in one plain file."""
    path = tmp_path_factory.mktemp("books") / "RIGD_USA_SIM_01_BOT_ledger.db"
    books = ledger(path)
    post_all(books, started())
    fills = list(random_fills(5, 120))
    for seq, record in enumerate(fills, start=2):
        books.post(entry(seq, record), KEY)
    post_all(books, bust("x", "E110"), bust("y", "nobody"), first=200)
    books._connection.execute("PRAGMA journal_mode=DELETE")
    books.close()
    return path


def contents(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return [
            (table, row)
            for table in TABLES
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        ]


def edited(sound, tmp_path, *statements):
    """Return a copy changed by statements behind the back of its triggers, which are put back."""
    path = tmp_path / sound.name
    path.write_bytes(sound.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
    return path


def test_a_sound_ledger_has_no_problems_and_is_not_changed(sound):
    """Reading proves it and leaves the bytes as they are."""
    before = sound.read_bytes()
    assert verify(sound) == []
    assert sound.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "record"),
    [
        ("UPDATE legs SET amount = amount + 1 WHERE txn = 7 AND leg = 1", 7),
        ("UPDATE transactions SET price = price + 1 WHERE txn = 9", 9),
        ("UPDATE transactions SET strategy = 'mid' WHERE txn = 3", 3),
        ("UPDATE transactions SET symbol = symbol || char(0) WHERE txn = 3", 3),
        ("UPDATE transactions SET hash = replace(hash, '0', '1') WHERE txn = 5", 5),
        (
            "UPDATE transactions SET amount1 = amount1 + 1, amount2 = amount2 - 1 WHERE txn = 8",
            8,
        ),
        ("UPDATE transactions SET account2 = 5050 WHERE txn = 11", 11),
        ("UPDATE transactions SET lot_quantity = lot_quantity + 1 WHERE txn = 12", 12),
        ("DELETE FROM transactions WHERE txn = 13", 13),
        ("DELETE FROM legs WHERE txn = 15 AND leg = 2", 15),
        ("INSERT INTO legs VALUES (15, 9, 1030, 'USD', 0, 0, 0)", 15),
        ("INSERT INTO legs VALUES (17, 9, 1030, 'USD', 0, 0, 0)", 17),
        ("UPDATE legs SET leg = 8 WHERE txn = 20 AND leg = 1", 20),
        ("UPDATE legs SET txn = 18, leg = 7 WHERE txn = 20 AND leg = 1", 18),
        ("DELETE FROM legs WHERE txn = 31", 31),
    ],
)
def test_an_edited_row_is_named(sound, tmp_path, statement, record):
    """File and transaction of the first bad record."""
    problems = verify(edited(sound, tmp_path, statement))
    assert problems[0].where == f"{sound.name}:transaction {record}"


def test_two_swapped_transactions_are_named(sound, tmp_path):
    """Rows that changed places are found at the first of the two."""
    path = edited(
        sound,
        tmp_path,
        *(
            f"UPDATE {table} SET txn = {new} WHERE txn = {old}"
            for old, new in ((20, 9999), (30, 20), (9999, 30))
            for table in ("transactions", "legs")
        ),
    )
    assert verify(path)[0].where == f"{sound.name}:transaction 20"


def test_a_cut_tail_is_found(sound, tmp_path):
    """The journal mark says where the books must end; without it the manifest's head does."""
    with closing(sqlite3.connect(sound)) as connection:
        head = connection.execute("SELECT txn, hash FROM transactions WHERE txn = 51").fetchone()
    cut = [f"DELETE FROM {table} WHERE txn >= 51" for table in ("transactions", "legs")]
    problems = verify(edited(sound, tmp_path, *cut))
    assert [problem.key for problem in problems] == ["end"]
    clean = ("DELETE FROM journal_marks WHERE txn >= 51", "DELETE FROM unposted")
    path = edited(sound, tmp_path, *cut, *clean)
    assert verify(path) == []
    (problem,) = verify(path, expected_head=head)
    assert problem.where == f"{sound.name}:transaction 51"
    assert verify(sound, expected_head=head) == []


def test_hundreds_of_random_edits_are_found(sound, tmp_path):
    """Any cell of any table changed, or any row deleted, is reported."""
    draw = np.random.default_rng(6)
    with closing(sqlite3.connect(sound)) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in TABLES
        }
        columns = {
            table: connection.execute(
                f"SELECT name, type FROM pragma_table_info('{table}')"
            ).fetchall()
            for table in TABLES
        }
    original = contents(sound)
    tables = [table for table in TABLES if counts[table]]
    path, missed, done = tmp_path / "edited.db", [], 0
    while done < 300:
        table = tables[draw.integers(len(tables))]
        row = int(draw.integers(counts[table]))
        name, kind = columns[table][draw.integers(len(columns[table]))]
        change = f"{name} + {int(draw.integers(1, 100))}" if kind == "INTEGER" else f"{name} || 'x'"
        keys = ", ".join(column for column, _ in columns[table][:2])
        where = f"({keys}) IN (SELECT {keys} FROM {table} LIMIT 1 OFFSET {row})"
        verb = (
            f"DELETE FROM {table}"
            if not draw.integers(4)
            else f"UPDATE {table} SET {name} = {change}"
        )
        try:
            path = edited(
                sound, tmp_path, "PRAGMA ignore_check_constraints=ON", f"{verb} WHERE {where}"
            )
        except sqlite3.IntegrityError:
            continue
        done += 1
        assert contents(path) != original
        if not verify(path):
            missed.append((verb, where))
    assert missed == []


def test_hundreds_of_flipped_bits_are_found(sound, tmp_path):
    """A bit that changes any row, or that SQLite stumbles over, is reported."""
    draw = np.random.default_rng(7)
    content, original = sound.read_bytes(), contents(sound)
    path, missed, changed = tmp_path / sound.name, [], 0
    for _ in range(400):
        at, bit = int(draw.integers(len(content))), int(draw.integers(8))
        flipped = bytearray(content)
        flipped[at] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            differs = contents(path) != original
        except (sqlite3.Error, ValueError):
            differs = True
        changed += differs
        problems = verify(path)
        assert all(problem.where.startswith(sound.name) for problem in problems)
        if differs and not problems:
            missed.append((at, bit))
    assert missed == []
    assert changed > 100


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be read" * 30])
def test_another_file_is_a_problem_not_an_exception(tmp_path, content):
    """A ledger replaced by something else is reported."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    (problem,) = verify(path)
    assert problem.where == "ledger.db"


def test_a_missing_file_is_a_problem(tmp_path):
    """It is named and not created."""
    (problem,) = verify(tmp_path / "ledger.db")
    assert "missing" in problem.message
    assert not (tmp_path / "ledger.db").exists()


def test_an_open_connection_can_be_verified():
    """The books of a running session are proved where they lie."""
    books = ledger()
    post_all(books, *DAY)
    assert verify(books._connection) == []
    assert verify(connect())


def test_the_self_check_says_what_it_found():
    """It passes for sound books and names the first problem of others."""
    books = ledger()
    post_all(books, *DAY)
    assert self_check(books) == self_check(books)
    assert (self_check(books).passed, self_check(books).detail) == (True, "7 transactions balance")
    post_all(books, bust("x", "nobody"), first=9)
    assert not self_check(books).passed
    assert "nobody" in self_check(books).detail
    post_all(books, fill("z", fill("1", DAY[1].side, "1", "1").side, "1", "1"), first=10)
    books._connection.execute("DROP TRIGGER legs_sealed")
    assert "legs_sealed" in self_check(books).detail
