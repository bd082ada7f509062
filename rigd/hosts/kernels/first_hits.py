"""The first bar in which each level of a trade is reached, for many levels in one pass.

A level that is nearer is reached no later than one that is farther, so a pass over the bars with
one pointer finds all stops, or all targets, or all trails of a family. Where a trade ends is then
the smallest of a few keys, because a bar reaches the tighter of two stops exactly when it reaches
one of them. A key is the bar's minute × 8 plus the place of the event inside the bar (SPEC §3a.6).
Plain Python on numbers, with the functions of `market.fills` and `strategy.trailing`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rigd.market.fills import (
    NO_TOUCH,
    STOP_HIT,
    TARGET_HIT,
    exit_fill,
    market_fill,
    touch,
    trail_behind,
)
from rigd.strategy.stepper import on_grid
from rigd.strategy.trailing import follow, trailing_level

if TYPE_CHECKING:
    import numpy as np

NEVER = 1 << 40
"""The key of a level that is off or not reached."""

LAST = 1 << 39
"""The key of the last mark: a trade that is still open when the bars end."""

BLOCKED = -1
"""The key of an entry that expired: it comes before everything."""


def key_of(minute: int, touched: int) -> int:
    """Return when a level was reached, as a number that orders like time.

    Parameters
    ----------
    minute
        Of the bar.
    touched
        The answer of `market.fills.touch`, not NO_TOUCH.

    Returns
    -------
    int
        The time exit, at the bar's open, is ``minute * 8``; then a stop and a target at the open,
        then a stop and a target inside the bar.
    """
    place = touched + 2 if touched in (STOP_HIT, TARGET_HIT) else touched - 2
    return minute * 8 + place


def index_at(bars: np.ndarray, minute: int) -> int:
    """Return the first bar of a day at a minute or later; the number of bars when there is none."""
    index = min(max(minute, 0), len(bars))
    while index > 0 and bars[index - 1].minute >= minute:
        index -= 1
    return index


def comes_down_to(direction: int, bar_open: float, high: float, low: float, level: float) -> bool:
    """Tell whether a bar reaches a stop at all, its open counted; `touch` decides how.

    Parameters
    ----------
    direction
        Of the position; its opposite asks for a target.
    bar_open, high, low, level
        [currency/share].

    Returns
    -------
    bool
        False only where `touch` answers NO_TOUCH.
    """
    if direction > 0:
        return low <= level or bar_open <= level
    return high >= level or bar_open >= level


def hit_stops(
    bars: np.ndarray,
    first: int,
    until: int,
    direction: int,
    entry_price: float,
    fractions: np.ndarray,
    slippage: float,
    keys: np.ndarray,
    prices: np.ndarray,
) -> None:
    """Find where each hard stop ends a trade.

    Parameters
    ----------
    bars
        BAR[n_bars] of the day.
    first, until
        The entry's bar, and the bar before which levels matter.
    direction, entry_price
        +1 or -1, and [currency/share].
    fractions
        float64[n], ascending, of the entry price; NaN, which is off, comes last.
    slippage
        Fraction of the price of a stop's fill.
    keys, prices
        int64[n] and float64[n], written: NEVER or `key_of`, and the fill [currency/share].
    """
    keys[:] = NEVER
    prices[:] = 0.0
    count = len(fractions)
    while count > 0 and math.isnan(fractions[count - 1]):
        count -= 1
    if count == 0:
        return
    number = 0
    level = entry_price * (1.0 - direction * fractions[0])
    for index in range(first, until):
        bar = bars[index]
        if not comes_down_to(direction, bar.open, bar.high, bar.low, level):
            continue
        while True:
            touched, price = touch(
                direction, bar.open, bar.high, bar.low, level, math.nan, index != first
            )
            if touched == NO_TOUCH:
                break
            keys[number] = key_of(bar.minute, touched)
            prices[number] = on_grid(exit_fill(touched, price, slippage, direction))
            number += 1
            if number == count:
                return
            level = entry_price * (1.0 - direction * fractions[number])


def hit_targets(
    bars: np.ndarray,
    first: int,
    until: int,
    direction: int,
    entry_price: float,
    fractions: np.ndarray,
    slippage: float,
    keys: np.ndarray,
    prices: np.ndarray,
) -> None:
    """Find where each target ends a trade; as `hit_stops`."""
    keys[:] = NEVER
    prices[:] = 0.0
    count = len(fractions)
    while count > 0 and math.isnan(fractions[count - 1]):
        count -= 1
    if count == 0:
        return
    number = 0
    level = entry_price * (1.0 + direction * fractions[0])
    for index in range(first, until):
        bar = bars[index]
        if not comes_down_to(-direction, bar.open, bar.high, bar.low, level):
            continue
        while True:
            touched, price = touch(
                direction, bar.open, bar.high, bar.low, math.nan, level, index != first
            )
            if touched == NO_TOUCH:
                break
            keys[number] = key_of(bar.minute, touched)
            prices[number] = on_grid(exit_fill(touched, price, slippage, direction))
            number += 1
            if number == count:
                return
            level = entry_price * (1.0 + direction * fractions[number])


def extend_peaks(
    bars: np.ndarray, known: int, until: int, direction: int, peaks: np.ndarray
) -> int:
    """Write the peak before each bar of a trade, as `strategy.trailing.follow` has it.

    Parameters
    ----------
    bars, direction
        As `hit_stops` takes them.
    known
        Peaks are known before this bar; at first the one of the entry's bar, the entry price.
    until
        The bar before which they are wanted.
    peaks
        float64[≥ n_bars] [currency/share]; written from `known` on.

    Returns
    -------
    int
        The bar before which peaks are known now.
    """
    for index in range(known, until):
        before = bars[index - 1]
        peaks[index] = follow(direction, peaks[index - 1], before.high, before.low)
    return max(known, until)


def hit_trails(
    bars: np.ndarray,
    first: int,
    until: int,
    direction: int,
    known: int,
    peaks: np.ndarray,
    ranges: np.ndarray,
    trails: np.ndarray,
    slippage: float,
    keys: np.ndarray,
    prices: np.ndarray,
) -> int:
    """Find where each trail of one family ends a trade when it does not tighten.

    Parameters
    ----------
    bars, first, until, direction
        As `hit_stops` takes them.
    known, peaks
        As `extend_peaks` takes them; extended as far as they are needed.
    ranges
        float64[n_bars]: the average true range before each bar [currency/share].
    trails
        TRAIL[n] of one family, alike in all but `trail_fraction`, which ascends, NaN last.
    slippage, keys, prices
        As `hit_stops` takes them.

    Returns
    -------
    int
        The bar before which peaks are known now.
    """
    keys[:] = NEVER
    prices[:] = 0.0
    count = active(trails)
    if count == 0:
        return known
    number = 0
    plain = math.isnan(trails[0].atr_mult)
    fraction = trails[0].trail_fraction
    peak = peaks[first]
    for index in range(first, until):
        bar = bars[index]
        peaks[index] = peak
        while number < count:
            if plain:
                level = trail_behind(direction, peak, fraction)
            else:
                level = trailing_level(direction, peak, math.inf, ranges[index], trails[number])
            if not comes_down_to(direction, bar.open, bar.high, bar.low, level):
                break
            touched, price = touch(
                direction, bar.open, bar.high, bar.low, level, math.nan, index != first
            )
            if touched == NO_TOUCH:
                break
            keys[number] = key_of(bar.minute, touched)
            prices[number] = on_grid(exit_fill(touched, price, slippage, direction))
            number += 1
            if number == count:
                return max(known, index + 1)
            fraction = trails[number].trail_fraction
        peak = follow(direction, peak, bar.high, bar.low)
    return max(known, until)


def active(trails: np.ndarray) -> int:
    """Return how many trails of a family are not off; those come first."""
    count = len(trails)
    while (
        count > 0
        and math.isnan(trails[count - 1].trail_fraction)
        and math.isnan(trails[count - 1].atr_mult)
    ):
        count -= 1
    return count


def hit_tightened(
    bars: np.ndarray,
    first: int,
    until: int,
    direction: int,
    exit_minute: int,
    known: int,
    peaks: np.ndarray,
    ranges: np.ndarray,
    trails: np.ndarray,
    slippage: float,
    keys: np.ndarray,
    prices: np.ndarray,
) -> int:
    """Let the trails of one family tighten before a time exit: hits from there on are found anew.

    Parameters
    ----------
    bars, first, until, direction, known, peaks, ranges, trails, slippage
        As `hit_trails` takes them; `until` is the bar of the time exit.
    exit_minute
        The minute of the time exit.
    keys, prices
        Of `hit_trails`; changed where a tightened trail acts first.

    Returns
    -------
    int
        The bar before which peaks are known now.
    """
    buffer_minutes = trails[0].tighten_buffer_s / 60.0
    begin = max(first, index_at(bars, math.floor(exit_minute - buffer_minutes)))
    if begin >= until:
        return known
    count = active(trails)
    number = 0
    while number < count and keys[number] < bars[begin].minute * 8:
        number += 1
    for later in range(number, count):
        keys[later] = NEVER
    for index in range(begin, until):
        if number == count:
            break
        known = extend_peaks(bars, known, index + 1, direction, peaks)
        bar = bars[index]
        while number < count:
            level = trailing_level(
                direction,
                peaks[index],
                exit_minute - bar.minute,
                ranges[index],
                trails[number],
            )
            touched, price = touch(
                direction, bar.open, bar.high, bar.low, level, math.nan, index != first
            )
            if touched == NO_TOUCH:
                break
            keys[number] = key_of(bar.minute, touched)
            prices[number] = on_grid(exit_fill(touched, price, slippage, direction))
            number += 1
    return known


def timed_exit(
    bars: np.ndarray,
    first: int,
    exit_minute: int,
    direction: int,
    latency_fraction: float,
    slippage: float,
) -> tuple[int, int, int, float]:
    """Find where the time exit ends a trade (SPEC §3a.7-8).

    Parameters
    ----------
    bars, first, direction, slippage
        As `hit_stops` takes them.
    exit_minute
        The minute of the time exit.
    latency_fraction
        Latency / bar length.

    Returns
    -------
    tuple of int, int, int and float
        The index of its bar, or the number of bars when there is none; the key, LAST then; the
        minute and the fill of the exit, those of the last mark then.
    """
    index = max(first, index_at(bars, exit_minute))
    if index < len(bars):
        bar = bars[index]
        price = on_grid(market_fill(bar.open, bar.close, latency_fraction, slippage, -direction))
        return index, bar.minute * 8, bar.minute, price
    last = bars[len(bars) - 1]
    return index, LAST, last.minute, on_grid(last.close)
