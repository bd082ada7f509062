"""Text that leaves the program: one escape per destination, so that no value can break out.

HTML goes through `escape`, CSV through `csv_line`, JSON through `json_text`, and anything that has
to stay on one line through `one_line`.
"""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from rigd.core.clock import iso
from rigd.core.lines import one_line
from rigd.core.money import plain

_FORMULA_STARTS = ("=", "+", "-", "@")


def escape(value: object) -> str:
    """Return any value as text that is safe in HTML, both as content and in a quoted attribute."""
    return html.escape(one_line(shown(value)), quote=True)


def shown(value: object) -> str:
    """Return a value as a person reads it: plain decimals, ISO instants, blank for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return iso(value)
    return str(value)


def csv_line(values: Sequence[str]) -> str:
    """Return one CSV record without its line end; cells are made by `csv_text` or are numbers."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


def csv_text(text: str) -> str:
    """Return text as a CSV cell that no spreadsheet takes for a formula."""
    cell = one_line(text)
    return "'" + cell if cell.lstrip().startswith(_FORMULA_STARTS) else cell


def json_text(value: object) -> str:
    r"""Return a value as JSON on one line, ASCII only; decimals become numbers, digit for digit.

    Parameters
    ----------
    value
        Mappings with text keys, sequences, text, integers, booleans, decimals, dates, instants or
        None. Binary floats are refused: they have no exact text.

    Returns
    -------
    str
        Compact JSON; instants as ISO 8601 with ``Z``.

    Raises
    ------
    TypeError
        If a value of another type occurs.
    """
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(str(value))
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return f'"{iso(value)}"'
    if isinstance(value, date):
        return f'"{value.isoformat()}"'
    if isinstance(value, Mapping):
        pairs = (f"{json_text(str(key))}:{json_text(item)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    msg = f"JSON output must be made of plain exact values, was {type(value).__name__}"
    raise TypeError(msg)


def json_document(value: object) -> bytes:
    """Return a value as an indented JSON file, ASCII only, with a final newline."""
    return (_indented(value, "") + "\n").encode()


def _indented(value: object, margin: str) -> str:
    inner = margin + "  "
    if isinstance(value, Mapping) and value:
        lines = (f"{inner}{json_text(str(k))}: {_indented(v, inner)}" for k, v in value.items())
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        lines = (inner + _indented(item, inner) for item in value)
        return "[\n" + ",\n".join(lines) + f"\n{margin}]"
    return json_text(value)
