"""What the simulated exchange knows: a fold over the changes in its log.

The exchange decides, the book keeps. Every change passes through `Book.take`, when it happens and
when the log is read again, so that a restart ends in the same state by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rigd.broker.wire import pack, unpack
from rigd.core.clock import from_iso, iso
from rigd.core.errors import DataError
from rigd.core.money import PRICE_STEP, ZERO, money, notional, price_from_float
from rigd.core.orders import (
    TERMINAL,
    BrokerEvent,
    BrokerPosition,
    Fill,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTaken:
    """An order came in: accepted with status NEW, or refused with status REJECTED."""

    request: OrderRequest
    broker_order_id: str
    status: OrdStatus
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """An order reached a status without a fill; `reason` says why."""

    cl_ord_id: str
    status: OrdStatus
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """A cancel was refused and the order lives on."""

    cl_ord_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An order filled, in part or in full; `ts` is the start of the bar."""

    exec_key: str
    cl_ord_id: str
    qty: Decimal
    price: Decimal
    commission: Decimal
    ts: datetime
    synthetic: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailed:
    """A trailing stop moved to a new level [currency/share]."""

    cl_ord_id: str
    level: Decimal


Change = OrderTaken | StatusChanged | CancelRefused | Executed | Trailed


@dataclass(slots=True)
class Order:
    """One order of the exchange, in its present state."""

    request: OrderRequest
    broker_order_id: str
    status: OrdStatus
    updated_at: datetime
    reason: str = ""
    cum_qty: Decimal = ZERO
    traded: Decimal = ZERO
    parts: int = 0
    refused_cancels: int = 0
    trailed: Decimal | None = None

    @property
    def level(self) -> Decimal | None:
        """Where a resident order rests now [currency/share]; None for a market order."""
        return self.trailed if self.trailed is not None else level_of(self.request)

    @property
    def leaves_qty(self) -> Decimal:
        """What is still to fill [shares]."""
        return self.request.qty - self.cum_qty

    def snapshot(self) -> OrderSnapshot:
        """Return the order as the broker tells it."""
        average = (self.traded / self.cum_qty).quantize(PRICE_STEP) if self.cum_qty else None
        return OrderSnapshot(
            cl_ord_id=self.request.cl_ord_id,
            broker_order_id=self.broker_order_id,
            symbol=self.request.symbol,
            side=self.request.side,
            qty=self.request.qty,
            cum_qty=self.cum_qty,
            avg_px=average,
            ord_status=self.status,
            updated_at=self.updated_at,
            reason=self.reason,
        )


@dataclass(slots=True)
class Holding:
    """One open position; negative when short. `cost` is what its shares brought in or took."""

    qty: Decimal
    cost: Decimal

    @property
    def avg_px(self) -> Decimal:
        """The average price of what is held [currency/share]."""
        return (self.cost / abs(self.qty)).quantize(PRICE_STEP)


class Book:
    """Orders, fills, positions and cash of one account.

    Parameters
    ----------
    cash
        The cash of the account before its first session [currency].
    """

    __slots__ = ("cash", "events", "fills", "holdings", "marks", "orders", "taken", "working")

    def __init__(self, cash: Decimal) -> None:
        self.cash = cash
        self.orders: dict[str, Order] = {}
        self.working: dict[str, Order] = {}
        self.holdings: dict[str, Holding] = {}
        self.marks: dict[str, float] = {}
        self.fills: list[Fill] = []
        self.events: list[BrokerEvent] = []
        self.taken = 0

    def held(self, symbol: str) -> Decimal:
        """Return the position in a symbol, negative when short [shares]."""
        holding = self.holdings.get(symbol)
        return holding.qty if holding else ZERO

    def positions(self) -> list[BrokerPosition]:
        """Return the open positions by symbol."""
        return [
            BrokerPosition(symbol=symbol, qty=holding.qty, avg_px=holding.avg_px)
            for symbol, holding in sorted(self.holdings.items())
        ]

    def group(self, name: str) -> list[Order]:
        """Return the working orders of a group in order of acceptance; none for a blank name."""
        if not name:
            return []
        return [order for order in self.working.values() if order.request.oco_group == name]

    def working_in(self, symbol: str) -> list[Order]:
        """Return the working orders in a symbol in order of acceptance."""
        return [order for order in self.working.values() if order.request.symbol == symbol]

    def mark(self, symbol: str) -> Decimal | None:
        """Return the last price that was seen of a symbol [currency/share]."""
        mark = self.marks.get(symbol)
        return None if mark is None else price_from_float(mark)

    def equity(self) -> Decimal:
        """Return cash and positions at their marks [currency]."""
        held = self.holdings.items()
        return money(self.cash + sum((h.qty * (self.mark(s) or h.avg_px) for s, h in held), ZERO))

    def take(self, change: Change, at: datetime) -> None:
        """Take in one change that happened at an instant of exchange time."""
        if isinstance(change, OrderTaken):
            self._take_order(change, at)
        elif isinstance(change, Executed):
            self._take_fill(change)
        elif isinstance(change, StatusChanged):
            order = self.orders[change.cl_ord_id]
            order.status, order.reason, order.updated_at = change.status, change.reason, at
            self._tell(order)
        elif isinstance(change, Trailed):
            self.orders[change.cl_ord_id].trailed = change.level
        else:
            self.orders[change.cl_ord_id].refused_cancels += 1

    def _take_order(self, change: OrderTaken, at: datetime) -> None:
        self.taken += 1
        order = Order(
            request=change.request,
            broker_order_id=change.broker_order_id,
            status=change.status,
            updated_at=at,
            reason=change.reason,
        )
        self.orders[change.request.cl_ord_id] = order
        if change.status not in TERMINAL:
            self.working[change.request.cl_ord_id] = order
        self._tell(order)

    def _take_fill(self, change: Executed) -> None:
        order = self.orders[change.cl_ord_id]
        request = order.request
        fill = Fill(
            exec_key=change.exec_key,
            cl_ord_id=change.cl_ord_id,
            broker_order_id=order.broker_order_id,
            symbol=request.symbol,
            side=request.side,
            qty=change.qty,
            price=change.price,
            ts=change.ts,
            commission=change.commission,
            synthetic=change.synthetic,
        )
        traded = notional(change.price, change.qty)
        self.cash -= request.side.sign * traded + change.commission
        self._hold(request.symbol, request.side.sign * change.qty, traded)
        self.fills.append(fill)
        self.events.append(fill)
        order.cum_qty += change.qty
        order.traded += traded
        order.parts += 1
        order.updated_at = change.ts
        order.reason = change.reason
        full = order.cum_qty >= request.qty
        order.status = OrdStatus.FILLED if full else OrdStatus.PARTIALLY_FILLED
        self._tell(order)

    def _hold(self, symbol: str, signed: Decimal, traded: Decimal) -> None:
        held = self.holdings.get(symbol)
        if held is None:
            self.holdings[symbol] = Holding(signed, traded)
        elif (held.qty > 0) == (signed > 0):
            held.qty += signed
            held.cost += traded
        elif abs(signed) < abs(held.qty):
            held.cost -= money(held.cost * abs(signed) / abs(held.qty))
            held.qty += signed
        elif held.qty + signed == 0:
            del self.holdings[symbol]
        else:
            msg = f"a fill must not turn a position round, held {held.qty} {symbol}, got {signed}"
            raise DataError(msg)

    def _tell(self, order: Order) -> None:
        if order.status in TERMINAL:
            self.working.pop(order.request.cl_ord_id, None)
        self.events.append(order.snapshot())


def level_of(request: OrderRequest) -> Decimal | None:
    """Return the level at which a resident order is placed; None for a market order."""
    return request.stop_price if request.stop_price is not None else request.limit_price


def pack_change(change: Change) -> dict[str, Any]:
    """Return a change as the JSON object that the exchange's log holds."""
    if isinstance(change, OrderTaken):
        return {
            "is": "taken",
            "request": pack(change.request),
            "broker_order_id": change.broker_order_id,
            "status": change.status.value,
            "reason": change.reason,
        }
    if isinstance(change, Executed):
        return {
            "is": "executed",
            "exec_key": change.exec_key,
            "cl_ord_id": change.cl_ord_id,
            "qty": str(change.qty),
            "price": str(change.price),
            "commission": str(change.commission),
            "ts": iso(change.ts),
            "synthetic": change.synthetic,
            "reason": change.reason,
        }
    if isinstance(change, StatusChanged):
        return {
            "is": "status",
            "cl_ord_id": change.cl_ord_id,
            "status": change.status.value,
            "reason": change.reason,
        }
    if isinstance(change, Trailed):
        return {"is": "trailed", "cl_ord_id": change.cl_ord_id, "level": str(change.level)}
    return {"is": "cancel_refused", "cl_ord_id": change.cl_ord_id}


def unpack_change(packed: dict[str, Any]) -> Change:
    """Return the change that `pack_change` took apart, or raise DataError."""
    kind = packed.get("is")
    if kind == "taken":
        request = unpack(packed["request"])
        if isinstance(request, OrderRequest):
            return OrderTaken(
                request=request,
                broker_order_id=packed["broker_order_id"],
                status=OrdStatus(packed["status"]),
                reason=packed["reason"],
            )
    if kind == "executed":
        return Executed(
            exec_key=packed["exec_key"],
            cl_ord_id=packed["cl_ord_id"],
            qty=Decimal(packed["qty"]),
            price=Decimal(packed["price"]),
            commission=Decimal(packed["commission"]),
            ts=from_iso(packed["ts"]),
            synthetic=packed["synthetic"],
            reason=packed["reason"],
        )
    if kind == "status":
        return StatusChanged(
            cl_ord_id=packed["cl_ord_id"],
            status=OrdStatus(packed["status"]),
            reason=packed["reason"],
        )
    if kind == "trailed":
        return Trailed(cl_ord_id=packed["cl_ord_id"], level=Decimal(packed["level"]))
    if kind == "cancel_refused":
        return CancelRefused(cl_ord_id=packed["cl_ord_id"])
    msg = f"a change of the exchange's log must be of a known kind, was {packed!r}"
    raise DataError(msg)
