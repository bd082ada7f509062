"""What a backtest leaves: its trades, its summary and its figures, marked ``mode=backtest``.

The rows of trade_history_backtest are those of trade_history with one field more (document 050);
the summary has the nine metrics of document 070 by the very function of a session, and beside them
the figures of document 050. A backtest posts nothing and writes no file of a session.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import LogFormat
from rigd.core.events import SessionStarted, TradeClosed
from rigd.core.money import ZERO, plain
from rigd.reporting.rows import Field, Kind, table_bytes
from rigd.reporting.summary import metrics
from rigd.reporting.text import json_document
from rigd.reporting.trades import TRADE_FIELDS, trade_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rigd.reporting.funnel import Funnel
    from rigd.reporting.outputs import Outputs
    from rigd.reporting.rows import Value

WRITER = "rigd.reporting.backtest"
MODE = "backtest"

SESSIONS_A_YEAR = 252
"""What the Sharpe ratio is annualised by: its square root."""

ANNUALISATION = (
    "mean over sample deviation of the daily returns × √252; a day's return is its PnL over the "
    "cash at its open, days without a trade count as 0, no risk-free rate is taken off"
)

BACKTEST_FIELDS: tuple[Field, ...] = (
    *TRADE_FIELDS,
    Field("mode", Kind.TEXT, "backtest"),
)
"""The schema of trade_history_backtest: that of trade_history and one field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOf:
    """One day of a backtest: money, and how many trades closed.

    Parameters
    ----------
    day, opened, closed
        The exchange session; instants in UTC.
    currency
        Of the account.
    started
        The head of the day's record; None on a day on which nobody signalled.
    opening_cash, pnl
        [currency]; PnL is realised and net of commissions: every day ends flat.
    trades
        Its round trips, each with the instant at which it was recorded.
    """

    day: date
    opened: datetime
    closed: datetime
    currency: str
    started: SessionStarted | None
    opening_cash: Decimal
    pnl: Decimal
    trades: tuple[tuple[datetime, TradeClosed], ...]


class Drawdown(NamedTuple):
    """The largest fall of the equity from a peak: money [currency] and fraction of the peak."""

    money: float
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of document 050 over a whole backtest.

    Parameters
    ----------
    trades
        How many round trips.
    win_rate
        The fraction whose PnL is positive; None without trades.
    average_pnl
        [currency] per trade; None without trades.
    average_duration_s
        From entry to exit [s]; None without trades.
    max_drawdown
        Over the equity after each trade, in the order in which they closed.
    sharpe
        See ANNUALISATION; None with fewer than two days or returns that do not vary.
    pnl
        [currency].
    """

    trades: int
    win_rate: float | None
    average_pnl: float | None
    average_duration_s: float | None
    max_drawdown: Drawdown
    sharpe: float | None
    pnl: float


def figures(days: Sequence[DayOf]) -> Figures:
    """Return the figures of a backtest.

    Parameters
    ----------
    days
        In time order.

    Returns
    -------
    Figures
        Of all of them.
    """
    trades = [trade for day in days for _, trade in day.trades]
    pnls = [float(trade.pnl) for trade in trades]
    held = [(trade.exit_time - trade.entry_time).total_seconds() for trade in trades]
    count = len(trades)
    return Figures(
        trades=count,
        win_rate=sum(1 for pnl in pnls if pnl > 0.0) / count if count else None,
        average_pnl=math.fsum(pnls) / count if count else None,
        average_duration_s=math.fsum(held) / count if count else None,
        max_drawdown=drawdown(days),
        sharpe=sharpe([float(day.pnl / day.opening_cash) for day in days]),
        pnl=float(sum((trade.pnl for trade in trades), ZERO)),
    )


def equity(days: Sequence[DayOf]) -> list[tuple[datetime, Decimal]]:
    """Return the equity after each trade, in the order in which they closed.

    Parameters
    ----------
    days
        In time order.

    Returns
    -------
    list of (datetime, Decimal)
        Instant (UTC) and equity [currency]; begins with the first open.
    """
    if not days:
        return []
    points = [(days[0].opened, days[0].opening_cash)]
    for day in days:
        for _, trade in day.trades:
            points.append((trade.exit_time, points[-1][1] + trade.pnl))
    return points


def drawdown(days: Sequence[DayOf]) -> Drawdown:
    """Return the largest fall of the equity from its peak so far."""
    deepest, part, peak = ZERO, ZERO, None
    for _, value in equity(days):
        peak = value if peak is None else max(peak, value)
        deepest = max(deepest, peak - value)
        part = max(part, (peak - value) / peak)
    return Drawdown(float(deepest), float(part))


def sharpe(returns: Sequence[float]) -> float | None:
    """Return the annualised Sharpe ratio of daily returns.

    Parameters
    ----------
    returns
        One per session, those without a trade included.

    Returns
    -------
    float or None
        Mean over sample deviation (ddof 1) × √252; None with fewer than two, or when all are equal.
    """
    if len(returns) < 2 or len(set(returns)) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    spread = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    return mean / spread * math.sqrt(SESSIONS_A_YEAR) if spread > 0.0 else None


def backtest_rows(days: Sequence[DayOf]) -> list[dict[str, Value]]:
    """Return a row per trade: that of trade_history, and ``mode=backtest``."""
    return [
        {**trade_row(at, trade, day.started), "mode": MODE}
        for day in days
        if day.started is not None
        for at, trade in day.trades
    ]


def backtest_summary(
    days: Sequence[DayOf],
    ways: Sequence[Funnel],
    marks: Mapping[str, object],
    reasons: Sequence[str] = (),
) -> dict[str, object]:
    """Return the summary of a backtest.

    Parameters
    ----------
    days
        In time order.
    ways
        One funnel per strategy over all days, the total last.
    marks
        What it ran on: bot, span, symbols, hashes, seed, how its days were run.
    reasons
        Why nothing traded; empty when something did.

    Returns
    -------
    dict
        Plain values; money is text, digit for digit.
    """
    trades = [trade for day in days for _, trade in day.trades]
    found = figures(days)
    return {
        "mode": MODE,
        **marks,
        "units": {
            "money": days[0].currency if days else "",
            "win_rate": "fraction",
            "average_holding_time": "seconds",
            "max_drawdown_fraction": "of the peak",
            "sharpe": ANNUALISATION,
        },
        "realised_pnl": plain(sum((trade.pnl for trade in trades), ZERO)),
        "commission": plain(sum((trade.commission for trade in trades), ZERO)),
        **metrics(trades, ways),
        "figures": {
            "win_rate": _exact(found.win_rate),
            "max_drawdown": _exact(found.max_drawdown.money),
            "max_drawdown_fraction": _exact(found.max_drawdown.fraction),
            "average_duration_s": _exact(found.average_duration_s),
            "average_pnl": _exact(found.average_pnl),
            "sharpe": _exact(found.sharpe),
        },
        "funnel": [funnel_fields(way) for way in ways],
        "reasons": list(reasons),
        "days": [
            {
                "day": day.day,
                "opening_cash": plain(day.opening_cash),
                "pnl": plain(day.pnl),
                "trades": len(day.trades),
            }
            for day in days
        ],
    }


def funnel_fields(way: Funnel) -> dict[str, object]:
    """Return the counts of one funnel, and what blocked."""
    return {
        "strategy": way.strategy,
        "candidates": way.candidates,
        "skipped": way.skipped,
        "with_signal": way.with_signal,
        "signals": way.signals,
        "blocked": [
            {"stage": item.stage, "rule": item.rule, "reason": item.reason, "count": item.times}
            for item in way.blocked
        ],
        "orders": way.orders,
        "filled": way.filled,
        "fills": way.fills,
        "trades": way.trades,
    }


def slippage_comparison(
    slipped: Sequence[DayOf], clean: Sequence[DayOf], marks: Mapping[str, object]
) -> dict[str, object]:
    """Return what slippage cost: the same backtest with and without it (document 090).

    Parameters
    ----------
    slipped, clean
        The days with the settings' slippage, and with none.
    marks
        What it ran on.

    Returns
    -------
    dict
        PnL by strategy and in total, with, without, and the difference [currency as text].
    """
    names = sorted({t.strategy for days in (slipped, clean) for d in days for _, t in d.trades})
    rows = []
    for name in (*names, "total"):
        with_, without = _pnl(slipped, name), _pnl(clean, name)
        rows.append({
            "strategy": name,
            "trades_with": _count(slipped, name),
            "trades_without": _count(clean, name),
            "pnl_with": plain(with_),
            "pnl_without": plain(without),
            "difference": plain(with_ - without),
        })
    return {"mode": MODE, **marks, "table": rows}


def write_backtest(
    outputs: Outputs,
    days: Sequence[DayOf],
    summary: Mapping[str, object],
    comparison: Mapping[str, object],
) -> None:
    """Write the standing files of backtests and the copies that this run keeps.

    Parameters
    ----------
    outputs
        The door to the files, with the run's stamp.
    days
        In time order.
    summary, comparison
        What `backtest_summary` and `slippage_comparison` returned.
    """
    rows = backtest_rows(days)
    contents = {
        f"trade_history_backtest.{kind}": table_bytes(rows, BACKTEST_FIELDS, kind)
        for kind in (LogFormat.CSV, LogFormat.JSON)
    }
    contents["daily_summary_backtest.json"] = json_document(summary)
    contents["backtest_slippage_comparison.json"] = json_document(comparison)
    for name, content in contents.items():
        outputs.write(name, content, writer=WRITER)
        outputs.write(f"backtest/{name}", content, writer=WRITER)


def _pnl(days: Sequence[DayOf], name: str) -> Decimal:
    trades = (trade for day in days for _, trade in day.trades)
    return sum((t.pnl for t in trades if name in {"total", t.strategy}), ZERO)


def _count(days: Sequence[DayOf], name: str) -> int:
    return sum(1 for d in days for _, t in d.trades if name in {"total", t.strategy})


def _exact(value: float | None) -> Decimal | None:
    """Return a float as the shortest decimal that reads back as it."""
    return None if value is None else Decimal(repr(value))
