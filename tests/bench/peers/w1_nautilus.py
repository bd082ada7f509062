"""W1 in nautilus_trader's low-level engine, with its own rules of filling.

An order sent at a bar's close fills at that close; stop and target are sent at the entry's fill and
act from the next bar on. Its fill model has no slippage in fractions: prices are of its bars.
"""

from __future__ import annotations

from decimal import Decimal

import nautilus_trader
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from tests.bench.peers import nautilus_engine, serving
from tests.bench.peers.work import Bars, Fill, Rules


class Breakout(Strategy):
    """Opening range breakout with VWAP filter."""

    def __init__(self, rules: Rules, bars: Bars, instrument, bar_type, tag: str) -> None:
        super().__init__(StrategyConfig(order_id_tag=tag))
        self.rules, self.instrument, self.bar_type = rules, instrument, bar_type
        self.days, self.minutes = bars.day.tolist(), bars.minute.tolist()
        self.at = -1
        self.today = -1
        self.entry = None
        self.fills = []

    def on_start(self) -> None:
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar) -> None:
        """Look for a signal at this bar's close."""
        self.at += 1
        rules, minute = self.rules, self.minutes[self.at]
        high, low, close = bar.high.as_double(), bar.low.as_double(), bar.close.as_double()
        if self.days[self.at] != self.today:
            self.today = self.days[self.at]
            self.top, self.bottom = high, low
            self.notional = self.traded = 0.0
            self.done = False
        volume = bar.volume.as_double()
        self.notional += (high + low + close) / 3.0 * volume
        self.traded += volume
        if minute < rules.range_minutes:
            self.top, self.bottom = max(self.top, high), min(self.bottom, low)
        elif minute == rules.flat_minute - 1:
            if self.entry is not None:
                self.cancel_all_orders(self.instrument.id)
                self.close_all_positions(self.instrument.id)
        elif not self.done and minute < rules.flat_minute - 1:
            vwap = self.notional / self.traded
            if close > self.top * (1.0 + rules.buffer) and close > vwap:
                self.send(OrderSide.BUY)
            elif close < self.bottom * (1.0 - rules.buffer) and close < vwap:
                self.send(OrderSide.SELL)

    def send(self, side) -> None:
        """Send the day's one entry."""
        self.done = True
        self.submit_order(self.order_factory.market(self.instrument.id, side, self.shares()))

    def shares(self) -> Quantity:
        """Return the size of an order."""
        return Quantity.from_int(int(self.rules.size))

    def on_order_filled(self, event) -> None:
        """Note fills; send stop and target after an entry."""
        price, minute = event.last_px.as_double(), self.minutes[self.at]
        if self.entry is None:
            side = 1 if event.order_side == OrderSide.BUY else -1
            self.entry = (self.today, side, minute, price)
            leave = OrderSide.SELL if side > 0 else OrderSide.BUY
            stop, target = (
                Price.from_str(f"{price * (1.0 + side * part):.2f}")
                for part in (-self.rules.stop, self.rules.target)
            )
            of = (self.instrument.id, leave, self.shares())
            self.submit_order(self.order_factory.stop_market(*of, stop, reduce_only=True))
            self.submit_order(self.order_factory.limit(*of, target, reduce_only=True))
            return
        day, side, entered, paid = self.entry
        self.fills.append(Fill(day, side, entered, minute, paid, price))
        self.entry = None
        self.cancel_all_orders(self.instrument.id)


def instrument_of(name: str, rules: Rules):
    """Return the share that is traded."""
    return nautilus_engine.equity(name, Decimal(str(rules.commission)))


def one_symbol(rules: Rules, bars: Bars, instrument, bar_type, tag: str) -> Breakout:
    """Return the strategy of one symbol."""
    return Breakout(rules, bars, instrument, bar_type, tag)


def prepare(bars: Bars, rules: Rules):
    """Return the run over bars made beforehand; engine and strategy are made anew for each."""
    instrument = instrument_of("SYM", rules)
    bar_type = nautilus_engine.bar_type_of(instrument)
    data = nautilus_engine.bars_of(bars, bar_type)

    def ready():
        strategy = one_symbol(rules, bars, instrument, bar_type, tag="001")
        return nautilus_engine.run_of([instrument], data, [strategy])

    return ready


if __name__ == "__main__":
    serving.serve(prepare, f"nautilus_trader {nautilus_trader.__version__}")
