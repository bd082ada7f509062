"""What a review shows beside the session's own blocks: states, decisions, orders, errors, files.

Each function takes the journal or values read from the record and returns a table or an HTML
fragment, the same for the same record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.events import (
    AlertRaised,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    ErrorCaptured,
    FillRecorded,
    OrderIntent,
    OrderUpdated,
    PoolRanked,
    Reconciled,
    RiskModeChanged,
    RiskTripped,
    SessionResumed,
    SettingsChanged,
    StateChanged,
    TradeClosed,
)
from rigd.core.money import ZERO, plain
from rigd.core.orders import OrdStatus
from rigd.reporting.equity import equity_curve, thinned
from rigd.reporting.funnel import why
from rigd.reporting.header import minutes_of, started_of
from rigd.reporting.page import block, table_html
from rigd.reporting.svg import equity_svg
from rigd.reporting.tables import Table, clock, pairs_table
from rigd.reporting.telling import Level, Memory, tell
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rigd.core.errors import Problem
    from rigd.core.events import Entry

MOST_ROWS = 200
"""Rows of one table in the review; the journal and the logs have all."""
MAX_CURVE_POINTS = 400

_LIFECYCLE = (
    SessionResumed,
    StateChanged,
    RiskModeChanged,
    RiskTripped,
    CommandObeyed,
    SettingsChanged,
    EmergencyMet,
    AlertRaised,
    DefenseChanged,
    Reconciled,
)


def lifecycle(entries: Sequence[Entry]) -> str:
    """Return the states, commands, changes of settings and of risk, in their order."""
    return block(table_html(lifecycle_table(entries)))


def lifecycle_table(entries: Iterable[Entry]) -> Table:
    """Return what happened to the session as a whole."""
    memory, rows = Memory(), []
    for entry in entries:
        memory.learn(entry.record)
        told = tell(entry.record, memory) if isinstance(entry.record, _LIFECYCLE) else None
        if told is not None:
            rows.append((clock(entry.at), told.event, told.message))
    return _cut("States, commands and changes", ("Time", "Event", "What"), rows)


def decisions(entries: Sequence[Entry], symbol: str = "") -> str:
    """Return the whole chain of decisions about a symbol.

    Parameters
    ----------
    entries
        The journal of one session.
    symbol
        The exchange symbol; blank for the first that traded, else the first that was ranked.

    Returns
    -------
    str
        The text of `funnel.why` as HTML.
    """
    chosen = symbol or first_symbol(entries)
    if not chosen:
        return block('<p class="empty">no candidate was ranked</p>')
    lines = why(entries, chosen).splitlines()
    text = "\n".join(map(escape, lines))
    return block(f'<div class="scroll"><pre>{text}</pre></div>')


def first_symbol(entries: Iterable[Entry]) -> str:
    """Return the first symbol that traded, else the first of the first pool; blank for none."""
    ranked = ""
    for entry in entries:
        if isinstance(entry.record, TradeClosed):
            return entry.record.symbol
        if isinstance(entry.record, PoolRanked) and entry.record.pool and not ranked:
            ranked = entry.record.pool[0].symbol
    return ranked


def orders(entries: Sequence[Entry]) -> str:
    """Return every order with its last known status and its fills."""
    return block(table_html(orders_table(entries)))


def orders_table(entries: Iterable[Entry]) -> Table:
    """Return the orders in the order in which they were meant, but those that others replaced."""
    meant: dict[str, tuple[str, OrderIntent]] = {}
    status: dict[str, str] = {}
    filled: dict[str, list[FillRecorded]] = {}
    for entry in entries:
        record = entry.record
        if isinstance(record, OrderIntent):
            meant[record.cl_ord_id] = (clock(entry.at), record)
        elif isinstance(record, OrderUpdated):
            doubt = ", in doubt" if record.in_doubt else ""
            status[record.cl_ord_id] = f"{record.status}{doubt}"
        elif isinstance(record, FillRecorded):
            filled.setdefault(record.cl_ord_id, []).append(record)
    replaced = [name for name, told in status.items() if told == OrdStatus.REPLACED]
    rows = [
        (
            at,
            intent.strategy,
            intent.symbol,
            str(intent.purpose),
            f"{intent.side} {plain(intent.qty)} {intent.ord_type}",
            _status(intent, status.get(name, "no answer on record"), filled.get(name, ())),
            ", ".join(f"{plain(fill.qty)} at {plain(fill.price)}" for fill in filled.get(name, ())),
        )
        for name, (at, intent) in meant.items()
        if name not in replaced or name in filled
    ]
    if replaced:
        rows.append((
            "",
            "",
            "",
            "",
            f"{len(replaced)} more were replaced: their level moved",
            "",
            "",
        ))
    columns = ("Time", "Strategy", "Symbol", "Purpose", "Order", "Status", "Fills")
    return _cut("Orders", columns, rows, empty="no order was meant")


def _status(intent: OrderIntent, told: str, fills: Sequence[FillRecorded]) -> str:
    """Return an order's last status: executions say more than the answers before them."""
    done = sum((fill.qty for fill in fills), start=ZERO)
    if not done:
        return told
    return str(OrdStatus.FILLED if done >= intent.qty else OrdStatus.PARTIALLY_FILLED)


def errors(entries: Sequence[Entry]) -> str:
    """Return the errors and warnings of the record."""
    return block(table_html(errors_table(entries)))


def errors_table(entries: Iterable[Entry]) -> Table:
    """Return every alert, what a log row calls an error, and captured exceptions in full."""
    memory, rows = Memory(), []
    for entry in entries:
        record = entry.record
        memory.learn(record)
        told = tell(record, memory)
        if told is None:
            continue
        if told.level < Level.ERROR and not isinstance(record, AlertRaised):
            continue
        text = told.message
        if isinstance(record, ErrorCaptured):
            text = f"{text}: {record.raw_exception.splitlines()[0] if record.raw_exception else ''}"
        rows.append((clock(entry.at), told.event, text))
    return _cut("Errors", ("Time", "Event", "What"), rows, empty="no error is on record")


def equity(entries: Sequence[Entry]) -> str:
    """Return the PnL curve worked out from the fills of the record alone, as inline SVG."""
    started = started_of(entries)
    curve = thinned(equity_curve(entries, {}), MAX_CURVE_POINTS)
    chart = equity_svg(
        curve,
        currency=started.currency,
        opened=started.session_open,
        minutes=minutes_of(started),
    )
    note = "Marked at each fill: the record holds no bars. report.html has them."
    return block(f'<div>{chart}</div><p class="muted">{note}</p>')


def verification(problems: Sequence[Problem], files: int) -> str:
    """Return whether the record is as it was sealed, and where it is not."""
    if not problems:
        return block(f"<p>whole: {files} files and the books are as they were sealed</p>")
    rows = [(problem.where, "FAILED", problem.message) for problem in problems]
    return block(table_html(_cut("Changed after the seal", ("Where", "Answer", "What"), rows)))


def summary(document: Mapping[str, object]) -> str:
    """Return the session's daily_summary, one row per value; the funnel stands by itself."""
    pairs = [(name, _text(value)) for name, value in document.items() if name != "funnel"]
    return block(table_html(pairs_table("Summary", pairs)))


def seal(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the manifest: the seal and each sealed file."""
    return block(table_html(pairs_table("Seal", pairs)))


def _text(value: object) -> str:
    """Return a value as text, without what is nested more than a table can show."""
    if isinstance(value, dict):
        plain_parts = {name: part for name, part in value.items() if not _is_nested(part)}
        return ", ".join(f"{name} {_text(part)}" for name, part in plain_parts.items()) or "–"
    if isinstance(value, list):
        return "; ".join(map(_text, value)) or "–"
    return "–" if value is None else str(value)


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _cut(
    title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str = "none"
) -> Table:
    """Return a table of at most `MOST_ROWS` rows that says how many it leaves out."""
    shown = tuple(rows[:MOST_ROWS])
    left = len(rows) - len(shown)
    if left:
        more = (f"{left} more in the journal", *("" for _ in columns[1:]))
        shown = (*shown, more)
    return Table(title, columns, shown, empty=empty)
