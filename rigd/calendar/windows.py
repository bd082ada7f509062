"""Windows: the spans of a session in which strategies analyse, enter and exit (SPEC §2, §3a)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.calendar.exchange import ZONE, exchange_time
from rigd.core.errors import ConfigError
from rigd.core.values import SessionDay, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

FLAT_BEFORE_CLOSE = 2
"""Every strategy is flat this long before the close [minutes] (SPEC §2)."""

IMBALANCE_SPAN = 30
"""The imbalance scanner reads the last minutes of the session [minutes] (SPEC §2)."""

_RELATIVE = re.compile(r"(open\+|close-)([0-9]{1,3})m\Z")
_LITERAL = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])( ET|Z)\Z")


class Anchor(StrEnum):
    """What a start time counts from."""

    OPEN = "open"
    CLOSE = "close"
    EXCHANGE_TIME = "ET"
    UTC = "Z"


@dataclass(frozen=True, slots=True)
class StartTime:
    """START_TIME_* as read.

    Parameters
    ----------
    text
        As written.
    anchor
        What it counts from.
    minutes
        Minutes after the open, before the close, or after midnight of a literal.
    """

    text: str
    anchor: Anchor
    minutes: int

    def minute(self, day: SessionDay) -> int:
        """Return the minute of a session that the start falls on.

        Parameters
        ----------
        day
            The session.

        Returns
        -------
        int
            Minutes since the open; a relative start may lie outside the session.

        Raises
        ------
        ConfigError
            If a literal lies outside the session.
        """
        if self.anchor is Anchor.OPEN:
            return self.minutes
        if self.anchor is Anchor.CLOSE:
            return day.minutes - self.minutes
        zone = UTC if self.anchor is Anchor.UTC else ZONE
        clock = time(*divmod(self.minutes, 60), tzinfo=zone)
        minute = (datetime.combine(day.day, clock) - day.open) // timedelta(minutes=1)
        if not 0 <= minute < day.minutes:
            span = f"{clock_text(day, 0)} to {clock_text(day, day.minutes)}"
            msg = f"a literal start time must lie in the session of {day.day}, {span}"
            raise ConfigError(f"{msg}, was {self.text!r}")
        return minute


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowKeys:
    """The window keys of one strategy: START_TIME_* and the three parts [minutes]."""

    strategy: str
    start_text: str
    analysis: int
    breakout: int
    monitoring: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What becomes of a strategy on a day: its window, or why it has none."""

    strategy: str
    window: Window | None
    skipped: str = ""


def parse_start(text: str) -> StartTime:
    """Return the start time that a text names.

    Parameters
    ----------
    text
        ``open+20m``, ``close-26m``, ``12:00 ET`` or ``16:00Z``.

    Returns
    -------
    StartTime
        The start, to be resolved on a day.

    Raises
    ------
    ConfigError
        If the text has another form.
    """
    if match := _RELATIVE.match(text):
        anchor = Anchor.OPEN if match.group(1) == "open+" else Anchor.CLOSE
        return StartTime(text, anchor, int(match.group(2)))
    if match := _LITERAL.match(text):
        minutes = int(match.group(1)) * 60 + int(match.group(2))
        return StartTime(text, Anchor(match.group(3).strip()), minutes)
    msg = f"a start time must be open+20m, close-26m, 12:00 ET or 16:00Z, was {text[:24]!r}"
    raise ConfigError(msg)


def plan(session: SessionDay, order: Sequence[WindowKeys]) -> list[Planned]:
    """Return the windows of a day, in the order given.

    Parameters
    ----------
    session
        The day.
    order
        The window keys of the strategies, in the order of STRATEGY_SEQUENCE.

    Returns
    -------
    list of Planned
        One per strategy; a window that does not fit into the day, or overlaps one before it in
        the order, is skipped with a reason.

    Raises
    ------
    ConfigError
        If a start time has no known form, or is a literal outside the session.
    """
    planned: list[Planned] = []
    for keys in order:
        start = parse_start(keys.start_text).minute(session)
        reason = _misfit(session, keys, start) or _overlap(planned, keys, start)
        window = None if reason else _window(session, keys, start)
        planned.append(Planned(strategy=keys.strategy, window=window, skipped=reason))
    return planned


def clock_text(session: SessionDay, minute: int) -> str:
    """Return a minute of a session in both times, such as ``09:30 ET (14:30Z)``."""
    instant = session.open + timedelta(minutes=minute)
    return f"{exchange_time(instant):%H:%M} ET ({instant:%H:%M}Z)"


def describe(session: SessionDay, planned: Planned) -> str:
    """Return one line about a planned window, in exchange time and UTC, for people."""
    window = planned.window
    if window is None:
        return f"{planned.strategy}: skipped, {planned.skipped}"
    parts = (
        ("analysis", window.start),
        ("breakout", window.analysis_end),
        ("monitoring", window.breakout_end),
        ("flat", window.exit_minute),
    )
    listed = ", ".join(f"{name} {clock_text(session, minute)}" for name, minute in parts)
    return f"{planned.strategy}: {listed}"


def imbalance_minutes(session: SessionDay) -> range:
    """Return the minutes that the imbalance scanner reads, ``close-30m .. close``."""
    return range(session.minutes - IMBALANCE_SPAN, session.minutes)


def _span(keys: WindowKeys) -> int:
    return keys.analysis + keys.breakout + keys.monitoring


def _misfit(session: SessionDay, keys: WindowKeys, start: int) -> str:
    """Return why a window does not fit into the session, blank when it does."""
    if start < 0:
        return f"starts {-start} minutes before the open"
    if start + _span(keys) > session.minutes:
        return f"ends {start + _span(keys) - session.minutes} minutes after the close"
    if start + keys.analysis + keys.breakout > session.minutes - FLAT_BEFORE_CLOSE:
        return f"its entries end less than {FLAT_BEFORE_CLOSE} minutes before the close"
    return ""


def _overlap(planned: Sequence[Planned], keys: WindowKeys, start: int) -> str:
    """Return which earlier window a window overlaps, blank when none."""
    end = start + _span(keys)
    for other in planned:
        window = other.window
        if window is not None and start < window.end and window.start < end:
            return f"overlaps the window of {other.strategy}"
    return ""


def _window(session: SessionDay, keys: WindowKeys, start: int) -> Window:
    end = start + _span(keys)
    return Window(
        strategy=keys.strategy,
        start=start,
        analysis_end=start + keys.analysis,
        breakout_end=start + keys.analysis + keys.breakout,
        end=end,
        exit_minute=min(end, session.minutes - FLAT_BEFORE_CLOSE),
    )
