"""Tests of the generator of the table of closed days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import rigd.calendar.xnys_table
from rigd.calendar.table_refresh import table_text


def test_the_committed_table_is_fresh() -> None:
    """The table is what the installed exchange_calendars gives."""
    refresh = "python -m rigd.calendar.table_refresh > rigd/calendar/xnys_table.py"
    assert Path(rigd.calendar.xnys_table.__file__).read_text() == table_text(), refresh


def test_a_span_of_one_year() -> None:
    """The text lists the closed weekdays and early closes of the span alone."""
    text = table_text(date(2026, 11, 1), date(2026, 12, 31))
    assert '    2026: "1126 1225",\n' in text
    assert '    2026: "1127 1224",\n' in text
    assert "2025" not in text
