"""Ask a service no more often than it allows, measured on the clock that was handed in."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.ports import ControlClock


class Quota(NamedTuple):
    """At most `calls` in any span of `seconds`; Finnhub has 30 a second and 60 a minute."""

    calls: int
    seconds: float


class RateLimit:
    """Several quotas at once, each over a sliding span of monotonic time.

    Parameters
    ----------
    quotas
        What the service allows; none for no limit.
    clock
        The control clock.

    Raises
    ------
    ConfigError
        If a quota allows nothing or has no span.
    """

    __slots__ = ("_clock", "_past", "waited_s")

    def __init__(self, quotas: Sequence[Quota], clock: ControlClock) -> None:
        for quota in quotas:
            if quota.calls < 1 or not quota.seconds > 0:
                msg = f"a quota must allow 1 call or more in a span above 0 s, was {quota}"
                raise ConfigError(msg)
        self._clock = clock
        self._past = [(quota, deque[float](maxlen=quota.calls)) for quota in quotas]
        self.waited_s = 0.0
        """What was waited so far [s]."""

    def wait_s(self) -> float:
        """Return how long the next call must wait now [s]."""
        now = self._clock.monotonic()
        waits = [
            past[0] + quota.seconds - now for quota, past in self._past if len(past) == quota.calls
        ]
        return max(0.0, *waits) if waits else 0.0

    def take(self) -> None:
        """Wait until a call is allowed and count it."""
        wait_s = self.wait_s()
        if wait_s > 0:
            self._clock.sleep(wait_s)
            self.waited_s += wait_s
        now = self._clock.monotonic()
        for _, past in self._past:
            past.append(now)
