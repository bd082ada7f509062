"""The account's way with its record: what `rigd kill` asks, and what the broker answers (L35).

The kill does not load the engine, so it keeps its own trail, and hands it to `broker_api.log` when
it owns the bot. A log that cannot be written stops no kill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rigd.core.api_messages import ApiKind, ApiMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from datetime import datetime

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
    from rigd.core.ports import Broker, Clock
    from rigd.core.values import BotIdentity, Profile, SelfCheck
    from rigd.reporting.outputs import Outputs

_T = TypeVar("_T")

SESSION = "kill"
"""What stands in the rows for the session's name."""


class KillTrail:
    """The messages that were not written yet, oldest first.

    Parameters
    ----------
    clock
        The control clock, by which they are stamped.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: list[ApiMessage] = []
        self._calls = 0

    def follows(self, broker: Broker) -> Broker:
        """Return the broker with every call of its port kept here."""
        return _Followed(broker, self)

    async def follow(self, call: str, body: Mapping[str, object], answer: Awaitable[_T]) -> _T:
        """Make one call and keep request and response; an error is kept and raised."""
        self._calls += 1
        self._keep(ApiKind.REQUEST, call, body)
        try:
            answered = await answer
        except Exception as error:
            self._keep(ApiKind.RESPONSE, call, error)
            raise
        self._keep(ApiKind.RESPONSE, call, answered)
        return answered

    def write(
        self, outputs: Outputs, bot: BotIdentity, profile: Profile, *, test_mode: bool
    ) -> None:
        """Append what passed since the last time to ``broker_api.log``, in the form that it has.

        Parameters
        ----------
        outputs
            The door to the standing files.
        bot, profile, test_mode
            Whose account it is.

        Raises
        ------
        StorageError
            If the disk refuses; what was not written is kept.
        """
        from rigd.config.choices import LogFormat  # noqa: PLC0415 - no log delays a cancel
        from rigd.reporting import broker_api  # noqa: PLC0415 - as above

        is_csv = outputs.read(broker_api.NAME)[:1] not in {b"", b"{"}
        session = broker_api.ApiSession(
            key=SESSION,
            bot=bot,
            profile=profile,
            test_mode=test_mode,
            log_format=LogFormat.CSV if is_csv else LogFormat.JSON,
        )
        log = broker_api.BrokerApiLog(outputs, session, names=(broker_api.NAME,))
        while self._messages:
            log.write(self._messages[:1])
            del self._messages[0]

    def _keep(self, kind: ApiKind, call: str, body: object) -> None:
        self._messages.append(
            ApiMessage(at=self._clock.now(), kind=kind, call=call, number=self._calls, body=body)
        )


class _Followed:
    """A broker whose every call is kept; implements `core.ports.Broker`."""

    def __init__(self, broker: Broker, trail: KillTrail) -> None:
        self._broker = broker
        self._trail = trail

    @property
    def name(self) -> str:
        return self._broker.name

    @property
    def capabilities(self) -> Capabilities:
        return self._broker.capabilities

    async def connect(self) -> None:
        await self._trail.follow("connect", {}, self._broker.connect())

    async def close(self) -> None:
        await self._trail.follow("close", {}, self._broker.close())

    async def self_check(self) -> SelfCheck:
        return await self._trail.follow("self_check", {}, self._broker.self_check())

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        return await self._trail.follow("submit", {"order": request}, self._broker.submit(request))

    async def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        body = {"cl_ord_id": cl_ord_id, "order": new}
        return await self._trail.follow("replace", body, self._broker.replace(cl_ord_id, new))

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        body = {"cl_ord_id": cl_ord_id}
        return await self._trail.follow("cancel", body, self._broker.cancel(cl_ord_id))

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        body = {"cl_ord_id": cl_ord_id}
        return await self._trail.follow("find", body, self._broker.find(cl_ord_id))

    async def open_orders(self) -> list[OrderSnapshot]:
        return await self._trail.follow("open_orders", {}, self._broker.open_orders())

    async def fills(self, since: datetime) -> list[Fill]:
        return await self._trail.follow("fills", {"since": since}, self._broker.fills(since))

    async def positions(self) -> list[BrokerPosition]:
        return await self._trail.follow("positions", {}, self._broker.positions())

    async def account(self) -> Account:
        return await self._trail.follow("account", {}, self._broker.account())

    async def clock(self) -> BrokerClock:
        return await self._trail.follow("clock", {}, self._broker.clock())

    def poll(self) -> list[BrokerEvent]:
        return self._broker.poll()
