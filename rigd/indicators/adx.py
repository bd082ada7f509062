"""Average directional index in Wilder's form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rigd.core.errors import DataError
from rigd.indicators.arrays import as_prices, require_period

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rigd.indicators.arrays import Array

PERIOD = 14
"""Bars; SPEC §3."""


def adx_wilder(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = PERIOD
) -> Array:
    """Return Wilder's average directional index.

    Parameters
    ----------
    high, low, close
        float64[n_bars], prices [currency/share], no NaN.
    period
        Bars.

    Returns
    -------
    ndarray
        float64[n_bars], 0 to 100; NaN before bar ``2 × period - 1``. A bar without any
        directional movement counts with a directional index of 0.

    Raises
    ------
    DataError
        If lengths differ, a price is not finite and positive, or the period is not positive.

    References
    ----------
    Wilder, New Concepts in Technical Trading Systems (1978).
    """
    require_period(period)
    highs, lows, _ = as_prices(high=high, low=low, close=close)
    values = _adx_values(highs.tolist(), lows.tolist(), period)
    index = np.full(len(highs), np.nan)
    if values:
        index[-len(values) :] = values
    return index


def adx_last(
    high: Sequence[float], low: Sequence[float], close: Sequence[float], period: int = PERIOD
) -> float | None:
    """Return Wilder's average directional index at the newest bar alone.

    Parameters
    ----------
    high, low, close
        Prices of the bars so far, oldest first [currency/share].
    period
        Bars.

    Returns
    -------
    float or None
        The last element of `adx_wilder`, 0 to 100; None with fewer than ``2 × period`` bars.

    Raises
    ------
    DataError
        If lengths differ, a price is not finite, or the period is not positive.
    """
    require_period(period)
    if not len(high) == len(low) == len(close):
        msg = f"columns must have one length, had {len(high)}, {len(low)} and {len(close)}"
        raise DataError(msg)
    if not math.isfinite(sum(high) + sum(low) + sum(close)):
        msg = "prices must be finite, at least one was not"
        raise DataError(msg)
    values = _adx_values(high, low, period)
    return values[-1] if values else None


def _adx_values(high: Sequence[float], low: Sequence[float], period: int) -> list[float]:
    # From bar 2 × period - 1 on, in one pass. Both directional indicators are fractions of the
    # same true range, which therefore cancels. No calls in the loop: it runs at every signal.
    if len(high) < 2 * period:
        return []
    keep = 1.0 - 1.0 / period
    rise = fall = 0.0
    directional: list[float] = []
    before_high, before_low = high[0], low[0]
    for bar, (top, bottom) in enumerate(zip(high[1:], low[1:], strict=True), 1):
        up, down = top - before_high, before_low - bottom
        before_high, before_low = top, bottom
        if bar > period:
            rise *= keep
            fall *= keep
        if up > down:
            if up > 0.0:
                rise += up
        elif down > up and down > 0.0:
            fall += down
        if bar >= period:
            both = rise + fall
            gap = rise - fall if rise > fall else fall - rise
            directional.append(100.0 * gap / both if both > 0.0 else 0.0)
    value = math.fsum(directional[:period]) / period
    values = [value]
    for newest in directional[period:]:
        value += (newest - value) / period
        values.append(value)
    return values
