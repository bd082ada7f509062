"""The bars of a backtest: sessions of a span, and the same bars as arrays."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import DataError
from rigd.hosts.backtest.history import History, load
from tests.hosts.backtest.days import synthetic
from tests.shared import shared_path


def test_a_span_of_real_files_is_read() -> None:
    """Three sessions have bars; the others of the span are named; VIX and references are there."""
    history = load(shared_path("data"), date(2013, 10, 1), date(2013, 10, 9), ("SPY", "IBM"))
    assert [feed.session.day.day for feed in history.feeds] == [4, 7, 8]
    assert history.symbols == ("IBM", "SPY")
    assert [day.day for day in history.without_bars] == [1, 2, 3, 9]
    assert history.feeds[1].reference("SPY").previous_close is not None
    assert history.feeds[0].vix(date(2013, 10, 4)) is not None
    assert history.count == sum(len(f.bars[s]) for f in history.feeds for s in f.symbols)


def test_days_of_the_week_can_be_left_out() -> None:
    """TRADING_DAYS decides which sessions count."""
    span = (shared_path("data"), date(2013, 10, 1), date(2013, 10, 9), ("SPY",))
    history = load(*span, trading_days=("mon", "tue"))
    assert [feed.session.day.day for feed in history.feeds] == [7, 8]


def test_a_span_without_bars_is_refused() -> None:
    """The message names days that are there."""
    with pytest.raises(DataError, match="2013-10-04"):
        load(shared_path("data"), date(2013, 11, 1), date(2013, 11, 9), ("SPY",))


def test_packed_bars_are_the_feeds_bars() -> None:
    """Arrays and feeds hold the same bars, day by day, also where a symbol has none."""
    history = synthetic(11, 5, ("AAA", "BBB"))
    for symbol in history.symbols:
        packed = history.packed(symbol)
        assert history.packed(symbol) is packed
        for number, feed in enumerate(history.feeds):
            assert packed.day(number).tolist() == [tuple(b) for b in feed.bars.get(symbol, ())]


def test_days_must_ascend() -> None:
    """No day twice, none before the one before it, and at least one."""
    feeds = synthetic(11, 2).feeds
    with pytest.raises(DataError, match="ascending"):
        History(feeds=feeds[::-1])
    with pytest.raises(DataError, match="sessions with bars"):
        History(feeds=())


def test_the_digest_is_of_the_days() -> None:
    """Equal bars give an equal digest, one day less another."""
    history = synthetic(11, 3)
    assert history.digest == synthetic(11, 3).digest
    assert history.digest != history.day(0).digest
