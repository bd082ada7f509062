"""Bollinger bands with the population deviation (SPEC §3)."""

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

PERIOD = 20
"""Bars; SPEC §3."""

SIGMAS = 2.0
"""Standard deviations; SPEC §3."""


def bollinger(
    close: npt.ArrayLike, period: int = PERIOD, sigmas: float = SIGMAS
) -> tuple[Array, Array, Array]:
    """Return the Bollinger bands.

    Parameters
    ----------
    close
        float64[n_bars], prices [currency/share], no NaN.
    period
        Bars.
    sigmas
        Width of a band in population standard deviations (ddof 0).

    Returns
    -------
    tuple of ndarray
        Middle, lower and upper, float64[n_bars] each [currency/share]; NaN before bar
        ``period - 1``.

    Raises
    ------
    DataError
        If a price is not finite and positive, or the period is not positive.

    References
    ----------
    Bollinger, Bollinger on Bollinger Bands (2001).
    """
    require_period(period)
    (closes,) = as_prices(close=close)
    middle = np.full(len(closes), np.nan)
    spread = middle.copy()
    if len(closes) >= period:
        # One window a row, added column by column: the order in which bollinger_last adds.
        columns = np.lib.stride_tricks.sliding_window_view(closes, period).T
        mean = _added(columns) / period
        middle[period - 1 :] = mean
        spread[period - 1 :] = sigmas * np.sqrt(_added((columns - mean) ** 2) / period)
    return middle, middle - spread, middle + spread


def bollinger_last(
    closes: Sequence[float], period: int = PERIOD, sigmas: float = SIGMAS
) -> tuple[float, float, float] | None:
    """Return the Bollinger bands at the newest bar alone.

    Parameters
    ----------
    closes
        Prices of the bars so far, oldest first [currency/share].
    period
        Bars.
    sigmas
        Width of a band in population standard deviations (ddof 0).

    Returns
    -------
    tuple of float or None
        Lower, middle and upper [currency/share], the last elements of `bollinger`; None with fewer
        than `period` bars.

    Raises
    ------
    DataError
        If a price is not finite, or the period is not positive.
    """
    require_period(period)
    if len(closes) < period:
        return None
    window = closes[-period:]
    total = 0.0
    for price in window:
        total += price
    middle = total / period
    if not math.isfinite(middle):
        msg = "prices must be finite, at least one was not"
        raise DataError(msg)
    squares = 0.0
    for price in window:
        squares += (price - middle) * (price - middle)
    spread = sigmas * math.sqrt(squares / period)
    return middle - spread, middle, middle + spread


def _added(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    total = np.zeros(columns.shape[1])
    for column in columns:
        total += column
    return total
