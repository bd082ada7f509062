"""Views for the filters' tests."""

from __future__ import annotations

from datetime import date, timedelta

from rigd.calendar.exchange import session
from rigd.core.values import Reading
from rigd.enhancements.contract import FilterView

DAY = date(2013, 10, 7)


def view(**overrides: object) -> FilterView:
    """Return what a filter sees: no bars, VIX 20 of the day before, nothing traded, no defense.

    The decision falls 24 minutes after the open of the day's session.
    """
    day = overrides.get("session", session(DAY))
    values: dict[str, object] = {
        "bars": (),
        "vix": Reading(20.0, date(2013, 10, 4)),
        "traded": frozenset(),
        "defense": False,
        "day": day.day,
        "session": day,
        "now": day.open + timedelta(minutes=24),
    }
    return FilterView(**(values | overrides))  # type: ignore[arg-type]
