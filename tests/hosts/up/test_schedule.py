"""The schedule, against days of 2024 known by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from rigd.config.demo import demo_env_text
from rigd.config.parse import override, parse_env
from rigd.hosts.up.schedule import Launch, missed, next_launch

DEMO = parse_env(demo_env_text(), source="demo")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day", "opens"),
    [
        ("2024-07-01T08:00", "2024-07-01", "2024-07-01T13:30"),  # summer time
        ("2024-01-16T08:00", "2024-01-16", "2024-01-16T14:30"),  # winter time
        ("2024-07-03T08:00", "2024-07-03", "2024-07-03T13:30"),  # half day
        ("2024-07-04T08:00", "2024-07-05", "2024-07-05T13:30"),  # Independence Day
        ("2024-07-06T08:00", "2024-07-08", "2024-07-08T13:30"),  # a Saturday
        ("2024-07-01T22:00", "2024-07-02", "2024-07-02T13:30"),  # after the close
    ],
)
def test_the_next_session_is_that_of_the_exchange(now: str, day: str, opens: str) -> None:
    """Weekends, holidays and summer time are the exchange's; the launch is five minutes before."""
    launch = next_launch(DEMO, at(now), None)
    assert launch.day.day == date.fromisoformat(day)
    assert launch.day.open == at(opens)
    assert launch.at == at(opens) - timedelta(minutes=5)


def test_a_half_day_ends_early() -> None:
    """On the 3rd of July 2024 the exchange closed at 13:00 New York: 17:00 UTC."""
    launch = next_launch(DEMO, at("2024-07-03T08:00"), None)
    assert launch.day.close == at("2024-07-03T17:00")
    assert launch.at < launch.until <= at("2024-07-03T17:00")


def test_trading_days_are_those_of_the_settings() -> None:
    """A bot of Fridays waits for one that is no holiday."""
    fridays = override(DEMO, {"TRADING_DAYS": "fri"}, source="test")
    assert next_launch(fridays, at("2024-03-25T08:00"), None).day.day == date(2024, 4, 5)


def test_a_day_is_launched_once() -> None:
    """One that was launched does not come again, also after a restart on the same day."""
    now = at("2024-07-01T14:00")
    assert next_launch(DEMO, now, None).is_due(now)
    later = next_launch(DEMO, now, date(2024, 7, 1))
    assert later.day.day == date(2024, 7, 2)
    assert not later.is_due(now)


def test_a_late_launch_is_made_while_something_can_be_entered() -> None:
    """Up to the end of the last window, and not after it."""
    launch = next_launch(DEMO, at("2024-07-01T08:00"), None)
    edges = [launch.at - timedelta(seconds=1), launch.at, launch.until - timedelta(seconds=1)]
    assert [launch.is_due(now) for now in (*edges, launch.until)] == [False, True, True, False]


def test_what_nobody_launched_is_missed() -> None:
    """Off from Tuesday's evening to Monday: Wednesday and Friday are missed, Thursday is none."""
    found = missed(DEMO, at("2024-07-08T08:00"), date(2024, 7, 2))
    assert [launch.day.day for launch in found] == [date(2024, 7, 3), date(2024, 7, 5)]
    assert missed(DEMO, at("2024-07-05T14:00"), date(2024, 7, 3)) == []


def test_a_day_without_a_window_is_no_launch() -> None:
    """Its session would enter nothing."""
    day = next_launch(DEMO, at("2024-07-01T08:00"), None).day
    assert not Launch(day=day, at=day.open, until=day.open).fits
