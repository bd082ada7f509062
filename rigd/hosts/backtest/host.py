"""Run a backtest: every session of a history in time order, each by the fastest exact way.

A day without a signal of a pool member makes nothing and costs a look at the scan. A day with one
runs over its candidate events; a day on which something rare may happen is played by the session
engine. All three give the trades that a session of that day gives, to the last place.

Cash runs on from day to day. Each day begins as a session does after an operator has released it:
the kill switch is not latched, and defense mode is as the terms say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rigd.core.events import (
    DefenseChanged,
    Entry,
    PoolRanked,
    RiskTripped,
    SessionClosed,
    TradeClosed,
)
from rigd.hosts.backtest.candidate_day import CandidateDay, is_special, pools_of
from rigd.hosts.backtest.played import play
from rigd.hosts.backtest.scanning import Lane, Scans
from rigd.hosts.backtest.vetoes import causal_chain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.hosts.backtest.candidate_day import Pool
    from rigd.hosts.backtest.history import History
    from rigd.hosts.backtest.played import Terms


class Way(StrEnum):
    """How a day was run."""

    QUIET = "quiet"
    CANDIDATES = "candidates"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """One window of a quiet day: nobody in its pool signalled.

    Parameters
    ----------
    strategy
        Its name.
    candidates, skipped
        Symbols in the pool; symbols left out.
    reach
        The largest move towards a signal, and the symbol that made it; None for an empty pool.
    """

    strategy: str
    candidates: int
    skipped: int
    reach: tuple[float, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What became of one day.

    Parameters
    ----------
    day, number
        The exchange day, and its place in the history.
    way
        How it was run.
    opening_cash, closing_cash
        The account [currency].
    trades
        Its round trips in the order in which they closed.
    entries
        Its records, as a session journals them; empty on a quiet day.
    screened
        What a quiet day's windows saw; empty on the others.
    skipped
        Windows that were not run, as strategy and reason.
    """

    day: date
    number: int
    way: Way
    opening_cash: Decimal
    closing_cash: Decimal
    trades: tuple[TradeClosed, ...]
    entries: tuple[Entry, ...]
    screened: tuple[Screened, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def tripped(self) -> bool:
        """Whether the kill switch tripped."""
        return any(isinstance(entry.record, RiskTripped) for entry in self.entries)

    @property
    def defended(self) -> bool:
        """Whether defense mode came on."""
        return any(isinstance(entry.record, DefenseChanged) for entry in self.entries)


class Host:
    """Runs the days of one backtest.

    Parameters
    ----------
    terms
        On whose terms.
    history
        The bars.
    lane
        How the strategies' functions are run.
    always_played
        Whether every day is played by the session engine.
    seen
        What backtests of the same history saw before, see `Scans`.
    """

    def __init__(
        self,
        terms: Terms,
        history: History,
        lane: Lane = Lane.AUTO,
        *,
        always_played: bool = False,
        seen: dict[Any, Any] | None = None,
    ) -> None:
        self._terms = terms
        self._history = history
        self._scans = Scans(terms.settings, history, lane, seen)
        self._chain = causal_chain(terms, history)
        sound = all(feed.sound for feed in history.feeds)
        self._played = always_played or is_special(terms) or not sound

    @property
    def compiled(self) -> bool:
        """Whether the functions are compiled."""
        return self._scans.compiled

    def run(
        self, opening_cash: Decimal, on_day: Callable[[int, int], None] = lambda _done, _of: None
    ) -> tuple[Day, ...]:
        """Run every day.

        Parameters
        ----------
        opening_cash
            The account's cash at the first open [currency].
        on_day
            Called after each day with how many are done, and of how many.

        Returns
        -------
        tuple of Day
            In time order.
        """
        days = []
        cash = opening_cash
        for number in range(len(self._history.feeds)):
            days.append(self.day(number, cash))
            cash = days[-1].closing_cash
            on_day(number + 1, len(self._history.feeds))
        return tuple(days)

    def day(self, number: int, opening_cash: Decimal) -> Day:
        """Run one day of the history.

        Parameters
        ----------
        number
            Its place.
        opening_cash
            The account's cash at the open [currency].

        Returns
        -------
        Day
            By the fastest way that is exact.
        """
        if self._played:
            return self._by_session(number, opening_cash)
        feed = self._history.feeds[number]
        bought_only = self._terms.bought_only(feed, self._history.asked)
        pools = pools_of(self._terms, self._history, self._scans, number, bought_only=bought_only)
        if not any(pool.events for pool in pools):
            return self._quiet(number, opening_cash, pools)
        day = CandidateDay(
            self._terms,
            self._history,
            self._scans,
            number,
            opening_cash,
            pools,
            bought_only=bought_only,
            chain=self._chain.at(number),
        )
        entries = day.run()
        if day.rare():
            return self._by_session(number, opening_cash)
        return self._day(
            number, Way.CANDIDATES, opening_cash, entries, cash_after(opening_cash, entries)
        )

    def play(self, number: int, opening_cash: Decimal) -> tuple[Entry, ...]:
        """Return the whole journal of a day, played by the session engine."""
        return play(self._terms, self._history.feeds[number], self._history.asked, opening_cash)

    def _by_session(self, number: int, opening_cash: Decimal) -> Day:
        entries = self.play(number, opening_cash)
        closed = entries[-1].record
        assert isinstance(closed, SessionClosed)  # noqa: S101 - a replay ends with it
        return self._day(number, Way.SESSION, opening_cash, entries, closed.closing_cash)

    def _quiet(self, number: int, opening_cash: Decimal, pools: Sequence[Pool]) -> Day:
        screened = tuple(
            Screened(
                strategy=pool.plan.strategy.name,
                candidates=len(pool.ranked.pool),
                skipped=len(pool.ranked.skipped),
                reach=_largest(pool),
            )
            for pool in pools
        )
        return Day(
            day=self._history.feeds[number].session.day,
            number=number,
            way=Way.QUIET,
            opening_cash=opening_cash,
            closing_cash=opening_cash,
            trades=(),
            entries=(),
            screened=screened,
            skipped=self._skipped(number),
        )

    def _day(
        self,
        number: int,
        way: Way,
        opening_cash: Decimal,
        entries: tuple[Entry, ...],
        closing_cash: Decimal,
    ) -> Day:
        return Day(
            day=self._history.feeds[number].session.day,
            number=number,
            way=way,
            opening_cash=opening_cash,
            closing_cash=closing_cash,
            trades=tuple(e.record for e in entries if isinstance(e.record, TradeClosed)),
            entries=entries,
            screened=(),
            skipped=self._skipped(number),
        )

    def _skipped(self, number: int) -> tuple[tuple[str, str], ...]:
        planned = self._scans.plans[number].planned
        return tuple((item.strategy, item.skipped) for item in planned if item.window is None)


def cash_after(opening_cash: Decimal, entries: Sequence[Entry]) -> Decimal:
    """Return the account's cash after a day that ended flat [currency]."""
    pnl = (entry.record.pnl for entry in entries if isinstance(entry.record, TradeClosed))
    return opening_cash + sum(pnl)


def pools_on_record(entries: Sequence[Entry]) -> tuple[PoolRanked, ...]:
    """Return the pools that a day's records hold."""
    return tuple(e.record for e in entries if isinstance(e.record, PoolRanked))


def _largest(pool: Pool) -> tuple[float, str] | None:
    """Return the largest move of a pool towards a signal, and whose it was."""
    plan = pool.plan
    moves = (
        (plan.strategy.reach(state, plan.params, plan.shorts), symbol)
        for symbol, state in pool.states.items()
    )
    known = [move for move in moves if move[0] == move[0]]
    return max(known, default=None)
