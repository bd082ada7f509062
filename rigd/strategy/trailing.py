"""Trailing stops: the one place where a peak is followed and a stop is drawn after it.

Every host follows a trade with these functions: the session's protection, the stepper and its
compiled copy; a broker that trails by itself is given the same numbers. Two candidates, of which
the tighter wins: a fraction of the peak (``TRAIL_PCT_*``, else ``TRADING_TRAILING_STOP_PCT``),
which tightens near the time exit, and a multiple of the average true range (``TRAIL_ATR_MULT``,
blank = off). Plain numbers, as in `definition`; NaN is off. The long side is described, the short
side is its mirror: its peak is a trough. Source: SPEC §3 and §3a.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rigd.market.fills import trail_behind

if TYPE_CHECKING:
    from rigd.core.values import Bar

TRAIL_FLOOR = 0.0005
"""Tightening goes no further than this fraction (SPEC §3)."""


class TrailRules(Protocol):
    """The part of a strategy's exit rules that concerns the trail; `exits.ExitRules` has it."""

    @property
    def trail_fraction(self) -> float:
        """Of the peak; NaN = off."""
        ...

    @property
    def tighten_factor(self) -> float:
        """What the fraction is multiplied by near the time exit."""
        ...

    @property
    def tighten_buffer_s(self) -> float:
        """From how long before the time exit [s]."""
        ...

    @property
    def atr_mult(self) -> float:
        """Trail by so many average true ranges; NaN = off."""
        ...


@dataclass(slots=True)
class RangeState:
    """Wilder's average true range of one symbol, bar by bar.

    `seen` counts bars; `previous` is the last close; `average` is Σ true range while warming up,
    then the average [currency/share].
    """

    seen: float = 0.0
    previous: float = 0.0
    average: float = 0.0


def follow(direction: int, peak: float, high: float, low: float) -> float:
    """Return the peak of a trade after one more completed bar.

    Parameters
    ----------
    direction
        +1 long, -1 short.
    peak
        So far, the entry price at first; NaN before that [currency/share].
    high, low
        Of the bar [currency/share].

    Returns
    -------
    float
        For a long the larger of peak and high, for a short the smaller of peak and low.
    """
    return higher(direction, peak, high if direction > 0 else low)


def trailing_level(
    direction: int, peak: float, minutes_left: float, atr: float, rules: TrailRules
) -> float:
    """Return the trailing stop of one bar, the tighter of fraction and average true range.

    Parameters
    ----------
    direction
        +1 long, -1 short.
    peak
        Of the bars before it, the entry price included [currency/share].
    minutes_left
        From the bar's start to the time exit [minutes].
    atr
        Average true range at the previous bar's close [currency/share]; NaN while warming up.
    rules
        The trail, its tightening and its ATR form.

    Returns
    -------
    float
        [currency/share], unrounded; NaN when both are off.
    """
    by_fraction = trail_behind(direction, peak, trail_in_force(minutes_left, rules))
    by_range = peak - direction * rules.atr_mult * atr
    return higher(direction, by_fraction, by_range)


def trail_in_force(minutes_left: float, rules: TrailRules) -> float:
    """Return the trailing fraction of a bar; tightened near the time exit, never widened.

    Parameters
    ----------
    minutes_left
        From the bar's start to the time exit [minutes].
    rules
        The trail and its tightening.

    Returns
    -------
    float
        NaN when the trail is off.
    """
    trail = rules.trail_fraction
    if math.isnan(trail) or minutes_left * 60.0 > rules.tighten_buffer_s:
        return trail
    return min(trail, max(trail * rules.tighten_factor, TRAIL_FLOOR))


def follows_fraction_alone(rules: TrailRules) -> bool:
    """Tell whether the trail is a fraction of the peak and nothing else.

    That is what a broker's own trailing stop can do; an average true range it does not know.

    Parameters
    ----------
    rules
        The trail.

    Returns
    -------
    bool
        True when a fraction is set and the ATR form is off.
    """
    return not math.isnan(rules.trail_fraction) and math.isnan(rules.atr_mult)


def higher(direction: int, first: float, second: float) -> float:
    """Return the level that lies further along the direction; one that is NaN is off.

    Parameters
    ----------
    direction
        +1: the larger of the two; -1: the smaller.
    first, second
        Levels [currency/share].

    Returns
    -------
    float
        NaN when both are off.
    """
    if math.isnan(first):
        return second
    if math.isnan(second):
        return first
    if direction > 0:
        return max(first, second)
    return min(first, second)


def observe_range(state: RangeState, bar: Bar, period: int) -> None:
    """Take one more bar into the average true range.

    Parameters
    ----------
    state
        Of the symbol; changed in place.
    bar
        The next bar of the session.
    period
        Bars of the average.

    References
    ----------
    Wilder, New Concepts in Technical Trading Systems (1978).
    """
    reach = bar.high - bar.low
    if state.seen > 0.0:
        reach = max(reach, abs(bar.high - state.previous), abs(bar.low - state.previous))
    state.seen += 1.0
    state.previous = bar.close
    if state.seen < period:
        state.average += reach
    elif state.seen == period:
        state.average = (state.average + reach) / period
    else:
        state.average += (reach - state.average) / period


def average_range(state: RangeState, period: int) -> float:
    """Return the average true range so far [currency/share]; NaN while warming up."""
    if state.seen < period:
        return math.nan
    return state.average
