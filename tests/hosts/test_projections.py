from __future__ import annotations

from datetime import date

import pytest

from rigd.core.events import SessionClosed
from rigd.hosts.projections import Projections
from rigd.ledger.book import Ledger
from rigd.store.database import open_database
from rigd.store.journal import MemoryJournal
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.hosts.homes import bot_of

NAMES = ("open.log", "trade_history.json", "daily_summary.json", "main_bot.log")


class Journal(MemoryJournal):
    """Counts how often it was made durable."""

    synced = 0

    def sync(self) -> None:
        super().sync()
        self.synced += 1


@pytest.fixture
def parts(finished, tmp_path):
    """An empty journal with projections, and the real entries to feed to it."""
    bot = bot_of(finished.bot.home)
    ledger = Ledger(
        open_database(tmp_path / "books.db"), identity=str(bot.identity), account=bot.account
    )
    with Registry(Home(tmp_path), bot.identity, day=date(2012, 11, 14), number=1) as registry:
        journal = Journal()
        yield (
            Projections(journal, ledger, registry, "2012-11-14_1"),
            journal,
            ledger,
            registry,
            list(finished.entries),
        )
    ledger.close()


def test_carried_over_in_pieces_or_at_once_it_is_the_same(parts, finished) -> None:
    """Entry by entry gives the files that the session itself wrote."""
    projections, journal, ledger, registry, entries = parts
    for entry in entries:
        journal.append(entry.at, entry.record)
        projections.advance()
    for name in NAMES:
        mine = registry.path(f"session/{name}").read_bytes()
        assert mine == (finished.folder / name).read_bytes(), name
    assert isinstance(entries[-1].record, SessionClosed)
    assert ledger.balances()[1030] == entries[-1].record.closing_cash


def test_the_journal_is_durable_before_anything_else_knows(parts) -> None:
    """One sync for what is new, none when nothing is."""
    projections, journal, ledger, _, entries = parts
    projections.advance()
    assert journal.synced == 0
    for entry in entries[:3]:
        journal.append(entry.at, entry.record)
    seen = []
    post = ledger.post
    ledger.post = lambda *given: (seen.append(journal.synced), post(*given))
    projections.advance()
    assert seen == [1, 1, 1]
    projections.advance()
    assert journal.synced == 1
