"""Realised gains lot by lot, worked by hand."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from rigd.core.orders import ExecType
from rigd.core.values import Direction, Side
from rigd.ledger.realised_gains import HEADER, Gain, realised_gains, to_csv
from tests.ledger.books import OPEN, fill, ledger, post_all, started

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def on(day: int, key: str, side: Side, qty: str, price: str, **more: str):
    """A fill so many days after the first one."""
    return replace(fill(key, side, qty, price, **more), ts=OPEN + timedelta(days=day))


def gains_of(*fills, year: int | None = None) -> tuple[Gain, ...]:
    books = ledger()
    post_all(books, started(), *fills)
    found = realised_gains(books.statement(), year)
    if year is None:
        assert sum(gain.gain for gain in found) == -books.statement().balance(4010)
    return found


def test_a_sale_over_two_lots_is_two_rows() -> None:
    """G11: 10 at 100 and 10 at 110, 15 sold at 120: gains 200 and 50; fees by quantity."""
    found = gains_of(
        on(0, "a", BUY, "10", "100", commission="1"),
        on(1, "b", BUY, "10", "110", commission="1"),
        on(2, "c", SELL, "15", "120", commission="3"),
    )
    told = [(g.quantity, g.acquired, g.sold, g.proceeds, g.cost, g.gain) for g in found]
    assert told == [
        (10, date(2013, 10, 7), date(2013, 10, 9), 1200, 1000, 200),
        (5, date(2013, 10, 8), date(2013, 10, 9), 600, 550, 50),
    ]
    assert [gain.commission for gain in found] == [D(3), D("1.5")]
    assert [gain.holding_days for gain in found] == [2, 1]
    assert not any(gain.wash_sale for gain in found)


def test_a_short_sale_has_its_proceeds_first() -> None:
    """G11: sold short at 50, covered at 45 and 52: gains of 20 and a loss of 12 on 6."""
    found = gains_of(
        on(0, "a", SELL, "10", "50"), on(1, "b", BUY, "4", "45"), on(400, "c", BUY, "6", "52")
    )
    assert [(g.direction, g.proceeds, g.cost, g.gain) for g in found] == [
        (Direction.SHORT, 200, 180, 20),
        (Direction.SHORT, 300, 312, -12),
    ]
    assert not any(gain.is_long_term for gain in found)


def test_a_fill_that_turns_a_position_closes_and_opens() -> None:
    """G11: 10 long, 15 sold: 10 are closed, 5 are a new short; its fee is shared 2 to 1."""
    found = gains_of(
        on(0, "a", BUY, "10", "100"),
        on(1, "b", SELL, "15", "101", commission="3"),
        on(2, "c", BUY, "5", "99"),
    )
    assert [(g.direction, g.quantity, g.gain, g.commission) for g in found] == [
        (Direction.LONG, 10, 10, 2),
        (Direction.SHORT, 5, 10, 1),
    ]


def test_parts_of_a_lot_lose_no_cent() -> None:
    """G11: three sales of a lot that does not divide: gains, costs and fees come to the whole."""
    found = gains_of(
        on(0, "a", BUY, "7", "10.01", commission="1"),
        *(on(n, f"s{n}", SELL, q, "10.02") for n, q in ((1, "2"), (2, "2"), (3, "3"))),
    )
    assert sum(gain.cost for gain in found) == D("70.07")
    assert sum(gain.gain for gain in found) == D("0.07")
    assert sum(gain.commission for gain in found) == 1


@pytest.mark.parametrize(
    ("acquired", "held", "long_term"),
    [
        (date(2013, 10, 7), 365, False),
        (date(2013, 10, 7), 366, True),
        (date(2012, 2, 29), 365, False),
        (date(2012, 2, 29), 366, True),
    ],
)
def test_more_than_a_year_is_long_term(acquired, held, long_term) -> None:
    """G11: the day after the anniversary is the first (IRS Publication 550, holding period)."""
    (gain,) = gains_of(on(0, "a", BUY, "1", "10"), on(1, "b", SELL, "1", "11"))
    moved = gain._replace(acquired=acquired, sold=acquired + timedelta(days=held))
    assert moved.is_long_term is long_term


@pytest.mark.parametrize(
    ("days", "price", "flagged"),
    [(30, "9", True), (31, "9", False), (30, "11", False)],
)
def test_a_loss_with_another_entry_near_it_is_a_possible_wash_sale(days, price, flagged) -> None:
    """G11: within 30 days after the loss; not on day 31, not for a gain (IRC §1091)."""
    (gain,) = gains_of(
        on(0, "a", BUY, "1", "10"),
        on(40, "b", SELL, "1", price),
        on(40 + days, "c", BUY, "1", "10"),
    )
    assert gain.wash_sale is flagged


def test_neither_the_lot_itself_nor_another_symbol_washes() -> None:
    """G11: a part of the same lot is no replacement (Rev. Rul. 56-602)."""
    found = gains_of(
        on(0, "a", BUY, "2", "10"),
        on(1, "b", BUY, "1", "10", symbol="IBM"),
        on(2, "c", SELL, "1", "9"),
    )
    assert [gain.wash_sale for gain in found] == [False]
    again = gains_of(
        on(0, "a", BUY, "1", "10"), on(0, "b", BUY, "1", "10"), on(2, "c", SELL, "1", "9")
    )
    assert [gain.wash_sale for gain in again] == [True]


def test_what_the_broker_took_back_is_no_gain() -> None:
    """G11: a sale that was busted closed nothing; the corrected one counts once."""
    sale = on(1, "b", SELL, "1", "12")
    busted = replace(sale, exec_key="b2", exec_type=ExecType.BUST, exec_ref_key="b")
    bought = on(0, "a", BUY, "1", "10")
    assert gains_of(bought, sale, busted) == ()
    (gain,) = gains_of(bought, sale, busted, on(2, "c", SELL, "1", "11"))
    assert (gain.gain, gain.sold) == (1, date(2013, 10, 9))


def test_a_year_is_that_of_the_sale() -> None:
    """G11: by the exchange's days."""
    fills = (
        on(0, "a", BUY, "2", "10"),
        on(1, "b", SELL, "1", "11"),
        on(100, "c", SELL, "1", "12"),
    )
    assert [gain.gain for gain in gains_of(*fills, year=2013)] == [1]
    assert [gain.gain for gain in gains_of(*fills, year=2014)] == [2]
    assert gains_of(*fills, year=2012) == ()


def test_the_table_holds_every_field() -> None:
    """G11: header and plain decimals, and nothing that a spreadsheet would run."""
    found = gains_of(
        on(0, "a", BUY, "1.5", "10", symbol="=X", commission="0.1"),
        on(1, "b", SELL, "1.5", "9", symbol="=X"),
    )
    (row,) = csv.DictReader(io.StringIO(to_csv(found)))
    assert tuple(row) == HEADER
    assert row == {
        "symbol": "'=X",
        "direction": "long",
        "quantity": "1.5",
        "acquired": "2013-10-07",
        "sold": "2013-10-08",
        "holding_days": "1",
        "term": "short",
        "proceeds": "13.5",
        "cost": "15",
        "gain": "-1.5",
        "commission": "0.1",
        "net": "-1.6",
        "currency": "USD",
        "wash_sale": "no",
        "strategy": "open",
        "lot": row["lot"],
        "txn": row["txn"],
    }
