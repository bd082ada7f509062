"""The probability of backtest overfitting, by combinatorially symmetric cross-validation.

Half of the blocks of time chooses the best trial, the other half says how good it is, over every
way to halve them. Where the chosen trial is often below the median outside, the choice is luck.

References
----------
Bailey, Borwein, Lopez de Prado and Zhu, The Probability of Backtest Overfitting (2015).
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.core.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

BLOCKS = 10
"""Blocks of time: 252 ways to halve them."""


class Overfitting(NamedTuple):
    """What the cross-validation found.

    Parameters
    ----------
    probability
        Part of the splits in which the trial that was best inside was not above the median
        outside, 0 to 1; NaN with fewer than two trials that differ.
    loss_probability
        Part of the splits in which the chosen trial lost outside, 0 to 1.
    logits
        float64[n_splits], ln(rank / (1 - rank)) of the chosen trial outside, where the relative
        rank is 0 for the worst and 1 for the best.
    """

    probability: float
    loss_probability: float
    logits: np.ndarray[tuple[int], np.dtype[np.float64]]


def overfitting(returns: npt.ArrayLike, blocks: int = BLOCKS) -> Overfitting:
    """Return how probable it is that the best trial of a search was overfitted.

    Parameters
    ----------
    returns
        float64[n_periods, n_trials], returns of each trial [fraction per period], no NaN.
    blocks
        Into how many blocks of time the periods are cut, even; periods left over are the oldest
        and are not used.

    Returns
    -------
    Overfitting
        Trials are judged by their Sharpe ratio per period; one that never varies counts as 0. Of
        equal trials inside, the one with the median rank outside is taken.

    Raises
    ------
    DataError
        If the blocks are odd or there are fewer than two periods in each, or a return is not
        finite.
    """
    table = np.asarray(returns, dtype=np.float64)
    _require(table, blocks)
    trials = table.shape[1]
    if trials < 2:
        return Overfitting(math.nan, math.nan, np.empty(0))
    length = len(table) // blocks
    cut = table[len(table) - length * blocks :].reshape(blocks, length, trials)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    half = blocks // 2
    logits, losses = [], 0
    for chosen in combinations(range(blocks), half):
        inside = np.zeros(blocks, dtype=bool)
        inside[list(chosen)] = True
        within = _ratios(sums[inside], squares[inside], half * length)
        beyond = _ratios(sums[~inside], squares[~inside], half * length)
        best = np.flatnonzero(within == within.max())
        rank = float(np.median([_relative_rank(beyond, int(at)) for at in best]))
        logits.append(math.log(rank / (1.0 - rank)))
        losses += bool(np.median(beyond[best]) < 0.0)
    found = np.array(logits)
    return Overfitting(float((found <= 0.0).mean()), losses / len(found), found)


def _relative_rank(values: np.ndarray[tuple[int], np.dtype[np.float64]], at: int) -> float:
    """Return the place of one value among all, from 1 for the worst, over count + 1."""
    below = float((values < values[at]).sum())
    equal = float((values == values[at]).sum())
    return (below + (equal + 1.0) / 2.0) / (len(values) + 1.0)


def _ratios(
    sums: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    squares: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    count: int,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the Sharpe ratio of each trial from its sums over blocks; 0 without variation."""
    mean = sums.sum(axis=0) / count
    variance = squares.sum(axis=0) / count - mean**2
    spread = np.sqrt(np.maximum(variance, 0.0))
    floor = 1e-7 * np.sqrt(squares.sum(axis=0) / count)
    varies = spread > floor
    ratio = np.zeros(len(mean))
    ratio[varies] = mean[varies] / spread[varies]
    return ratio


def _require(table: np.ndarray[tuple[int, int], np.dtype[np.float64]], blocks: int) -> None:
    if table.ndim != 2:
        msg = f"returns must be periods by trials, had the shape {table.shape}"
        raise DataError(msg)
    if blocks < 2 or blocks % 2 or len(table) < 2 * blocks:
        msg = f"blocks must be even with 2 periods each, were {blocks} over {len(table)} periods"
        raise DataError(msg)
    if not np.isfinite(table).all():
        msg = "returns must be finite, found NaN or infinity"
        raise DataError(msg)
