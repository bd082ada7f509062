"""The session's PnL over time, from fills and marks; for charts, the books are official."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.events import FillRecorded, TradeClosed
from rigd.core.orders import ExecType, Purpose
from rigd.reporting.header import instant_of, minute_of, started_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rigd.core.events import Entry
    from rigd.core.values import Bar


class EquityPoint(NamedTuple):
    """PnL [currency] after a minute, net of commissions: realised trades plus open positions."""

    minute: int
    at: datetime
    pnl: float


class Marker(NamedTuple):
    """An execution on a price chart; `side` is buy or sell, `leg` entry or exit."""

    symbol: str
    minute: int
    at: datetime
    price: float
    qty: float
    side: str
    leg: str
    strategy: str
    note: str


def effective_fills(entries: Iterable[Entry]) -> list[FillRecorded]:
    """Return the executions that hold: a bust removes one, a correction takes its place."""
    fills: dict[str, FillRecorded] = {}
    for entry in entries:
        fill = entry.record
        if not isinstance(fill, FillRecorded):
            continue
        if fill.exec_type is ExecType.TRADE:
            fills[fill.exec_key] = fill
        elif fill.exec_type is ExecType.BUST:
            fills.pop(fill.exec_ref_key, None)
        elif fill.exec_ref_key in fills:
            fills[fill.exec_ref_key] = fill
    return list(fills.values())


def equity_curve(entries: Iterable[Entry], bars: Mapping[str, Sequence[Bar]]) -> list[EquityPoint]:
    """Return the PnL after each minute of the session that has a bar of a traded symbol or a fill.

    Parameters
    ----------
    entries
        The journal of one session.
    bars
        The session's bars per symbol; positions in a symbol without bars keep their last price.

    Returns
    -------
    list of EquityPoint
        Ascending; begins with zero at the open. PnL is cash flow plus the value of the open
        positions at the latest close, or fill when that is later.
    """
    known = list(entries)
    started = started_of(known)
    fills: dict[int, list[FillRecorded]] = defaultdict(list)
    for fill in effective_fills(known):
        fills[minute_of(started, fill.ts)].append(fill)
    symbols = {fill.symbol for group in fills.values() for fill in group}
    closes: dict[int, dict[str, float]] = defaultdict(dict)
    for symbol in symbols:
        for bar in bars.get(symbol, ()):
            closes[bar.minute][symbol] = bar.close
    cash, held, marks = 0.0, dict.fromkeys(symbols, 0.0), dict.fromkeys(symbols, 0.0)
    points = [EquityPoint(0, started.session_open, 0.0)]
    for minute in sorted(closes.keys() | fills.keys()):
        for fill in fills.get(minute, ()):
            quantity = float(fill.qty) * fill.side.sign
            cash -= quantity * float(fill.price) + float(fill.commission)
            held[fill.symbol] += quantity
            marks[fill.symbol] = float(fill.price)
        marks.update(closes.get(minute, {}))
        pnl = cash + sum(held[symbol] * marks[symbol] for symbol in sorted(symbols))
        points.append(EquityPoint(minute + 1, instant_of(started, minute + 1), round(pnl, 6)))
    return points


def markers(entries: Iterable[Entry]) -> list[Marker]:
    """Return the executions for price charts; exits tell why the trade ended."""
    known = list(entries)
    started = started_of(known)
    reasons = {
        (e.record.strategy, e.record.symbol): e.record.exit_reason.value
        for e in known
        if isinstance(e.record, TradeClosed)
    }
    return [
        Marker(
            symbol=fill.symbol,
            minute=minute_of(started, fill.ts),
            at=fill.ts,
            price=float(fill.price),
            qty=float(fill.qty),
            side="buy" if fill.side.sign > 0 else "sell",
            leg="entry" if fill.purpose is Purpose.ENTRY else "exit",
            strategy=fill.strategy,
            note=""
            if fill.purpose is Purpose.ENTRY
            else reasons.get((fill.strategy, fill.symbol), ""),
        )
        for fill in effective_fills(known)
    ]


def thinned(points: Sequence[EquityPoint], most: int) -> list[EquityPoint]:
    """Return at most `most` points, evenly chosen, with the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(i * step)] for i in range(most)]


def pnl_at(points: Sequence[EquityPoint], minute: int) -> float:
    """Return the PnL [currency] at the start of a minute, zero before the first point."""
    position = bisect_right(points, minute, key=lambda point: point.minute)
    return points[position - 1].pnl if position else 0.0
