"""The blocks that a backtest shows in a notebook: figures, funnel, trades, equity, reasons.

Each function returns one HTML fragment of tables and inline SVG, without script or reference to
anything outside, the same for the same backtest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.money import plain
from rigd.reporting.backtest import ANNUALISATION, equity, figures
from rigd.reporting.equity import markers
from rigd.reporting.header import started_of
from rigd.reporting.page import badges, block, table_html
from rigd.reporting.svg import dated_svg, price_svg
from rigd.reporting.tables import Table, cents, clock, pairs_table, price, signed
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from rigd.core.events import Entry
    from rigd.core.values import Bar
    from rigd.reporting.backtest import DayOf
    from rigd.reporting.funnel import Funnel

MAX_CURVE_POINTS = 400
MAX_TRADES = 60
"""Trades that a notebook lists; the files hold all."""


def heading(title: str, facts: Iterable[tuple[str, str]], marks: Iterable[str]) -> str:
    """Return the title of a backtest with its badges and what it ran on."""
    table = table_html(pairs_table("Backtest", facts), title=False)
    return block(f"<h1>{escape(title)}{badges(marks)}</h1>{table}")


def figures_block(days: Sequence[DayOf]) -> str:
    """Return the figures of document 050; says how the Sharpe ratio is annualised."""
    found = figures(days)
    currency = days[0].currency if days else ""
    rows = (
        ("Trades", str(found.trades)),
        ("Win rate", _number(found.win_rate, "{:.2%}")),
        ("PnL", f"{found.pnl:+,.2f} {currency}"),
        ("Average PnL", _number(found.average_pnl, "{:+,.4f} ") + currency),
        ("Average duration", _number(found.average_duration_s, "{:,.0f} s")),
        (
            "Maximum drawdown",
            f"{found.max_drawdown.money:,.2f} {currency}, {found.max_drawdown.fraction:.3%}",
        ),
        ("Sharpe", _number(found.sharpe, "{:.3f}")),
    )
    note = f'<p class="muted">Sharpe: {escape(ANNUALISATION)}.</p>'
    return block(table_html(pairs_table("Figures", rows)) + note)


def funnel_table(ways: Sequence[Funnel]) -> Table:
    """Return the counts from candidates to trades, one row per strategy and the total."""
    columns = ("Strategy", "Candidates", "With signal", "Signals", "Blocked", "Orders", "Filled")
    rows = tuple(
        (
            way.strategy,
            *map(
                str,
                (
                    way.candidates,
                    way.with_signal,
                    way.signals,
                    way.blocked_count,
                    way.orders,
                    way.filled,
                    way.trades,
                ),
            ),
        )
        for way in ways
    )
    return Table("Funnel", (*columns, "Trades"), rows, frozenset(range(1, 8)))


def blocked_table(ways: Sequence[Funnel]) -> Table:
    """Return which rules stopped signals, and how often."""
    rows = tuple(
        (way.strategy, item.stage, item.rule, item.reason, str(item.times))
        for way in ways[:-1]
        for item in way.blocked
    )
    columns = ("Strategy", "Stage", "Rule", "Reason", "Signals")
    return Table("Blocked signals", columns, rows, frozenset({4}), "no signal was blocked")


def funnel_block(ways: Sequence[Funnel], reasons: Sequence[str] = ()) -> str:
    """Return the funnel, the rules that blocked and, where nothing traded, why."""
    told = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    more = f"<h2>Why nothing traded</h2><ul>{told}</ul>" if told else ""
    return block(table_html(funnel_table(ways)) + table_html(blocked_table(ways)) + more)


def trades_table(days: Sequence[DayOf], most: int | None = None) -> Table:
    """Return the round trips in the order in which they closed, at most so many of the newest."""
    rows = [
        (
            str(day.day),
            trade.strategy,
            trade.symbol,
            trade.direction.value,
            plain(trade.size),
            clock(trade.entry_time),
            clock(trade.exit_time),
            price(trade.entry_price),
            price(trade.exit_price),
            signed(trade.pnl),
            f"{trade.exit_reason}{f' ({trade.error_code})' if trade.error_code else ''}",
        )
        for day in days
        for _, trade in day.trades
    ]
    shown = rows if most is None else rows[-most:]
    title = "Trades" if len(shown) == len(rows) else f"Trades, the last {len(shown)} of {len(rows)}"
    columns = (
        *("Day", "Strategy", "Symbol", "Side", "Size", "Entry", "Exit"),
        *("Entry price", "Exit price", "PnL", "Exit reason"),
    )
    return Table(title, columns, tuple(shown), frozenset({4, 7, 8, 9}), "no trade was made")


def trades_block(days: Sequence[DayOf]) -> str:
    """Return the newest round trips."""
    return block(table_html(trades_table(days, MAX_TRADES)))


def equity_block(days: Sequence[DayOf]) -> str:
    """Return the equity after each trade, and its fall from the peak, as inline SVG."""
    points = [(at, float(value)) for at, value in equity(days)]
    currency = days[0].currency if days else ""
    fallen = _fallen(points)
    curve = dated_svg(_thinned(points), title=f"Equity [{currency}]")
    below = dated_svg(_thinned(fallen), title=f"Below the peak [{currency}]")
    return block(f"<div>{curve}</div><div>{below}</div>")


def prices_block(
    shown: Iterable[tuple[Sequence[Entry], Mapping[str, Sequence[Bar]]]], most: int
) -> str:
    """Return one price chart per traded symbol and day, the newest so many, as inline SVG."""
    charts = []
    for entries, bars in shown:
        opened = started_of(entries).session_open
        marks = markers(entries)
        for symbol in dict.fromkeys(mark.symbol for mark in marks):
            own = [mark for mark in marks if mark.symbol == symbol]
            minutes = max((bar.minute for bar in bars[symbol]), default=0) + 1
            svg = price_svg(symbol, bars[symbol], own, opened=opened, minutes=minutes)
            charts.append(f'<p class="muted">{opened:%Y-%m-%d}</p><div>{svg}</div>')
    return block("".join(charts[-most:]) or '<p class="empty">no trade was made</p>')


def comparison_block(rows: Sequence[Mapping[str, str]]) -> str:
    """Return what slippage cost by strategy."""
    columns = ("Strategy", "Trades with", "without", "PnL with", "PnL without", "Difference")
    keys = ("strategy", "trades_with", "trades_without", "pnl_with", "pnl_without", "difference")
    cells = tuple(tuple(str(row[key]) for key in keys) for row in rows)
    return block(table_html(Table("Slippage", columns, cells, frozenset(range(1, 6)))))


def digests_block(pairs: Iterable[tuple[str, str]]) -> str:
    """Return what a result is bound to."""
    return block(table_html(pairs_table("Bound to", pairs)))


def _fallen(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    peak, found = float("-inf"), []
    for at, value in points:
        peak = max(peak, value)
        found.append((at, value - peak))
    return found


def _thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    if len(points) <= MAX_CURVE_POINTS:
        return list(points)
    step = (len(points) - 1) / (MAX_CURVE_POINTS - 1)
    return [points[round(i * step)] for i in range(MAX_CURVE_POINTS)]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def money_text(amount: Decimal, currency: str) -> str:
    """Return an amount for reading."""
    return f"{cents(amount)} {currency}"
