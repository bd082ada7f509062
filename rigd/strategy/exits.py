"""Exit rules as data, and the levels that follow from them before each bar.

Source: SPEC §3 and §3a.5. Plain numbers, as in `definition`; NaN is off. The long side is
described, the short side is its mirror.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rigd.config.strategies import StrategySettings
    from rigd.core.values import Bar

TRAIL_FLOOR = 0.0005
"""Tightening goes no further than this fraction (SPEC §3)."""


class ExitRules(NamedTuple):
    """What ends a trade beside the time exit.

    Parameters
    ----------
    stop_fraction, target_fraction
        Hard stop and target, of the entry price; NaN = off.
    trail_fraction
        Trailing stop, of the peak; NaN = off.
    tighten_factor, tighten_buffer_s
        Within so many seconds of the time exit the trail is multiplied by the factor.
    vwap_touch
        Whether the session's VWAP is a target.
    atr_mult, atr_period
        Trail by so many ATR beside the fraction; a NaN multiple = off; period [bars].
    """

    stop_fraction: float
    target_fraction: float
    trail_fraction: float
    tighten_factor: float
    tighten_buffer_s: float
    vwap_touch: bool
    atr_mult: float
    atr_period: int


@dataclass(slots=True)
class RangeState:
    """Wilder's average true range of one symbol, bar by bar.

    `seen` counts bars; `previous` is the last close; `average` is Σ true range while warming up,
    then the average [currency/share].
    """

    seen: float = 0.0
    previous: float = 0.0
    average: float = 0.0


def rules_from(view: StrategySettings, *, vwap_touch: bool) -> ExitRules:
    """Return the exit rules of one strategy's settings.

    Parameters
    ----------
    view
        The strategy's settings.
    vwap_touch
        Whether the session's VWAP is a target.

    Returns
    -------
    ExitRules
        A blank setting is NaN.
    """
    return ExitRules(
        stop_fraction=_or_off(view.stop_pct),
        target_fraction=_or_off(view.target_pct),
        trail_fraction=view.trail_pct,
        tighten_factor=view.trail_tightening_factor,
        tighten_buffer_s=float(view.trail_tightening_buffer_s),
        vwap_touch=vwap_touch,
        atr_mult=_or_off(view.trail_atr_mult),
        atr_period=view.trail_atr_period,
    )


def _or_off(value: float | None) -> float:
    return math.nan if value is None else value


def levels(
    direction: int,
    entry_price: float,
    peak: float,
    vwap: float,
    minutes_left: float,
    atr: float,
    rules: ExitRules,
) -> tuple[float, float]:
    """Return the levels that act inside one bar, from what was known before it.

    Parameters
    ----------
    direction
        +1 long, -1 short.
    entry_price
        Average price of the entry's fills [currency/share].
    peak
        For a long the larger of the entry and the highs of bars completed since, for a short the
        smaller of the entry and their lows [currency/share].
    vwap
        The session's VWAP at the previous bar's close; NaN when there is none.
    minutes_left
        From the bar's start to the time exit [minutes].
    atr
        Average true range at the previous bar's close [currency/share]; NaN while warming up.
    rules
        What ends the trade.

    Returns
    -------
    tuple of two floats
        Stop level and target level, unrounded [currency/share]; NaN = off.
    """
    trail = trail_in_force(minutes_left, rules)
    stop = entry_price * (1.0 - direction * rules.stop_fraction)
    stop = higher(direction, stop, peak * (1.0 - direction * trail))
    stop = higher(direction, stop, peak - direction * rules.atr_mult * atr)
    target = entry_price * (1.0 + direction * rules.target_fraction)
    if rules.vwap_touch:
        target = higher(-direction, target, vwap)
    return stop, target


def trail_in_force(minutes_left: float, rules: ExitRules) -> float:
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
