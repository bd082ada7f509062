"""Repeat a request that failed, with growing waits on the clock that was handed in.

For reads and cancels alone: an order is sent once (FAULTS §3.3). The libraries for this wait on a
clock of their own; a simulated day must be repeatable (SPEC §10), so this is a small one of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import ConfigError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rigd.core.ports import ControlClock

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often, and after which waits.

    Parameters
    ----------
    limit
        Repetitions after the first attempt (API_RETRY_LIMIT); 0 for none.
    first_s, factor, longest_s
        The first wait [seconds], what each next one is multiplied by, and the longest [seconds].

    Raises
    ------
    ConfigError
        If the limit is negative, a wait is not positive or the waits would not grow.
    """

    limit: int
    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 8.0

    def __post_init__(self) -> None:
        if self.limit < 0 or not 0.0 < self.first_s <= self.longest_s or not self.factor > 1.0:
            msg = f"a backoff needs a limit of 0 or more and growing waits, was {self}"
            raise ConfigError(msg)

    def wait_s(self, attempt: int) -> float:
        """Return the wait after a failed attempt, counted from 0 [seconds]."""
        return min(self.longest_s, self.first_s * self.factor**attempt)


async def retried(
    ask: Callable[[], Awaitable[_T]],
    *,
    backoff: Backoff,
    clock: ControlClock,
    retryable: tuple[type[BaseException], ...],
    failed: Callable[[BaseException], None] = lambda _: None,
    fraction: Callable[[], float] = lambda: 1.0,
) -> _T:
    """Ask until there is an answer, at most ``1 + backoff.limit`` times.

    Parameters
    ----------
    ask
        Makes one attempt.
    backoff
        How often, and after which waits.
    clock
        What the waits are measured on.
    retryable
        The errors after which asking again is safe; any other one ends it at once.
    failed
        Told of each retryable error.
    fraction
        Returns how much of the next wait is waited, from 0 to 1: a keyed draw for full jitter, so
        that many bots do not come back in step.

    Returns
    -------
    object
        The first answer.

    Raises
    ------
    Exception
        The last error, when the limit is reached.
    """
    attempt = 0
    while True:
        try:
            return await ask()
        except retryable as error:
            failed(error)
            if attempt >= backoff.limit:
                raise
            wait_s = backoff.wait_s(attempt) * fraction()
            if isinstance(error, RateLimited):
                asked_s = (error.retry_at - clock.now()).total_seconds()
                wait_s = min(max(wait_s, asked_s), backoff.longest_s)
        await clock.wait(wait_s)
        attempt += 1
