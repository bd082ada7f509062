"""The summary that a session prints when it ends: what happened, what it made, what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.events import SessionClosed, TradeClosed, WindowPlanned
from rigd.core.lines import one_line
from rigd.reporting import tables
from rigd.reporting.funnel import explain_no_trade, funnels, warned
from rigd.reporting.header import marks_of, session_key, started_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.core.events import Entry
    from rigd.reporting.tables import Table

MAX_REASONS = 40
"""Reasons that the terminal shows; ``rigd why`` shows all of a symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryInputs:
    """What the summary cannot know from the journal.

    Parameters
    ----------
    books
        The ledger's answer in a few words, such as ``balanced, 12 transactions``.
    record
        Where the record of the session lies.
    next_steps
        What to do next, one command or sentence each.
    warnings
        What went wrong without stopping the session, such as a failed backup.
    """

    books: str
    record: str
    next_steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def session_summary(entries: Iterable[Entry], inputs: SummaryInputs) -> str:
    """Return the printed summary of a session.

    Parameters
    ----------
    entries
        The journal of the session.
    inputs
        What else is known.

    Returns
    -------
    str
        Plain text with a final newline; the same for the same arguments.
    """
    known = list(entries)
    started = started_of(known)
    marks = "".join(f" [{mark}]" for mark in marks_of(started))
    head = [
        f"Session {session_key(started)} of {started.bot}{marks}",
        f"Broker {started.broker}, data: {one_line(started.data_label)}",
        _end(known),
    ]
    blocks = [
        head,
        ["Funnel", *text_table(tables.funnel_table(known)), *_skipped(known)],
        ["Trades", *text_table(tables.trades_table(known))],
        *_reasons(known),
        _result(known, inputs),
    ]
    if inputs.next_steps:
        blocks.append(["Next", *(f"  {one_line(step)}" for step in inputs.next_steps)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _skipped(entries: Sequence[Entry]) -> list[str]:
    """Say why a window did not run: a row of zeros alone would leave it open."""
    return [
        f"  {entry.record.strategy} did not run: {one_line(entry.record.skipped)}"
        for entry in entries
        if isinstance(entry.record, WindowPlanned) and entry.record.skipped
    ]


def text_table(table: Table) -> list[str]:
    """Return a table as aligned lines of text, indented by two spaces."""
    if not table.rows:
        return [f"  {table.empty}"]
    cells = [[one_line(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    return [
        "  "
        + "  ".join(
            cell.rjust(widths[i]) if i in table.numeric else cell.ljust(widths[i])
            for i, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def _end(entries: Sequence[Entry]) -> str:
    closed = [entry.record for entry in entries if isinstance(entry.record, SessionClosed)]
    if not closed:
        return "Not closed yet"
    last = closed[-1]
    flat = "flat" if last.flat else "NOT FLAT"
    reason = one_line(last.exit_reason)
    return f"{last.status}, state {last.state}, {flat}: {reason} (exit code {last.exit_code})"


def _reasons(entries: Sequence[Entry]) -> list[list[str]]:
    if funnels(entries)[-1].trades:
        return []
    reasons = explain_no_trade(entries)
    shown = [f"  {reason}" for reason in reasons[:MAX_REASONS]]
    if len(reasons) > MAX_REASONS:
        shown.append(f"  and {len(reasons) - MAX_REASONS} more")
    return [["Why nothing traded", *(shown or ["  no window found a candidate"])]]


def _result(entries: Sequence[Entry], inputs: SummaryInputs) -> list[str]:
    started = started_of(entries)
    trades = [entry.record for entry in entries if isinstance(entry.record, TradeClosed)]
    pnl = sum((trade.pnl for trade in trades), Decimal(0))
    fees = sum((trade.commission for trade in trades), Decimal(0))
    return [
        f"PnL     {tables.signed(pnl)} {started.currency}, net of {tables.cents(fees)} commission",
        f"Books   {one_line(inputs.books)}",
        f"Record  {one_line(inputs.record)}",
        *(f"Warning {item.rule}: {item.reason}, {item.times} signals" for item in warned(entries)),
        *(f"Warning {one_line(warning)}" for warning in inputs.warnings),
    ]
