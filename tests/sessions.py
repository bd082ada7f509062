"""Whole sessions in this process, each in a home of its own, for the tests that need one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.events import Entry
from rigd.hosts import session

if TYPE_CHECKING:
    from rigd.hosts.request import SessionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """An ended session: its home, its folder, its journal and its printed summary."""

    home: Path
    folder: Path
    entries: tuple[Entry, ...]
    summary: str

    def records(self, kind: type) -> list:
        """The records of one kind, in order."""
        return [entry.record for entry in self.entries if isinstance(entry.record, kind)]


def run_session(
    home: Path, request: SessionRequest | None = None, env_text: str = "", *, stop: bool = False
) -> Ran:
    """Run a session to its end; `env_text` becomes the settings file of a fresh home.

    With `stop` it is asked to stop as soon as it runs.
    """
    if env_text:
        (home / "env").mkdir(parents=True)
        (home / "env" / ".env_bot").write_text(env_text, encoding="utf-8")
    handle = session.start(str(home), request.to_json() if request else "")
    if stop:
        handle.stop("a test asks")
    handle.wait()
    return Ran(
        home=home,
        folder=handle.folder,
        entries=tuple(handle.entries),
        summary=handle.summary(),
    )
