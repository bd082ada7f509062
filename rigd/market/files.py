"""Read a folder of minute bars as it lies; one malformed row refuses it.

What is read
    Every ``.csv``, ``.csv.gz`` and ``.parquet`` below the folder, or below its ``equity_minute``
    where it has one. ``equity_daily`` and ``vix`` are never read as bars, nor are hidden files.
Bars
    Columns ``ts_utc`` (or ``ts``), ``open``, ``high``, ``low``, ``close``, ``volume``, and
    optionally ``symbol``; further columns are ignored. Without ``symbol`` the file's name gives it:
    its first part before ``_`` or ``.`` (``BRK.B_trade.csv`` is BRK.B). Stamps are ISO 8601 with a
    zone, or local times of the zone declared; rows of a symbol ascend.
Quotes
    Files named ``*_quote_*``: ``ts_utc``, ``bid_close``, ``ask_close``; an empty field or the
    whole row missing is no quote.
Days before
    Earlier bars of the folder, and ``equity_daily``: see `rigd.market.references`.

Stamps are bar starts, or bar ends where that is declared for the folder (SPEC §3a.12). Files named
``*_ninjatrader_*`` are exports stamped at bar ends: without that declaration they are left alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import DataError
from rigd.core.values import Bar, Reference, require_symbol
from rigd.market.findings import Findings
from rigd.market.references import DAILY_FOLDER, read_daily_before, reference_before
from rigd.market.rows import parse_bars, parse_spreads
from rigd.market.stamps import (
    BarStamp,
    StampReader,
    exchange_date,
    exchange_day,
    minute_of,
)
from rigd.market.tables import SUFFIXES, read_header, read_table

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from rigd.core.values import SessionDay
    from rigd.market.rows import Series

_BARS_FOLDER = "equity_minute"
_VIX_FOLDER = "vix"
_SYMBOL = re.compile(r"[A-Z][A-Z0-9\-]*(?:\.[A-Z](?=[_.]|\Z))?")
_QUOTE_NAME = re.compile(r"_quotes?(?=[_.])", re.IGNORECASE)
_END_STAMPED_NAME = re.compile(r"_ninjatrader(?=[_.])", re.IGNORECASE)


class Dropped(NamedTuple):
    """How many bars of the day one file gave, and how many lay outside the regular session."""

    symbol: str
    source: str
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBars:
    """What a folder holds for one session.

    Parameters
    ----------
    bars
        Per symbol, in alphabetical order, the bars of the regular session in time order.
    spreads
        Per symbol (ask - bid) / mid at the end of a minute of the session.
    references
        Per symbol what was known before the session.
    dropped
        What each file gave.
    absent
        Symbols that were asked for and have files, but no bar in this session.
    """

    bars: Mapping[str, Sequence[Bar]]
    spreads: Mapping[str, Mapping[int, float]]
    references: Mapping[str, Reference]
    dropped: tuple[Dropped, ...]
    absent: tuple[str, ...]


class BarFolder:
    """The bars, quotes and daily rows of a folder, read once and handed out by session.

    Parameters
    ----------
    folder
        A folder, or one file.
    symbols
        What to read; empty reads every symbol.
    bar_stamp
        Whether stamps are the starts or the ends of bars.
    zone
        The zone of stamps that carry none; None refuses them.
    optional
        Symbols that are read beside those asked for, where the folder has them.

    Raises
    ------
    DataError
        If the folder is missing, holds no bars or not the symbols asked for, or a file that is
        read is malformed: then with every problem found, at most 20.
    """

    def __init__(
        self,
        folder: Path,
        symbols: Sequence[str] = (),
        bar_stamp: BarStamp = BarStamp.START,
        zone: ZoneInfo | None = None,
        optional: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self._found = _find_files(folder, bar_stamp)
        self._wanted = frozenset(require_symbol(symbol) for symbol in symbols)
        self._optional = frozenset(require_symbol(symbol) for symbol in optional)
        self._series: dict[str, list[Series]] = {}
        self._spreads: dict[str, dict[int, float]] = {}
        self._days: dict[str, tuple[date, ...]] = {}
        self._read(StampReader(zone), bar_stamp.shift)
        self.symbols = tuple(sorted(self._series))

    def day(self, session: SessionDay, previous: SessionDay | None = None) -> DayBars:
        """Return one session.

        Parameters
        ----------
        session
            The session; only bars inside it are kept.
        previous
            The session before it. Without it, the newest earlier day within a week counts, and
            counts as a full one, 09:30 to 16:00 New York.

        Returns
        -------
        DayBars
            Every symbol with a bar in the session.

        Raises
        ------
        DataError
            If no symbol has a bar in the session, two files give the same bar, or a daily file is
            malformed.
        """
        findings = Findings()
        dropped: list[Dropped] = []
        bars = {
            symbol: self._session_bars(symbol, session, dropped, findings)
            for symbol in self.symbols
        }
        findings.raise_any(f"the bars in {self.folder}")
        present = {symbol: rows for symbol, rows in bars.items() if rows}
        if not present:
            raise self._no_bars(session.day)
        references = {
            symbol: reference_before(
                session,
                previous,
                series=self._series[symbol],
                days=self.days(symbol),
                daily=read_daily_before(self._found.root, symbol, session.day, findings),
            )
            for symbol in present
        }
        findings.raise_any(f"the daily rows in {self._found.root}")
        return DayBars(
            bars=present,
            spreads={symbol: self._session_spreads(symbol, session) for symbol in present},
            references=references,
            dropped=tuple(dropped),
            absent=tuple(sorted(self._wanted - present.keys())),
        )

    def days(self, symbol: str) -> tuple[date, ...]:
        """Return the exchange dates on which a symbol has a bar, ascending."""
        if symbol not in self._days:
            minutes = (row[0] for series in self._series.get(symbol, ()) for row in series.rows)
            # Trading is between 04:00 and 20:00 New York: five hours before UTC is the same date.
            noons = {(minute - 300) // 1440 * 1440 + 1020 for minute in minutes}
            self._days[symbol] = tuple(exchange_date(noon) for noon in sorted(noons))
        return self._days[symbol]

    def _read(self, stamps: StampReader, shift: int) -> None:
        findings = Findings()
        quotes = []
        for path in self._found.bars:
            if _QUOTE_NAME.search(path.name):
                quotes.append(path)
            else:
                self._read_bars(path, stamps, shift, findings)
        for path in quotes:
            self._read_quotes(path, stamps, shift, findings)
        findings.raise_any(f"the bars in {self.folder}")
        missing = sorted(self._wanted - self._series.keys())
        if missing or not self._series:
            raise self._no_files(missing)

    def _source(self, path: Path) -> str:
        return path.relative_to(self._found.root).as_posix()

    def _read_bars(self, path: Path, stamps: StampReader, shift: int, findings: Findings) -> None:
        own = _symbol_of(path)
        if findings.full or (self._skips(own) and "symbol" not in read_header(path)):
            return
        table = read_table(path, self._source(path), findings)
        if table is None:
            return
        for series in parse_bars(table, own, stamps, shift, findings):
            if not self._skips(series.symbol):
                self._series.setdefault(series.symbol, []).append(series)

    def _read_quotes(self, path: Path, stamps: StampReader, shift: int, findings: Findings) -> None:
        symbol = _symbol_of(path)
        if findings.full or symbol not in self._series:
            return
        table = read_table(path, self._source(path), findings)
        if table is not None:
            spreads = parse_spreads(table, stamps, shift, findings)
            self._spreads.setdefault(symbol, {}).update(spreads)

    def _skips(self, symbol: str) -> bool:
        return bool(self._wanted) and symbol not in self._wanted | self._optional

    def _session_bars(
        self, symbol: str, session: SessionDay, dropped: list[Dropped], findings: Findings
    ) -> list[Bar]:
        midnight, next_midnight = exchange_day(session.day)
        first = minute_of(session.open)
        merged: dict[int, tuple[Bar, str]] = {}
        for series in self._series[symbol]:
            rows = series.between(first, first + session.minutes)
            of_day = series.between(midnight, next_midnight)
            if of_day:
                dropped.append(Dropped(symbol, series.source, len(rows), len(of_day) - len(rows)))
            for row in rows:
                minute = row[0] - first
                if minute in merged:
                    message = f"bar {minute} of {session.day} is in {merged[minute][1]} as well"
                    findings.add(series.source, message, symbol)
                    break
                merged[minute] = (Bar(minute, *row[1:]), series.source)
        return [merged[minute][0] for minute in sorted(merged)]

    def _session_spreads(self, symbol: str, session: SessionDay) -> dict[int, float]:
        spreads = self._spreads.get(symbol)
        if not spreads:
            return {}
        first = minute_of(session.open)
        minutes = range(session.minutes)
        return {m: spreads[first + m] for m in minutes if first + m in spreads}

    def _no_files(self, missing: Sequence[str]) -> DataError:
        known = sorted({_symbol_of(path) for path in self._found.bars} | self._series.keys())
        lines = [f"no file of bars for {', '.join(missing) or 'any symbol'} in {self.folder}"]
        lines.extend(
            f"the nearest name to {symbol} is {near[0]}"
            for symbol in missing
            if (near := difflib.get_close_matches(symbol, known, n=1, cutoff=0.0))
        )
        if known:
            lines.append(f"there are {_listed(known)}")
        return DataError("; ".join(lines), fix=self._advice("name symbols that are there"))

    def _no_bars(self, day: date) -> DataError:
        names = [self._source(path) for path in self._found.bars]
        per_symbol = [
            f"{symbol}: {_listed([str(d) for d in self.days(symbol)])}" for symbol in self.symbols
        ]
        return DataError(
            f"no bars in the regular session of {day} in {self.folder}; files found: "
            f"{_listed(names)}; days available: {'; '.join(per_symbol[:20])}",
            fix=self._advice("choose a day that is there"),
        )

    def _advice(self, first: str) -> str:
        advice = f"{first[0].upper()}{first[1:]}, or point to another folder."
        if self._found.end_stamped:
            names = _listed([path.name for path in self._found.end_stamped])
            advice += f" {names}: stamped at bar ends, read with --bar-stamp end only."
        return advice


class _Found(NamedTuple):
    """The files of a folder."""

    root: Path
    bars: tuple[Path, ...]
    end_stamped: tuple[Path, ...]


def data_root(folder: Path) -> Path:
    """Return the folder beside whose bars ``equity_daily`` and ``vix`` lie.

    Parameters
    ----------
    folder
        A folder of data, its ``equity_minute``, or one file.

    Returns
    -------
    Path
        The folder itself, or the one above ``equity_minute``.
    """
    holder = folder.parent if folder.is_file() else folder
    return holder.parent if holder.name == _BARS_FOLDER else holder


def _find_files(folder: Path, bar_stamp: BarStamp) -> _Found:
    if not folder.exists():
        msg = f"the folder of bars must exist, was {folder}"
        raise DataError(msg, fix="Give the folder that holds the files of bars.")
    root = data_root(folder)
    start = folder
    if folder == root and (folder / _BARS_FOLDER).is_dir():
        start = folder / _BARS_FOLDER
    paths = [start] if start.is_file() else sorted(start.rglob("*"))
    bars = [path for path in paths if path.is_file() and _may_hold_bars(path.relative_to(root))]
    left_alone: list[Path] = []
    if bar_stamp is BarStamp.START:
        left_alone = [path for path in bars if _END_STAMPED_NAME.search(path.name)]
    used = tuple(path for path in bars if path not in left_alone)
    if not bars:
        msg = (
            f"no file of bars in {folder}: expected names that end in {', '.join(SUFFIXES)}, "
            f"found {_listed([path.name for path in paths])}"
        )
        raise DataError(msg, fix="Give the folder that holds the files of bars.")
    return _Found(root, used, tuple(left_alone))


def _may_hold_bars(path: Path) -> bool:
    return (
        path.name.lower().endswith(SUFFIXES)
        and not any(part.startswith(".") for part in path.parts)
        and not {DAILY_FOLDER, _VIX_FOLDER} & set(path.parts[:-1])
    )


def _symbol_of(path: Path) -> str:
    match = _SYMBOL.match(path.name.upper())
    return match.group() if match else ""


def _listed(names: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(names[:limit]) or "nothing"
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
