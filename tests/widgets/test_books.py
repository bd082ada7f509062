"""The books as the ledger has them: balances, and entries grouped by transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.access.roles import Role
from tests.widgets.world import elements, empty_world, press, words, world
from widgets.books import Books

if TYPE_CHECKING:
    from pathlib import Path


def test_balances_are_those_of_the_ledger(tmp_path: Path) -> None:
    """Cash after the three trades: 100 000 + 14.80 - 2.00, and both sides equal."""
    page = world(tmp_path).page(Books)
    assert "1030 Broker cash asset 100,012.80" in words(page.balances)
    assert "balanced" in words(page.figures)


def test_entries_stand_grouped_with_their_legs(tmp_path: Path) -> None:
    """IBM bought: 10 at 100.00 is debited to equities, the fee to fees, all credited to cash."""
    shown = words(world(tmp_path).page(Books).entries)
    assert "buy IBM open 10 100" in shown
    assert "1111 Broker equities 1,000.00" in shown
    assert "5010 Broker fees 0.10" in shown
    assert "1030 Broker cash 1,000.10" in shown


def test_a_filter_narrows_the_entries(tmp_path: Path) -> None:
    """By symbol, event or strategy."""
    page = world(tmp_path).page(Books)
    page.filter.value = "spy"
    page.draw(page.read())
    assert "SPY" in words(page.entries)
    assert "IBM" not in words(page.entries)


def test_pages_do_not_run_off_their_ends(tmp_path: Path) -> None:
    """Older than the oldest and newer than the newest stay where they are."""
    page = world(tmp_path).page(Books)
    press(page.newer)
    press(page.older)
    press(page.older)
    page.draw(page.read())
    assert "page 1 of 1" in words(page.head)


def test_exports_are_linked_for_who_may(tmp_path: Path) -> None:
    """Four formats for an auditor, none for who may not export."""
    made = world(tmp_path)
    made.session.role = Role.AUDITOR
    links = [h["href"] for n, h in elements(made.page(Books).figures.value) if n == "a"]
    assert links == [f"/download/books/{form}" for form in ("ofx", "beancount", "csv", "json")]
    made.session.role = Role.VIEWER
    assert "export" not in words(made.page(Books).figures)


def test_an_empty_home_has_no_books(tmp_path: Path) -> None:
    """It says so, and makes none."""
    made = empty_world(tmp_path)
    assert "no books yet" in words(made.page(Books).view)
    assert made.home.books() == []
