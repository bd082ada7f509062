"""The work W1 of PERFORMANCE: its numbers and its bars. Only numpy, so that every peer reads it.

Opening range breakout with VWAP filter on the 1-minute bars of one symbol. After the range, a close
beyond it by more than the buffer and on the same side of the session's VWAP is a signal; it fills
at the next bar's open. Stop and target lie at fractions of the fill's price, act from the bar of
the fill on, the stop before the target inside a bar; a bar that opens beyond a level fills at its
open. What is open at the flat minute is closed at that bar's open. One trade a day, long or short.
Market and stop orders slip against us by the slippage, limits do not; each fill pays commission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

MINUTES = 390
YEAR = 252
FIELDS = ("day", "minute", "open", "high", "low", "close", "volume")


class Rules(NamedTuple):
    """What decides; minutes count from the open, fractions are of a price.

    Signals come on bars of ``range_minutes <= minute < flat_minute - 1``.
    """

    range_minutes: int = 15
    buffer: float = 0.0005
    stop: float = 0.006
    target: float = 0.012
    flat_minute: int = 360
    slippage: float = 1e-4
    commission: float = 1e-4
    size: float = 100.0


def sets(rules: Rules) -> list[Rules]:
    """Return 100 sets of W2's grid: 5 ranges, 5 buffers, 2 stops and 2 targets."""
    return [
        rules._replace(range_minutes=minutes, buffer=buffer, stop=stop, target=target)
        for minutes in (5, 10, 15, 30, 60)
        for buffer in (0.0, 0.0002, 0.0005, 0.001, 0.002)
        for stop in (0.004, 0.01)
        for target in (0.006, 0.02)
    ]


class Fill(NamedTuple):
    """One trade of a peer: the day's number, +1 or -1, minutes and prices of its two fills."""

    day: int
    direction: int
    entry_minute: int
    exit_minute: int
    entry_price: float
    exit_price: float


class Bars(NamedTuple):
    """The bars of many days in time order: int64[n] and float64[n], prices [USD/share]."""

    day: np.ndarray
    minute: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def first_days(self, count: int) -> Bars:
        """Return the bars of the first days."""
        return Bars(*(column[self.day < count] for column in self))

    def stamps(self) -> np.ndarray:
        """Return the time of each bar's start: days in a row, from 14:30, datetime64[ns]."""
        start = np.datetime64("2024-01-01T14:30", "ns")
        minutes = self.day * 24 * 60 + self.minute
        return start + minutes.astype("timedelta64[m]")

    def save(self, path: Path) -> Path:
        """Write the bars where another process can read them."""
        np.savez(path, **self._asdict())
        return path


def load(path: Path) -> Bars:
    """Read what `Bars.save` wrote."""
    with np.load(path) as stored:
        return Bars(*(stored[name] for name in FIELDS))


def year(seed: int = 7, days: int = YEAR) -> Bars:
    """Return seeded days: a random walk with a busy start and end, regimes, gaps and trend days."""
    rng = np.random.default_rng(seed)
    along = np.linspace(0.0, 1.0, MINUTES)
    busy = 0.6 + 1.6 * np.exp(-9.0 * along) + 0.7 * np.exp(-12.0 * (1.0 - along))
    calm = np.clip(5.5e-4 * np.exp(0.05 * rng.standard_normal(days).cumsum()), 2.5e-4, 1.5e-3)
    drift = rng.choice([-0.06, 0.0, 0.0, 0.06], days) * calm
    spread = calm[:, None, None] * busy[None, :, None] / 2.0
    steps = rng.standard_normal((days, MINUTES, 4)) * spread + drift[:, None, None] / 4.0
    steps[:, 0, 0] += 0.004 * rng.standard_normal(days)
    path = 100.0 * np.exp(np.cumsum(steps.reshape(-1))).reshape(days, MINUTES, 4)
    closes = path[:, :, 3]
    opens = np.empty_like(closes)
    opens[:, 1:] = closes[:, :-1]
    opens[:, 0] = path[:, 0, 0]
    edges = [
        np.round(np.ravel(part), 2) for part in (opens, path.max(axis=2), path.min(axis=2), closes)
    ]
    opened, high, low, close = edges
    return Bars(
        day=np.repeat(np.arange(days), MINUTES),
        minute=np.tile(np.arange(MINUTES), days),
        open=opened,
        high=np.maximum.reduce([opened, high, close]),
        low=np.minimum.reduce([opened, low, close]),
        close=close,
        volume=np.round(
            5000.0 * np.tile(busy, days) * np.exp(0.4 * rng.standard_normal(close.size))
        )
        + 1.0,
    )


def pnl(fills: list[Fill], rules: Rules) -> float:
    """Return what the trades earned after commission [USD]."""
    return sum(
        fill.direction * (fill.exit_price - fill.entry_price) * rules.size
        - rules.commission * (fill.entry_price + fill.exit_price) * rules.size
        for fill in fills
    )
