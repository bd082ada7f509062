"""The blocks that the session notebook shows: small, static, the same for the same journal.

Each function returns one HTML fragment (tables, inline SVG) without script or reference to
anything outside; the executed notebook stays far under 1 MB (ARCHITECTURE §9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.reporting import tables
from rigd.reporting.equity import equity_curve, markers, thinned
from rigd.reporting.funnel import explain_no_trade
from rigd.reporting.header import marks_of, minutes_of, session_key, started_of
from rigd.reporting.page import badges, block, table_html
from rigd.reporting.svg import equity_svg, price_svg
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rigd.core.events import Entry
    from rigd.core.values import Bar

MAX_CURVE_POINTS = 400
"""Points of a curve in a notebook; a session has 390 minutes."""

MAX_PRICE_CHARTS = 6
"""Price charts in a notebook; the interactive report shows all."""


def heading(entries: Sequence[Entry]) -> str:
    """Return the title of the record with its badges, data label and session facts."""
    started = started_of(entries)
    title = f"<h1>Session {session_key(started)} of {escape(started.bot)}"
    label = f'<p class="muted">Data: {escape(started.data_label)}</p>'
    facts = table_html(tables.session_table(entries), title=False)
    return block(f"{title}{badges(marks_of(started))}</h1>{label}{facts}")


def parameters(entries: Sequence[Entry]) -> str:
    """Return the effective settings."""
    return block(table_html(tables.settings_table(entries)))


def self_checks(entries: Sequence[Entry]) -> str:
    """Return the answers of the self-checks at launch."""
    return block(table_html(tables.checks_table(entries)))


def limits(entries: Sequence[Entry]) -> str:
    """Return the limits in force and the planned windows."""
    windows = table_html(tables.windows_table(entries))
    return block(table_html(tables.limits_table(entries)) + windows)


def funnel(entries: Sequence[Entry]) -> str:
    """Return the funnel, the rules that blocked, and why the others did not trade."""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in explain_no_trade(entries))
    told = f"<h2>Not traded</h2><ul>{reasons}</ul>" if reasons else ""
    parts = (tables.funnel_table(entries), tables.blocked_table(entries))
    return block("".join(table_html(part) for part in parts) + told)


def trades(entries: Sequence[Entry]) -> str:
    """Return the round trips."""
    return block(table_html(tables.trades_table(entries)))


def equity(entries: Sequence[Entry], bars: Mapping[str, Sequence[Bar]]) -> str:
    """Return the PnL curve and one price chart per traded symbol, as inline SVG."""
    started = started_of(entries)
    opened, minutes = started.session_open, minutes_of(started)
    curve = thinned(equity_curve(entries, bars), MAX_CURVE_POINTS)
    marks = markers(entries)
    symbols = list(dict.fromkeys(mark.symbol for mark in marks))
    charts = [equity_svg(curve, currency=started.currency, opened=opened, minutes=minutes)]
    charts += [
        price_svg(
            symbol,
            bars.get(symbol, ()),
            [m for m in marks if m.symbol == symbol],
            opened=opened,
            minutes=minutes,
        )
        for symbol in symbols[:MAX_PRICE_CHARTS]
    ]
    left = len(symbols) - MAX_PRICE_CHARTS
    more = f'<p class="muted">{left} more charts are in report.html.</p>' if left > 0 else ""
    return block("".join(f"<div>{chart}</div>" for chart in charts) + more)


def books(pairs: Sequence[tuple[str, str]]) -> str:
    """Return what the ledger says, as names and values."""
    return block(table_html(tables.pairs_table("Books", pairs)))


def seal(pairs: Sequence[tuple[str, str]]) -> str:
    """Return what seals the record: chain heads, digests, where it lies."""
    return block(table_html(tables.pairs_table("Seal", pairs)))
