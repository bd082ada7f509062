"""Sessions of XNYS, the New York Stock Exchange, in UTC.

The days come from `xnys_table` (exchange_calendars as data, so that no session loads pandas), the
hours from the time zone database.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rigd.calendar.xnys_table import CLOSED, EARLY, FIRST, LAST
from rigd.core.errors import ConfigError
from rigd.core.values import SelfCheck, SessionDay

if TYPE_CHECKING:
    from collections.abc import Collection

EXCHANGE = "XNYS"
ZONE = ZoneInfo("America/New_York")
OPEN, CLOSE, EARLY_CLOSE = time(9, 30), time(16), time(13)
"""Regular trading in New York."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The names of TRADING_DAYS, Monday first."""

_MARGIN_DAYS = 90


@lru_cache(maxsize=1024)
def session(day: date) -> SessionDay | None:
    """Return the session of an exchange date.

    Parameters
    ----------
    day
        The date in New York.

    Returns
    -------
    SessionDay or None
        Open and close in UTC; None on weekends and holidays.

    Raises
    ------
    ConfigError
        If the date lies outside the years that the calendar knows.
    """
    if not FIRST <= day.toordinal() <= LAST:
        span = f"{date.fromordinal(FIRST)} to {date.fromordinal(LAST)}"
        msg = f"a session day must lie in the known calendar, {span}, was {day}"
        raise ConfigError(msg)
    closed, early = _special_days(day.year)
    if day.weekday() >= 5 or day in closed:
        return None
    start = _utc(day, OPEN)
    end = _utc(day, EARLY_CLOSE if day in early else CLOSE)
    return SessionDay(
        day=day,
        open=start,
        close=end,
        minutes=int((end - start).total_seconds()) // 60,
        half_day=day in early,
    )


def sessions(first: date, last: date) -> tuple[SessionDay, ...]:
    """Return every session from `first` to `last`, both included."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return tuple(found for day in days if (found := session(day)) is not None)


def previous_session(day: date) -> SessionDay:
    """Return the last session before a date; ConfigError at the calendar's beginning."""
    return _neighbour(day, -1)


def next_session(day: date) -> SessionDay:
    """Return the first session after a date; ConfigError at the calendar's end."""
    return _neighbour(day, 1)


def trades_on(day: date, trading_days: Collection[str]) -> bool:
    """Tell whether the bot trades on a date.

    Parameters
    ----------
    day
        The date in New York.
    trading_days
        TRADING_DAYS, such as ``("mon", "tue")``.

    Returns
    -------
    bool
        True when the weekday is among them and the exchange has a session.
    """
    return WEEKDAYS[day.weekday()] in trading_days and session(day) is not None


def exchange_time(instant: datetime) -> datetime:
    """Return an instant in New York time, for people."""
    return instant.astimezone(ZONE)


def self_check(day: date) -> SelfCheck:
    """Return whether the calendar reaches far enough beyond a date.

    Parameters
    ----------
    day
        The session day.

    Returns
    -------
    SelfCheck
        Failed when the known years end within 90 days of the date.
    """
    left = LAST - day.toordinal()
    detail = f"{EXCHANGE} known to {date.fromordinal(LAST)}, {left} days after {day}"
    return SelfCheck(name="calendar", passed=left >= _MARGIN_DAYS, detail=detail)


@cache
def _special_days(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Return the closed weekdays and the early closes of a year."""
    closed, early = (
        frozenset(date(year, int(text[:2]), int(text[2:])) for text in table.get(year, "").split())
        for table in (CLOSED, EARLY)
    )
    return closed, early


def _utc(day: date, local: time) -> datetime:
    return datetime.combine(day, local, ZONE).astimezone(UTC)


def _neighbour(day: date, step: int) -> SessionDay:
    while True:
        day += timedelta(days=step)
        found = session(day)
        if found is not None:
            return found
