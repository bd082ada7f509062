"""A short side by an inverse ETF: the stepper against an independent reading, and by hand."""

from __future__ import annotations

import pytest

from rigd.core.values import Bar
from rigd.strategy import midday, opening
from rigd.strategy.exits import ExitRules
from rigd.strategy.pairs import walk_pairs
from rigd.strategy.stepper import REASONS, STOPPED, TARGET, TIMED_OUT, StepPlan
from tests.strategy import oracle
from tests.strategy.cases import OFF, PLAIN, cases
from tests.strategy.days import flat, inverse_of, real_days, synthetic_days

PARAMS = opening.OpenParams(0, 5, 8, 0.001)
PLAN = StepPlan(entry_end=20, exit_minute=20, required_bars=4, shorts=True)
FALL = [*flat(range(5)), Bar(5, 100.0, 100.0, 99.0, 99.0, 100.0), *flat(range(6, 25), 99.0)]


def run(fund, rules=PLAIN, bars=FALL):
    """Return the trade of one day without its day number, and whether it is the fund's."""
    found = walk_pairs(opening.STRATEGY, [(bars, fund)], PARAMS, rules, PLAN)
    return [(trade[:8], of_fund) for trade, of_fund in found]


@pytest.mark.parametrize("name", ["open", "mid", "close"])
@pytest.mark.parametrize("days", [real_days(), synthetic_days(20261128, 60)], ids=["real", "made"])
def test_pair_stepper_equals_the_oracle(name, days) -> None:
    """Every day with an inverse fund of other minutes gives the trade of the reading."""
    pairs = [(bars, inverse_of(bars, number)) for number, bars in enumerate(days)]
    tables = [(oracle.day_table(bars), oracle.day_table(fund)) for bars, fund in pairs]
    of_funds, reasons = 0, set()
    for case in list(cases(name))[::3]:
        plan = case.plan._replace(shorts=True)
        walked = walk_pairs(case.strategy, pairs, case.params, case.rules, plan)
        found = {
            trade.day: ((*trade[:6], REASONS[trade.reason].value, trade.stale), of_fund)
            for trade, of_fund in walked
        }
        for number, (table, fund) in enumerate(tables):
            told = oracle.trade_with_fund(name, table, fund, case.params, case.rules, plan)
            assert found.get(number) == told, (case, number)
        of_funds += sum(of_fund for _, of_fund in walked)
        reasons |= {trade.reason for trade, _ in walked}
    assert of_funds > 40
    assert {STOPPED, TARGET, TIMED_OUT} >= reasons >= {STOPPED, TIMED_OUT}


def test_short_signal_buys_the_fund_at_its_next_open() -> None:
    """The signal is the symbol's at minute 5; entry 25, time exit 26: a long of the fund."""
    fund = [*flat(range(6), 24.0), *flat([7], 25.0), *flat(range(8, 25), 26.0)]
    assert run(fund) == [((1, 5, 7, 20, 25.0, 26.0, TIMED_OUT, False), True)]


def test_levels_are_the_funds_own() -> None:
    """2 % under the fund's entry of 25 is 24.5, whatever the symbol does."""
    fund = [*flat(range(7), 25.0), Bar(7, 25.0, 25.0, 24.4, 24.6, 100.0), *flat(range(8, 25), 25.0)]
    assert run(fund) == [((1, 5, 6, 7, 25.0, 24.5, STOPPED, False), True)]


def test_signal_waits_for_a_minute_in_which_the_fund_has_a_bar() -> None:
    """No bar of the fund at minutes 5 and 6: the signal of minute 7 counts, the last one asked."""
    bars = [*flat(range(5)), *flat(range(5, 25), 99.0)]
    fund = [*flat(range(5), 25.0), *flat(range(7, 25), 25.0)]
    assert [row[0][1:3] for row in run(fund, bars=bars)] == [(7, 8)]
    assert run([*flat(range(5), 25.0), *flat(range(9, 25), 25.0)], bars=bars) == []


def test_fund_without_bars_makes_no_trade_and_a_later_rise_is_a_long() -> None:
    """The short side is turned down, the long side lives on."""
    bars = [*FALL[:6], Bar(6, 99.0, 101.0, 99.0, 101.0, 100.0), *flat(range(7, 25), 101.0)]
    assert run([]) == []
    assert run([], bars=bars) == [((1, 6, 7, 20, 101.0, 101.0, TIMED_OUT, False), False)]


def test_entry_that_finds_no_bar_in_time_expires() -> None:
    """The fund trades again at the end of monitoring only."""
    assert run([*flat(range(6), 25.0), *flat(range(20, 25), 25.0)]) == []


def test_vwap_touch_is_a_touch_of_the_funds_vwap() -> None:
    """A short of mid ends where the fund reaches its own VWAP, at the previous bar's close."""
    params = midday.MidParams(0, 5, 8, 0.001)
    rules = ExitRules(OFF, OFF, 0.2, 0.5, 150.0, True, OFF, 14)
    bars = [*flat(range(5)), *flat(range(5, 25), 101.0)]
    # The fund: 5 bars at 25, then 2 at 24: VWAP (5 × 25 + 2 × 24) / 7 = 24.714286.
    fund = [*flat(range(5), 25.0), *flat([5, 6], 24.0), Bar(7, 24.0, 25.0, 24.0, 24.9, 100.0)]
    ((trade, of_fund),) = walk_pairs(midday.STRATEGY, [(bars, fund)], params, rules, PLAN)
    assert of_fund
    assert trade[:8] == (1, 5, 6, 7, 24.0, 24.714286, TARGET, False)
