"""The chart is changed through its page alone, as a new version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from rigd.ledger.chart import CHART
from tests.widgets.world import is_shown, press, words, world
from widgets.chart_of_accounts import ChartOfAccounts, names_of
from widgets.facts import CHART_FOLDER

if TYPE_CHECKING:
    from pathlib import Path


def test_it_shows_every_account_with_its_balance(tmp_path: Path) -> None:
    """The template's accounts, and what the books hold in them."""
    shown = words(world(tmp_path).page(ChartOfAccounts).accounts)
    assert "1030 Broker cash asset 100,012.80" in shown
    assert all(str(account.number) in shown for account in CHART)
    assert "version 1" in shown


def test_a_new_version_is_one_request(tmp_path: Path) -> None:
    """G14: number, name, the version that it follows, and every account of before."""
    made = world(tmp_path)
    page = made.page(ChartOfAccounts)
    page.number.value, page.name.value, page.why.value = "5095", "Audit fees", "new auditor"
    press(page.add)
    assert "5095 (none) Audit fees" in words(page.diff)
    press(page.save.first)
    press(page.save.second)
    action, why, payload = made.requests.sent[0]
    version = json.loads(payload["version"])
    assert (action, why) == (Action.EDIT_CHART, "new auditor")
    assert (version["version"], version["follows"]) == (2, 1)
    assert {"number": 5095, "name": "Audit fees"} in version["accounts"]
    assert len(version["accounts"]) == len(CHART) + 1


@pytest.mark.parametrize(("number", "name"), [("9100", "x y"), ("abc", "x y"), ("5095", "x")])
def test_what_is_no_account_is_refused(tmp_path: Path, number: str, name: str) -> None:
    """Another number or a name too short is told, and nothing can be sent."""
    made = world(tmp_path)
    page = made.page(ChartOfAccounts)
    page.number.value, page.name.value = number, name
    press(page.add)
    assert words(page.told)
    assert page.save.first.disabled


def test_saved_versions_are_listed(tmp_path: Path) -> None:
    """The newest is in force; who and why stand beside it."""
    made = world(tmp_path)
    folder = made.home.env / CHART_FOLDER
    folder.mkdir(parents=True)
    saved = {"version": 2, "by": "ada", "why": "new", "accounts": [{"number": 1010, "name": "In"}]}
    (folder / "000002.json").write_text(json.dumps(saved))
    page = made.page(ChartOfAccounts)
    assert "version 2" in words(page.accounts)
    assert "1010 In asset" in words(page.accounts)
    assert "ada new" in words(page.history)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
def test_only_administrators_change_it(tmp_path: Path, role: Role) -> None:
    """Others read; a forged press is refused."""
    made = world(tmp_path)
    made.session.role = role
    page = made.page(ChartOfAccounts)
    assert not is_shown(page.editor)
    page.number.value, page.name.value = "5095", "Audit fees"
    press(page.add)
    press(page.save.first)
    press(page.save.second)
    assert made.requests.sent == []


def test_cleared_changes_are_gone_and_odd_versions_harmless(tmp_path: Path) -> None:
    """Clear takes changes back; a version with junk keeps the template's names."""
    page = world(tmp_path).page(ChartOfAccounts)
    page.number.value, page.name.value = "5095", "Audit fees"
    press(page.add)
    press(page.clear)
    assert "no change yet" in words(page.diff)
    assert names_of({"accounts": [{"number": "x"}, 3]})[1030] == "Broker cash"
