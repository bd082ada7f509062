"""Tests of the values of the universe."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rigd.core.errors import DataError, LogicError
from rigd.core.universe import DETAIL_NAMES, Details, Member, Universe

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "broken",
    [
        {"price": Decimal(0)},
        {"price": Decimal(-1)},
        {"price": Decimal("NaN")},
        {"average_volume": -1.0},
        {"average_volume": NAN},
        {"market_cap": INF},
        {"float_shares": -0.1},
        {"pe_ratio": NAN},
        {"debt_equity": INF},
    ],
    ids=str,
)
def test_details_that_make_no_sense_do_not_exist(broken) -> None:
    """A price is positive, a size is not negative and every number is finite."""
    with pytest.raises(DataError, match=next(iter(broken))):
        Details(**broken)


def test_losses_and_debts_may_be_negative_ratios() -> None:
    """A company with a loss has a negative price/earnings ratio."""
    assert Details(pe_ratio=-4.0, debt_equity=-0.5).pe_ratio == -4.0


def test_what_is_known_first_stays() -> None:
    """Another's details fill only what is unknown."""
    first = Details(price=Decimal(10), pe_ratio=5.0)
    both = first.or_else(Details(price=Decimal(11), pe_ratio=6.0, market_cap=1e9))
    assert both == Details(price=Decimal(10), pe_ratio=5.0, market_cap=1e9)
    assert set(DETAIL_NAMES) == set(Details.__slots__)


def universe(**changes: object) -> Universe:
    values: dict[str, object] = {
        "version": "0" * 64,
        "stamp": "s",
        "origin": "s",
        "built_at": datetime(2014, 3, 28, tzinfo=UTC),
        "day": date(2014, 3, 28),
        "dated": date(2014, 3, 28),
        "criteria": {},
        "members": {
            "A": Member(Details(), "one", ("missing_pe",)),
            "B": Member(Details(), "two", ("missing_pe", "missing_market_cap")),
        },
        "rejected": {},
    }
    return Universe(**(values | changes))  # type: ignore[arg-type]


def test_a_universe_counts_what_its_members_lack() -> None:
    """Providers and missing numbers are summed up over the members."""
    assert universe().providers == ("one", "two")
    assert universe().warned == {"missing_market_cap": 1, "missing_pe": 2}


def test_a_universe_knows_its_instant_in_utc() -> None:
    """A naive instant is an error."""
    with pytest.raises(LogicError):
        universe(built_at=datetime(2014, 3, 28))  # noqa: DTZ001 - the naive one is the case
