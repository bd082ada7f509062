"""Tests of asking a service: rate, repetitions with jitter, counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rigd.core.draws import Draws
from rigd.core.errors import DataError, NetworkError, RateLimited
from rigd.net.breaker import Breaker, Patience, State
from rigd.net.calls import Calls
from rigd.net.rate import Quota, RateLimit
from rigd.net.retry import Backoff
from tests.fakes.clock import FakeClock


class Service:
    """Fails as often as it is told, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def calls(clock: FakeClock, *, limit: int = 3, seed: int = 1, quotas=(), **more) -> Calls:
    return Calls(
        "test",
        clock=clock,
        backoff=Backoff(limit=limit, first_s=1.0, factor=2.0, longest_s=4.0),
        rate=RateLimit(quotas, clock),
        draws=Draws(seed),
        **more,
    )


def down(times: int) -> list[Exception]:
    return [NetworkError("down") for _ in range(times)]


def test_it_asks_until_there_is_an_answer_and_counts() -> None:
    """Two failures, then the answer: three attempts, two failed."""
    door = calls(FakeClock())
    assert door.ask(Service(*down(2))) == "answer"
    assert (door.asked, door.failed) == (3, 2)


def test_the_waits_grow_and_are_drawn_below_their_bounds() -> None:
    """Full jitter (N1): each wait lies between 0 and 1, 2, 4, 4 s, and a seed repeats them."""

    def waits(seed: int) -> list[float]:
        clock = FakeClock()
        calls(clock, limit=4, seed=seed).ask(Service(*down(4)))
        return clock.slept

    for seed in range(50):
        slept = waits(seed)
        assert len(slept) == 4
        assert all(0.0 < wait < bound for wait, bound in zip(slept, (1, 2, 4, 4), strict=True))
    assert waits(3) == waits(3) != waits(4)
    means = [sum(waits(seed)[number] for seed in range(200)) / 200 for number in range(3)]
    assert means == pytest.approx([0.5, 1.0, 2.0], rel=0.2)


def test_the_last_error_is_raised_when_the_limit_is_reached() -> None:
    """One attempt and three repetitions."""
    door = calls(FakeClock())
    with pytest.raises(NetworkError):
        door.ask(Service(*down(9)))
    assert (door.asked, door.failed) == (4, 4)


def test_what_asking_again_cannot_mend_is_raised_at_once() -> None:
    """A malformed file is malformed the second time too."""
    door = calls(FakeClock())
    with pytest.raises(DataError):
        door.ask(Service(DataError("malformed")))
    assert (door.asked, door.failed) == (1, 0)


def test_a_service_that_says_when_to_come_back_is_believed() -> None:
    """The wait is never shorter than what it asks for."""
    clock = FakeClock()
    door = calls(clock)
    door.ask(Service(RateLimited(clock.now() + timedelta(seconds=30))))
    assert clock.slept == [30.0]


def test_nobody_waits_for_tomorrow() -> None:
    """A wait beyond the patience is an error, so that another provider is asked."""
    clock = FakeClock()
    with pytest.raises(RateLimited):
        calls(clock).ask(Service(RateLimited(clock.now() + timedelta(hours=1))))
    door = calls(clock, quotas=(Quota(1, 86_400.0),))
    door.ask(Service())
    with pytest.raises(RateLimited):
        door.ask(Service())
    assert clock.slept == []


def test_repetitions_count_against_the_rate() -> None:
    """A retry is a call: the second attempt waits for the span as well."""
    clock = FakeClock()
    began = clock.monotonic()
    calls(clock, quotas=(Quota(1, 10.0),)).ask(Service(*down(1)))
    assert clock.monotonic() - began == pytest.approx(10.0)


def test_a_refusal_is_an_answer_to_the_breaker() -> None:
    """N2: silence counts as a failure, a malformed or refused answer shows that somebody lives."""
    clock = FakeClock()
    breaker = Breaker("test", clock, Patience(failures=2, rest_s=60.0))
    door = calls(clock, limit=0, breaker=breaker)
    for error in (NetworkError("down"), DataError("malformed"), NetworkError("down")):
        with pytest.raises(type(error)):
            door.ask(Service(error))
    assert breaker.state is State.CLOSED
    with pytest.raises(NetworkError, match="down"):
        door.ask(Service(*down(1)))
    with pytest.raises(NetworkError, match="left alone"):
        door.ask(Service())
    assert door.asked == 4
