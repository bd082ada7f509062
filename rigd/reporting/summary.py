"""daily_summary.json: the nine metrics of document 070, the funnel and the session's marks.

Money is text, digit for digit; ratios and durations are numbers. What is undefined is null: a win
rate without trades, a largest loss when nothing was lost. A trade wins when its PnL net of
commissions is positive. Tickers with equal PnL stand in alphabetical order.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from rigd.core.events import Entry, SessionClosed, SessionStarted, TradeClosed
from rigd.core.money import money, plain
from rigd.reporting.funnel import Blocked, Funnel, funnels, warned
from rigd.reporting.header import marks_of, session_key, started_of
from rigd.reporting.text import json_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.summary"
NAME = "daily_summary.json"
COPIES = (NAME, f"session/{NAME}", "session_summary.json")
"""The standing file, and the two that a closed session keeps: in its folder and in summaries/."""

TICKERS_SHOWN = 5
"""How many tickers the best and worst lists name."""

_RATIO_STEP = Decimal("0.000001")
_MICROSECOND = timedelta(microseconds=1)


def daily_summary(entries: Iterable[Entry]) -> dict[str, object]:
    """Return the summary of a session.

    Parameters
    ----------
    entries
        The journal of one session, complete or so far.

    Returns
    -------
    dict
        Plain values: the session's marks, the nine metrics of document 070, the funnel, and the
        answers that were given for want of data or by a failing filter, counted.
    """
    known = list(entries)
    started = started_of(known)
    trades = [entry.record for entry in known if isinstance(entry.record, TradeClosed)]
    ways = funnels(known)
    return {
        **_marks(known, started),
        **metrics(trades, ways),
        "funnel": [_funnel(w) for w in ways],
        "warnings": _counts(warned(known)),
    }


def metrics(trades: Sequence[TradeClosed], ways: Sequence[Funnel]) -> dict[str, object]:
    """Return the nine metrics of document 070.

    Parameters
    ----------
    trades
        The session's round trips.
    ways
        What `funnels` made of the same session: one per strategy, the total last.

    Returns
    -------
    dict
        Metric by name, in the document's order.
    """
    pnls = [trade.pnl for trade in trades]
    wins, losses = [p for p in pnls if p > 0], [p for p in pnls if p < 0]
    return {
        "win_rate_per_strategy": {
            way.strategy: win_rate([t for t in trades if t.strategy == way.strategy])
            for way in ways[:-1]
        },
        "total_trades": len(trades),
        "average_pnl_per_trade": _text(money(sum(pnls, Decimal(0)) / len(pnls)) if pnls else None),
        "max_gain": _text(max(wins, default=None)),
        "max_loss": _text(min(losses, default=None)),
        "trade_count_vs_signals_triggered": _against_signals(ways),
        "average_holding_time": _average_holding(trades),
        "most_profitable_tickers": _tickers(trades, best=True),
        "worst_tickers": _tickers(trades, best=False),
    }


def win_rate(trades: Sequence[TradeClosed]) -> Decimal | None:
    """Return the fraction of trades that won, None without trades."""
    if not trades:
        return None
    return _ratio(sum(1 for trade in trades if trade.pnl > 0), len(trades))


def spent(trades: Sequence[TradeClosed]) -> Decimal:
    """Return what the entries of round trips came to, long or short [currency]."""
    return sum((trade.size * trade.entry_price for trade in trades), Decimal(0))


def return_on_spent(trades: Sequence[TradeClosed]) -> Decimal:
    """Return the PnL as a fraction of what the entries came to; 0 where nothing was spent."""
    cost = spent(trades)
    if not cost:
        return Decimal(0)
    return (sum((trade.pnl for trade in trades), Decimal(0)) / cost).quantize(
        _RATIO_STEP, ROUND_HALF_EVEN
    )


class DailySummary:
    """Projection that keeps daily_summary.json of the newest session.

    It is written when the session starts, after each trade and when the session closes;
    ``complete`` tells the last from the others.

    Parameters
    ----------
    outputs
        The door to the standing files.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._entries: list[Entry] = []

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if self._entries and entry.seq <= self._entries[-1].seq:
            return
        self._entries.append(entry)
        if isinstance(entry.record, SessionStarted | TradeClosed | SessionClosed):
            content = json_document(daily_summary(self._entries))
            closed = isinstance(entry.record, SessionClosed)
            for name in COPIES if closed else COPIES[:1]:
                self._outputs.write(name, content, writer=WRITER)


def _marks(entries: Sequence[Entry], started: SessionStarted) -> dict[str, object]:
    trades = [entry.record for entry in entries if isinstance(entry.record, TradeClosed)]
    ended = [entry.record for entry in entries if isinstance(entry.record, SessionClosed)]
    return {
        "timestamp": entries[-1].at,
        "session": session_key(started),
        "day": started.day,
        "bot": started.bot,
        "broker": started.broker,
        "profile": started.profile.value,
        "test_mode": started.test_mode,
        "marks": marks_of(started),
        "data_label": started.data_label,
        "currency": started.currency,
        "units": {
            "money": started.currency,
            "win_rate": "fraction",
            "average_holding_time": "seconds",
        },
        "complete": bool(ended),
        "status": ended[-1].status if ended else "RUNNING",
        "exit_reason": ended[-1].exit_reason if ended else None,
        "realised_pnl": plain(sum((trade.pnl for trade in trades), Decimal(0))),
        "commission": plain(sum((trade.commission for trade in trades), Decimal(0))),
    }


def _against_signals(ways: Sequence[Funnel]) -> dict[str, object]:
    total = ways[-1]
    return {
        "trades": total.trades,
        "signals": total.signals,
        "ratio": _ratio(total.trades, total.signals) if total.signals else None,
        "blocked": _counts(total.blocked),
        "per_strategy": {
            way.strategy: {
                "trades": way.trades,
                "signals": way.signals,
                "blocked": _counts(way.blocked),
            }
            for way in ways[:-1]
        },
    }


def _counts(items: Sequence[Blocked]) -> list[dict[str, object]]:
    return [
        {"stage": item.stage, "rule": item.rule, "reason": item.reason, "count": item.times}
        for item in items
    ]


def _funnel(way: Funnel) -> dict[str, object]:
    return {
        "strategy": way.strategy,
        "candidates": way.candidates,
        "skipped": way.skipped,
        "with_signal": way.with_signal,
        "signals": way.signals,
        "blocked": way.blocked_count,
        "orders": way.orders,
        "filled": way.filled,
        "fills": way.fills,
        "trades": way.trades,
    }


def _average_holding(trades: Sequence[TradeClosed]) -> Decimal | None:
    if not trades:
        return None
    held = sum((trade.exit_time - trade.entry_time for trade in trades), timedelta())
    return _ratio(held // _MICROSECOND, len(trades) * 1_000_000)


def _tickers(trades: Sequence[TradeClosed], *, best: bool) -> list[dict[str, object]]:
    sums: dict[str, Decimal] = {}
    for trade in trades:
        sums[trade.symbol] = sums.get(trade.symbol, Decimal(0)) + trade.pnl
    sign = 1 if best else -1
    chosen = sorted((-sign * pnl, symbol) for symbol, pnl in sums.items() if sign * pnl > 0)
    return [
        {
            "ticker": symbol,
            "pnl": plain(sums[symbol]),
            "trades": sum(1 for trade in trades if trade.symbol == symbol),
        }
        for _, symbol in chosen[:TICKERS_SHOWN]
    ]


def _ratio(part: int, whole: int) -> Decimal:
    return (Decimal(part) / Decimal(whole)).quantize(_RATIO_STEP, ROUND_HALF_EVEN)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
