"""The door to the standing files: what reporting needs of `rigd.store.registry`."""

from __future__ import annotations

from typing import Protocol


class Outputs(Protocol):
    """Files by their name in the output table; a foreign writer is refused."""

    def write(self, name: str, content: bytes, *, writer: str) -> object:
        """Replace a whole file atomically."""
        ...

    def append_line(self, name: str, line: str, *, writer: str) -> object:
        """Append one line to a log; the line carries no line end."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file, blank when it does not exist."""
        ...
