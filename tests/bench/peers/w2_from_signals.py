"""W2 in vectorbt by ``from_signals``: many parameter sets as the columns of one call.

Its own rules of filling, without trailing stops. The sets of a range and a buffer share signals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio.enums import StopEntryPrice

from tests.bench.peers import serving
from tests.bench.peers.w1_from_signals import following, signals
from tests.bench.peers.work import Bars, Fill, Rules, sets


def prepare(bars: Bars, rules: Rules):
    """Return the run of 100 sets over series made beforehand; the days must be whole."""
    index = pd.DatetimeIndex(bars.stamps())
    opens, high, low, close = (
        pd.Series(column, index=index) for column in (bars.open, bars.high, bars.low, bars.close)
    )
    grid = sets(rules)

    def run() -> list[Fill]:
        asked = [signals(bars, each) for each in grid]
        longs, shorts = (
            np.column_stack([following(pair[side]) for pair in asked]) for side in (0, 1)
        )
        flat = np.column_stack([bars.minute == each.flat_minute for each in grid])
        portfolio = vbt.Portfolio.from_signals(
            close,
            longs,
            flat,
            shorts,
            flat,
            size=rules.size,
            price=opens,
            open=opens,
            high=high,
            low=low,
            fees=rules.commission,
            slippage=rules.slippage,
            sl_stop=np.array([[each.stop for each in grid]]),
            tp_stop=np.array([[each.target for each in grid]]),
            stop_entry_price=StopEntryPrice.FillPrice,
            init_cash=1e7,
            freq="1min",
        )
        portfolio.trades.pnl.sum()
        portfolio.max_drawdown()
        return []

    return lambda: run


if __name__ == "__main__":
    serving.serve(prepare, f"vectorbt {vbt.__version__} from_signals")
