"""What a point of a grid is worth: the outputs of a sweep, and how one trade enters them.

Plain Python on numbers, as in `strategy.stepper`: every path of the sweep and its oracle use these
same functions, compiled or not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

OUTPUTS = ("trades", "pnl", "wins", "drawdown", "held_minutes", "square")
"""The columns of a result: trades, Σ PnL [currency], trades with a PnL over 0, the largest fall of
the summed PnL from its peak, trade by trade [currency], Σ minutes from entry to exit, and Σ squares
of the days' PnL [currency²]."""

WIN = 1 << 32
"""A win in the sum that counts wins and minutes together."""


class Costs(NamedTuple):
    """What a trade costs and how large it is.

    Parameters
    ----------
    stake
        Notional of an entry at its reference price, the signal bar's close [currency].
    lots
        Quantities are rounded down to 1/lots of a share: 1e6 for fractions, 1 for whole shares.
    commission
        Fraction of the notional, per fill.
    """

    stake: float
    lots: float
    commission: float


def quantity_of(reference_price: float, stake: float, lots: float) -> float:
    """Return how many shares an entry buys or sells (SPEC §3a.11).

    Parameters
    ----------
    reference_price
        Latest close [currency/share].
    stake
        Notional [currency].
    lots
        Parts of a share that are traded.

    Returns
    -------
    float
        [shares], rounded down; 0.0 when the stake is too small.
    """
    return math.floor(stake / reference_price * lots) / lots


def profit(
    direction: int, entry_price: float, exit_price: float, quantity: float, commission: float
) -> float:
    """Return the PnL of one trade after its two commissions.

    Parameters
    ----------
    direction
        +1 long, -1 short.
    entry_price, exit_price
        [currency/share].
    quantity
        [shares].
    commission
        Fraction of the notional, per fill.

    Returns
    -------
    float
        [currency].
    """
    gained = direction * (exit_price - entry_price) * quantity
    return gained - commission * (exit_price + entry_price) * quantity


def tally(
    trades: np.ndarray, bars: np.ndarray, offsets: np.ndarray, costs: Costs, out: np.ndarray
) -> None:
    """Sum the trades of one point of a grid, at most one a day; the oracle of every sweep.

    Parameters
    ----------
    trades
        TRADE[n_trades], in the order of the days.
    bars, offsets
        As `stepper.pack` returns them.
    costs
        Size and commission.
    out
        float64[6], OUTPUTS; written.
    """
    pnl = 0.0
    wins = 0
    peak = 0.0
    drawdown = 0.0
    held = 0
    square = 0.0
    for trade in trades:
        index = offsets[trade.day]
        while bars[index].minute != trade.signal_minute:
            index += 1
        quantity = quantity_of(bars[index].close, costs.stake, costs.lots)
        gain = profit(
            trade.direction, trade.entry_price, trade.exit_price, quantity, costs.commission
        )
        pnl += gain
        if gain > 0.0:
            wins += 1
        peak = max(peak, pnl)
        drawdown = max(drawdown, peak - pnl)
        held += trade.exit_minute - trade.entry_minute
        square += gain * gain
    out[0] = len(trades)
    out[1] = pnl
    out[2] = wins
    out[3] = drawdown
    out[4] = held
    out[5] = square
