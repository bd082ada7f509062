"""The rolling window: the last sessions that have bars, as `Days`."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.calendar.exchange import session, trades_on
from rigd.core.draws import Draws
from rigd.core.errors import DataError
from rigd.hosts.optimize.evaluation import days_of
from rigd.market.feed import FILES_LABEL
from rigd.market.files import BarFolder
from rigd.market.sample import (
    LABEL,
    SAMPLE_DAY,
    SAMPLE_SEED,
    SAMPLE_SYMBOLS,
    intraday,
    read_sample,
)
from rigd.market.stamps import BarStamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from rigd.config.schema import Settings
    from rigd.core.values import Bar, SessionDay
    from rigd.hosts.optimize.evaluation import Days
    from rigd.hosts.optimize.request import StudyRequest

Found = dict[str, list["Bar"]]
"""Regular bars of a session by symbol; a symbol without any may be missing."""


def read_window(settings: Settings, request: StudyRequest) -> Days:
    """Return the days that a study reads.

    Parameters
    ----------
    settings
        TRADING_DAYS and OPTIMIZER_BACKTEST_LOOKBACK_DAYS.
    request
        Which data, which symbols, where the window ends and how long it is.

    Returns
    -------
    Days
        Exactly as many sessions with bars as asked for; a session without any is passed over.

    Raises
    ------
    DataError
        If there are fewer.
    """
    count = request.lookback_days or settings.optimizer_backtest_lookback_days
    known, bars_of = _folder(request) if request.data else _sample(request)
    last = request.end or (max(known) if request.data else SAMPLE_DAY)
    days = [day for day in known if day <= last and trades_on(day, settings.trading_days)]
    chosen = sorted(days)[-count:]
    if len(chosen) < count:
        msg = f"the window must have {count} session(s) with bars up to {last}, has {len(chosen)}"
        raise DataError(msg, fix=f"--lookback {len(chosen)}, or a folder with more days")
    found = [(day, bars_of(day)) for day in map(_session, chosen)]
    symbols = sorted({symbol for _, bars in found for symbol in bars})
    return days_of(
        [day for day, _ in found],
        {symbol: [bars.get(symbol, []) for _, bars in found] for symbol in symbols},
        label=FILES_LABEL if request.data else LABEL,
        digest=_digest(found),
    )


def span(days: Days) -> dict[str, object]:
    """Return the first and last day and how many there are."""
    first, last = days.sessions[0].day, days.sessions[-1].day
    return {"first": first.isoformat(), "last": last.isoformat(), "days": len(days)}


def _folder(request: StudyRequest) -> tuple[set[date], Callable[[SessionDay], Found]]:
    folder = BarFolder(
        Path(request.data).expanduser().absolute(), request.symbols, BarStamp(request.bar_stamp)
    )
    known = {day for symbol in folder.symbols for day in folder.days(symbol)}

    def bars_of(day: SessionDay) -> Found:
        return {symbol: list(bars) for symbol, bars in folder.day(day).bars.items()}

    return known, bars_of


def _sample(request: StudyRequest) -> tuple[set[date], Callable[[SessionDay], Found]]:
    wanted = request.symbols or SAMPLE_SYMBOLS
    odd = sorted(set(wanted) - set(SAMPLE_SYMBOLS))
    if odd:
        msg = f"{odd[0]} is not in the sample"
        raise DataError(msg, fix=f"Choose from {', '.join(SAMPLE_SYMBOLS)}.")
    rows = {
        symbol: {row.dated: row for row in history}
        for symbol, history in read_sample().items()
        if symbol in wanted
    }
    draws = Draws(SAMPLE_SEED)

    def bars_of(day: SessionDay) -> Found:
        return {
            symbol: intraday(history[day.day], day.minutes, draws, symbol)
            for symbol, history in rows.items()
            if day.day in history
        }

    return {dated for history in rows.values() for dated in history}, bars_of


def _session(day: date) -> SessionDay:
    found = session(day)
    if found is None:
        msg = f"{day} must be an exchange session, is none (next is {day + timedelta(days=1)})"
        raise DataError(msg)
    return found


def _digest(found: Sequence[tuple[SessionDay, Mapping[str, Sequence[Bar]]]]) -> str:
    """Return the SHA-256 over every session, symbol and bar."""
    whole = hashlib.sha256()
    for day, bars in found:
        for symbol in sorted(bars):
            whole.update(f"{day.day} {symbol} {[tuple(bar) for bar in bars[symbol]]}\n".encode())
    return whole.hexdigest()
