from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from rigd.indicators.atr import atr_wilder
from tests.indicators.bars import CENTS, column, from_cents, prices, reference, walk


def test_atr_matches_the_reference_table() -> None:
    """Wilder's ATR 14 within 5e-6, the first value in row 14 and NaN before."""
    rows = reference("spy_atr_wilder.csv")
    found = atr_wilder(*prices(rows))
    expected = column(rows, "Average True Range 14")
    assert np.isnan(found[:13]).all()
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert np.abs(found - expected)[13:].max() <= 5.5e-6


def test_atr_by_hand() -> None:
    """The first value is a mean; later ones move by a share of 1 / period."""
    # ranges 1, 2.5, 3, 1: mean of two 1.75; 1.75 + (3 - 1.75) / 2; 2.375 + (1 - 2.375) / 2
    high, low, close = [10.0, 12.0, 9.5, 9.0], [9.0, 11.0, 8.5, 8.0], [9.5, 11.5, 9.0, 8.5]
    found = atr_wilder(high, low, close, 2)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [1.75, 2.375, 1.6875]


def test_too_few_bars_are_all_warm_up() -> None:
    """One bar less than the period gives no value."""
    assert np.isnan(atr_wilder(*walk(13))).all()


@settings(max_examples=50, deadline=None)
@given(CENTS)
def test_atr_is_causal(bars) -> None:
    """Cutting the series leaves the values before the cut as they were."""
    high, low, close = from_cents(bars)
    cut = len(bars) // 2
    whole = atr_wilder(high, low, close, 5)
    assert np.array_equal(
        atr_wilder(high[:cut], low[:cut], close[:cut], 5), whole[:cut], equal_nan=True
    )
