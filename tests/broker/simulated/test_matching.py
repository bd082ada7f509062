"""Tests of which resident order a bar reaches first."""

from __future__ import annotations

import pytest

from rigd.broker.simulated.book import Order
from rigd.broker.simulated.matching import touched
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
