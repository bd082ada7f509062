"""The trace of a run: every event in its order, and the hash that two runs must share (I-20)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Trace:
    """Events in their order.

    Parameters
    ----------
    keep
        Whether the lines are kept beside the hash.
    """

    __slots__ = ("_hash", "count", "lines", "now")

    def __init__(self, *, keep: bool = False) -> None:
        self._hash = hashlib.sha256()
        self.count = 0
        self.lines: list[str] | None = [] if keep else None
        self.now = ""

    def at(self, instant: datetime) -> None:
        """Note the instant of the events that follow."""
        self.now = instant.isoformat()

    def add(self, kind: str, text: str) -> None:
        """Add one event."""
        self.count += 1
        line = f"{self.count} {self.now} {kind} {text}\n"
        self._hash.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    def digest(self) -> str:
        """Return the SHA-256 over all events so far, hexadecimal."""
        return self._hash.hexdigest()
