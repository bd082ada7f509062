"""Dated values of the outside world."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rigd.core.errors import DataError, RigdError
from rigd.core.readings import Imbalance, RiskFree
from tests.fakes.sources import put, sound

DAY = date(2013, 10, 7)
NOW = datetime(2013, 10, 7, 19, 45, tzinfo=UTC)


@pytest.mark.parametrize("name", ["pe_ratio", "debt_equity", "market_cap_musd"])
def test_a_metric_is_a_finite_number_or_missing(name):
    """A metric may be missing; NaN and infinity are corrupt input."""
    assert getattr(sound("SPY", DAY, **{name: None}), name) is None
    for value in (math.nan, math.inf):
        with pytest.raises(DataError, match=name):
            sound("SPY", DAY, **{name: value})


@pytest.mark.parametrize(("imbalance", "paired"), [(math.nan, 1), (1, math.inf), (1, -1)])
def test_an_imbalance_is_finite(imbalance, paired):
    """Shares are counted; paired ones are never negative."""
    with pytest.raises(DataError, match="SPY"):
        Imbalance(symbol="SPY", imbalance=imbalance, paired=paired, at=NOW)


def test_instants_are_utc():
    """A reading without a zone is refused."""
    with pytest.raises(RigdError):
        Imbalance(symbol="SPY", imbalance=1, paired=1, at=NOW.replace(tzinfo=None))
    with pytest.raises(RigdError):
        put(at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    "wrong", [{"strike": 0}, {"bid": 5}, {"ask": 0, "bid": 0}, {"bid": Decimal(-1)}]
)
def test_a_quote_is_two_sided_and_not_crossed(wrong):
    """A crossed quote, or one without strike or ask, is corrupt input."""
    with pytest.raises(DataError, match="SPY"):
        put(**wrong)


def test_the_middle_of_a_quote():
    """The market price of an option is the middle of bid and ask."""
    assert put(bid=Decimal("4.40"), ask=Decimal("4.50")).mid == Decimal("4.45")


def test_a_rate_names_its_jurisdiction():
    """A risk-free rate says whose it is."""
    assert RiskFree(jurisdiction="USA", rate=0.045).jurisdiction == "USA"
