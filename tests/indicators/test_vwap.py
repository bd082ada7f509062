from __future__ import annotations

import numpy as np
import pytest

from rigd.indicators.vwap import session_vwap
from tests.indicators.bars import column, prices, reference


def test_vwap_by_hand() -> None:
    """Typical prices 10, 20, 30 with volumes 1, 3, 0: 10, 17.5, 17.5."""
    high, low, close = [11.0, 22.0, 33.0], [9.0, 18.0, 27.0], [10.0, 20.0, 30.0]
    assert session_vwap(high, low, close, [1.0, 3.0, 0.0]).tolist() == [10.0, 17.5, 17.5]


def test_the_typical_price_leaves_the_open_out() -> None:
    """(High + low + close) / 3."""
    assert session_vwap([12.0], [9.0], [9.0], [7.0]).tolist() == [10.0]


def test_no_volume_yet_is_warm_up() -> None:
    """Without a share traded there is no average."""
    found = session_vwap([10.0] * 3, [10.0] * 3, [10.0] * 3, [0.0, 0.0, 5.0])
    assert np.isnan(found[:2]).all()
    assert found[2] == 10.0


def test_weights_match_the_moving_reference() -> None:
    """Over each 50 rows, with (O+H+L+C)/4 as the price, the table is met within 5.4e-5."""
    rows = reference("spy_with_vwap.csv")
    high, low, close = prices(rows)
    volume, expected = column(rows, "Volume"), column(rows, "Moving VWAP 50")
    price = (column(rows, "Open") + high + low + close) / 4
    known = np.flatnonzero(~np.isnan(expected))
    assert len(known) >= 250
    worst = other = 0.0
    for i in known:
        part = slice(i - 49, i + 1)
        found = session_vwap(price[part], price[part], price[part], volume[part])[-1]
        typical = session_vwap(high[part], low[part], close[part], volume[part])[-1]
        worst = max(worst, abs(found - expected[i]))
        other = max(other, abs(typical - expected[i]))
    assert worst <= 5.5e-5
    assert other == pytest.approx(0.10, abs=0.03)


def test_vwap_is_causal() -> None:
    """A later bar changes no earlier value."""
    first = session_vwap([10.0, 11.0], [9.0, 10.0], [9.5, 10.5], [5.0, 6.0])
    second = session_vwap([10.0, 11.0, 99.0], [9.0, 10.0, 1.0], [9.5, 10.5, 50.0], [5.0, 6.0, 1e9])
    assert second[:2].tolist() == first.tolist()
