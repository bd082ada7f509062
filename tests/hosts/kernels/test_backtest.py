"""What a backtest does bar by bar, plain and compiled, against the stepper it must agree with."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.hosts.kernels.backtest import (
    BARS_ENDED,
    TIME_EXIT,
    blank_states,
    compile_hold,
    compile_run,
    compile_scan,
    hold,
    make_run,
    make_scan,
    pack_bars,
    plain_hold,
)
from rigd.hosts.kernels.stepper import compile_stepper, pack, trades_of
from rigd.market.fills import STOP_HIT, TARGET_HIT
from rigd.strategy import closing, midday, opening
from rigd.strategy.exits import ExitRules
from rigd.strategy.stepper import StepPlan, walk_days
from rigd.strategy.trailing import RangeState
from tests.strategy.days import flat, synthetic_days

OFF = float("nan")
RULES = {
    "trail": ExitRules(OFF, OFF, 0.004, 0.5, 150.0, False, OFF, 14),
    "stop and target": ExitRules(0.002, 0.003, OFF, 0.5, 150.0, False, OFF, 14),
    "touch and range": ExitRules(OFF, 0.02, 0.01, 0.5, 150.0, True, 2.0, 14),
}
CASES = {
    "open": (opening.STRATEGY, opening.OpenParams(0, 20, 30, 0.0003), 60),
    "mid": (midday.STRATEGY, midday.MidParams(150, 165, 175, 0.0005), 205),
    "close": (closing.STRATEGY, closing.CloseParams(364, 369, 372, 0.0005, 1.0), 387),
}


@pytest.mark.parametrize("name", CASES)
def test_the_scan_finds_what_the_entry_rule_says(name) -> None:
    """Plain and compiled, signals and final states are those of the rule called bar by bar."""
    strategy, params, _ = CASES[name]
    days = synthetic_days(7, 12)
    bars = pack_bars(days)
    ends = np.cumsum([len(day) for day in days])
    starts = ends - [len(day) for day in days]
    signals = np.zeros(len(bars), dtype=np.int8)
    states = blank_states(strategy, len(days))
    compile_scan(strategy)(bars, starts, ends, states, params, 0, 390, signals)
    scan = make_scan(strategy.entry)
    for number, day in enumerate(days):
        state, mine = strategy.new_state(), np.zeros(len(day), dtype=np.int8)
        scan(day, state, params, 0, 390, mine)
        rule = strategy.new_state()
        assert mine.tolist() == [int(strategy.entry(rule, bar, params)) for bar in day]
        assert signals[starts[number] : ends[number]].tolist() == mine.tolist()
        assert strategy.state(*states[number].tolist()) == state == rule


def test_minutes_outside_the_span_are_not_shown() -> None:
    """The scan begins at its first minute and ends before `until`."""
    strategy, params, _ = CASES["open"]
    state = strategy.new_state()
    make_scan(strategy.entry)(flat(range(390)), state, params, 5, 15, np.zeros(390, dtype=np.int8))
    assert state.bars == 10.0


@pytest.mark.parametrize("label", RULES)
@pytest.mark.parametrize("name", CASES)
def test_a_trade_ends_where_the_stepper_ends_it(name, label) -> None:
    """From the stepper's own entry, plain and compiled, the trade ends in its bar."""
    strategy, params, exit_minute = CASES[name]
    rules = RULES[label]._replace(vwap_touch=name == "mid")
    end = exit_minute if name != "close" else 372
    plan = StepPlan(end, exit_minute, 1, True)
    days = synthetic_days(8, 40)
    followed = compile_hold()
    trades = walk_days(strategy, days, params, rules, plan)
    assert len(trades) > 5
    for trade in trades:
        bars = days[trade.day]
        first = next(i for i, bar in enumerate(bars) if bar.minute == trade.entry_minute)
        asked = (first, trade.direction, trade.entry_price, rules, exit_minute)
        code, at, price = plain_hold(bars, *asked)
        assert followed(pack_bars([bars]), *asked) == (code, at, price)
        assert bars[at].minute == trade.exit_minute
        assert price == pytest.approx(trade.exit_price, abs=5.1e-7)
        assert (code == BARS_ENDED) is trade.stale


@pytest.mark.parametrize("shorts", [True, False])
@pytest.mark.parametrize("label", RULES)
@pytest.mark.parametrize("name", CASES)
def test_a_run_is_the_steppers_walk(name, label, shorts) -> None:
    """Search and hold one after the other, plain and compiled: bit-equal to the naive stepper."""
    strategy, params, exit_minute = CASES[name]
    rules = RULES[label]._replace(vwap_touch=name == "mid")
    end = exit_minute if name != "close" else 372
    plan = StepPlan(end, exit_minute, 4, shorts, 0.3, 0.0004)
    days = synthetic_days(9, 60)
    bars, offsets = pack(days)
    expected = compile_stepper(strategy)(bars, offsets, params, rules, plan)
    assert len(expected) > 5
    found = compile_run(strategy)(bars, offsets, params, rules, plan)
    assert found.tobytes() == expected.tobytes()
    run = make_run(strategy.entry, strategy.analysis_bars, hold)
    plain = [
        run(day, strategy.new_state(), RangeState(), params, rules, plan)._replace(day=number)
        for number, day in enumerate(days)
    ]
    assert [t for t in plain if t.direction] == list(trades_of(expected))


def test_codes_say_how_a_trade_ended() -> None:
    """A level inside a bar, the time exit and the end of the bars are told apart."""
    rules = ExitRules(0.01, 0.01, OFF, 0.5, 150.0, False, OFF, 14)
    bars = flat(range(60))
    assert plain_hold(bars, 2, 1, 100.0, rules, 50) == (TIME_EXIT, 50, 100.0)
    assert plain_hold(bars, 2, 1, 100.0, rules, 80) == (BARS_ENDED, 59, 100.0)
    fallen = [*bars[:10], bars[10]._replace(low=98.0), *bars[11:]]
    assert plain_hold(fallen, 2, 1, 100.0, rules, 50) == (STOP_HIT, 10, 99.0)
    assert plain_hold(fallen, 2, -1, 100.0, rules, 50) == (TARGET_HIT, 10, 99.0)
