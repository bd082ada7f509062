"""Append-only logs: a header where CSV needs one, and no row twice after a restart."""

from __future__ import annotations

import csv
import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.config.choices import LogFormat
from rigd.reporting.rows import Field, header_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rigd.reporting.outputs import Outputs


class LogAppender:
    """Appends rows of one schema to logs of one writer.

    A log gets at most one row per journal entry, so the last row's ``seq`` tells where to go on
    after a crash.

    Parameters
    ----------
    outputs
        The door to the standing files.
    fields
        The schema of the rows.
    writer
        The module that owns the logs.
    written
        Per log the last ``seq`` of this session that it holds already, from `last_seq`; rows up
        to there are not written again.
    titled
        The logs whose CSV header stands already.
    """

    def __init__(
        self,
        outputs: Outputs,
        fields: Sequence[Field],
        *,
        writer: str,
        written: Mapping[str, int] = MappingProxyType({}),
        titled: Iterable[str] = (),
    ) -> None:
        self._outputs = outputs
        self._fields = fields
        self._writer = writer
        self._written = dict(written)
        self._titled = set(titled)

    def append(self, name: str, line: str, *, seq: int, log_format: LogFormat) -> None:
        """Append the row of journal record `seq` to a log, unless the log holds it already."""
        if seq <= self._written.get(name, 0):
            return
        if log_format is LogFormat.CSV and name not in self._titled:
            self._outputs.append_line(name, header_line(self._fields), writer=self._writer)
            self._titled.add(name)
        self._outputs.append_line(name, line, writer=self._writer)
        self._written[name] = seq


def whole_logs(
    lines: Iterable[tuple[str, str]], fields: Sequence[Field], log_format: LogFormat
) -> dict[str, bytes]:
    """Return (log name, line) pairs as whole files by log name, with a header where CSV needs it."""
    title = [header_line(fields)] if log_format is LogFormat.CSV else []
    texts: dict[str, list[str]] = {}
    for name, line in lines:
        texts.setdefault(name, list(title)).append(line)
    return {name: "".join(f"{line}\n" for line in body).encode() for name, body in texts.items()}


def last_seq(tail: bytes, session: str, fields: Sequence[Field]) -> int:
    """Return the number of the last journal record that a log shows of a session.

    Parameters
    ----------
    tail
        The end of the log file; it may begin inside a line and hold rows of other sessions. A
        last line without its line end counts as not written.
    session
        The session's name, ``YYYY-MM-DD_n``.
    fields
        The schema of the log, with the fields ``session`` and ``seq``.

    Returns
    -------
    int
        The highest ``seq`` of the session's whole rows, 0 when there is none.
    """
    names = [field.name for field in fields]
    lines = tail.decode(errors="replace").split("\n")[:-1]
    return max((_seq_of(line, session, names) for line in lines), default=0)


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
