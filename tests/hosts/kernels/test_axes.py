"""The axes are sorted with what is off last, and every given value is found again."""

from __future__ import annotations

import math

import numpy as np

from rigd.hosts.kernels.axes import TrailRow, exits_of

OFF = math.nan


def test_levels_are_sorted_and_found_again() -> None:
    """Off comes last; a place leads back to its value."""
    exits, places = exits_of([OFF, 0.01, 0.002], [0.5], [TrailRow(0.1, 1.0, 0.0, OFF, 14)], [False])
    np.testing.assert_array_equal(exits.stops, [0.002, 0.01, OFF])
    assert places.stops.tolist() == [2, 1, 0]
    assert exits.families.tolist() == [0, 1]


def test_trails_are_grouped_by_family() -> None:
    """A family shares factor, buffer and range; only a multiple needs a row of ranges."""
    trails = [
        TrailRow(OFF, 0.5, 150.0, 2.0, 5),
        TrailRow(0.01, 0.5, 150.0, OFF, 14),
        TrailRow(0.001, 0.5, 150.0, 2.0, 5),
        TrailRow(0.005, 0.5, 150.0, OFF, 9),
    ]
    exits, places = exits_of([OFF], [OFF], trails, [False, True])
    rows = [exits.trails[place]["trail_fraction"] for place in places.trails]
    np.testing.assert_array_equal(rows, [row.trail_fraction for row in trails])
    assert exits.families.tolist() == [0, 2, 4]
    assert sorted(exits.range_rows.tolist()) == [0, 1]
    assert exits.tightens.tolist() == [True, True]


def test_a_trail_tightens_only_when_it_can() -> None:
    """Not by a factor of 1, not within less than a minute, not when it is off."""
    assert TrailRow(0.01, 0.5, 60.0, OFF, 14).tightens
    assert not TrailRow(0.01, 1.0, 60.0, OFF, 14).tightens
    assert not TrailRow(0.01, 0.5, 59.0, OFF, 14).tightens
    assert not TrailRow(OFF, 0.5, 60.0, OFF, 14).tightens
