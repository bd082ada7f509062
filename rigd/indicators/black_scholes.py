"""Prices of European options without dividends, and the volatility behind a price.

The functions take single numbers: a filter prices one option at a time.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from rigd.core.errors import DataError
from rigd.core.readings import OptionRight

if TYPE_CHECKING:
    from collections.abc import Sequence

TRADING_DAYS = 252
"""Trading days of a year; makes daily volatility yearly."""

MAX_VOLATILITY = 50.0
"""5,000 % a year: no price is asked for beyond it."""

_STEPS = 200
"""Halvings and Newton steps; 60 halvings alone exhaust float64."""


def option_price(
    right: OptionRight, spot: float, strike: float, years: float, rate: float, sigma: float
) -> float:
    """Return the Black-Scholes-Merton price of a European option without dividends.

    Parameters
    ----------
    right
        Call or put.
    spot, strike
        Prices [currency/share].
    years
        Time to expiry [years]; 0 gives what the option pays.
    rate
        Yearly risk-free rate, continuously compounded [fraction].
    sigma
        Yearly volatility [fraction]; 0 gives the discounted payment.

    Returns
    -------
    float
        [currency/share].

    Raises
    ------
    DataError
        If a price is not positive, or a number is not finite or is negative.

    References
    ----------
    Black and Scholes, The Pricing of Options and Corporate Liabilities (1973); Merton, Theory of
    Rational Option Pricing (1973).
    """
    _require(spot, strike, years, rate)
    if not (math.isfinite(sigma) and sigma >= 0.0):
        msg = f"volatility must be finite and not negative, was {sigma}"
        raise DataError(msg)
    discounted = strike * math.exp(-rate * years)
    spread = sigma * math.sqrt(years)
    if spread == 0.0:
        return _payment(right, spot, discounted)
    d1 = math.log(spot / discounted) / spread + spread / 2.0
    d2 = d1 - spread
    if right is OptionRight.CALL:
        return spot * _normal(d1) - discounted * _normal(d2)
    return discounted * _normal(-d2) - spot * _normal(-d1)


def implied_volatility(
    right: OptionRight, price: float, spot: float, strike: float, years: float, rate: float
) -> float | None:
    """Return the volatility at which an option has a price.

    The side that is out of the money is solved, by Newton steps inside a bracket that is halved
    when a step would leave it, so that the answer exists for every price between the bounds.

    Parameters
    ----------
    right
        Call or put.
    price
        What the option costs [currency/share].
    spot, strike
        Prices [currency/share].
    years
        Time to expiry [years], above 0.
    rate
        Yearly risk-free rate, continuously compounded [fraction].

    Returns
    -------
    float or None
        Yearly volatility [fraction]; None when no volatility gives the price: it lies at or below
        the discounted payment, at or above the option's upper bound, or nothing is left to expiry.

    Raises
    ------
    DataError
        If a price is not positive, or a number is not finite.
    """
    _require(spot, strike, years, rate)
    if not math.isfinite(price):
        msg = f"an option's price must be finite, was {price}"
        raise DataError(msg)
    discounted = strike * math.exp(-rate * years)
    value = price - _payment(right, spot, discounted)
    outside = OptionRight.CALL if discounted >= spot else OptionRight.PUT
    if not (years > 0.0 and 0.0 < value < min(spot, discounted)):
        return None
    low, high = 0.0, MAX_VOLATILITY
    if option_price(outside, spot, strike, years, rate, high) < value:
        return None
    sigma = min(max(_first_guess(value, spot, years), 1e-4), high / 2.0)
    for _ in range(_STEPS):
        miss = option_price(outside, spot, strike, years, rate, sigma) - value
        low, high = (low, sigma) if miss > 0.0 else (sigma, high)
        slope = _vega(spot, discounted, years, sigma)
        step = sigma - miss / slope if slope > 0.0 else math.nan
        following = step if low < step < high else (low + high) / 2.0
        if abs(following - sigma) <= 1e-14 * sigma or following in {low, high}:
            return following
        sigma = following
    return sigma


def realised_volatility(closes: Sequence[float]) -> float:
    """Return the yearly volatility of daily closes: the sample deviation of their log returns.

    Parameters
    ----------
    closes
        float64[n_days], daily closes [currency/share], oldest first; at least 3.

    Returns
    -------
    float
        Yearly volatility [fraction].

    Raises
    ------
    DataError
        If there are fewer than 3 closes, or one is not finite and positive.
    """
    if len(closes) < 3 or not all(math.isfinite(close) and close > 0.0 for close in closes):
        msg = f"volatility needs 3 closes that are finite and positive, had {list(closes)[:5]}"
        raise DataError(msg)
    returns = [math.log(after / before) for before, after in pairwise(closes)]
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    return math.sqrt(variance * TRADING_DAYS)


def _require(spot: float, strike: float, years: float, rate: float) -> None:
    good = all(math.isfinite(number) for number in (spot, strike, years, rate))
    if not (good and spot > 0.0 and strike > 0.0 and years >= 0.0):
        found = f"spot {spot}, strike {strike}, years {years}, rate {rate}"
        msg = f"prices must be positive and the time not negative, was {found}"
        raise DataError(msg)


def _payment(right: OptionRight, spot: float, discounted: float) -> float:
    """Return what the option pays, discounted: the bound below its price."""
    return max(0.0, spot - discounted if right is OptionRight.CALL else discounted - spot)


def _normal(x: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _vega(spot: float, discounted: float, years: float, sigma: float) -> float:
    root = math.sqrt(years)
    d1 = math.log(spot / discounted) / (sigma * root) + sigma * root / 2.0
    return spot * root * math.exp(-d1 * d1 / 2.0) / math.sqrt(2.0 * math.pi)


def _first_guess(value: float, spot: float, years: float) -> float:
    """Return the volatility of an option at the money with this price (Brenner-Subrahmanyam)."""
    return math.sqrt(2.0 * math.pi / years) * value / spot
