"""Tests of quotas over sliding spans, on a clock moved by hand."""

from __future__ import annotations

import pytest

from rigd.core.errors import ConfigError
from rigd.net.rate import Quota, RateLimit
from tests.fakes.clock import FakeClock


def times(limit: RateLimit, clock: FakeClock, calls: int) -> list[float]:
    """When each of some calls that come at once is let through [s since the first]."""
    began = clock.monotonic()
    found = []
    for _ in range(calls):
        limit.take()
        found.append(clock.monotonic() - began)
    return found


def test_calls_beyond_a_quota_wait_for_the_span_to_pass() -> None:
    """Two calls in ten seconds: the third waits ten, the fifth twenty."""
    clock = FakeClock()
    limit = RateLimit((Quota(2, 10.0),), clock)
    assert times(limit, clock, 5) == [0.0, 0.0, 10.0, 10.0, 20.0]
    assert limit.waited_s == 20.0


def test_every_quota_holds() -> None:
    """Finnhub's form, smaller: 2 a second and 3 a minute."""
    clock = FakeClock()
    limit = RateLimit((Quota(2, 1.0), Quota(3, 60.0)), clock)
    assert times(limit, clock, 5) == [0.0, 0.0, 1.0, 60.0, 60.0]


def test_without_a_quota_nothing_waits() -> None:
    """A folder is asked as often as one likes."""
    clock = FakeClock()
    limit = RateLimit((), clock)
    assert times(limit, clock, 3) == [0.0, 0.0, 0.0]
    assert clock.slept == []


def test_the_wait_can_be_asked_for_without_taking_a_call() -> None:
    """Asking changes nothing."""
    clock = FakeClock()
    limit = RateLimit((Quota(1, 10.0),), clock)
    assert limit.wait_s() == 0.0
    limit.take()
    assert limit.wait_s() == limit.wait_s() == 10.0
    clock.advance(4.0)
    assert limit.wait_s() == 6.0


@pytest.mark.parametrize("quota", [Quota(0, 1.0), Quota(1, 0.0)])
def test_a_quota_that_allows_nothing_is_refused(quota: Quota) -> None:
    """Otherwise the first call would wait for ever."""
    with pytest.raises(ConfigError, match="quota"):
        RateLimit((quota,), FakeClock())
