"""Fill against one bar: the arithmetic shared by the simulated exchange and every stepper.

Plain numbers only and no call from one to another, so that the same functions run interpreted
and compiled. A level that is NaN or infinite is off. Source: SPEC §3a.4 to 3a.6.
"""

from __future__ import annotations

import math

NO_TOUCH = 0
STOP_HIT = 1
TARGET_HIT = 2
STOP_GAPPED = 3
TARGET_GAPPED = 4

_INF = math.inf
_NAN = math.nan


def market_fill(
    open_: float, close: float, latency_fraction: float, slippage: float, sign: float
) -> float:
    """Return the price of a market order that reaches the exchange inside a bar.

    Parameters
    ----------
    open_, close
        The bar's first and last price [currency/share].
    latency_fraction
        Latency / bar length, 0 to 1.
    slippage
        Fraction of the price, not negative.
    sign
        +1 for a buy, -1 for a sell.

    Returns
    -------
    float
        The point on the line from open to close, then moved against us [currency/share].
    """
    return (open_ + (close - open_) * latency_fraction) * (1.0 + sign * slippage)


def touch(
    direction: float,
    bar_open: float,
    high: float,
    low: float,
    stop: float,
    target: float,
    test_open: bool,  # noqa: FBT001 - positional, so that a compiled caller can pass it
) -> tuple[int, float]:
    """Tell which level of an open position a bar reaches first, and at what price.

    Parameters
    ----------
    direction
        +1 for a long position, -1 for a short one.
    bar_open, high, low
        Prices of the bar [currency/share].
    stop, target
        The levels in force [currency/share]; NaN or infinite is off.
    test_open
        False in the bar in which the levels were placed after its open.

    Returns
    -------
    tuple of int and float
        NO_TOUCH with NaN; STOP_HIT or TARGET_HIT with the level; STOP_GAPPED or TARGET_GAPPED
        with the bar's open, when it lies at the level or beyond. The stop comes before the target.
    """
    stop_on = -_INF < stop < _INF
    target_on = -_INF < target < _INF
    if direction > 0:
        if test_open and stop_on and bar_open <= stop:
            return STOP_GAPPED, bar_open
        if test_open and target_on and bar_open >= target:
            return TARGET_GAPPED, bar_open
        if stop_on and low <= stop:
            return STOP_HIT, stop
        if target_on and high >= target:
            return TARGET_HIT, target
        return NO_TOUCH, _NAN
    if test_open and stop_on and bar_open >= stop:
        return STOP_GAPPED, bar_open
    if test_open and target_on and bar_open <= target:
        return TARGET_GAPPED, bar_open
    if stop_on and high >= stop:
        return STOP_HIT, stop
    if target_on and low <= target:
        return TARGET_HIT, target
    return NO_TOUCH, _NAN


def exit_fill(code: int, price: float, slippage: float, direction: float) -> float:
    """Return the fill price of what `touch` found.

    Parameters
    ----------
    code, price
        The answer of `touch`.
    slippage
        Fraction of the price, not negative; only stops, which are market orders, have it.
    direction
        +1 for a long position, -1 for a short one.

    Returns
    -------
    float
        [currency/share].
    """
    if code in (STOP_HIT, STOP_GAPPED):
        return price * (1.0 - direction * slippage)
    return price


def trail_behind(direction: float, peak: float, fraction: float) -> float:
    """Return the level that lies a fraction behind a peak.

    Parameters
    ----------
    direction
        +1 for a long position, -1 for a short one, whose peak is a trough.
    peak
        The best price so far [currency/share].
    fraction
        Of the peak; NaN is off.

    Returns
    -------
    float
        [currency/share], unrounded.
    """
    return peak * (1.0 - direction * fraction)
