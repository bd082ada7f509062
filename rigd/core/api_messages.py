"""What passes between us and a broker, one message each way, for the audit (document 015)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rigd.core.clock import require_utc


class ApiKind(StrEnum):
    """Which way a message went."""

    REQUEST = "api_request"
    RESPONSE = "api_response"
    EVENT = "api_event"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiMessage:
    """One message of the broker's API.

    Parameters
    ----------
    at
        Market time at which it was sent or came in, UTC.
    kind
        Which way it went; an event comes unasked.
    call
        Name of the method of the port; ``poll`` for events.
    number
        Number of the call within the run, the same for request and response; 0 for events.
    body
        What was sent or answered, a value of the port; an error where the broker refused or failed.
    """

    at: datetime
    kind: ApiKind
    call: str
    number: int
    body: object

    def __post_init__(self) -> None:
        require_utc(self.at)
