"""Trades of several sessions added up by session, day, week and month; for monitoring only."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.clock import from_iso
from rigd.core.errors import LogicError
from rigd.core.values import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rigd.store.paths import BotTree

SPANS = ("session", "day", "week", "month")
"""Newest session, its day, and the ISO week and calendar month of that day."""
_FILES = ("trade_history.json", "trade_history.csv")


class Trade(NamedTuple):
    """One round trip: session, strategy, symbol, long or short, when it ended, PnL [currency]."""

    session: str
    strategy: str
    symbol: str
    side: str
    closed_at: datetime
    pnl: Decimal
    reason: str

    @property
    def day(self) -> date:
        """The exchange day of its session."""
        return date.fromisoformat(self.session.rpartition("_")[0])


class Total(NamedTuple):
    """Trades, PnL [currency] and fraction of wins; None without a trade."""

    trades: int
    pnl: Decimal
    win_rate: Decimal | None


def trades_since(tree: BotTree, first: date) -> list[Trade]:
    """Return the trades of the sessions of a day and later, oldest session first.

    Parameters
    ----------
    tree
        Whose.
    first
        The first exchange day.

    Returns
    -------
    list of Trade
        Rows that cannot be read are left out: the books are official.
    """
    found: list[Trade] = []
    for folder in sorted(tree.sessions.glob("*_*")):
        if folder.name >= first.isoformat():
            for path in (folder / name for name in _FILES):
                if path.is_file():
                    found += trades_in(path.read_bytes())
                    break
    return found


def newest_day(tree: BotTree) -> date | None:
    """Return the exchange day of the newest session; None when there is none."""
    for folder in sorted(tree.sessions.glob("*_*"), reverse=True):
        try:
            return date.fromisoformat(folder.name.rpartition("_")[0])
        except ValueError:
            continue
    return None


def trades_in(content: bytes) -> list[Trade]:
    """Return the trades of a trade_history in either format."""
    text = content.decode("utf-8", "replace")
    try:
        rows: Any = (
            json.loads(text) if text.lstrip().startswith("[") else csv.DictReader(io.StringIO(text))
        )
        return [trade for row in rows if (trade := _trade(row)) is not None]
    except (ValueError, csv.Error):
        return []


def first_of_month(day: date) -> date:
    """Return the earliest day that a month's and a week's totals need."""
    return min(day.replace(day=1), monday_of(day))


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def totals(trades: Sequence[Trade], session: str) -> dict[str, dict[str, Total]]:
    """Return the totals by span and strategy.

    Parameters
    ----------
    trades
        Of `trades_since`.
    session
        The newest session; its day says which day, week and month are meant.

    Returns
    -------
    dict
        For each of `SPANS` the totals of each strategy, and of all as ``total``.
    """
    day = date.fromisoformat(session.rpartition("_")[0])
    monday = monday_of(day)
    spans = {
        "session": [trade for trade in trades if trade.session == session],
        "day": [trade for trade in trades if trade.day == day],
        "week": [trade for trade in trades if monday <= trade.day <= day],
        "month": [trade for trade in trades if day.replace(day=1) <= trade.day <= day],
    }
    return {
        span: {name: total(t for t in held if t.strategy == name) for name in STRATEGIES}
        | {"total": total(held)}
        for span, held in spans.items()
    }


def total(trades: Iterable[Trade]) -> Total:
    """Return trades, PnL and fraction of wins."""
    amounts = [trade.pnl for trade in trades]
    wins = sum(amount > 0 for amount in amounts)
    rate = round(Decimal(wins) / len(amounts), 6) if amounts else None
    return Total(len(amounts), sum(amounts, Decimal(0)), rate)


def _trade(row: Any) -> Trade | None:  # noqa: ANN401 - a row of a file that anybody may have edited
    try:
        return Trade(
            session=str(row["session"]),
            strategy=str(row["strategy_name"]),
            symbol=str(row["ticker"]),
            side=str(row["side"]),
            closed_at=from_iso(str(row["timestamp"])),
            pnl=Decimal(str(row["PnL"])),
            reason=str(row["exit_reason"]),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation, LogicError):
        return None
