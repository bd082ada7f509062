"""Orders as a person watches them, from the journal of the session that runs or ran last."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.events import Entry, OrderIntent, OrderUpdated
from rigd.core.orders import OrdStatus
from rigd.reporting.equity import effective_fills

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MEANT = "intent"
"""The status of an order of which the broker has not answered yet."""


class OrderLine(NamedTuple):
    """An order with its newest status; quantities [shares], prices [currency/share]."""

    at: datetime
    cl_ord_id: str
    strategy: str
    symbol: str
    side: str
    kind: str
    purpose: str
    qty: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: str
    in_doubt: bool
    reason: str


def order_lines(entries: Iterable[Entry]) -> list[OrderLine]:
    """Return every order of a session, newest first.

    Parameters
    ----------
    entries
        The journal.

    Returns
    -------
    list of OrderLine
        One per order that was meant.
    """
    known = list(entries)
    fills: dict[str, Decimal] = {}
    for fill in effective_fills(known):
        fills[fill.cl_ord_id] = fills.get(fill.cl_ord_id, Decimal(0)) + fill.qty
    found: dict[str, OrderLine] = {}
    for entry in known:
        record = entry.record
        if isinstance(record, OrderIntent):
            found[record.cl_ord_id] = OrderLine(
                at=entry.at,
                cl_ord_id=record.cl_ord_id,
                strategy=record.strategy,
                symbol=record.symbol,
                side=record.side.value,
                kind=record.ord_type.value,
                purpose=record.purpose.value,
                qty=record.qty,
                filled=Decimal(0),
                limit_price=record.limit_price,
                stop_price=record.stop_price,
                status=MEANT,
                in_doubt=False,
                reason=record.exit_reason.value if record.exit_reason else "",
            )
        elif isinstance(record, OrderUpdated) and record.cl_ord_id in found:
            found[record.cl_ord_id] = found[record.cl_ord_id]._replace(
                status=record.status.value,
                in_doubt=record.in_doubt,
                reason=record.reason or found[record.cl_ord_id].reason,
            )
    return [_with_fills(line, fills.get(line.cl_ord_id)) for line in reversed(found.values())]


def _with_fills(line: OrderLine, filled: Decimal | None) -> OrderLine:
    """Return an order with its executions, which end it when they reach its quantity."""
    if filled is None:
        return line
    whole = filled >= line.qty
    status = OrdStatus.FILLED if whole else OrdStatus.PARTIALLY_FILLED
    over = whole or line.status in {MEANT, OrdStatus.NEW, OrdStatus.PENDING_NEW}
    return line._replace(filled=filled, status=status.value if over else line.status)
