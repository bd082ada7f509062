"""Time: the market clock drives trading, the control clock drives flags, leases and heartbeats.

Every instant is an aware datetime in UTC. Nothing else in rigd asks the machine for the time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from rigd.core.errors import LogicError


def require_utc(instant: datetime) -> datetime:
    """Return `instant`, or raise LogicError when it is naive or not in UTC."""
    if instant.tzinfo is None or instant.utcoffset() != timedelta(0):
        msg = f"an instant must be aware and in UTC, was {instant!r}"
        raise LogicError(msg)
    return instant


def iso(instant: datetime) -> str:
    """Return an instant as ISO 8601 with ``Z``, to the microsecond when it has one."""
    return require_utc(instant).replace(tzinfo=None).isoformat() + "Z"


def from_iso(text: str) -> datetime:
    """Return the instant that an ISO 8601 text with ``Z`` or an offset names, in UTC."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        msg = f"an instant must carry its zone, was {text!r}"
        raise LogicError(msg)
    return instant.astimezone(UTC)


class SystemClock:
    """The control clock of a real process."""

    def now(self) -> datetime:
        """Return the wall time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)

    async def wait(self, seconds: float) -> None:
        """Suspend the calling coroutine."""
        import asyncio  # noqa: PLC0415 - half of the import time of core; only sessions wait

        await asyncio.sleep(seconds)


class MarketClock:
    """Exchange time, moved by the feed; it never goes back.

    Parameters
    ----------
    start
        The first instant, UTC.
    """

    __slots__ = ("_now",)

    def __init__(self, start: datetime) -> None:
        self._now = require_utc(start)

    def now(self) -> datetime:
        """Return the exchange time, UTC."""
        return self._now

    def advance(self, instant: datetime) -> None:
        """Move to a later instant; one that lies before now raises LogicError."""
        if require_utc(instant) < self._now:
            msg = f"market time must not go back, was {self._now} and then {instant}"
            raise LogicError(msg)
        self._now = instant
