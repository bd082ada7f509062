"""A broker in memory that does exactly what a test tells it: late, twice, out of order, or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.errors import NotSupported, OrderRejected, OutcomeUnknown, Unavailable
from rigd.core.orders import (
    TERMINAL,
    Account,
    BrokerClock,
    BrokerEvent,
    BrokerPosition,
    CancelAck,
    Capabilities,
    Fill,
    Gap,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
)
from rigd.core.values import SelfCheck, Side

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)

CAPABILITIES = Capabilities(
    idempotent_submit=True,
    native_oco=True,
    native_replace=True,
    fractional=True,
    short=True,
    exec_ids=True,
    min_notional=Decimal(1),
    quantity_decimals=6,
    cl_ord_id_max=32,
    ord_types=frozenset(OrdType),
    paper=True,
    authoritative_lookup=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that reached the broker."""

    op: str
    cl_ord_id: str = ""
    request: OrderRequest | None = None


class FakeBroker:
    """A scripted account; implements `core.ports.Broker`.

    Nothing fills by itself: a test calls `fill`, `expire` or `tell`. Set `reject_next`,
    `lose_next`, `drop_next`, `refuse_cancels`, `hold_events`, `hidden` and `down` for faults.
    """

    def __init__(self, cash: Decimal = Decimal(100_000), account_id: str = "FAKE") -> None:
        self.name = "FAKE"
        self.capabilities = CAPABILITIES
        self.account_id = account_id
        self.now = START
        self.cash = cash
        self.calls: list[Call] = []
        """Every request, oldest first, also those that failed."""
        self.orders: dict[str, OrderSnapshot] = {}
        self.requests: dict[str, OrderRequest] = {}
        self.executions: list[Fill] = []
        self.reject_next: list[tuple[str, str]] = []
        """Code and text of the next refusals, one per order."""
        self.lose_next = 0
        """So many of the next orders are taken, and their answer is lost."""
        self.drop_next = 0
        """So many of the next orders never arrive, and that is not known either."""
        self.refuse_cancels = 0
        """So many of the next cancels are refused; the order lives on."""
        self.hidden: set[str] = set()
        """Ids that `find` and `open_orders` do not show, as of a list that lags."""
        self.hold_events = False
        """While True events queue up and `poll` gives none."""
        self.down = False
        """While True every request raises Unavailable."""
        self.connected = False
        self._queue: list[BrokerEvent] = []

    # The port.

    async def connect(self) -> None:
        self._require_up()
        self.connected = True

    async def close(self) -> None:
        self.connected = False

    async def self_check(self) -> SelfCheck:
        return SelfCheck(name="broker", passed=not self.down, detail=self.account_id)

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        self.calls.append(Call(op="submit", cl_ord_id=request.cl_ord_id, request=request))
        self._require_up()
        if request.cl_ord_id in self.orders:
            return self.orders[request.cl_ord_id]
        return self._take(request, replaces="")

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        self.calls.append(Call(op="cancel", cl_ord_id=cl_ord_id))
        self._require_up()
        order = self.orders.get(cl_ord_id)
        if order is None:
            return CancelAck.NOT_FOUND
        if order.ord_status in TERMINAL:
            return CancelAck.TOO_LATE
        if self.refuse_cancels:
            self.refuse_cancels -= 1
            return CancelAck.TOO_LATE
        self.status(cl_ord_id, OrdStatus.CANCELED, "requested")
        return CancelAck.REQUESTED

    async def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        self.calls.append(Call(op="replace", cl_ord_id=cl_ord_id, request=new))
        self._require_up()
        if not self.capabilities.native_replace:
            msg = "this broker cannot replace an order"
            raise NotSupported(msg)
        if new.cl_ord_id in self.orders:
            return self.orders[new.cl_ord_id]
        old = self.orders.get(cl_ord_id)
        if old is None or old.ord_status in TERMINAL:
            self._refuse(new, "not_working", f"no working order {cl_ord_id}")
        return self._take(new, replaces=cl_ord_id)

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        self.calls.append(Call(op="find", cl_ord_id=cl_ord_id))
        self._require_up()
        return None if cl_ord_id in self.hidden else self.orders.get(cl_ord_id)

    async def open_orders(self) -> list[OrderSnapshot]:
        self._require_up()
        return [
            order
            for name, order in self.orders.items()
            if order.ord_status not in TERMINAL and name not in self.hidden
        ]

    async def fills(self, since: datetime) -> list[Fill]:
        self._require_up()
        return [fill for fill in self.executions if fill.ts >= since]

    async def positions(self) -> list[BrokerPosition]:
        self._require_up()
        held: dict[str, Decimal] = {}
        for fill in self.executions:
            held[fill.symbol] = held.get(fill.symbol, Decimal(0)) + fill.side.sign * fill.qty
        return [
            BrokerPosition(symbol=symbol, qty=qty, avg_px=self._last_price(symbol))
            for symbol, qty in sorted(held.items())
            if qty
        ]

    async def account(self) -> Account:
        self._require_up()
        value = sum((p.qty * p.avg_px for p in await self.positions()), Decimal(0))
        return Account(
            account_id=self.account_id,
            currency="USD",
            cash=self.cash,
            equity=self.cash + value,
            buying_power=self.cash,
        )

    async def clock(self) -> BrokerClock:
        self._require_up()
        return BrokerClock(now=self.now, is_open=True)

    def poll(self) -> list[BrokerEvent]:
        if self.hold_events or self.down:
            return []
        events, self._queue = self._queue, []
        return events

    # The test's hands.

    def fill(
        self,
        cl_ord_id: str,
        qty: str | Decimal,
        price: str | Decimal,
        *,
        times: int = 1,
        silent: bool = False,
        commission: str | None = "0",
    ) -> Fill:
        """Execute part of an order, also a terminal one; told `times` times, or not at all."""
        order = self.orders[cl_ord_id]
        fill = Fill(
            exec_key=f"X{len(self.executions) + 1}",
            cl_ord_id=cl_ord_id,
            broker_order_id=order.broker_order_id,
            symbol=order.symbol,
            side=order.side,
            qty=Decimal(qty),
            price=Decimal(price),
            ts=self.now,
            commission=None if commission is None else Decimal(commission),
        )
        self.executions.append(fill)
        self.cash -= fill.side.sign * fill.qty * fill.price + (fill.commission or 0)
        cum = order.cum_qty + fill.qty
        status = order.ord_status
        if status not in TERMINAL:
            status = OrdStatus.FILLED if cum >= order.qty else OrdStatus.PARTIALLY_FILLED
        self.orders[cl_ord_id] = replace(
            order, cum_qty=cum, avg_px=fill.price, ord_status=status, updated_at=self.now
        )
        if not silent:
            for _ in range(times):
                self.tell(fill, self.orders[cl_ord_id])
        return fill

    def status(
        self, cl_ord_id: str, status: OrdStatus, reason: str = "", *, silent: bool = False
    ) -> OrderSnapshot:
        """Put an order into a status, as the broker may of itself."""
        order = replace(
            self.orders[cl_ord_id], ord_status=status, reason=reason, updated_at=self.now
        )
        self.orders[cl_ord_id] = order
        if not silent:
            self.tell(order)
        return order

    def expire(self, cl_ord_id: str) -> OrderSnapshot:
        """Let an order expire."""
        return self.status(cl_ord_id, OrdStatus.EXPIRED, "session_over")

    def tell(self, *events: BrokerEvent) -> None:
        """Queue any events: stale statuses, duplicates, fills of orders nobody knows."""
        self._queue.extend(events)

    def gap(self, reason: str = "stream lost") -> None:
        """Queue a Gap."""
        self.tell(Gap(since=self.now, reason=reason))

    def reorder(self, order: Iterable[int]) -> None:
        """Rearrange the queued events by their present positions; positions left out are lost."""
        self._queue = [self._queue[position] for position in order]

    def add_foreign(self, request: OrderRequest) -> OrderSnapshot:
        """Put an order of somebody else into the account."""
        return self._accept(request)

    def count(self, op: str) -> int:
        """How many requests of a kind reached the broker."""
        return sum(call.op == op for call in self.calls)

    # Within.

    def _take(self, request: OrderRequest, replaces: str) -> OrderSnapshot:
        if self.drop_next:
            self.drop_next -= 1
            self._lose(request)
        lost, self.lose_next = self.lose_next > 0, max(0, self.lose_next - 1)
        if self.reject_next:
            code, text = self.reject_next.pop(0)
            self._refuse(request, code, text, lost=lost)
        if replaces:
            self.status(replaces, OrdStatus.REPLACED, f"by {request.cl_ord_id}")
        snapshot = self._accept(request)
        if lost:
            self._lose(request)
        return snapshot

    def _accept(
        self, request: OrderRequest, status: OrdStatus = OrdStatus.NEW, reason: str = ""
    ) -> OrderSnapshot:
        snapshot = OrderSnapshot(
            cl_ord_id=request.cl_ord_id,
            broker_order_id=f"B{len(self.orders) + 1}",
            symbol=request.symbol,
            side=Side(request.side),
            qty=request.qty,
            cum_qty=Decimal(0),
            avg_px=None,
            ord_status=status,
            updated_at=self.now,
            reason=reason,
        )
        self.orders[request.cl_ord_id] = snapshot
        self.requests[request.cl_ord_id] = request
        self.tell(snapshot)
        return snapshot

    def _refuse(self, request: OrderRequest, code: str, text: str, *, lost: bool = False) -> None:
        self._accept(request, OrdStatus.REJECTED, f"{code}: {text}")
        if lost:
            self._lose(request)
        raise OrderRejected(code, text)

    @staticmethod
    def _lose(request: OrderRequest) -> None:
        msg = f"no answer to order {request.cl_ord_id}"
        raise OutcomeUnknown(msg)

    def _require_up(self) -> None:
        if self.down:
            msg = "the broker cannot be reached"
            raise Unavailable(msg)

    def _last_price(self, symbol: str) -> Decimal:
        return next(fill.price for fill in reversed(self.executions) if fill.symbol == symbol)
