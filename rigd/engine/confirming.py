"""Tell of a fill only when it is certain: the order is over and its executions agree.

Source: document stability, "Fill Confirmation" (INVENTORY N8); NOTIFY_ON_FILL and NOTIFY_ON_EXIT of
SPEC §6. A status message alone never makes a message: executions do, and they are on record before.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rigd.core.money import PRICE_STEP, ZERO, money, plain
from rigd.core.orders import ExecType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rigd.core.events import FillRecorded, OrderIntent
    from rigd.engine.desk import Desk
    from rigd.engine.orders import Order

ENTRY = "entry filled"
EXIT = "exit filled"
UNCONFIRMED = "fill not confirmed"


def confirm(desk: Desk) -> None:
    """Raise an alert for each order that is over and filled, once, as the settings ask.

    Parameters
    ----------
    desk
        The session's desk. An order that still works waits; one that ended in part is told with
        what it has. One whose executions do not agree with it is told as unconfirmed, critical.
    """
    asked = {True: desk.settings.notify_on_fill, False: desk.settings.notify_on_exit}
    if not any(asked.values()):
        return
    fills_of: defaultdict[str, list[FillRecorded]] = defaultdict(list)
    for fill in desk.orders.fills():
        fills_of[fill.cl_ord_id].append(fill)
    for order in desk.orders:
        if order.working or not order.cum_qty or not asked[order.is_entry]:
            continue
        fills = fills_of[order.intent.cl_ord_id]
        problems = "; ".join(problems_of(order, fills))
        event = UNCONFIRMED if problems else ENTRY if order.is_entry else EXIT
        text = f"{_told(order.intent, fills)}{problems and ': '}{problems}"
        if (event, text) not in desk.recorder.facts.alerts:
            desk.alerts.raise_alert(event, text, critical=bool(problems))


def problems_of(order: Order, fills: Sequence[FillRecorded]) -> Iterator[str]:
    """Yield what in an order's executions does not agree with it.

    Parameters
    ----------
    order
        One of ours.
    fills
        Every execution of it on record.

    Yields
    ------
    str
        What was expected and what was found.
    """
    intent, total = order.intent, ZERO
    for fill in fills:
        name = f"execution {fill.exec_key}"
        if fill.exec_type is not ExecType.TRADE:
            yield f"{name} is a {fill.exec_type}"
            continue
        if (fill.symbol, fill.side) != (intent.symbol, intent.side):
            yield f"{name} must {intent.side} {intent.symbol}, did {fill.side} {fill.symbol}"
        if not (fill.qty > ZERO and fill.price > ZERO):
            yield f"{name} must have a quantity and a price, has {fill.qty} at {fill.price}"
        elif intent.limit_price is not None:
            worse = (fill.price - intent.limit_price) * intent.side.sign
            if worse >= PRICE_STEP:  # levels have more places than a price on record
                yield f"{name} must keep to {plain(intent.limit_price)}, was {plain(fill.price)}"
        total += fill.qty
    if total != order.cum_qty or total > intent.qty:
        found = f"{plain(total)} executed, {plain(order.cum_qty)} filled"
        yield f"executions must add up within {plain(intent.qty)}, found {found}"


def _told(intent: OrderIntent, fills: Sequence[FillRecorded]) -> str:
    """Return order, quantity, average price and count of its executions."""
    trades = [fill for fill in fills if fill.exec_type is ExecType.TRADE]
    qty = sum((fill.qty for fill in trades), ZERO)
    paid = sum((fill.qty * fill.price for fill in trades), ZERO)
    average = plain(money(paid / qty)) if qty else "no price"
    return (
        f"{intent.strategy}: {intent.side} {plain(qty)} {intent.symbol} at {average}"
        f" ({len(trades)} executions, order {intent.cl_ord_id})"
    )
