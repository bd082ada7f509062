from __future__ import annotations

import csv
import io
import json
import shutil
from contextlib import closing
from decimal import Decimal

import pytest

from rigd.core.errors import ConfigError, TamperError
from rigd.hosts import books
from rigd.store import manifest
from rigd.store.paths import Home
from tests.hosts.homes import bot_of, demo


def test_books_that_no_session_made_are_missing(tmp_path) -> None:
    """A home without a session has no books; the message says how to get some."""
    bot = bot_of(demo(tmp_path))
    with pytest.raises(ConfigError, match="books of RIGD_USA_SIM_01 must exist") as caught:
        books.open_books(bot)
    assert "rigd session" in caught.value.fix
    assert not bot.home.runs.joinpath(str(bot.identity)).exists()


def test_books_are_begun_once(tmp_path) -> None:
    """What a session posts into is made when it is missing, and is the same afterwards."""
    bot = bot_of(demo(tmp_path))
    with closing(books.make_books(bot)) as begun:
        assert begun.head[0] == 0
        made = begun.canonical_dump()
    with closing(books.make_books(bot)) as again, closing(books.open_books(bot)) as opened:
        assert again.canonical_dump() == opened.canonical_dump() == made


def test_checked_books_show_their_balances(finished) -> None:
    """No problem, each account by number and name, and the head of the chain."""
    problems, facts = books.check_books(finished.bot)
    assert problems == []
    named = dict(facts)
    assert Decimal(named["1030 Broker cash"]) == finished.entries[-1].record.closing_cash
    assert int(named["transactions"]) > 1
    assert len(named["head"]) == 16
    assert finished.books().count("1030") == 1


@pytest.mark.parametrize("form", ["ofx", "beancount", "csv", "json"])
def test_an_export_is_what_the_session_left(finished, form) -> None:
    """Exported again later, the books are the same bytes."""
    bot = finished.bot
    beside = bot.home.bot(bot.identity).ledgers / f"{finished.folder.name}.{form}"
    assert books.export_books(bot, form) == beside.read_bytes()


def test_every_form_can_be_chosen(finished) -> None:
    """The table of forms is that of the command line, and an open ledger renders each."""
    assert list(books.FORMATS) == ["ofx", "beancount", "csv", "json"]
    with closing(books.open_books(finished.bot)) as ledger:
        assert json.loads(books.render(ledger, "json"))
        assert books.render(ledger, "ofx").startswith(b"<?xml")


def test_each_line_of_the_csv_says_whose_it_is(finished) -> None:
    """Bot and account stand in each line, the account marked TEST; the legs add up to nothing."""
    rows = list(csv.DictReader(io.StringIO(books.export_books(finished.bot, "csv").decode())))
    assert {(row["bot"], row["account_id"]) for row in rows} == {
        ("RIGD_USA_SIM_01", "TEST-RIGD-USA-SIM-01")
    }
    assert sum(Decimal(row["amount"]) for row in rows) == 0


def test_old_books_are_read_and_never_written(finished, tmp_path) -> None:
    """Books that lie where document 090 kept them are proved in place, byte for byte unchanged."""
    bot = bot_of(demo(tmp_path))
    old = bot.home.old_ledger_db(bot.identity)
    old.parent.mkdir(parents=True)
    shutil.copy(finished.bot.home.bot(bot.identity).ledger_db, old)
    before = old.read_bytes()
    assert books.check_books(bot) == ([], [("old books, read only", old.name)])
    assert old.read_bytes() == before
    with pytest.raises(ConfigError, match="must exist, found none"):
        books.open_books(bot)


def test_gone_books_are_a_problem(launched, tmp_path) -> None:
    """A ledger that was deleted is named."""
    _, ended = launched
    bot = bot_of(demo(tmp_path))
    (problem,) = books.verify_books(bot, ended.folder)
    assert str(problem) == "RIGD_USA_SIM_01_BOT_ledger.db: the books are gone"


def test_books_that_lost_what_was_sealed_are_found(finished, tmp_path) -> None:
    """Sound books, but without the transaction whose hash a record sealed."""
    number = int(dict(books.check_books(finished.bot)[1])["transactions"])
    for head in ([number, "0" * 64], [number + 1, "0" * 64]):
        manifest.seal(tmp_path, {"books": head})
        (problem,) = books.verify_books(finished.bot, tmp_path)
        assert f"transaction {head[0]}" in str(problem)
    assert books.verify_books(finished.bot, finished.folder) == []


def test_a_broken_manifest_seals_no_head(finished, tmp_path) -> None:
    """The books are then proved without it; that the manifest is broken is told by its record."""
    (tmp_path / "manifest.json").write_text("{")
    assert books.sealed_head(tmp_path) is None
    assert books.verify_books(finished.bot, tmp_path) == []


def test_books_are_refused_once_they_hold_less_than_was_sealed(launched, tmp_path) -> None:
    """Gone or emptied books are no new ones: neither a session nor an export goes on."""
    home, _ = launched
    copied = Home(tmp_path / "home")
    shutil.copytree(home.root, copied.root, symlinks=True)
    bot = bot_of(copied)
    books.refuse_lost_books(bot)
    path = copied.bot(bot.identity).ledger_db
    for spoil in (lambda: path.write_bytes(b""), path.unlink):
        spoil()
        for refused in (books.refuse_lost_books, lambda bot: books.export_books(bot, "csv")):
            with pytest.raises(TamperError, match="transactions that were sealed") as caught:
                refused(bot)
            assert "runs/backups" in caught.value.fix


def test_a_bot_without_sealed_sessions_may_have_no_books(tmp_path) -> None:
    """The first session makes them."""
    books.refuse_lost_books(bot_of(demo(tmp_path)))
