"""Tests of the fold that keeps orders, positions and cash."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.broker.simulated.book import (
    Book,
    CancelRefused,
    Change,
    Executed,
    OrderTaken,
    StatusChanged,
    Trailed,
    level_of,
    pack_change,
    unpack_change,
)
from rigd.core.errors import DataError
from rigd.core.orders import OrdStatus
from rigd.core.values import Side
from tests.broker.market import OPENS, order

CHANGES: tuple[Change, ...] = (
    OrderTaken(
        request=order("A", Side.SELL, "1.5", stop="49.123456789", group="G"),
        broker_order_id="S000001",
        status=OrdStatus.NEW,
    ),
    OrderTaken(
        request=order("B"), broker_order_id="S000002", status=OrdStatus.REJECTED, reason="x: y"
    ),
    StatusChanged(cl_ord_id="A", status=OrdStatus.CANCELED, reason="oco"),
    CancelRefused(cl_ord_id="A"),
    Trailed(cl_ord_id="A", level=Decimal("49.987654321")),
    Executed(
        exec_key="E1",
        cl_ord_id="A",
        qty=Decimal("0.000001"),
        price=Decimal("50.000001"),
        commission=Decimal("0.01"),
        ts=OPENS,
        synthetic=True,
        reason="stale_exit",
    ),
)


def taken(book: Book, name: str, side: Side, qty: str) -> None:
    request = order(name, side, qty)
    book.take(OrderTaken(request=request, broker_order_id=name, status=OrdStatus.NEW), OPENS)


def executed(book: Book, name: str, qty: str, price: str, commission: str = "0") -> None:
    change = Executed(
        exec_key=f"E{len(book.fills)}",
        cl_ord_id=name,
        qty=Decimal(qty),
        price=Decimal(price),
        commission=Decimal(commission),
        ts=OPENS,
    )
    book.take(change, OPENS)


@pytest.mark.parametrize("change", CHANGES)
def test_change_survives_its_log_form(change: Change) -> None:
    """Packed and unpacked, every change is equal to itself."""
    assert unpack_change(pack_change(change)) == change


def test_change_of_unknown_kind_is_refused() -> None:
    """A log that holds something else is not read."""
    with pytest.raises(DataError, match="known kind"):
        unpack_change({"is": "wish"})


def test_average_price_and_cash_of_a_long() -> None:
    """10 at 50 and 30 at 54 average 53 and cost 2120 with 1.5 of commission on top."""
    book = Book(Decimal(10_000))
    taken(book, "A", Side.BUY, "40")
    executed(book, "A", "10", "50", "0.5")
    executed(book, "A", "30", "54", "1")
    (position,) = book.positions()
    assert (position.qty, position.avg_px) == (40, 53)
    assert book.cash == Decimal("7878.5")
    snapshot = book.orders["A"].snapshot()
    assert (snapshot.cum_qty, snapshot.avg_px, snapshot.leaves_qty) == (40, 53, 0)


def test_selling_part_keeps_the_average_and_all_of_it_ends_the_position() -> None:
    """Of 30 at 10, selling 20 leaves 10 at 10; selling the rest leaves nothing."""
    book = Book(Decimal(0))
    for name, side, qty in (("A", Side.BUY, "30"), ("B", Side.SELL, "20"), ("C", Side.SELL, "10")):
        taken(book, name, side, qty)
    executed(book, "A", "30", "10")
    executed(book, "B", "20", "99")
    assert [(p.qty, p.avg_px) for p in book.positions()] == [(10, 10)]
    executed(book, "C", "10", "1")
    assert book.positions() == []
    assert book.cash == -300 + 1980 + 10


def test_fill_that_would_turn_a_position_round_is_refused() -> None:
    """Selling 20 of a position of 10 is a broken log, not a short position."""
    book = Book(Decimal(0))
    taken(book, "A", Side.BUY, "10")
    taken(book, "B", Side.SELL, "20")
    executed(book, "A", "10", "10")
    with pytest.raises(DataError, match="turn a position round"):
        executed(book, "B", "20", "10")


def test_terminal_orders_stop_working() -> None:
    """A cancelled order leaves the working ones and its group, but can be looked up."""
    book = Book(Decimal(0))
    request = order("A", Side.SELL, stop="49", group="G")
    book.take(OrderTaken(request=request, broker_order_id="1", status=OrdStatus.NEW), OPENS)
    assert [found.request for found in book.group("G")] == [request]
    assert [found.request for found in book.working_in("AAA")] == [request]
    book.take(StatusChanged(cl_ord_id="A", status=OrdStatus.CANCELED, reason="why"), OPENS)
    assert book.group("G") == book.working_in("AAA") == []
    assert book.orders["A"].snapshot().reason == "why"
    assert book.group("") == []


def test_equity_uses_marks_and_without_one_the_average() -> None:
    """10 at 50 are worth 500 until a mark of 52 makes them 520."""
    book = Book(Decimal(1000))
    taken(book, "A", Side.BUY, "10")
    executed(book, "A", "10", "50")
    assert book.equity() == 1000
    book.marks["AAA"] = 52.0
    assert book.equity() == 1020


def test_level_of_an_order() -> None:
    """A stop's level is its stop, a limit's its limit, a market order has none."""
    assert level_of(order("A", Side.SELL, stop="49")) == 49
    assert level_of(order("A", limit="51")) == 51
    assert level_of(order("A")) is None


def test_trailed_level_takes_the_place_of_the_first_one() -> None:
    """An order rests at its own level until its trail has moved it; nobody is told of it."""
    book = Book(Decimal(1000))
    request = order("A", Side.SELL, stop="49", trail="0.02")
    book.take(OrderTaken(request=request, broker_order_id="1", status=OrdStatus.NEW), OPENS)
    told = len(book.events)
    assert book.orders["A"].level == 49
    book.take(Trailed(cl_ord_id="A", level=Decimal("49.98")), OPENS)
    assert book.orders["A"].level == Decimal("49.98")
    assert len(book.events) == told
