from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from rigd.indicators.adx import adx_last, adx_wilder
from tests.indicators.bars import CENTS, column, from_cents, prices, reference, walk


def test_adx_matches_the_reference_table() -> None:
    """Wilder's ADX 14 within 5e-5 on all 275 rows, the first value in row 28, NaN before."""
    rows = reference("spy_with_adx.csv")
    found = adx_wilder(*prices(rows))
    expected = column(rows, "ADX 14")
    printed = ~np.isnan(expected)
    assert printed.sum() == 275
    assert np.isnan(found[:27]).all()
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert np.abs(found - expected)[printed].max() <= 5.5e-5
    assert (found[printed] > 25).mean() == pytest.approx(0.5, abs=0.01)


def by_the_book(high, low, close, period) -> list[float]:
    """Compute the ADX step by step from true range and both indicators, as Wilder's page does."""
    ranges, rises, falls = [], [], []
    for i in range(1, len(high)):
        ranges.append(
            max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1]))
        )
        up, down = high[i] - high[i - 1], low[i - 1] - low[i]
        rises.append(up if up > down and up > 0 else 0.0)
        falls.append(down if down > up and down > 0 else 0.0)
    tr, plus, minus = (sum(x[:period]) for x in (ranges, rises, falls))
    directional = []
    for i in range(period, len(ranges) + 1):
        plus_di, minus_di = 100 * plus / tr, 100 * minus / tr
        directional.append(100 * abs(plus_di - minus_di) / (plus_di + minus_di))
        if i < len(ranges):
            tr += ranges[i] - tr / period
            plus += rises[i] - plus / period
            minus += falls[i] - minus / period
    values = [sum(directional[:period]) / period]
    for newest in directional[period:]:
        values.append((values[-1] * (period - 1) + newest) / period)
    return values


@pytest.mark.parametrize("period", [3, 14])
def test_adx_equals_the_long_way_round(period) -> None:
    """Leaving the true range out changes nothing: it cancels."""
    high, low, close = walk(390)
    expected = by_the_book(high.tolist(), low.tolist(), close.tolist(), period)
    found = adx_wilder(high, low, close, period)
    assert np.isnan(found[: 2 * period - 1]).all()
    np.testing.assert_allclose(found[2 * period - 1 :], expected, rtol=1e-9)


@pytest.mark.parametrize("bars", [1, 27, 28, 29, 165, 390])
def test_the_scalar_form_is_the_last_element(bars) -> None:
    """Session and backtest see the same number, bit for bit; None in warm-up."""
    high, low, close = walk(bars)
    found = adx_last(high.tolist(), low.tolist(), close.tolist())
    if bars < 28:
        assert found is None
    else:
        assert found == adx_wilder(high, low, close)[-1]


def test_a_straight_rise_is_all_trend_and_a_flat_line_none() -> None:
    """Only rises give 100, no movement gives 0, without dividing by zero."""
    up = [100.0 + i for i in range(40)]
    assert adx_last([p + 1 for p in up], up, up) == pytest.approx(100.0)
    assert adx_last([10.0] * 40, [10.0] * 40, [10.0] * 40) == 0.0


@settings(max_examples=50, deadline=None)
@given(CENTS)
def test_adx_is_causal_and_between_0_and_100(bars) -> None:
    """Cutting the series leaves the values before the cut as they were."""
    high, low, close = from_cents(bars)
    cut = len(bars) // 2
    whole = adx_wilder(high, low, close, 5)
    part = adx_wilder(high[:cut], low[:cut], close[:cut], 5)
    assert np.array_equal(part, whole[:cut], equal_nan=True)
    known = whole[~np.isnan(whole)]
    assert ((known >= 0) & (known <= 100 + 1e-9)).all()
