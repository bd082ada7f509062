from __future__ import annotations

import numpy as np
import pytest

from rigd.core.errors import DataError
from rigd.indicators.adx import adx_last, adx_wilder
from rigd.indicators.arrays import as_prices, as_volume, require_period
from rigd.indicators.atr import atr_wilder
from rigd.indicators.bollinger import bollinger, bollinger_last
from rigd.indicators.true_range import true_range
from rigd.indicators.vwap import session_vwap

GOOD = [10.0, 11.0, 12.0]

BAD_PRICES = [
    ([10.0, float("nan"), 12.0], "finite"),
    ([10.0, float("inf"), 12.0], "finite"),
    ([10.0, 0.0, 12.0], "positive"),
    ([10.0, -1.0, 12.0], "positive"),
    ([[10.0], [11.0]], "one dimension"),
    (["ten", "eleven", "twelve"], "numbers"),
]


def with_volume(high, low, close):
    return session_vwap(high, low, close, np.ones(np.shape(close)))


@pytest.mark.parametrize("indicator", [true_range, atr_wilder, adx_wilder, with_volume])
@pytest.mark.parametrize(("bad", "words"), BAD_PRICES)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_bad_price_is_refused_in_every_column(indicator, bad, words, position) -> None:
    """No indicator computes from a price that is not a finite positive number."""
    columns = [bad, bad, bad]
    if np.ndim(bad) == 1 and words != "numbers":
        columns = [GOOD, GOOD, GOOD]
        columns[position] = bad
    with pytest.raises(DataError, match=words):
        indicator(*columns)


@pytest.mark.parametrize(("bad", "words"), BAD_PRICES)
def test_bands_refuse_a_bad_price(bad, words) -> None:
    """The bands compute from finite positive prices alone."""
    with pytest.raises(DataError, match=words):
        bollinger(bad)


@pytest.mark.parametrize("indicator", [true_range, atr_wilder, adx_wilder])
def test_columns_of_different_length_are_refused(indicator) -> None:
    """Columns that do not belong together are refused."""
    with pytest.raises(DataError, match="one length"):
        indicator(GOOD, GOOD[:2], GOOD)
    with pytest.raises(DataError, match="one length"):
        indicator(GOOD, GOOD, GOOD[:2])


@pytest.mark.parametrize("indicator", [true_range, atr_wilder, adx_wilder])
def test_a_low_above_its_high_is_refused(indicator) -> None:
    """Crossed bars are refused, and the message names the bar."""
    with pytest.raises(DataError, match=r"low must not be above the high, was 11\.5 at bar 1"):
        indicator(GOOD, [9.0, 11.5, 11.0], GOOD)


@pytest.mark.parametrize("indicator", [atr_wilder, adx_wilder])
@pytest.mark.parametrize("period", [0, -1])
def test_a_period_below_one_is_refused(indicator, period) -> None:
    """A period counts bars and is at least one."""
    with pytest.raises(DataError, match="period must be at least 1"):
        indicator(GOOD, GOOD, GOOD, period)
    with pytest.raises(DataError, match="period must be at least 1"):
        bollinger(GOOD, period)
    with pytest.raises(DataError, match="period must be at least 1"):
        bollinger_last(GOOD, period)
    with pytest.raises(DataError, match="period must be at least 1"):
        adx_last(GOOD, GOOD, GOOD, period)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_scalar_forms_refuse_a_price_that_is_not_finite(bad, position) -> None:
    """A NaN must never turn into a number that a filter compares."""
    columns = [[10.0] * 40, [9.0] * 40, [9.5] * 40]
    columns[position] = [*columns[position][:-1], bad]
    with pytest.raises(DataError, match="finite"):
        adx_last(*columns)
    with pytest.raises(DataError, match="finite"):
        bollinger_last([*GOOD, bad], 4)


def test_the_scalar_adx_refuses_columns_of_different_length() -> None:
    """Columns that do not belong together are refused."""
    with pytest.raises(DataError, match="one length"):
        adx_last(GOOD, GOOD[:2], GOOD)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ([1.0, 2.0], "3 values"),
        ([1.0, float("nan"), 2.0], "finite"),
        ([1.0, -2.0, 2.0], "not be negative, was -2.0 at bar 1"),
    ],
)
def test_a_bad_volume_is_refused(volume, words) -> None:
    """Volumes are finite, not negative and one per bar."""
    with pytest.raises(DataError, match=words):
        as_volume(volume, 3)
    with pytest.raises(DataError, match=words):
        session_vwap(GOOD, GOOD, GOOD, volume)


def test_good_columns_come_back_as_float64() -> None:
    """Lists of integers become float64 arrays, in order."""
    high, low = as_prices(high=[2, 3], low=[1, 2])
    assert high.dtype == low.dtype == np.float64
    assert high.tolist() == [2.0, 3.0]
    assert low.tolist() == [1.0, 2.0]
    require_period(1)
