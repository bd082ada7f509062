"""The conformance tests of BROKERS §8 that a broker shows without the engine above it.

The same body runs over the simulated broker in this process, over the simulated broker behind a
loopback socket, and over the scripted fake that the engine's tests use.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import AuthError, NotSupported, OrderRejected, OutcomeUnknown
from rigd.core.options import OptionContract
from rigd.core.orders import (
    CancelAck,
    Fill,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
    TimeInForce,
)
from rigd.core.readings import OptionRight
from rigd.core.values import Side
from tests.broker.market import OPENS, order
from tests.conformance.stages import KINDS, Faults, stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.conformance.stages import Stage

    Body = Callable[[Stage], Awaitable[None]]
    Play = Callable[..., None]

SIMULATED = ("sim_local", "sim_socket")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def play(kind: str, tmp_path: Path) -> Play:
    """Run a body over a connected broker of the kind, on an event loop of its own."""

    def run(body: Body, *, connect: bool = True, **faults: bool) -> None:
        with stage(kind, tmp_path, Faults(**faults)) as on:

            async def whole() -> None:
                if connect:
                    await on.broker.connect()
                await body(on)
                await on.broker.close()

            asyncio.run(whole())

    return run


def statuses(on: Stage, cl_ord_id: str) -> list[OrdStatus]:
    """The statuses that the stream tells of an order, repetitions dropped."""
    told = [
        event.ord_status
        for event in on.broker.poll()
        if isinstance(event, OrderSnapshot) and event.cl_ord_id == cl_ord_id
    ]
    return [status for i, status in enumerate(told) if told[i - 1 : i] != [status]]


async def must_find(on: Stage, cl_ord_id: str) -> OrderSnapshot:
    snapshot = await on.broker.find(cl_ord_id)
    assert snapshot is not None
    return snapshot


def test_c01_ack_open_orders_and_find(play: Play) -> None:
    """C01: an accepted order is answered NEW, listed as open and found by its id."""

    async def body(on: Stage) -> None:
        snapshot = await on.broker.submit(order("A1"))
        assert (snapshot.ord_status, snapshot.qty, snapshot.cum_qty) == (OrdStatus.NEW, 100, 0)
        assert [found.cl_ord_id for found in await on.broker.open_orders()] == ["A1"]
        assert await on.broker.find("A1") == snapshot
        assert await on.broker.find("unknown") is None
        assert statuses(on, "A1") == [OrdStatus.NEW]

    play(body)


def test_c02_reject_has_a_reason_and_leaves_no_position(play: Play) -> None:
    """C02: a refused order raises with a code, is found as REJECTED and never fills."""

    async def body(on: Stage) -> None:
        with pytest.raises(OrderRejected) as caught:
            await on.broker.submit(order("R1"))
        assert caught.value.code == "simulated"
        found = await must_find(on, "R1")
        assert found.ord_status is OrdStatus.REJECTED
        assert found.reason.startswith("simulated: ")
        on.trade(50.0)
        assert await on.broker.positions() == []

    play(body, reject=True)


def test_c03_same_id_twice_is_one_order(play: Play) -> None:
    """C03: a second submit with a known id answers the first order and adds none."""

    async def body(on: Stage) -> None:
        first = await on.broker.submit(order("I1"))
        assert await on.broker.submit(order("I1")) == first
        on.trade(50.0)
        assert (await on.broker.submit(order("I1"))).ord_status is OrdStatus.FILLED
        assert len(await on.broker.fills(OPENS)) == 1

    play(body)


def test_c04_lost_reply_leaves_exactly_one_order(play: Play) -> None:
    """C04: after an answer that never came the look-up finds one order, which fills once."""

    async def body(on: Stage) -> None:
        with pytest.raises(OutcomeUnknown):
            await on.broker.submit(order("L1"))
        assert (await must_find(on, "L1")).ord_status is OrdStatus.NEW
        on.trade(50.0)
        assert [fill.cl_ord_id for fill in await on.broker.fills(OPENS)] == ["L1"]

    play(body, lose=True)


@pytest.mark.parametrize("kind", SIMULATED, indirect=False)
@pytest.mark.parametrize("cl_ord_id", ["", "with space", "ü", "X" * 33])
def test_c09_ids_that_are_none_are_refused(kind: str, tmp_path: Path, cl_ord_id: str) -> None:
    """C09: 1 to 32 letters, digits and hyphens make an id; anything else is refused at once."""
    with stage(kind, tmp_path, Faults()) as on, pytest.raises(OrderRejected, match="bad_id"):
        asyncio.run(on.broker.submit(order(cl_ord_id)))


@pytest.mark.parametrize("kind", SIMULATED)
@pytest.mark.parametrize(
    ("entry", "leave", "held"),
    [(Side.BUY, Side.SELL, 100), (Side.SELL_SHORT, Side.BUY_TO_COVER, -100)],
)
def test_c10_long_and_short_by_market_stop_and_limit(
    kind: str, tmp_path: Path, entry: Side, leave: Side, held: int
) -> None:
    """C10: both sides open by market; a stop and a limit, as one group, rest and close them."""
    sign = 1 if held > 0 else -1

    async def body(on: Stage) -> None:
        await on.broker.connect()
        await on.broker.submit(order("E", entry))
        on.trade(50.0)
        assert [position.qty for position in await on.broker.positions()] == [held]
        stop, target = str(50 - sign), str(50 + 5 * sign)
        await on.broker.submit(order("S", leave, stop=stop, group="G"))
        await on.broker.submit(order("T", leave, limit=target, group="G"))
        on.trade(50.0 + 6 * sign)
        assert await on.broker.positions() == []
        assert (await must_find(on, "T")).ord_status is OrdStatus.FILLED
        assert (await must_find(on, "S")).ord_status is OrdStatus.CANCELED
        await on.broker.close()

    with stage(kind, tmp_path, Faults()) as on:
        asyncio.run(body(on))


@pytest.mark.parametrize("kind", SIMULATED)
@pytest.mark.parametrize(
    ("entry", "leave", "first", "best", "after", "filled"),
    [
        (Side.BUY, Side.SELL, "49", 60.0, 58.0, "58"),
        (Side.BUY, Side.SELL, "49", 60.0, 59.0, None),
        (Side.SELL_SHORT, Side.BUY_TO_COVER, "51", 40.0, 41.0, "41"),
        (Side.SELL_SHORT, Side.BUY_TO_COVER, "51", 40.0, 40.5, None),
    ],
)
def test_c10_native_trailing_stop_follows_and_closes(
    kind: str,
    tmp_path: Path,
    entry: Side,
    leave: Side,
    first: str,
    best: float,
    after: float,
    filled: str | None,
) -> None:
    """C10: where the capability is told, a trailing stop follows the best price by its fraction."""

    async def body(on: Stage) -> None:
        await on.broker.connect()
        assert on.broker.capabilities.native_trailing
        assert OrdType.TRAILING_STOP in on.broker.capabilities.ord_types
        await on.broker.submit(order("E", entry))
        on.trade(50.0)
        await on.broker.submit(order("T", leave, stop=first, trail="0.02", group="G"))
        on.trade(best)
        on.trade(after)
        prices = [str(fill.price) for fill in await on.broker.fills(OPENS)][1:]
        assert [Decimal(price) for price in prices] == ([Decimal(filled)] if filled else [])
        assert (await on.broker.positions() == []) is (filled is not None)
        await on.broker.close()

    with stage(kind, tmp_path, Faults(native_trailing=True)) as on:
        asyncio.run(body(on))


@pytest.mark.parametrize("kind", SIMULATED)
def test_c10_what_the_broker_cannot_do_is_not_sent(kind: str, tmp_path: Path) -> None:
    """C10: a type outside the capabilities, or another lifetime than the day, never leaves."""
    odd = (
        OrderRequest(
            cl_ord_id="T1",
            symbol="AAA",
            side=Side.BUY,
            qty=Decimal(1),
            ord_type=OrdType.TRAILING_STOP,
            stop_price=Decimal(49),
            trail_fraction=Decimal("0.02"),
        ),
        OrderRequest(
            cl_ord_id="T2", symbol="AAA", side=Side.BUY, qty=Decimal(1), tif=TimeInForce.GTC
        ),
        OrderRequest(
            cl_ord_id="T3",
            symbol="AAA",
            side=Side.BUY,
            qty=Decimal(1),
            contract=OptionContract(
                underlying="AAA",
                right=OptionRight.PUT,
                strike=Decimal(50),
                expires_on=date(2026, 12, 18),
            ),
        ),
    )
    with stage(kind, tmp_path, Faults()) as on:
        assert not on.broker.capabilities.options
        for request in odd:
            with pytest.raises(NotSupported):
                asyncio.run(on.broker.submit(request))
            assert asyncio.run(on.broker.find(request.cl_ord_id)) is None


def test_c12_partial_then_full_with_exact_notional(play: Play) -> None:
    """C12: two fills at 50 and 51 add up to the order, and the cash pays exactly both."""

    async def body(on: Stage) -> None:
        before = (await on.broker.account()).cash
        await on.broker.submit(order("P1"))
        on.trade(50.0)
        assert (await must_find(on, "P1")).ord_status is OrdStatus.PARTIALLY_FILLED
        on.trade(51.0)
        first, second = await on.broker.fills(OPENS)
        assert 0 < first.qty < 100
        assert first.qty + second.qty == 100
        spent = before - (await on.broker.account()).cash
        assert spent == first.qty * 50 + second.qty * 51
        expected = [OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED]
        assert statuses(on, "P1") == expected

    play(body, partial=True)


def test_c13_a_fill_has_one_key_wherever_it_is_told(play: Play) -> None:
    """C13: stream and history tell the same execution under one key; two fills have two keys."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("D1"))
        on.trade(50.0)
        on.trade(50.0)
        streamed = [event for event in on.broker.poll() if isinstance(event, Fill)]
        history = await on.broker.fills(OPENS)
        assert streamed == history
        assert len({fill.exec_key for fill in history}) == 2
        assert on.broker.poll() == []

    play(body, partial=True)


def test_c23_cancel_twice_and_unknown(play: Play) -> None:
    """C23: a cancel is REQUESTED and told as an event, the second TOO_LATE, unknown NOT_FOUND."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("C1"))
        assert await on.broker.cancel("C1") is CancelAck.REQUESTED
        assert statuses(on, "C1") == [OrdStatus.NEW, OrdStatus.CANCELED]
        assert await on.broker.cancel("C1") is CancelAck.TOO_LATE
        assert await on.broker.cancel("unknown") is CancelAck.NOT_FOUND
        on.trade(50.0)
        assert await on.broker.fills(OPENS) == []

    play(body)


def test_c24_cancel_after_a_partial_fill_keeps_it(play: Play) -> None:
    """C24: what filled before the cancel stays filled, and nothing follows."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("P2"))
        on.trade(50.0)
        assert await on.broker.cancel("P2") is CancelAck.REQUESTED
        on.trade(50.0)
        (fill,) = await on.broker.fills(OPENS)
        found = await must_find(on, "P2")
        assert (found.ord_status, found.cum_qty) == (OrdStatus.CANCELED, fill.qty)
        assert found.leaves_qty == 0
        assert [position.qty for position in await on.broker.positions()] == [fill.qty]

    play(body, partial=True)


def test_c25_refused_cancel_leaves_the_order_live(play: Play) -> None:
    """C25: the order whose cancel was refused is still open and fills."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("RC"))
        assert await on.broker.cancel("RC") is CancelAck.TOO_LATE
        assert [found.cl_ord_id for found in await on.broker.open_orders()] == ["RC"]
        on.trade(50.0)
        assert (await must_find(on, "RC")).ord_status is OrdStatus.FILLED

    play(body, refuse_cancel=True)


def test_c26_cancel_that_comes_after_the_fill(play: Play) -> None:
    """C26: when the fill was first, the cancel is TOO_LATE and the order ends FILLED."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("F1"))
        on.trade(50.0)
        assert await on.broker.cancel("F1") is CancelAck.TOO_LATE
        assert (await must_find(on, "F1")).ord_status is OrdStatus.FILLED
        assert statuses(on, "F1") == [OrdStatus.NEW, OrdStatus.FILLED]

    play(body)


def test_c27_replace(play: Play) -> None:
    """C27: the old order ends REPLACED, the new one works; a second replacement is refused."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("E"))
        on.trade(50.0)
        await on.broker.submit(order("S1", Side.SELL, stop="40"))
        new = await on.broker.replace("S1", order("S2", Side.SELL, stop="45"))
        assert new.ord_status is OrdStatus.NEW
        assert (await must_find(on, "S1")).ord_status is OrdStatus.REPLACED
        with pytest.raises(OrderRejected, match="not_working"):
            await on.broker.replace("S1", order("S3", Side.SELL, stop="46"))
        assert [found.cl_ord_id for found in await on.broker.open_orders()] == ["S2"]

    play(body)


def test_c28_orders_expire_at_the_close(play: Play) -> None:
    """C28: a resting entry that is left at the end of the session is told as EXPIRED."""

    async def body(on: Stage) -> None:
        await on.broker.submit(order("X1", limit="10"))
        on.end()
        assert statuses(on, "X1") == [OrdStatus.NEW, OrdStatus.EXPIRED]
        assert await on.broker.open_orders() == []

    play(body)


def test_c32_foreign_orders_are_seen(play: Play) -> None:
    """C32: an order that another client sent is listed with the account's open orders."""

    async def body(on: Stage) -> None:
        await on.another().submit(order("other-1"))
        await on.broker.submit(order("A1"))
        found = [snapshot.cl_ord_id for snapshot in await on.broker.open_orders()]
        assert found == ["other-1", "A1"]

    play(body)


def test_c33_positions_and_cash_follow_from_the_fills(play: Play) -> None:
    """C33: the broker's own counts equal the sums over its executions."""

    async def body(on: Stage) -> None:
        before = (await on.broker.account()).cash
        for name, side, price in (("A", Side.BUY, 50.0), ("B", Side.BUY, 52.0)):
            await on.broker.submit(order(name, side))
            on.trade(price)
        await on.broker.submit(order("C", Side.SELL, qty="30"))
        on.trade(55.0)
        fills = await on.broker.fills(OPENS)
        held = sum(fill.side.sign * fill.qty for fill in fills)
        spent = sum(fill.side.sign * fill.qty * fill.price for fill in fills)
        assert [position.qty for position in await on.broker.positions()] == [held] == [170]
        assert before - (await on.broker.account()).cash == spent == 100 * 50 + 100 * 52 - 30 * 55

    play(body)


@pytest.mark.parametrize("kind", SIMULATED)
def test_c39_wrong_account_fails_the_self_check(kind: str, tmp_path: Path) -> None:
    """C39: a client that expects another account fails its check and does not connect."""
    with stage(kind, tmp_path, Faults()) as on:
        stranger = on.another("LIVE_ACCOUNT")
        check = asyncio.run(stranger.self_check())
        assert check.passed is False
        assert "LIVE_ACCOUNT" in check.detail
        with pytest.raises(AuthError):
            asyncio.run(stranger.connect())


def test_c40_close_leaves_nothing_running(play: Play) -> None:
    """C40: after close no thread and no task of the adapter is left; closing again is harmless."""

    async def body(on: Stage) -> None:
        threads = threading.active_count()
        await on.broker.submit(order("A1"))
        await on.broker.close()
        await on.broker.close()
        assert threading.active_count() <= threads
        assert asyncio.all_tasks() == {asyncio.current_task()}

    play(body)


def test_c41_account_is_all_decimal(play: Play) -> None:
    """C41: every amount is a Decimal, and a new account holds its starting cash."""

    async def body(on: Stage) -> None:
        account = await on.broker.account()
        amounts = (account.cash, account.equity, account.buying_power)
        assert all(isinstance(amount, Decimal) for amount in amounts)
        assert amounts == (100_000, 100_000, 100_000)
        assert (account.account_id, account.currency) == (on.account_id, "USD")

    play(body)


def test_c43_self_check_places_no_order(play: Play) -> None:
    """C43: the check passes, and neither an order nor an event comes of it."""

    async def body(on: Stage) -> None:
        assert (await on.broker.self_check()).passed is True
        assert await on.broker.open_orders() == []
        assert on.broker.poll() == []

    play(body)
