"""The tables of a session's record as plain values; pages, notebooks and terminals draw them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.events import (
    AlertRaised,
    BarsDropped,
    NoteMade,
    PoolRanked,
    SelfChecked,
    SessionClosed,
    SettingsChanged,
    TradeClosed,
    WindowPlanned,
)
from rigd.core.money import CENT, plain
from rigd.reporting.funnel import funnels
from rigd.reporting.header import instant_of, marks_of, session_key, started_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rigd.core.events import Entry, SessionStarted


class Table(NamedTuple):
    """A titled table of text; `numeric` are the columns that are set right-aligned.

    `empty` is what to say when there is no row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    empty: str = "none"


def cents(amount: Decimal) -> str:
    """Return money for reading: two places, a thousands separator, and its sign when negative."""
    return f"{amount.quantize(CENT, ROUND_HALF_EVEN):,}"


def signed(amount: Decimal) -> str:
    """Return money for reading with its sign, also when positive."""
    rounded = amount.quantize(CENT, ROUND_HALF_EVEN)
    return f"{rounded:+,}" if rounded else "0.00"


def price(value: Decimal) -> str:
    """Return a price for reading: two places, more where it has them."""
    text = plain(value)
    return text if len(text.partition(".")[2]) > 2 else f"{value:.2f}"


def percent(fraction: Decimal | None) -> str:
    """Return a fraction as a percentage for reading, a dash when it is undefined."""
    return "–" if fraction is None else f"{fraction * 100:.0f} %"


def clock(instant: datetime) -> str:
    """Return the time of day of an instant, UTC."""
    return f"{instant:%H:%M}Z"


def session_table(entries: Sequence[Entry]) -> Table:
    """Return what the session was: identity, profile, data, money and end."""
    started = started_of(entries)
    ended = [entry.record for entry in entries if isinstance(entry.record, SessionClosed)]
    span = f"{clock(started.session_open)} to {clock(started.session_close)}"
    rows = [
        ("Session", session_key(started)),
        ("Bot", started.bot),
        ("Profile", _profile(started)),
        ("Broker", started.broker),
        ("Exchange day", f"{started.day.isoformat()}{', half day' if started.half_day else ''}"),
        ("Regular trading", span),
        ("Data", started.data_label),
        ("Symbols", ", ".join(started.symbols)),
        ("Strategies", ", ".join(started.strategies)),
        ("Opening cash", f"{cents(started.opening_cash)} {started.currency}"),
        ("Float", f"{cents(started.float_amount)} {started.currency}"),
        ("Session cap", f"{cents(started.session_cap)} {started.currency}"),
    ]
    for record in ended[-1:]:
        rows += [
            ("Closing cash", f"{cents(record.closing_cash)} {started.currency}"),
            ("Status", f"{record.status} ({record.exit_reason})"),
            ("State", f"{record.state}, {'flat' if record.flat else 'NOT FLAT'}"),
            ("Exit code", str(record.exit_code)),
        ]
    return Table("Session", ("What", "Value"), tuple(rows))


def settings_table(entries: Sequence[Entry]) -> Table:
    """Return the effective settings, which hold no secrets."""
    return Table("Parameters", ("Key", "Value"), started_of(entries).settings)


def limits_table(entries: Sequence[Entry]) -> Table:
    """Return the limits that were fixed at the session's start."""
    limits = started_of(entries).limits
    return Table("Limits", ("Limit", "Value"), limits, frozenset({1}))


def checks_table(entries: Iterable[Entry]) -> Table:
    """Return the answers of the self-checks at launch."""
    rows = tuple(
        (entry.record.name, "passed" if entry.record.passed else "FAILED", entry.record.detail)
        for entry in entries
        if isinstance(entry.record, SelfChecked)
    )
    return Table("Self-checks", ("Part", "Answer", "Detail"), rows, empty="none was recorded")


def windows_table(entries: Sequence[Entry]) -> Table:
    """Return the strategies' windows in minutes since the open and UTC."""
    started = started_of(entries)
    rows = []
    for entry in entries:
        plan = entry.record
        if not isinstance(plan, WindowPlanned):
            continue
        if plan.skipped:
            rows.append((plan.strategy, "–", "–", "–", "–", f"skipped: {plan.skipped}"))
            continue
        first, last = instant_of(started, plan.start), instant_of(started, plan.end)
        rows.append((
            plan.strategy,
            f"{plan.start}–{plan.analysis_end}",
            f"{plan.analysis_end}–{plan.breakout_end}",
            f"{plan.breakout_end}–{plan.end}",
            str(plan.exit_minute),
            f"{clock(first)} to {clock(last)}",
        ))
    columns = ("Strategy", "Analysis", "Breakout", "Monitoring", "Time exit", "UTC")
    return Table("Windows", columns, tuple(rows), empty="none was planned")


def funnel_table(entries: Sequence[Entry]) -> Table:
    """Return the counts from candidates to trades, one row per strategy and the total."""
    rows = tuple(
        (
            way.strategy,
            str(way.candidates),
            str(way.with_signal),
            str(way.signals),
            str(way.blocked_count),
            str(way.orders),
            str(way.filled),
            str(way.trades),
        )
        for way in funnels(entries)
    )
    columns = (
        "Strategy",
        "Candidates",
        "With signal",
        "Signals",
        "Blocked",
        "Orders",
        "Filled",
        "Trades",
    )
    return Table("Funnel", columns, rows, frozenset(range(1, 8)))


def blocked_table(entries: Sequence[Entry]) -> Table:
    """Return which rules stopped signals, and how often."""
    rows = tuple(
        (way.strategy, item.stage, item.rule, item.reason, str(item.times))
        for way in funnels(entries)[:-1]
        for item in way.blocked
    )
    columns = ("Strategy", "Stage", "Rule", "Reason", "Signals")
    return Table("Blocked signals", columns, rows, frozenset({4}), "no signal was blocked")


def pools_table(entries: Iterable[Entry]) -> Table:
    """Return the ranked pools with their scores, skipped symbols last."""
    rows: list[tuple[str, ...]] = []
    for entry in entries:
        pool = entry.record
        if isinstance(pool, PoolRanked):
            rows += [(pool.strategy, str(p.rank), p.symbol, f"{p.score:.6f}") for p in pool.pool]
            rows += [(pool.strategy, "–", symbol, reason) for symbol, reason in pool.skipped]
    columns = ("Strategy", "Rank", "Symbol", "Score")
    return Table("Ranked pools", columns, tuple(rows), frozenset({1, 3}), "no pool was ranked")


def trades_table(entries: Iterable[Entry]) -> Table:
    """Return the round trips in the order in which they closed."""
    rows = tuple(_trade(entry.record) for entry in entries if isinstance(entry.record, TradeClosed))
    columns = (
        "Strategy",
        "Symbol",
        "Side",
        "Size",
        "Entry",
        "Exit",
        "Entry price",
        "Exit price",
        "PnL",
        "Exit reason",
    )
    return Table("Trades", columns, rows, frozenset({3, 6, 7, 8}), "no trade was made")


def notes_table(entries: Iterable[Entry]) -> Table:
    """Return what else is worth telling: notes, and bars that were dropped."""
    rows: list[tuple[str, str]] = []
    for entry in entries:
        record = entry.record
        if isinstance(record, NoteMade):
            rows.append((record.topic, record.text))
        elif isinstance(record, AlertRaised):
            rows.append((f"alert: {record.event}", record.text))
        elif isinstance(record, SettingsChanged):
            changes = ", ".join(f"{key} {old} → {new}" for key, old, new in record.changes)
            rows.append(("settings", f"from minute {record.minute} on: {changes}"))
        elif isinstance(record, BarsDropped):
            text = f"{record.symbol}: {record.kept} kept, {record.dropped} outside the session"
            rows.append(("bars", f"{text} dropped ({record.source})"))
    return Table("Notes", ("Topic", "Text"), tuple(rows))


def pairs_table(title: str, pairs: Iterable[tuple[str, str]]) -> Table:
    """Return pairs of name and value as a table."""
    return Table(title, ("What", "Value"), tuple(pairs))


def _profile(started: SessionStarted) -> str:
    profile = started.profile.value
    return ", ".join((profile, *(mark for mark in marks_of(started) if mark != profile)))


def _trade(trade: TradeClosed) -> tuple[str, ...]:
    flag = f" ({trade.error_code})" if trade.error_code else ""
    return (
        trade.strategy,
        trade.symbol,
        trade.direction.value,
        plain(trade.size),
        clock(trade.entry_time),
        clock(trade.exit_time),
        price(trade.entry_price),
        price(trade.exit_price),
        signed(trade.pnl),
        f"{trade.exit_reason}{flag}",
    )
