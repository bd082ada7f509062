"""Sharing gives the naive stepper's outputs to the last bit, for every combination."""

from __future__ import annotations

import math
import os
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigd.core.values import Bar
from rigd.hosts.kernels.axes import TrailRow
from rigd.hosts.kernels.sharing import Frictions, accumulate, compile_share
from rigd.hosts.kernels.stepper import compile_stepper, compiled, pack
from rigd.hosts.kernels.tally import Costs, tally
from tests.hosts.kernels.grids import MODULES, OFF, grid
from tests.strategy.days import flat, real_days, synthetic_days

COSTS = Costs(10_000.0, 1e6, 1e-4)
NAMES = ["open", "mid", "close"]
SAMPLE = 150
"""Combinations of a grid that are stepped one by one, drawn by a seed; the long test takes all."""


@cache
def kernels(name):
    """Return both kernels of a strategy, compiled once."""
    strategy = MODULES[name].STRATEGY
    return compile_share(strategy), compile_stepper(strategy), compiled(tally)


def assert_equal(made, days, *, latency=0.0, slip=0.0, sample=SAMPLE):
    """Run a grid both ways; return the number of trades of the naive one."""
    share, step, count = kernels(made.name)
    bars, offsets = pack(days)
    classes = np.zeros(len(days), np.int64)
    got = share(bars, offsets, classes, made.entries, made.exits, Frictions(latency, slip), COSTS)
    draws = np.random.default_rng(len(days))
    chosen = draws.permutation(len(made.points))[:sample]
    trades = 0.0
    want = np.empty(6)
    for number in chosen:
        point = made.points[number]
        rows = step(bars, offsets, point.params, point.rules, point.plan)
        count(rows, bars, offsets, COSTS, want)
        assert got[point.place].tolist() == want.tolist(), point
        trades += want[0]
    return trades


@pytest.mark.parametrize("name", NAMES)
def test_sharing_equals_the_stepper_on_real_days(name) -> None:
    """Every real day, all exit kinds, long and short."""
    assert assert_equal(grid(name), real_days()) > 1000


@pytest.mark.parametrize("name", NAMES)
def test_sharing_equals_the_stepper_on_synthetic_days(name) -> None:
    """60 seeded days with jumps, missing minutes and early ends, with latency and slippage."""
    made = grid(name, latency=1 / 240, slip=3e-4)
    assert assert_equal(made, synthetic_days(2026, 60), latency=1 / 240, slip=3e-4) > 1000


@pytest.mark.system
@pytest.mark.parametrize("name", NAMES)
def test_sharing_equals_the_stepper_on_500_days(name) -> None:
    """500 seeded days, every combination of the grid."""
    made = grid(name, latency=1 / 240, slip=3e-4)
    everything = len(made.points)
    days = synthetic_days(2027, 500)
    assert assert_equal(made, days, latency=1 / 240, slip=3e-4, sample=everything) > 100_000


@pytest.mark.parametrize("name", NAMES)
def test_a_grid_that_is_wide_on_the_other_side(name) -> None:
    """Many targets and one stop: the sides change places, the outputs do not."""
    targets = [0.0005 * number for number in range(1, 70)]
    trails = [TrailRow(0.002, 0.5, 150.0, OFF, 14)]
    made = grid(name, stops=(OFF,), targets=targets, trails=trails)
    assert assert_equal(made, synthetic_days(5, 20)) > 100


def test_days_without_bars_and_days_without_trades_count_nothing() -> None:
    """A grid over quiet and empty days is all zeros."""
    made = grid("open")
    share, _, _ = kernels("open")
    bars, offsets = pack([[], flat(range(390)), [], flat(range(15))])
    frictions = Frictions(0.0, 0.0)
    got = share(bars, offsets, np.zeros(4, np.int64), made.entries, made.exits, frictions, COSTS)
    assert not got.any()


def test_each_day_has_the_window_of_its_own_length() -> None:
    """Half days are a second class: their own window, and none where it does not fit."""
    made = grid("open")
    entries = made.entries
    never = np.full_like(entries.entry_ends, -1)
    both = entries._replace(
        params=np.concatenate([entries.params] * 2, axis=1),
        starts=np.concatenate([entries.starts] * 2, axis=1),
        signal_ends=np.concatenate([entries.signal_ends] * 2, axis=1),
        entry_ends=np.concatenate([entries.entry_ends, never], axis=2),
        exit_minutes=np.concatenate([entries.exit_minutes] * 2, axis=2),
    )
    share, _, _ = kernels("open")
    days = synthetic_days(3, 12)
    classes = np.array([0, 1] * 6)
    frictions = Frictions(0.0, 0.0)
    got = share(*pack(days), classes, both, made.exits, frictions, COSTS)
    kept = share(*pack(days[::2]), np.zeros(6, np.int64), entries, made.exits, frictions, COSTS)
    assert got.tolist() == kept.tolist()
    assert got[..., 0].max() > 0


def test_interpreted_and_compiled_sums_are_the_same() -> None:
    """The loop over combinations gives the same sums in plain Python."""
    draws = np.random.default_rng(11)
    sides = [
        side
        for width in (48, 3)
        for side in (
            draws.integers(0, 50, (4, width)),
            draws.normal(size=(4, width)),
            draws.integers(0, 99, (4, width)),
        )
    ]
    plain = [*(np.zeros((3, 48)) for _ in range(4)), np.zeros((3, 48), np.int64)]
    fast = [array.copy() for array in plain]
    accumulate(*plain, *sides)
    compiled(accumulate)(*fast, *sides)
    for one, other in zip(plain, fast, strict=True):
        assert one.tolist() == other.tolist()


@st.composite
def odd_days(draw):
    """Draw a few days: gaps, missing minutes, cut ends, flat prices, and bars that jump."""
    days = []
    for _ in range(draw(st.integers(1, 3))):
        minutes = sorted(draw(st.sets(st.integers(0, 70), min_size=1, max_size=60)))
        price = draw(st.sampled_from([0.5, 10.0, 100.01, 4999.99]))
        bars = []
        for minute in minutes:
            moves = draw(st.tuples(*[st.integers(-3, 3)] * 4))
            o, c, up, down = (price * (1.0 + move * 0.001) for move in moves)
            bars.append(
                Bar(
                    minute,
                    o,
                    max(o, c, up),
                    min(o, c, down),
                    c,
                    draw(st.sampled_from([0.0, 100.0])),
                )
            )
            price = c
        days.append(bars)
    return days


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=bool(os.environ.get("CI")),
)
@given(
    days=odd_days(),
    stops=st.lists(st.sampled_from([0.001, 0.002, 0.0035, 0.9, OFF]), min_size=1, max_size=3),
    targets=st.lists(st.sampled_from([0.001, 0.003, 2.0, OFF]), min_size=1, max_size=3),
    trails=st.lists(
        st.builds(
            TrailRow,
            st.sampled_from([0.0004, 0.001, 0.003, OFF]),
            st.sampled_from([0.0, 0.3, 1.0, 1.5]),
            st.sampled_from([0.0, 59.0, 61.0, 600.0, 9000.0]),
            st.sampled_from([0.5, 2.0, OFF]),
            st.sampled_from([1, 3]),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_odd_grids_over_odd_days_are_equal(days, stops, targets, trails) -> None:
    """Levels that repeat, are off or lie beyond reach; trails of any family; days of any shape."""
    made = grid("open", stops=stops, targets=targets, trails=trails, triggers=(0.0, 0.0005))
    assert assert_equal(made, days, sample=60) >= 0.0
    assert not math.isnan(made.entries.required.sum())
