"""Tests of the table of closed days."""

from __future__ import annotations

from datetime import date

from rigd.calendar.xnys_table import CLOSED, EARLY, FIRST, LAST


def test_the_table_covers_every_year_of_its_span() -> None:
    """Each year from the first to the last has its closed days."""
    years = range(date.fromordinal(FIRST).year, date.fromordinal(LAST).year + 1)
    assert list(CLOSED) == list(years) == list(range(2000, 2031))
    assert set(EARLY) <= set(CLOSED)


def test_each_entry_is_a_weekday_in_order() -> None:
    """Entries are weekdays, ascending, and never closed and early at once."""
    for year, text in CLOSED.items():
        closed = [date(year, int(day[:2]), int(day[2:])) for day in text.split()]
        early = [date(year, int(day[:2]), int(day[2:])) for day in EARLY.get(year, "").split()]
        assert closed == sorted(closed)
        assert all(day.weekday() < 5 for day in closed + early)
        assert not set(closed) & set(early)
