"""Keep what a service answered for a while: in memory, bounded, and in a file for the next process.

Source: document stability, "Session-Based Caching" (INVENTORY N9). Values are JSON objects and
nothing else: a file that anybody could change must not be able to run code. A cache holds nothing
that cannot be had again, so a file that is broken or speaks of something else counts as empty.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rigd.core.clock import from_iso, iso
from rigd.core.errors import ConfigError, DataError, LogicError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.core.ports import Clock

MAX_BYTES = 8_000_000
"""The most that one cache keeps unless another bound is given [bytes]."""

FETCHED_AT = "fetched_at"
"""The name in the file under which each row says when it was fetched."""


class Shelf(Protocol):
    """One registered output file, read and replaced as a whole."""

    def read(self) -> bytes:
        """Return the file's content, blank when it does not exist."""
        ...

    def write(self, content: bytes) -> None:
        """Replace the file atomically."""
        ...


class Usage(NamedTuple):
    """What a cache holds and how it was used since it was opened."""

    rows: int
    size_bytes: int
    hits: int
    misses: int
    expired: int
    evicted: int


class _Row(NamedTuple):
    """One answer as JSON, and when it was fetched."""

    text: bytes
    fetched_at: datetime


class SessionCache:
    """Answers by key, safe to share between threads.

    A row is older than it may be when its time to live has passed, and also when it was fetched
    later than now: then the clock of one of the two was wrong. Where a new row would not fit, the
    rows that were not asked for the longest make room.

    Parameters
    ----------
    clock
        Says when a row was fetched, and its age.
    ttl_s
        How long a row is good [s].
    max_bytes
        The most that keys and values take as JSON [bytes].
    shelf
        Where rows outlive the process; None where they need not.
    head
        What the file says of itself; a file that says something else is not read.
    rows_name
        The name of the rows in the file.

    Raises
    ------
    ConfigError
        If the time to live or the bound is not positive.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ttl_s: float,
        max_bytes: int = MAX_BYTES,
        shelf: Shelf | None = None,
        head: Mapping[str, str] = MappingProxyType({}),
        rows_name: str = "rows",
    ) -> None:
        if not ttl_s > 0.0 or max_bytes < 1:
            msg = f"a cache must keep rows above 0 s and 1 byte, was {ttl_s} s and {max_bytes}"
            raise ConfigError(msg)
        self._clock = clock
        self._ttl = timedelta(seconds=ttl_s)
        self._max_bytes = max_bytes
        self._shelf = shelf
        self._head = dict(head)
        self._rows_name = rows_name
        self._lock = RLock()
        self._rows: OrderedDict[str, _Row] | None = None
        self._size = self._hits = self._misses = self._expired = self._evicted = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a copy of the row of a key; None when there is none that is young enough."""
        with self._lock:
            rows = self._opened()
            row = rows.get(key)
            if row is not None and not self._is_good(row):
                self._expired += 1
                self._drop(key)
                row = None
            if row is None:
                self._misses += 1
                return None
            self._hits += 1
            rows.move_to_end(key)
        found: dict[str, Any] = json.loads(row.text)
        return found

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a row, and the file with it.

        Parameters
        ----------
        key
            Under which it is asked for.
        value
            A JSON object; one that is larger than the whole bound is not kept.

        Raises
        ------
        LogicError
            If it is no JSON object, or has a field of the cache's own.
        StorageError
            If the disk refuses; the row is kept in memory.
        """
        text = _text(key, value)
        with self._lock:
            self._opened()
            self._insert(key, _Row(text, self._clock.now()))
            if self._shelf is not None:
                self._shelf.write(self._content())

    def usage(self) -> Usage:
        """Return what it holds, its size and how often it knew the answer."""
        with self._lock:
            return Usage(
                rows=len(self._opened()),
                size_bytes=self._size,
                hits=self._hits,
                misses=self._misses,
                expired=self._expired,
                evicted=self._evicted,
            )

    def _is_good(self, row: _Row) -> bool:
        return timedelta(0) <= self._clock.now() - row.fetched_at < self._ttl

    def _opened(self) -> OrderedDict[str, _Row]:
        if self._rows is None:
            self._rows = OrderedDict()
            for key, row in sorted(self._kept().items(), key=lambda item: item[1].fetched_at):
                if self._is_good(row):
                    self._insert(key, row)
        return self._rows

    def _insert(self, key: str, row: _Row) -> None:
        rows = self._opened()
        if key in rows:
            self._drop(key)
        if _size(key, row) > self._max_bytes:
            self._evicted += 1
            return
        rows[key] = row
        self._size += _size(key, row)
        while self._size > self._max_bytes:
            self._evicted += 1
            self._drop(next(iter(rows)))

    def _drop(self, key: str) -> None:
        rows = self._opened()
        self._size -= _size(key, rows.pop(key))

    def _kept(self) -> dict[str, _Row]:
        """Return what the file holds; nothing when it is broken or another one's."""
        if self._shelf is None:
            return {}
        try:
            held = json.loads(self._shelf.read())
            named = held.pop(self._rows_name)
            if held != self._head:
                return {}
            return {
                key: _Row(_text(key, row), from_iso(fetched))
                for key, row, fetched in ((k, r, r.pop(FETCHED_AT)) for k, r in named.items())
            }
        except (AttributeError, KeyError, TypeError, ValueError, DataError, LogicError):
            return {}

    def _content(self) -> bytes:
        rows = {
            key: {**json.loads(row.text), FETCHED_AT: iso(row.fetched_at)}
            for key, row in self._opened().items()
        }
        content = {**self._head, self._rows_name: rows}
        return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def _size(key: str, row: _Row) -> int:
    return len(key.encode()) + len(row.text)


def _text(key: str, value: Mapping[str, Any]) -> bytes:
    if FETCHED_AT in value:
        msg = f"{FETCHED_AT} is the cache's own field, found it in the row of {key}"
        raise LogicError(msg)
    try:
        return json.dumps(dict(value), sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        msg = f"the row of {key} must be a JSON object: {error}"
        raise LogicError(msg) from error
