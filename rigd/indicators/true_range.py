"""True range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rigd.indicators.arrays import as_prices

if TYPE_CHECKING:
    import numpy.typing as npt

    from rigd.indicators.arrays import Array


def true_range(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike) -> Array:
    """Return the true range of each bar.

    Parameters
    ----------
    high, low, close
        float64[n_bars], prices [currency/share], no NaN.

    Returns
    -------
    ndarray
        float64[n_bars] [currency/share]; the first element is high - low.

    Raises
    ------
    DataError
        If lengths differ or a price is not finite and positive.

    References
    ----------
    Wilder, New Concepts in Technical Trading Systems (1978).
    """
    highs, lows, closes = as_prices(high=high, low=low, close=close)
    ranges = highs - lows
    before = closes[:-1]
    gaps = np.maximum(np.abs(highs[1:] - before), np.abs(lows[1:] - before))
    ranges[1:] = np.maximum(ranges[1:], gaps)
    return ranges
