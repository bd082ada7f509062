"""Exit rules as data, and the levels that follow from them before each bar.

Source: SPEC §3 and §3a.5. Plain numbers, as in `definition`; NaN is off. The long side is
described, the short side is its mirror.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rigd.strategy.trailing import higher, trailing_level

if TYPE_CHECKING:
    from rigd.config.strategies import StrategySettings


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
    stop = higher(
        direction,
        entry_price * (1.0 - direction * rules.stop_fraction),
        trailing_level(direction, peak, minutes_left, atr, rules),
    )
    target = entry_price * (1.0 + direction * rules.target_fraction)
    if rules.vwap_touch:
        target = higher(-direction, target, vwap)
    return stop, target
