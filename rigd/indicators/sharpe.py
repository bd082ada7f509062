"""The Sharpe ratio, and how far it can be believed: probabilistic and deflated, with its length.

Ratios here are per period (a day, where returns are daily) unless a name says annual. An estimate
over few returns, with fat tails, or the best of many trials looks better than it is; the functions
below say by how much.

References
----------
Sharpe, The Sharpe Ratio (1994). Lo, The Statistics of Sharpe Ratios (2002). Bailey and Lopez de
Prado, The Sharpe Ratio Efficient Frontier (2012); The Deflated Sharpe Ratio (2014).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.core.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

TRADING_DAYS_A_YEAR = 252
"""What daily ratios are annualised by; a crypto calendar would say 365."""

EULER_GAMMA = 0.5772156649015329
"""The constant of Euler and Mascheroni."""

NORMAL_KURTOSIS = 3.0
"""Kurtosis of a normal distribution; not the excess."""

_NORMAL = NormalDist()
_FLAT = 1e-13
"""A spread below this part of the largest return is rounding, not risk."""


class Moments(NamedTuple):
    """What the statistics of a ratio need to know of a series of returns.

    Parameters
    ----------
    periods
        Number of returns.
    sharpe
        Mean / standard deviation (ddof 1), per period; NaN when the returns do not vary.
    skewness, kurtosis
        Third and fourth standardised moments (population); 0 and 3 for a normal distribution.
    """

    periods: int
    sharpe: float
    skewness: float
    kurtosis: float


def moments(returns: npt.ArrayLike) -> Moments:
    """Return the moments of a series of returns.

    Parameters
    ----------
    returns
        float64[n_periods], excess returns [fraction per period], two or more, no NaN.

    Returns
    -------
    Moments
        Of the whole series; the ratios are NaN when the returns do not vary.

    Raises
    ------
    DataError
        If there are fewer than two returns, or one is not finite.
    """
    values = _as_returns(returns)
    mean = float(values.mean())
    away = values - mean
    variance = float((away**2).mean())
    if math.sqrt(variance) <= _FLAT * float(np.abs(values).max()):
        return Moments(len(values), math.nan, math.nan, math.nan)
    spread = math.sqrt(variance * len(values) / (len(values) - 1))
    scaled = away / math.sqrt(variance)
    return Moments(len(values), mean / spread, float((scaled**3).mean()), float((scaled**4).mean()))


def annual_sharpe(returns: npt.ArrayLike, periods_a_year: float = TRADING_DAYS_A_YEAR) -> float:
    """Return the annualised Sharpe ratio: that of a period times the root of the periods a year.

    The root assumes returns that are not correlated in time and a mean that does not change; a
    strategy that smooths its returns looks better than it is (Lo 2002).

    Parameters
    ----------
    returns
        float64[n_periods], excess returns [fraction per period], days without a trade included.
    periods_a_year
        Periods in a year: 252 for trading days.

    Returns
    -------
    float
        Per year; NaN when the returns do not vary.
    """
    return moments(returns).sharpe * math.sqrt(periods_a_year)


def probabilistic_sharpe(found: Moments, benchmark: float = 0.0) -> float:
    """Return the probability that the true ratio is above a benchmark.

    Parameters
    ----------
    found
        The moments of the returns.
    benchmark
        The ratio to beat, per period.

    Returns
    -------
    float
        0 to 1; NaN when the ratio is undefined.

    References
    ----------
    Bailey and Lopez de Prado (2012), equation 11.
    """
    error = _variance_factor(found)
    if not error > 0.0:
        return math.nan
    score = (found.sharpe - benchmark) * math.sqrt((found.periods - 1) / error)
    return _NORMAL.cdf(score)


def minimum_track_record(found: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Return how many returns it takes until a ratio is above a benchmark with some confidence.

    Parameters
    ----------
    found
        The moments of the returns.
    benchmark
        The ratio to beat, per period.
    confidence
        The probability asked for, 0.5 to 1.

    Returns
    -------
    float
        Number of periods; infinite when the ratio is not above the benchmark, NaN when undefined.

    References
    ----------
    Bailey and Lopez de Prado (2012), equation 13.
    """
    error = _variance_factor(found)
    if not error > 0.0:
        return math.nan
    if found.sharpe <= benchmark:
        return math.inf
    return 1.0 + error * (_NORMAL.inv_cdf(confidence) / (found.sharpe - benchmark)) ** 2


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Return the best ratio that so many trials without any skill are expected to show.

    Parameters
    ----------
    trials
        Number of independent trials, 1 or more.
    variance
        Variance of the trials' ratios [per period, squared].

    Returns
    -------
    float
        Per period; 0 for one trial.

    Raises
    ------
    DataError
        If there is no trial, or the variance is negative or no number.

    References
    ----------
    Bailey and Lopez de Prado (2014), equation 1 with a mean of zero.
    """
    if trials < 1 or not variance >= 0.0:
        msg = f"trials must be 1 or more and variance not negative, were {trials} and {variance}"
        raise DataError(msg)
    if trials == 1:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflated_sharpe(found: Moments, trials: int, variance: float) -> float:
    """Return the probability that the best of many trials has any skill at all.

    Parameters
    ----------
    found
        The moments of the best trial's returns.
    trials
        How many trials were ever made, those thrown away included.
    variance
        Variance of the trials' ratios [per period, squared].

    Returns
    -------
    float
        0 to 1: the probabilistic ratio against `expected_maximum_sharpe`; NaN when undefined.

    References
    ----------
    Bailey and Lopez de Prado (2014), equation 2.
    """
    return probabilistic_sharpe(found, expected_maximum_sharpe(trials, variance))


def _variance_factor(found: Moments) -> float:
    """Return the variance of the ratio's estimate, times (count - 1)."""
    ratio = found.sharpe
    return 1.0 - found.skewness * ratio + (found.kurtosis - 1.0) / 4.0 * ratio**2


def _as_returns(returns: npt.ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        msg = f"returns must be a column of two or more numbers, had the shape {values.shape}"
        raise DataError(msg)
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        msg = f"returns must be finite, number {at} was {values[at]}"
        raise DataError(msg)
    return values
