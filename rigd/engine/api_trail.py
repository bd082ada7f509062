"""Every request to the broker, every answer and every event, until they are written (L35).

The trail only keeps what passed: nothing is encoded or written between a bar and its order. The
host takes the messages after each minute and hands them to `rigd.reporting.broker_api`. What a
killed process had not handed over yet is not in that log; the journal then knows each order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rigd.core.api_messages import ApiKind, ApiMessage
from rigd.core.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from rigd.core.orders import BrokerEvent
    from rigd.core.ports import Clock

_T = TypeVar("_T")


class ApiTrail:
    """The messages that were not taken yet, oldest first."""

    __slots__ = ("_calls", "_messages")

    def __init__(self) -> None:
        self._messages: list[ApiMessage] = []
        self._calls = 0

    async def follow(
        self, call: str, body: Mapping[str, object], clock: Clock, answer: Awaitable[_T]
    ) -> _T:
        """Make one attempt of a call and keep request and response.

        Parameters
        ----------
        call
            Name of the method.
        body
            Its arguments by name.
        clock
            Market time.
        answer
            The attempt, not begun yet.

        Returns
        -------
        object
            The answer.

        Raises
        ------
        BrokerError
            The broker's own error; it is kept as the response.
        """
        self._calls += 1
        number = self._calls
        self._keep(ApiKind.REQUEST, call, number, clock, body)
        try:
            answered = await answer
        except BrokerError as error:
            self._keep(ApiKind.RESPONSE, call, number, clock, error)
            raise
        self._keep(ApiKind.RESPONSE, call, number, clock, answered)
        return answered

    def hear(self, events: Iterable[BrokerEvent], clock: Clock) -> None:
        """Keep what the broker told unasked."""
        for event in events:
            self._keep(ApiKind.EVENT, "poll", 0, clock, event)

    def take(self) -> list[ApiMessage]:
        """Return and forget what passed since the last time."""
        taken, self._messages = self._messages, []
        return taken

    def _keep(self, kind: ApiKind, call: str, number: int, clock: Clock, body: object) -> None:
        self._messages.append(
            ApiMessage(at=clock.now(), kind=kind, call=call, number=number, body=body)
        )
