"""One schema per kind of row, as a table from which CSV and JSON are both made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from rigd.config.choices import LogFormat
from rigd.core.errors import LogicError
from rigd.reporting.text import csv_line, csv_text, json_text, shown

Value = str | int | bool | Decimal | datetime | Mapping[str, object] | None
"""What a cell may hold."""

Row = Mapping[str, Value]
"""Cells by field name."""


class Kind(StrEnum):
    """The type of a field."""

    TEXT = "text"
    DECIMAL = "decimal"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    OBJECT = "object"


_TYPES: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.DECIMAL: Decimal,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.INSTANT: datetime,
    Kind.OBJECT: Mapping,
}


class Field(NamedTuple):
    """One column: its name, type and meaning; `blank` allows rows without a value."""

    name: str
    kind: Kind
    meaning: str
    blank: bool = False


def make_row(fields: Sequence[Field], values: Row) -> dict[str, Value]:
    """Return a complete row in the order of the table.

    Parameters
    ----------
    fields
        The schema.
    values
        Cells by name; a field that may be blank may be missing.

    Returns
    -------
    dict
        One cell per field, None where it is blank.

    Raises
    ------
    LogicError
        If a cell is unknown, missing or of another type.
    """
    unknown = values.keys() - {field.name for field in fields}
    if unknown:
        msg = f"a row must have the fields of its schema, also found {sorted(unknown)}"
        raise LogicError(msg)
    return {field.name: _checked(field, values.get(field.name)) for field in fields}


def row_line(row: Row, fields: Sequence[Field], log_format: LogFormat) -> str:
    """Return one row as one line: a JSON object or a CSV record."""
    if log_format is LogFormat.JSON:
        return json_text({field.name: row[field.name] for field in fields})
    return csv_line([_csv_cell(field, row[field.name]) for field in fields])


def header_line(fields: Sequence[Field]) -> str:
    """Return the first line of a CSV file."""
    return csv_line([field.name for field in fields])


def table_bytes(rows: Iterable[Row], fields: Sequence[Field], log_format: LogFormat) -> bytes:
    """Return rows as a whole file: a JSON array with one object a line, or CSV with its header."""
    lines = [row_line(row, fields, log_format) for row in rows]
    if log_format is LogFormat.CSV:
        return "".join(f"{line}\n" for line in (header_line(fields), *lines)).encode()
    return ("[" + ",".join(f"\n{line}" for line in lines) + "\n]\n").encode()


def _checked(field: Field, value: Value) -> Value:
    if value is None:
        if field.blank:
            return None
        msg = f"{field.name} must have a value"
        raise LogicError(msg)
    kind = _TYPES[field.kind]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        msg = f"{field.name} must be {field.kind}, was {value!r}"
        raise LogicError(msg)
    return value


def _csv_cell(field: Field, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return csv_text(json_text(value))
    text = shown(value)
    return csv_text(text) if field.kind is Kind.TEXT else text
