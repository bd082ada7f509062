"""The strategy mid, bar by bar."""

from __future__ import annotations

import math

import pytest

from rigd.core.values import Bar
from rigd.strategy import midday
from rigd.strategy.midday import MidParams, MidState
from rigd.strategy.stepper import STOPPED, TARGET, TIMED_OUT, StepPlan
from tests.strategy.cases import MID_PLAN, PLAIN
from tests.strategy.days import days_of, flat
from tests.strategy.views import WINDOWS, FakeSettings, view

PARAMS = MidParams(150, 165, 175, 0.0015)
TOUCH = PLAIN._replace(vwap_touch=True)


def observed(bars, params):
    """Return the state after the bars, and their answers."""
    state = MidState()
    return state, [midday.entry(state, bar, params) for bar in bars]


def ibm(rules):
    """Return the trade of IBM on 2013-10-07 without its day number."""
    day = days_of("IBM")["2013-10-07"]
    (trade,) = midday.simulate([day], PARAMS, rules, MID_PLAN)
    return trade[:8]


def test_vwap_score_and_reach_of_ibm_by_hand() -> None:
    """IBM 2013-10-07: sums of the bar file made with awk, apart from this code."""
    # Bars 0-164: Σ (H+L+C)/3·V = 382,496,843.8933 and ΣV = 2,094,305: VWAP 182.636647; bar 164
    # closes at 182.66. Largest distance of 165-174: bar 172, close 182.30, VWAP
    # 395,416,947.3833 / 2,165,127 = 182.629909.
    bars = days_of("IBM")["2013-10-07"]
    state, _ = observed(bars[:165], PARAMS)
    assert midday.vwap(state) == pytest.approx(382496843.8933 / 2094305, abs=1e-9)
    assert midday.analysis_bars(state) == 15
    expected = 182.66 / (382496843.8933 / 2094305) - 1.0
    assert midday.score(state, PARAMS) == pytest.approx(expected, abs=1e-11)
    state, _ = observed(bars[:175], PARAMS)
    assert midday.score(state, PARAMS) == pytest.approx(expected, abs=1e-11)
    expected = 1.0 - 182.30 / (395416947.3833 / 2165127)
    assert midday.reach(state, PARAMS) == pytest.approx(expected, abs=1e-11)


def test_ibm_vwap_touch_by_hand() -> None:
    """IBM 2013-10-07, threshold 0.0015: long at the open of 172, out at the VWAP in bar 192."""
    # Distance of the close from the VWAP: bar 170 -0.001441, bar 171 -0.001708 (182.32 against
    # 392,940,175.4667 / 2,151,542 = 182.631887). Bar 172 opens at 182.36. The VWAP after bar 190
    # is 182.616284, above bar 191's high of 182.61; after bar 191 it is 416,579,074.3933 /
    # 2,281,173 = 182.616169, and bar 192 goes from 182.59 to 182.63.
    assert ibm(TOUCH) == (1, 171, 172, 192, 182.36, 182.616169, TARGET, False)


def test_ibm_target_nearer_than_the_vwap_by_hand() -> None:
    """The nearer of target and VWAP ends the trade: 0.1 % in bar 188."""
    # 182.36 × 1.001 = 182.54236; bar 187 has a high of 182.48, bar 188 opens at 182.46 and goes
    # to 182.58.
    rules = TOUCH._replace(target_fraction=0.001)
    assert ibm(rules) == (1, 171, 172, 188, 182.36, 182.54236, TARGET, False)


def test_ibm_stop_by_hand() -> None:
    """The stop 0.1 % under the entry is reached by the low of bar 180."""
    # 182.36 × 0.999 = 182.17764; bar 180 has a low of 182.17, the lows before it are 182.27 and up.
    rules = TOUCH._replace(stop_fraction=0.001)
    assert ibm(rules) == (1, 171, 172, 180, 182.36, 182.17764, STOPPED, False)


def test_ibm_timeout_by_hand() -> None:
    """Without the touch the trade ends at the open of bar 205."""
    assert ibm(PLAIN) == (1, 171, 172, 205, 182.36, 182.53, TIMED_OUT, False)


def test_small_day_by_hand() -> None:
    """Every number of a day of eight bars; a short above the VWAP, out at its touch."""
    # typical, volume, Σ: bars 0-2 at 100, 100 shares each: 30,000 / 300.
    # bar 3: (106+100+106)/3 = 104, 100: 40,400 / 400 = 101. 106 > 101 × 1.04 = 105.04: short.
    # bar 4: fill at 107; touch 101 not reached; typical (108+105+105)/3 = 106: 51,000 / 500 = 102.
    # bar 5: low 103; typical (105+103+104)/3 = 104: 61,400 / 600 = 102.333333.
    # bar 6: opens at 103, low 102: reaches 102.333333.
    bars = [
        *flat(range(3)),
        Bar(3, 100.0, 106.0, 100.0, 106.0, 100.0),
        Bar(4, 107.0, 108.0, 105.0, 105.0, 100.0),
        Bar(5, 105.0, 105.0, 103.0, 104.0, 100.0),
        Bar(6, 103.0, 103.0, 102.0, 102.0, 100.0),
        *flat([7], 102.0),
    ]
    plan = StepPlan(7, 7, 3, shorts=True)
    (trade,) = midday.simulate([bars], MidParams(0, 3, 5, 0.04), TOUCH, plan)
    assert trade[:8] == (-1, 3, 4, 6, 107.0, 102.333333, TARGET, False)


def test_a_touch_beyond_the_open_exits_at_the_open() -> None:
    """A gap over the VWAP fills the limit at the better open (SPEC §3a.6)."""
    # Bars 0-2 at 100; bar 3 falls to 94, typical (100+94+94)/3 = 96: 39,600 / 400 = 99. Long below
    # 99 × 0.96 = 95.04, filled at 94. VWAP after bar 4: 49,000 / 500 = 98; bar 5 opens at 99.
    bars = [
        *flat(range(3)),
        Bar(3, 100.0, 100.0, 94.0, 94.0, 100.0),
        *flat([4], 94.0),
        *flat([5], 99.0),
    ]
    plan = StepPlan(7, 7, 3, shorts=False, slippage=0.0)
    (trade,) = midday.simulate([bars], MidParams(0, 3, 5, 0.04), TOUCH, plan)
    assert trade[:8] == (1, 3, 4, 5, 94.0, 99.0, TARGET, False)


@pytest.mark.parametrize(
    ("close", "answer"),
    [(98.0, 1.0), (99.0, 0.0), (101.0, 0.0), (102.0, -1.0)],
)
def test_signal_bar_is_part_of_its_vwap(close, answer) -> None:
    """Strictly more than 1 % from a VWAP that includes the bar itself."""
    # 10,000 shares at 100 hold the VWAP near 100: 98 and 102 are 2 % off, 99 and 101 just 1 %.
    bars = [*flat([0], volume=10000.0), *flat([1], close, volume=1.0)]
    params = MidParams(0, 1, 2, 0.0101)
    assert observed(bars, params)[1][-1] == answer
    # The same closes with nearly all of the volume pull the VWAP to themselves.
    heavy = [*flat([0], volume=1.0), *flat([1], close, volume=10000.0)]
    assert observed(heavy, params)[1][-1] == 0.0


def test_threshold_must_be_strictly_passed() -> None:
    """A close at VWAP × (1 - threshold) exactly is no signal (SPEC §3a.2)."""
    # A bar without volume leaves the VWAP at exactly 100.
    bars = [*flat([0]), Bar(1, 75.0, 75.0, 75.0, 75.0, 0.0)]
    assert observed(bars, MidParams(0, 1, 2, 0.25))[1][-1] == 0.0
    lower = [*flat([0]), Bar(1, 75.0, 75.0, 74.99, 74.99, 0.0)]
    assert observed(lower, MidParams(0, 1, 2, 0.25))[1][-1] == 1.0


def test_vwap_starts_at_the_open_of_the_session() -> None:
    """Bars before the window count in the VWAP, not as analysis bars."""
    params = MidParams(5, 7, 9, 0.01)
    state, _ = observed([*flat(range(5), 90.0), *flat([5, 6], 100.0)], params)
    assert midday.vwap(state) == pytest.approx((5 * 90 + 2 * 100) / 7, abs=1e-12)
    assert midday.analysis_bars(state) == 2


def test_vwap_goes_on_after_the_breakout_part() -> None:
    """Later bars give no signal and move the VWAP, which exits need."""
    params = MidParams(0, 1, 2, 0.01)
    state, answers = observed([*flat([0, 1]), *flat([2], 200.0)], params)
    assert answers == [0.0, 0.0, 0.0]
    assert midday.vwap(state) == pytest.approx(400 / 3, abs=1e-12)


def test_nothing_seen_is_not_a_number() -> None:
    """Without volume there is no VWAP, no score, no reach and no signal."""
    state, answers = observed(flat([150, 166], volume=0.0), PARAMS)
    assert answers == [0.0, 0.0]
    assert math.isnan(midday.vwap(state))
    assert math.isnan(midday.score(state, PARAMS))
    assert math.isnan(midday.reach(state, PARAMS))


def test_reach_without_shorts_looks_below_the_vwap_alone() -> None:
    """A close 5 % above the VWAP is a reach of the short side only."""
    bars = [*flat([0]), Bar(1, 105.0, 105.0, 105.0, 105.0, 0.0)]
    state, _ = observed(bars, MidParams(0, 1, 2, 0.2))
    assert midday.reach(state, PARAMS) == pytest.approx(0.05, abs=1e-12)
    assert midday.reach(state, PARAMS, shorts=False) == pytest.approx(-0.05, abs=1e-12)


def test_params_come_from_settings_and_window() -> None:
    """The threshold is STRAT_MID_VWAP_THRESHOLD, the minutes are the window's."""
    found = midday.params_from(view("mid", trigger=0.015), WINDOWS["mid"])
    assert found == (150, 165, 175, 0.015)


def test_self_check_names_the_problem() -> None:
    """A stop of 1 is refused, the defaults pass."""
    assert midday.self_check(FakeSettings()).passed
    answer = midday.self_check(FakeSettings(view("mid", stop_pct=1.0)))
    assert not answer.passed
    assert "STOP_PCT_MID" in answer.detail
