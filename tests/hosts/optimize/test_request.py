"""A study request travels as JSON and is checked."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.optimize.request import StudyRequest

FULL = StudyRequest(
    strategy="mid",
    method="genetic",
    trials=40,
    objectives=("gain", "drawdown"),
    seed=9,
    lookback_days=60,
    data="bars",
    end=date(2013, 10, 8),
    symbols=("SPY", "IBM"),
    bar_stamp="end",
    levels=(("TRAIL_PCT_MID", "0.01,0.02"),),
    overrides=(("MAX_TRADES", "1"),),
)


@pytest.mark.parametrize("request_", [StudyRequest(), FULL])
def test_a_request_comes_back_from_json(request_) -> None:
    """What was asked is what is read."""
    assert StudyRequest.from_json(request_.to_json()) == request_


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "night"},
        {"method": "luck"},
        {"bar_stamp": "middle"},
        {"objectives": ()},
        {"symbols": ("no symbol",)},
        {"trials": -1},
        {"seed": -1},
        {"lookback_days": -1},
    ],
)
def test_a_value_that_cannot_be_is_refused(changes) -> None:
    """Each value is checked when the request is made."""
    with pytest.raises(Exception, match="must"):
        StudyRequest(**changes)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"strategy": "open"}'])
def test_another_text_is_refused(text: str) -> None:
    """Only what rigd wrote is read."""
    with pytest.raises(ConfigError, match="study request"):
        StudyRequest.from_json(text)
