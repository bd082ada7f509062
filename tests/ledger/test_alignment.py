"""Chart, mapping and schema against each other and the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.ledger import chart, mapping
from rigd.ledger.alignment import chart_problems, schema_problems
from rigd.ledger.chart import Account
from rigd.ledger.mapping import EventType, Rule
from tests.ledger.books import ledger, post_all, started

if TYPE_CHECKING:
    from pathlib import Path


def books(tmp_path: Path) -> Path:
    """A database with the opening balance."""
    path = tmp_path / "books.db"
    opened = ledger(path)
    post_all(opened, started())
    opened.close()
    return path


def test_code_and_new_books_fit(tmp_path: Path) -> None:
    """INVENTORY G17: chart and schema of the code are those of the books it makes."""
    path = books(tmp_path)
    before = path.read_bytes()
    assert (chart_problems(path), schema_problems(path)) == ([], [])
    assert path.read_bytes() == before


def test_without_books_the_code_alone_is_checked(tmp_path: Path) -> None:
    """A bot that never ran has no books, and none are made."""
    path = tmp_path / "none.db"
    assert (chart_problems(path), schema_problems(path)) == ([], [])
    assert not path.exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """What cannot be read has not passed."""
    path = tmp_path / "books.db"
    path.write_bytes(b"no database" * 100)
    assert [problem.where for problem in chart_problems(path)] == ["books.db"]
    assert [problem.where for problem in schema_problems(path)] == ["books.db"]


def test_books_of_another_chart_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVENTORY G17: a renamed account makes books and code differ."""
    path = books(tmp_path)
    changed = Account(number=1010, name="Another name")
    monkeypatch.setattr(chart, "CHART", (changed, *chart.CHART[1:]))
    assert [str(problem) for problem in chart_problems(path)] == [
        "books.db: accounts: the chart must be version 1 of the code"
    ]


def test_an_account_that_stands_twice_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number is one account."""
    monkeypatch.setattr(chart, "CHART", (*chart.CHART, chart.CHART[0]))
    found = chart_problems(tmp_path / "none.db")
    assert [(problem.key, problem.message) for problem in found] == [("1010", "stands twice")]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({EventType.SELL: Rule(1030, 1111, 4999)}, "the chart has no account 4999"),
        ({EventType.SELL: None}, "the event has no accounts"),
    ],
)
def test_an_event_without_its_accounts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: dict[EventType, Rule], told: str
) -> None:
    """INVENTORY G17: every event posts to accounts of the chart."""
    changed = {event: rule for event, rule in ({**mapping.MAPPING} | rules).items() if rule}
    monkeypatch.setattr(mapping, "MAPPING", changed)
    found = chart_problems(tmp_path / "none.db")
    assert [(problem.key, problem.message) for problem in found] == [("sell", told)]
