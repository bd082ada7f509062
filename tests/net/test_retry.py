"""Retry with growing waits on the given clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rigd.core.errors import ConfigError, OrderRejected, RateLimited, Unavailable
from rigd.net.retry import Backoff, retried
from tests.fakes.clock import FakeClock


class Line:
    """Fails as often as it is told, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def ask(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def run(line: Line, clock: FakeClock, limit: int = 3, **more: object) -> str:
    """Ask with the default waits."""
    return asyncio.run(
        retried(
            line.ask,
            backoff=Backoff(limit=limit),
            clock=clock,
            retryable=(Unavailable, RateLimited),
            **more,
        )
    )


def down(count: int) -> list[Unavailable]:
    return [Unavailable("down") for _ in range(count)]


def test_the_waits_grow_and_the_count_is_the_limit() -> None:
    """X19: 0.5, 1 and 2 s between four attempts, then the last error goes up."""
    clock, line, seen = FakeClock(), Line(*down(9)), []
    with pytest.raises(Unavailable):
        run(line, clock, failed=seen.append)
    assert clock.slept == [0.5, 1.0, 2.0]
    assert (line.asked, len(seen)) == (4, 4)


def test_an_answer_ends_the_waiting() -> None:
    """Two failures, then the answer: two waits."""
    clock, line = FakeClock(), Line(*down(2))
    assert run(line, clock) == "answer"
    assert clock.slept == [0.5, 1.0]


def test_an_error_that_is_no_outage_is_not_repeated() -> None:
    """A refusal is an answer: it goes up at once."""
    clock, line = FakeClock(), Line(OrderRejected("no", "funds"))
    with pytest.raises(OrderRejected):
        run(line, clock)
    assert (line.asked, clock.slept) == (1, [])


def test_a_rate_limit_waits_as_long_as_asked_but_not_for_ever() -> None:
    """The broker's own time counts when it is later, up to the longest wait."""
    clock = FakeClock()
    soon, late = (RateLimited(clock.now() + timedelta(seconds=s)) for s in (3, 900))
    assert run(Line(soon, late), clock) == "answer"
    assert clock.slept == [3.0, 8.0]


def test_no_wait_is_longer_than_the_longest() -> None:
    """0.5 doubles up to 8 s."""
    backoff = Backoff(limit=9)
    assert [backoff.wait_s(n) for n in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize(
    "wrong", [{"limit": -1}, {"limit": 1, "first_s": 0.0}, {"limit": 1, "factor": 1.0}]
)
def test_waits_that_would_not_grow_are_refused(wrong) -> None:
    """A retry without growing waits would hammer a broker that is down."""
    with pytest.raises(ConfigError):
        Backoff(**wrong)
