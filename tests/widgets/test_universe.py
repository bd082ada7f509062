"""The universe as its file has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.widgets.world import ATTACK, elements, empty_world, markup, words, world
from widgets.universe import Universe

if TYPE_CHECKING:
    from pathlib import Path

FILE = {
    "version": "f" * 64,
    "origin": "finnhub",
    "built_at": "2024-03-04T12:00:00Z",
    "day": "2024-03-04",
    "dated": "2024-03-01",
    "criteria": {"MIN_PRICE": "2"},
    "counts": {"members": 2, "rejected": 3},
    "symbols": [
        {"symbol": "IBM", "name": "International Business", "price": "182.50"},
        {"symbol": "SPY", "name": ATTACK, "price": "510.1"},
    ],
    "rejected": {"price below MIN_PRICE": ["A", "B", "C"]},
}


def test_members_criteria_and_rejections_are_shown(tmp_path: Path) -> None:
    """Counts, criteria, members with their figures, rejected symbols by reason."""
    made = world(tmp_path)
    made.write("symbol_universe.json", FILE)
    made.write("blocklist.txt", "# halted\nXYZ\n\nABC\n")
    shown = words(made.page(Universe).view)
    for expected in (
        "Universe in force finnhub",
        "members 2 rejected 3",
        "blocked symbols 2",
        "MIN_PRICE 2",
        "price below MIN_PRICE 3",
        "Members 2 of 2",
        "IBM International Business 182.5",
    ):
        assert expected in shown


def test_a_filter_narrows_the_members(tmp_path: Path) -> None:
    """By symbol or name."""
    made = world(tmp_path)
    made.write("symbol_universe.json", FILE)
    page = made.page(Universe)
    page.filter.value = "international"
    page.draw(page.read())
    assert "1 of 2" in words(page.head)
    assert "SPY" not in words(page.rows)


def test_a_company_name_stays_text(tmp_path: Path) -> None:
    """S09: a provider's text with tags."""
    made = world(tmp_path)
    made.write("symbol_universe.json", FILE)
    page = made.page(Universe)
    assert ATTACK in words(page.rows)
    assert not {"script", "img"} & {name for name, _ in elements(markup(page.view))}


def test_without_a_universe_it_says_so(tmp_path: Path) -> None:
    """And how one comes to be."""
    assert "rigd universe build" in words(empty_world(tmp_path).page(Universe).view)
