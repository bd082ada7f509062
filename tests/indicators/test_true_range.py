from __future__ import annotations

import numpy as np

from rigd.indicators.true_range import true_range
from tests.indicators.bars import column, prices, reference


def test_true_range_by_hand() -> None:
    """The largest of high - low, high - previous close and previous close - low."""
    high, low, close = [10.0, 12.0, 9.5, 9.0], [9.0, 11.0, 8.5, 8.0], [9.5, 11.5, 9.0, 8.5]
    # 10-9; 12-9.5 (gap up); 11.5-8.5 (gap down); 9-8 (inside)
    assert true_range(high, low, close).tolist() == [1.0, 2.5, 3.0, 1.0]


def test_true_range_matches_the_reference_table() -> None:
    """The reference prints two decimals, from its second row on."""
    rows = reference("spy_with_adx.csv")
    found = true_range(*prices(rows))
    expected = column(rows, "TR")
    printed = ~np.isnan(expected)
    assert printed.sum() >= 300
    assert np.abs(found - expected)[printed].max() <= 0.005 + 5e-5


def test_no_bars_give_no_values() -> None:
    """An empty session is not an error of the indicator."""
    assert true_range([], [], []).shape == (0,)
