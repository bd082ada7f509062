"""Average true range in Wilder's form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rigd.indicators.arrays import require_period
from rigd.indicators.true_range import true_range

if TYPE_CHECKING:
    import numpy.typing as npt

    from rigd.indicators.arrays import Array

PERIOD = 14
"""Bars; Wilder (1978)."""


def atr_wilder(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = PERIOD
) -> Array:
    """Return Wilder's average true range.

    Parameters
    ----------
    high, low, close
        float64[n_bars], prices [currency/share], no NaN.
    period
        Bars.

    Returns
    -------
    ndarray
        float64[n_bars] [currency/share]; NaN before bar ``period - 1``, there the mean of the
        first `period` true ranges, the first of which is high - low.

    Raises
    ------
    DataError
        If lengths differ, a price is not finite and positive, or the period is not positive.

    References
    ----------
    Wilder, New Concepts in Technical Trading Systems (1978).
    """
    require_period(period)
    ranges = true_range(high, low, close).tolist()
    average = np.full(len(ranges), np.nan)
    if len(ranges) < period:
        return average
    value = math.fsum(ranges[:period]) / period
    values = [value]
    for reach in ranges[period:]:
        value += (reach - value) / period
        values.append(value)
    average[period - 1 :] = values
    return average
