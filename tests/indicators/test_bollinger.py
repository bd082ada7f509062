from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings

from rigd.indicators.bollinger import bollinger, bollinger_last
from tests.indicators.bars import CENTS, column, from_cents, reference, walk


def test_bands_match_the_reference_table() -> None:
    """Bands 20/2 within 6e-5 with the population deviation, the first value in row 20."""
    rows = reference("spy_bollinger_bands.csv")
    middle, lower, upper = bollinger(column(rows, "Close"))
    expected = [
        column(rows, name)
        for name in (
            "Moving Average 20",
            "Bollinger Bands® 20 2 Bottom",
            "Bollinger Bands® 20 2 Top",
        )
    ]
    for found, table in zip((middle, lower, upper), expected, strict=True):
        assert np.isnan(found[:19]).all()
        assert (np.isnan(found) == np.isnan(table)).all()
        assert np.nanmax(np.abs(found - table)) <= 6.1e-5


def test_bands_by_hand() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and population deviation 2."""
    assert bollinger_last([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 8) == (1.0, 5.0, 9.0)
    assert bollinger_last([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 8, 1.0) == (3.0, 5.0, 7.0)


@pytest.mark.parametrize("bars", [19, 20, 21, 390])
def test_the_scalar_form_is_the_last_element(bars) -> None:
    """Session and backtest see the same bands, bit for bit; None in warm-up."""
    closes = walk(bars)[2]
    found = bollinger_last(closes.tolist())
    middle, lower, upper = bollinger(closes)
    if bars < 20:
        assert found is None
        assert np.isnan(middle).all()
    else:
        assert found == (lower[-1], middle[-1], upper[-1])


@settings(max_examples=50, deadline=None)
@given(CENTS)
def test_bands_are_causal_and_agree_with_the_standard_library(bars) -> None:
    """Each value is the mean and pstdev of its own window, whatever comes later."""
    closes = from_cents(bars)[2]
    middle, lower, upper = bollinger(closes, 5)
    for i in range(4, len(bars)):
        window = closes[i - 4 : i + 1].tolist()
        assert middle[i] == pytest.approx(statistics.fmean(window), abs=1e-9)
        assert upper[i] - middle[i] == pytest.approx(2 * statistics.pstdev(window), abs=1e-7)
        assert middle[i] - lower[i] == pytest.approx(2 * statistics.pstdev(window), abs=1e-7)
