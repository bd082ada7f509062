"""What the logs page shows: exactly the files that the output table marks "shown" (document 070).

A file is read from its end, in a window of bounded size, so that a log of gigabytes costs as much
as a small one (FAULTS §4.7 S12). Files are asked for by their name in the table, never by a path.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import LogicError
from rigd.core.lines import one_line
from rigd.store.registry import OUTPUTS, Registry

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.core.values import BotIdentity
    from rigd.store.paths import Home
    from rigd.store.registry import Output

WINDOW_BYTES = 1024 * 1024
"""The most that is read of a file at once [bytes]."""
LINE_CHARACTERS = 2000
"""The most that is shown of a line."""
TEST_RUNNER = "integration_test_runner"
TROUBLES = ("error_tracebacks.log", "main_bot.log")
"""Where errors are told."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogFile(NamedTuple):
    """A shown file: its name in the table, folder, script of the documents and size [bytes]."""

    name: str
    folder: str
    alias: str
    size: int | None


class Line(NamedTuple):
    """One row of a log as a person reads it; `raw` is the row as it was written."""

    at: str
    level: str
    event: str
    text: str
    raw: str


def shown_outputs() -> tuple[Output, ...]:
    """Return the rows of the output table that the logs page shows, in the table's order."""
    return tuple(row for row in OUTPUTS if row.shown)


OF_BOT = frozenset(row.name for row in OUTPUTS if row.shown and "{bot}" in row.path_template)
"""Shown files that belong to a bot."""


def test_log() -> str:
    """Return the name of the log that a run of tests writes."""
    return next(row.name for row in OUTPUTS if row.alias == TEST_RUNNER and row.shown)


def listing(home: Home, identity: BotIdentity | None) -> list[LogFile]:
    """Return the shown files with their sizes; None for one that does not exist (yet).

    Parameters
    ----------
    home, identity
        Whose files; without a bot its own files are left out.

    Returns
    -------
    list of LogFile
        In the order of the table.
    """
    found = []
    for row in shown_outputs():
        of_bot = "{bot}" in row.path_template
        if of_bot and identity is None:
            continue
        path = Registry(home, identity).path(row.name)
        size = path.stat().st_size if _is_plain(path) else None
        found.append(LogFile(row.name, "bot" if of_bot else "system", row.alias, size))
    return found


def path_of(home: Home, identity: BotIdentity | None, name: str) -> Path:
    """Return where a shown file lies.

    Parameters
    ----------
    home, identity
        Whose file.
    name
        Its name in the output table.

    Returns
    -------
    Path
        The file, whether it exists or not.

    Raises
    ------
    LogicError
        If the logs page does not show such a file.
    """
    if name not in {row.name for row in shown_outputs()}:
        msg = f"a log must be one of those that the logs page shows, was {name[:80]!r}"
        raise LogicError(msg)
    return Registry(home, identity).path(name)


def tail(path: Path, most: int = 400, *, containing: str = "", level: str = "") -> list[Line]:
    """Return the last rows of a file that hold a text.

    Parameters
    ----------
    path
        Of `path_of`; a missing file has no rows, a link is not followed.
    most
        How many rows.
    containing
        A text that each row holds, in any case; blank for every row.
    level
        The least severe level; blank for every row. Rows without a level are kept.

    Returns
    -------
    list of Line
        Oldest first.
    """
    if not _is_plain(path):
        return []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - WINDOW_BYTES))
        window = file.read(WINDOW_BYTES)
    rows = window.decode("utf-8", "replace").split("\n")
    rows = rows[1:] if size > WINDOW_BYTES else rows
    wanted = containing.casefold()
    found: list[Line] = []
    for row in reversed(rows):
        if row.strip() and wanted in row.casefold():
            line = parsed(row)
            if _is_severe(line.level, level):
                found.append(line)
                if len(found) == most:
                    break
    return found[::-1]


def parsed(row: str) -> Line:
    """Return one row in its parts; what is no JSON object is all text."""
    raw = one_line(row[:LINE_CHARACTERS])
    try:
        held = json.loads(row)
    except (ValueError, RecursionError):
        return Line("", "", "", raw, raw)
    if not isinstance(held, dict):
        return Line("", "", "", raw, raw)
    known = ("timestamp", "level", "event", "message")
    at, level, event, message = (one_line(str(held.get(name) or "")) for name in known)
    if not message:
        rest = {k: v for k, v in held.items() if k not in known and v not in (None, "", [], {})}
        message = ", ".join(f"{key} {_short(value)}" for key, value in rest.items())
    return Line(at, level, event, one_line(message)[:LINE_CHARACTERS], raw)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_severe(level: str, least: str) -> bool:
    if not least or level not in LEVELS or least not in LEVELS:
        return True
    return LEVELS.index(level) >= LEVELS.index(least)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
