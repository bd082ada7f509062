"""The output files in memory, with the owner check of the real table."""

from __future__ import annotations

from rigd.core.errors import ForeignWriter
from rigd.store.registry import output


class FakeOutputs:
    """Whole files and logs by name; refuses a foreign writer as the real registry does."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.writes: list[str] = []

    def write(self, name: str, content: bytes, *, writer: str) -> None:
        """Replace a whole file."""
        self._check(name, writer)
        self.writes.append(name)
        self.files[name] = content

    def append_line(self, name: str, line: str, *, writer: str) -> None:
        """Append one line, which must not hold a line end."""
        self._check(name, writer)
        assert "\n" not in line
        assert "\r" not in line
        self.writes.append(name)
        self.files[name] = self.files.get(name, b"") + line.encode() + b"\n"

    def read(self, name: str) -> bytes:
        """Return a file's content, blank when it does not exist."""
        return self.files.get(name, b"")

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file."""
        return self.read(name).decode().splitlines()

    @staticmethod
    def _check(name: str, writer: str) -> None:
        owner = output(name).writer
        if writer != owner:
            msg = f"{name} is written by {owner} alone, not by {writer}"
            raise ForeignWriter(msg)
