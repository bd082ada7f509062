"""Turn the rows of a table into bars, spreads and daily rows; every wrong row is a finding."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import ConfigError
from rigd.core.values import require_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.market.findings import Findings
    from rigd.market.stamps import StampReader
    from rigd.market.tables import Table

BAR_COLUMNS = ("ts_utc|ts", "open", "high", "low", "close", "volume")
QUOTE_COLUMNS = ("ts_utc|ts", "bid_close", "ask_close")
DAILY_COLUMNS = ("date", "close", "volume")

_INFINITE = float("inf")

Row = tuple[int, float, float, float, float, float]
"""Minutes since the epoch at the bar's start, open, high, low, close, volume."""


class DailyRow(NamedTuple):
    """Close [currency/share] and volume [shares] of one exchange day."""

    dated: date
    close: float
    volume: float


@dataclass(slots=True)
class Series:
    """One symbol of one file; rows ascend."""

    symbol: str
    source: str
    rows: list[Row] = field(default_factory=list)

    def between(self, first: int, after: int) -> list[Row]:
        """Return the rows with ``first <= minute < after``."""
        rows = self.rows
        return rows[bisect_left(rows, (first,)) : bisect_left(rows, (after,))]


def parse_bars(
    table: Table, own_symbol: str, stamps: StampReader, shift: int, findings: Findings
) -> list[Series]:
    """Return the bars of one file.

    Parameters
    ----------
    table
        Columns BAR_COLUMNS, and ``symbol`` where it holds several.
    own_symbol
        The symbol of a table without that column.
    stamps
        Reads the stamps.
    shift
        Minutes to add to a stamp to get the bar's start.
    findings
        Takes every row that no bar may be: nothing is repaired or skipped in silence.

    Returns
    -------
    list of Series
        One per symbol, in the order of their first rows.
    """
    by_column = "symbol" in table.header
    names = (*BAR_COLUMNS, "symbol") if by_column else BAR_COLUMNS
    at = table.columns(names, findings)
    if not at:
        return []
    if not by_column and not own_symbol:
        findings.add(table.source, "the file's name must begin with its symbol")
        return []
    pick: Callable[[Sequence[object]], tuple[object, ...]] = itemgetter(*at[:6])
    number, minute_at = table.number, stamps.minute
    found: dict[object, Series] = {}
    series = Series(own_symbol, table.source)
    for line, row in enumerate(table.rows, table.first_line):
        if by_column:
            named = _series_of(row[at[6]], found, table.source, line, findings)
            if named is None:
                continue
            series = named
        stamp, open_, high, low, close, volume = pick(row)
        try:
            o, h, lo, c, v = number(open_), number(high), number(low), number(close), number(volume)
            minute = minute_at(stamp) + shift
        except (TypeError, ValueError, OverflowError):
            _explain_unreadable(table, line, at, row, stamps, findings)
            continue
        # One chain refuses everything that no bar may hold; a NaN fails any comparison.
        if not (0.0 < lo <= o <= h < _INFINITE and lo <= c <= h and 0.0 <= v < _INFINITE):
            findings.add(f"{table.source}:{line}", *_explain_bar(o, h, lo, c, v))
            continue
        rows = series.rows
        if rows and minute <= rows[-1][0]:
            findings.add(f"{table.source}:{line}", _explain_order(stamp, minute, rows), "ts_utc")
            continue
        rows.append((minute, o, h, lo, c, v))
    return list(found.values()) if by_column else [series]


def _series_of(
    name: object, found: dict[object, Series], source: str, line: int, findings: Findings
) -> Series | None:
    series = found.get(name)
    if series is None:
        try:
            symbol = require_symbol(str(name))
        except ConfigError as error:
            findings.add(f"{source}:{line}", str(error), "symbol")
            return None
        series = found[name] = Series(symbol, source)
    return series


def _explain_unreadable(
    table: Table,
    line: int,
    at: Sequence[int],
    row: Sequence[object],
    stamps: StampReader,
    findings: Findings,
) -> None:
    where = f"{table.source}:{line}"
    try:
        stamps.minute(row[at[0]])
    except (TypeError, ValueError, OverflowError) as error:
        findings.add(where, str(error), table.header[at[0]])
    for column in at[1:6]:
        try:
            table.number(row[column])
        except (TypeError, ValueError, OverflowError):
            message = f"must be a number, was {row[column]!r}"
            findings.add(where, message, table.header[column])


def _explain_bar(o: float, h: float, lo: float, c: float, v: float) -> tuple[str, str]:
    """Return what is wrong with a bar, and its column."""
    for name, price in (("open", o), ("high", h), ("low", lo), ("close", c)):
        if not 0.0 < price < _INFINITE:
            return f"price must be finite and positive, was {price}", name
    if not 0.0 <= v < _INFINITE:
        return f"volume must be finite and not negative, was {v}", "volume"
    if lo > h:
        return f"low must not be above the high, was {lo} above {h}", "low"
    name, price = ("close", c) if lo <= o <= h else ("open", o)
    return f"{name} must lie between low and high, was {price} outside {lo} to {h}", name


def _explain_order(stamp: object, minute: int, rows: Sequence[tuple[int, ...] | Row]) -> str:
    if minute == rows[-1][0]:
        return f"stamp occurs twice: {stamp}"
    return f"stamps must ascend, {stamp} comes after a later one"


def parse_spreads(
    table: Table, stamps: StampReader, shift: int, findings: Findings
) -> dict[int, float]:
    """Return the spreads of one file of quotes.

    Parameters
    ----------
    table
        Columns QUOTE_COLUMNS; an empty field is no quote on that side.
    stamps
        Reads the stamps.
    shift
        Minutes to add to a stamp to get the bar's start.
    findings
        Takes what is wrong.

    Returns
    -------
    dict of int to float
        (ask - bid) / mid at the end of a minute since the epoch, where both sides are there.
    """
    at = table.columns(QUOTE_COLUMNS, findings)
    spreads: dict[int, float] = {}
    if not at:
        return spreads
    newest = -1
    for line, row in enumerate(table.rows, table.first_line):
        where = f"{table.source}:{line}"
        stamp, bid, ask = (row[i] for i in at)
        try:
            minute = stamps.minute(stamp) + shift
            spread = _spread(bid, ask, table.number)
        except (TypeError, ValueError, OverflowError) as error:
            findings.add(where, str(error))
            continue
        if minute <= newest:
            findings.add(where, _explain_order(stamp, minute, [(newest,)]), "ts_utc")
            continue
        newest = minute
        if spread is not None:
            spreads[minute] = spread
    return spreads


def _spread(bid: object, ask: object, number: Callable[[object], float]) -> float | None:
    """Return (ask - bid) / mid, None when a side is empty; raises ValueError."""
    if bid in {"", None} or ask in {"", None}:
        return None
    low, high = number(bid), number(ask)
    if not 0.0 < low <= high < _INFINITE:
        msg = f"a quote must be positive with the bid not above the ask, was {low} and {high}"
        raise ValueError(msg)
    return (high - low) / ((high + low) / 2.0)


def last_daily_before(table: Table, day: date, findings: Findings) -> DailyRow | None:
    """Return the newest daily row dated before a day.

    Parameters
    ----------
    table
        Columns DAILY_COLUMNS.
    day
        A date; rows on it and after it are not looked at but for their order.
    findings
        Takes what is wrong with any date, or with the row that is returned.

    Returns
    -------
    DailyRow or None
        None when there is none.
    """
    at = table.columns(DAILY_COLUMNS, findings)
    if not at:
        return None
    line = _last_line_before(table, at[0], day, findings)
    if line is None:
        return None
    row = table.rows[line - table.first_line]
    try:
        found = DailyRow(
            date.fromisoformat(str(row[at[0]])), table.number(row[at[1]]), table.number(row[at[2]])
        )
    except (TypeError, ValueError) as error:
        findings.add(f"{table.source}:{line}", str(error))
        return None
    if not (0.0 < found.close < _INFINITE and 0.0 <= found.volume < _INFINITE):
        message = (
            f"close must be positive and volume not negative, was {found.close} and {found.volume}"
        )
        findings.add(f"{table.source}:{line}", message)
        return None
    return found


def _last_line_before(table: Table, at: int, day: date, findings: Findings) -> int | None:
    newest = date.min
    answer: int | None = None
    for line, row in enumerate(table.rows, table.first_line):
        try:
            dated = date.fromisoformat(str(row[at]))
        except ValueError as error:
            findings.add(f"{table.source}:{line}", str(error), "date")
            continue
        if dated <= newest:
            findings.add(
                f"{table.source}:{line}", f"dates must ascend, {dated} follows {newest}", "date"
            )
        newest = max(newest, dated)
        if dated < day:
            answer = line
    return answer
