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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.core.ports import FundamentalsSource

WRITER = "rigd.market.fundamentals"
CACHE = "fundamentals.json"
"""The cache's name in the output table."""
FILE = "fundamentals.json"
"""The file's name in a folder of data."""

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
    is fetched anew, for a cache holds nothing that cannot be had again.

    Parameters
    ----------
    source
        Who is asked.
    door
        The door to the cache file of `day`.
    day
        The exchange day, which is also the UTC date of its trading.
    """

    __slots__ = ("_day", "_door", "_known", "_source", "label")

    def __init__(self, source: FundamentalsSource, door: CacheDoor, day: date) -> None:
        self.label = source.label
        self._source = source
        self._door = door
        self._day = day
        self._known: dict[str, Fundamentals] | None = None

    def fundamentals(self, symbol: str, day: date) -> Fundamentals:
        """Return a symbol's metrics; another day than the cache's is asked of the source."""
        if day != self._day:
            return self._source.fundamentals(symbol, day)
        if self._known is None:
            self._known = _kept(self._door.read(CACHE), day, self.label)
        found = self._known.get(symbol)
        if found is None:
            found = self._source.fundamentals(symbol, day)
            self._known[symbol] = found
            self._door.write(CACHE, _cache_bytes(self._known, day, self.label), writer=WRITER)
        return found


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


def _kept(content: bytes, day: date, label: str) -> dict[str, Fundamentals]:
    """Return what a cache file holds of a day and a source; nothing when it is broken."""
    try:
        held = json.loads(content)
        if (held["date"], held["source"]) != (day.isoformat(), label):
            return {}
        return {
            symbol: metrics_of(
                symbol,
                row,
                dated=date.fromisoformat(row["dated"]),
                source=str(row["source"]),
            )
            for symbol, row in held["symbols"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError, DataError):
        return {}


def _cache_bytes(known: Mapping[str, Fundamentals], day: date, label: str) -> bytes:
    rows = {
        symbol: {
            "dated": each.dated.isoformat(),
            "source": each.source,
            **{name: getattr(each, field) for field, name in METRICS.items()},
        }
        for symbol, each in known.items()
    }
    content = {"date": day.isoformat(), "source": label, "symbols": rows}
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"
