"""The rolling window has exactly the days that were asked for."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import DataError
from rigd.hosts.optimize.request import StudyRequest
from rigd.hosts.optimize.window import read_window, span
from rigd.market.sample import LABEL, SAMPLE_DAY, sample_feed
from tests.config.settings import made
from tests.shared import shared_path


def test_the_window_has_the_days_of_the_setting() -> None:
    """INVENTORY O1: OPTIMIZER_BACKTEST_LOOKBACK_DAYS sessions, the last one the sample's own."""
    found = read_window(made(optimizer_backtest_lookback_days="7"), StudyRequest(symbols=("FB",)))
    assert span(found) == {"first": "2012-11-06", "last": "2012-11-14", "days": 7}
    assert found.label == LABEL


def test_the_window_rolls() -> None:
    """Ended a day earlier it begins a day earlier, over the two days of a storm without trade."""
    at = StudyRequest(symbols=("FB",), lookback_days=3, end=date(2012, 10, 31))
    days = read_window(made(), at)
    assert [s.day.day for s in days.sessions] == [25, 26, 31]
    earlier = read_window(
        made(), StudyRequest(symbols=("FB",), lookback_days=3, end=date(2012, 10, 30))
    )
    assert [s.day.day for s in earlier.sessions] == [24, 25, 26]
    assert earlier.digest != days.digest


def test_the_bars_are_those_of_a_session() -> None:
    """The sample's last day has the bars that `rigd session` trades."""
    days = read_window(made(), StudyRequest(lookback_days=2, symbols=("FB", "IBM")))
    feed = sample_feed(days.sessions[-1], ("FB", "IBM"))
    assert days.sessions[-1].day == SAMPLE_DAY
    for name in ("FB", "IBM"):
        first, end = days.offsets[name][1:3]
        of_feed = [bar for s in feed.slices() for symbol, bar in s.bars.items() if symbol == name]
        assert days.bars[name][first:end].tolist() == [tuple(bar) for bar in of_feed]


def test_a_folder_is_read() -> None:
    """Two real days of two symbols, the newest of three when no end is named."""
    folder = str(shared_path("data"))
    request = StudyRequest(data=folder, symbols=("SPY", "IBM"), lookback_days=2)
    days = read_window(made(), request)
    assert span(days) == {"first": "2013-10-07", "last": "2013-10-08", "days": 2}
    assert [*days.bars] == ["IBM", "SPY"]
    assert days.digest == read_window(made(), request).digest


def test_trading_days_are_kept() -> None:
    """With Mondays alone three weeks lie between the first and the last of four days."""
    days = read_window(made(trading_days="mon"), StudyRequest(symbols=("FB",), lookback_days=3))
    assert {session.day.weekday() for session in days.sessions} == {0}


def test_too_few_days_are_refused() -> None:
    """A window is never filled up with less: the message says how many there are."""
    request = StudyRequest(data=str(shared_path("data")), symbols=("SPY", "IBM"), lookback_days=9)
    with pytest.raises(DataError, match="must have 9 session") as told:
        read_window(made(), request)
    assert "--lookback" in told.value.fix


def test_an_unknown_symbol_of_the_sample_is_refused() -> None:
    """The sample has five symbols."""
    with pytest.raises(DataError, match="XOM is not in the sample"):
        read_window(made(), StudyRequest(symbols=("XOM",)))
