"""Made days: true bars that move enough to trade, and a feed that shows them wrongly."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rigd.core.values import Bar, MarketSlice, Reading, Reference
from rigd.hosts import wiring
from rigd.hosts.simulate.faults import Fault, generator
from rigd.market.feed import DayFeed
from rigd.market.vix import VixHistory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from rigd.core.values import SessionDay
    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.hosts.simulate.swarm import Options

VIX = 25.0
STOPPED_MINUTES = 12
"""How long a symbol has no bars at most, once they stop."""

_BROKEN = (Fault.BAR_NAN, Fault.BAR_ZERO, Fault.BAR_NEGATIVE, Fault.BAR_CROSSED)


@lru_cache(maxsize=64)
def exchange_day(day: date) -> SessionDay:
    """Return the exchange session of a date."""
    return wiring.session_day(day)


def true_bars(options: Options, day: SessionDay) -> dict[str, list[Bar]]:
    """Return the bars of a day: a random walk per symbol, the same for the same seed.

    Parameters
    ----------
    options
        The seed's symbols, volatility and length.
    day
        The exchange session.

    Returns
    -------
    dict of str to list of Bar
        One bar a minute and symbol; prices of two places.
    """
    numbers = generator(options.seed, "bars")
    minutes = min(day.minutes, options.minutes)
    bars = {}
    for symbol in options.symbols:
        start = float(numbers.uniform(20.0, 200.0))
        steps = numbers.normal(0.0, options.volatility, minutes)
        closes = np.round(start * np.exp(np.cumsum(steps)), 2)
        opens = np.concatenate(([round(start, 2)], closes[:-1]))
        spans = np.abs(numbers.normal(0.0, options.volatility, (2, minutes)))
        highs = np.round(np.maximum(opens, closes) * (1.0 + spans[0]), 2)
        lows = np.round(np.minimum(opens, closes) * (1.0 - spans[1]), 2)
        rows = zip(opens.tolist(), highs.tolist(), lows.tolist(), closes.tolist(), strict=True)
        bars[symbol] = [
            Bar(minute, opened, high, low, close, 1000.0)
            for minute, (opened, high, low, close) in enumerate(rows)
        ]
    return bars


def minutes_of(bars: Mapping[str, list[Bar]], count: int) -> list[dict[str, Bar]]:
    """Return the bars of each minute by symbol."""
    minutes: list[dict[str, Bar]] = [{} for _ in range(count)]
    for symbol, row in bars.items():
        for bar in row:
            minutes[bar.minute][symbol] = bar
    return minutes


class ChaosFeed(DayFeed):
    """A day's bars as the bot gets them.

    What it has shown once it shows again: a restarted bot reads the same bars.

    Parameters
    ----------
    day
        The exchange session.
    bars
        The true bars.
    plan
        What goes wrong.
    quiet_from
        The minute from which nothing goes wrong.
    """

    def __init__(
        self, day: SessionDay, bars: Mapping[str, list[Bar]], plan: FaultPlan, quiet_from: int
    ) -> None:
        references = {
            symbol: Reference(
                previous_close=row[0].open, previous_volume=5_000_000.0, market_cap=5e9
            )
            for symbol, row in bars.items()
        }
        super().__init__(
            day,
            bars,
            label="made",
            references=references,
            vix=VixHistory((Reading(VIX, day.day.replace(year=2000, day=3)),)),
        )
        self.sound = False  # what is shown is not what was read
        self._plan = plan
        self._quiet_from = quiet_from
        self._stopped: dict[str, int] = {}
        self._shown: dict[int, MarketSlice] = {}
        self._last: dict[str, Bar] = {}
        self._spoils = any(plan.has(fault) for fault in Fault if fault.startswith("bar"))

    def slices(self, first_minute: int = 0) -> Iterator[MarketSlice]:
        """Yield the minutes as they are shown, from `first_minute` on.

        Parameters
        ----------
        first_minute
            Minutes since the open.

        Yields
        ------
        MarketSlice
            One per minute.
        """
        for slice_ in super().slices():
            if self._spoils and slice_.minute < self._quiet_from:
                shown = self._shown.get(slice_.minute)
                if shown is None:
                    shown = self._shown[slice_.minute] = self._spoil(slice_)
                if slice_.minute >= first_minute:
                    yield shown
            elif slice_.minute >= first_minute:
                yield slice_

    def shown_close(self, symbol: str, minute: int) -> float:
        """Return the close that the bot was shown of a minute; NaN when it saw no sound bar."""
        shown = self._shown.get(minute)
        bar = shown.bars.get(symbol) if shown is not None else self.bars[symbol][minute]
        if bar is None or not is_sound(bar):
            return math.nan
        return bar.close

    def _spoil(self, slice_: MarketSlice) -> MarketSlice:
        bars = {}
        for symbol, bar in slice_.bars.items():
            told = self._spoilt(symbol, bar)
            if told is not None:
                bars[symbol] = told
                self._last[symbol] = told
        return MarketSlice(slice_.minute, slice_.start, bars)

    def _spoilt(self, symbol: str, bar: Bar) -> Bar | None:
        plan = self._plan
        if self._stopped.get(symbol, -1) >= bar.minute or plan.fires(Fault.BAR_MISSING):
            return None
        if plan.fires(Fault.BARS_STOP):
            self._stopped[symbol] = bar.minute + plan.pick("stop", STOPPED_MINUTES)
            return None
        last = self._last.get(symbol)
        if last is not None and plan.fires(Fault.BAR_REPEATED):
            return last._replace(minute=bar.minute)
        if plan.fires(Fault.BAR_SPIKE):
            return bar._replace(high=bar.high * 1.5, close=bar.close * 1.5)
        for fault in _BROKEN:
            if plan.fires(fault):
                return _broken(bar, fault)
        return bar


def _broken(bar: Bar, fault: Fault) -> Bar:
    if fault is Fault.BAR_NAN:
        return bar._replace(close=math.nan)
    if fault is Fault.BAR_ZERO:
        return bar._replace(close=0.0, low=0.0)
    if fault is Fault.BAR_NEGATIVE:
        return bar._replace(close=-bar.close, low=-bar.close)
    return bar._replace(high=bar.low - 0.01, low=bar.high + 0.01)


def is_sound(bar: Bar) -> bool:
    """Tell whether a bar is one that may be traded on: finite, positive, low to high."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    return (
        all(math.isfinite(price) and price > 0.0 for price in prices)
        and bar.low <= min(bar.open, bar.close)
        and max(bar.open, bar.close) <= bar.high
    )
