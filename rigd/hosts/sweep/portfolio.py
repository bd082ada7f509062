"""One part of a sweep over a portfolio: some parameter sets, each a whole backtest.

MAX_TRADES, weights, the ranked pool and the loss limit bind symbols to each other, so their trades
cannot be shared over a grid. Each set runs through the backtest host, whose trades are a session's
to the last place: the session's own functions, in the order of time. What is shared is the bars,
and what each strategy saw of them: sets with the same entry parameters scan the history once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.config.parse import override
from rigd.core.errors import DataError
from rigd.core.money import ZERO
from rigd.hosts.backtest import opening
from rigd.hosts.backtest.host import Host
from rigd.hosts.backtest.played import Terms
from rigd.hosts.backtest.request import BacktestRequest
from rigd.hosts.kernels import cached
from rigd.hosts.kernels.tally import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rigd.core.events import TradeClosed
    from rigd.hosts.backtest.history import History
    from rigd.hosts.backtest.host import Day

PORTFOLIO_KEYS = (
    "MAX_OPEN_POSITIONS",
    "CANDIDATE_MULTIPLIER",
    "TOTAL_ALLOCATION",
    "MAX_RISK_PER_TRADE",
    "DAILY_LOSS_LIMIT",
)
"""Keys that a grid may change beside the strategy's own, where symbols share one account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioPart:
    """One part.

    Parameters
    ----------
    number
        Its place in the sweep.
    request
        Strategy, folder and span; the folder must be there where the part runs.
    terms
        On whose terms, without the grid's changes.
    digest
        Of the bars, so that another folder of the same name is found.
    changes
        Per parameter set, the settings that differ.
    cache
        The folder of compiled kernels; blank for none.
    """

    number: int
    request: BacktestRequest
    terms: Terms
    digest: str
    changes: tuple[tuple[tuple[str, str], ...], ...]
    cache: str


def run_portfolio_part(part: PortfolioPart) -> tuple[int, np.ndarray]:
    """Run one part in this process.

    Parameters
    ----------
    part
        What to run.

    Returns
    -------
    tuple of int and ndarray
        The part's number, and float64[sets, 6], `kernels.tally.OUTPUTS` of the whole account.

    Raises
    ------
    DataError
        If the bars are not those that the sweep began with.
    """
    cached.use(part.cache)
    history = _history(_Source(part))
    terms = opening.with_history(part.terms, history)
    seen: dict[Any, Any] = {}
    outputs = np.zeros((len(part.changes), len(OUTPUTS)))
    for row, changes in zip(outputs, part.changes, strict=True):
        row[:] = run_set(terms, history, changes, seen)
    return part.number, outputs


def run_set(
    terms: Terms,
    history: History,
    changes: Sequence[tuple[str, str]],
    seen: dict[Any, Any] | None = None,
) -> np.ndarray:
    """Run one parameter set over all days and symbols, cash running on.

    Parameters
    ----------
    terms, history
        The backtest.
    changes
        Settings that differ from the terms'.
    seen
        What strategies saw of the history so far; read and filled.

    Returns
    -------
    ndarray
        float64[6], `kernels.tally.OUTPUTS`; the days' squares are those of the whole account.
    """
    settings = override(terms.settings, dict(changes), source="--grid")
    host = Host(replace(terms, settings=settings), history, seen=seen)
    return outputs_of(host.run(settings.sim_starting_cash))


def outputs_of(days: Sequence[Day]) -> np.ndarray:
    """Return the outputs of a backtest.

    Parameters
    ----------
    days
        In time order.

    Returns
    -------
    ndarray
        float64[6]; money is summed as Decimal before it becomes a float, in the order in which the
        trades ended, those of one minute by symbol.
    """
    pnl = peak = drawdown = square = ZERO
    trades = wins = 0
    held = 0.0
    for day in days:
        earned = ZERO
        for trade in sorted(day.trades, key=_when):
            earned += trade.pnl
            trades += 1
            wins += trade.pnl > 0
            held += (trade.exit_time - trade.entry_time).total_seconds() / 60
            peak = max(peak, pnl + earned)
            drawdown = max(drawdown, peak - pnl - earned)
        pnl += earned
        square += earned * earned
    return np.array([trades, pnl, wins, drawdown, held, square], dtype=np.float64)


def _when(trade: TradeClosed) -> tuple[datetime, str, str]:
    return trade.exit_time, trade.symbol, trade.strategy


class _Source:
    """Where a part's bars come from; equal for the parts of one sweep."""

    def __init__(self, part: PortfolioPart) -> None:
        self.part = part

    def __hash__(self) -> int:
        return hash(self.part.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and (self.part.request, self.part.digest) == (
            other.part.request,
            other.part.digest,
        )


@lru_cache(maxsize=1)
def _history(source: _Source) -> History:
    part = source.part
    history = opening.history_of(part.request, part.terms)
    if history.digest != part.digest:
        msg = f"the bars of {part.request.data} must be those the sweep began with, were others"
        raise DataError(msg, fix="begin a new sweep")
    return history
