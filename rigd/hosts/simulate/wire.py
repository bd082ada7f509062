"""The way to the venue: the broker port as the engine sees it, with everything that a wire does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from rigd.core.errors import NotSupported, OutcomeUnknown, ProtocolError, RateLimited, Unavailable
from rigd.core.orders import (
    Account,
    BrokerClock,
    Capabilities,
    Fill,
    Gap,
    OrdType,
)
from rigd.core.values import SelfCheck
from rigd.hosts.simulate.disk import Crash
from rigd.hosts.simulate.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.orders import (
        BrokerEvent,
        BrokerPosition,
        CancelAck,
        OrderRequest,
        OrderSnapshot,
    )
    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.hosts.simulate.swarm import Personality
    from rigd.hosts.simulate.trace import Trace
    from rigd.hosts.simulate.venue import Venue

NAME = "SIM"
ACCOUNT = "RIGD_USA_SIM_01"
SETTLE = timedelta(minutes=3)
"""For how long an order may be on its way or hidden at most; more than what the venue does."""

TICK_S = 0.05
"""How long a request takes [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One order that was put on the wire; whether it arrived is another matter."""

    cl_ord_id: str
    at: float


class Watcher(Protocol):
    """Who wants to know what goes over the wire."""

    def sending(self, request: OrderRequest) -> None:
        """Take note of an order before its first byte leaves."""
        ...


def capabilities(personality: Personality) -> Capabilities:
    """Return what a broker of this personality says of itself."""
    types = {OrdType.MARKET, OrdType.LIMIT} | ({OrdType.STOP} if personality.stops else set())
    return Capabilities(
        idempotent_submit=personality.idempotent,
        native_oco=True,
        native_replace=personality.replaces,
        fractional=False,
        short=True,
        exec_ids=True,
        min_notional=Decimal(1),
        quantity_decimals=0,
        cl_ord_id_max=32,
        ord_types=frozenset(types),
        paper=True,
        authoritative_lookup=personality.authoritative,
        settle=SETTLE,
    )


class ChaosBroker:
    """One client of the venue: implements ``core.ports.Broker``; each process has its own.

    Parameters
    ----------
    venue
        The broker's truth.
    plan
        What goes wrong.
    trace
        Where events are noted.
    watcher
        Told of every order before it leaves.
    may_crash
        Tells whether the process may die here, and counts it.
    tick
        Lets time pass.
    """

    def __init__(
        self,
        venue: Venue,
        plan: FaultPlan,
        trace: Trace,
        watcher: Watcher,
        may_crash: Callable[[Fault], bool],
        tick: Callable[[float], None],
    ) -> None:
        self.name = NAME
        self.capabilities = capabilities(venue.personality)
        self._venue = venue
        self._plan = plan
        self._trace = trace
        self._watcher = watcher
        self._may_crash = may_crash
        self._tick = tick
        self._cursor = 0
        self._dropped_at: datetime | None = None

    async def connect(self) -> None:
        """Listen to the stream from now on."""
        self._cursor = len(self._venue.events)

    async def close(self) -> None:
        """Leave nothing running."""

    async def self_check(self) -> SelfCheck:
        """Answer that the account is there."""
        return SelfCheck(name="broker", passed=True, detail=ACCOUNT)

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Send an order, once."""
        return self._send(request, "")

    async def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Send a replacement, once."""
        if not self.capabilities.native_replace:
            msg = "this broker replaces no orders"
            raise NotSupported(msg)
        return self._send(new, cl_ord_id)

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        """Ask to cancel an order."""
        self._crash_at(Fault.CRASH_BEFORE_SEND)
        self._tick(TICK_S)
        self._refuse("cancel")
        if self._plan.fires(Fault.REQUEST_LOST):
            msg = f"no answer to the cancel of {cl_ord_id}"
            raise OutcomeUnknown(msg)
        answer = self._venue.cancel(cl_ord_id)
        self._trace.add("cancel", f"{cl_ord_id} {answer}")
        self._crash_at(Fault.CRASH_AFTER_SEND)
        self._lose(f"cancel of {cl_ord_id}")
        return answer

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Look an order up."""
        self._ask("find")
        found = self._venue.find(cl_ord_id)
        self._trace.add("find", f"{cl_ord_id} {found.ord_status if found else None}")
        return found

    async def open_orders(self) -> list[OrderSnapshot]:
        """Return the working orders."""
        self._ask("open orders")
        return self._venue.open_orders()

    async def fills(self, since: datetime) -> list[Fill]:
        """Return the executions at or after an instant."""
        self._ask("fills")
        return self._venue.executions(since)

    async def positions(self) -> list[BrokerPosition]:
        """Return the positions."""
        self._ask("positions")
        return self._venue.held()

    async def account(self) -> Account:
        """Return the money."""
        self._ask("account")
        equity = self._venue.equity()
        return Account(
            account_id=ACCOUNT,
            currency="USD",
            cash=self._venue.cash,
            equity=equity,
            buying_power=equity,
        )

    async def clock(self) -> BrokerClock:
        """Return the broker's time."""
        return BrokerClock(now=self._venue.now, is_open=not self._venue.ended)

    def poll(self) -> list[BrokerEvent]:
        """Return what the stream told since the last call: twice, mixed up, or not at all."""
        venue, plan = self._venue, self._plan
        if self._dropped_at is not None:
            gap = Gap(since=self._dropped_at, reason="the stream was cut")
            self._dropped_at, self._cursor = None, len(venue.events)
            return [gap]
        told = venue.events[self._cursor :]
        if not told:
            return []
        if plan.fires(Fault.STREAM_DROP):
            self._dropped_at = venue.now
            return []
        if plan.fires(Fault.STREAM_REPLAY):
            told = list(venue.events)
        self._cursor = len(venue.events)
        if plan.has(Fault.EVENT_TWICE):
            told = [event for one in told for event in self._doubled(one)]
        if len(told) > 1 and plan.fires(Fault.EVENTS_REORDERED):
            turn = 1 + plan.pick("turn", len(told) - 1)
            told = [*told[turn:], *told[:turn]][:: 1 if plan.pick("back", 2) else -1]
        return told

    def _doubled(self, event: BrokerEvent) -> list[BrokerEvent]:
        return [event, event] if self._plan.fires(Fault.EVENT_TWICE) else [event]

    def _send(self, request: OrderRequest, replaces: str) -> OrderSnapshot:
        self._crash_at(Fault.CRASH_BEFORE_SEND)
        self._tick(TICK_S)
        if request.ord_type not in self.capabilities.ord_types:
            msg = f"this broker takes no {request.ord_type} orders"
            raise NotSupported(msg)
        self._refuse("order")
        self._watcher.sending(request)
        what = f"order {request.cl_ord_id}"
        if self._plan.fires(Fault.REQUEST_LOST):
            self._trace.add("lost", what)
            self._crash_at(Fault.CRASH_AFTER_SEND)
            msg = f"no answer to {what}"
            raise OutcomeUnknown(msg)
        delayed = not (self._venue.personality.authoritative or replaces)
        if delayed and self._plan.fires(Fault.DELAYED):
            self._venue.submit_later(request)
            self._trace.add("delayed", what)
            msg = f"no answer to {what} in time"
            raise OutcomeUnknown(msg)
        try:
            snapshot = self._venue.submit(request, replaces)
        finally:
            self._crash_at(Fault.CRASH_AFTER_SEND)
            self._lose(what)
        return snapshot

    def _refuse(self, what: str) -> None:
        """Raise when the request does not get in."""
        if self._plan.fires(Fault.NO_CONNECTION):
            msg = f"no connection for an {what}"
            raise Unavailable(msg)
        if self._plan.fires(Fault.RATE_LIMITED):
            raise RateLimited(self._venue.now + timedelta(seconds=1))

    def _lose(self, what: str) -> None:
        """Raise when the answer does not get back."""
        for fault, error in (
            (Fault.REPLY_LOST, OutcomeUnknown),
            (Fault.GATEWAY_TIMEOUT, OutcomeUnknown),
            (Fault.GARBAGE, ProtocolError),
        ):
            if self._plan.fires(fault):
                msg = f"{fault}: {what}"
                raise error(msg)

    def _ask(self, what: str) -> None:
        self._tick(TICK_S)
        if self._plan.fires(Fault.READ_FAILS):
            msg = f"no answer to {what}"
            raise Unavailable(msg)

    def _crash_at(self, fault: Fault) -> None:
        if self._may_crash(fault):
            raise Crash
