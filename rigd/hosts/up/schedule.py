"""When the next session begins: the exchange's calendar and the bot's settings, in UTC.

A session is launched before the open and may begin late, up to the end of the day's last window:
after that nothing could be entered any more, and the day counts as missed (documents 090 and 070).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rigd.calendar.exchange import exchange_time, next_session, session, trades_on
from rigd.core.values import SessionDay
from rigd.hosts.wiring import windows

if TYPE_CHECKING:
    from datetime import date

    from rigd.config.schema import Settings

LEAD_S = 300.0
"""How long before the open a session is launched [s]: checks, recovery and first status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One session of the schedule.

    Parameters
    ----------
    day
        The exchange's day, half days with their own close.
    at, until
        From when and up to when it may be launched, UTC; `until` is not after `at` on a day on
        which no window fits.
    """

    day: SessionDay
    at: datetime
    until: datetime

    @property
    def fits(self) -> bool:
        """Tell whether a strategy has a window on the day."""
        return self.until > self.at

    def is_due(self, now: datetime) -> bool:
        """Tell whether it may be launched now."""
        return self.at <= now < self.until


def next_launch(settings: Settings, now: datetime, done: date | None) -> Launch:
    """Return the launch that is due, or the next one to come.

    Parameters
    ----------
    settings
        TRADING_DAYS and the strategies' windows.
    now
        The instant, UTC.
    done
        The newest day that was launched or missed; None for none. It and those before it do not
        come again.

    Returns
    -------
    Launch
        On a day of TRADING_DAYS on which the exchange has a session. Days that are over are passed
        over where `done` is None.

    Raises
    ------
    ConfigError
        If no day within the known calendar is left.
    """
    day = exchange_time(now).date()
    while True:
        found = session(day)
        if found is not None and trades_on(day, settings.trading_days) and _is_new(day, done):
            launch = _launch(settings, found)
            if launch.fits and now < launch.until:
                return launch
        day = next_session(day).day


def missed(settings: Settings, now: datetime, done: date) -> list[Launch]:
    """Return the launches since the newest known day that can not be made up for, oldest first.

    Parameters
    ----------
    settings, now, done
        As of `next_launch`.

    Returns
    -------
    list of Launch
        Days that ended while nobody could launch, and days without a window.
    """
    found = []
    day, today = next_session(done).day, exchange_time(now).date()
    while day <= today:
        if trades_on(day, settings.trading_days) and (known := session(day)) is not None:
            launch = _launch(settings, known)
            if now >= max(launch.until, launch.at):
                found.append(launch)
        day = next_session(day).day
    return found


def _is_new(day: date, done: date | None) -> bool:
    return done is None or day > done


def _launch(settings: Settings, day: SessionDay) -> Launch:
    ends = [each.window.breakout_end for each in windows(settings, day) if each.window is not None]
    at = day.open - timedelta(seconds=LEAD_S)
    until = day.open + timedelta(minutes=max(ends)) if ends else at
    return Launch(day=day, at=at, until=until)
