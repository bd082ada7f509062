"""What stops a strategy at launch."""

from __future__ import annotations

import pytest

from rigd.config.choices import ShortType
from rigd.strategy.checks import check
from tests.strategy.views import view


@pytest.mark.parametrize("name", ["open", "mid", "close"])
@pytest.mark.parametrize("short_type", list(ShortType))
def test_defaults_pass(name, short_type) -> None:
    """The defaults of SPEC §6 run with every way to take the short side."""
    answer = check(view(name, short_type=short_type))
    assert answer.passed, answer.detail
    assert answer.name == f"strategy.{name}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"analysis": 0}, "OPEN_ANALYSIS_TIME must be at least 1 minute, was 0"),
        ({"breakout": 0}, "OPEN_BREAKOUT_TIME must be at least 1 minute, was 0"),
        ({"monitoring": -1}, "OPEN_MONITORING_TIME must not be negative, was -1"),
        ({"trigger": 0.0}, "threshold of open must be a positive fraction, was 0.0"),
        ({"trigger": float("nan")}, "threshold of open must be a positive fraction, was nan"),
        ({"trail_pct": 1.0}, "trailing stop of open must lie between 0 and 1, was 1.0"),
        ({"stop_pct": 2.0}, "STOP_PCT_OPEN must lie between 0 and 1, was 2.0"),
        ({"target_pct": 0.0}, "TARGET_PCT_OPEN must lie between 0 and 1, was 0.0"),
    ],
)
def test_each_broken_setting_is_named(changes, message) -> None:
    """The answer fails and says what was expected and found."""
    answer = check(view("open", **changes))
    assert not answer.passed
    assert message in answer.detail


def test_all_problems_are_named_at_once() -> None:
    """Two broken settings are two messages."""
    answer = check(view("close", analysis=0, trigger=-1.0))
    assert answer.detail.count(";") == 1
