"""Ask one service: within its rate, again after a failure with growing random waits, counted.

A service that keeps failing is left alone for a while, where a breaker was handed in.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import NetworkError, RateLimited, RigdError, Unavailable
from rigd.net.breaker import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.draws import Draws
    from rigd.core.ports import ControlClock
    from rigd.net.breaker import Breaker
    from rigd.net.rate import RateLimit
    from rigd.net.retry import Backoff

_T = TypeVar("_T")

RETRYABLE = (NetworkError, RateLimited, Unavailable)
"""The errors after which asking again may help; for reads alone (BROKERS §6.3)."""

PATIENCE_S = 900.0
"""The longest single wait for a service [s]."""


class Calls:
    """The calls to one service. Never for an order: an order is sent once (FAULTS §3.3).

    The wait after a failure is drawn from zero to the backoff's (full jitter), so that many bots do
    not come back in step; a service that says when to come back is believed.

    A wait beyond `patience_s`, such as for tomorrow's quota, is not waited: another source may do.

    Parameters
    ----------
    service
        Its name, which keys the draws.
    clock
        What waits are measured on.
    backoff
        How often to ask again, and the longest waits.
    rate
        What the service allows.
    draws
        Keyed randomness: the same seed waits the same times.
    patience_s
        The longest single wait [s].
    breaker
        Leaves the service alone while it keeps failing; None for none.
    """

    __slots__ = (
        "_backoff",
        "_breaker",
        "_clock",
        "_draws",
        "_patience_s",
        "_rate",
        "asked",
        "failed",
        "service",
    )

    def __init__(
        self,
        service: str,
        *,
        clock: ControlClock,
        backoff: Backoff,
        rate: RateLimit,
        draws: Draws,
        patience_s: float = PATIENCE_S,
        breaker: Breaker | None = None,
    ) -> None:
        self.service = service
        self._breaker = breaker
        self._clock = clock
        self._backoff = backoff
        self._rate = rate
        self._draws = draws
        self._patience_s = patience_s
        self.asked = 0
        """Attempts so far."""
        self.failed = 0
        """Attempts that failed in a retryable way."""

    def ask(self, request: Callable[[], _T]) -> _T:
        """Return the answer of a request, asked at most ``1 + backoff.limit`` times.

        Parameters
        ----------
        request
            Makes one attempt.

        Returns
        -------
        object
            Its answer.

        Raises
        ------
        RigdError
            The last error of `RETRYABLE` when the limit or the patience is reached or the breaker
            opens, any other one at once; NetworkError while the breaker is open.
        """
        attempt = 0
        while True:
            self._require_quota()
            if self._breaker is not None:
                self._breaker.admit()
            self._rate.take()
            self.asked += 1
            try:
                return self._attempt(request)
            except RETRYABLE as error:
                self.failed += 1
                wait_s = self._wait_s(attempt, error)
                opened = self._breaker is not None and self._breaker.state is State.OPEN
                if attempt >= self._backoff.limit or wait_s > self._patience_s or opened:
                    raise
                self._clock.sleep(wait_s)
            attempt += 1

    def _attempt(self, request: Callable[[], _T]) -> _T:
        """Make one attempt and tell the breaker of it: a refusal is an answer, silence is none."""
        if self._breaker is None:
            return request()
        answered = False
        try:
            answer = request()
            answered = True
        except RETRYABLE:
            raise
        except RigdError:
            answered = True
            raise
        finally:
            if answered:
                self._breaker.answered()
            else:
                self._breaker.failed()
        return answer

    def _require_quota(self) -> None:
        wait_s = self._rate.wait_s()
        if wait_s > self._patience_s:
            raise RateLimited(self._clock.now() + timedelta(seconds=wait_s))

    def _wait_s(self, attempt: int, error: Exception) -> float:
        drawn_s = self._backoff.wait_s(attempt) * self._draws.uniform(self.service, self.asked)
        if isinstance(error, RateLimited):
            return max(drawn_s, (error.retry_at - self._clock.now()).total_seconds())
        return drawn_s
