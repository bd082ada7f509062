"""What is shown of the tuning tables: one row per value of a strategy's trigger, and the advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rigd.reporting.page import block, table_html
from rigd.reporting.tables import Table
from rigd.reporting.text import escape
from rigd.reporting.tuning import COLUMNS, cell_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def tuning_table(rows: Sequence[Mapping[str, Any]], title: str = "tuning") -> Table:
    """Return the rows of `reporting.tuning.table` as text; ``-`` where there is nothing."""
    cells = tuple(tuple(cell_text(row[name]) or "-" for name in COLUMNS) for row in rows)
    return Table(title, COLUMNS, cells, frozenset(range(len(COLUMNS) - 1)))


def advice(document: Mapping[str, Any]) -> str:
    """Return the recommended value with what it rests on, one line."""
    found = document["recommendation"]
    value = f"{found['key']}={found['value']}: " if found["value"] else ""
    return f"{value}{found['reason']}"


def strategy(document: Mapping[str, Any]) -> str:
    """Return one strategy's table and advice as an HTML fragment."""
    title = f"{document['strategy']}: {document['trigger']}"
    table = table_html(tuning_table(document["table"], title))
    return block(f"{table}<p>{escape(advice(document))}</p>")


def runs(document: Mapping[str, Any]) -> str:
    """Return the runs that a strategy's table was made of."""
    rows = tuple(
        (
            run["session"],
            run["mode"],
            run["value"],
            str(run["trades"]),
            str(run["wins"]),
            str(run["pnl"]),
        )
        for run in document["runs"]
    )
    columns = ("Session", "Mode", "Value", "Trades", "Won", "PnL")
    title = f"Runs of {document['strategy']}"
    return block(table_html(Table(title, columns, rows, frozenset({2, 3, 4, 5}))))
