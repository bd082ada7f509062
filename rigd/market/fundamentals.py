"""Companies' metrics: from memory or a file, and kept for the day in ``runs/cache/``.

The file is ``fundamentals.json`` in the folder of data: an object with ``source``, ``dated`` and
``metrics``, which maps a symbol to an object with Finnhub's names, as in `METRICS`; null or a
missing name is a metric that is not known. ``marketCapitalization`` is in millions of USD.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from rigd.core.errors import DataError
from rigd.core.readings import Fundamentals
from rigd.core.values import require_symbol
from rigd.net.cache import SessionCache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.core.ports import Clock, FundamentalsSource
    from rigd.net.cache import Usage

WRITER = "rigd.market.fundamentals"
CACHE = "fundamentals.json"
"""The cache's name in the output table."""
FILE = "fundamentals.json"
"""The file's name in a folder of data."""

TTL_S = 86_400.0
"""How long an answer is good, beside being the day's [s]."""
MAX_BYTES = 4_000_000
"""The most that a day's answers take: about 30,000 symbols [bytes]."""

METRICS = {
    "pe_ratio": "peNormalizedAnnual",
    "debt_equity": "totalDebt/totalEquityAnnual",
    "market_cap_musd": "marketCapitalization",
}
"""Our fields and Finnhub's names for them."""


class CacheDoor(Protocol):
    """The door to the cache file, such as `rigd.store.registry.Registry`."""

    def read(self, name: str) -> bytes:
        """Return the content of a file, blank when it does not exist."""
        ...

    def write(self, name: str, content: bytes, *, writer: str) -> object:
        """Replace a whole file atomically."""
        ...


class MemoryFundamentals:
    """Metrics that were handed in; of any other symbol, or before their day, nothing is known.

    Parameters
    ----------
    known
        Metrics by symbol.
    label
        Who says so.
    """

    __slots__ = ("_known", "label")

    def __init__(self, known: Mapping[str, Fundamentals], label: str = "memory") -> None:
        self._known = dict(known)
        self.label = label

    def fundamentals(self, symbol: str, day: date) -> Fundamentals:
        """Return what is known of a symbol on a day; unknown metrics are None."""
        found = self._known.get(symbol)
        if found is None or found.dated > day:
            return metrics_of(symbol, {}, dated=day, source=self.label)
        return found


class DayCache:
    """Asks a source once per symbol and day, and keeps the answers in the day's cache file.

    What another process fetched from the same source on the day is used; a file that cannot be read
    is fetched anew.

    Parameters
    ----------
    source
        Who is asked.
    door
        The door to the cache file of `day`.
    day
        The exchange day, which is also the UTC date of its trading.
    clock
        The control clock, by which an answer grows old.
    """

    __slots__ = ("_cache", "_day", "_source", "label")

    def __init__(
        self, source: FundamentalsSource, door: CacheDoor, day: date, clock: Clock
    ) -> None:
        self.label = source.label
        self._source = source
        self._day = day
        self._cache = SessionCache(
            clock,
            ttl_s=TTL_S,
            max_bytes=MAX_BYTES,
            shelf=_DayFile(door),
            head={"date": day.isoformat(), "source": source.label},
            rows_name="symbols",
        )

    def fundamentals(self, symbol: str, day: date) -> Fundamentals:
        """Return a symbol's metrics; another day than the cache's is asked of the source."""
        if day != self._day:
            return self._source.fundamentals(symbol, day)
        row = self._cache.get(symbol)
        known = _of_row(symbol, row) if row is not None else None
        if known is None:
            known = self._source.fundamentals(symbol, day)
            self._cache.put(symbol, _row_of(known))
        return known

    def usage(self) -> Usage:
        """Return what the cache holds, its size and how often it knew the answer."""
        return self._cache.usage()


class _DayFile:
    """The cache file of one day as `rigd.net.cache.Shelf`."""

    __slots__ = ("_door",)

    def __init__(self, door: CacheDoor) -> None:
        self._door = door

    def read(self) -> bytes:
        """Return its content, blank when it does not exist."""
        return self._door.read(CACHE)

    def write(self, content: bytes) -> None:
        """Replace it atomically."""
        self._door.write(CACHE, content, writer=WRITER)


def metrics_of(symbol: str, named: Mapping[str, Any], *, dated: date, source: str) -> Fundamentals:
    """Return the metrics that Finnhub's names carry.

    Parameters
    ----------
    symbol
        Whose.
    named
        Values by the names of `METRICS`; others are ignored, missing and null ones unknown.
    dated, source
        The day for which they are known, and who says so.

    Returns
    -------
    Fundamentals
        The three metrics.

    Raises
    ------
    DataError
        If a metric is no finite number.
    """
    values = {field: _number(symbol, name, named.get(name)) for field, name in METRICS.items()}
    return Fundamentals(symbol=symbol, dated=dated, source=source, **values)


def read_fundamentals(path: Path) -> MemoryFundamentals:
    """Read a file of metrics.

    Parameters
    ----------
    path
        JSON as the module describes it.

    Returns
    -------
    MemoryFundamentals
        Every symbol of the file, known from its date on.

    Raises
    ------
    DataError
        If the file is missing or malformed.
    """
    try:
        content = path.read_bytes()
        held = json.loads(content)
        source, dated = str(held["source"]), date.fromisoformat(held["dated"])
        known = {
            require_symbol(symbol): metrics_of(symbol, named, dated=dated, source=source)
            for symbol, named in held["metrics"].items()
        }
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"{path.name} must hold source, dated and metrics by symbol: {error!r}"
        raise DataError(msg, fix="write it as rigd.market.fundamentals describes") from error
    digest = hashlib.sha256(content).hexdigest()[:16]
    return MemoryFundamentals(known, f"{source} {dated.isoformat()} {digest}")


def find_fundamentals(folder: Path) -> MemoryFundamentals | None:
    """Return the metrics that lie in a folder of data, None when there are none."""
    path = folder / FILE
    return read_fundamentals(path) if path.is_file() else None


def _number(symbol: str, name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        msg = f"{name} of {symbol} must be a number or null, was {value!r}"
        raise DataError(msg)
    return float(value)


def _of_row(symbol: str, row: Mapping[str, Any]) -> Fundamentals | None:
    """Return the metrics in a row of the cache; None when it is malformed."""
    try:
        dated = date.fromisoformat(row["dated"])
        return metrics_of(symbol, row, dated=dated, source=str(row["source"]))
    except (KeyError, TypeError, ValueError, DataError):
        return None


def _row_of(known: Fundamentals) -> dict[str, Any]:
    return {
        "dated": known.dated.isoformat(),
        "source": known.source,
        **{name: getattr(known, field) for field, name in METRICS.items()},
    }
