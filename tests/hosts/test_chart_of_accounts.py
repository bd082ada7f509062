"""Versions of the chart on disk: one file each, with one row of the audit."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import LedgerError, StorageError
from rigd.hosts.chart_of_accounts import FOLDER, save_version, versions
from rigd.hosts.operator_audit import acting
from rigd.ledger.chart import CHART
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.widgets.world import BOT, empty_world
from widgets.facts import CHART_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

ALL = [{"number": account.number, "name": account.name} for account in CHART]
NEW = json.dumps({
    "version": 2,
    "follows": 1,
    "accounts": [*ALL, {"number": 5095, "name": "Audit fees"}],
})


def test_a_version_is_saved_once_with_its_author(tmp_path: Path) -> None:
    """G14: who, when and why stand in the version and in one row of the audit."""
    home = empty_world(tmp_path).home
    bot = SimpleNamespace(home=home, identity=BOT)
    with acting("ada"):
        told = save_version(bot, NEW, "new auditor", FakeClock())
    newest, template = versions(home)
    assert told == "version 2 of the chart is saved: 5095 Audit fees"
    assert (newest.version, newest.by, newest.why) == (2, "ada", "new auditor")
    assert newest.at == "2024-03-04T14:00:00Z"
    assert template.version == 1
    rows = Registry(home, BOT).path("operator_audit.log").read_text().splitlines()
    (row,) = map(json.loads, rows)
    assert (row["event"], row["by"], row["changes"]) == (
        "chart_changed",
        "ada",
        [[5095, "", "Audit fees"]],
    )


def test_the_same_version_is_not_saved_twice(tmp_path: Path) -> None:
    """Who comes second is told to read the chart again; the first one stays."""
    home = empty_world(tmp_path).home
    bot = SimpleNamespace(home=home, identity=BOT)
    save_version(bot, NEW, "first", FakeClock())
    with pytest.raises(LedgerError, match="must be 3"):
        save_version(bot, NEW, "second", FakeClock())
    assert versions(home)[0].why == "first"
    assert len(list((home.env / FOLDER).iterdir())) == 1


def test_without_its_row_of_the_audit_nothing_is_saved(tmp_path: Path) -> None:
    """I-21: the disk fails at the row; neither the file nor its folder is there."""
    home = empty_world(tmp_path).home
    bot = SimpleNamespace(home=home, identity=BOT)
    Registry(home, BOT).path("operator_audit.log").mkdir(parents=True)
    with pytest.raises((OSError, StorageError)):
        save_version(bot, NEW, "first", FakeClock())
    assert not (home.env / FOLDER).exists()
    assert versions(home)[0].version == 1


def test_the_page_reads_where_the_supervisor_writes() -> None:
    """Both know the same folder."""
    assert FOLDER == CHART_FOLDER
