"""Does a signal know the future? Cut the bars after a minute, or change them, and ask again.

What was signalled up to that minute must stay as it was (B11). Cutting alone does not find a rule
that peeks and happens to signal nothing; so the future is also replaced by one far above and one
far below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.values import Bar

if TYPE_CHECKING:
    from rigd.strategy.definition import Strategy

Signals = Callable[[Sequence[Bar]], Sequence[float]]
"""Bars of one day in time order to one signal for each of them."""

FUTURES = (1.5, 1.0 / 1.5)
"""By what the prices after the cut are multiplied."""


class Peek(NamedTuple):
    """A signal that changed with bars that come after it.

    `cut` is the minute after which the bars differ, `minute` that of the signal; `future` is what
    was done with the bars after the cut.
    """

    cut: int
    minute: int
    future: str
    before: float
    after: float


def signals_of(strategy: Strategy, params: Any) -> Signals:  # noqa: ANN401 - parameters of any strategy
    """Return the signals of a strategy as a function of a day's bars.

    Parameters
    ----------
    strategy, params
        The definition and its numbers.

    Returns
    -------
    callable
        One answer of `entry` for each bar, with a new state for each call.
    """

    def signals(bars: Sequence[Bar]) -> Sequence[float]:
        state = strategy.new_state()
        return [strategy.entry(state, bar, params) for bar in bars]

    return signals


def find_peek(signals: Signals, bars: Sequence[Bar]) -> Peek | None:
    """Return the first signal of a day that depends on a later bar.

    Parameters
    ----------
    signals
        What is probed.
    bars
        One day in time order.

    Returns
    -------
    Peek or None
        None when no signal up to any minute changes, whatever comes after it. A function that
        misses a bar which was cut (IndexError) has looked for it.
    """
    whole = signals(bars)
    for at in range(len(bars) - 1):
        kept = bars[: at + 1]
        futures = {"cut": kept}
        for factor in FUTURES:
            rest = [_scaled(bar, factor) for bar in bars[at + 1 :]]
            futures[f"times {factor:.2f}"] = [*kept, *rest]
        for name, day in futures.items():
            found = _difference(whole, signals, day, at)
            if found is not None:
                place, after = found
                return Peek(bars[at].minute, bars[place].minute, name, whole[place], after)
    return None


def _difference(
    whole: Sequence[float], signals: Signals, bars: Sequence[Bar], last: int
) -> tuple[int, float] | None:
    try:
        other = signals(bars)
    except IndexError:
        return last, math.nan
    for place in range(last + 1):
        before, after = whole[place], other[place]
        if before != after and not (math.isnan(before) and math.isnan(after)):
            return place, after
    return None


def _scaled(bar: Bar, factor: float) -> Bar:
    prices = (bar.open * factor, bar.high * factor, bar.low * factor, bar.close * factor)
    return Bar(bar.minute, *prices, bar.volume)
