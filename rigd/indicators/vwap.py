"""Volume-weighted average price of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rigd.indicators.arrays import as_prices, as_volume

if TYPE_CHECKING:
    import numpy.typing as npt

    from rigd.indicators.arrays import Array


def session_vwap(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike
) -> Array:
    """Return the volume-weighted typical price since the session's open.

    Parameters
    ----------
    high, low, close
        float64[n_bars], prices of the session's bars [currency/share], no NaN.
    volume
        float64[n_bars] [shares], not negative.

    Returns
    -------
    ndarray
        float64[n_bars] [currency/share]; NaN until the first bar with volume. The typical price
        is (high + low + close) / 3.

    Raises
    ------
    DataError
        If lengths differ, a price is not finite and positive, or a volume is negative.

    Notes
    -----
    Source: SPEC §3.
    """
    highs, lows, closes = as_prices(high=high, low=low, close=close)
    shares = as_volume(volume, len(highs))
    traded = np.cumsum(shares)
    value = np.cumsum((highs + lows + closes) / 3.0 * shares)
    average = np.full(len(highs), np.nan)
    np.divide(value, traded, out=average, where=traded > 0.0)
    return average
