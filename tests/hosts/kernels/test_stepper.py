"""The compiled stepper gives the interpreted stepper's trades to the last bit."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from rigd.core.values import Bar
from rigd.hosts.kernels.stepper import (
    BAR,
    TRADE,
    compile_pair_stepper,
    compile_stepper,
    compiled,
    pack,
    record_type,
    trades_of,
)
from rigd.strategy import closing, midday, opening
from rigd.strategy.pairs import walk_pairs
from rigd.strategy.stepper import Trade, on_grid, walk_days
from tests.strategy.cases import cases
from tests.strategy.days import inverse_of, real_days, synthetic_days

MODULES = {"open": opening, "mid": midday, "close": closing}


@pytest.fixture(scope="module", params=["open", "mid", "close"])
def name(request):
    """Return the name of one strategy."""
    return request.param


@pytest.fixture(scope="module")
def step(name):
    """Return the compiled stepper of the strategy, compiled once."""
    return compile_stepper(MODULES[name].STRATEGY)


def assert_same_trades(name, step, days):
    """Run all cases both ways; return every trade."""
    bars, offsets = pack(days)
    found = []
    for case in cases(name):
        plain = walk_days(case.strategy, days, case.params, case.rules, case.plan)
        fast = trades_of(step(bars, offsets, case.params, case.rules, case.plan))
        assert fast == plain, case
        found.extend(plain)
    return found


def test_compiled_equals_interpreted_on_real_days(name, step) -> None:
    """Every real day, every parameter set, long and short."""
    trades = assert_same_trades(name, step, real_days())
    assert {trade.direction for trade in trades} == {1, -1}
    assert {trade.reason for trade in trades} == {1, 2, 3}


def test_compiled_equals_interpreted_on_synthetic_days(name, step) -> None:
    """200 seeded days with jumps, missing minutes and early ends."""
    trades = assert_same_trades(name, step, synthetic_days(2026, 200))
    assert {trade.direction for trade in trades} == {1, -1}
    assert {trade.reason for trade in trades} == {1, 2, 3}
    assert any(trade.stale for trade in trades)


def test_compiled_pairs_equal_interpreted_pairs(name) -> None:
    """A short side by an inverse ETF, on real and made-up days: the same trades to the last bit."""
    step = compile_pair_stepper(MODULES[name].STRATEGY)
    days = [*real_days(), *synthetic_days(2027, 60)]
    funds = [inverse_of(bars, number) for number, bars in enumerate(days)]
    series = (*pack(days), *pack(funds))
    of_fund = 0
    for case in list(cases(name))[::2]:
        plan = case.plan._replace(shorts=True)
        pairs = zip(days, funds, strict=True)
        plain = walk_pairs(case.strategy, pairs, case.params, case.rules, plan)
        rows, flags = step(*series, case.params, case.rules, plan)
        assert tuple(zip(trades_of(rows), flags.tolist(), strict=True)) == plain, case
        of_fund += sum(flags.tolist())
    assert of_fund > 100


def test_days_without_bars_give_no_trade(name, step) -> None:
    """An empty day between two others changes nothing but the day numbers."""
    case = next(iter(cases(name)))
    days = synthetic_days(2026, 40)
    holes = [part for day in days for part in (day, [])]
    plain = trades_of(step(*pack(days), case.params, case.rules, case.plan))
    spread = trades_of(step(*pack(holes), case.params, case.rules, case.plan))
    assert plain
    assert spread == tuple(trade._replace(day=2 * trade.day) for trade in plain)


def test_grid_is_the_same_compiled() -> None:
    """The rounding to 10⁻⁶ is compiled without contraction or reassociation."""
    fast, draws = compiled(on_grid), random.Random(9)  # noqa: S311 - test data
    assert all(fast(number / 128) == on_grid(number / 128) for number in range(1, 10_001, 2))
    for _ in range(50_000):
        middle = (draws.randrange(1, 10**9) + 0.5) / 1e6
        for price in (math.nextafter(middle, 0.0), middle, math.nextafter(middle, math.inf)):
            assert fast(price) == on_grid(price)


def test_the_same_function_is_compiled_once() -> None:
    """Helpers are shared between the strategies."""
    assert compiled(on_grid) is compiled(on_grid)


def test_records_have_the_fields_of_the_values() -> None:
    """The compiled run reads by name what the interpreted run reads by name."""
    assert BAR.names == Bar._fields
    assert TRADE.names == Trade._fields
    fields = record_type(midday.MidState)
    assert fields.names == midday.STRATEGY.state_fields
    assert {fields[part] for part in fields.names} == {np.dtype(np.float64)}


def test_pack_keeps_the_days_apart() -> None:
    """Offsets mark where each day begins and ends."""
    day = [Bar(0, 1.0, 2.0, 0.5, 1.5, 100.0), Bar(1, 1.5, 1.5, 1.5, 1.5, 5.0)]
    bars, offsets = pack([day, [], day[:1]])
    assert offsets.tolist() == [0, 2, 2, 3]
    assert [Bar(*row) for row in bars.tolist()] == [*day, day[0]]


def test_numba_is_imported_on_first_use_only() -> None:
    """Importing the module, and making its arrays, loads no numba."""
    code = (
        "import sys; from rigd.hosts.kernels import stepper; stepper.pack([]); "
        "print(sorted({'numba', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
