"""Tests of the strategies' windows."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from rigd.calendar.exchange import session
from rigd.calendar.windows import (
    Anchor,
    WindowKeys,
    clock_text,
    describe,
    imbalance_minutes,
    parse_start,
    plan,
)
from rigd.config.fields import start_time
from rigd.core.errors import ConfigError

if TYPE_CHECKING:
    from rigd.core.values import SessionDay, Window


def _keys(strategy: str, start: str, analysis: int, breakout: int, monitoring: int) -> WindowKeys:
    return WindowKeys(
        strategy=strategy,
        start_text=start,
        analysis=analysis,
        breakout=breakout,
        monitoring=monitoring,
    )


def _day(text: str) -> SessionDay:
    found = session(date.fromisoformat(text))
    assert found is not None
    return found


OPEN = _keys("open", "open+0m", 20, 10, 30)
MID = _keys("mid", "open+150m", 15, 10, 30)
CLOSE = _keys("close", "close-26m", 5, 3, 15)
FULL = _day("2026-11-20")
HALF = _day("2026-11-27")
SUMMER = _day("2026-07-01")


def _numbers(window: Window | None) -> tuple[int, ...]:
    assert window is not None
    return (window.start, window.analysis_end, window.breakout_end, window.end, window.exit_minute)


def test_default_windows_of_a_full_day() -> None:
    """The minutes are those of SPEC §3a."""
    found = plan(FULL, [OPEN, MID, CLOSE])
    assert [planned.strategy for planned in found] == ["open", "mid", "close"]
    assert [_numbers(planned.window) for planned in found] == [
        (0, 20, 30, 60, 60),
        (150, 165, 175, 205, 205),
        (364, 369, 372, 387, 387),
    ]


def test_on_a_half_day_close_follows_the_early_close() -> None:
    """Without mid in its way, close runs from 26 minutes before the early close."""
    found = plan(HALF, [OPEN, CLOSE])
    assert [_numbers(planned.window) for planned in found] == [
        (0, 20, 30, 60, 60),
        (184, 189, 192, 207, 207),
    ]


def test_on_a_half_day_the_later_of_two_overlapping_windows_is_skipped() -> None:
    """Mid ends at 205 and close begins at 184: the later one in the sequence is skipped."""
    found = plan(HALF, [OPEN, MID, CLOSE])
    assert [planned.window is not None for planned in found] == [True, True, False]
    assert found[2].skipped == "overlaps the window of mid"
    found = plan(HALF, [CLOSE, MID])
    assert found[1].window is None
    assert found[1].skipped == "overlaps the window of close"


def test_a_skipped_window_is_in_nobodys_way() -> None:
    """Only windows that run can be overlapped."""
    tail = _keys("open", "close-10m", 1, 1, 1)
    found = plan(HALF, [MID, CLOSE, tail])
    assert [bool(planned.skipped) for planned in found] == [False, True, True]
    found = plan(HALF, [_keys("mid", "open+180m", 15, 10, 30), CLOSE])
    assert [bool(planned.skipped) for planned in found] == [True, False]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (_keys("mid", "open+180m", 15, 10, 30), "ends 25 minutes after the close"),
        (
            _keys("mid", "open+205m", 2, 2, 0),
            "its entries end less than 2 minutes before the close",
        ),
        (_keys("close", "close-300m", 5, 3, 15), "starts 90 minutes before the open"),
        (_keys("open", "open+210m", 1, 1, 0), "ends 2 minutes after the close"),
    ],
)
def test_a_window_that_does_not_fit_is_skipped_with_a_reason(keys: WindowKeys, reason: str) -> None:
    """What does not fit into a half day is skipped and says why."""
    (found,) = plan(HALF, [keys])
    assert (found.window, found.skipped) == (None, reason)


def test_windows_may_touch() -> None:
    """One window may begin in the minute in which another is flat."""
    found = plan(FULL, [OPEN, _keys("mid", "open+60m", 15, 10, 30)])
    assert [planned.skipped for planned in found] == ["", ""]
    found = plan(FULL, [OPEN, _keys("mid", "open+59m", 15, 10, 30)])
    assert found[1].skipped == "overlaps the window of open"


def test_every_window_is_flat_two_minutes_before_the_close() -> None:
    """A window that runs into the close leaves at close-2m (SPEC §2)."""
    (found,) = plan(FULL, [_keys("close", "close-26m", 5, 3, 18)])
    assert _numbers(found.window) == (364, 369, 372, 390, 388)


@pytest.mark.parametrize(
    ("text", "day", "minute"),
    [
        ("open+20m", FULL, 20),
        ("close-26m", FULL, 364),
        ("close-26m", HALF, 184),
        ("12:00 ET", FULL, 150),
        ("12:00 ET", SUMMER, 150),
        ("09:30 ET", HALF, 0),
        ("16:00Z", FULL, 90),
        ("16:00Z", SUMMER, 150),
        ("14:30Z", FULL, 0),
        ("20:59Z", FULL, 389),
    ],
)
def test_starts_in_each_form(text: str, day: SessionDay, minute: int) -> None:
    """The same UTC literal is another minute in summer; the same ET literal is not."""
    assert parse_start(text).minute(day) == minute


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("21:00Z", FULL),
        ("20:30Z", SUMMER),
        ("14:29Z", FULL),
        ("16:00 ET", FULL),
        ("09:29 ET", FULL),
        ("15:34 ET", HALF),
        ("00:00Z", FULL),
    ],
)
def test_a_literal_outside_the_session_is_an_error(text: str, day: SessionDay) -> None:
    """A fixed time after the close or before the open is never shifted silently."""
    with pytest.raises(ConfigError, match="must lie in the session of"):
        plan(day, [_keys("open", text, 1, 1, 1)])


def test_the_error_shows_the_session_in_both_times() -> None:
    """The message names the session's hours and what was written."""
    with pytest.raises(
        ConfigError, match=r"09:30 ET \(14:30Z\) to 13:00 ET \(18:00Z\), was '19:00Z'"
    ):
        parse_start("19:00Z").minute(HALF)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "open",
        "open+m",
        "open-5m",
        "close+5m",
        "24:00Z",
        "12:60 ET",
        "12:00",
        "9:30 ET",
        "open+\uff12m",
        "open+20m\n",
        "12:00ET",
        "x" * 100,
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    """Only the four forms of SPEC §2 are start times."""
    with pytest.raises(ConfigError, match=r"open\+20m, close-26m, 12:00 ET or 16:00Z"):
        parse_start(text)


@profile(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=12),
        st.from_regex(r"(open|close)[+-][0-9]{0,4}m?", fullmatch=True),
        st.from_regex(r"[0-9]{1,2}:[0-9]{1,2}( ET|Z|)", fullmatch=True),
    )
)
def test_settings_and_calendar_accept_the_same_texts(text: str) -> None:
    """What .env_bot accepts as START_TIME_* is what the calendar reads, and nothing else."""
    accepted = []
    for read in (start_time, parse_start):
        try:
            read(text)
        except (ConfigError, ValueError):
            accepted.append(False)
        else:
            accepted.append(True)
    assert accepted[0] == accepted[1]


def test_anchors_are_told_apart() -> None:
    """Each form has its own anchor."""
    texts = ("open+1m", "close-1m", "12:00 ET", "16:00Z")
    assert [parse_start(text).anchor for text in texts] == list(Anchor)


def test_windows_are_printed_in_both_times() -> None:
    """The plan of a day reads in exchange time and UTC (SPEC §2)."""
    (found,) = plan(SUMMER, [CLOSE])
    assert describe(SUMMER, found) == (
        "close: analysis 15:34 ET (19:34Z), breakout 15:39 ET (19:39Z), "
        "monitoring 15:42 ET (19:42Z), flat 15:57 ET (19:57Z)"
    )
    assert (
        describe(HALF, plan(HALF, [MID, CLOSE])[1]) == "close: skipped, overlaps the window of mid"
    )
    assert clock_text(FULL, 390) == "16:00 ET (21:00Z)"


def test_the_imbalance_scanner_reads_the_last_half_hour() -> None:
    """Its minutes follow the early close (SPEC §2)."""
    assert imbalance_minutes(FULL) == range(360, 390)
    assert imbalance_minutes(HALF) == range(180, 210)
