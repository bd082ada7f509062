"""The naive stepper against an independent reading of SPEC §3a, and against rules by hand."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.money import price_from_float
from rigd.core.values import Bar, ExitReason
from rigd.market.fills import NO_TOUCH, STOP_GAPPED, STOP_HIT, TARGET_GAPPED, TARGET_HIT
from rigd.strategy import opening
from rigd.strategy.stepper import (
    REASONS,
    STOPPED,
    TARGET,
    TIMED_OUT,
    StepPlan,
    end_in,
    make_walk,
    on_grid,
    reason_of,
    walk_days,
)
from tests.strategy import oracle
from tests.strategy.cases import OFF, PLAIN, cases
from tests.strategy.days import flat, real_days, synthetic_days

PARAMS = opening.OpenParams(0, 5, 8, 0.001)
PLAN = StepPlan(entry_end=20, exit_minute=20, required_bars=4, shorts=True)


def signal_day(after):
    """Return quiet bars at 100 on 0-4, a breakout close of 101 on 5, then the bars given."""
    breakout = Bar(5, 100.0, 101.0, 100.0, 101.0, 100.0)
    return [*flat(range(5)), breakout, *after]


def run(bars, rules=PLAIN, plan=PLAN, params=PARAMS):
    """Return the trade of one day without its day number, or None."""
    trades = walk_days(opening.STRATEGY, [bars], params, rules, plan)
    return trades[0][:8] if trades else None


def as_told(trade):
    """Return a trade in the oracle's form."""
    return (*trade[:6], REASONS[trade.reason].value, trade.stale)


@pytest.mark.parametrize("name", ["open", "mid", "close"])
def test_stepper_equals_the_oracle_on_real_days(name) -> None:
    """Every real day and every parameter set gives the trade of the independent reading."""
    days = real_days()
    tables = [oracle.day_table(bars) for bars in days]
    traded = 0
    for case in cases(name):
        found = {
            trade.day: as_told(trade)
            for trade in walk_days(case.strategy, days, case.params, case.rules, case.plan)
        }
        for number, table in enumerate(tables):
            told = oracle.trade(name, table, case.params, case.rules, case.plan)
            assert found.get(number) == told, (case, number)
        traded += len(found)
    assert traded > 200


@pytest.mark.parametrize("name", ["open", "mid", "close"])
def test_stepper_equals_the_oracle_on_synthetic_days(name) -> None:
    """Jumps, missing minutes and days that end early give the trade of the reading."""
    days = synthetic_days(20261120, 120)
    tables = [oracle.day_table(bars) for bars in days]
    reasons = set()
    for number, case in enumerate(cases(name)):
        chosen = days[number % 5 :: 5]
        found = {
            trade.day: as_told(trade)
            for trade in walk_days(case.strategy, chosen, case.params, case.rules, case.plan)
        }
        for day, table in enumerate(tables[number % 5 :: 5]):
            told = oracle.trade(name, table, case.params, case.rules, case.plan)
            assert found.get(day) == told, (case, day)
        reasons |= {(trade[6], trade[7]) for trade in found.values()}
    assert {("stop_loss", False), ("target_hit", False), ("timeout", False)} <= reasons


def test_entry_fills_on_the_next_bar_that_exists() -> None:
    """A minute without a bar moves the fill to the symbol's next bar (SPEC §3a.3, 3a.8)."""
    bars = signal_day(flat([9, *range(10, 21)], 101.5))
    assert run(bars) == (1, 5, 9, 20, 101.5, 101.5, TIMED_OUT, False)


def test_entry_at_the_end_of_monitoring_expires() -> None:
    """The next bar lies at the end of monitoring, so there is no trade (SPEC §3a.3)."""
    assert run(signal_day(flat([20, 21], 101.5))) is None
    assert run(signal_day(flat([19, 20], 101.5))) is not None


def test_signal_on_the_last_bar_of_the_day_expires() -> None:
    """Without a next bar nothing fills."""
    assert run(signal_day([])) is None


def test_one_entry_per_session() -> None:
    """After a stop inside the breakout part a second breakout is not taken (SPEC §3a.3)."""
    bars = signal_day([
        Bar(6, 101.0, 101.0, 97.0, 101.0, 100.0),  # entry at 101, trail 98.98 is hit
        Bar(7, 102.0, 103.0, 102.0, 103.0, 100.0),
        *flat(range(8, 21), 103.0),
    ])
    assert run(bars) == (1, 5, 6, 6, 101.0, 98.98, STOPPED, False)


def test_short_signal_is_ignored_when_shorts_are_disabled() -> None:
    """SHORT_TYPE disabled: a fall is nothing, a later rise still is a long."""
    bars = [
        *flat(range(5)),
        Bar(5, 100.0, 100.0, 99.0, 99.0, 100.0),
        Bar(6, 99.0, 101.0, 99.0, 101.0, 100.0),
        *flat(range(7, 21), 101.0),
    ]
    assert run(bars)[:3] == (-1, 5, 6)
    assert run(bars, plan=PLAN._replace(shorts=False))[:3] == (1, 6, 7)


def test_symbol_with_too_few_analysis_bars_is_skipped() -> None:
    """Three of five analysis bars are under 80 %, four are not (SPEC §3a.1)."""
    bars = signal_day(flat(range(6, 21), 101.0))
    assert run(bars[1:]) is not None
    assert run(bars[2:]) is None


def test_levels_act_on_the_entry_bar_without_the_test_of_the_open() -> None:
    """On the entry bar a target below the open fills at its level, not at the open."""
    # Half a bar from 103 to 101 is 102; the target 102 × 1.005 = 102.51 lies under the open.
    bars = signal_day([Bar(6, 103.0, 103.0, 101.0, 101.0, 100.0)])
    rules = PLAIN._replace(target_fraction=0.005)
    trade = run(bars, rules, PLAN._replace(latency_fraction=0.5))
    assert trade == (1, 5, 6, 6, 102.0, 102.51, TARGET, False)


def test_stop_comes_before_target_inside_one_bar() -> None:
    """A bar that reaches both ends at the stop (SPEC §3a.6)."""
    bars = signal_day([Bar(6, 101.0, 110.0, 90.0, 100.0, 100.0)])
    rules = PLAIN._replace(stop_fraction=0.01, target_fraction=0.01)
    assert run(bars, rules) == (1, 5, 6, 6, 101.0, 99.99, STOPPED, False)


def test_gap_beyond_the_stop_exits_at_the_open() -> None:
    """An open under the stop fills there, with slippage, not at the level (SPEC §3a.6)."""
    # Entry 101 × 1.001 = 101.101, exit 95 × 0.999 = 94.905.
    bars = signal_day([*flat([6], 101.0), *flat([7], 95.0)])
    trade = run(bars, plan=PLAN._replace(slippage=0.001))
    assert trade == (1, 5, 6, 7, 101.101, 94.905, STOPPED, False)


def test_gap_beyond_the_target_exits_at_the_open_without_slippage() -> None:
    """A limit fills at the better open (SPEC §3a.4, 3a.6)."""
    bars = signal_day([*flat([6], 101.0), *flat([7], 104.0)])
    rules = PLAIN._replace(target_fraction=0.02)
    trade = run(bars, rules, PLAN._replace(slippage=0.001))
    assert trade == (1, 5, 6, 7, 101.101, 104.0, TARGET, False)


def test_peak_takes_the_high_after_the_bar() -> None:
    """A bar's own high does not raise the stop that acts inside it (SPEC §3a.6)."""
    # Entry 101, trail 2 %: 98.98. Bar 6 goes to 103 and back to 100: no exit. Then the stop is
    # 103 × 0.98 = 100.94, hit by bar 7's low of 100.5.
    bars = signal_day([
        Bar(6, 101.0, 103.0, 100.0, 102.0, 100.0),
        Bar(7, 102.0, 102.0, 100.5, 101.0, 100.0),
    ])
    assert run(bars) == (1, 5, 6, 7, 101.0, 100.94, STOPPED, False)


def test_latency_lies_on_the_line_from_open_to_close() -> None:
    """A quarter of the bar from 101 to 103 is 101.5, at entry and at the time exit."""
    bars = signal_day([
        Bar(6, 101.0, 103.0, 101.0, 103.0, 100.0),
        *flat(range(7, 20), 103.0),
        Bar(20, 103.0, 103.0, 101.0, 101.0, 100.0),
    ])
    trade = run(bars, plan=PLAN._replace(latency_fraction=0.25))
    assert trade == (1, 5, 6, 20, 101.5, 102.5, TIMED_OUT, False)


def test_time_exit_has_precedence_over_a_level_at_the_same_open() -> None:
    """A gap through the stop at the exit minute is a timeout (SPEC §3a.7)."""
    bars = signal_day([*flat(range(6, 20), 101.0), *flat([20], 90.0)])
    assert run(bars) == (1, 5, 6, 20, 101.0, 90.0, TIMED_OUT, False)


def test_time_exit_acts_on_the_next_bar_that_exists() -> None:
    """The exit minute has no bar, so the exit is the open of the next one (SPEC §3a.8)."""
    bars = signal_day([*flat(range(6, 20), 101.0), *flat([23], 90.0)])
    assert run(bars) == (1, 5, 6, 23, 101.0, 90.0, TIMED_OUT, False)


def test_trade_left_open_is_closed_at_its_last_mark_and_flagged() -> None:
    """The bars end at minute 9 with the trade open: stale exit at the last close (SPEC §3a.8)."""
    bars = signal_day([*flat(range(6, 9), 101.0), Bar(9, 101.0, 101.0, 100.0, 100.5, 100.0)])
    trade = run(bars, plan=PLAN._replace(slippage=0.001))
    assert trade == (1, 5, 6, 9, 101.101, 100.5, TIMED_OUT, True)


def test_trail_survives_a_missing_minute() -> None:
    """State carries over a gap in the minutes; the open beyond the stop exits there."""
    bars = signal_day([
        Bar(6, 101.0, 105.0, 101.0, 105.0, 100.0),  # peak 105, stop 102.9
        *flat([15], 102.0),
    ])
    assert run(bars) == (1, 5, 6, 15, 101.0, 102.0, STOPPED, False)


def test_atr_trail_waits_for_its_period() -> None:
    """With a period of 7 the ATR stop first acts on the bar after seven bars."""
    # True ranges: five 0, then 1 (bar 5), then 0 (bar 6, flat at the close of 101): mean 1/7.
    # After bar 6: stop 101 - 2 × 0.142857… = 100.714286, hit by bar 7.
    bars = signal_day([*flat([6], 101.0), Bar(7, 101.0, 101.0, 100.6, 101.0, 100.0)])
    rules = PLAIN._replace(atr_mult=2.0, atr_period=7)
    assert run(bars, rules) == (1, 5, 6, 7, 101.0, 100.714286, STOPPED, False)
    longer = run(bars, rules._replace(atr_period=8))
    assert longer == (1, 5, 6, 7, 101.0, 101.0, TIMED_OUT, True)


def test_days_are_independent() -> None:
    """A day's trade does not depend on the day before it; day numbers count from 0."""
    day = signal_day(flat(range(6, 21), 101.0))
    quiet = flat(range(30))
    trades = walk_days(opening.STRATEGY, [day, quiet, day], PARAMS, PLAIN, PLAN)
    assert [trade.day for trade in trades] == [0, 2]
    assert trades[0]._replace(day=2) == trades[1]


def test_walk_of_an_empty_day_is_no_trade() -> None:
    """No bars, no trade; direction 0 says so."""
    walk = make_walk(opening.entry, opening.analysis_bars, opening.vwap)
    assert walk([], opening.OpenState(), None, PARAMS, PLAIN, PLAN).direction == 0


def test_end_in_answers_zero_while_the_trade_goes_on() -> None:
    """No level touched before the exit minute: reason 0."""
    bar = flat([7])[0]
    code, _ = end_in(bar, 1, 100.0, 100.0, True, OFF, OFF, PLAIN, PLAN)
    assert code == 0


def test_reason_of_every_touch() -> None:
    """The five answers of the fill rules map to the reasons of document 070."""
    table = {
        NO_TOUCH: 0,
        STOP_HIT: STOPPED,
        STOP_GAPPED: STOPPED,
        TARGET_HIT: TARGET,
        TARGET_GAPPED: TARGET,
    }
    assert {touched: reason_of(touched) for touched in table} == table
    assert REASONS[STOPPED] is ExitReason.STOP_LOSS
    assert REASONS[TARGET] is ExitReason.TARGET_HIT
    assert REASONS[TIMED_OUT] is ExitReason.TIMEOUT


def test_grid_equals_the_exact_rounding_on_random_prices() -> None:
    """The float operation gives the double of the decimal rounding, price by price."""
    draws = random.Random(7)  # noqa: S311 - test data
    prices = [math.exp(draws.uniform(-6.0, 12.0)) for _ in range(150_000)]
    assert all(on_grid(price) == float(price_from_float(price)) for price in prices)


def test_grid_equals_the_exact_rounding_next_to_ties() -> None:
    """Prices at and around half a step round as the decimals do, and naive rounding does not."""
    draws = random.Random(8)  # noqa: S311 - test data
    naive_misses = 0
    for _ in range(30_000):
        middle = (draws.randrange(1, 10**9) + 0.5) / 1e6
        for price in (math.nextafter(middle, 0.0), middle, math.nextafter(middle, math.inf)):
            exact = float(price_from_float(price))
            assert on_grid(price) == exact
            naive_misses += round(price * 1e6) / 1e6 != exact
    assert naive_misses > 0


def test_exact_ties_go_to_the_even_neighbour() -> None:
    """Odd multiples of 1/128 are exact halves of a step: 7812.5 and 23437.5 steps by hand."""
    assert on_grid(1 / 128) == 0.007812
    assert on_grid(3 / 128) == 0.023438
    ties = [number / 128 for number in range(1, 60_001, 2)]
    assert all(on_grid(price) == float(price_from_float(price)) for price in ties)


@settings(max_examples=300)
@given(st.floats(1e-5, 4e9, allow_nan=False))
def test_grid_is_idempotent_and_exact(price) -> None:
    """A price on the grid stays, and any price meets the exact rounding."""
    assert on_grid(price) == float(price_from_float(price))
    assert on_grid(on_grid(price)) == on_grid(price)
