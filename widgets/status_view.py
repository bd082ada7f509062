"""status.json as a small table: what a person looks at first, in HTML or as plain text."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from rigd.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("bot", ("bot",)),
    ("session", ("session",)),
    ("data", ("data_label",)),
    ("status", ("status",)),
    ("state", ("state",)),
    ("reason", ("reason",)),
    ("risk mode", ("risk_mode",)),
    ("exchange time", ("market_time",)),
    ("PnL realised", ("pnl", "realised")),
    ("PnL unrealised", ("pnl", "unrealised")),
    ("trades", ("trades",)),
    ("float used", ("float", "used")),
    ("kill switch", ("kill_switch", "cause")),
    ("updated", ("updated_at",)),
)
"""Label and place in status.json of each line."""

UNKNOWN = "–"


def read_status(content: bytes) -> dict[str, Any]:
    """Return the status that a file holds.

    Parameters
    ----------
    content
        The bytes of status.json.

    Returns
    -------
    dict
        The JSON object.

    Raises
    ------
    DataError
        If it is no JSON object.
    """
    try:
        status = json.loads(content)
    except ValueError as error:
        msg = f"status.json must hold JSON: {error}"
        raise DataError(msg) from error
    if not isinstance(status, dict):
        msg = f"status.json must hold an object, was {type(status).__name__}"
        raise DataError(msg)
    return status


def lines(status: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return label and value of each line; what is not known is a dash."""
    return tuple((label, _text(status, path)) for label, path in ROWS)


def as_text(status: Mapping[str, Any]) -> str:
    """Return the table as plain text, one line per value."""
    width = max(len(label) for label, _ in ROWS)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in lines(status))


def as_html(status: Mapping[str, Any]) -> str:
    """Return the table as HTML; every value is escaped, so that no text of a log becomes markup."""
    rows = "".join(
        f"<tr><th>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>"
        for label, value in lines(status)
    )
    marks = html.escape(" ".join(str(mark) for mark in status.get("marks") or ()))
    return f'<table class="rigd-status"><caption>{marks}</caption>{rows}</table>'


def _text(status: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value: Any = status
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return UNKNOWN if value is None or value == "" else str(value)
