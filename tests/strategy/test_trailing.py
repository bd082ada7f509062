"""The trailing stop by hand: peak, tightening, floor, and the average true range."""

from __future__ import annotations

import csv
import math

import pytest

from rigd.core.values import Bar
from rigd.strategy.trailing import (
    RangeState,
    average_range,
    follow,
    follows_fraction_alone,
    higher,
    observe_range,
    trail_in_force,
    trailing_level,
)
from tests.shared import shared_path
from tests.strategy.cases import OFF, PLAIN

FAR = 100


@pytest.mark.parametrize(
    ("direction", "peaks"), [(1, [100, 103, 103, 104]), (-1, [100, 99, 97, 97])]
)
def test_peak_follows_the_completed_bars(direction, peaks) -> None:
    """A long keeps the highest high, a short the lowest low, the entry price included."""
    peak, found = 100.0, [100.0]
    for high, low in ((103.0, 99.0), (102.0, 97.0), (104.0, 98.0)):
        peak = follow(direction, peak, high, low)
        found.append(peak)
    assert found == peaks


@pytest.mark.parametrize(
    ("direction", "left", "atr", "level"),
    [
        (1, FAR, OFF, 196.0),  # 200 × 0.98
        (1, 2, OFF, 198.0),  # tightened to 1 %
        (1, FAR, 1.0, 197.0),  # 200 - 3 × 1 is tighter
        (1, 2, 1.0, 198.0),  # the tightened fraction is tighter than the ATR
        (-1, FAR, OFF, 204.0),
        (-1, 2, OFF, 202.0),
        (-1, FAR, 1.0, 203.0),
        (-1, 2, 1.0, 202.0),
    ],
)
def test_tighter_candidate_wins(direction, left, atr, level) -> None:
    """Fraction, tightened fraction and ATR: whichever lies nearest to the peak holds (SPEC §3)."""
    rules = PLAIN._replace(atr_mult=3.0)
    assert trailing_level(direction, 200.0, left, atr, rules) == pytest.approx(level, abs=1e-9)


def test_trailing_level_without_any_trail_is_off() -> None:
    """No fraction and no ATR multiple: NaN."""
    rules = PLAIN._replace(trail_fraction=OFF)
    assert math.isnan(trailing_level(1, 100.0, FAR, 1.0, rules))


def test_only_a_plain_fraction_can_be_left_to_a_broker() -> None:
    """The ATR form needs bars that a broker's own trailing stop does not look at."""
    assert follows_fraction_alone(PLAIN)
    assert not follows_fraction_alone(PLAIN._replace(atr_mult=3.0))
    assert not follows_fraction_alone(PLAIN._replace(trail_fraction=OFF))


@pytest.mark.parametrize(
    ("minutes_left", "trail"), [(4, 0.02), (3, 0.02), (2, 0.01), (1, 0.01), (2.5, 0.01)]
)
def test_trail_tightens_within_the_buffer(minutes_left, trail) -> None:
    """The default of 150 s reaches the bars that start 2 and 1 minutes before the exit."""
    assert trail_in_force(minutes_left, PLAIN) == trail


def test_tightening_stops_at_the_floor() -> None:
    """0.002 × 0.1 is raised to 0.0005 (SPEC §3)."""
    rules = PLAIN._replace(trail_fraction=0.002, tighten_factor=0.1)
    assert trail_in_force(1, rules) == 0.0005


def test_floor_never_widens_a_trail() -> None:
    """A trail that is under the floor by itself stays as it is."""
    rules = PLAIN._replace(trail_fraction=0.0003, tighten_factor=0.5)
    assert trail_in_force(1, rules) == 0.0003


def test_trail_that_is_off_stays_off() -> None:
    """NaN within the buffer too."""
    assert math.isnan(trail_in_force(1, PLAIN._replace(trail_fraction=OFF)))


def test_higher_ignores_what_is_off() -> None:
    """NaN loses against any level, on both sides."""
    assert higher(1, OFF, 5.0) == 5.0
    assert higher(-1, 5.0, OFF) == 5.0
    assert higher(1, 4.0, 5.0) == 5.0
    assert higher(-1, 4.0, 5.0) == 4.0
    assert math.isnan(higher(1, OFF, OFF))


def test_average_range_by_hand() -> None:
    """Wilder with a period of 2: a mean first, then a share of 1 / 2."""
    # Ranges: 10 - 9 = 1; max(12-11, 12-9.5, 11-9.5) = 2.5; max(1, 2, 3) = 3 → 1.75, 2.375.
    state, found = RangeState(), []
    for high, low, close in ((10.0, 9.0, 9.5), (12.0, 11.0, 11.5), (9.5, 8.5, 8.5)):
        observe_range(state, Bar(0, close, high, low, close, 1.0), 2)
        found.append(average_range(state, 2))
    assert math.isnan(found[0])
    assert found[1:] == [1.75, 2.375]


def test_average_range_equals_the_reference_table() -> None:
    """The stored ATR 14 of SPY is met within its rounding."""
    state = RangeState()
    path = shared_path("data", "indicator_reference", "spy_atr_wilder.csv")
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        high, low, close = (float(row[part]) for part in ("High", "Low", "Close"))
        observe_range(state, Bar(0, close, high, low, close, 1.0), 14)
        if row["Average True Range 14"]:
            assert average_range(state, 14) == pytest.approx(
                float(row["Average True Range 14"]), abs=5.5e-6
            )
    assert state.seen > 100
