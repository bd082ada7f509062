"""What a trade and a point of a grid are worth, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.hosts.kernels.stepper import TRADE, pack
from rigd.hosts.kernels.tally import Costs, profit, quantity_of, tally


def test_a_quantity_is_rounded_down_to_its_lots() -> None:
    """1000 / 30 is 33 whole shares, or 33.333333."""
    assert quantity_of(30.0, 1000.0, 1.0) == 33.0
    assert quantity_of(30.0, 1000.0, 1e6) == 33.333333
    assert quantity_of(3000.0, 1000.0, 1.0) == 0.0


def test_profit_pays_two_commissions() -> None:
    """100 shares from 10 to 11 at 0.1 %: 100 less 2.10; the short loses 102.10."""
    assert profit(1, 10.0, 11.0, 100.0, 0.001) == pytest.approx(97.9)
    assert profit(-1, 10.0, 11.0, 100.0, 0.001) == pytest.approx(-102.1)


def test_the_outputs_of_three_days_by_hand() -> None:
    """+100, -50, +20: two wins, a fall of 50, squares 12900."""
    trades = np.zeros(3, TRADE)
    for day, left in enumerate([11.0, 9.5, 10.2]):
        row = trades[day]
        row["direction"], row["day"], row["signal_minute"] = 1, day, 3
        row["entry_minute"], row["exit_minute"] = 4, 10
        row["entry_price"], row["exit_price"] = 10.0, left
    day = [(minute, 10.0, 10.0, 10.0, 10.0, 1.0) for minute in (0, 3, 4, 10)]
    bars, offsets = pack([day, day, day])
    out = np.empty(6)
    tally(np.rec.array(trades), np.rec.array(bars), offsets, Costs(1000.0, 1.0, 0.0), out)
    assert out.tolist() == pytest.approx([3, 70.0, 2, 50.0, 18, 12_900.0])
