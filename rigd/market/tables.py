"""Read one file of csv, csv.gz or parquet as rows that know their line."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rigd.market.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import IO

SUFFIXES = (".csv", ".csv.gz", ".parquet")

_LONGEST_HEADER = 65_536
_MOST_BYTES = 256 << 20
"""What one file may hold, unpacked [bytes]: some ten years of one symbol's minutes."""
_MOST_ROWS = 4_000_000
"""What one parquet file may hold; packed, far more fit into a small file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one file.

    Parameters
    ----------
    source
        The file's name as messages show it.
    header
        Column names.
    rows
        Rows of texts, of parquet also numbers and times.
    first_line
        The line of the first row: 2 in a csv, below the header; 1 in parquet, which has none.
    plain
        Whether every text is plain ASCII without ``_``, so that ``float`` reads it strictly.
    """

    source: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    first_line: int
    plain: bool

    @property
    def number(self) -> Callable[[object], float]:
        """The function that reads a number of this table, or raises ValueError or TypeError."""
        return float if self.plain else strict_number  # type: ignore[return-value] # chosen by the column

    def columns(self, names: Sequence[str], findings: Findings) -> tuple[int, ...]:
        """Return where columns are; a missing or doubled one is a problem, and gives nothing.

        Parameters
        ----------
        names
            Wanted columns; ``a|b`` takes whichever is there.
        findings
            Takes the problems.

        Returns
        -------
        tuple of int
            Positions in the order of `names`; empty when a column is missing or doubled.
        """
        found = []
        for name in names:
            choices = name.split("|")
            at = [i for i, column in enumerate(self.header) if column in choices]
            if len(at) == 1:
                found.append(at[0])
                continue
            fault = "occurs more than once" if at else "is missing"
            message = f"the column {fault}; the header is {', '.join(self.header)[:200]}"
            findings.add(f"{self.source}:1", message, " or ".join(choices))
        return tuple(found) if len(found) == len(names) else ()


def strict_number(value: object) -> float:
    """Return the number that a field holds.

    Parameters
    ----------
    value
        A text or a number.

    Returns
    -------
    float
        Possibly NaN or infinite: the caller's rules refuse those.

    Raises
    ------
    ValueError
        If a text is no plain ASCII number; digits of other scripts and ``1_000`` are none.
    """
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        msg = f"could not convert string to float: {value!r}"
        raise ValueError(msg)
    return float(value)  # type: ignore[arg-type] # checked by the caller


def read_table(path: Path, source: str, findings: Findings) -> Table | None:
    """Read one file.

    Parameters
    ----------
    path
        A file whose name ends in one of SUFFIXES.
    source
        Its name in messages.
    findings
        Takes what is wrong: unreadable, no gzip, cut off, not UTF-8, empty, a row of another width.

    Returns
    -------
    Table or None
        None when it could not be read.
    """
    try:
        with _opened(path) as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        findings.add(source, f"the file must be readable: {error.strerror or error}")
        return None
    except (EOFError, zlib.error) as error:
        findings.add(source, f"the gzip file must be whole: {error}")
        return None
    if len(content) > _MOST_BYTES:
        message = f"the file must hold at most {_MOST_BYTES >> 20} MiB, unpacked; it holds more"
        findings.add(source, message)
        return None
    if path.name.endswith(".parquet"):
        return _read_parquet(content, source, findings)
    return _read_csv(content, source, findings)


def read_header(path: Path) -> tuple[str, ...]:
    """Return the column names of a file, reading no more than them; none when it cannot be read."""
    if path.name.endswith(".parquet"):
        table = read_table(path, path.name, Findings())
        return table.header if table else ()
    try:
        with _opened(path) as content:
            line = content.readline(_LONGEST_HEADER)
    except (OSError, EOFError, zlib.error):
        return ()
    return tuple(name.strip() for name in line.decode("utf-8-sig", "replace").split(","))


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    """Open a file for its bytes; a gzip file is unpacked as it is read."""
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")


def _read_csv(content: bytes, source: str, findings: Findings) -> Table | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.add(f"{source}:{line}", f"text must be UTF-8, byte {error.start} is not")
        return None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        rows.extend(reader)
    except csv.Error as error:
        findings.add(f"{source}:{reader.line_num}", f"the row must be csv: {error}")
        return None
    if reader.line_num != len(rows):
        line = _first_broken_line(text)
        findings.add(f"{source}:{line}", "a field must not contain a line break")
        return None
    while rows and not rows[-1]:
        rows.pop()
    if len(rows) < 2:
        found = "only a header" if rows else "nothing"
        findings.add(f"{source}:1", f"the file must hold a header and rows, held {found}")
        return None
    header, *body = rows
    if not _same_width(source, header, body, findings):
        return None
    plain = text.isascii() and text.count("_") == "".join(header).count("_")
    return Table(
        source=source,
        header=tuple(name.strip() for name in header),
        rows=body,
        first_line=2,
        plain=plain,
    )


def _first_broken_line(text: str) -> int:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    for number, _ in enumerate(reader, 1):
        if reader.line_num != number:
            return number
    return 1


def _same_width(
    source: str, header: Sequence[str], body: Sequence[Sequence[str]], findings: Findings
) -> bool:
    width = len(header)
    if set(map(len, body)) == {width}:
        return True
    for line, row in enumerate(body, 2):
        if len(row) != width:
            findings.add(f"{source}:{line}", f"a row must have {width} fields, had {len(row)}")
    return False


def _read_parquet(content: bytes, source: str, findings: Findings) -> Table | None:
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy, rarely needed
    from pyarrow import parquet  # noqa: PLC0415 - only where a file needs it

    try:
        held = parquet.ParquetFile(pa.BufferReader(content))
        if held.metadata.num_rows > _MOST_ROWS:
            findings.add(source, f"the file must hold at most {_MOST_ROWS} rows, held more")
            return None
        table = held.read()
        columns = [_as_python(column) for column in table.columns]
    except (pa.ArrowException, OSError) as error:
        findings.add(source, f"the file must be parquet with stamps to the microsecond: {error}")
        return None
    if not table.num_rows:
        findings.add(source, "the file must hold rows, held nothing")
        return None
    rows = list(zip(*columns, strict=True))
    return Table(
        source=source, header=tuple(table.column_names), rows=rows, first_line=1, plain=False
    )


def _as_python(column: Any) -> list[object]:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415 - only where a file needs it

    if pa.types.is_timestamp(column.type):
        zone = "UTC" if column.type.tz else None
        column = column.cast(pa.timestamp("us", zone))
    values: list[object] = column.to_pylist()
    return values
