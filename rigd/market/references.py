"""Find what was known of a symbol before a session: the regular close and volume before it.

Source: SPEC §3a.9. Minute bars of the same folder come first, because they share the scale of the
prices that follow; a newer row of ``equity_daily/{SYM}.csv.gz`` (or ``.csv``; columns ``date``,
``close``, ``volume``, dates ascending) comes before them.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from rigd.core.values import Reference
from rigd.market.rows import DailyRow, last_daily_before
from rigd.market.stamps import EXCHANGE_ZONE, minute_of
from rigd.market.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from rigd.core.values import SessionDay
    from rigd.market.findings import Findings
    from rigd.market.rows import Series

DAILY_FOLDER = "equity_daily"

MAX_AGE_DAYS = 7
"""Calendar days; the longest closing of the exchange since 1933 (September 2001)."""

_FULL_DAY_OPEN = time(9, 30)
_FULL_DAY_MINUTES = 390


def reference_before(
    session: SessionDay,
    previous: SessionDay | None,
    *,
    series: Sequence[Series],
    days: Sequence[date],
    daily: DailyRow | None,
) -> Reference:
    """Return what was known of a symbol before a session.

    Parameters
    ----------
    session
        The session.
    previous
        The session before it: no other day counts. Without it the newest earlier day within
        MAX_AGE_DAYS counts, and its minute bars from 09:30 to 16:00 New York.
    series
        The symbol's minute bars.
    days
        The exchange dates on which it has any, ascending.
    daily
        Its newest daily row dated before the session, if any.

    Returns
    -------
    Reference
        Previous close [currency/share] and volume [shares], None where neither source has them.
    """
    oldest = previous.day if previous else session.day - timedelta(days=MAX_AGE_DAYS)
    earlier = [day for day in days if oldest <= day < session.day]
    minute = _newest_from_minutes(series, earlier, previous)
    rows = [row for row in (minute, daily) if row is not None and row.dated >= oldest]
    if not rows:
        return Reference()
    newest = max(rows, key=lambda row: row.dated)
    return Reference(previous_close=newest.close, previous_volume=newest.volume)


def read_daily_before(root: Path, symbol: str, day: date, findings: Findings) -> DailyRow | None:
    """Return a symbol's newest daily row dated before a day.

    Parameters
    ----------
    root
        The folder that may hold ``equity_daily``.
    symbol
        Exchange symbol.
    day
        A date.
    findings
        Takes what is wrong with the file.

    Returns
    -------
    DailyRow or None
        None without a file, or without such a row.
    """
    for suffix in (".csv.gz", ".csv"):
        path = root / DAILY_FOLDER / f"{symbol}{suffix}"
        if path.is_file():
            table = read_table(path, path.relative_to(root).as_posix(), findings)
            return last_daily_before(table, day, findings) if table else None
    return None


def _newest_from_minutes(
    series: Sequence[Series], earlier: Sequence[date], previous: SessionDay | None
) -> DailyRow | None:
    for day in reversed(earlier):
        if previous is None:
            first = minute_of(datetime.combine(day, _FULL_DAY_OPEN, EXCHANGE_ZONE))
            after = first + _FULL_DAY_MINUTES
        else:
            first, after = minute_of(previous.open), minute_of(previous.close)
        rows = sorted(row for part in series for row in part.between(first, after))
        if rows:
            return DailyRow(day, rows[-1][4], sum(row[5] for row in rows))
    return None
