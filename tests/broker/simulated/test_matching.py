"""Tests of which resident order a bar reaches first."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.broker.simulated.book import Order
from rigd.broker.simulated.matching import touched, trailed_level
from rigd.core.orders import OrdStatus
from rigd.core.values import Bar, Side
from tests.broker.market import OPENS, order


def resting(name: str, side: Side, **level: str) -> Order:
    request = order(name, side, **level)
    return Order(request=request, broker_order_id=name, status=OrdStatus.NEW, updated_at=OPENS)


SELLS = [
    resting("S1", Side.SELL, stop="45"),
    resting("S2", Side.SELL, stop="48"),
    resting("T1", Side.SELL, limit="60"),
    resting("T2", Side.SELL, limit="55"),
]
BUYS = [
    resting("S1", Side.BUY_TO_COVER, stop="60"),
    resting("S2", Side.BUY_TO_COVER, stop="55"),
    resting("T1", Side.BUY_TO_COVER, limit="45"),
    resting("T2", Side.BUY_TO_COVER, limit="48"),
]


@pytest.mark.parametrize(
    ("orders", "bar", "test_open", "expected"),
    [
        (SELLS, (50.0, 54.0, 49.0, 50.0), False, None),
        (SELLS, (50.0, 54.0, 47.0, 50.0), False, ("S2", 48.0)),
        (SELLS, (50.0, 61.0, 49.0, 50.0), False, ("T2", 55.0)),
        (SELLS, (50.0, 61.0, 40.0, 50.0), False, ("S2", 48.0)),
        (SELLS, (50.0, 61.0, 40.0, 50.0), True, None),
        (SELLS, (47.0, 61.0, 40.0, 50.0), True, ("S2", 47.0)),
        (SELLS, (57.0, 61.0, 40.0, 50.0), True, ("T2", 57.0)),
        (BUYS, (50.0, 54.0, 49.0, 50.0), False, None),
        (BUYS, (50.0, 56.0, 49.0, 50.0), False, ("S2", 55.0)),
        (BUYS, (50.0, 54.0, 44.0, 50.0), False, ("T2", 48.0)),
        (BUYS, (50.0, 61.0, 40.0, 50.0), False, ("S2", 55.0)),
        (BUYS, (57.0, 61.0, 40.0, 50.0), True, ("S2", 57.0)),
        (BUYS, (47.0, 61.0, 40.0, 50.0), True, ("T2", 47.0)),
    ],
)
def test_first_level_of_a_group(
    *,
    orders: list[Order],
    bar: tuple[float, float, float, float],
    test_open: bool,
    expected: tuple[str, float] | None,
) -> None:
    """The nearest stop comes before the nearest limit; a gap fills at the open."""
    found = touched(orders, Bar(3, *bar, 1.0), test_open=test_open)
    told = None if found is None else (found.order.request.cl_ord_id, found.price)
    assert told == expected


@pytest.mark.parametrize(
    ("orders", "bar", "expected"),
    [
        (SELLS, (50.0, 54.0, 47.0, 50.0), 47.52),
        (SELLS, (50.0, 61.0, 49.0, 50.0), 55.0),
        (BUYS, (50.0, 56.0, 49.0, 50.0), 55.55),
        (BUYS, (50.0, 54.0, 44.0, 50.0), 48.0),
    ],
)
def test_only_stops_slip_and_against_us(
    orders: list[Order], bar: tuple[float, float, float, float], expected: float
) -> None:
    """1 % of 48 is 0.48 and of 55 is 0.55; limits fill at their level."""
    found = touched(orders, Bar(3, *bar, 1.0), test_open=False)
    assert found is not None
    assert found.fill_price(0.01) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("side", "stop", "bar", "level"),
    [
        (Side.SELL, "98", (100.0, 105.0, 99.0, 100.0), 105.0 * (1.0 - 0.02)),
        (Side.SELL, "98", (100.0, 100.0, 99.0, 100.0), None),
        (Side.SELL, "99", (100.0, 101.0, 99.5, 100.0), None),
        (Side.BUY_TO_COVER, "102", (100.0, 101.0, 95.0, 100.0), 95.0 * (1.0 + 0.02)),
        (Side.BUY_TO_COVER, "102", (100.0, 101.0, 100.0, 100.0), None),
    ],
)
def test_trail_only_ever_tightens(
    side: Side, stop: str, bar: tuple[float, float, float, float], level: float | None
) -> None:
    """2 % behind the bar's best price, unless the level is there already or tighter."""
    found = trailed_level(resting("T", side, stop=stop, trail="0.02"), Bar(3, *bar, 1.0))
    assert (None if found is None else float(found)) == level


def test_order_without_a_trail_stays_where_it_is() -> None:
    """A stop and a limit never move."""
    for orders in (SELLS, BUYS):
        assert {trailed_level(each, Bar(3, 50.0, 90.0, 10.0, 50.0, 1.0)) for each in orders} == {
            None
        }


def test_trailing_stop_is_reached_where_it_has_come_to() -> None:
    """It is a stop like any other, at its present level."""
    moved = resting("T", Side.SELL, stop="45", trail="0.02")
    moved.trailed = Decimal(49)
    found = touched([moved, *SELLS], Bar(3, 50.0, 54.0, 47.0, 50.0, 1.0), test_open=False)
    assert found is not None
    assert (found.order.request.cl_ord_id, found.price) == ("T", 49.0)
