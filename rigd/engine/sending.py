"""Send, replace and cancel: journal first, one attempt on the wire, the outcome on record.

An answer that never came is not a rejection. The order stays in doubt, counts at full size, and is
looked up by its id; it is never sent a second time while the broker may hold it (SPEC §10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.errors import (
    AuthError,
    BrokerError,
    LogicError,
    NotSupported,
    OrderRejected,
    RateLimited,
    Unavailable,
)
from rigd.core.events import CancelIntent, RiskModeChanged
from rigd.core.lifecycle import RiskMode
from rigd.core.money import ZERO, round_down
from rigd.core.orders import CancelAck, ExecType, Fill, Gap, OrderSnapshot
from rigd.core.redaction import redact
from rigd.engine.confirming import confirm
from rigd.engine.error_handler import captured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.events import FillRecorded, OrderIntent
    from rigd.core.orders import BrokerEvent
    from rigd.engine.desk import Desk
    from rigd.engine.orders import Order

NOT_SENT = "not sent"
"""Evidence of an order that ended without reaching the broker."""

NOT_FOUND = "not found"
"""Evidence of an order that the broker did not show for longer than it takes to show one."""

_HALTING = frozenset({"overfill", *map(str, (ExecType.BUST, ExecType.CORRECT))})

_NOTHING_LEFT = (Unavailable, RateLimited, AuthError, NotSupported)
"""Answers that prove that the order does not exist at the broker."""


async def send(desk: Desk, intent: OrderIntent) -> Order:
    """Journal an intent durably, send it once and record the outcome.

    Parameters
    ----------
    desk
        The session's desk.
    intent
        The order; with `replaces` set it replaces that working order.

    Returns
    -------
    Order
        The order as the journal tells it after the answer.

    Raises
    ------
    LogicError
        If the quantity is none that the broker could take: a defect, refused before the journal
        has it (FAULTS X02).
    """
    _require_quantity(desk, intent)
    desk.recorder.record(intent, durable=True)
    order = desk.orders.get(intent.cl_ord_id)
    assert order is not None  # noqa: S101 - the line above put it there
    await transmit(desk, order)
    return order


def _require_quantity(desk: Desk, intent: OrderIntent) -> None:
    qty, places = intent.qty, desk.broker.capabilities.quantity_decimals
    if not (qty.is_finite() and qty > ZERO and qty == round_down(qty, places)):
        msg = f"a quantity must be positive with at most {places} places, was {qty}"
        raise LogicError(msg)


async def transmit(desk: Desk, order: Order) -> None:
    """Send a journalled order and record the outcome; used by `send` and by recovery alone."""
    desk.fence()
    try:
        if order.intent.replaces:
            snapshot = await desk.broker.replace(order.intent.replaces, order.request())
        else:
            snapshot = await desk.broker.submit(order.request())
    except OrderRejected as error:
        told = redact(f"{error.code}: {error.text}")
        desk.recorder.record(desk.orders.rejection_of(order, told))
    except _NOTHING_LEFT as error:
        told = redact(str(error))
        desk.recorder.record(desk.orders.rejection_of(order, told, evidence=NOT_SENT))
        record_error(desk, error, order.intent.strategy, f"order {order.intent.cl_ord_id}")
    except BrokerError as error:
        desk.recorder.record(desk.orders.doubt_about(order, redact(str(error))))
        record_error(desk, error, order.intent.strategy, f"order {order.intent.cl_ord_id}")
    else:
        update = desk.orders.update_for(snapshot, "ack")
        if update is not None:
            desk.recorder.record(update)
    await drain(desk)


async def cancel(desk: Desk, order: Order, reason: str) -> None:
    """Ask to cancel an order; the journal has the wish before the broker hears it."""
    if not order.cancel_sent:
        desk.recorder.record(CancelIntent(cl_ord_id=order.intent.cl_ord_id, reason=reason))
    desk.fence()
    try:
        answer = await desk.broker.cancel(order.intent.cl_ord_id)
    except BrokerError as error:
        record_error(desk, error, order.intent.strategy, f"cancel {order.intent.cl_ord_id}")
        return
    await drain(desk)
    if answer is not CancelAck.REQUESTED and order.working:
        await look_up(desk, order)


async def drain(desk: Desk) -> None:
    """Record every event that the broker has for us; then closed trades, then what is certain."""
    events = desk.broker.poll()
    if events:
        missing = False
        for event in events:
            if isinstance(event, Fill):
                if event.exec_ref_key and not desk.orders.knows(event.exec_ref_key):
                    missing = True  # it speaks of an execution that has not been told yet
                else:
                    take_fill(desk, event)
            elif isinstance(event, OrderSnapshot):
                _take_snapshot(desk, event)
            elif isinstance(event, Gap):
                desk.gap_seen = missing = True
        if missing or _fills_missing(desk, events):
            await _pull_fills(desk)
    record_closed(desk)
    confirm(desk)


def take_fill(desk: Desk, fill: Fill) -> FillRecorded | None:
    """Record one execution unless it is on record or not of our orders.

    An order that filled for more than it was meant for stops all new risk, and so does an
    execution that the broker takes back or corrects: what we hold is then for a person to settle.

    Parameters
    ----------
    desk
        The session's desk.
    fill
        What the broker reports.

    Returns
    -------
    FillRecorded or None
        The record, None when there was nothing to record.
    """
    commission = fill.commission if fill.commission is not None else ZERO
    if desk.orders.contradicts(fill):
        _flag(desk, fill, "contradicted")
    record = desk.orders.fill_for(fill, desk.broker.name, commission)
    if record is None:
        return None
    desk.recorder.record(record)
    anomaly = _anomaly_of(record)
    if anomaly:
        _flag(desk, fill, anomaly)
    _halt_for(desk, record)
    return record


def halt_for_fills(desk: Desk) -> None:
    """Stop new risk for every execution on record that calls for it.

    A process may die between the record of the execution and that of the halt; the next one calls
    this before it takes any new risk.
    """
    for record in desk.orders.fills():
        _halt_for(desk, record)


def _halt_for(desk: Desk, record: FillRecorded) -> None:
    anomaly = _anomaly_of(record)
    if anomaly in _HALTING:
        halt(desk, f"{anomaly}: {record.qty} {record.symbol} by {record.exec_key}")


def _anomaly_of(record: FillRecorded) -> str:
    if record.anomaly or record.exec_type is ExecType.TRADE:
        return record.anomaly
    return str(record.exec_type)


def halt(desk: Desk, reason: str) -> None:
    """Stop all new risk for the rest of the session."""
    if desk.recorder.facts.risk_mode is not RiskMode.HALTED:
        desk.recorder.record(RiskModeChanged(mode=RiskMode.HALTED, reason=reason))


def suspend(desk: Desk, reason: str) -> None:
    """Stop new risk until a reconciliation agrees; exits go on."""
    if desk.recorder.facts.risk_mode is RiskMode.ACTIVE:
        desk.recorder.record(RiskModeChanged(mode=RiskMode.REDUCING, reason=reason))


def _flag(desk: Desk, fill: Fill, anomaly: str) -> None:
    text = f"fill {fill.exec_key} of {fill.cl_ord_id}: {fill.qty} {fill.symbol} at {fill.price}"
    order = desk.orders.get(fill.cl_ord_id)
    strategy = order.intent.strategy if order else ""
    record_error(desk, BrokerError(f"{anomaly} {text}"), strategy, anomaly)


def _fills_missing(desk: Desk, events: Sequence[BrokerEvent]) -> bool:
    """Tell whether a message speaks of executions that have not been told."""
    for event in events:
        if isinstance(event, OrderSnapshot) and event.cum_qty:
            order = desk.orders.get(event.cl_ord_id)
            if order is not None and order.cum_qty < event.cum_qty:
                return True
    return False


async def _pull_fills(desk: Desk) -> None:
    try:
        fills = await desk.broker.fills(desk.day.open)
    except BrokerError as error:
        desk.gap_seen = True
        record_error(desk, error, "", "fills after a gap")
        return
    for fill in fills:
        take_fill(desk, fill)


def record_closed(desk: Desk) -> None:
    """Record the trades that the last fills closed."""
    for trade in desk.portfolio.take_closed():
        desk.recorder.record(trade)


async def resolve_doubts(desk: Desk) -> None:
    """Look up every order whose outcome is unknown; only the broker's evidence ends the doubt."""
    for order in desk.orders.in_doubt():
        await look_up(desk, order)


async def look_up(desk: Desk, order: Order) -> bool | None:
    """Look one order up by its id and record what the broker says.

    Parameters
    ----------
    desk
        The session's desk.
    order
        A working order of ours.

    Returns
    -------
    bool or None
        Whether the broker knows it; None when it did not answer.
    """
    try:
        snapshot = await desk.broker.find(order.intent.cl_ord_id)
    except BrokerError as error:
        record_error(desk, error, order.intent.strategy, f"look-up {order.intent.cl_ord_id}")
        return None
    if snapshot is not None:
        if snapshot.cum_qty > order.cum_qty:
            await _pull_fills(desk)
        update = desk.orders.update_for(snapshot, "find")
        if update is not None:
            desk.recorder.record(update)
        return True
    if not order.in_doubt:
        return False
    if desk.broker.capabilities.authoritative_lookup:
        reason = "looked up and not found: it never arrived"
        desk.recorder.record(desk.orders.rejection_of(order, reason, evidence=NOT_SENT))
    elif await _is_gone(desk, order):
        reason = f"not found for {desk.broker.capabilities.settle}, nor an execution of it"
        desk.recorder.record(desk.orders.rejection_of(order, reason, evidence=NOT_FOUND))
    return False


async def _is_gone(desk: Desk, order: Order) -> bool:
    """Tell whether an order that was not found never arrived (FAULTS §4.2 O08)."""
    # Two look-ups, further apart than an order may take to show, must have missed it, and the
    # broker's executions and its position in the symbol must agree that nothing of it happened;
    # what others traded in the account is taken out. It is the broker's time that must pass: a
    # session that makes up for minutes that it missed lives through several in no time.
    symbol = order.intent.symbol
    try:
        now = (await desk.broker.clock()).now
        order.missed_at = order.missed_at or now
        if now - order.missed_at < desk.broker.capabilities.settle:
            return False
        fills = await desk.broker.fills(desk.day.open)
        theirs = [p.qty for p in await desk.broker.positions() if p.symbol == symbol]
    except BrokerError as error:
        record_error(desk, error, order.intent.strategy, f"not found {order.intent.cl_ord_id}")
        return False
    of_others = ZERO
    for fill in fills:
        take_fill(desk, fill)
        if fill.cl_ord_id not in desk.orders and fill.symbol == symbol:
            of_others += fill.side.sign * fill.qty
    held = desk.portfolio.positions.get(symbol)
    agreed = sum(theirs, ZERO) == of_others + (held.signed_qty if held else ZERO)
    return order.in_doubt and agreed


def record_error(
    desk: Desk, error: BaseException, strategy: str, context: str, *, fatal: bool = False
) -> None:
    """Record an exception with the seven fields of document 050."""
    desk.recorder.record(captured(error, strategy, desk.broker.name, context, fatal=fatal))


def _take_snapshot(desk: Desk, snapshot: OrderSnapshot) -> None:
    update = desk.orders.update_for(snapshot, "event")
    if update is not None:
        desk.recorder.record(update)
