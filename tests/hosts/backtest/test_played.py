"""A day played by the session engine in memory is the day of a session on disk and wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rigd.core.errors import LogicError
from rigd.core.events import SessionClosed
from rigd.hosts.backtest.played import MemoryLog, StillClock, finish, play
from tests.hosts.backtest.days import CASH, by_session, synthetic, terms


def test_a_played_day_is_the_sessions_journal() -> None:
    """Record for record the journal is that of a session over the real wiring."""
    history, run = synthetic(21, 2), terms()
    for number, feed in enumerate(history.feeds):
        mine = [entry.record for entry in play(run, feed, (), CASH)]
        theirs = [entry.record for entry in by_session(run, history, number)]
        kinds = [type(record).__name__ for record in theirs]
        assert [type(record).__name__ for record in mine] == kinds
        assert mine[-1] == theirs[-1]
        assert isinstance(mine[-1], SessionClosed)


async def _waits() -> None:
    class Never:
        def __await__(self):
            yield

    await Never()


def test_nothing_in_memory_may_wait() -> None:
    """A coroutine that suspends is a defect and says so; one that ends gives its value."""

    async def answer() -> int:
        return 7

    assert finish(answer()) == 7
    with pytest.raises(LogicError, match="must not wait"):
        finish(_waits())


def test_clock_and_log_keep_nothing() -> None:
    """The control clock stands still, the exchange's log stays empty."""
    at = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
    clock, log = StillClock(at), MemoryLog()
    clock.sleep(3600.0)
    finish(clock.wait(60.0))
    assert (clock.now(), clock.monotonic()) == (at, 0.0)
    assert log.append(at, "x", {}) == (0, "")
    assert log.entries() == ()
