"""Compare working orders and positions with the broker's word while the session runs (SPEC §10).

Every OPEN_ORDER_CHECK_S and POSITION_CHECK_S of market time, at the start of a minute, while an
order works or something is held; every reconciliation compares too. What agrees leaves no record.
What differs counts as a gap, so that the session reconciles: at once where the broker's view is
current, else when it differs for longer than that view may lag.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rigd.core.errors import BrokerError
from rigd.core.money import ZERO
from rigd.engine import sending

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from rigd.engine.desk import Desk


class Comparison:
    """When what is compared next, and what differed the last time.

    Parameters
    ----------
    desk
        The session's desk.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._orders_at: datetime | None = None
        self._positions_at: datetime | None = None
        self._since: dict[str, tuple[Decimal, datetime]] = {}

    async def look(self) -> None:
        """Compare what is due; a difference sets the desk's `gap_seen`."""
        desk = self._desk
        if desk.gap_seen or (desk.orders.idle and desk.portfolio.flat):
            return
        settings = desk.settings
        try:
            if not desk.orders.idle and self._is_due(self._orders_at, settings.open_order_check_s):
                self._orders_at = desk.clock.now()
                await self._compare_orders()
            if self._is_due(self._positions_at, settings.position_check_s):
                self._positions_at = desk.clock.now()
                await self._compare_positions()
        except BrokerError as error:
            desk.gap_seen = True
            sending.record_error(desk, error, "", "comparison with the broker")

    def _is_due(self, last: datetime | None, interval_s: float) -> bool:
        return last is None or self._desk.clock.now() - last >= timedelta(seconds=interval_s)

    async def _compare_orders(self) -> None:
        """Require that every order that works is open at the broker, filled as far as we know."""
        desk = self._desk
        theirs = {order.cl_ord_id: order.cum_qty for order in await desk.broker.open_orders()}
        await sending.drain(desk)
        for order in desk.orders.working():
            name = order.intent.cl_ord_id
            differs = theirs[name] - order.cum_qty if name in theirs else -order.intent.qty
            self._judge(f"order {name}", ZERO if order.in_doubt else differs)

    async def _compare_positions(self) -> None:
        """Require that what the broker says is held is what our fills make."""
        desk = self._desk
        theirs = {position.symbol: position.qty for position in await desk.broker.positions()}
        await sending.drain(desk)
        ours = {symbol: held.signed_qty for symbol, held in desk.portfolio.positions.items()}
        for symbol in sorted(ours.keys() | theirs.keys()):
            self._judge(symbol, theirs.get(symbol, ZERO) - ours.get(symbol, ZERO))

    def _judge(self, what: str, difference: Decimal) -> None:
        """Take a difference for a gap when it is no lag of the broker's view."""
        if not difference:
            self._since.pop(what, None)
            return
        now, known = self._desk.clock.now(), self._since.get(what)
        if known is None or known[0] != difference:
            known = self._since[what] = (difference, now)
        capabilities = self._desk.broker.capabilities
        if capabilities.authoritative_lookup or now - known[1] >= capabilities.settle:
            self._since.pop(what)
            self._desk.gap_seen = True
