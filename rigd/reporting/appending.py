"""Append-only logs: a header where CSV needs one, and no row twice after a restart."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from rigd.config.choices import LogFormat
from rigd.reporting.header import log_format_of, session_key
from rigd.reporting.rows import Field, header_line
from rigd.store.registry import COPIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.core.events import SessionStarted
    from rigd.reporting.outputs import Outputs


class LogAppender:
    """Appends rows of one schema to logs of one writer, and keeps the session's own copies.

    A log gets at most one row per journal entry, so the last row's ``seq`` tells where to go on
    after a crash: rows that a log holds already are not written again.

    Parameters
    ----------
    outputs
        The door to the standing files.
    fields
        The schema of the rows.
    writer
        The module that owns the logs.
    """

    def __init__(self, outputs: Outputs, fields: Sequence[Field], *, writer: str) -> None:
        self._outputs = outputs
        self._fields = fields
        self._writer = writer
        self._written: dict[str, int] = {}
        self._lines: list[tuple[str, str]] = []

    def append(self, name: str, line: str, *, seq: int, started: SessionStarted) -> None:
        """Append the row of journal record `seq` to a log, unless the log holds it already."""
        self._lines.append((name, line))
        self.open(name, started)
        if seq > self._written[name]:
            self._outputs.append_line(name, line, writer=self._writer)
            self._written[name] = seq

    def write_copies(self, started: SessionStarted) -> None:
        """Write the session's part of each log into the session's folder."""
        log_format = log_format_of(started)
        logs = whole_logs(self._lines, self._fields, log_format)
        for name in self._written:
            if name in COPIED:
                content = logs.get(name, b"")
                self._outputs.write(f"session/{name}", content, writer=self._writer)

    def open(self, name: str, started: SessionStarted) -> None:
        """Make a log exist, with its title where it is CSV, and find where it stops."""
        if name in self._written:
            return
        content = self._outputs.read(name)
        title = header_line(self._fields)
        self._written[name] = last_seq(content, session_key(started), self._fields)
        if log_format_of(started) is LogFormat.CSV:
            if title.encode() not in content:
                self._outputs.append_line(name, title, writer=self._writer)
        elif not content:
            self._outputs.write(name, b"", writer=self._writer)


def whole_logs(
    lines: Iterable[tuple[str, str]], fields: Sequence[Field], log_format: LogFormat
) -> dict[str, bytes]:
    """Return (log name, line) pairs as whole files, with a header where CSV needs it."""
    title = [header_line(fields)] if log_format is LogFormat.CSV else []
    texts: dict[str, list[str]] = {}
    for name, line in lines:
        texts.setdefault(name, list(title)).append(line)
    return {name: "".join(f"{line}\n" for line in body).encode() for name, body in texts.items()}


def last_seq(content: bytes, session: str, fields: Sequence[Field]) -> int:
    """Return the number of the last journal record that a log shows of a session.

    Parameters
    ----------
    content
        The log file or its end; it may hold rows of other sessions. A last line without its line
        end counts as not written.
    session
        The session's name, ``YYYY-MM-DD_n``.
    fields
        The schema of the log, with the fields ``session`` and ``seq``.

    Returns
    -------
    int
        The ``seq`` of the session's last whole row, 0 when there is none.
    """
    if session.encode() not in content:
        return 0
    names = [field.name for field in fields]
    for line in reversed(content.decode(errors="replace").split("\n")[:-1]):
        seq = _seq_of(line, session, names)
        if seq:
            return seq
    return 0


def _seq_of(line: str, session: str, names: Sequence[str]) -> int:
    row = _json_row(line) if line.startswith("{") else _csv_row(line, names)
    seq = str(row.get("seq", ""))
    return int(seq) if row.get("session") == session and seq.isdecimal() else 0


def _json_row(line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _csv_row(line: str, names: Sequence[str]) -> dict[str, object]:
    cells = next(csv.reader([line]), [])
    return dict(zip(names, cells, strict=True)) if len(cells) == len(names) else {}
