"""W1 in backtesting.py, with its own rules of filling: levels given with the order.

Its slippage is a spread on entries alone; levels lie at fractions of the signal's close.
"""

from __future__ import annotations

import warnings

import backtesting
import numpy as np
import pandas as pd

from tests.bench.peers import serving
from tests.bench.peers.work import Bars, Fill, Rules


def prepare(bars: Bars, rules: Rules):
    """Return the run over a frame made beforehand."""
    frame = pd.DataFrame(
        {name.title(): getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
        index=pd.DatetimeIndex(bars.stamps()),
    )
    days, minutes = bars.day.tolist(), bars.minute.tolist()

    class Breakout(backtesting.Strategy):
        """Opening range breakout with VWAP filter."""

        def init(self):
            self.today = -1

        def next(self):
            at = len(self.data) - 1
            high, low, close = self.data.High[-1], self.data.Low[-1], self.data.Close[-1]
            if days[at] != self.today:
                self.today = days[at]
                self.top, self.bottom = high, low
                self.notional = self.traded = 0.0
                self.done = False
            volume = self.data.Volume[-1]
            self.notional += (high + low + close) / 3.0 * volume
            self.traded += volume
            minute = minutes[at]
            if minute < rules.range_minutes:
                self.top, self.bottom = max(self.top, high), min(self.bottom, low)
            elif minute == rules.flat_minute - 1:
                self.position.close()
            elif not self.done and minute < rules.flat_minute - 1:
                vwap = self.notional / self.traded
                if close > self.top * (1.0 + rules.buffer) and close > vwap:
                    self.done = True
                    self.buy(
                        size=rules.size,
                        sl=close * (1.0 - rules.stop),
                        tp=close * (1.0 + rules.target),
                    )
                elif close < self.bottom * (1.0 - rules.buffer) and close < vwap:
                    self.done = True
                    self.sell(
                        size=rules.size,
                        sl=close * (1.0 + rules.stop),
                        tp=close * (1.0 - rules.target),
                    )

    test = backtesting.Backtest(
        frame, Breakout, cash=1e7, spread=rules.slippage, commission=rules.commission
    )

    def run() -> list[Fill]:
        trades = test.run()["_trades"]
        entries, exits = trades["EntryBar"].to_numpy(), trades["ExitBar"].to_numpy()
        return [
            Fill(*row)
            for row in zip(
                bars.day[entries].tolist(),
                np.sign(trades["Size"]).tolist(),
                bars.minute[entries].tolist(),
                bars.minute[exits].tolist(),
                trades["EntryPrice"].tolist(),
                trades["ExitPrice"].tolist(),
                strict=True,
            )
        ]

    return lambda: run


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    backtesting.backtesting._tqdm = lambda sequence, **_: sequence
    serving.serve(prepare, f"backtesting.py {backtesting.__version__}")
