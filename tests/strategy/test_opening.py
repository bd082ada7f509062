"""The strategy open, bar by bar."""

from __future__ import annotations

import math

import pytest

from rigd.core.values import Bar
from rigd.strategy import opening
from rigd.strategy.opening import OpenParams, OpenState
from rigd.strategy.stepper import STOPPED, TARGET, TIMED_OUT
from tests.strategy.cases import OPEN_PLAN, PLAIN
from tests.strategy.days import days_of, flat
from tests.strategy.views import WINDOWS, FakeSettings, view

PARAMS = OpenParams(0, 20, 30, 0.001)


def observed(bars, params=PARAMS):
    """Return the state after the bars, and their answers."""
    state = OpenState()
    return state, [opening.entry(state, bar, params) for bar in bars]


def ibm(rules):
    """Return the trade of IBM on 2013-10-08 without its day number."""
    day = days_of("IBM")["2013-10-08"]
    (trade,) = opening.simulate([day], PARAMS, rules, OPEN_PLAN)
    return trade[:8]


def test_range_score_and_reach_of_ibm_by_hand() -> None:
    """IBM 2013-10-08: the range is read off bars 0-19, the reach off bars 20-29."""
    # Highest high 181.99 (bar 3), lowest low 181.04 (bar 19): 181.99 / 181.04 - 1 = 0.95 / 181.04.
    # Lowest close of 20-29 is 180.60 (bars 24, 27): 1 - 180.60 / 181.04 = 0.44 / 181.04; the
    # highest is 180.90 (bar 22): 180.90 / 181.99 - 1 = -1.09 / 181.99.
    state, _ = observed(days_of("IBM")["2013-10-08"][:30])
    assert (state.range_high, state.range_low) == (181.99, 181.04)
    assert opening.score(state, PARAMS) == pytest.approx(0.95 / 181.04, abs=1e-12)
    assert opening.reach(state, PARAMS) == pytest.approx(0.44 / 181.04, abs=1e-12)
    assert opening.reach(state, PARAMS, shorts=False) == pytest.approx(-1.09 / 181.99, abs=1e-12)


def test_ibm_timeout_by_hand() -> None:
    """IBM 2013-10-08, buffer 0.001, trail 2 %: short at the open of 22, out at the open of 60."""
    # Short below 181.04 × 0.999 = 180.85896: bar 20 closes at 180.86 (not), bar 21 at 180.74.
    # Bar 22 opens at 180.81. Trough 180.35 (bar 38) × 1.02 is never reached. Bar 60: 180.48.
    assert ibm(PLAIN) == (-1, 21, 22, 60, 180.81, 180.48, TIMED_OUT, False)


def test_ibm_trailing_stop_by_hand() -> None:
    """The trail of 0.15 % over the trough of bar 38 is reached in bar 43."""
    # 180.81 → 181.081215; troughs 180.77 (22), .66 (23), .56 (24) → 180.83084 against the high of
    # 180.81 in bar 28; .53 (34) → 180.800795; .51 (37); .35 (38) → 180.35 × 1.0015 = 180.620525.
    # Bars 39-42 have highs .50 .51 .48 .55; bar 43 opens at 180.58 and goes to 180.64.
    rules = PLAIN._replace(trail_fraction=0.0015)
    assert ibm(rules) == (-1, 21, 22, 43, 180.81, 180.620525, STOPPED, False)


def test_ibm_target_by_hand() -> None:
    """The target 0.2 % under the entry is first reached by bar 38."""
    # 180.81 × 0.998 = 180.44838; lows: 180.51 in bar 37, 180.35 in bar 38, which opens at 180.50.
    rules = PLAIN._replace(target_fraction=0.002)
    assert ibm(rules) == (-1, 21, 22, 38, 180.81, 180.44838, TARGET, False)


def test_ibm_hard_stop_by_hand() -> None:
    """The stop 0.04 % over the entry is reached by the high of bar 22 itself."""
    # 180.81 × 1.0004 = 180.882324; bar 22 has a high of 180.90.
    rules = PLAIN._replace(stop_fraction=0.0004)
    assert ibm(rules) == (-1, 21, 22, 22, 180.81, 180.882324, STOPPED, False)


def test_ibm_tightening_by_hand() -> None:
    """Within 150 s of the time exit the trail of 0.25 % becomes 0.12 %, not a bar earlier."""
    # Until bar 57 (180 s left) the stop is 180.35 × 1.0025 = 180.800875, above all highs; the
    # tightened 180.35 × 1.0012 = 180.56642 would have been hit by the 180.60 of bar 57 already.
    # Bar 58 (120 s left) opens at 180.55 and goes to 180.59.
    rules = PLAIN._replace(trail_fraction=0.0025, tighten_factor=0.48)
    assert ibm(rules) == (-1, 21, 22, 58, 180.81, 180.56642, STOPPED, False)


def test_ibm_tightening_has_a_floor_by_hand() -> None:
    """A factor of 0.1 would give 0.00025; the floor is 0.0005, and bar 58 opens beyond it."""
    # 180.35 × 1.0005 = 180.440175 < the open of 180.55: out at the open.
    rules = PLAIN._replace(trail_fraction=0.0025, tighten_factor=0.1)
    assert ibm(rules) == (-1, 21, 22, 58, 180.81, 180.55, STOPPED, False)


@pytest.mark.parametrize(
    ("close", "answer"),
    [(101.0, 0.0), (math.nextafter(101.0, 200.0), 1.0), (99.0, 0.0), (98.99, -1.0)],
)
def test_threshold_must_be_strictly_passed(close, answer) -> None:
    """A close exactly at the range's edge plus the buffer is no signal (SPEC §3a.2)."""
    params = OpenParams(0, 5, 8, 0.01)
    low, high = min(close, 100.0), max(close, 100.0)
    _, answers = observed([*flat(range(5)), Bar(5, 100.0, high, low, close, 1.0)], params)
    assert answers[-1] == answer


def test_signals_only_on_breakout_bars() -> None:
    """Closes far beyond the range mean nothing in the analysis part and after the breakout."""
    params = OpenParams(10, 15, 18, 0.01)
    bars = [*flat(range(15)), *flat([18, 19], 150.0)]
    assert observed(bars, params)[1] == [0.0] * len(bars)
    assert observed([*flat(range(15)), *flat([17], 150.0)], params)[1][-1] == 1.0


def test_range_ignores_bars_outside_the_analysis_part() -> None:
    """Bars before the window and breakout bars do not widen the range (SPEC §3a.2)."""
    params = OpenParams(10, 15, 18, 0.01)
    state, _ = observed([*flat(range(10), 300.0), *flat(range(10, 15)), *flat([15], 90.0)], params)
    assert (state.range_high, state.range_low) == (100.0, 100.0)
    assert opening.analysis_bars(state) == 5


def test_nothing_seen_is_not_a_number() -> None:
    """Without bars score and reach are NaN and a breakout bar is no signal."""
    state, answers = observed(flat([25], 150.0))
    assert answers == [0.0]
    assert math.isnan(opening.score(state, PARAMS))
    assert math.isnan(opening.reach(state, PARAMS))
    assert math.isnan(opening.vwap(state))


def test_params_come_from_settings_and_window() -> None:
    """The buffer is STRAT_OPEN_BUFFER, the minutes are the window's."""
    found = opening.params_from(view("open", trigger=0.015), WINDOWS["open"])
    assert found == (0, 20, 30, 0.015)


def test_self_check_names_the_problem() -> None:
    """A target of 0 is refused, the defaults pass."""
    assert opening.self_check(FakeSettings(view("open"))).passed
    answer = opening.self_check(FakeSettings(view("open", target_pct=0.0)))
    assert not answer.passed
    assert "TARGET_PCT_OPEN" in answer.detail
