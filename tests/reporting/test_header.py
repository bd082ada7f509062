from __future__ import annotations

from datetime import timedelta

import pytest

from rigd.config.choices import LogFormat
from rigd.core.errors import DataError
from rigd.core.values import Profile
from rigd.reporting.header import (
    instant_of,
    log_format_of,
    marks_of,
    minute_of,
    minutes_of,
    session_key,
    setting,
    started_of,
)
from tests.reporting.journals import OPEN, session, started, with_settings


def test_a_journal_begins_with_its_session() -> None:
    """The first record is found; a journal without it is refused."""
    entries = session()
    assert started_of(entries) == started()
    with pytest.raises(DataError, match="SessionStarted"):
        started_of(entries[1:])
    with pytest.raises(DataError, match="nothing"):
        started_of([])


def test_the_session_is_named_by_day_and_number() -> None:
    """The name is the folder's name."""
    assert session_key(started(number=3)) == "2013-10-07_3"


def test_badges_tell_profile_dry_run_and_replay_apart() -> None:
    """The TEST profile and TEST_MODE are two things; the badges show both."""
    assert marks_of(started()) == ("TEST",)
    assert marks_of(started(test_mode=True, replay=True)) == ("TEST", "TEST_MODE", "REPLAY")
    assert marks_of(started(profile=Profile.PRODUCTION)) == ()


def test_settings_are_read_from_the_record() -> None:
    """LOG_FORMAT comes from the session's own settings; a missing key has a default."""
    assert log_format_of(with_settings(LOG_FORMAT="csv")) is LogFormat.CSV
    assert log_format_of(started(settings=())) is LogFormat.JSON
    assert setting(started(), "MAX_TRADES", "9") == "1"
    assert setting(started(), "NOT_THERE", "9") == "9"


def test_minutes_and_instants_are_inverse() -> None:
    """Minute 21 begins 21 minutes after the open; the session has 390."""
    assert instant_of(started(), 21) == OPEN + timedelta(minutes=21)
    assert minute_of(started(), OPEN + timedelta(minutes=21, seconds=59)) == 21
    assert minutes_of(started()) == 390
