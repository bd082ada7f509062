"""What is shown of a study: one HTML fragment each, the same for the same document.

Digests, the study's name and the register's head are in `origin` alone: they follow from the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rigd.reporting.page import block, table_html
from rigd.reporting.tables import Table, pairs_table
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_TRIALS = 10
"""Trials in a table; the study's file has all."""
_DIGITS = 6


def heading(study: Mapping[str, Any]) -> str:
    """Return the title: what was searched, on which days, and the verdict."""
    window = study["window"]
    verdict = "approvable" if study["approvable"] else "not approvable"
    title = f"<h1>Study of {escape(study['strategy'])}: {verdict}</h1>"
    label = f'<p class="muted">Data: {escape(study["data_label"])}. {escape(study["host"])}.</p>'
    facts = (
        ("Days", f"{window['first']} to {window['last']}, {window['days']} sessions"),
        ("Search", f"{study['method']}, {len(study['trials'])} trials"),
        ("Looked for", ", ".join(f"{d} {name}" for name, d in study["objectives"].items())),
        ("Trials ever made on the strategy", str(study["register"]["trials"])),
        ("Chosen", _params(study["chosen"])),
    )
    return block(title + label + table_html(pairs_table("Study", facts), title=False))


def findings(study: Mapping[str, Any]) -> str:
    """Return each rule of the verdict with what was found."""
    rows = tuple(
        (row["rule"], _figure(row["found"]), row["limit"], "yes" if row["holds"] else "no")
        for row in study["findings"]
    )
    table = Table("May it be approved?", ("Rule", "Found", "Asked", "Holds"), rows, frozenset({1}))
    return block(table_html(table))


def trials(study: Mapping[str, Any]) -> str:
    """Return the best trials by the first objective."""
    first, direction = next(iter(study["objectives"].items()))
    ranked = sorted(
        study["trials"],
        key=lambda row: float(row[first] or 0.0) * (-1.0 if direction == "maximize" else 1.0),
    )
    return block(table_html(_trials(f"Best trials by {first}", ranked[:MOST_TRIALS])))


def front(study: Mapping[str, Any]) -> str:
    """Return the trials that nobody beats; the first one is chosen."""
    return block(table_html(_trials("Beaten by none", study["front"][:MOST_TRIALS])))


def walk_forward(study: Mapping[str, Any]) -> str:
    """Return what each fold chose on its past and earned on the days after it."""
    rows = tuple(
        (
            f"{first}-{cut}",
            f"{cut}-{end}",
            _params(step),
            _figure(step["gain"]),
            str(step["trades"]),
        )
        for step in study["walk_forward"]
        for first, cut, end in [step["days"]]
    )
    columns = ("Chosen on days", "Earned on days", "Parameters", "Gain", "Trades")
    return block(table_html(Table("Walk-forward", columns, rows, frozenset({3, 4}))))


def origin(study: Mapping[str, Any]) -> str:
    """Return what the study follows from, as digests."""
    pairs = [("study", str(study["study"]))]
    pairs += [(name, str(value)) for name, value in study["hashes"].items()]
    pairs.append(("register", " ".join(str(part) for part in study["register"]["head"])))
    return block(table_html(pairs_table("Follows from", pairs)))


def _trials(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = tuple(
        (
            str(row["number"]),
            _params(row),
            _figure(row["sharpe"]),
            _figure(row["gain"]),
            _figure(row["drawdown"]),
            str(row["trades"]),
        )
        for row in rows
    )
    columns = ("Trial", "Parameters", "Sharpe a year", "Gain", "Drawdown", "Trades")
    return Table(title, columns, cells, frozenset({0, 2, 3, 4, 5}))


def _params(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in row["params"].items())


def _figure(value: object) -> str:
    return "n/a" if value is None else f"{float(str(value)):.{_DIGITS}f}"
