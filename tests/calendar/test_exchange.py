"""Tests of the sessions of the exchange."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta

import pytest

from rigd.calendar.exchange import (
    exchange_time,
    next_session,
    previous_session,
    self_check,
    session,
    sessions,
    trades_on,
)
from rigd.calendar.table_refresh import FIRST, LAST
from rigd.core.errors import ConfigError

WORKWEEK = ("mon", "tue", "wed", "thu", "fri")

# Published by the exchange (NYSE holidays and trading hours).
HOLIDAYS = [
    "2024-01-01",
    "2024-01-15",
    "2024-02-19",
    "2024-03-29",
    "2024-05-27",
    "2024-06-19",
    "2024-07-04",
    "2024-09-02",
    "2024-11-28",
    "2024-12-25",
    "2025-01-01",
    "2025-01-09",
    "2025-01-20",
    "2025-02-17",
    "2025-04-18",
    "2025-05-26",
    "2025-06-19",
    "2025-07-04",
    "2025-09-01",
    "2025-11-27",
    "2025-12-25",
    "2026-01-01",
    "2026-01-19",
    "2026-02-16",
    "2026-04-03",
    "2026-05-25",
    "2026-06-19",
    "2026-07-03",
    "2026-09-07",
    "2026-11-26",
    "2026-12-25",
    "2027-01-01",
    "2027-01-18",
    "2027-02-15",
    "2027-03-26",
    "2027-05-31",
    "2027-06-18",
    "2027-07-05",
    "2027-09-06",
    "2027-11-25",
    "2027-12-24",
]
HALF_DAYS = [
    "2024-07-03",
    "2024-11-29",
    "2024-12-24",
    "2025-07-03",
    "2025-11-28",
    "2025-12-24",
    "2026-11-27",
    "2026-12-24",
    "2027-11-26",
]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_holidays_of_four_years() -> None:
    """The weekdays without a session in 2024-2027 are the published ones."""
    days = (date(2024, 1, 1) + timedelta(days=n) for n in range(4 * 365 + 1))
    closed = [str(day) for day in days if day.weekday() < 5 and session(day) is None]
    assert closed == HOLIDAYS


def test_half_days_of_four_years() -> None:
    """The early closes in 2024-2027 are the published ones, after 210 minutes."""
    found = [day for day in sessions(date(2024, 1, 1), date(2027, 12, 31)) if day.half_day]
    assert [str(day.day) for day in found] == HALF_DAYS
    assert {day.minutes for day in found} == {210}


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2026-03-06", "2026-03-06 14:30", "2026-03-06 21:00"),
        ("2026-03-09", "2026-03-09 13:30", "2026-03-09 20:00"),
        ("2026-10-30", "2026-10-30 13:30", "2026-10-30 20:00"),
        ("2026-11-02", "2026-11-02 14:30", "2026-11-02 21:00"),
        ("2026-11-27", "2026-11-27 14:30", "2026-11-27 18:00"),
        ("2026-12-24", "2026-12-24 14:30", "2026-12-24 18:00"),
        ("2013-10-07", "2013-10-07 13:30", "2013-10-07 20:00"),
        ("2006-04-03", "2006-04-03 13:30", "2006-04-03 20:00"),
        ("2006-03-31", "2006-03-31 14:30", "2006-03-31 21:00"),
    ],
)
def test_hours_follow_daylight_saving(day: str, opens: str, closes: str) -> None:
    """Open and close are right in UTC on both sides of each change of the clocks."""
    found = session(date.fromisoformat(day))
    assert found is not None
    assert (found.open, found.close) == (_utc(opens), _utc(closes))
    assert found.half_day is (found.minutes == 210)


def test_days_without_trading_have_no_session() -> None:
    """Weekends, holidays, and the days after September 11 have no session."""
    for day in ("2026-11-21", "2026-11-22", "2026-11-26", "2001-09-12", "2012-10-29"):
        assert session(date.fromisoformat(day)) is None


def test_neighbours_skip_closed_days() -> None:
    """The session before a Monday is Friday's; Thanksgiving is skipped both ways."""
    assert previous_session(date(2026, 11, 23)).day == date(2026, 11, 20)
    assert previous_session(date(2026, 11, 27)).day == date(2026, 11, 25)
    assert next_session(date(2026, 11, 25)).day == date(2026, 11, 27)
    assert next_session(date(2026, 11, 20)).day == date(2026, 11, 23)


def test_sessions_include_both_ends() -> None:
    """A span includes its first and last day, when they are sessions."""
    found = sessions(date(2013, 10, 4), date(2013, 10, 8))
    assert [day.day.day for day in found] == [4, 7, 8]
    assert sessions(date(2013, 10, 5), date(2013, 10, 6)) == ()


def test_trading_days_are_weekdays_with_a_session() -> None:
    """A weekday that is not named, or a holiday, is no trading day."""
    friday = date(2026, 11, 20)
    assert trades_on(friday, WORKWEEK)
    assert not trades_on(friday, ("mon", "thu"))
    assert not trades_on(date(2026, 11, 26), WORKWEEK)
    assert not trades_on(date(2026, 11, 21), (*WORKWEEK, "sat"))


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2031, 1, 1)])
def test_unknown_years_are_errors(day: date) -> None:
    """A day that the calendar does not know is never taken for a closed one."""
    with pytest.raises(ConfigError, match="2000-01-01 to 2030-12-31"):
        session(day)


def test_neighbours_stop_at_the_end() -> None:
    """Looking for a session beyond the calendar ends in an error."""
    with pytest.raises(ConfigError):
        previous_session(date(2000, 1, 3))
    with pytest.raises(ConfigError):
        next_session(date(2030, 12, 31))


def test_the_calendar_fails_early() -> None:
    """The self-check fails 90 days before the known years end, while sessions still open."""
    assert self_check(date(2030, 10, 2)).passed
    assert not self_check(date(2030, 10, 3)).passed
    assert session(date(2030, 10, 3)) is not None


def test_exchange_time_is_new_york() -> None:
    """People see New York time."""
    assert f"{exchange_time(_utc('2026-07-01 13:30')):%H:%M}" == "09:30"
    assert f"{exchange_time(_utc('2026-12-01 14:30')):%H:%M}" == "09:30"


def test_every_day_equals_exchange_calendars() -> None:
    """Open and close of every day from 2000 to 2030 are those of exchange_calendars."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars  # noqa: PLC0415 - slow, and the oracle of this test alone

        oracle = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST).schedule
        expected = {
            stamp.date(): (opens.to_pydatetime(), closes.to_pydatetime())
            for stamp, opens, closes in zip(
                oracle.index, oracle["open"], oracle["close"], strict=True
            )
        }
    found = {day.day: (day.open, day.close) for day in sessions(FIRST, LAST)}
    assert len(found) > 7_700
    assert found == expected
