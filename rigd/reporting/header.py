"""What every output says of its session: identity, number, profile, data and format."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rigd.config.choices import LogFormat
from rigd.core.errors import DataError
from rigd.core.events import Entry, SessionStarted
from rigd.core.values import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable


def started_of(entries: Iterable[Entry]) -> SessionStarted:
    """Return the first record of a session.

    Parameters
    ----------
    entries
        The journal of one session.

    Returns
    -------
    SessionStarted
        Its first record.

    Raises
    ------
    DataError
        If the journal does not begin with it.
    """
    first = next(iter(entries), None)
    if first is None or not isinstance(first.record, SessionStarted):
        found = "nothing" if first is None else type(first.record).__name__
        msg = f"a journal must begin with SessionStarted, found {found}"
        raise DataError(msg)
    return first.record


def session_key(started: SessionStarted) -> str:
    """Return ``YYYY-MM-DD_n``, the name of the session and of its folder."""
    return f"{started.day.isoformat()}_{started.number}"


def setting(started: SessionStarted, key: str, default: str) -> str:
    """Return an effective setting as text, `default` when the session recorded none."""
    return next((value for name, value in started.settings if name == key), default)


def log_format_of(started: SessionStarted) -> LogFormat:
    """Return the session's LOG_FORMAT, JSON when it recorded none."""
    return LogFormat(setting(started, "LOG_FORMAT", LogFormat.JSON).lower())


def marks_of(started: SessionStarted) -> tuple[str, ...]:
    """Return the badges that titles carry: TEST for the profile, TEST_MODE for the dry run."""
    badges = (
        ("TEST", started.profile is Profile.TEST),
        ("TEST_MODE", started.test_mode),
        ("REPLAY", started.replay),
    )
    return tuple(name for name, on in badges if on)


def instant_of(started: SessionStarted, minute: int) -> datetime:
    """Return the start of a minute of the session, UTC."""
    return started.session_open + timedelta(minutes=minute)


def minutes_of(started: SessionStarted) -> int:
    """Return the length of the session [minutes]."""
    return minute_of(started, started.session_close)


def minute_of(started: SessionStarted, instant: datetime) -> int:
    """Return the minute of the session that an instant lies in."""
    return (instant - started.session_open) // timedelta(minutes=1)
