"""The way from candidates to trades: counted, and told candidate by candidate (SPEC §3).

A *signal* is one bar of one symbol at which a strategy's entry rule held; a symbol that a filter
stops is asked again on the next bar, which is another signal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.clock import iso
from rigd.core.events import (
    CancelIntent,
    CandidateJudged,
    Entry,
    FillRecorded,
    OrderIntent,
    OrderUpdated,
    Outcome,
    PoolRanked,
    Record,
    SessionStarted,
    TradeClosed,
    WindowPlanned,
    judgements,
)
from rigd.core.lines import one_line
from rigd.core.money import plain
from rigd.core.orders import ExecType, OrdStatus, Purpose
from rigd.reporting.header import marks_of, session_key, started_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ENDS = frozenset({Outcome.BLOCKED, Outcome.REJECTED})
_QUIET_STATUSES = frozenset({OrdStatus.PENDING_NEW, OrdStatus.PENDING_CANCEL})
TOTAL = "total"
"""The name of the sum over all strategies."""


class Blocked(NamedTuple):
    """How many signals one rule stopped for one reason."""

    stage: str
    rule: str
    reason: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """One strategy's way from candidates to trades.

    Parameters
    ----------
    strategy
        Its name, ``total`` for the sum.
    candidates, skipped
        Symbols in the ranked pool; symbols that the screener left out.
    with_signal, signals
        Symbols with at least one signal; signals.
    blocked
        What stopped signals, the most frequent first.
    orders, filled, fills
        Entry orders sent; entry orders with a fill; executions of all legs.
    trades
        Round trips.
    """

    strategy: str
    candidates: int
    skipped: int
    with_signal: int
    signals: int
    blocked: tuple[Blocked, ...]
    orders: int
    filled: int
    fills: int
    trades: int

    @property
    def blocked_count(self) -> int:
        """Signals that a rule stopped."""
        return sum(item.times for item in self.blocked)


def funnels(entries: Iterable[Entry]) -> tuple[Funnel, ...]:
    """Return one funnel per strategy of the session, in its order, and the total last."""
    known = list(entries)
    records = [entry.record for entry in known]
    parts = [_funnel(name, records) for name in _strategies(records)]
    return (*parts, added_up(parts))


def added_up(parts: Sequence[Funnel], name: str = TOTAL) -> Funnel:
    """Return the sum of funnels: of all strategies, or of one strategy over many days.

    Parameters
    ----------
    parts
        What is added.
    name
        The name of the sum.

    Returns
    -------
    Funnel
        Every count added; what blocked, the most frequent first.
    """
    blocked: Counter[tuple[str, str, str]] = Counter()
    for part in parts:
        for stage, rule, reason, count in part.blocked:
            blocked[stage, rule, reason] += count
    return Funnel(
        strategy=name,
        candidates=sum(part.candidates for part in parts),
        skipped=sum(part.skipped for part in parts),
        with_signal=sum(part.with_signal for part in parts),
        signals=sum(part.signals for part in parts),
        blocked=_counted(blocked),
        orders=sum(part.orders for part in parts),
        filled=sum(part.filled for part in parts),
        fills=sum(part.fills for part in parts),
        trades=sum(part.trades for part in parts),
    )


def warned(entries: Iterable[Entry]) -> tuple[Blocked, ...]:
    """Return the answers that were given for want of data or by a failure, counted.

    Parameters
    ----------
    entries
        The journal of one session.

    Returns
    -------
    tuple of Blocked
        One per stage, rule and reason, the most frequent first; `times` counts signals.
    """
    found = {
        (row.strategy, row.symbol, row.minute, str(row.stage), row.rule, row.reason)
        for entry in entries
        for row in judgements(entry.record)
        if row.warns
    }
    return _counted(Counter((stage, rule, reason) for *_, stage, rule, reason in found))


def why(entries: Iterable[Entry], symbol: str) -> str:
    """Return the whole chain of one symbol as text: ranks, verdicts, orders, fills and trade.

    Parameters
    ----------
    entries
        The journal of one session.
    symbol
        The exchange symbol.

    Returns
    -------
    str
        One line per step with its UTC instant, grouped by strategy.
    """
    known = list(entries)
    started = started_of(known)
    marks = "".join(f" [{mark}]" for mark in marks_of(started))
    title = f"{one_line(symbol)} in session {session_key(started)} of {started.bot}{marks}"
    blocks = [_chain(known, name, symbol) for name in _strategies([e.record for e in known])]
    lines = [title, *(line for block in blocks if block for line in ("", *block))]
    if not any(blocks):
        part = (
            "was watched but stood in no pool" if symbol in started.symbols else "was not watched"
        )
        lines += ["", f"The symbol {part}; watched were {', '.join(started.symbols) or 'none'}."]
    return "\n".join(lines) + "\n"


def explain_no_trade(entries: Iterable[Entry]) -> list[str]:
    """Return why nothing came of each window and candidate that made no trade, one line each.

    Parameters
    ----------
    entries
        The journal of one session.

    Returns
    -------
    list of str
        ``strategy symbol (rank k): reason``, in the order of strategies and ranks; symbols that
        the screener skipped follow their pool. Candidates that traded are left out.
    """
    records = [entry.record for entry in entries]
    lines: list[str] = []
    for name in _strategies(records):
        lines += [
            f"{name}: window skipped: {one_line(record.skipped)}"
            for record in records
            if isinstance(record, WindowPlanned) and record.strategy == name and record.skipped
        ]
        for record in records:
            if isinstance(record, PoolRanked) and record.strategy == name:
                lines += _pool_reasons(records, record)
    return lines


def _strategies(records: Sequence[Record]) -> tuple[str, ...]:
    listed = [
        name
        for record in records
        if isinstance(record, SessionStarted)
        for name in record.strategies
    ]
    planned = [record.strategy for record in records if isinstance(record, WindowPlanned)]
    return tuple(dict.fromkeys([*listed, *planned]))


def _funnel(name: str, records: Sequence[Record]) -> Funnel:
    pools = [r for r in records if isinstance(r, PoolRanked) and r.strategy == name]
    judged = [row for r in records for row in judgements(r) if row.strategy == name]
    signals = {(r.symbol, r.minute) for r in judged if r.direction is not None}
    ended = {(r.symbol, r.minute, r.stage, r.rule, r.reason) for r in judged if r.outcome in _ENDS}
    entries = {
        r.cl_ord_id
        for r in records
        if isinstance(r, OrderIntent)
        and r.strategy == name
        and r.purpose is Purpose.ENTRY
        and not r.replaces
    }
    fills = [r for r in records if isinstance(r, FillRecorded) and r.strategy == name]
    traded = [r for r in fills if r.exec_type is ExecType.TRADE]
    return Funnel(
        strategy=name,
        candidates=sum(len(pool.pool) for pool in pools),
        skipped=sum(len(pool.skipped) for pool in pools),
        with_signal=len({symbol for symbol, _ in signals}),
        signals=len(signals),
        blocked=_counted(Counter((stage, rule, reason) for _, _, stage, rule, reason in ended)),
        orders=len(entries),
        filled=len(entries & {fill.cl_ord_id for fill in traded}),
        fills=len(traded),
        trades=sum(1 for r in records if isinstance(r, TradeClosed) and r.strategy == name),
    )


def _counted(counts: Counter[tuple[str, str, str]]) -> tuple[Blocked, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Blocked(str(s), rule, reason, count) for (s, rule, reason), count in ordered)


def _mapped(records: Iterable[Record], strategy: str) -> list[OrderIntent]:
    """Return the entries of a strategy that ordered another symbol than gave the signal."""
    return [
        r
        for r in records
        if isinstance(r, OrderIntent) and r.strategy == strategy and r.signal_symbol
    ]


def _chain(entries: Sequence[Entry], strategy: str, symbol: str) -> list[str]:
    pairs = [{r.symbol, r.asked} for r in _mapped((e.record for e in entries), strategy)]
    names = {symbol}.union(*(pair for pair in pairs if symbol in pair))
    orders = {
        e.record.cl_ord_id: e.record
        for e in entries
        if isinstance(e.record, OrderIntent)
        and e.record.strategy == strategy
        and e.record.symbol in names
    }
    lines = []
    for entry in entries:
        record = entry.record
        asked = judgements(record) if isinstance(record, OrderIntent) else ()
        for each in (*asked, record):
            told = _step(each, strategy, names, orders)
            lines += [f"  {iso(entry.at)}  {one_line(line)}" for line in told]
    return [strategy, *lines] if lines else []


def _step(
    record: Record, strategy: str, names: set[str], orders: dict[str, OrderIntent]
) -> list[str]:
    tell = _STEPS.get(type(record))
    if tell is None:
        return []
    owner = orders.get(getattr(record, "cl_ord_id", ""))
    if getattr(record, "strategy", strategy if owner else "") != strategy:
        return []
    own = getattr(record, "symbol", "")
    told = [tell(record, name) for name in ((own,) if own else sorted(names)) if name in names]
    return [line for line in dict.fromkeys(told) if line]


def _tell_pool(record: PoolRanked, symbol: str) -> str:
    for entry in record.pool:
        if entry.symbol == symbol:
            return (
                f"screener     {symbol}: rank {entry.rank} of {len(record.pool)},"
                f" score {entry.score:.6g}"
            )
    reason = dict(record.skipped).get(symbol)
    return f"screener     {symbol}: skipped: {reason}" if reason is not None else ""


def _tell_judged(record: CandidateJudged, _symbol: str) -> str:
    way = f" {record.direction}" if record.direction is not None else ""
    measured = f" ({record.measured})" if record.measured else ""
    return (
        f"{record.stage:<12} {record.outcome}{way}: {record.rule}: {record.reason}{measured}"
        f" | bar {record.minute}, pool rank {record.pool_rank},"
        f" fallback level {record.fallback_level}"
    )


def _tell_intent(record: OrderIntent, _symbol: str) -> str:
    what = "replace" if record.replaces else "send"
    price = record.limit_price if record.limit_price is not None else record.stop_price
    at = f" at {plain(price)}" if price is not None else ""
    trail = record.trail_fraction
    trails = f", trailing by {plain(trail)}" if trail is not None else ""
    return (
        f"order        {what} {record.purpose}: {record.side} {plain(record.qty)} {record.symbol}"
        f" {record.ord_type}{at}{trails} | {record.cl_ord_id}"
    )


def _tell_cancel(record: CancelIntent, _symbol: str) -> str:
    return f"order        cancel: {record.reason} | {record.cl_ord_id}"


def _tell_update(record: OrderUpdated, _symbol: str) -> str:
    if record.status in _QUIET_STATUSES and not record.in_doubt:
        return ""
    doubt = " (in doubt)" if record.in_doubt else ""
    reason = f": {record.reason}" if record.reason else ""
    return f"broker       {record.status}{doubt}{reason} | {record.cl_ord_id}"


def _tell_fill(record: FillRecorded, _symbol: str) -> str:
    return (
        f"fill         {record.purpose}: {record.side} {plain(record.qty)} {record.symbol}"
        f" at {plain(record.price)} | {record.exec_key}"
    )


def _tell_trade(record: TradeClosed, _symbol: str) -> str:
    return (
        f"trade        {record.direction} {plain(record.size)} {record.symbol}:"
        f" {plain(record.entry_price)} to {plain(record.exit_price)},"
        f" PnL {plain(record.pnl)}, {record.exit_reason}"
    )


_STEPS: dict[type[Record], Callable[..., str]] = {
    PoolRanked: _tell_pool,
    CandidateJudged: _tell_judged,
    OrderIntent: _tell_intent,
    CancelIntent: _tell_cancel,
    OrderUpdated: _tell_update,
    FillRecorded: _tell_fill,
    TradeClosed: _tell_trade,
}


def _pool_reasons(records: Sequence[Record], pool: PoolRanked) -> list[str]:
    traded = {
        r.symbol for r in records if isinstance(r, TradeClosed) and r.strategy == pool.strategy
    }
    filled = {r.cl_ord_id for r in records if isinstance(r, FillRecorded)}
    traded |= {
        r.asked
        for r in _mapped(records, pool.strategy)
        if r.symbol in traded and r.cl_ord_id in filled
    }
    lines = [
        f"{pool.strategy} {entry.symbol} (rank {entry.rank}):"
        f" {one_line(_reason(records, pool.strategy, entry.symbol))}"
        for entry in pool.pool
        if entry.symbol not in traded
    ]
    lines += [
        f"{pool.strategy} {symbol} (not ranked): {one_line(reason)}"
        for symbol, reason in pool.skipped
    ]
    return lines or ([] if pool.pool else [f"{pool.strategy}: the pool was empty"])


def _reason(records: Sequence[Record], strategy: str, symbol: str) -> str:
    judged = [
        row
        for r in records
        for row in judgements(r)
        if (row.strategy, row.symbol) == (strategy, symbol)
    ]
    orders = {
        r.cl_ord_id
        for r in records
        if isinstance(r, OrderIntent) and (r.strategy, r.asked) == (strategy, symbol)
    }
    if orders:
        return _order_reason(records, orders)
    ended = [r for r in judged if r.outcome in _ENDS]
    if ended:
        return _ended_reason(ended)
    quiet = [r for r in judged if r.outcome is Outcome.NO_SIGNAL]
    if quiet:
        last = quiet[-1]
        return f"no signal: {last.reason}" + (f" ({last.measured})" if last.measured else "")
    return "signal allowed, no order followed" if judged else "not asked: the window ended first"


def _order_reason(records: Sequence[Record], orders: set[str]) -> str:
    updates = [r for r in records if isinstance(r, OrderUpdated) and r.cl_ord_id in orders]
    filled = sum(
        (r.qty for r in records if isinstance(r, FillRecorded) and r.cl_ord_id in orders),
        Decimal(0),
    )
    if filled:
        return "filled, position not closed"
    if not updates:
        return "order sent, no answer recorded"
    last = updates[-1]
    doubt = " in doubt" if last.in_doubt else ""
    return f"order {last.status}{doubt}" + (f": {last.reason}" if last.reason else "")


def _ended_reason(ended: Sequence[CandidateJudged]) -> str:
    counts = Counter((r.rule, r.reason) for r in ended)
    last = {(r.rule, r.reason): r for r in ended}
    parts = []
    for (rule, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        measured = last[rule, reason].measured
        often = f" on {count} bars" if count > 1 else ""
        numbers = f" ({measured})" if measured else ""
        parts.append(f"{last[rule, reason].outcome} by {rule}: {reason}{numbers}{often}")
    return "; ".join(parts)
