"""Tests of closing an account: races, doubts, lags, limits and outages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rigd.broker.flatten import ALERT_S, LAG_S, MAX_WAIT_S, Flattener, Flattening, Way
from rigd.core.errors import OrderRejected, OutcomeUnknown, RateLimited, StorageError, Unavailable
from rigd.core.orders import (
    TERMINAL,
    BrokerPosition,
    CancelAck,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
)
from rigd.core.values import Side
from tests.fakes.broker import CAPABILITIES, START
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.orders import Capabilities

LAGGING = replace(CAPABILITIES, authoritative_lookup=False)


class Exchange:
    """An account whose truth the test keeps: it fills, delays, loses and refuses as drawn.

    Nothing here is reduce-only: a close that is sent twice, or for too much, turns the position.
    `worst` remembers whether that ever happened.
    """

    def __init__(self, clock: FakeClock, seed: int, capabilities: Capabilities) -> None:
        self.clock = clock
        self.capabilities = capabilities
        self.draw = np.random.default_rng(seed)
        self.truth: dict[str, Decimal] = {}
        self.began: dict[str, Decimal] = {}
        self.orders: dict[str, OrderSnapshot] = {}
        self.requests: dict[str, OrderRequest] = {}
        self.seen: list[tuple[float, dict[str, Decimal], dict[str, OrderSnapshot]]] = []
        self.lag_s = self.order_lag_s = 0.0
        self.lost = self.refused_cancels = self.limited = self.fills = 0.0
        self.flipped: list[str] = []
        self.two_closes: list[str] = []
        self.down_until = float("-inf")
        self.cancels: list[float] = []

    def hold(self, symbol: str, qty: int) -> None:
        self.truth[symbol] = self.began[symbol] = Decimal(qty)

    def work(self, name: str, symbol: str, side: Side, qty: int) -> None:
        request = OrderRequest(
            cl_ord_id=name,
            symbol=symbol,
            side=side,
            qty=Decimal(qty),
            ord_type=OrdType.STOP,
            stop_price=Decimal(1),
        )
        self._take(request)

    def _take(self, request: OrderRequest) -> OrderSnapshot:
        taken = OrderSnapshot(
            cl_ord_id=request.cl_ord_id,
            broker_order_id=request.cl_ord_id,
            symbol=request.symbol,
            side=request.side,
            qty=request.qty,
            cum_qty=Decimal(0),
            avg_px=None,
            ord_status=OrdStatus.NEW,
            updated_at=START,
        )
        self.orders[request.cl_ord_id] = taken
        self.requests[request.cl_ord_id] = request
        return taken

    def move(self) -> None:
        """Let each working order fill in part or in full, as drawn; remember the view."""
        for name, order in list(self.orders.items()):
            if order.ord_status in TERMINAL or self.draw.random() >= self.fills:
                continue
            part = Decimal(int(self.draw.integers(1, int(order.leaves_qty) + 1)))
            self._fill(name, part)
        self.seen.append((self.clock.monotonic(), dict(self.truth), dict(self.orders)))

    def _fill(self, name: str, part: Decimal) -> None:
        order = self.orders[name]
        before = self.truth.get(order.symbol, Decimal(0))
        after = before + part * order.side.sign
        self.truth[order.symbol] = after
        closes = not order.side.opens
        if closes and name.startswith("K") and (before * after < 0 or abs(after) > abs(before)):
            self.flipped.append(order.symbol)
        done = order.cum_qty + part
        status = OrdStatus.FILLED if done == order.qty else OrdStatus.PARTIALLY_FILLED
        self.orders[name] = replace(order, cum_qty=done, ord_status=status)

    def view(self, lag_s: float) -> tuple[float, dict[str, Decimal], dict[str, OrderSnapshot]]:
        """What the broker tells: the truth, as old as it lags."""
        self.move()
        at = self.clock.monotonic() - lag_s
        return ([each for each in self.seen if each[0] <= at] or self.seen[:1])[-1]

    def trouble(self) -> None:
        if self.clock.monotonic() < self.down_until:
            msg = "no route to the broker"
            raise Unavailable(msg)
        if self.draw.random() < self.limited:
            raise RateLimited(self.clock.now() + timedelta(seconds=0.3))

    # The port, as far as a flattener asks it.

    async def connect(self) -> None:
        self.trouble()

    async def close(self) -> None:
        pass

    async def open_orders(self) -> list[OrderSnapshot]:
        self.trouble()
        return [o for o in self.view(self.order_lag_s)[2].values() if o.ord_status not in TERMINAL]

    async def positions(self) -> list[BrokerPosition]:
        self.trouble()
        held = self.view(self.lag_s)[1]
        return [
            BrokerPosition(symbol=symbol, qty=qty, avg_px=Decimal(10))
            for symbol, qty in held.items()
            if qty
        ]

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        self.trouble()
        return self.view(self.order_lag_s)[2].get(cl_ord_id)

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        self.trouble()
        self.cancels.append(self.clock.monotonic())
        self.move()
        order = self.orders[cl_ord_id]
        if order.ord_status in TERMINAL or self.draw.random() < self.refused_cancels:
            return CancelAck.TOO_LATE
        self.orders[cl_ord_id] = replace(order, ord_status=OrdStatus.CANCELED)
        return CancelAck.REQUESTED

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        self.trouble()
        live = [
            o
            for name, o in self.orders.items()
            if o.symbol == request.symbol
            and o.ord_status not in TERMINAL
            and not o.side.opens
            and name != request.cl_ord_id
        ]
        if live:
            self.two_closes.append(request.symbol)
        lost = self.draw.random()
        if lost < self.lost / 2:
            msg = "the request never arrived"
            raise OutcomeUnknown(msg)
        taken = self.orders.get(request.cl_ord_id) or self._take(request)
        if lost < self.lost:
            msg = "the answer never came"
            raise OutcomeUnknown(msg)
        return taken


def flattener(exchange: Exchange, told: list[str] | None = None) -> Flattener:
    count = iter(range(10_000))

    async def connect() -> Way:
        await exchange.connect()
        return Way(broker=exchange)

    return Flattener(
        connect,
        exchange.clock,
        order_id=lambda symbol: f"K{symbol}{next(count)}",
        tell=(told if told is not None else []).append,
        contact="call the desk",
    )


def run(exchange: Exchange, patience_s: float | None = 300.0) -> Flattening:
    return asyncio.run(flattener(exchange).run(patience_s))


def quiet(capabilities: Capabilities = CAPABILITIES) -> Exchange:
    """An account without trouble that fills at once."""
    exchange = Exchange(FakeClock(), 1, capabilities)
    exchange.fills = 1.0
    return exchange


def test_a_flat_account_is_verified_without_a_single_order() -> None:
    """Two looks, no cancel, no close."""
    found = run(quiet())
    assert found.verified
    assert (found.cancels, found.closes, found.first_cancel_s) == (0, [], None)


def test_long_and_short_positions_are_closed_for_exactly_what_is_held() -> None:
    """One order per symbol, on the side that reduces it, after everything else is cancelled."""
    exchange = quiet()
    exchange.hold("AAA", 7)
    exchange.hold("BBB", -5)
    exchange.fills = 0.0
    exchange.work("RSTOP", "AAA", Side.SELL, 7)

    async def both() -> Flattening:
        closer = flattener(exchange)
        await closer.cancel_all()
        exchange.fills = 1.0
        return await closer.run()

    found = asyncio.run(both())
    assert found.verified
    sides = {exchange.requests[name].symbol: exchange.requests[name] for name in found.closes}
    assert (sides["AAA"].side, sides["AAA"].qty) == (Side.SELL, Decimal(7))
    assert (sides["BBB"].side, sides["BBB"].qty) == (Side.BUY_TO_COVER, Decimal(5))
    assert exchange.orders["RSTOP"].ord_status is OrdStatus.CANCELED
    assert found.first_cancel_s == 0.0


def raced(seed: int, capabilities: Capabilities) -> tuple[Exchange, Flattening]:
    """A kill that races with entries, stops, partial fills, lost answers and refused cancels."""
    exchange = Exchange(FakeClock(), seed, capabilities)
    draw = exchange.draw
    for symbol in ("AAA", "BBB", "CCC")[: int(draw.integers(1, 4))]:
        sign = 1 if draw.random() < 0.5 else -1
        held = int(draw.integers(0, 6))
        exchange.hold(symbol, sign * held)
        opens, closes = (Side.BUY, Side.SELL) if sign > 0 else (Side.SELL_SHORT, Side.BUY_TO_COVER)
        if draw.random() < 0.6:
            exchange.work(f"RE{symbol}", symbol, opens, int(draw.integers(1, 6)))
        if held and draw.random() < 0.6:
            exchange.work(f"RS{symbol}", symbol, closes, held)
    exchange.fills = 0.5
    exchange.lost = float(draw.choice([0.0, 0.3]))
    exchange.refused_cancels = float(draw.choice([0.0, 0.4]))
    exchange.limited = float(draw.choice([0.0, 0.2]))
    if capabilities is LAGGING:
        exchange.lag_s, exchange.order_lag_s = map(float, draw.uniform(0.0, LAG_S * 0.9, 2))
    exchange.move()
    return exchange, run(exchange)


@pytest.mark.parametrize("capabilities", [CAPABILITIES, LAGGING], ids=["current", "lagging"])
def test_in_5000_races_no_position_turns_and_all_end_flat(capabilities: Capabilities) -> None:
    """Never two live closes of a symbol, never past zero, and flat is true when it is said."""
    for seed in range(2500):
        exchange, found = raced(seed, capabilities)
        assert found.verified, seed
        assert not any(exchange.truth.values()), seed
        assert all(order.ord_status in TERMINAL for order in exchange.orders.values()), seed
        assert exchange.flipped == [], seed
        assert exchange.two_closes == [], seed


def test_an_unreachable_broker_is_asked_for_ever_and_said_each_minute() -> None:
    """Pauses grow to 5 s and no further; people are told at once and each minute, with contact."""
    exchange = quiet()
    exchange.hold("AAA", 3)
    exchange.down_until = exchange.clock.monotonic() + 3 * ALERT_S + 6.0
    told: list[str] = []
    found = asyncio.run(flattener(exchange, told).run())
    assert found.verified
    assert max(exchange.clock.slept) == MAX_WAIT_S
    assert len(told) == 4
    assert all(text.startswith("KILL_PENDING: not verified flat") for text in told)
    assert all("no route to the broker" in t and "by hand: call the desk" in t for t in told)
    assert found.took_s <= 3 * ALERT_S + 6.0 + MAX_WAIT_S + 1.0


def test_patience_that_is_over_is_not_called_flat() -> None:
    """It returns, unverified, with what stood in the way."""
    exchange = quiet()
    exchange.hold("AAA", 3)
    exchange.down_until = float("inf")
    found = run(exchange, patience_s=30.0)
    assert not found.verified
    assert "no route" in found.problem
    assert 30.0 <= found.took_s < 40.0


def test_a_rate_limit_is_waited_for_and_never_ends_in_flat_by_itself() -> None:
    """At one answer in ten the account is flat within two minutes; at none it stays pending."""
    exchange = quiet()
    exchange.hold("AAA", 3)
    exchange.limited = 0.9
    found = run(exchange)
    assert found.verified
    assert found.took_s < 120.0
    again = quiet()
    again.hold("AAA", 3)
    again.limited = 1.0
    assert not run(again, patience_s=20.0).verified


def test_a_wrong_wall_clock_changes_nothing() -> None:
    """The clock jumps a day back and forth with every pause: time is counted monotonic."""

    class Jumping(FakeClock):
        async def wait(self, seconds: float) -> None:
            self.jump(86_400.0 if len(self.slept) % 2 else -86_400.0)
            await super().wait(seconds)

    exchange = quiet()
    exchange.clock = Jumping()
    exchange.hold("AAA", 3)
    exchange.limited = 0.5
    found = run(exchange)
    assert found.verified
    assert found.took_s < 120.0


def test_a_rejected_close_is_tried_again_under_another_id() -> None:
    """A halted symbol, a closed market: pending until the broker takes the order."""
    exchange = quiet()
    exchange.hold("AAA", 3)
    refusals = 3
    take = exchange.submit

    async def refuse(request: OrderRequest) -> OrderSnapshot:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise OrderRejected("halted", "trading in AAA is halted")
        return await take(request)

    exchange.submit = refuse  # type: ignore[method-assign]
    found = run(exchange)
    assert found.verified
    assert len(found.closes) == len(set(found.closes)) == 4


def test_a_way_that_cannot_be_opened_is_opened_again() -> None:
    """Also an error of the disk is no end: the next attempt begins anew."""
    exchange = quiet()
    failures = [StorageError("could not open truth.log: no such device"), Unavailable("not yet")]
    given_back: list[int] = []

    async def connect() -> Way:
        if failures:
            raise failures.pop()
        return Way(broker=exchange, give_back=lambda: given_back.append(1))

    closer = Flattener(
        connect, exchange.clock, order_id=str, tell=lambda _: None, contact="the desk"
    )

    async def whole() -> Flattening:
        found = await closer.run()
        await closer.close()
        await closer.close()
        return found

    assert asyncio.run(whole()).verified
    assert failures == []
    assert given_back == [1]


@pytest.mark.parametrize(
    "call", ["connect", "close", "open_orders", "positions", "find", "cancel", "submit"]
)
def test_an_adapters_own_fault_ends_no_emergency_close(call: str) -> None:
    """FAULTS X07: whatever an adapter raises is said and tried again; flat is the one end."""
    exchange = quiet()
    exchange.hold("AAA", 3)
    exchange.hold("BBB", -2)
    exchange.work("stop", "AAA", Side.SELL, 3)
    exchange.fills = 1.0 if call == "close" else 0.0
    faults = 5
    sound = getattr(exchange, call)

    async def faulty(*arguments: object) -> object:
        nonlocal faults
        exchange.fills = 1.0 if call == "close" else float(not faults)
        if faults:
            faults -= 1
            raise KeyError(call)
        return await sound(*arguments)

    setattr(exchange, call, faulty)
    if call == "close":
        exchange.down_until = exchange.clock.monotonic() + 60.0
    found = run(exchange, 3600.0)
    assert found.verified
    assert not exchange.flipped
    assert exchange.truth == {"AAA": 0, "BBB": 0}


def test_an_order_that_cannot_be_cancelled_keeps_no_other_symbol_open() -> None:
    """The fault is that order's own: the rest is closed, and the account is not called flat."""
    exchange = quiet()
    exchange.hold("AAA", 3)
    exchange.hold("BBB", 2)
    exchange.work("stuck", "AAA", Side.SELL, 3)
    exchange.fills = 0.0

    async def faulty(_: str) -> CancelAck:
        exchange.fills = 1.0
        raise KeyError

    exchange.cancel = faulty  # type: ignore[method-assign]
    exchange._fill = only(exchange, "stuck")  # type: ignore[method-assign]
    found = run(exchange, 30.0)
    assert not found.verified
    assert "KeyError" in found.problem or "AAA" in found.problem
    assert exchange.truth == {"AAA": 3, "BBB": 0}


def only(exchange: Exchange, stuck: str) -> Callable[[str, Decimal], None]:
    """Fills of an exchange without those of one order."""
    fill = exchange._fill

    def chosen(name: str, part: Decimal) -> None:
        if name != stuck:
            fill(name, part)

    return chosen
