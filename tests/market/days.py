"""Sessions and files for the tests of market data."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rigd.core.values import SessionDay

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "ts_utc,open,high,low,close,volume"

SUMMER = 13
"""UTC hour of 09:30 New York in summer time."""

WINTER = 14


def session(day: date, open_hour: int = SUMMER, minutes: int = 390) -> SessionDay:
    """Return a session that opens at half past an hour UTC."""
    opens = datetime(day.year, day.month, day.day, open_hour, 30, tzinfo=UTC)
    return SessionDay(
        day=day,
        open=opens,
        close=opens + timedelta(minutes=minutes),
        minutes=minutes,
        half_day=minutes < 390,
    )


MONDAY = session(date(2013, 10, 7))
TUESDAY = session(date(2013, 10, 8))
FRIDAY = session(date(2013, 10, 4))
"""The three days of the minute files of SPY, IBM and BAC."""


def write(path: Path, *lines: str) -> Path:
    """Write a csv, compressed where its name says so."""
    content = ("\n".join(lines) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def row(minute: int, price: float = 100.0, volume: int = 10, day: SessionDay = MONDAY) -> str:
    """Return a flat bar of a session."""
    stamp = (day.open + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return f"{stamp},{price},{price},{price},{price},{volume}"
