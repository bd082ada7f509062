"""Check the arrays that indicators take; a wrong price is worse than no price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rigd.core.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt


Array = np.ndarray[tuple[int], np.dtype[np.float64]]
"""float64[n_bars]."""


def as_prices(**columns: npt.ArrayLike) -> tuple[Array, ...]:
    """Return columns of prices as arrays.

    Parameters
    ----------
    **columns
        float64[n_bars] each, prices [currency/share], oldest first. Columns named ``high`` and
        ``low`` must not cross.

    Returns
    -------
    tuple of ndarray
        float64[n_bars] each [currency/share], in the order given.

    Raises
    ------
    DataError
        If the columns differ in length or a price is not finite and positive.
    """
    arrays = {name: _as_column(name, values) for name, values in columns.items()}
    _require_one_length(arrays)
    for name, array in arrays.items():
        _require(name, array, array > 0.0, "be positive")
    if "high" in arrays and "low" in arrays:
        _require("low", arrays["low"], arrays["low"] <= arrays["high"], "not be above the high")
    return tuple(arrays.values())


def as_volume(volume: npt.ArrayLike, length: int) -> Array:
    """Return a column of volumes as an array.

    Parameters
    ----------
    volume
        float64[n_bars] [shares].
    length
        The number of bars.

    Returns
    -------
    ndarray
        float64[n_bars] [shares].

    Raises
    ------
    DataError
        If the length differs or a volume is not finite or is negative.
    """
    array = _as_column("volume", volume)
    if len(array) != length:
        msg = f"volume must have {length} values, had {len(array)}"
        raise DataError(msg)
    _require("volume", array, array >= 0.0, "not be negative")
    return array


def require_period(period: int) -> None:
    """Raise DataError when a period is not a positive number of bars."""
    if period < 1:
        msg = f"period must be at least 1 bar, was {period}"
        raise DataError(msg)


def _as_column(name: str, values: npt.ArrayLike) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{name} must be numbers: {error}"
        raise DataError(msg) from error
    if array.ndim != 1:
        msg = f"{name} must have one dimension, had {array.ndim}"
        raise DataError(msg)
    _require(name, array, np.isfinite(array), "be finite")
    return array


def _require_one_length(arrays: dict[str, Array]) -> None:
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        msg = f"columns must have one length, had {lengths}"
        raise DataError(msg)


def _require(name: str, array: Array, good: npt.NDArray[np.bool_], rule: str) -> None:
    if not good.all():
        at = int(np.argmin(good))
        msg = f"{name} must {rule}, was {array[at]} at bar {at}"
        raise DataError(msg)
