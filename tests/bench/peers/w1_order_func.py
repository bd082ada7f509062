"""W1 in vectorbt by ``from_order_func``: its order simulation, our signals and levels.

It takes one order a bar, so levels act from the bar after the entry: the trades are W1's where no
bar of an entry touches its levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import NoOrder

from tests.bench.peers import serving
from tests.bench.peers.vectorbt_trades import fills_of

if TYPE_CHECKING:
    from tests.bench.peers.work import Bars, Fill, Rules


@numba.njit
def state(_):
    """Return top, bottom, notional, traded, pending side, stop, target and whether it is done."""
    return (np.zeros(8),)


@numba.njit
def order(c, s, day, minute, opens, high, low, volume, rules):
    """Return the order of one bar: an entry, an exit, or none."""
    i = c.i
    top, bottom, notional, traded, pending, stop, target, done = range(8)
    if i == 0 or day[i] != day[i - 1]:
        s[:] = 0.0
        s[top], s[bottom] = high[i], low[i]
    close = c.close[i, 0]
    s[notional] += (high[i] + low[i] + close) / 3.0 * volume[i]
    s[traded] += volume[i]
    if minute[i] < rules.range_minutes:
        s[top], s[bottom] = max(s[top], high[i]), min(s[bottom], low[i])
        return NoOrder
    fees, slip, held = rules.commission, rules.slippage, c.position_now
    if s[pending] != 0.0:
        side = s[pending]
        s[pending] = 0.0
        paid = opens[i] * (1.0 + side * slip)
        s[stop], s[target] = paid * (1.0 - side * rules.stop), paid * (1.0 + side * rules.target)
        return nb.order_nb(size=side * rules.size, price=opens[i], fees=fees, slippage=slip)
    if held != 0.0:
        side = 1.0 if held > 0.0 else -1.0
        worst, best = (low[i], high[i]) if held > 0.0 else (high[i], low[i])
        if minute[i] >= rules.flat_minute or side * opens[i] <= side * s[stop]:
            return nb.order_nb(size=-held, price=opens[i], fees=fees, slippage=slip)
        if side * opens[i] >= side * s[target]:
            return nb.order_nb(size=-held, price=opens[i], fees=fees, slippage=0.0)
        if side * worst <= side * s[stop]:
            return nb.order_nb(size=-held, price=s[stop], fees=fees, slippage=slip)
        if side * best >= side * s[target]:
            return nb.order_nb(size=-held, price=s[target], fees=fees, slippage=0.0)
    elif s[done] == 0.0 and minute[i] < rules.flat_minute - 1:
        vwap = s[notional] / s[traded]
        if close > s[top] * (1.0 + rules.buffer) and close > vwap:
            s[pending] = s[done] = 1.0
        elif close < s[bottom] * (1.0 - rules.buffer) and close < vwap:
            s[pending], s[done] = -1.0, 1.0
    return NoOrder


def prepare(bars: Bars, rules: Rules):
    """Return the run over a series made beforehand."""
    close = pd.Series(bars.close, index=pd.DatetimeIndex(bars.stamps()))
    columns = (bars.day, bars.minute, bars.open, bars.high, bars.low, bars.volume)

    def run() -> list[Fill]:
        portfolio = vbt.Portfolio.from_order_func(
            close, order, *columns, rules, pre_sim_func_nb=state, init_cash=1e7, freq="1min"
        )
        return fills_of(portfolio, bars)

    return lambda: run


if __name__ == "__main__":
    serving.serve(prepare, f"vectorbt {vbt.__version__} from_order_func")
