"""The one way from the engine to the broker: reads and cancels are repeated, orders never.

It keeps count of what the watchdog wants to know: since when the broker has not answered, and
whether the repetitions were used up. Then its breaker is open: the watchdog lets no new risk in,
while reads, cancels and exits still go out, each once (BROKERS §6.3). Whatever passes, each
repetition too, is in its trail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import (
    BrokerError,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from rigd.engine.api_trail import ApiTrail
from rigd.net.breaker import Breaker, Patience, State
from rigd.net.policies import policy_of
from rigd.net.retry import Backoff, retried

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from rigd.core.draws import Draws
    from rigd.core.orders import (
        Account,
        BrokerClock,
        BrokerEvent,
        BrokerPosition,
        CancelAck,
        Capabilities,
        Fill,
        OrderRequest,
        OrderSnapshot,
    )
    from rigd.core.ports import Broker, Clock, ControlClock
    from rigd.core.values import SelfCheck

_T = TypeVar("_T")

_USED_UP = Patience(failures=1, rest_s=0.0)
"""One call whose repetitions were used up opens the breaker; every call after it is a trial."""

_SILENT = (Unavailable, OutcomeUnknown, RateLimited)
"""What says that no answer came; every other answer, a refusal too, shows that the broker lives."""


class BrokerLine:
    """A broker with its line watched; implements `core.ports.Broker`.

    Parameters
    ----------
    broker
        The adapter.
    market
        The clock by which an outage is measured.
    control
        The clock on which a repetition waits.
    retry_limit
        API_RETRY_LIMIT: how often a read or a cancel is repeated. While the broker has not
        answered since, nothing is repeated again.
    draws
        Keyed randomness, by which each wait is drawn below its bound; None waits the bounds.
    trail
        Where the messages are kept; without one the line has its own.
    """

    def __init__(
        self,
        broker: Broker,
        market: Clock,
        control: ControlClock,
        retry_limit: int,
        draws: Draws | None = None,
        trail: ApiTrail | None = None,
    ) -> None:
        self.trail = ApiTrail() if trail is None else trail
        self._broker = broker
        self._market = market
        self._control = control
        self._draws = draws
        self._waits = 0
        self._policy = policy_of(broker.name)
        self._backoff = self._policy.backoff(retry_limit)
        self._once = Backoff(limit=0)
        self.breaker = Breaker(broker.name, control, _USED_UP)
        self.failing_since: datetime | None = None
        self.failures = 0

    @property
    def exhausted(self) -> bool:
        """Whether the repetitions were used up and the broker has not answered since."""
        return self.breaker.state is not State.CLOSED

    def set_retry_limit(self, retry_limit: int) -> None:
        """Replace API_RETRY_LIMIT, from the next call on."""
        self._backoff = self._policy.backoff(retry_limit)

    @property
    def adapter(self) -> Broker:
        """The broker itself, for those that measure it."""
        return self._broker

    @property
    def name(self) -> str:
        """The broker's code."""
        return self._broker.name

    @property
    def capabilities(self) -> Capabilities:
        """What the broker can do."""
        return self._broker.capabilities

    async def connect(self) -> None:
        """Open the connection."""
        await self._follow("connect", {}, self._broker.connect())

    async def close(self) -> None:
        """Close it."""
        await self._follow("close", {}, self._broker.close())

    async def self_check(self) -> SelfCheck:
        """Check credentials, account and clock."""
        return await self._follow("self_check", {}, self._broker.self_check())

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Send an order: exactly one attempt on the wire."""
        return await self._send("submit", {"order": request}, self._broker.submit(request))

    async def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Replace a working order: exactly one attempt on the wire."""
        body = {"cl_ord_id": cl_ord_id, "order": new}
        return await self._send("replace", body, self._broker.replace(cl_ord_id, new))

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        """Ask to cancel an order; asked again when no answer came."""
        body = {"cl_ord_id": cl_ord_id}
        return await self._ask("cancel", body, lambda: self._broker.cancel(cl_ord_id))

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Look an order up by our id."""
        body = {"cl_ord_id": cl_ord_id}
        return await self._ask("find", body, lambda: self._broker.find(cl_ord_id))

    async def open_orders(self) -> list[OrderSnapshot]:
        """Return every working order of the account."""
        return await self._ask("open_orders", {}, self._broker.open_orders)

    async def fills(self, since: datetime) -> list[Fill]:
        """Return every execution at or after `since`."""
        return await self._ask("fills", {"since": since}, lambda: self._broker.fills(since))

    async def positions(self) -> list[BrokerPosition]:
        """Return the broker's positions."""
        return await self._ask("positions", {}, self._broker.positions)

    async def account(self) -> Account:
        """Return the broker's count of the money."""
        return await self._ask("account", {}, self._broker.account)

    async def clock(self) -> BrokerClock:
        """Return the broker's time."""
        return await self._ask("clock", {}, self._broker.clock)

    def poll(self) -> list[BrokerEvent]:
        """Return and forget the events that arrived."""
        events = self._broker.poll()
        self.trail.hear(events, self._market)
        return events

    async def _follow(self, call: str, body: Mapping[str, object], answer: Awaitable[_T]) -> _T:
        return await self.trail.follow(call, body, self._market, answer)

    async def _send(
        self, call: str, body: Mapping[str, object], sent: Awaitable[OrderSnapshot]
    ) -> OrderSnapshot:
        try:
            snapshot = await self._follow(call, body, sent)
        except OrderRejected:
            self._answered()
            raise
        except BrokerError as error:
            self._note(error)
            raise
        self._answered()
        return snapshot

    async def _ask(
        self, call: str, body: Mapping[str, object], ask: Callable[[], Awaitable[_T]]
    ) -> _T:
        try:
            answer = await retried(
                lambda: self._follow(call, body, ask()),
                backoff=self._once if self.exhausted else self._backoff,
                clock=self._control,
                retryable=_SILENT,
                failed=self._note,
                fraction=self._fraction,
            )
        except _SILENT:
            self.breaker.failed()
            raise
        self._answered()
        return answer

    def _fraction(self) -> float:
        if self._draws is None:
            return 1.0
        self._waits += 1
        return self._draws.uniform(self.name, "retry", self._waits)

    def _answered(self) -> None:
        if self.failing_since is not None:
            self.failing_since = None
            self.failures = 0
            self.breaker.answered()

    def _note(self, error: BaseException) -> None:
        if isinstance(error, _SILENT):
            self.failures += 1
            if self.failing_since is None:
                self.failing_since = self._market.now()
