from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal

import pytest

from rigd.core.errors import ConfigError, TamperError
from rigd.core.events import Reconciled, SessionClosed, SessionStarted, StateChanged
from rigd.core.lifecycle import BotState
from rigd.hosts import records
from rigd.hosts.books import verify_books
from rigd.hosts.records import find_record, is_closed, is_finished, place_of, verify_record
from rigd.store import manifest
from rigd.store.journal import open_journal
from rigd.store.paths import Home
from tests.hosts.homes import bot_of, demo

DAY = date(2012, 11, 14)


@pytest.fixture
def copy(launched, tmp_path):
    """A sealed record with its home, to be spoilt: home, bot and folder."""
    source, ended = launched
    shutil.copytree(source.root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    bot = bot_of(home)
    return home, bot, home.bot(bot.identity).sessions / ended.folder.name


def flip(path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)


def lines_of(path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_an_untouched_record_has_no_problem(copy) -> None:
    """Every byte is as it was sealed, the books too."""
    _, bot, folder = copy
    assert verify_record(folder, bot.identity) == []
    assert verify_books(bot, folder) == []


TEXTS = ("journal.log", "main_bot.log", "open.log", "session.ipynb", "trade_history.json")


@pytest.mark.parametrize("name", TEXTS)
def test_a_flipped_byte_is_found_by_file_and_line(copy, name) -> None:
    """One bit in the fourth line: the problem names the file and the record."""
    _, bot, folder = copy
    before = sum(map(len, lines_of(folder / name)[:3]))
    flip(folder / name, before + 5)
    (problem,) = verify_record(folder, bot.identity)
    assert problem.where == f"{name}:record 4"


@pytest.mark.parametrize("name", TEXTS)
def test_a_cut_tail_is_found(copy, name) -> None:
    """A file without its last line is named with the record at which it ends."""
    _, bot, folder = copy
    lines = lines_of(folder / name)
    (folder / name).write_bytes(b"".join(lines[:-1]))
    (problem,) = verify_record(folder, bot.identity)
    assert problem.where.startswith(name)
    assert str(len(lines)) in str(problem)


@pytest.mark.parametrize("name", TEXTS)
def test_two_swapped_rows_are_found(copy, name) -> None:
    """Lines that change places are found at the first of them."""
    _, bot, folder = copy
    lines = lines_of(folder / name)
    lines[1], lines[2] = lines[2], lines[1]
    (folder / name).write_bytes(b"".join(lines))
    problems = verify_record(folder, bot.identity)
    assert problems[0].where == f"{name}:record 2"


@pytest.mark.parametrize("name", ["report.html", "kernel.json", "session.json", "status.json"])
def test_every_other_file_of_the_record_is_watched_too(copy, name) -> None:
    """A changed file is named, a missing one as well."""
    _, bot, folder = copy
    flip(folder / name, 30)
    assert [p.where.split(":")[0] for p in verify_record(folder, bot.identity)] == [name]
    (folder / name).unlink()
    (problem,) = verify_record(folder, bot.identity)
    assert (problem.where, problem.message) == (name, "the file is missing")


def test_an_added_file_and_a_changed_manifest_are_found(copy) -> None:
    """Nothing can be slipped in, and the seal covers itself."""
    _, bot, folder = copy
    (folder / "extra.txt").write_text("x")
    assert "added after the seal" in str(verify_record(folder, bot.identity)[0])
    held = json.loads((folder / manifest.NAME).read_bytes())
    held["files"].pop("report.html")
    (folder / manifest.NAME).write_text(json.dumps(held))
    assert "manifest.json" in str(verify_record(folder, bot.identity)[0])


def spoil(path, statement: str) -> None:
    """Change the books behind their guards, as someone with the file could."""
    with closing(sqlite3.connect(path, isolation_level=None)) as books:
        triggers = books.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'")
        held = triggers.fetchall()
        for name, _ in held:
            books.execute(f'DROP TRIGGER "{name}"')
        books.execute("PRAGMA foreign_keys=OFF")
        books.execute("PRAGMA ignore_check_constraints=ON")
        before = books.total_changes
        books.executescript(statement)
        assert books.total_changes > before
        for _, sql in held:
            books.execute(sql)
        books.execute("PRAGMA wal_checkpoint(TRUNCATE)")


SPOILT = {
    "a changed amount": "UPDATE transactions SET price = price + 1 WHERE txn = 2",
    "a cut tail": "DELETE FROM transactions WHERE txn = (SELECT max(txn) FROM transactions)",
    "swapped rows": "UPDATE transactions SET txn = txn - 5 WHERE txn IN (2, 3);"
    "UPDATE transactions SET txn = -txn WHERE txn < 0",
}


@pytest.mark.parametrize("kind", SPOILT)
def test_changed_books_are_found_by_file_and_transaction(copy, kind) -> None:
    """Books that were changed behind their guards name the file and a transaction."""
    home, bot, folder = copy
    path = home.bot(bot.identity).ledger_db
    spoil(path, SPOILT[kind])
    problems = verify_books(bot, folder)
    assert problems
    assert all(problem.where.startswith(path.name) for problem in problems)
    assert any("transaction" in str(problem) for problem in problems)
    assert verify_record(folder, bot.identity) == []


def test_a_flipped_byte_of_the_books_is_found(copy) -> None:
    """A bit that changed on the disk, in the last page that holds rows."""
    home, bot, folder = copy
    path = home.bot(bot.identity).ledger_db
    content = path.read_bytes()
    amount = b"opening_cash"
    flip(path, content.rindex(amount) + 3)
    problems = verify_books(bot, folder)
    assert problems
    assert problems[0].where.startswith(path.name)


def test_an_unsealed_record_says_so_and_its_journal_is_still_proved(copy) -> None:
    """Without a manifest there is always one problem; a changed journal is another."""
    _, bot, folder = copy
    (folder / manifest.NAME).unlink()
    (problem,) = verify_record(folder, bot.identity)
    assert "did not end normally" in problem.message
    flip(folder / "journal.log", 100)
    found = verify_record(folder, bot.identity)
    assert [p.where for p in found] == ["manifest.json", "journal.log:record 1"]
    with pytest.raises(TamperError, match="record 1"):
        records.entries_of(folder, bot.identity)


def test_a_session_stands_in_the_next_free_folder(copy) -> None:
    """Number 1 on a new day, the next number after a finished one."""
    home, bot, folder = copy
    tree = home.bot(bot.identity)
    empty = place_of(tree, date(2013, 1, 2))
    assert (empty.number, empty.resumed, empty.folder.name) == (1, False, "2013-01-02_1")
    following = place_of(tree, DAY)
    assert (following.number, following.resumed) == (2, False)
    (folder / manifest.NAME).unlink()
    (folder / "kernel.json").unlink()
    again = place_of(tree, DAY)
    assert (again.number, again.resumed, again.folder) == (1, True, folder)


def test_a_session_without_its_closing_record_is_unfinished(copy) -> None:
    """The journal decides: cut before the closing record it is not closed."""
    home, bot, folder = copy
    chain = records.genesis(bot.identity, DAY, 1)
    assert is_closed(folder, chain)
    assert is_finished(folder)
    lines = lines_of(folder / "journal.log")
    (folder / "journal.log").write_bytes(b"".join(lines[:-1]))
    assert not is_closed(folder, chain)
    (folder / manifest.NAME).unlink()
    assert place_of(home.bot(bot.identity), DAY).resumed
    (folder / "journal.log").unlink()
    assert not is_closed(folder, chain)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"finished": false}', '{"pid": 1}'])
def test_only_a_kernel_that_said_so_is_finished(tmp_path, text) -> None:
    """Missing, broken or silent: the finishing is done again."""
    if text:
        (tmp_path / "kernel.json").write_text(text)
    assert not is_finished(tmp_path)


def test_a_record_is_found_by_any_of_its_names(copy) -> None:
    """Latest, the session's name, or its folder."""
    home, bot, folder = copy
    for name in ("latest", folder.name, str(folder)):
        assert find_record(home, bot.identity, name) == folder.resolve()
    with pytest.raises(ConfigError, match=f"found {folder.name}") as caught:
        find_record(home, bot.identity, "2099-01-01_1")
    assert "rigd session" in caught.value.fix


def test_no_record_yet_says_what_to_do(tmp_path) -> None:
    """On a home without a session nothing can be found."""
    home = demo(tmp_path)
    with pytest.raises(ConfigError, match="found none"):
        find_record(home, bot_of(home).identity, "latest")


@pytest.mark.parametrize("name", ["2013-10-07", "x_1", "2013-10-07_x", "2013-13-07_1"])
def test_a_folder_with_another_name_is_no_record(tmp_path, name) -> None:
    """Day and number come from the folder's name."""
    with pytest.raises(ConfigError, match="must be named"):
        records.day_and_number(tmp_path / name)


def test_the_entries_of_a_record_are_its_journal(launched) -> None:
    """First the start, last the close; day and number are those of the folder."""
    home, ended = launched
    entries = records.entries_of(ended.folder, bot_of(home).identity)
    assert isinstance(entries[0].record, SessionStarted)
    assert isinstance(entries[-1].record, SessionClosed)
    day, number = records.day_and_number(ended.folder)
    assert (day, number) == (entries[0].record.day, entries[0].record.number)
    assert records.session_key(day, number) == ended.folder.name


def test_a_sealed_record_without_its_journal_is_still_found_and_told(copy) -> None:
    """Whoever deletes the journal has changed the record: it must not look like a mistyped name."""
    _, bot, folder = copy
    (folder / "journal.log").unlink()
    assert find_record(copy[0], bot.identity, folder.name) == folder.resolve()
    (problem,) = verify_record(folder, bot.identity)
    assert str(problem) == "journal.log: the file is missing"


def test_a_sealed_session_whose_journal_was_cut_is_never_taken_up_again(copy) -> None:
    """Running the day again must not write over what is left of a record that was changed."""
    home, bot, folder = copy
    lines = lines_of(folder / "journal.log")
    (folder / "journal.log").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(TamperError, match="must end with its closing record") as caught:
        place_of(home.bot(bot.identity), DAY)
    assert f"rigd verify {folder.name}" in caught.value.fix
    (folder / "journal.log").unlink()
    with pytest.raises(TamperError):
        place_of(home.bot(bot.identity), DAY)


def test_a_record_under_another_sessions_name_is_found(copy) -> None:
    """Two folders that were exchanged are whole each, and still not what they say they are."""
    _, bot, folder = copy
    moved = folder.rename(folder.with_name("2012-11-15_1"))
    (problem,) = verify_record(moved, bot.identity)
    assert str(problem) == (
        "manifest.json: the record was sealed as 2012-11-14_1, found as 2012-11-15_1"
    )


IN_ERROR = StateChanged(previous=BotState.EMERGENCY_CLOSING, state=BotState.ERROR, reason="")
DOUBTED = Reconciled(
    reason="end",
    missing_fills=0,
    foreign_orders=(),
    ghost_orders=(),
    position_differences=("FB",),
    cash_difference=Decimal(0),
    agreed=False,
)


@pytest.mark.parametrize(
    ("until", "more", "told"),
    [
        (b"SessionClosed", [IN_ERROR], True),
        (b"SessionClosed", [], False),
        (b"FillRecorded", [IN_ERROR], False),
        (b"SessionClosed", [DOUBTED, IN_ERROR], False),
    ],
)
def test_a_journal_tells_whether_it_ends_flat_in_error(copy, until, more, told) -> None:
    """Without its closing record; what is held, or what the broker doubted last, is no end."""
    _, bot, folder = copy
    path = folder / "journal.log"
    lines = lines_of(path)
    cut = next(n for n, line in enumerate(lines) if b'"kind":"' + until in line)
    path.write_bytes(b"".join(lines[: cut + (until == b"FillRecorded")]))
    journal = open_journal(path, records.genesis(bot.identity, DAY, 1))
    at = journal.entries()[-1].at
    for record in more:
        journal.append(at, record, durable=True)
    journal.close()
    assert records.ended_in_error(folder, bot.identity) is told


def test_a_journal_that_is_well_missing_or_broken_tells_no_error(copy) -> None:
    """The closing record of a good day, a flipped byte, no file."""
    _, bot, folder = copy
    path = folder / "journal.log"
    assert not records.ended_in_error(folder, bot.identity)
    flip(path, path.stat().st_size // 2)
    assert not records.ended_in_error(folder, bot.identity)
    path.unlink()
    assert not records.ended_in_error(folder, bot.identity)
