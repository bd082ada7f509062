"""Start is recovery: replay the journal, ask the broker, and only then accept signals (FAULTS §3).

A session that begins has an empty journal and a broker without orders of ours; one that was cut off
has both. The path is the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.core.events import OrderIntent, Reconciled, RiskModeChanged
from rigd.core.ids import is_kill_order
from rigd.core.lifecycle import RiskMode
from rigd.core.money import ZERO, plain, price_from_float
from rigd.core.orders import OrdType, Purpose
from rigd.core.values import Direction, ExitReason
from rigd.engine import sending

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from rigd.core.orders import OrderSnapshot
    from rigd.engine.desk import Desk
    from rigd.engine.orders import Order

KILL_NOTE = "rigd_kill"
"""The note on a close that `rigd kill` sent; it becomes the trade's error code."""


async def settle_unanswered(desk: Desk) -> list[Order]:
    """Ask for every order of which the journal has an intent and no answer.

    An order that the broker knows is adopted. One that it does not show stays in doubt where a
    look-up is not authoritative, and so does every one about which it does not answer.

    Parameters
    ----------
    desk
        The session's desk.

    Returns
    -------
    list of Order
        The orders that certainly never arrived: the process died between the durable intent and
        the send. They may be sent, for the first time on the broker's record, once the broker's
        view and ours have been reconciled.
    """
    unsent = []
    for order in desk.orders.unanswered():
        found = await sending.look_up(desk, order)
        if found or not order.working or order.in_doubt:
            continue
        if found is False and desk.broker.capabilities.authoritative_lookup:
            unsent.append(order)
        else:
            desk.recorder.record(desk.orders.doubt_about(order, "no answer on record"))
    return unsent


async def reconcile(
    desk: Desk, reason: str, opening_cash: Decimal, unsent: frozenset[int] = frozenset()
) -> Reconciled:
    """Compare our view with the broker's and record the outcome.

    Fills that we miss are booked; orders that are not ours are reported and left alone; a
    difference that fills do not explain stops new risk until a later pass agrees.

    Parameters
    ----------
    desk
        The session's desk.
    reason
        Why now: ``start``, ``resume``, ``gap``, ``end``.
    opening_cash
        The broker's cash when the session began [currency].
    unsent
        Identities of the orders that were never sent, which the broker cannot know.

    Returns
    -------
    Reconciled
        The recorded outcome.
    """
    missing = 0
    sending.halt_for_fills(desk)
    fills = await desk.broker.fills(desk.day.open)
    await _adopt_kill(desk, dict.fromkeys(fill.cl_ord_id for fill in fills))
    for fill in fills:
        missing += sending.take_fill(desk, fill) is not None
    await sending.drain(desk)
    sending.record_closed(desk)
    foreign, known = [], set()
    open_orders = await desk.broker.open_orders()
    await _adopt_kill(desk, [snapshot.cl_ord_id for snapshot in open_orders])
    for snapshot in open_orders:
        if snapshot.cl_ord_id not in desk.orders:
            foreign.append(f"{snapshot.broker_order_id} {snapshot.side} {snapshot.symbol}")
            continue
        known.add(snapshot.cl_ord_id)
        update = desk.orders.update_for(snapshot, "reconcile")
        if update is not None:
            desk.recorder.record(update)
    ghosts = await _settle_ghosts(desk, known, unsent)
    outcome = Reconciled(
        reason=reason,
        missing_fills=missing,
        foreign_orders=tuple(foreign),
        ghost_orders=tuple(ghosts),
        position_differences=tuple(await _position_differences(desk)),
        cash_difference=await _cash_difference(desk, opening_cash),
        agreed=False,
    )
    return _record(desk, outcome)


async def _adopt_kill(desk: Desk, ids: Iterable[str]) -> None:
    """Take the closes of `rigd kill` for our orders: they closed our positions.

    They went out while the engine could not act, so no intent stands before them. It is recorded
    now, as it was sent; what they filled is then booked as every other fill.
    """
    for cl_ord_id in ids:
        if is_kill_order(cl_ord_id) and cl_ord_id not in desk.orders:
            snapshot = await desk.broker.find(cl_ord_id)
            if snapshot is not None:
                desk.recorder.record(_intent_of(desk, snapshot), durable=True)


def _intent_of(desk: Desk, snapshot: OrderSnapshot) -> OrderIntent:
    """Return the intent that a kill's close would have had; its strategy is the position's."""
    held = desk.portfolio.positions.get(snapshot.symbol)
    entry = next(
        (order for order in desk.orders.entries if order.intent.symbol == snapshot.symbol), None
    )
    long = snapshot.side.sign < 0
    bars = desk.bars.get(snapshot.symbol)
    price = snapshot.avg_px or (price_from_float(bars[-1].close) if bars else ZERO)
    return OrderIntent(
        cl_ord_id=snapshot.cl_ord_id,
        replaces="",
        strategy=held.strategy if held else entry.intent.strategy if entry else "",
        symbol=snapshot.symbol,
        direction=Direction.LONG if long else Direction.SHORT,
        side=snapshot.side,
        qty=snapshot.qty,
        ord_type=OrdType.MARKET,
        limit_price=None,
        stop_price=None,
        oco_group="",
        purpose=Purpose.EXIT,
        signal_minute=held.signal_minute if held else entry.intent.signal_minute if entry else 0,
        reference_price=price,
        verdict_id="",
        exit_reason=ExitReason.MANUAL,
        note=KILL_NOTE,
        epoch=desk.epoch,
    )


def _record(desk: Desk, outcome: Reconciled) -> Reconciled:
    agreed = not (outcome.position_differences or outcome.cash_difference or outcome.ghost_orders)
    outcome = replace(outcome, agreed=agreed)
    desk.recorder.record(outcome)
    mode = desk.recorder.facts.risk_mode
    if not agreed:
        sending.suspend(desk, "our books and the broker's differ: no new risk")
    elif mode is RiskMode.REDUCING and desk.entries_allowed and not desk.held_back:
        desk.recorder.record(RiskModeChanged(mode=RiskMode.ACTIVE, reason="reconciled"))
    return outcome


async def _settle_ghosts(desk: Desk, known: set[str], unsent: frozenset[int]) -> list[str]:
    """Orders that we think work and the broker does not list: ask for each by id."""
    ghosts = []
    for order in desk.orders.working():
        if order.intent.cl_ord_id in known or id(order) in unsent:
            continue
        found = await sending.look_up(desk, order)
        if not found and order.working:
            ghosts.append(order.intent.cl_ord_id)
    return ghosts


async def _position_differences(desk: Desk) -> list[str]:
    theirs = {position.symbol: position.qty for position in await desk.broker.positions()}
    ours = {symbol: held.signed_qty for symbol, held in desk.portfolio.positions.items()}
    return [
        f"{symbol}: ours {plain(ours.get(symbol, ZERO))}, broker {plain(theirs.get(symbol, ZERO))}"
        for symbol in sorted(ours.keys() | theirs.keys())
        if ours.get(symbol, ZERO) != theirs.get(symbol, ZERO)
    ]


async def _cash_difference(desk: Desk, opening_cash: Decimal) -> Decimal:
    account = await desk.broker.account()
    return account.cash - (opening_cash + desk.portfolio.cash_flow)
