"""The broker's truth: what it fills, and what it does at its worst."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rigd.core.errors import OrderRejected
from rigd.core.orders import CancelAck, ExecType, OrderRequest, OrdStatus, OrdType
from rigd.core.values import Bar, Side
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.swarm import Personality
from rigd.hosts.simulate.trace import Trace
from rigd.hosts.simulate.venue import Venue

OPENS = datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
PRICES = (10.0, 11.0, 12.0, 11.0, 10.0, 9.0)
BARS = [
    {"AAA": Bar(minute, opened, opened + 0.75, opened - 0.75, opened + 0.5, 100.0)}
    for minute, opened in enumerate(PRICES)
]
D = Decimal


def venue(fault: Fault | None = None, rate: float = 1.0, **traits: object) -> Venue:
    plan = FaultPlan(1, {} if fault is None else {fault: rate})
    traits.setdefault("commission", D("0.001"))
    closes = OPENS + timedelta(minutes=390)
    return Venue(BARS, OPENS, closes, Personality(**traits), plan, Trace())


def request(name: str = "one", side: Side = Side.BUY, qty: int = 100, **more: object):
    return OrderRequest(cl_ord_id=name, symbol="AAA", side=side, qty=D(qty), **more)


def holding(**traits: object) -> Venue:
    """100 AAA bought at 10 in minute 0."""
    place = venue(**traits)
    place.submit(request())
    place.trade_minute(0)
    return place


def test_a_market_order_fills_at_the_next_open() -> None:
    """100 at 10, a thousandth of commission: cash 100,000 - 1,000 - 1."""
    place = holding()
    assert place.positions == {"AAA": 100}
    assert place.cash == D(98_999)
    (fill,) = place.fills
    assert (fill.price, fill.commission, fill.ts) == (10, 1, OPENS)
    assert place.by_id["one"][0].status is OrdStatus.FILLED
    assert place.equity() == D(98_999) + 1050


def test_a_phase_is_passed_once() -> None:
    """A bot that is started again shows a minute again: nothing happens twice."""
    place = holding()
    before = (place.cash, place.phase, len(place.events))
    place.open_minute(0)
    place.trade_minute(0)
    assert (place.cash, place.phase, len(place.events)) == before


@pytest.mark.parametrize(
    ("order", "minute", "price"),
    [
        (request("s", Side.SELL, ord_type=OrdType.STOP, stop_price=D("10.5")), 1, "10.5"),
        (request("s", Side.SELL, ord_type=OrdType.STOP, stop_price=D("11.5")), 1, "11"),
        (request("s", Side.SELL, ord_type=OrdType.LIMIT, limit_price=D("11.7")), 1, "11.7"),
        (request("s", Side.SELL, ord_type=OrdType.LIMIT, limit_price=D("11.9")), 2, "12"),
    ],
)
def test_a_resident_order_fills_at_its_level_or_at_a_worse_open(order, minute, price) -> None:
    """Within the range at the level; gapped through, at the open."""
    place = holding()
    place.submit(order)
    for each in range(1, minute + 1):
        place.trade_minute(each)
    assert [fill.price for fill in place.fills[1:]] == [D(price)]
    assert place.positions == {}


def test_a_group_cancels_itself() -> None:
    """The target fills, the stop of the group ends."""
    place = holding()
    stop = {"ord_type": OrdType.STOP, "stop_price": D(5), "oco_group": "g"}
    target = {"ord_type": OrdType.LIMIT, "limit_price": D("11.7"), "oco_group": "g"}
    place.submit(request("s", Side.SELL, **stop))
    place.submit(request("t", Side.SELL, **target))
    place.trade_minute(1)
    assert place.by_id["s"][0].status is OrdStatus.CANCELED
    assert not place.working


def test_a_known_id_is_one_order_where_ids_are_compared_and_two_elsewhere() -> None:
    """BROKERS C03 and its opposite."""
    for idempotent, count in ((True, 1), (False, 2)):
        place = venue(idempotent=idempotent)
        place.submit(request())
        place.submit(request())
        assert len(place.by_id["one"]) == count


def test_what_would_sell_more_than_is_held_is_refused_where_that_is_guarded() -> None:
    """A guarded broker refuses; another one goes short."""
    place = holding()
    with pytest.raises(OrderRejected, match="oversell"):
        place.submit(request("x", Side.SELL, 101))
    place = holding(guards_positions=False)
    place.submit(request("x", Side.SELL, 101))
    place.trade_minute(1)
    assert place.positions == {"AAA": -1}


def test_a_replacement_takes_the_place_or_is_refused() -> None:
    """In one step; an order that does not work cannot be replaced."""
    place = holding()
    place.submit(request("s", Side.SELL, ord_type=OrdType.STOP, stop_price=D(5)))
    place.submit(request("s2", Side.SELL, ord_type=OrdType.STOP, stop_price=D(6)), "s")
    assert place.by_id["s"][0].status is OrdStatus.REPLACED
    with pytest.raises(OrderRejected, match="not_working"):
        place.submit(request("s3", Side.SELL, ord_type=OrdType.STOP, stop_price=D(7)), "s")


def test_cancels_are_answered_by_what_is() -> None:
    """Requested, too late, not found; and refused at random while the order lives on."""
    place = venue()
    place.submit(request())
    assert place.cancel("nobody") is CancelAck.NOT_FOUND
    assert place.cancel("one") is CancelAck.REQUESTED
    assert place.cancel("one") is CancelAck.TOO_LATE
    place = venue(Fault.REFUSED_CANCEL)
    place.submit(request())
    assert place.cancel("one") is CancelAck.TOO_LATE
    assert place.working_of("one") is not None


def test_a_cancelled_order_may_fill_after_all() -> None:
    """O04: acknowledged as cancelled, filled at the next open."""
    place = venue(Fault.LATE_FILL)
    place.submit(request())
    place.cancel("one")
    assert not place.is_quiet()
    place.trade_minute(0)
    assert place.positions == {"AAA": 100}
    assert place.by_id["one"][0].status is OrdStatus.CANCELED


def test_an_overfill_is_more_than_was_meant() -> None:
    """O09: a tenth too much."""
    place = venue(Fault.OVERFILL)
    place.submit(request())
    place.trade_minute(0)
    assert place.positions == {"AAA": 110}


def test_a_partial_fill_leaves_the_rest_working() -> None:
    """O03: in parts, at several opens, to the last share."""
    place = venue(Fault.PARTIAL_FILL, 0.9)
    place.submit(request())
    for minute in range(6):
        place.trade_minute(minute)
    assert len(place.fills) > 2
    assert place.positions["AAA"] == sum(fill.qty for fill in place.fills) <= 100


def test_a_bust_takes_position_and_cash_back() -> None:
    """O10: as if it had never been."""
    place = venue(Fault.BUST)
    place.submit(request())
    place.trade_minute(0)
    assert (place.positions, place.cash) == ({}, 100_000)
    assert [fill.exec_type for fill in place.fills] == [ExecType.TRADE, ExecType.BUST]
    assert place.fills[1].exec_ref_key == place.fills[0].exec_key


def test_a_correction_changes_cash_by_the_difference() -> None:
    """O10: 100 at 10 corrected to 10.01: 1 more paid."""
    place = venue(Fault.CORRECTION)
    place.submit(request())
    place.trade_minute(0)
    assert place.cash == D(98_998)
    assert place.fills[1].price == D("10.01")


def test_a_halted_symbol_neither_fills_nor_takes_orders() -> None:
    """O15: what works rests, and works again afterwards."""
    place = venue(Fault.HALT)
    place.submit(request("r", qty=7, ord_type=OrdType.LIMIT, limit_price=D(1)))
    place.trade_minute(0)
    place.open_minute(1)
    assert place.is_halted("AAA")
    assert place.by_id["r"][0].status is OrdStatus.SUSPENDED
    with pytest.raises(OrderRejected, match="halted"):
        place.submit(request("y"))


def test_somebody_else_trades_and_it_is_not_ours() -> None:
    """O11: foreign shares are in the account, not in our net."""
    place = venue(Fault.FOREIGN_FILL)
    for minute in range(3):
        place.trade_minute(minute)
    assert place.positions
    assert place.foreign == place.positions
    assert place.net_of_ours() == {}
    assert not list(place.ours())


def test_cash_may_be_corrected() -> None:
    """The account's cash differs from its trades."""
    place = venue(Fault.CASH_CORRECTION)
    place.open_minute(0)
    assert place.cash - 100_000 == place.corrections != 0


def test_lists_and_look_ups_lag() -> None:
    """O08: for two phases; a look-up lags only where it is not authoritative."""
    place = venue(Fault.LIST_LAG)
    place.submit(request("r", ord_type=OrdType.LIMIT, limit_price=D(1)))
    assert place.open_orders() == []
    assert place.find("r") is not None
    place.trade_minute(0)
    assert [order.cl_ord_id for order in place.open_orders()] == ["r"]
    place = venue(Fault.FIND_LAG, authoritative=False)
    place.submit(request("r", ord_type=OrdType.LIMIT, limit_price=D(1)))
    assert place.find("r") is None
    place.trade_minute(0)
    assert place.find("r") is not None


def test_a_delayed_order_arrives_within_three_phases() -> None:
    """After the client gave up."""
    place = venue()
    place.submit_later(request())
    assert not place.is_quiet()
    place.trade_minute(0)
    place.trade_minute(1)
    assert place.is_quiet()
    assert len(place.by_id["one"]) == 1


def test_a_broker_ends_orders_of_itself() -> None:
    """Cancelled, expired or rejected after it was acknowledged."""
    ends = set()
    for _ in range(6):
        place = venue(Fault.FORCED_CANCEL)
        for _ in range(len(ends)):
            place._plan.pick("forced", 3)
        place.submit(request("r", ord_type=OrdType.LIMIT, limit_price=D(1)))
        place.open_minute(0)
        ends.add(place.by_id["r"][0].status)
    assert ends <= {OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED}
    assert ends


def test_the_end_fills_waiting_exits_and_expires_the_rest() -> None:
    """SPEC §3a.8: at the last mark; nothing is taken afterwards."""
    place = holding()
    place.submit(request("x", Side.SELL))
    place.submit(request("r", ord_type=OrdType.LIMIT, limit_price=D(1)))
    place.end()
    place.end()
    assert place.positions == {}
    assert place.fills[-1].price == D("10.5")
    assert place.by_id["r"][0].status is OrdStatus.EXPIRED
    with pytest.raises(OrderRejected, match="market_closed"):
        place.submit(request("late"))
