"""Hopping gives the outputs of the naive stepper with re-entry to the last bit."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from rigd.hosts.kernels.reentry import (
    UNLIMITED,
    TradeRules,
    compile_again,
    compile_hop,
    distinct_times,
    tally_in_order,
)
from rigd.hosts.kernels.sharing import Frictions
from rigd.hosts.kernels.stepper import TRADE, compile_stepper, compiled, pack
from rigd.hosts.kernels.tally import Costs
from tests.hosts.kernels.grids import MODULES, TRAILS, grid
from tests.strategy.days import real_days, synthetic_days

COSTS = Costs(10_000.0, 1e6, 1e-4)
FREE = TradeRules(UNLIMITED, np.ones(1), math.inf)
RULED = TradeRules(4, np.array([0.4, 0.2, 0.2, 0.2]), 15.0)
NAMES = ["open", "mid", "close"]


@cache
def kernels(name):
    """Return the kernels of a strategy, compiled once."""
    strategy = MODULES[name].STRATEGY
    return compile_hop(strategy), compile_again(strategy), compiled(tally_in_order)


def small(name, **options):
    """Return a grid with a longer breakout part, so that there is time to enter again."""
    return grid(name, longer=9 if name == "close" else 40, trails=TRAILS[::7], **options)


def assert_equal(made, days, rules, *, latency=0.0, slip=0.0, sample=40):
    """Run a grid both ways; return the naive one's trades and the most of one day."""
    hop, step, count = kernels(made.name)
    bars, offsets = pack(days)
    classes, frictions = np.zeros(len(days), np.int64), Frictions(latency, slip)
    got = hop(bars, offsets, classes, made.entries, made.exits, frictions, COSTS, rules)
    trades, most, want = 0.0, 0, np.empty(6)
    for number in np.random.default_rng(3).permutation(len(made.points))[:sample]:
        point = made.points[number]
        rows = step(bars, offsets, point.params, point.rules, point.plan)
        count(rows, bars, offsets, COSTS, rules, want)
        assert got[point.place].tolist() == want.tolist(), point
        trades += want[0]
        most = max(most, int(np.bincount(rows["day"], minlength=1).max()))
    return trades, most


@pytest.mark.parametrize("name", NAMES)
def test_unlimited_re_entry_on_real_days(name) -> None:
    """Every real day, several trades a day."""
    trades, most = assert_equal(small(name), real_days(), FREE)
    assert trades > 400
    assert most > 2


@pytest.mark.parametrize("name", NAMES)
def test_caps_weights_and_the_loss_limit_in_trade_order(name) -> None:
    """Four entries a day by weight, and none after the day's loss; with latency and slippage."""
    made = small(name, latency=1 / 240, slip=3e-4)
    trades, most = assert_equal(made, synthetic_days(2026, 40), RULED, latency=1 / 240, slip=3e-4)
    assert trades > 400
    assert most > 4


@pytest.mark.parametrize("name", NAMES)
def test_the_first_trade_of_a_day_is_the_naive_steppers(name) -> None:
    """Without a second entry the stepper with re-entry is the stepper."""
    _, again, _ = kernels(name)
    step = compile_stepper(MODULES[name].STRATEGY)
    bars, offsets = pack([*real_days(), *synthetic_days(8, 40)])
    for point in small(name).points[:: 97 if name == "open" else 201]:
        once = step(bars, offsets, point.params, point.rules, point.plan)
        many = again(bars, offsets, point.params, point.rules, point.plan)
        firsts = many[np.unique(many["day"], return_index=True)[1]]
        assert firsts.tolist() == once.tolist()


def test_the_day_ends_after_its_loss_and_its_cap() -> None:
    """By hand: 100 shares; -50 and then +30 with a limit of 40 is one trade; weights halve."""
    trades = np.zeros(3, TRADE)
    for number, (minute, entered, left) in enumerate([
        (1, 10.0, 9.5),
        (5, 10.0, 10.3),
        (9, 10.0, 10.1),
    ]):
        trades[number]["direction"] = 1
        trades[number]["signal_minute"] = minute
        trades[number]["entry_minute"], trades[number]["exit_minute"] = minute + 1, minute + 3
        trades[number]["entry_price"], trades[number]["exit_price"] = entered, left
    bars, offsets = pack([[(minute, 10.0, 10.0, 10.0, 10.0, 1.0) for minute in range(20)]])
    costs, out = Costs(1000.0, 1.0, 0.0), np.empty(6)
    tally_in_order(np.rec.array(trades), np.rec.array(bars), offsets, costs, FREE, out)
    assert out.tolist() == pytest.approx([3, -10.0, 2, 50.0, 6, 100.0])
    limited = TradeRules(9, np.ones(1), 40.0)
    tally_in_order(np.rec.array(trades), np.rec.array(bars), offsets, costs, limited, out)
    assert out.tolist() == pytest.approx([1, -50.0, 0, 50.0, 2, 2500.0])
    halved = TradeRules(2, np.array([1.0, 0.5]), math.inf)
    tally_in_order(np.rec.array(trades), np.rec.array(bars), offsets, costs, halved, out)
    assert out.tolist() == pytest.approx([2, -35.0, 1, 50.0, 4, 1225.0])


def test_distinct_times_of_each_length_of_a_session() -> None:
    """Equal time exits share one table; a shorter list is filled up."""
    exits = np.array([[[60, 30], [90, 30]], [[90, 30], [120, 40]]])
    times, which = distinct_times(exits)
    assert times.tolist() == [[60, 90, 120], [30, 40, 40]]
    assert which[:, :, 0].tolist() == [[0, 1], [1, 2]]
    assert which[:, :, 1].tolist() == [[0, 0], [0, 1]]
