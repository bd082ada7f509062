"""How each kind of service is asked again, as one table, and the decorators that do it.

Source: document stability, "Retry Decorators" (INVENTORY N3); BROKERS §6.3 for the waits. Reads and
cancels alone: whatever sends an order is refused here (FAULTS O01).
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial, wraps
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from rigd.core.errors import LogicError
from rigd.net.calls import PATIENCE_S, RETRYABLE, Calls
from rigd.net.rate import RateLimit
from rigd.net.retry import Backoff, retried

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.core.draws import Draws
    from rigd.core.ports import ControlClock
    from rigd.net.breaker import Breaker
    from rigd.net.rate import Quota

_Function = TypeVar("_Function", bound="Callable[..., Any]")


class Service(StrEnum):
    """The kinds of service of document stability."""

    API = "api"
    IBKR = "ibkr"
    SMTP = "smtp"


class Policy(NamedTuple):
    """How a kind of service is asked again.

    `max_retries` are repetitions after the first attempt, `base_delay` the longest first wait and
    `longest_delay` the longest of all [s]; in between they double.
    """

    max_retries: int
    base_delay: float
    longest_delay: float

    def backoff(self, max_retries: int | None = None, base_delay: float | None = None) -> Backoff:
        """Return the waits, with other figures where they are given."""
        first_s = self.base_delay if base_delay is None else base_delay
        return Backoff(
            limit=self.max_retries if max_retries is None else max_retries,
            first_s=first_s,
            longest_s=max(self.longest_delay, first_s),
        )


POLICIES = MappingProxyType({
    Service.API: Policy(max_retries=3, base_delay=0.5, longest_delay=8.0),
    Service.IBKR: Policy(max_retries=3, base_delay=0.25, longest_delay=8.0),
    Service.SMTP: Policy(max_retries=2, base_delay=2.0, longest_delay=30.0),
})
"""One row per kind; API_RETRY_LIMIT replaces `max_retries` where a bot's settings are at hand."""

SENT_ONCE = frozenset({"submit", "replace", "transmit", "send"})
"""Functions that send an order, by name: none of them is ever repeated (FAULTS O01)."""


def policy_of(broker_code: str) -> Policy:
    """Return how a broker's reads are repeated: IBKR's as its own row, all others' as an API's."""
    return POLICIES[Service.IBKR if broker_code == "IBKR" else Service.API]


class Terms(NamedTuple):
    """On what terms a service is asked.

    `clock` measures the waits, `draws` their randomness; `quotas` are what it allows, `breaker`
    leaves it alone while it fails, `patience_s` is the longest single wait [s].
    """

    clock: ControlClock
    draws: Draws
    quotas: Sequence[Quota] = ()
    breaker: Breaker | None = None
    patience_s: float = PATIENCE_S


def retry_call(
    service: Service,
    terms: Terms,
    *,
    max_retries: int | None = None,
    base_delay: float | None = None,
) -> Callable[[_Function], _Function]:
    """Return a decorator that repeats a read or a cancel, plain or a coroutine function.

    Parameters
    ----------
    service
        The row of `POLICIES`.
    terms
        Clock, randomness and what else bounds the calls; a breaker and quotas are for plain
        functions alone.
    max_retries, base_delay
        What differs from the row; `base_delay` in seconds.

    Returns
    -------
    callable
        The decorator.
    """
    backoff = POLICIES[service].backoff(max_retries, base_delay)

    def decorate(function: _Function) -> _Function:
        _require_repeatable(function)
        name = f"{service} {function.__name__}"
        if iscoroutinefunction(function):
            return _repeated_later(function, name, terms, backoff)
        return _repeated(function, name, terms, backoff)

    return decorate


retry_api_call = partial(retry_call, Service.API)
retry_ibkr_call = partial(retry_call, Service.IBKR)
retry_smtp_call = partial(retry_call, Service.SMTP)


def _require_repeatable(function: Callable[..., Any]) -> None:
    if function.__name__ in SENT_ONCE:
        msg = f"what sends an order is sent once and never repeated, was {function.__qualname__}"
        raise LogicError(msg)


def _repeated(function: _Function, name: str, terms: Terms, backoff: Backoff) -> _Function:
    calls = Calls(
        name,
        clock=terms.clock,
        backoff=backoff,
        rate=RateLimit(terms.quotas, terms.clock),
        draws=terms.draws,
        patience_s=terms.patience_s,
        breaker=terms.breaker,
    )

    @wraps(function)
    def asked(*args: object, **named: object) -> object:
        return calls.ask(lambda: function(*args, **named))

    return cast("_Function", asked)


def _repeated_later(function: _Function, name: str, terms: Terms, backoff: Backoff) -> _Function:
    waits = 0

    def fraction() -> float:
        nonlocal waits
        waits += 1
        return terms.draws.uniform(name, waits)

    @wraps(function)
    async def asked(*args: object, **named: object) -> object:
        return await retried(
            lambda: function(*args, **named),
            backoff=backoff,
            clock=terms.clock,
            retryable=RETRYABLE,
            fraction=fraction,
        )

    return cast("_Function", asked)
