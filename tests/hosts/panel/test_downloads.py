"""Files that a browser may fetch."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from beancount import loader
from ofxtools.Parser import OFXTree

from rigd.hosts.chart_of_accounts import save_version
from rigd.hosts.panel import downloads
from rigd.ledger.chart import CHART
from rigd.ledger.chart_versions import TEMPLATE, document
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.widgets.world import BOT


@pytest.fixture
def home(tmp_path) -> Home:
    made = Home(tmp_path)
    made.logs.mkdir(parents=True)
    return made


def test_a_shown_log_is_found_by_its_name(home) -> None:
    """S12: and one of a bot in the bot's folder."""
    (home.logs / "router.log").write_text("one\ntwo\n")
    assert downloads.log(home, "router.log") == b"one\ntwo\n"


@pytest.mark.parametrize("name", ["", "..", "bot_state.txt", "nothing.log", "../logs/router.log"])
def test_another_name_is_no_file(home, name) -> None:
    """S12: not shown, not in the table, or not there."""
    with pytest.raises(LookupError):
        downloads.log(home, name)


def test_a_link_is_not_followed(home) -> None:
    """S12: neither the file nor its folder."""
    (home.root / "secret").write_text("secret")
    (home.logs / "router.log").symlink_to(home.root / "secret")
    with pytest.raises(LookupError):
        downloads.log(home, "router.log")


def test_of_a_long_log_the_end_is_given(home, monkeypatch) -> None:
    """S12: whole lines."""
    monkeypatch.setattr(downloads, "MOST_BYTES", 10)
    (home.logs / "router.log").write_text("first line\nsecond\nthird\n")
    assert downloads.log(home, "router.log") == b"third\n"


def test_without_books_there_is_no_export(home) -> None:
    """And no form but the four."""
    for form in ("csv", "pickle"):
        with pytest.raises(LookupError):
            downloads.books(home, form)


def renamed(home: Home) -> None:
    """Save a version where cash is called otherwise and an account came to it."""
    held = json.loads(document(TEMPLATE)) | {"version": 2, "follows": 1}
    names = {each["number"]: each["name"] for each in held["accounts"]}
    names |= {1030: "Cash at the broker", 5095: "=Audit fees"}
    held["accounts"] = [{"number": number, "name": name} for number, name in names.items()]
    save_version(
        SimpleNamespace(home=home, identity=BOT), json.dumps(held), "new auditor", FakeClock()
    )


@pytest.mark.parametrize("edited", [False, True])
def test_the_books_of_a_session_in_every_form(finished, tmp_path, monkeypatch, edited) -> None:
    """G15, G8: each form holds the session's cash, and names of the newest chart."""
    home = finished.bot.home
    name = "Cash at the broker" if edited else "Broker cash"
    if edited:
        renamed(Home(tmp_path))
        newest = downloads.versions(Home(tmp_path))
        monkeypatch.setattr(downloads, "versions", lambda _: newest)
    cash = finished.entries[-1].record.closing_cash
    rows = list(csv.DictReader(io.StringIO(downloads.books(home, "csv").decode())))
    of_cash = [row for row in rows if row["account"] == "1030"]
    assert sum(Decimal(row["amount"]) for row in of_cash) == cash
    assert {row["account_name"] for row in of_cash} == {name}
    held = json.loads(downloads.books(home, "json"))
    (line,) = (row for row in held["trial_balance"] if row["account"] == 1030)
    assert (Decimal(line["debit"]), line["name"]) == (cash, name)
    assert held["chart_version"] == (2 if edited else 1)
    text = downloads.books(home, "beancount").decode()
    _, errors, _ = loader.load_string(text)
    assert errors == []
    assert f"Assets:A1030-{name.replace(' ', '-')}" in text
    assert ("open Expenses:A5095-Audit-fees" in text) is edited
    tree = OFXTree()
    tree.parse(io.BytesIO(downloads.books(home, "ofx")))
    (statement,) = tree.convert().statements
    assert statement.invbal.availcash == cash


def test_the_chart_is_the_newest_version_that_was_saved(home) -> None:
    """G15: the template and its edits, in both forms; a formula is quoted for spreadsheets."""
    renamed(home)
    held = json.loads(downloads.chart_json(home))
    assert held["version"] == 2
    assert {"number": 1030, "name": "Cash at the broker", "kind": "asset"} in held["accounts"]
    lines = downloads.chart_csv(home).decode().splitlines()
    assert len(lines) == len(CHART) + 2
    assert lines[-1] == "5095,'=Audit fees,expense,2"


def test_the_chart_says_every_account(home) -> None:
    """Numbers, names and kinds of SPEC §7."""
    held = json.loads(downloads.chart_json(home))
    assert len(held["accounts"]) == len(CHART) == 25
    assert {"number": 2100, "name": "Short positions", "kind": "liability"} in held["accounts"]
    lines = downloads.chart_csv(home).decode().splitlines()
    assert lines[0] == "number,name,kind,version"
    assert "5010,Broker fees,expense,1" in lines


def test_bokeh_comes_from_the_installed_package() -> None:
    """And no other script."""
    assert b"Bokeh" in downloads.asset("bokeh.min.js")
    with pytest.raises(LookupError):
        downloads.asset("bokeh-api.min.js")
