"""W1 in backtrader, with its own orders: market, stop and limit, one cancels the other.

Stop and limit are sent when the entry is reported, so they act from the bar after it: the trades
are W1's where no bar of an entry touches its levels. Its limit orders would slip like the others
when a bar opens beyond them; the broker below lets limits alone, which W1 demands. In a bar that
opens beyond the limit and reaches the stop its broker takes the stop.
"""

from __future__ import annotations

import backtrader as bt
import pandas as pd

from tests.bench.peers import serving
from tests.bench.peers.work import Bars, Fill, Rules


class Broker(bt.brokers.BackBroker):
    """The simulated broker whose limit orders do not slip."""

    def _slip_up(self, pmax, price, doslip=True, lim=False):  # noqa: FBT002 - the signature of the peer
        return super()._slip_up(pmax, price, doslip and not lim, lim)

    def _slip_down(self, pmin, price, doslip=True, lim=False):  # noqa: FBT002 - the signature of the peer
        return super()._slip_down(pmin, price, doslip and not lim, lim)


class Data(bt.feeds.PandasData):
    """Bars with the day and the minute beside them."""

    lines = ("day", "minute")
    params = (("day", -1), ("minute", -1))


class Breakout(bt.Strategy):
    """Opening range breakout with VWAP filter."""

    params = (("rules", None),)

    def __init__(self):
        self.fills = []
        self.today = -1
        self.entry = None
        self.side = 0
        self.levels = ()

    def next_open(self):
        """Close what is open at the flat minute, at this bar's open."""
        if self.position and self.data.minute[0] >= self.p.rules.flat_minute:
            self.cancel(self.levels[0])
            self.levels = ()
            self.close()

    def next(self):
        """Look for a signal at this bar's close."""
        rules, minute = self.p.rules, self.data.minute[0]
        high, low, close = self.data.high[0], self.data.low[0], self.data.close[0]
        if self.data.day[0] != self.today:
            self.today = self.data.day[0]
            self.top, self.bottom = high, low
            self.notional = self.traded = 0.0
            self.done = False
        volume = self.data.volume[0]
        self.notional += (high + low + close) / 3.0 * volume
        self.traded += volume
        if minute < rules.range_minutes:
            self.top, self.bottom = max(self.top, high), min(self.bottom, low)
        elif not self.done and minute < rules.flat_minute - 1:
            vwap = self.notional / self.traded
            if close > self.top * (1.0 + rules.buffer) and close > vwap:
                self.buy(size=rules.size)
                self.done = True
            elif close < self.bottom * (1.0 - rules.buffer) and close < vwap:
                self.sell(size=rules.size)
                self.done = True

    def notify_order(self, order):
        """Note fills; send stop and target after an entry."""
        if order.status != order.Completed:
            return
        price, minute = order.executed.price, int(self.data.minute[0])
        if self.entry is None:
            self.side = 1 if order.isbuy() else -1
            self.entry = (int(self.data.day[0]), self.side, minute, price)
            rules = self.p.rules
            leave = self.sell if self.side > 0 else self.buy
            stop = leave(
                size=rules.size,
                exectype=bt.Order.Stop,
                price=price * (1.0 - self.side * rules.stop),
            )
            target = leave(
                size=rules.size,
                exectype=bt.Order.Limit,
                price=price * (1.0 + self.side * rules.target),
                oco=stop,
            )
            self.levels = (stop, target)
            return
        day, side, entered, paid = self.entry
        self.fills.append(Fill(day, side, entered, minute, paid, price))
        self.entry = None


def prepare(bars: Bars, rules: Rules):
    """Return the run over a frame made beforehand."""
    frame = pd.DataFrame(
        {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
        index=pd.DatetimeIndex(bars.stamps()),
    ).assign(day=bars.day, minute=bars.minute)

    def ready():
        cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
        broker = Broker(
            cash=1e7,
            coo=True,
            slip_perc=rules.slippage,
            slip_open=True,
            slip_match=True,
            slip_out=True,
        )
        broker.setcommission(commission=rules.commission)
        cerebro.setbroker(broker)
        cerebro.adddata(Data(dataname=frame))
        cerebro.addstrategy(Breakout, rules=rules)
        return lambda: cerebro.run()[0].fills

    return ready


if __name__ == "__main__":
    serving.serve(prepare, f"backtrader {bt.__version__}")
