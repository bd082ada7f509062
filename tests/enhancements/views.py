"""Views for the filters' tests."""

from __future__ import annotations

from datetime import date

from rigd.core.values import Reading
from rigd.enhancements.contract import FilterView

DAY = date(2013, 10, 7)


def view(**overrides: object) -> FilterView:
    """Return what a filter sees: no bars, VIX 20 of the day before, nothing traded, no defense."""
    values: dict[str, object] = {
        "bars": (),
        "vix": Reading(20.0, date(2013, 10, 4)),
        "traded": frozenset(),
        "defense": False,
        "day": DAY,
    }
    return FilterView(**(values | overrides))  # type: ignore[arg-type]
