"""The order machine: what we know of every order, folded from the journal (BROKERS §6.2).

Quantities come from fills alone. A status message may never reopen a terminal order, complete an
order without executions or lower what was filled. An unknown outcome is a flag, not a status, and
counts at full size until the broker's own evidence ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.errors import LogicError
from rigd.core.events import CancelIntent, FillRecorded, OrderIntent, OrderUpdated
from rigd.core.money import ZERO, notional
from rigd.core.orders import (
    TERMINAL,
    ExecType,
    Fill,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    Purpose,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rigd.core.events import Record

_OPEN = frozenset({
    OrdStatus.PENDING_NEW,
    OrdStatus.NEW,
    OrdStatus.PARTIALLY_FILLED,
    OrdStatus.FILLED,
})
"""Statuses that executions alone decide between, once the order was acknowledged."""


@dataclass(slots=True)
class Order:
    """One of our orders as the journal tells it.

    `missed_at` is this process's first look-up that did not find it, by the broker's clock, UTC.
    """

    intent: OrderIntent
    status: OrdStatus = OrdStatus.PENDING_NEW
    broker_order_id: str = ""
    cum_qty: Decimal = ZERO
    in_doubt: bool = False
    answered: bool = False
    cancel_sent: bool = False
    reason: str = ""
    evidence: str = ""
    missed_at: datetime | None = None

    @property
    def working(self) -> bool:
        """Tell whether the order may still fill, as far as we know."""
        return self.status not in TERMINAL

    @property
    def is_entry(self) -> bool:
        """Tell whether the order opens or grows a position."""
        return self.intent.purpose is Purpose.ENTRY

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill [shares]."""
        return max(ZERO, self.intent.qty - self.cum_qty) if self.working else ZERO

    @property
    def leaves_notional(self) -> Decimal:
        """What may still fill at the reference price [currency]."""
        return notional(self.intent.reference_price, self.leaves_qty)

    def request(self) -> OrderRequest:
        """Return the order as it goes to the broker."""
        intent = self.intent
        return OrderRequest(
            cl_ord_id=intent.cl_ord_id,
            symbol=intent.symbol,
            side=intent.side,
            qty=intent.qty,
            ord_type=intent.ord_type,
            limit_price=intent.limit_price,
            stop_price=intent.stop_price,
            trail_fraction=intent.trail_fraction,
            oco_group=intent.oco_group,
        )


class OrderBook:
    """All orders of a session, in the order in which they were meant."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._working: dict[str, Order] = {}
        self._fills: dict[str, FillRecorded] = {}
        self.entries: list[Order] = []

    def __iter__(self) -> Iterator[Order]:
        """Iterate over all orders, oldest first."""
        return iter(self._orders.values())

    def __contains__(self, cl_ord_id: object) -> bool:
        """Tell whether the journal has an intent of this id."""
        return cl_ord_id in self._orders

    def get(self, cl_ord_id: str) -> Order | None:
        """Return the order of an id, None when it is not ours."""
        return self._orders.get(cl_ord_id)

    def working(self, purpose: Purpose | None = None, symbol: str = "") -> list[Order]:
        """Return the orders that may still fill, narrowed by purpose and symbol."""
        if not self._working:
            return []
        return [
            order
            for order in self._working.values()
            if (purpose is None or order.intent.purpose is purpose)
            and (not symbol or order.intent.symbol == symbol)
        ]

    def of(self, symbol: str) -> list[Order]:
        """Return every order of a symbol, ended ones too, oldest first."""
        return [order for order in self._orders.values() if order.intent.symbol == symbol]

    @property
    def idle(self) -> bool:
        """Tell whether no order may still fill."""
        return not self._working

    def unanswered(self) -> list[Order]:
        """Return the working orders of which no answer is on record: sent or not, nobody knows."""
        return [order for order in self._working.values() if not order.answered]

    def in_doubt(self) -> list[Order]:
        """Return the working orders whose outcome is unknown."""
        return [order for order in self._working.values() if order.in_doubt]

    def fold(self, record: Record) -> None:
        """Take in one journal record; records of other kinds change nothing."""
        if isinstance(record, OrderIntent):
            self._fold_intent(record)
        elif isinstance(record, OrderUpdated):
            self._fold_update(record)
        elif isinstance(record, FillRecorded):
            self._fold_fill(record)
        elif isinstance(record, CancelIntent) and record.cl_ord_id in self._orders:
            self._orders[record.cl_ord_id].cancel_sent = True

    def update_for(self, snapshot: OrderSnapshot, evidence: str) -> OrderUpdated | None:
        """Return the record that a broker's message deserves; None when it tells nothing new.

        Parameters
        ----------
        snapshot
            What the broker says of one order.
        evidence
            How it came: ``ack``, ``event``, ``find``, ``reconcile``.

        Returns
        -------
        OrderUpdated or None
            None for orders that are not ours, stale messages and repetitions.
        """
        order = self._orders.get(snapshot.cl_ord_id)
        if order is None or not order.working:
            return None
        status = self._admissible(order, snapshot)
        unchanged = (status, snapshot.broker_order_id, False) == (
            order.status,
            order.broker_order_id,
            order.in_doubt,
        )
        if unchanged and order.answered:
            return None
        return OrderUpdated(
            cl_ord_id=snapshot.cl_ord_id,
            broker_order_id=snapshot.broker_order_id,
            status=status,
            cum_qty=order.cum_qty,
            in_doubt=False,
            evidence=evidence,
            reason=snapshot.reason,
        )

    def doubt_about(self, order: Order, reason: str) -> OrderUpdated:
        """Return the record of an unknown outcome."""
        return OrderUpdated(
            cl_ord_id=order.intent.cl_ord_id,
            broker_order_id=order.broker_order_id,
            status=order.status,
            cum_qty=order.cum_qty,
            in_doubt=True,
            evidence="no answer",
            reason=reason,
        )

    def rejection_of(self, order: Order, reason: str, evidence: str = "reject") -> OrderUpdated:
        """Return the record of a definitive rejection."""
        return OrderUpdated(
            cl_ord_id=order.intent.cl_ord_id,
            broker_order_id=order.broker_order_id,
            status=OrdStatus.REJECTED,
            cum_qty=order.cum_qty,
            in_doubt=False,
            evidence=evidence,
            reason=reason,
        )

    def fill_for(self, fill: Fill, broker: str, commission: Decimal) -> FillRecorded | None:
        """Return the record of an execution; late fills and overfills are facts too, and marked.

        Parameters
        ----------
        fill
            What the broker reports.
        broker
            The broker's code.
        commission
            [currency].

        Returns
        -------
        FillRecorded or None
            None when it is on record already or not of our orders.
        """
        order = self._orders.get(fill.cl_ord_id)
        if order is None or fill.exec_key in self._fills:
            return None
        anomaly = ""
        if fill.exec_type is ExecType.TRADE:
            if order.cum_qty + fill.qty > order.intent.qty:
                anomaly = "overfill"
            elif not order.working:
                anomaly = "late"
        return FillRecorded(
            broker=broker,
            exec_key=fill.exec_key,
            exec_type=fill.exec_type,
            exec_ref_key=fill.exec_ref_key,
            cl_ord_id=fill.cl_ord_id,
            broker_order_id=fill.broker_order_id,
            strategy=order.intent.strategy,
            symbol=fill.symbol,
            side=fill.side,
            qty=fill.qty,
            price=fill.price,
            commission=commission,
            ts=fill.ts,
            purpose=order.intent.purpose,
            anomaly=anomaly,
        )

    def fills(self) -> Iterable[FillRecorded]:
        """Return every execution on record, oldest first."""
        return self._fills.values()

    def knows(self, exec_key: str) -> bool:
        """Tell whether an execution is on record."""
        return exec_key in self._fills

    def contradicts(self, fill: Fill) -> bool:
        """Tell whether an execution that is on record is told again with other numbers."""
        known = self._fills.get(fill.exec_key)
        return known is not None and (known.cl_ord_id, known.qty, known.price) != (
            fill.cl_ord_id,
            fill.qty,
            fill.price,
        )

    @staticmethod
    def _admissible(order: Order, snapshot: OrderSnapshot) -> OrdStatus:
        """Return the status to record: only executions fill an order, and nothing undoes them."""
        if snapshot.ord_status is OrdStatus.PENDING_NEW:
            return order.status
        if snapshot.ord_status in _OPEN:
            return OrdStatus.PARTIALLY_FILLED if order.cum_qty > 0 else OrdStatus.NEW
        return snapshot.ord_status

    def _fold_intent(self, record: OrderIntent) -> None:
        if record.cl_ord_id in self._orders:
            msg = f"an order must be meant once, was meant twice: {record.cl_ord_id}"
            raise LogicError(msg)
        order = Order(intent=record)
        self._orders[record.cl_ord_id] = self._working[record.cl_ord_id] = order
        if order.is_entry:
            self.entries.append(order)

    def _fold_update(self, record: OrderUpdated) -> None:
        order = self._orders.get(record.cl_ord_id)
        if order is None:
            return
        order.in_doubt = record.in_doubt
        order.answered = order.answered or not record.in_doubt
        order.reason = record.reason or order.reason
        order.broker_order_id = record.broker_order_id or order.broker_order_id
        if order.working:
            order.status = record.status
            order.evidence = record.evidence
        self._note_end(order)

    def _note_end(self, order: Order) -> None:
        if not order.working:
            self._working.pop(order.intent.cl_ord_id, None)

    def _fold_fill(self, record: FillRecorded) -> None:
        self._fills[record.exec_key] = record
        order = self._orders.get(record.cl_ord_id)
        if order is None:
            return
        order.answered = True
        order.in_doubt = False
        order.broker_order_id = record.broker_order_id or order.broker_order_id
        if record.exec_type is not ExecType.TRADE:
            return
        order.cum_qty += record.qty
        if order.cum_qty >= order.intent.qty:
            order.status = OrdStatus.FILLED
        elif order.status in _OPEN:
            order.status = OrdStatus.PARTIALLY_FILLED
        self._note_end(order)
