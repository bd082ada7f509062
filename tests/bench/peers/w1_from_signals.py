"""W1 in vectorbt by ``from_signals``: signals from arrays, its own rules of filling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio.enums import StopEntryPrice

from tests.bench.peers import serving
from tests.bench.peers.vectorbt_trades import fills_of
from tests.bench.peers.work import MINUTES, Bars, Fill, Rules


def prepare(bars: Bars, rules: Rules):
    """Return the run over series made beforehand; the days must be whole."""
    index = pd.DatetimeIndex(bars.stamps())
    opens, high, low, close = (
        pd.Series(column, index=index) for column in (bars.open, bars.high, bars.low, bars.close)
    )

    def run() -> list[Fill]:
        longs, shorts = signals(bars, rules)
        flat = bars.minute == rules.flat_minute
        portfolio = vbt.Portfolio.from_signals(
            close,
            following(longs),
            flat,
            following(shorts),
            flat,
            size=rules.size,
            price=opens,
            open=opens,
            high=high,
            low=low,
            fees=rules.commission,
            slippage=rules.slippage,
            sl_stop=rules.stop,
            tp_stop=rules.target,
            stop_entry_price=StopEntryPrice.FillPrice,
            init_cash=1e7,
            freq="1min",
        )
        return fills_of(portfolio, bars)

    return lambda: run


def signals(bars: Bars, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Return bool[n] twice: the first signal of each day, long and short."""
    high, low, close, volume = (
        column.reshape(-1, MINUTES) for column in (bars.high, bars.low, bars.close, bars.volume)
    )
    vwap = np.cumsum((high + low + close) / 3.0 * volume, axis=1) / np.cumsum(volume, axis=1)
    top = high[:, : rules.range_minutes].max(axis=1, keepdims=True) * (1.0 + rules.buffer)
    bottom = low[:, : rules.range_minutes].min(axis=1, keepdims=True) * (1.0 - rules.buffer)
    minute = np.arange(MINUTES)
    asked = (minute >= rules.range_minutes) & (minute < rules.flat_minute - 1)
    longs, shorts = (
        (close > top) & (close > vwap) & asked,
        (close < bottom) & (close < vwap) & asked,
    )
    either = longs | shorts
    first = either & (np.cumsum(either, axis=1) == 1)
    return np.ravel(longs & first), np.ravel(shorts & first)


def following(asked: np.ndarray) -> np.ndarray:
    """Return the signals one bar later."""
    return np.concatenate([[False], asked[:-1]])


if __name__ == "__main__":
    serving.serve(prepare, f"vectorbt {vbt.__version__} from_signals")
