"""Serve one session's bars as slices."""

from __future__ import annotations

import hashlib
import sys
from array import array
from dataclasses import replace
from datetime import timedelta
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from rigd.core.errors import DataError
from rigd.core.values import MarketSlice, Reference
from rigd.market.files import BarFolder, data_root
from rigd.market.stamps import BarStamp
from rigd.market.vix import VixHistory, find_vix, read_vix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from rigd.core.values import Bar, Reading, SessionDay
    from rigd.market.files import Dropped

FILES_LABEL = "minute bars from files"

_NO_VIX = VixHistory(())
_UNKNOWN = Reference()


class DayFeed:
    """One session of bars, in memory; an implementation of `rigd.core.ports.Feed`.

    Parameters
    ----------
    session
        The session.
    bars
        Per symbol its bars, in time order.
    label
        What the data is, for every title.
    references
        Per symbol what was known before the session.
    spreads
        Per symbol (ask - bid) / mid at the end of a minute.
    vix
        VIX closes.
    dropped
        What each file gave, for the journal.
    absent
        Symbols that were asked for and have no bar in this session.

    Raises
    ------
    DataError
        If no symbol has a bar, or a symbol's bars do not ascend inside the session.
    """

    def __init__(
        self,
        session: SessionDay,
        bars: Mapping[str, Sequence[Bar]],
        *,
        label: str,
        references: Mapping[str, Reference] | None = None,
        spreads: Mapping[str, Mapping[int, float]] | None = None,
        vix: VixHistory = _NO_VIX,
        dropped: Sequence[Dropped] = (),
        absent: Sequence[str] = (),
    ) -> None:
        self.session = session
        self.label = label
        self.bars = {symbol: bars[symbol] for symbol in sorted(bars) if bars[symbol]}
        self.symbols = tuple(self.bars)
        self.dropped = tuple(dropped)
        self.absent = tuple(absent)
        self._references = references or {}
        self._spreads = spreads or {}
        self._vix = vix
        self._require_order()
        self.sound = all(bar.sound for each in self.bars.values() for bar in each)
        self._slices: tuple[MarketSlice, ...] | None = None
        self.digest = self._digest()

    def slices(self, first_minute: int = 0) -> Iterator[MarketSlice]:
        """Yield the minutes that have bars, in time order.

        Parameters
        ----------
        first_minute
            Minutes since the open; earlier ones are left out.

        Yields
        ------
        MarketSlice
            One per minute, its bars in alphabetical order of the symbols.
        """
        # Made when first asked for: most days of a backtest are never looked at minute by minute.
        if self._slices is None:
            self._slices = self._build_slices()
        for each in self._slices:
            if each.minute >= first_minute:
                yield each

    def reference(self, symbol: str) -> Reference:
        """Return what was known of a symbol before the session; of an unknown one, nothing."""
        return self._references.get(symbol, _UNKNOWN)

    def with_known(self, known: Mapping[str, Reference]) -> DayFeed:
        """Return this session with what another source knows of its symbols.

        Parameters
        ----------
        known
            Per symbol; its volume and market value fill in where the feed has none (SPEC §3a.9),
            its close never does, which may be days old.

        Returns
        -------
        DayFeed
            With a digest of its own; this very feed when nothing was missing.
        """
        filled = {
            symbol: _filled(self.reference(symbol), known.get(symbol)) for symbol in self.bars
        }
        if all(each == self.reference(symbol) for symbol, each in filled.items()):
            return self
        return DayFeed(
            self.session,
            self.bars,
            label=self.label,
            references=filled,
            spreads=self._spreads,
            vix=self._vix,
            dropped=self.dropped,
            absent=self.absent,
        )

    def spread(self, symbol: str, minute: int) -> float | None:
        """Return (ask - bid) / mid at the end of a minute; None without quotes in it."""
        spreads = self._spreads.get(symbol)
        return spreads.get(minute) if spreads else None

    def vix(self, day: date) -> Reading | None:
        """Return the last VIX close dated before `day`; None when there is none."""
        return self._vix.before(day)

    def _require_order(self) -> None:
        if not self.bars:
            msg = f"a feed must have bars, had none on {self.session.day}"
            raise DataError(msg)
        for symbol, bars in self.bars.items():
            minutes = [bar[0] for bar in bars]
            ascending = all(a < b for a, b in pairwise(minutes))
            if not (ascending and minutes[0] >= 0 and minutes[-1] < self.session.minutes):
                msg = (
                    f"bars of {symbol} must ascend from minute 0 to {self.session.minutes - 1}, "
                    f"ran from {min(minutes)} to {max(minutes)}"
                )
                raise DataError(msg)

    def _build_slices(self) -> tuple[MarketSlice, ...]:
        minutes: list[dict[str, Bar]] = [{} for _ in range(self.session.minutes)]
        for symbol, bars in self.bars.items():
            for bar in bars:
                minutes[bar[0]][symbol] = bar
        return tuple(
            MarketSlice(minute, self.session.open + timedelta(minutes=minute), at_minute)
            for minute, at_minute in enumerate(minutes)
            if at_minute
        )

    def _digest(self) -> str:
        """Return the SHA-256 over everything the session may read, whatever file it came from."""
        digest = hashlib.sha256(f"rigd feed 1 {self.session.day} {self.session.open}\n".encode())
        for symbol, bars in self.bars.items():
            spreads = self._spreads.get(symbol, {})
            head = f"{symbol} {len(bars)} {len(spreads)} {self.reference(symbol)}\n"
            digest.update(head.encode())
            digest.update(_packed(chain.from_iterable(bars)))
            digest.update(_packed(chain.from_iterable(sorted(spreads.items()))))
        digest.update(f"{self.vix(self.session.day)}\n".encode())
        return digest.hexdigest()


def _filled(own: Reference, known: Reference | None) -> Reference:
    if known is None:
        return own
    volume = known.previous_volume if own.previous_volume is None else own.previous_volume
    market_cap = known.market_cap if own.market_cap is None else own.market_cap
    return replace(own, previous_volume=volume, market_cap=market_cap)


def _packed(numbers: Iterator[float]) -> bytes:
    """Return numbers as little-endian float64."""
    values = array("d", numbers)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def open_feed(
    folder: Path,
    session: SessionDay,
    symbols: Sequence[str] = (),
    bar_stamp: BarStamp | str = BarStamp.START,
    *,
    previous: SessionDay | None = None,
    zone: ZoneInfo | None = None,
    vix_file: Path | None = None,
    label: str = FILES_LABEL,
    optional: Sequence[str] = (),
) -> DayFeed:
    """Read one session from a folder of files; `rigd.market.files` says what they must hold.

    Parameters
    ----------
    folder
        A folder, or one file.
    session
        The session; bars outside it are dropped and counted.
    symbols
        What to read; empty reads every symbol that has a bar in the session.
    bar_stamp
        Whether the stamps of the folder are the starts or the ends of bars.
    previous
        The session before, for the previous close and volume.
    zone
        The zone of stamps that carry none; None refuses them.
    vix_file
        Daily VIX closes; without it the ``vix`` folder beside the bars, if there is one.
    label
        What the data is, for every title.
    optional
        Symbols that are read beside those asked for, where the folder has them.

    Returns
    -------
    DayFeed
        The session.

    Raises
    ------
    DataError
        If there are no bars, a symbol has no file, or a file is malformed.
    """
    bars = BarFolder(folder, symbols, BarStamp(bar_stamp), zone, optional)
    return day_feed(bars, session, previous=previous, vix=open_vix(folder, vix_file), label=label)


def open_vix(folder: Path, vix_file: Path | None = None) -> VixHistory:
    """Return the VIX closes of a file, else of the folder beside the bars, else none."""
    path = vix_file or find_vix(data_root(folder))
    return read_vix(path) if path else _NO_VIX


def day_feed(
    folder: BarFolder,
    session: SessionDay,
    *,
    previous: SessionDay | None = None,
    vix: VixHistory = _NO_VIX,
    label: str = FILES_LABEL,
) -> DayFeed:
    """Return one session of a folder that was read before, as a backtest over many days needs it.

    Parameters
    ----------
    folder
        The bars.
    session, previous
        The session and the one before it.
    vix
        VIX closes.
    label
        What the data is, for every title.

    Returns
    -------
    DayFeed
        The session.

    Raises
    ------
    DataError
        If no symbol has a bar in the session.
    """
    day = folder.day(session, previous)
    return DayFeed(
        session,
        day.bars,
        label=label,
        references=day.references,
        spreads=day.spreads,
        vix=vix,
        dropped=day.dropped,
        absent=day.absent,
    )
