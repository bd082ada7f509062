"""Where levels are first reached, by hand."""

from __future__ import annotations

import math

import numpy as np

from rigd.hosts.kernels.first_hits import (
    LAST,
    NEVER,
    comes_down_to,
    hit_stops,
    hit_targets,
    index_at,
    key_of,
    timed_exit,
)
from rigd.hosts.kernels.stepper import pack
from rigd.market.fills import STOP_GAPPED, STOP_HIT, TARGET_GAPPED, TARGET_HIT


def bars(*rows):
    """Return a day of bars (minute, open, high, low, close)."""
    return np.rec.array(pack([[(*row, 1.0) for row in rows]])[0])


DAY = bars(
    (5, 100.0, 100.5, 99.8, 100.0),
    (6, 100.0, 102.0, 99.0, 101.0),
    (9, 97.0, 98.0, 96.0, 97.5),
)


def test_keys_order_like_time_inside_a_bar() -> None:
    """Time exit, stop at the open, target at the open, stop, target, then the next minute."""
    inside = [key_of(7, touched) for touched in (STOP_GAPPED, TARGET_GAPPED, STOP_HIT, TARGET_HIT)]
    assert [56, *inside, 64] == sorted({56, *inside, 64})


def test_the_first_bar_at_a_minute_or_later() -> None:
    """Missing minutes are stepped over; past the end is the number of bars."""
    assert [index_at(DAY, minute) for minute in (0, 5, 6, 7, 9, 10)] == [0, 0, 1, 2, 2, 3]


def test_stops_are_hit_in_order_and_gaps_fill_at_the_open() -> None:
    """Long at 100: 0.5 % inside bar 6, 2 % by the gap to 97, 10 % never, off never."""
    fractions = np.array([0.005, 0.02, 0.1, math.nan])
    keys, prices = np.empty(4, np.int64), np.empty(4)
    hit_stops(DAY, 0, 3, 1, 100.0, fractions, 0.0, keys, prices)
    assert keys.tolist() == [key_of(6, STOP_HIT), key_of(9, STOP_GAPPED), NEVER, NEVER]
    assert prices.tolist() == [99.5, 97.0, 0.0, 0.0]


def test_targets_of_a_short_are_below() -> None:
    """Short at 100: 0.1 % in the bar of the entry, 2.5 % by the gap, 5 % never."""
    fractions = np.array([0.001, 0.025, 0.05])
    keys, prices = np.empty(3, np.int64), np.empty(3)
    hit_targets(DAY, 0, 3, -1, 100.0, fractions, 0.0, keys, prices)
    assert keys.tolist() == [key_of(5, TARGET_HIT), key_of(9, TARGET_GAPPED), NEVER]
    assert prices.tolist() == [99.9, 97.0, 0.0]


def test_the_time_exit_acts_at_the_next_bar_there_is() -> None:
    """Minute 7 has no bar: the exit is at the open of minute 9; past the end, the last mark."""
    assert timed_exit(DAY, 0, 7, 1, 0.0, 0.0) == (2, 72, 9, 97.0)
    assert timed_exit(DAY, 0, 30, 1, 0.0, 0.0) == (3, LAST, 9, 97.5)


def test_a_bar_that_opens_beyond_a_level_reaches_it() -> None:
    """The quick look never hides what `touch` would find."""
    assert comes_down_to(1, 99.0, 101.0, 100.0, 99.5)
    assert comes_down_to(-1, 101.0, 100.5, 99.0, 100.8)
    assert not comes_down_to(1, 100.0, 101.0, 99.6, 99.5)
