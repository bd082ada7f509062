from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from rigd.core.errors import ExitCode
from rigd.store.paths import Home
from tests.hosts.homes import bot_of, demo, listing


def test_the_balances_are_printed(rigd, launched_home) -> None:
    """Each account with its balance, then that the books balance."""
    said = rigd(launched_home, "ledger", "check")
    assert "1030 Broker cash" in said.out
    assert "the books balance, their chain is whole" in said.out
    fields = json.loads(rigd(launched_home, "ledger", "check", "--json").out)
    assert fields["problems"] == []
    assert fields["facts"]["1030 Broker cash"] in said.out


def test_changed_books_have_exit_code_6(rigd, launched_home, tmp_path) -> None:
    """A changed amount is a problem with file and transaction."""
    shutil.copytree(launched_home.root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    with closing(sqlite3.connect(home.bot(bot_of(home).identity).ledger_db)) as books:
        for (name,) in books.execute(
            "SELECT name FROM sqlite_master WHERE type='trigger'"
        ).fetchall():
            books.execute(f'DROP TRIGGER "{name}"')
        books.execute("UPDATE transactions SET price = price + 1 WHERE txn = 2")
        books.commit()
    said = rigd(home, "ledger", "check")
    assert said.code == ExitCode.TAMPERED
    assert "problem: RIGD_USA_SIM_01_BOT_ledger.db" in said.out
    assert "do not check out" in said.out
    assert said.out.splitlines()[-1].startswith("next: restore the books")
    assert json.loads(rigd(home, "ledger", "check", "--json").out)["problems"]


@pytest.mark.parametrize("form", ["ofx", "beancount", "csv", "json"])
def test_an_export_lies_where_it_is_said(rigd, launched_home, tmp_path, form) -> None:
    """The file that was named holds the books; its size is told."""
    out = tmp_path / f"books.{form}"
    said = rigd(launched_home, "ledger", "export", "--format", form, "--out", str(out))
    assert said.code == 0
    content = out.read_bytes()
    assert f"{len(content)} bytes written to {out}" in said.out
    assert b"TEST-RIGD-USA-SIM-01" in content


def test_gains_lie_beside_the_books_or_where_it_is_said(rigd, launched_home, tmp_path) -> None:
    """G11: one row for each closed lot of the sample's day; its gains are those of the books."""
    out = tmp_path / "gains.csv"
    said = rigd(launched_home, "ledger", "gains", "--year", "2012", "--out", str(out))
    assert said.code == 0, said.err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert rows
    assert f"{len(rows)} closed lot(s) written to {out}" in said.out
    assert {row["acquired"] for row in rows} == {"2012-11-14"}
    facts = json.loads(rigd(launched_home, "ledger", "check", "--json").out)["facts"]
    booked = -sum(Decimal(text) for name, text in facts.items() if name.startswith("4010 "))
    assert sum(Decimal(row["gain"]) for row in rows) == booked
    nothing = tmp_path / "2011.csv"
    assert rigd(launched_home, "ledger", "gains", "--year", "2011", "--out", str(nothing)).code == 0
    assert len(nothing.read_text().splitlines()) == 1
    inside = launched_home.runs / "x.csv"
    said = rigd(launched_home, "ledger", "gains", "--out", str(inside))
    assert (said.code, inside.exists()) == (ExitCode.BAD_INPUT, False)


def test_an_unknown_form_is_refused(rigd, launched_home) -> None:
    """The forms that exist are named."""
    said = rigd(launched_home, "ledger", "export", "--format", "qif")
    assert said.code == ExitCode.BAD_INPUT
    assert "ofx, beancount, csv, json" in said.err


def test_no_books_yet(rigd, tmp_path) -> None:
    """A bot that never ran has none; nothing is made by asking."""
    home = demo(tmp_path)
    before = listing(tmp_path)
    for command in ("check", "export"):
        said = rigd(home, "ledger", command)
        assert said.code == ExitCode.BAD_INPUT
        assert "found none" in said.err
    assert listing(tmp_path) == before


def test_an_export_never_lands_among_keys_and_secrets(rigd, tmp_path) -> None:
    """A path inside env/ is refused, so that no key is written over."""
    home = demo(tmp_path)
    before = listing(home.env)
    said = rigd(home, "ledger", "export", "--out", str(home.env / "keys" / "env.key"))
    assert said.code == ExitCode.BAD_INPUT
    assert "--out must lie outside env/" in said.err
    assert listing(home.env) == before


def test_the_sessions_pnl_is_counted_again(rigd, launched_home) -> None:
    """vectorbt agrees with what was booked, symbol by symbol; exit code 0."""
    said = rigd(launched_home, "ledger", "recount")
    assert said.code == 0, said.err
    assert said.out.count(": agrees") >= 3
    assert "DIFFERS" not in said.out
    assert "both accountings agree" in said.out


def test_an_export_never_writes_over_a_record(rigd, tmp_path) -> None:
    """A path inside runs/ is refused too, through a link as well: a journal is no place for it."""
    home = demo(tmp_path / "home")
    journal = home.runs / "RIGD_USA_SIM_01" / "sessions" / "2012-11-14_1" / "journal.log"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"a record")
    home.latest.symlink_to(journal.parent)
    for out in (journal, home.latest / "journal.log"):
        said = rigd(home, "ledger", "export", "--out", str(out))
        assert said.code == ExitCode.BAD_INPUT
        assert "--out must lie outside runs/" in said.err
    assert journal.read_bytes() == b"a record"
