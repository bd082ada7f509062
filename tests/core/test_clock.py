"""Instants, the market clock and the control clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.clock import MarketClock, SystemClock, from_iso, iso, require_utc
from rigd.core.errors import LogicError

NOON = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)
NEW_YORK = NOON.astimezone(ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    "instant", [NAIVE, NEW_YORK, NOON.astimezone(timezone(timedelta(hours=1)))]
)
def test_instant_that_is_not_utc_is_refused(instant: datetime) -> None:
    """A naive or local time is refused by name, never taken for UTC."""
    with pytest.raises(LogicError, match="must be aware and in UTC, was datetime"):
        require_utc(instant)
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        iso(instant)
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        MarketClock(instant)


def test_utc_instant_is_returned_as_it_is() -> None:
    """A good instant passes through unchanged."""
    assert require_utc(NOON) is NOON


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (NOON, "2024-03-04T12:00:00Z"),
        (NOON.replace(microsecond=1), "2024-03-04T12:00:00.000001Z"),
        (NOON.replace(second=5, microsecond=250_000), "2024-03-04T12:00:05.250000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_text_of_an_instant_is_iso_8601_with_z(instant: datetime, text: str) -> None:
    """Whole seconds have no fraction, others six places, and every text ends in Z."""
    assert iso(instant) == text
    assert from_iso(text) == instant


@pytest.mark.parametrize(
    "text", ["2024-03-04T07:00:00-05:00", "2024-03-04T12:00:00+00:00", "2024-03-04T17:30:00+05:30"]
)
def test_text_with_an_offset_is_read_as_utc(text: str) -> None:
    """An offset is applied and the result is in UTC."""
    assert from_iso(text) == NOON
    assert from_iso(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2024-03-04T12:00:00", "2024-03-04"])
def test_text_without_a_zone_is_refused(text: str) -> None:
    """A text without zone is refused, never taken for UTC."""
    with pytest.raises(LogicError, match="must carry its zone"):
        from_iso(text)


@pytest.mark.parametrize("text", ["", "noon", "2024-02-30T12:00:00Z", "2024-03-04T25:00:00Z"])
def test_text_that_is_no_time_is_refused(text: str) -> None:
    """A text that names no instant raises ValueError."""
    with pytest.raises(ValueError, match=r"Invalid isoformat|out of range|must be in"):
        from_iso(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_instant_survives_its_text(instant: datetime) -> None:
    """Writing and reading an instant gives the same one, to the microsecond."""
    assert from_iso(iso(instant)) == instant


def test_market_clock_stands_until_it_is_moved() -> None:
    """Exchange time is what the feed said last; the same instant again is allowed."""
    clock = MarketClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(NOON + timedelta(minutes=1))
    clock.advance(NOON + timedelta(minutes=1))
    assert clock.now() == NOON + timedelta(minutes=1)


def test_market_clock_never_goes_back() -> None:
    """An instant before now is refused and leaves the clock where it was."""
    clock = MarketClock(NOON)
    with pytest.raises(LogicError, match="must not go back"):
        clock.advance(NOON - timedelta(microseconds=1))
    assert clock.now() == NOON


@pytest.mark.parametrize(
    "later", [NAIVE + timedelta(days=1), NEW_YORK + timedelta(days=1)], ids=["naive", "local"]
)
def test_market_clock_takes_utc_alone(later: datetime) -> None:
    """A later instant that is naive or local is refused as well."""
    clock = MarketClock(NOON)
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        clock.advance(later)
    assert clock.now() == NOON


@given(st.lists(st.integers(-60, 600), max_size=20))
def test_market_clock_shows_the_largest_instant(steps: list[int]) -> None:
    """Whatever instants come, time is the latest accepted one and never falls."""
    clock = MarketClock(NOON)
    expected = now = 0
    for step in steps:
        now = expected + step
        if step < 0:
            with pytest.raises(LogicError):
                clock.advance(NOON + timedelta(seconds=now))
        else:
            clock.advance(NOON + timedelta(seconds=now))
            expected = now
        assert clock.now() == NOON + timedelta(seconds=expected)


def test_system_clock_tells_utc() -> None:
    """The wall time is aware and in UTC."""
    instant = SystemClock().now()
    assert instant.tzinfo is UTC
    assert require_utc(instant) is instant


def test_system_clock_is_monotonic() -> None:
    """Its seconds never go back."""
    clock = SystemClock()
    told = [clock.monotonic() for _ in range(1000)]
    assert told == sorted(told)


def test_system_clock_waits_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of waiting hand the seconds to the machine, once."""
    asked: list[tuple[str, float]] = []

    async def wait(seconds: float) -> None:
        asked.append(("wait", seconds))

    monkeypatch.setattr(time, "sleep", lambda seconds: asked.append(("sleep", seconds)))
    monkeypatch.setattr(asyncio, "sleep", wait)
    SystemClock().sleep(0.25)
    asyncio.run(SystemClock().wait(0.5))
    assert asked == [("sleep", 0.25), ("wait", 0.5)]
