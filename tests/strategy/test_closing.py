"""The strategy close, bar by bar."""

from __future__ import annotations

import math

import pytest

from rigd.config.choices import CloseMode
from rigd.core.values import Bar
from rigd.strategy import closing
from rigd.strategy.closing import FADE, MOMENTUM, CloseParams, CloseState
from rigd.strategy.stepper import STOPPED, TIMED_OUT
from tests.strategy.cases import CLOSE_PLAN, PLAIN
from tests.strategy.days import days_of, flat
from tests.strategy.views import WINDOWS, FakeSettings, view

PARAMS = CloseParams(364, 369, 372, 0.00005, MOMENTUM)
SMALL = CloseParams(0, 5, 8, 0.01, MOMENTUM)


def observed(bars, params=SMALL):
    """Return the state after the bars, and their answers."""
    state = CloseState()
    return state, [closing.entry(state, bar, params) for bar in bars]


def rise(minutes=range(5)):
    """Return bars that open at 100 and close at 102."""
    return [Bar(minute, 100.0, 102.0, 100.0, 102.0, 1.0) for minute in minutes]


def ibm(rules, mode=MOMENTUM):
    """Return the trade of IBM on 2013-10-07 without its day number."""
    day = days_of("IBM")["2013-10-07"]
    (trade,) = closing.simulate([day], PARAMS._replace(mode=mode), rules, CLOSE_PLAN)
    return trade[:8]


def test_ibm_timeout_by_hand() -> None:
    """IBM 2013-10-07, momentum, threshold 0.00005: short at the open of 369, out at 387."""
    # Bar 364 opens at 182.31, bar 368 closes at 182.30: -0.01 / 182.31 = -0.0000549, a short
    # decided on bar 368. Bar 369 opens at 182.30, bar 387 at 182.20.
    assert ibm(PLAIN) == (-1, 368, 369, 387, 182.30, 182.20, TIMED_OUT, False)


def test_ibm_fade_by_hand() -> None:
    """In mode fade the same fall is bought."""
    assert ibm(PLAIN, FADE) == (1, 368, 369, 387, 182.30, 182.20, TIMED_OUT, False)


def test_ibm_trailing_stop_by_hand() -> None:
    """A trail of 0.05 % over the trough of bars 369-371 is reached in bar 372."""
    # 182.30 → 182.39115; troughs 182.28 → 182.37114, 182.27 → 182.361135, 182.24 → 182.33112;
    # highs .33, .32, .30, then bar 372 opens at 182.30 and goes to 182.42.
    rules = PLAIN._replace(trail_fraction=0.0005)
    assert ibm(rules) == (-1, 368, 369, 372, 182.30, 182.33112, STOPPED, False)


def test_ibm_score_and_reach_by_hand() -> None:
    """The score is the size of the move, the reach its signed size without shorts."""
    state, _ = observed(days_of("IBM")["2013-10-07"], PARAMS)
    move = 0.01 / 182.31
    assert closing.score(state, PARAMS) == pytest.approx(move, abs=1e-12)
    assert closing.reach(state, PARAMS) == pytest.approx(move, abs=1e-12)
    assert closing.reach(state, PARAMS, shorts=False) == pytest.approx(-move, abs=1e-12)
    faded = PARAMS._replace(mode=FADE)
    assert closing.reach(state, faded, shorts=False) == pytest.approx(move, abs=1e-12)


def test_decided_on_the_last_analysis_bar_and_all_breakout_bars_but_the_last() -> None:
    """Analysis 0-4, breakout 5-7: answers on 4, 5 and 6, so fills on 5, 6 and 7 (SPEC §3a.2)."""
    _, answers = observed([*rise(), *rise([5, 6, 7, 8])])
    assert answers == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]


def test_move_is_fixed_at_the_end_of_analysis() -> None:
    """A collapse in the breakout part changes neither the answer nor the score."""
    state, answers = observed([*rise(), *flat([5, 6], 50.0)])
    assert answers[-2:] == [1.0, 1.0]
    assert closing.score(state, SMALL) == pytest.approx(0.02, abs=1e-12)


def test_missing_last_analysis_bar_is_decided_on_the_next_bar() -> None:
    """The move uses the last bar seen in the analysis part (SPEC §3a.8)."""
    _, answers = observed([*rise(range(4)), *flat([6], 50.0)])
    assert answers == [0.0, 0.0, 0.0, 0.0, 1.0]
    _, answers = observed([*rise(range(4)), *flat([7], 50.0)])
    assert answers[-1] == 0.0


def test_threshold_counts_when_it_is_reached() -> None:
    """A move of exactly the threshold is a signal, a smaller one is not (SPEC §3a.2)."""
    bars = [Bar(minute, 100.0, 125.0, 100.0, 125.0, 1.0) for minute in range(5)]
    assert observed(bars, SMALL._replace(threshold=0.25))[1][-1] == 1.0
    assert observed(bars, SMALL._replace(threshold=math.nextafter(0.25, 1.0)))[1][-1] == 0.0
    falls = [Bar(minute, 100.0, 100.0, 75.0, 75.0, 1.0) for minute in range(5)]
    assert observed(falls, SMALL._replace(threshold=0.25))[1][-1] == -1.0
    assert observed(falls, SMALL._replace(threshold=0.25, mode=FADE))[1][-1] == 1.0


def test_nothing_seen_is_not_a_number() -> None:
    """Without an analysis bar score and reach are NaN and no bar is a signal."""
    state, answers = observed(flat([5, 6]))
    assert answers == [0.0, 0.0]
    assert math.isnan(closing.score(state, SMALL))
    assert math.isnan(closing.reach(state, SMALL))
    assert math.isnan(closing.vwap(state))
    assert closing.analysis_bars(state) == 0


@pytest.mark.parametrize(("mode", "number"), [(CloseMode.MOMENTUM, 1.0), (CloseMode.FADE, -1.0)])
def test_params_come_from_settings_and_window(mode, number) -> None:
    """The threshold is STRAT_CLOSE_THRESHOLD, the mode STRAT_CLOSE_MODE."""
    found = closing.params_from(view("close", trigger=0.004, mode=mode), WINDOWS["close"])
    assert found == (364, 369, 372, 0.004, number)


def test_self_check_names_the_problem() -> None:
    """A threshold of zero and a trail of 1 are both named."""
    assert closing.self_check(FakeSettings()).passed
    broken = view("close", trigger=0.0, trail_pct=1.0)
    answer = closing.self_check(FakeSettings(broken))
    assert not answer.passed
    assert "threshold" in answer.detail
    assert "trailing stop of close" in answer.detail
