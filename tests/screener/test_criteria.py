"""Tests of the thresholds of the universe: one case for each side of each (document 090, R8)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.config.choices import MissingPolicy
from rigd.core.errors import DataError
from rigd.core.universe import Details
from rigd.screener.criteria import MISSING_PRICE, Criteria, judge
from rigd.strategy import router
from tests.factories import settings
from tests.fakes.providers import whole

KEYS = {
    "MIN_PRICE": "5",
    "MAX_PRICE": "100",
    "MIN_VOLUME_THRESHOLD": "1000000",
    "MIN_FLOAT_SHARES": "1000000",
    "MAX_FLOAT_SHARES": "500000000",
    "MAX_PE_RATIO": "50",
    "MAX_DEBT_EQUITY": "2.5",
    "MIN_MARKET_CAP_FUNDAMENTAL": "2000000000",
}


def criteria(**changes: object) -> Criteria:
    chosen = settings(**(KEYS | changes))
    return Criteria.of(chosen, router.sequence(chosen))


GOLDEN = [
    # what differs from a symbol that passes, and the rule that it breaks
    ({}, ""),
    ({"price": "5"}, ""),
    ({"price": "4.99"}, "price_below_min"),
    ({"price": "100"}, ""),
    ({"price": "100.01"}, "price_above_max"),
    ({"volume": 1e6}, ""),
    ({"volume": 999_999.0}, "volume_below_min"),
    ({"float_shares": 1e6}, ""),
    ({"float_shares": 999_999.0}, "float_below_min"),
    ({"float_shares": 5e8}, ""),
    ({"float_shares": 5.1e8}, "float_above_max"),
    ({"market_cap": 10e9}, ""),
    ({"market_cap": 10.1e9}, "market_cap_above_max"),
    ({"market_cap": 2e9}, ""),
    ({"market_cap": 1.9999e9}, "market_cap_below_fundamental_min"),
    ({"market_cap": 299e6}, "market_cap_below_min"),
    ({"pe_ratio": 50.0}, ""),
    ({"pe_ratio": 50.1}, "pe_above_max"),
    ({"pe_ratio": -3.0}, ""),
    ({"debt_equity": 2.5}, ""),
    ({"debt_equity": 2.51}, "debt_equity_above_max"),
]


@pytest.mark.parametrize(("changes", "reason"), GOLDEN, ids=str)
def test_each_threshold_is_inclusive(changes, reason) -> None:
    """A number at its threshold passes, one beyond it names its rule."""
    assert judge(whole(**changes), criteria()).reason == reason


def test_nothing_passes_without_a_price() -> None:
    """What has no price cannot be sized."""
    assert judge(Details(average_volume=1e9), criteria()).reason == MISSING_PRICE


def test_a_missing_number_follows_the_policy() -> None:
    """Allowed with a warning for each number, or kept out by the first (E24, SPEC §3a.9)."""
    bare = Details(price=Decimal(50))
    allowed = judge(bare, criteria())
    assert allowed.reason == ""
    assert allowed.warned == (
        "missing_volume",
        "missing_float",
        "missing_market_cap",
        "missing_pe",
        "missing_debt_equity",
    )
    assert judge(bare, criteria(FUNDAMENTALS_MISSING_POLICY="block")).reason == "missing_volume"


def test_a_blank_key_asks_for_nothing() -> None:
    """Without thresholds of the float, an unknown float is no warning."""
    found = judge(
        Details(price=Decimal(50), average_volume=2e6),
        criteria(MIN_FLOAT_SHARES=None, MAX_FLOAT_SHARES=None),
    )
    assert "missing_float" not in found.warned


def test_the_band_of_market_values_is_the_widest_of_the_strategies_that_run() -> None:
    """What one of them may take is in; the band of a strategy that is off does not count."""
    keys = {
        "MIN_MARKET_CAP_OPEN": "1e9",
        "MAX_MARKET_CAP_OPEN": "5e9",
        "MIN_MARKET_CAP_MID": "3e9",
        "MAX_MARKET_CAP_MID": "8e9",
        "MIN_MARKET_CAP_CLOSE": "1",
        "MAX_MARKET_CAP_CLOSE": "9e12",
        "STRAT_CLOSE_ENABLED": "false",
    }
    found = criteria(**keys)
    assert (found.min_market_cap, found.max_market_cap) == (1e9, 8e9)
    alone = criteria(**keys, STRATEGY_OVERRIDE="mid")
    assert (alone.min_market_cap, alone.max_market_cap) == (3e9, 8e9)


def test_thresholds_survive_their_texts() -> None:
    """What is stored with a build comes back equal; anything else is refused."""
    for found in (criteria(), criteria(MIN_FLOAT_SHARES=None, MAX_FLOAT_SHARES=None)):
        texts = found.as_texts()
        assert Criteria.from_texts(texts) == found
        assert all(isinstance(text, str) for text in texts.values())
    assert criteria().missing is MissingPolicy.ALLOW
    for broken in ({}, texts | {"max_pe": "many"}, texts | {"missing": "perhaps"}):
        with pytest.raises(DataError, match="thresholds of a universe"):
            Criteria.from_texts(broken)
