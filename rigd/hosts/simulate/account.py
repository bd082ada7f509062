"""What a journal says, added up by the simplest means: the oracle's own book of orders and fills.

It reads records and nothing else, and shares no code with the order machine or the portfolio.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.events import (
    CommandObeyed,
    ErrorCaptured,
    FillRecorded,
    OrderIntent,
    OrderUpdated,
    Reconciled,
    RiskModeChanged,
    RiskTripped,
    SessionClosed,
    SessionStarted,
    SettingsChanged,
    StateChanged,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.money import ZERO, money
from rigd.core.orders import ExecType, OrdStatus, Purpose

if TYPE_CHECKING:
    from rigd.core.events import Entry, Record

ENDED = frozenset({
    OrdStatus.FILLED,
    OrdStatus.CANCELED,
    OrdStatus.REPLACED,
    OrdStatus.REJECTED,
    OrdStatus.EXPIRED,
})

_ALIVE = (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.SUSPENDED)

EDGES = frozenset(
    {(OrdStatus.PENDING_NEW, to) for to in (*_ALIVE, *ENDED)}
    | {(OrdStatus.NEW, to) for to in (OrdStatus.PARTIALLY_FILLED, OrdStatus.SUSPENDED, *ENDED)}
    | {(OrdStatus.PARTIALLY_FILLED, to) for to in (OrdStatus.SUSPENDED, *ENDED)}
    | {(OrdStatus.SUSPENDED, to) for to in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, *ENDED)}
    | {(frm, OrdStatus.FILLED) for frm in ENDED - {OrdStatus.FILLED}}
)
"""The order machine's table (BROKERS §6.2); an ended order is left by late fills alone."""

SELDOM = frozenset({
    (OrdStatus.SUSPENDED, OrdStatus.REPLACED),
    (OrdStatus.SUSPENDED, OrdStatus.REJECTED),
    (OrdStatus.PARTIALLY_FILLED, OrdStatus.REPLACED),
    *(
        (OrdStatus.PENDING_NEW, status)
        for status in (
            OrdStatus.CANCELED,
            OrdStatus.EXPIRED,
            OrdStatus.REPLACED,
            OrdStatus.SUSPENDED,
        )
    ),
})
"""Legal edges that need the answer and every event until then lost, or events in the wrong order:
not asked of a suite."""


EVIDENCE = ("ack", "event", "find", "reconcile", "not sent", "not found")
"""What may end an unknown outcome, beside an execution (I-06)."""


GIVEN_UP = ("not sent", "not found")
"""Evidence that an order is not at the broker and never will be."""


@dataclass(slots=True)
class Meant:
    """One order of ours as the records tell it."""

    intent: OrderIntent
    seq: int
    status: OrdStatus = OrdStatus.PENDING_NEW
    filled: Decimal = ZERO
    in_doubt: bool = False
    answered: bool = False
    not_sent: bool = False
    overfilled: bool = False

    @property
    def open(self) -> bool:
        """Tell whether it may still fill, as far as the records say."""
        return self.status not in ENDED

    @property
    def entry(self) -> bool:
        """Tell whether it increases risk."""
        return self.intent.purpose is Purpose.ENTRY


@dataclass(slots=True)
class Account:
    """The records of one session, added up."""

    orders: dict[str, Meant] = field(default_factory=dict)
    fills: dict[str, FillRecorded] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)
    cash: Decimal = ZERO
    undone: bool = False
    started: SessionStarted | None = None
    settings: dict[str, str] = field(default_factory=dict)
    """The settings in force, as the records tell them."""
    config_digest: str = ""
    session_cap: Decimal = ZERO
    state: BotState = BotState.INITIALIZE
    mode: RiskMode = RiskMode.ACTIVE
    tripped: RiskTripped | None = None
    commands: list[CommandObeyed] = field(default_factory=list)
    fatal: bool = False
    disagreed: bool = False
    reconciled: Reconciled | None = None
    closed: SessionClosed | None = None
    edges: set[tuple[OrdStatus, OrdStatus]] = field(default_factory=set)
    resolved: list[str] = field(default_factory=list)
    """By which evidence unknown outcomes ended, oldest first."""
    faults: list[str] = field(default_factory=list)
    """What the records say that no record may say (I-05, I-06)."""

    def take(self, entry: Entry) -> None:
        """Take in one record."""
        record = entry.record
        if isinstance(record, OrderIntent):
            if record.cl_ord_id in self.orders:
                self.faults.append(f"I-02 meant twice: {record.cl_ord_id}")
            self.orders[record.cl_ord_id] = Meant(record, entry.seq)
        elif isinstance(record, OrderUpdated):
            self._update(record)
        elif isinstance(record, FillRecorded):
            self._fill(record)
        else:
            self._note(record)

    def net(self, symbol: str) -> Decimal:
        """Return what our executions in a symbol net to [shares]."""
        return self.positions.get(symbol, ZERO)

    def _note(self, record: Record) -> None:
        if isinstance(record, SessionStarted):
            self.started = record
            self.settings = dict(record.settings)
            self.config_digest, self.session_cap = record.config_digest, record.session_cap
        elif isinstance(record, SettingsChanged):
            self.settings |= {key: after for key, _, after in record.changes}
            self.config_digest, self.session_cap = record.config_digest, record.session_cap
        elif isinstance(record, StateChanged):
            self.state = record.state
        elif isinstance(record, RiskModeChanged):
            self.mode = record.mode
        elif isinstance(record, RiskTripped):
            self.tripped = record
        elif isinstance(record, CommandObeyed):
            self.commands.append(record)
        elif isinstance(record, Reconciled):
            self.reconciled = record
            self.disagreed = self.disagreed or not record.agreed
        elif isinstance(record, SessionClosed):
            self.closed = record
        elif isinstance(record, ErrorCaptured):
            self.fatal = self.fatal or record.fatal

    def _update(self, record: OrderUpdated) -> None:
        order = self.orders.get(record.cl_ord_id)
        if order is None:
            self.faults.append(f"I-05 an update of no intent: {record.cl_ord_id}")
            return
        if record.status is not order.status:
            self._step(order, record.status)
            if order.status in ENDED:
                self.faults.append(f"I-05 {record.cl_ord_id} left {order.status} by an update")
            order.status = record.status
        if order.in_doubt and not record.in_doubt:
            self.resolved.append(record.evidence)
            if record.evidence not in EVIDENCE:
                self.faults.append(f"I-06 {record.cl_ord_id}: doubt ended by {record.evidence!r}")
        if record.in_doubt and record.status is not OrdStatus.PENDING_NEW and not order.filled:
            self.faults.append(f"I-06 {record.cl_ord_id}: in doubt and {record.status}")
        order.in_doubt = record.in_doubt
        order.answered = order.answered or not record.in_doubt
        order.not_sent = order.not_sent or (
            record.status is OrdStatus.REJECTED and record.evidence in GIVEN_UP
        )

    def _fill(self, record: FillRecorded) -> None:
        if record.exec_key in self.fills:
            self.faults.append(f"I-05 execution {record.exec_key} recorded twice")
            return
        self.fills[record.exec_key] = record
        order = self.orders.get(record.cl_ord_id)
        if order is None:
            self.faults.append(f"I-04 an execution of no intent: {record.cl_ord_id}")
            return
        if order.in_doubt:
            self.resolved.append("fill")
        order.in_doubt, order.answered = False, True
        if record.exec_type is not ExecType.TRADE:
            self._undo(record)
            return
        self._move(record, 1)
        order.filled += record.qty
        over = order.filled > order.intent.qty
        if over and record.anomaly != "overfill":
            self.faults.append(f"I-05 {record.cl_ord_id} overfilled without a word")
        order.overfilled = order.overfilled or over
        status = order.status
        if order.filled >= order.intent.qty:
            status = OrdStatus.FILLED
        elif order.open:
            status = OrdStatus.PARTIALLY_FILLED
        if status is not order.status:
            self._step(order, status)
            order.status = status

    def _undo(self, record: FillRecorded) -> None:
        self.undone = True
        told = self.fills.get(record.exec_ref_key)
        if told is None:
            self.faults.append(f"I-04 {record.exec_key} refers to {record.exec_ref_key}, unknown")
            return
        self._move(told, -1)
        if record.exec_type is ExecType.CORRECT:
            self._move(record, 1)

    def _move(self, fill: FillRecorded, way: int) -> None:
        signed = fill.side.sign * fill.qty * way
        self.positions[fill.symbol] = self.positions.get(fill.symbol, ZERO) + signed
        if not self.positions[fill.symbol]:
            del self.positions[fill.symbol]
        self.cash -= money(fill.price * fill.qty) * fill.side.sign * way + fill.commission * way

    def _step(self, order: Meant, status: OrdStatus) -> None:
        edge = (order.status, status)
        self.edges.add(edge)
        if edge not in EDGES:
            self.faults.append(f"I-05 {order.intent.cl_ord_id}: {edge[0]} to {edge[1]}")
