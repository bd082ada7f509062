"""The bars of a backtest: one feed per exchange session, and the same bars as packed arrays."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.calendar.exchange import previous_session, sessions, trades_on
from rigd.core.errors import DataError
from rigd.core.ports import FundamentalsSource
from rigd.hosts.kernels.backtest import pack_bars
from rigd.market.feed import DayFeed, day_feed, open_vix
from rigd.market.files import BarFolder, data_root
from rigd.market.fundamentals import find_fundamentals
from rigd.market.stamps import BarStamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rigd.core.values import Bar


class Packed(NamedTuple):
    """The bars of one symbol.

    Parameters
    ----------
    bars
        BAR[n_bars].
    starts, ends
        int64[n_days]: the bars of day d are ``bars[starts[d]:ends[d]]``; equal where it has none.
    """

    bars: npt.NDArray[np.void]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def day(self, number: int) -> npt.NDArray[np.void]:
        """Return the bars of one day."""
        return self.bars[self.starts[number] : self.ends[number]]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The sessions that a backtest runs over.

    Parameters
    ----------
    feeds
        One per session that has bars, ascending.
    without_bars
        The sessions of the span that have none.
    fundamentals
        Companies' metrics that lie beside the bars; None where there are none.
    asked
        The symbols asked for; empty for all that are there.
    """

    feeds: tuple[DayFeed, ...]
    without_bars: tuple[date, ...] = ()
    fundamentals: FundamentalsSource | None = None
    asked: tuple[str, ...] = ()
    _packed: dict[str, Packed] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        days = [feed.session.day for feed in self.feeds]
        if not days or any(a >= b for a, b in itertools.pairwise(days)):
            msg = f"a backtest must have sessions with bars, ascending, had {days[:3]}"
            raise DataError(msg, fix="choose a span in which the folder has bars")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that has a bar on some day, sorted."""
        return tuple(sorted({symbol for feed in self.feeds for symbol in feed.symbols}))

    @property
    def count(self) -> int:
        """How many bars there are."""
        return sum(len(bars) for feed in self.feeds for bars in feed.bars.values())

    @property
    def label(self) -> str:
        """What the data is."""
        return self.feeds[0].label

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the sessions may read, hexadecimal."""
        lines = (f"{feed.session.day} {feed.digest}\n" for feed in self.feeds)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def packed(self, symbol: str) -> Packed:
        """Return the bars of one symbol as arrays; packed once."""
        known = self._packed.get(symbol)
        if known is None:
            days: list[Sequence[Bar]] = [feed.bars.get(symbol, ()) for feed in self.feeds]
            ends = np.cumsum([len(day) for day in days], dtype=np.int64)
            starts = ends - np.array([len(day) for day in days], dtype=np.int64)
            known = self._packed[symbol] = Packed(pack_bars(days), starts, ends)
        return known

    def day(self, number: int) -> History:
        """Return one day of it alone."""
        return History(
            feeds=(self.feeds[number],), fundamentals=self.fundamentals, asked=self.asked
        )


def load(
    folder: Path,
    first: date,
    last: date,
    symbols: Sequence[str] = (),
    *,
    bar_stamp: str = "start",
    funds: Sequence[str] = (),
    trading_days: Sequence[str] = (),
) -> History:
    """Read the sessions of a span from a folder of bar files.

    Parameters
    ----------
    folder
        As `rigd.market.files` describes it.
    first, last
        The span, both included.
    symbols
        What to read; empty reads every symbol of the folder.
    bar_stamp
        Whether stamps are the starts or the ends of bars.
    funds
        Symbols that are read beside those asked for, where the folder has them.
    trading_days
        The weekdays that count, such as ``mon``; empty for all.

    Returns
    -------
    History
        Every session with bars.

    Raises
    ------
    DataError
        If no session of the span has a bar, or a file is malformed.
    """
    span = [
        day for day in sessions(first, last) if not trading_days or trades_on(day.day, trading_days)
    ]
    bars = BarFolder(folder, symbols, BarStamp(bar_stamp), optional=funds)
    known = {day for symbol in bars.symbols for day in bars.days(symbol)}
    vix = open_vix(folder)
    feeds = tuple(
        day_feed(bars, day, previous=previous_session(day.day), vix=vix)
        for day in span
        if day.day in known
    )
    if not feeds:
        there = ", ".join(str(day) for day in sorted(known)[:3])
        msg = f"no session from {first} to {last} has bars in {folder}; there are {there} …"
        raise DataError(msg, fix="choose a span in which the folder has bars")
    return History(
        feeds=feeds,
        without_bars=tuple(day.day for day in span if day.day not in known),
        fundamentals=find_fundamentals(data_root(folder)),
        asked=tuple(symbols),
    )
