"""The built-in sample: real days of five stocks, with an intraday path that is made up.

Daily rows are those of the package bokeh_sampledata: AAPL, FB, GOOG, IBM and MSFT, raw prices as
they were paid, 2000-03-01 to 2013-03-01 (FB from 2012-05-18). Inside a day nothing is known, so one
minute after the other is drawn from a seed such that the bars have exactly the day's open, high,
low, close and volume. Every title therefore says LABEL.
"""

from __future__ import annotations

import difflib
from datetime import date
from importlib.util import find_spec
from itertools import accumulate, pairwise
from math import floor, fsum, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.draws import Draws
from rigd.core.errors import DataError
from rigd.core.values import Bar, Reference
from rigd.market.feed import DayFeed
from rigd.market.findings import Findings
from rigd.market.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.core.values import SessionDay
    from rigd.market.tables import Table

LABEL = "daily real, intraday synthetic"

SAMPLE_SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

SAMPLE_DAY = date(2012, 11, 14)
"""All five trade, and FB rises by 11 % from open to close: the liveliest day of the sample."""

SAMPLE_SEED = 92
"""Chosen to show much, not to earn: with the demo's settings all three strategies trade on this
path, and a stop, a target and the time each end a trade. The day loses money."""

_COLUMNS = ("Date", "Open", "High", "Low", "Close", "Volume")
_POINTS = 4
"""Prices drawn per minute: first, two between, last."""

_RANGE_OF_A_WALK = 1.6
"""Mean range of a Brownian motion over a day, in its standard deviations: sqrt(8 / pi)."""


class DailyBar(NamedTuple):
    """One real day of one stock; raw prices [USD/share], volume [shares]."""

    dated: date
    open: float
    high: float
    low: float
    close: float
    volume: int


def sample_feed(
    session: SessionDay, symbols: Sequence[str] = (), *, seed: int = SAMPLE_SEED
) -> DayFeed:
    """Return one session of the built-in sample.

    Parameters
    ----------
    session
        A session between 2000-03-01 and 2013-03-01; SAMPLE_DAY is a good one.
    symbols
        Some of SAMPLE_SYMBOLS; empty takes all that traded on the day.
    seed
        Seed of the intraday path; the same seed gives the same bars in every process.

    Returns
    -------
    DayFeed
        Bars, and the real day before as reference. There is no VIX and there are no quotes.

    Raises
    ------
    DataError
        If a symbol or the day is not in the sample, or the package is not installed.
    """
    unknown = [symbol for symbol in symbols if symbol not in SAMPLE_SYMBOLS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], SAMPLE_SYMBOLS, n=1, cutoff=0.0)[0]
        msg = f"{unknown[0]} is not in the sample; the nearest name is {near}"
        raise DataError(msg, fix=f"Choose from {', '.join(SAMPLE_SYMBOLS)}.")
    history = read_sample()
    wanted = symbols or SAMPLE_SYMBOLS
    draws = Draws(seed)
    bars: dict[str, list[Bar]] = {}
    references: dict[str, Reference] = {}
    for symbol in wanted:
        rows = history[symbol]
        at = next((i for i, row in enumerate(rows) if row.dated == session.day), None)
        if at is None:
            continue
        bars[symbol] = intraday(rows[at], session.minutes, draws, symbol)
        references[symbol] = _reference(rows[at - 1]) if at else Reference()
    if not bars:
        msg = _no_bars(session.day, [row for symbol in wanted for row in history[symbol]])
        raise DataError(msg, fix=f"Choose a day of the sample, such as {SAMPLE_DAY}.")
    absent = [symbol for symbol in symbols if symbol not in bars]
    return DayFeed(session, bars, label=LABEL, references=references, absent=absent)


def read_sample(folder: Path | None = None) -> dict[str, tuple[DailyBar, ...]]:
    """Return the daily rows of the sample.

    Parameters
    ----------
    folder
        Where the files are; None asks the package bokeh_sampledata, without importing it.

    Returns
    -------
    dict of str to tuple of DailyBar
        Per symbol of SAMPLE_SYMBOLS its days, ascending.

    Raises
    ------
    DataError
        If the package is not installed or its files are not as expected.
    """
    folder = folder or _package_folder()
    findings = Findings()
    together = folder / "stocks.csv.gz"
    names = [together] if together.is_file() else [folder / f"{s}.csv" for s in SAMPLE_SYMBOLS]
    history: dict[str, list[DailyBar]] = {symbol: [] for symbol in SAMPLE_SYMBOLS}
    for path in names:
        table = read_table(path, path.name, findings)
        if table is not None:
            _take_rows(table, path.name.partition(".")[0], history, findings)
    findings.raise_any("the sample of daily bars")
    return {symbol: tuple(rows) for symbol, rows in history.items()}


def intraday(day: DailyBar, minutes: int, draws: Draws, symbol: str) -> list[Bar]:
    """Draw the minute bars of one real day.

    Parameters
    ----------
    day
        The real day.
    minutes
        Length of the session.
    draws
        Randomness; the path depends on its seed, the symbol and the date alone.
    symbol
        Exchange symbol.

    Returns
    -------
    list of Bar
        One bar a minute. The first opens at the day's open, the last closes at its close, the
        highest high and the lowest low are the day's, the volumes are whole and add up to the
        day's. Other prices are whole cents.
    """
    key = f"{symbol} {day.dated}"
    points = _points(day, minutes * _POINTS, draws, key)
    volumes = _volumes(day.volume, minutes, draws, key)
    bars = []
    for minute, volume in enumerate(volumes):
        part = points[minute * _POINTS : (minute + 1) * _POINTS]
        bars.append(Bar(minute, part[0], max(part), min(part), part[-1], float(volume)))
    return bars


def _points(day: DailyBar, count: int, draws: Draws, key: str) -> list[float]:
    """Return prices from open to close that touch high and low and never leave them."""
    weights = [_liveliness((i + 0.5) / count) for i in range(count)]
    spread = day.high - day.low
    scale = spread / _RANGE_OF_A_WALK / sqrt(fsum(weight * weight for weight in weights))
    # A uniform step of this width has a standard deviation of 1; sums of them are near normal.
    width = sqrt(12.0) * scale
    steps = [
        weight * width * (draws.uniform("step", key, i) - 0.5) for i, weight in enumerate(weights)
    ]
    points = [0.0] * count
    for (start, first), (end, last) in pairwise(_anchors(day, count, draws, key)):
        walk = list(accumulate(steps[start + 1 : end + 1], initial=0.0))
        clock = list(accumulate((w * w for w in weights[start + 1 : end + 1]), initial=0.0))
        for i, (moved, elapsed) in enumerate(zip(walk, clock, strict=True)):
            share = elapsed / clock[-1]
            price = first + moved + share * (last - first - walk[-1])
            points[start + i] = _inside(price, day.low, day.high)
        points[start], points[end] = first, last
    return points


def _anchors(day: DailyBar, count: int, draws: Draws, key: str) -> list[tuple[int, float]]:
    """Return where the path must be at which point: open, both extremes, close."""
    last = count - 1
    rises = day.close >= day.open
    low_first = (draws.uniform("order", key) < 0.8) == rises
    # Extremes of a random walk crowd towards the ends of the day.
    early = 1 + floor(draws.uniform("early", key) ** 2 * (count / 2 - 2))
    late = last - 1 - floor(draws.uniform("late", key) ** 2 * (count / 2 - 2))
    at_low, at_high = (early, late) if low_first else (late, early)
    anchors = {at_low: day.low, at_high: day.high}
    if day.low in {day.open, day.close}:
        del anchors[at_low]
    if day.high in {day.open, day.close}:
        anchors.pop(at_high)
    return [(0, day.open), *sorted(anchors.items()), (last, day.close)]


def _inside(price: float, low: float, high: float) -> float:
    """Return a price folded into the day's range, in whole cents but at the range's ends."""
    spread = high - low
    if spread <= 0.0:
        return low
    folded = (price - low) % (2.0 * spread)
    inside = low + min(folded, 2.0 * spread - folded)
    return min(max(round(inside, 2), low), high)


def _liveliness(share: float) -> float:
    """Return how much prices move at a share of the day: most at the open, least at noon."""
    centred = (2.0 * share - 1.0) ** 4
    return 0.7 + centred * (1.8 if share < 0.5 else 0.9)


def _volumes(total: int, minutes: int, draws: Draws, key: str) -> list[int]:
    """Return whole volumes that add up to a total, in the form of a U, largest remainder first."""
    weights = [
        (0.5 + 2.0 * ((2.0 * (m + 0.5) / minutes) - 1.0) ** 4)
        * (0.4 + 1.2 * draws.uniform("volume", key, m))
        for m in range(minutes)
    ]
    whole = fsum(weights)
    exact = [total * weight / whole for weight in weights]
    volumes = [floor(value) for value in exact]
    short = total - sum(volumes)
    by_remainder = sorted(range(minutes), key=lambda m: (volumes[m] - exact[m], m))
    for minute in by_remainder[:short]:
        volumes[minute] += 1
    return volumes


def _reference(row: DailyBar) -> Reference:
    return Reference(previous_close=row.close, previous_volume=float(row.volume))


def _no_bars(day: date, rows: Iterable[DailyBar]) -> str:
    days = sorted({row.dated for row in rows})
    nearest = min(days, key=lambda known: (abs(known - day), known))
    return (
        f"the sample has no bars on {day}; it runs from {days[0]} to {days[-1]}, "
        f"the nearest day is {nearest}"
    )


def _package_folder() -> Path:
    spec = find_spec("bokeh_sampledata")
    if spec is None or spec.origin is None:
        msg = "the sample needs the package bokeh_sampledata, which is not installed"
        raise DataError(msg, fix="Install bokeh_sampledata, or give a folder of bars.")
    return Path(spec.origin).parent / "_data"


def _take_rows(
    table: Table, own: str, history: dict[str, list[DailyBar]], findings: Findings
) -> None:
    by_column = "Ticker" in table.header
    at = table.columns((*_COLUMNS, "Ticker") if by_column else _COLUMNS, findings)
    if not at:
        return
    for line, row in enumerate(table.rows, table.first_line):
        symbol = str(row[at[6]]) if by_column else own
        try:
            dated = date.fromisoformat(str(row[at[0]]))
            open_, high, low, close, volume = (table.number(row[i]) for i in at[1:6])
            bar = DailyBar(dated, open_, high, low, close, round(volume))
        except (TypeError, ValueError, OverflowError) as error:
            findings.add(f"{table.source}:{line}", str(error))
            continue
        low_end, high_end = min(bar.open, bar.close), max(bar.open, bar.close)
        if not (0.0 < bar.low <= low_end <= high_end <= bar.high < float("inf")):
            findings.add(f"{table.source}:{line}", f"a bar must be whole, was {bar}")
        elif symbol in history:
            history[symbol].append(bar)
