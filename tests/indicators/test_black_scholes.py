"""Black-Scholes prices and volatilities, against a textbook, an integral and real options."""

from __future__ import annotations

import csv
import gzip
import math
from datetime import UTC, date, datetime
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.integrate import quad

from rigd.core.errors import DataError
from rigd.core.readings import OptionRight
from rigd.indicators.black_scholes import (
    implied_volatility,
    option_price,
    realised_volatility,
)
from tests.shared import shared_path

CALL, PUT = OptionRight.CALL, OptionRight.PUT


def integrated(right, spot, strike, years, rate, sigma):
    """The discounted mean of the payment under the lognormal law, by numerical integration."""
    drift, spread = (rate - sigma**2 / 2) * years, sigma * math.sqrt(years)
    edge = (math.log(strike / spot) - drift) / spread
    sign = 1 if right is CALL else -1

    def weighed(z):
        return sign * (spot * math.exp(drift + spread * z) - strike) * NormalDist().pdf(z)

    low, high = (edge, edge + 40) if right is CALL else (edge - 40, edge)
    total = quad(weighed, low, high, epsabs=1e-12, epsrel=1e-12, limit=500)[0]
    return math.exp(-rate * years) * total


@pytest.mark.parametrize(
    ("right", "values", "published"),
    [
        (CALL, (42, 40, 0.5, 0.1, 0.2), 4.759422),
        (PUT, (42, 40, 0.5, 0.1, 0.2), 0.808599),
        (CALL, (100, 100, 1.0, 0.05, 0.2), 10.450584),
        (PUT, (100, 100, 1.0, 0.05, 0.2), 5.573526),
    ],
)
def test_published_values_to_a_millionth(right, values, published):
    """INVENTORY E11: Hull's example and the standard one at the money, call and put, to 1e-6."""
    assert option_price(right, *values) == pytest.approx(published, abs=1e-6)


@pytest.mark.parametrize("right", [CALL, PUT])
@pytest.mark.parametrize("strike", [60.0, 95.0, 100.0, 130.0])
@pytest.mark.parametrize(("years", "rate", "sigma"), [(0.1, 0.0, 0.4), (2.0, 0.05, 0.15)])
def test_the_formula_is_the_mean_of_the_payment(right, strike, years, rate, sigma):
    """INVENTORY E11: the closed form equals the integral over the lognormal law to 1e-6."""
    expected = integrated(right, 100.0, strike, years, rate, sigma)
    assert option_price(right, 100.0, strike, years, rate, sigma) == pytest.approx(
        expected, abs=1e-6
    )


numbers = {
    "spot": st.floats(1.0, 500.0),
    "ratio": st.floats(0.4, 2.5),
    "years": st.floats(1 / 365, 3.0),
    "rate": st.floats(-0.01, 0.1),
    "sigma": st.floats(0.01, 4.0),
}


@hypothesis_settings(max_examples=300, deadline=None)
@given(**numbers)
def test_call_and_put_keep_their_parity(spot, ratio, years, rate, sigma):
    """Call minus put is the stock minus the discounted strike, without dividends."""
    strike = spot * ratio
    call = option_price(CALL, spot, strike, years, rate, sigma)
    put = option_price(PUT, spot, strike, years, rate, sigma)
    assert call - put == pytest.approx(spot - strike * math.exp(-rate * years), abs=1e-9 * spot)


@hypothesis_settings(max_examples=400, deadline=None)
@given(right=st.sampled_from([CALL, PUT]), **numbers)
def test_the_volatility_found_gives_the_price_back(right, spot, ratio, years, rate, sigma):
    """For every price between its bounds the solver finds a volatility that has this price."""
    strike = spot * ratio
    price = option_price(right, spot, strike, years, rate, sigma)
    found = implied_volatility(right, price, spot, strike, years, rate)
    if found is not None:
        again = option_price(right, spot, strike, years, rate, found)
        assert again == pytest.approx(price, abs=1e-12 * spot)
    else:
        parity = price - max(
            0.0, (1 if right is CALL else -1) * (spot - strike * math.exp(-rate * years))
        )
        assert parity < 1e-12 * spot or parity > 0.999 * min(spot, strike)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.8, 3.0])
@pytest.mark.parametrize("strike", [70.0, 100.0, 140.0])
def test_the_volatility_is_the_one_that_made_the_price(strike, sigma):
    """The solver inverts the formula where the price depends on the volatility."""
    for right in (CALL, PUT):
        price = option_price(right, 100.0, strike, 1.0, 0.03, sigma)
        if strike == 100.0 or sigma >= 0.2:
            found = implied_volatility(right, price, 100.0, strike, 1.0, 0.03)
            assert found == pytest.approx(sigma, rel=1e-6)


@pytest.mark.parametrize(
    ("right", "price", "years"),
    [
        (CALL, 0.0, 1.0),  # worth nothing
        (CALL, 5.0, 1.0),  # below 110 - 100
        (CALL, 110.0, 1.0),  # as much as the stock
        (PUT, 100.0, 1.0),  # as much as the strike
        (PUT, -1.0, 1.0),
        (CALL, 12.0, 0.0),  # expired
    ],
)
def test_a_price_outside_its_bounds_has_no_volatility(right, price, years):
    """A price that no volatility gives is answered by None, never by a number."""
    assert implied_volatility(right, price, 110.0, 100.0, years, 0.0) is None


def test_at_expiry_an_option_is_worth_what_it_pays():
    """Nothing is left to discount or to hope for."""
    assert option_price(PUT, 90.0, 100.0, 0.0, 0.05, 0.2) == 10.0
    assert option_price(CALL, 90.0, 100.0, 0.0, 0.05, 0.2) == 0.0


@pytest.mark.parametrize(
    "values",
    [
        (0.0, 100.0, 1.0, 0.0, 0.2),
        (100.0, -1.0, 1.0, 0.0, 0.2),
        (100.0, 100.0, -1.0, 0.0, 0.2),
        (100.0, 100.0, 1.0, math.nan, 0.2),
        (100.0, 100.0, 1.0, 0.0, -0.2),
        (100.0, 100.0, 1.0, 0.0, math.inf),
    ],
)
def test_numbers_that_make_no_sense_are_refused(values):
    """A wrong price is worse than no price."""
    with pytest.raises(DataError):
        option_price(CALL, *values)


def test_a_price_that_is_no_number_is_refused():
    """NaN never passes as a price."""
    with pytest.raises(DataError):
        implied_volatility(CALL, math.nan, 100.0, 100.0, 1.0, 0.0)


def test_realised_volatility_of_a_zigzag():
    """Worked by hand: returns +ln 1.01 and -ln 1.01 in turn, 20 of them, mean 0.

    Sample deviation = ln 1.01 × sqrt(20/19); yearly = × sqrt(252) = 0.162060.
    """
    closes = [100.0, 101.0] * 10 + [100.0]
    assert realised_volatility(closes) == pytest.approx(0.162060, abs=1e-6)


@pytest.mark.parametrize("closes", [[], [1.0, 2.0], [1.0, 0.0, 1.0], [1.0, math.nan, 2.0]])
def test_a_volatility_needs_closes(closes):
    """Fewer than 3 closes, or one that is no price, have no volatility."""
    with pytest.raises(DataError):
        realised_volatility(closes)


@pytest.mark.parametrize("name", ["C00430000", "C00450000", "C00470000", "P00430000", "P00450000"])
def test_prices_of_a_brokers_model_are_met(name):
    """SPY options expiring 2023-08-11, ten minutes of 08-04, as the broker's model gave them.

    The federal funds rate of the day was 5.33 %. Prices are met within 4 cents and volatilities
    within 0.4 points; the broker's model is American and its rate is not published. The put at 470,
    deep in the money, is exercised early by that model and left out.
    """
    path = shared_path("data", "option_greeks", f"SPY230811{name}.csv")
    right, strike = (CALL if name[0] == "C" else PUT), float(name[1:6])
    expiry = datetime(2023, 8, 11, 20, tzinfo=UTC)
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    assert rows
    for row in rows:
        at = datetime.strptime(row[""], "%Y%m%d %H:%M:%S.%f").replace(tzinfo=UTC)
        years = (expiry - at).total_seconds() / (365 * 86_400)
        spot, price = float(row["model_undPrice"]), float(row["model_price"])
        sigma = float(row["model_impliedVol"])
        ours = option_price(right, spot, strike, years, 0.0533, sigma)
        assert ours == pytest.approx(price, abs=0.04), row
        found = implied_volatility(right, price, spot, strike, years, 0.0533)
        assert found == pytest.approx(sigma, abs=0.004), row


@pytest.mark.parametrize(("sigma", "share"), [(0.20, 0.74), (0.15, 0.49), (0.25, 0.50)])
def test_quotes_of_a_whole_day_lie_as_near_as_they_were_measured(sigma, share):
    """TWX options of 2014-06-05: the share of quotes within 15 % of the model at 0.75 % interest.

    The shares were measured when the data were collected, with other code.
    """
    prices = _closes("equity_minute", "TWX_trade_20140605_20140609.csv.gz")
    near = total = 0
    for row in _rows("option_minute", "TWX_quote_20140605.csv.gz"):
        spot = prices.get(row["ts_utc"][:16])
        if not (row["bid_close"] and row["ask_close"] and spot):
            continue
        years = (date.fromisoformat(row["expiry"]) - date(2014, 6, 5)).days / 365
        middle = (float(row["bid_close"]) + float(row["ask_close"])) / 2
        right = OptionRight(row["right"])
        model = option_price(right, spot, float(row["strike"]), years, 0.0075, sigma)
        near += abs(middle - model) <= 0.15 * middle
        total += 1
    assert total > 10_000
    assert near / total == pytest.approx(share, abs=0.03)


def test_every_real_quote_between_its_bounds_has_a_volatility():
    """FOXA options of 2013-07-02: each two-sided quote is solved, or lies outside its bounds."""
    prices = _closes("equity_minute", "FOXA_trade_20130701_20130702.csv.gz")
    solved = outside = 0
    for row in _rows("option_minute", "FOXA_quote_20130702.csv.gz"):
        spot = prices.get(row["ts_utc"][:16])
        if not (row["bid_close"] and row["ask_close"] and spot):
            continue
        years = (date.fromisoformat(row["expiry"]) - date(2013, 7, 2)).days / 365
        middle = (float(row["bid_close"]) + float(row["ask_close"])) / 2
        right, strike = OptionRight(row["right"]), float(row["strike"])
        found = implied_volatility(right, middle, spot, strike, years, 0.0075)
        if found is None:
            outside += 1
            payment = (spot - strike) * (1 if right is CALL else -1)
            assert middle <= max(0.0, payment) + strike * 0.0075 * years + 1e-9
        else:
            solved += 1
            again = option_price(right, spot, strike, years, 0.0075, found)
            assert again == pytest.approx(middle, abs=1e-9)
    assert solved > 10 * outside > 0


def _rows(*parts):
    with gzip.open(shared_path("data", *parts), "rt") as lines:
        yield from csv.DictReader(lines)


def _closes(*parts):
    return {row["ts_utc"][:16]: float(row["close"]) for row in _rows(*parts)}
