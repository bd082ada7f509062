"""The simulated broker as the engine sees it: the port of `core.ports` over a link."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.broker.simulated.admission import CL_ORD_ID_MAX, MIN_NOTIONAL, ord_types
from rigd.core.errors import AuthError, BrokerError, NotSupported, Unavailable
from rigd.core.money import ORDER_QUANTITY_DECIMALS
from rigd.core.orders import Capabilities, Gap, TimeInForce
from rigd.core.values import SelfCheck

if TYPE_CHECKING:
    from datetime import datetime

    from rigd.broker.links import Link
    from rigd.core.orders import (
        Account,
        BrokerClock,
        BrokerEvent,
        BrokerPosition,
        CancelAck,
        Fill,
        OrderRequest,
        OrderSnapshot,
    )

CAPABILITIES = Capabilities(
    idempotent_submit=True,
    native_oco=True,
    native_replace=True,
    fractional=True,
    short=True,
    exec_ids=True,
    min_notional=Decimal(MIN_NOTIONAL),
    quantity_decimals=ORDER_QUANTITY_DECIMALS,
    cl_ord_id_max=CL_ORD_ID_MAX,
    ord_types=ord_types(native_trailing=False),
    paper=True,
    authoritative_lookup=True,
)
"""What the simulated exchange can do. A look-up is authoritative: requests are served in order."""


class SimBroker:
    """The adapter of the simulated exchange.

    Parameters
    ----------
    link
        The way to the exchange: in this process, or over a loopback socket.
    account_id
        The account that is expected there.
    name
        The broker's code, as it stands in trades and logs.
    native_trailing
        Whether the exchange has trailing stops of its own.
    """

    def __init__(
        self, link: Link, account_id: str, name: str = "SIM", *, native_trailing: bool = False
    ) -> None:
        self.name = name
        self.capabilities = replace(
            CAPABILITIES,
            ord_types=ord_types(native_trailing=native_trailing),
            native_trailing=native_trailing,
        )
        self._link = link
        self._account_id = account_id
        self._cursor = -1
        self._lost = False

    async def connect(self) -> None:
        """Open the link and check the account; events are told from this moment on.

        Raises
        ------
        AuthError
            If the account at the other end is not the expected one.
        Unavailable
            If the exchange cannot be reached.
        """
        self._link.open()
        found = self._link.account().account_id
        if found != self._account_id:
            self._link.close()
            msg = f"the broker's account must be {self._account_id}, was {found}"
            raise AuthError(msg)
        _, self._cursor = self._link.events(-1)

    async def close(self) -> None:
        """Close the link; nothing is left running."""
        self._link.close()

    async def self_check(self) -> SelfCheck:
        """Check that the exchange answers and holds the expected account; places no order."""
        try:
            self._link.open()
            account = self._link.account()
        except BrokerError as error:
            return SelfCheck(name="broker", passed=False, detail=error.message)
        passed = account.account_id == self._account_id
        detail = f"{self.name} account {account.account_id}, cash {account.cash} {account.currency}"
        if not passed:
            detail += f"; expected account {self._account_id}"
        return SelfCheck(name="broker", passed=passed, detail=detail)

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Send an order: exactly one attempt on the wire; raises NotSupported before sending."""
        self._require_supported(request)
        return self._link.submit(request)

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        """Ask to cancel an order; the cancellation itself comes as an event."""
        return self._link.cancel(cl_ord_id)

    async def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Replace a working order by a new one with its own id; returns the new one."""
        self._require_supported(new)
        return self._link.replace(cl_ord_id, new)

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Look an order up by our id; refused orders are found too."""
        return self._link.find(cl_ord_id)

    async def open_orders(self) -> list[OrderSnapshot]:
        """Return every working order of the account, also those of others."""
        return self._link.open_orders()

    async def fills(self, since: datetime) -> list[Fill]:
        """Return every execution at or after `since`, in the broker's order."""
        return self._link.fills(since)

    async def positions(self) -> list[BrokerPosition]:
        """Return the broker's positions."""
        return self._link.positions()

    async def account(self) -> Account:
        """Return the broker's count of the money."""
        return self._link.account()

    async def clock(self) -> BrokerClock:
        """Return the exchange's time."""
        return self._link.clock()

    def poll(self) -> list[BrokerEvent]:
        """Return and forget the events that arrived since the last call, in order.

        Returns
        -------
        list of BrokerEvent
            Nothing while the exchange cannot be reached; the first answer after that begins with a
            Gap, though no event is lost: the exchange numbers them.
        """
        try:
            events, cursor = self._link.events(self._cursor)
            if self._lost:
                events = [Gap(since=self._link.clock().now, reason="the link was lost"), *events]
        except Unavailable:
            self._lost = True
            return []
        self._lost, self._cursor = False, cursor
        return events

    def _require_supported(self, request: OrderRequest) -> None:
        taken = self.capabilities.ord_types
        if request.ord_type not in taken:
            msg = f"the simulated broker takes {sorted(taken)} orders, was {request.ord_type}"
            raise NotSupported(msg)
        if request.contract is not None:
            msg = f"the simulated broker has no options, was {request.contract.occ_symbol}"
            raise NotSupported(msg)
        if request.tif is not TimeInForce.DAY:
            msg = f"the simulated broker takes day orders, was {request.tif}"
            raise NotSupported(msg)
