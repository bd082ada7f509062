"""Carry journal entries into books, logs, trade files and status; the engine knows none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.reporting.errors import ErrorLogs
from rigd.reporting.logs import SessionLogs
from rigd.reporting.status import StatusFold
from rigd.reporting.summary import DailySummary
from rigd.reporting.trades import TradeHistory
from rigd.reporting.tuning import TuningTracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.ports import Journal, Projection
    from rigd.ledger.book import Ledger
    from rigd.store.registry import Registry


class Projections:
    """Every projection of one session's journal.

    Parameters
    ----------
    journal
        The journal.
    ledger
        The books.
    registry
        The door to the standing files.
    key
        The session's key in books and logs.
    more
        Further projections of this session.
    """

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        registry: Registry,
        key: str,
        more: Sequence[Projection] = (),
    ) -> None:
        self._journal = journal
        self._ledger = ledger
        self._key = key
        self._done = 0
        self.status = StatusFold(registry)
        self._views: tuple[Projection, ...] = (
            SessionLogs(registry),
            ErrorLogs(registry),
            TradeHistory(registry),
            DailySummary(registry),
            TuningTracker(registry),
            self.status,
            *more,
        )

    def advance(self) -> None:
        """Carry over what is new; it is made durable in the journal first."""
        entries = self._journal.entries()
        if len(entries) == self._done:
            return
        self._journal.sync()
        for entry in entries[self._done :]:
            self._ledger.post(entry, self._key)
            for view in self._views:
                view.advance(entry)
        self._done = len(entries)
