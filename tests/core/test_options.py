"""Options as an order names them, and the put that a short side buys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import ConfigError, LogicError
from rigd.core.options import OptionContract, contract_of, select_put
from rigd.core.readings import OptionQuote, OptionRight

D = Decimal
NOW = datetime(2013, 10, 8, 14, 0, tzinfo=UTC)
PUT = OptionContract(
    underlying="SPY", right=OptionRight.PUT, strike=D("165.5"), expires_on=date(2013, 10, 19)
)


def quote(strike: str, days: int, **changes: object) -> OptionQuote:
    """A put on SPY that closes so many days after the decision."""
    values: dict[str, object] = {
        "symbol": "SPY",
        "right": OptionRight.PUT,
        "strike": D(strike),
        "expires_at": datetime(2013, 10, 8, 20, 0, tzinfo=UTC) + timedelta(days=days),
        "bid": D("1.10"),
        "ask": D("1.14"),
        "at": NOW,
    }
    return OptionQuote(**(values | changes))  # type: ignore[arg-type]


def test_the_name_at_the_clearing_house_is_worked_by_hand() -> None:
    """Root of six, YYMMDD, right, strike in thousandths: 165.5 is 00165500."""
    assert PUT.occ_symbol == "SPY   131019P00165500"
    call = replace(PUT, underlying="BRK.B", right=OptionRight.CALL, strike=D(7))
    assert call.occ_symbol == "BRKB  131019C00007000"
    with pytest.raises(LogicError, match="root must be 1-6 characters"):
        assert replace(PUT, underlying="ABCDEFG").occ_symbol


@pytest.mark.parametrize("strike", ["0", "-1", "NaN", "Infinity", "100000", "1.0005"])
def test_a_strike_that_no_exchange_lists_is_refused(strike: str) -> None:
    """Positive multiples of a thousandth under 100,000."""
    with pytest.raises(LogicError, match="a strike must be"):
        replace(PUT, strike=D(strike))


def test_a_contract_has_a_symbol_and_covers_shares() -> None:
    """One contract covers 100 shares unless the exchange says otherwise."""
    assert PUT.multiplier == 100
    with pytest.raises(LogicError, match="at least 1 share"):
        replace(PUT, multiplier=0)
    with pytest.raises(ConfigError, match="symbol"):
        replace(PUT, underlying="spy")


def test_a_quote_names_its_contract() -> None:
    """16:00 New York is the same day in UTC, in summer and in winter."""
    assert contract_of(quote("165.5", 11)) == PUT


@pytest.mark.parametrize(
    ("quotes", "spot", "chosen"),
    [
        ([("165", 4), ("166", 4), ("165", 11)], "165.4", ("165", 4)),
        ([("165", 4), ("166", 4)], "165.6", ("166", 4)),
        ([("166", 4), ("165", 4)], "165.5", ("165", 4)),  # equally near: the lower
        ([("150", 4), ("165", 11)], "165", ("150", 4)),  # the expiry comes before the strike
        ([("165", 0), ("160", 11)], "165", ("160", 11)),  # none that expires today
        ([("165", -1), ("165", 0)], "165", None),
        ([], "165", None),
    ],
)
def test_first_expiry_after_the_day_at_the_money(quotes, spot, chosen) -> None:
    """The rule, case by case."""
    told = [quote(strike, days) for strike, days in quotes]
    found = select_put(told, "SPY", D(spot), NOW)
    assert found == (None if chosen is None else quote(*chosen))


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "IBM"},
        {"right": OptionRight.CALL},
        {"bid": D(0)},
        {"at": NOW + timedelta(seconds=1)},
    ],
    ids=["other symbol", "call", "no bid", "from the future"],
)
def test_a_quote_that_does_not_fit_is_left_out(changes) -> None:
    """Another underlying, a call, one that could not be sold again, one not known yet."""
    near, far = quote("165", 4, **changes), quote("180", 30)
    assert select_put([near, far], "SPY", D(165), NOW) == far
    assert select_put([near], "SPY", D(165), NOW) is None


@given(
    st.lists(st.tuples(st.integers(100, 220), st.integers(1, 40)), min_size=1, max_size=20),
    st.integers(100, 220),
    st.randoms(use_true_random=False),
)
def test_the_choice_does_not_depend_on_the_order(pairs, spot, dice) -> None:
    """Whatever order the port tells its quotes in, the same put is bought, and none is nearer."""
    told = [quote(str(strike), days) for strike, days in pairs]
    found = select_put(told, "SPY", D(spot), NOW)
    dice.shuffle(told)
    assert select_put(told, "SPY", D(spot), NOW) == found
    assert found is not None
    first = min(days for _, days in pairs)
    assert found.expires_at.date() == date(2013, 10, 8) + timedelta(days=first)
    nearest = min(abs(strike - spot) for strike, days in pairs if days == first)
    assert abs(found.strike - spot) == nearest
