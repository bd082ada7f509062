"""From an execution to legs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from rigd.core.errors import LedgerError, LogicError
from rigd.core.values import Side
from rigd.ledger.lots import LotBook
from rigd.ledger.mapping import MAPPING, EventType
from rigd.ledger.posting import Routes, Unmapped, compose, execution
from tests.ledger.books import fill

M = 10**6


def legs_of(fact, lots, txn, routes=None):
    return [
        (leg[2], leg[4], leg[5], leg[6])
        for leg in compose(
            execution(fact), lots, routes or Routes(MAPPING), currency="USD", txn=txn
        )
    ]


def test_a_purchase():
    """Dr 1111 the notional, Dr 5010 the commission, Cr 1030 both."""
    legs = legs_of(fill("a", Side.BUY, "10", "100.5", commission="1"), LotBook(), 7)
    assert legs == [(1111, 1005 * M, 7, 10**10), (5010, M, 0, 0), (1030, -1006 * M, 0, 0)]


def test_a_sale():
    """Cr 1111 the FIFO cost, Dr 1030 the proceeds, the difference to 4010."""
    lots = LotBook()
    legs_of(fill("a", Side.BUY, "10", "100.5"), lots, 7)
    legs = legs_of(fill("b", Side.SELL, "4", "110", commission="1"), lots, 8)
    assert legs == [
        (1111, -402 * M, 7, -4 * 10**9),
        (4010, -38 * M, 0, 0),
        (5010, M, 0, 0),
        (1030, 439 * M, 0, 0),
    ]


def test_a_short_sale_and_its_cover():
    """Cr 2100 the proceeds; the cover takes the lot's proceeds back, the difference to 4010."""
    lots = LotBook()
    assert legs_of(fill("a", Side.SELL_SHORT, "4", "90"), lots, 7) == [
        (2100, -360 * M, 7, -4 * 10**9),
        (1030, 360 * M, 0, 0),
    ]
    assert legs_of(fill("b", Side.BUY_TO_COVER, "1", "95"), lots, 8) == [
        (2100, 90 * M, 7, 10**9),
        (4010, 5 * M, 0, 0),
        (1030, -95 * M, 0, 0),
    ]


def test_a_sale_that_is_too_large_turns_the_position():
    """Six close the long lot, four open a short one; the notional is split to the unit."""
    lots = LotBook()
    legs_of(fill("a", Side.BUY, "6", "100"), lots, 7)
    assert legs_of(fill("b", Side.SELL, "10", "90"), lots, 8) == [
        (1111, -600 * M, 7, -6 * 10**9),
        (2100, -360 * M, 8, -4 * 10**9),
        (4010, 60 * M, 0, 0),
        (1030, 900 * M, 0, 0),
    ]


def test_fractional_shares_round_once():
    """0.333333 shares at 10.000001 are 3.333330333333, booked as 3.333330 (half-even)."""
    legs = legs_of(fill("a", Side.BUY, "0.333333", "10.000001"), LotBook(), 1)
    assert legs[0][1] == 3_333_330


def test_a_break_even_sale_has_no_difference():
    """Without a gain there is no leg on 4010."""
    lots = LotBook()
    legs_of(fill("a", Side.BUY, "1", "100"), lots, 1)
    assert [leg[0] for leg in legs_of(fill("b", Side.SELL, "1", "100"), lots, 2)] == [1111, 1030]


@pytest.mark.parametrize(
    "bad",
    [
        {"qty": "0"},
        {"qty": "-1"},
        {"qty": "0.0000000001"},
        {"price": "0.0000001"},
        {"price": "-1"},
        {"commission": "0.0000001"},
        {"key": ""},
        {"key": "a\x00b"},
        {"symbol": "S\nPY"},
    ],
)
def test_a_fill_that_cannot_be_held_exactly_is_refused(bad):
    """Too many decimals, no quantity, a negative price or an unprintable text are errors."""
    parts = {"key": "a", "qty": "1", "price": "1", **bad}
    key, qty, price = parts.pop("key"), parts.pop("qty"), parts.pop("price")
    with pytest.raises(LedgerError):
        execution(fill(key, Side.BUY, qty, price, **parts))


def test_a_fill_with_naive_time_is_refused():
    """An instant without a zone is no instant."""
    record = fill("a", Side.BUY, "1", "1")
    object.__setattr__(record, "ts", datetime(2013, 10, 7))  # noqa: DTZ001 - the naive one
    with pytest.raises(LogicError):
        execution(record)


def test_an_instant_of_another_zone_is_refused_whatever_came_before():
    """A fill in UTC at the same instant was taken in before; that is no pass for the other."""
    record = fill("a", Side.BUY, "1", "1")
    assert execution(record).at == "2013-10-07T13:30:00Z"
    other = record.ts.astimezone(timezone(timedelta(hours=2)))
    object.__setattr__(record, "ts", other)
    with pytest.raises(LogicError):
        execution(record)


def test_a_purchase_that_turns_a_short_position_opens_a_long_lot():
    """Four cover the short lot, two open a long one; the notional is split to the unit."""
    lots = LotBook()
    legs_of(fill("a", Side.SELL_SHORT, "4", "90"), lots, 7)
    assert legs_of(fill("b", Side.BUY_TO_COVER, "6", "80", commission="1"), lots, 8) == [
        (2100, 360 * M, 7, 4 * 10**9),
        (1111, 160 * M, 8, 2 * 10**9),
        (4010, -40 * M, 0, 0),
        (5010, M, 0, 0),
        (1030, -481 * M, 0, 0),
    ]


def test_an_event_without_accounts_is_unmapped():
    """A mapping without short sales posts none, a mapping without commission no commission."""
    rules = {event: rule for event, rule in MAPPING.items() if event is not EventType.SELL_SHORT}
    with pytest.raises(Unmapped):
        legs_of(fill("a", Side.SELL_SHORT, "1", "1"), LotBook(), 1, Routes(rules))
    with pytest.raises(Unmapped):
        legs_of(fill("a", Side.SELL, "1", "1"), LotBook(), 1, Routes(rules))
    rules = {event: rule for event, rule in MAPPING.items() if event is not EventType.COMMISSION}
    paid = fill("a", Side.BUY, "1", "1", commission="1")
    with pytest.raises(Unmapped):
        legs_of(paid, LotBook(), 1, Routes(rules))


def test_units_are_exact():
    """Decimals become integers without loss."""
    fact = execution(fill("a", Side.SELL, "1.000000001", "2.000001", commission="0.000003"))
    assert (fact.quantity, fact.price, fact.commission) == (1_000_000_001, 2_000_001, 3)
    assert fact.amount == 2_000_001 - 3
    assert Decimal(fact.notional) / M == Decimal("2.000001")
