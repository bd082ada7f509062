"""What every strategy definition must satisfy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rigd.strategy import closing, midday, opening
from rigd.strategy.definition import Observes, required_bars
from rigd.strategy.trailing import RangeState
from tests.strategy.cases import cases
from tests.strategy.days import synthetic_days

STRATEGIES = [opening.STRATEGY, midday.STRATEGY, closing.STRATEGY]


@pytest.mark.parametrize(
    ("minutes", "bars"), [(20, 16), (15, 12), (5, 4), (1, 1), (2, 2), (3, 3), (6, 5), (10, 8)]
)
def test_eighty_percent_of_the_analysis_bars_are_required(minutes, bars) -> None:
    """The smallest count that is not under 80 % (SPEC §3a.1)."""
    assert required_bars(minutes) == bars


@pytest.mark.parametrize("state", [*(one.state for one in STRATEGIES), RangeState])
def test_field_names_do_not_hide_array_attributes(state) -> None:
    """A record with a field such as `mean` would break when it is read by attribute."""
    names = set(state.__dataclass_fields__)
    assert not names & {*dir(np.ndarray), *dir(np.void), *dir(np.recarray)}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: one.name)
def test_state_is_slotted_and_born_zero(strategy) -> None:
    """A zeroed record is therefore a new state."""
    state = strategy.new_state()
    assert [getattr(state, name) for name in strategy.state_fields] == [0.0] * len(
        strategy.state_fields
    )
    assert not hasattr(state, "__dict__")


def test_names_and_what_they_observe() -> None:
    """Mid needs the session from its open for the VWAP; close must fill in its breakout part."""
    assert [one.name for one in STRATEGIES] == ["open", "mid", "close"]
    assert [one.observes for one in STRATEGIES] == [
        Observes.WINDOW,
        Observes.SESSION,
        Observes.WINDOW,
    ]
    assert [one.fills_in_breakout for one in STRATEGIES] == [False, False, True]


@pytest.mark.parametrize("name", ["open", "mid", "close"])
def test_a_restart_from_the_saved_numbers_changes_nothing(name) -> None:
    """The state's fields are all of it: rebuilt half way, the answers stay the same."""
    case = next(iter(cases(name)))
    strategy = case.strategy
    for bars in synthetic_days(5, 10):
        whole, saved = strategy.new_state(), strategy.new_state()
        for number, bar in enumerate(bars):
            if number % 7 == 0:
                numbers = [float.hex(getattr(saved, part)) for part in strategy.state_fields]
                saved = strategy.state(*map(float.fromhex, numbers))
            assert strategy.entry(whole, bar, case.params) == strategy.entry(
                saved, bar, case.params
            )
        assert whole == saved


@pytest.mark.parametrize("name", ["open", "close"])
def test_bars_outside_what_it_observes_change_no_answer(name) -> None:
    """A window's strategy answers alike whether it sees the bars before its window or not."""
    case = next(iter(cases(name)))
    strategy = case.strategy
    for bars in synthetic_days(6, 20):
        whole, window = strategy.new_state(), strategy.new_state()
        for bar in bars:
            answer = strategy.entry(whole, bar, case.params)
            if bar.minute >= case.params.analysis_start:
                assert answer == strategy.entry(window, bar, case.params)
        assert whole == window


@pytest.mark.parametrize("name", ["open", "mid", "close"])
def test_score_does_not_change_after_the_analysis(name) -> None:
    """The score may be asked at any time after the end of analysis (SPEC §3a.1)."""
    case = next(iter(cases(name)))
    for bars in synthetic_days(9, 20):
        state, at_end = case.strategy.new_state(), None
        for bar in bars:
            if at_end is None and bar.minute >= case.params.analysis_end:
                at_end = case.strategy.score(state, case.params)
            case.strategy.entry(state, bar, case.params)
        last = case.strategy.score(state, case.params)
        assert at_end is None or last == at_end or (math.isnan(last) and math.isnan(at_end))
