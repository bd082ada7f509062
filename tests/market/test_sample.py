from __future__ import annotations

import csv
import gzip
import hashlib
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.draws import Draws
from rigd.core.errors import DataError
from rigd.core.values import Reference
from rigd.market.sample import (
    LABEL,
    SAMPLE_DAY,
    SAMPLE_SYMBOLS,
    DailyBar,
    intraday,
    read_sample,
    sample_feed,
)
from tests.market.days import SUMMER, WINTER, session, write

DAY = session(SAMPLE_DAY, WINTER)


def real_rows(symbol: str) -> list[dict[str, str]]:
    """Return a stock's daily rows as the package has them, read without the code under test."""
    spec = find_spec("bokeh_sampledata")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "_data"
    if (folder / "stocks.csv.gz").is_file():
        with gzip.open(folder / "stocks.csv.gz", "rt") as lines:
            return [row for row in csv.DictReader(lines) if row["Ticker"] == symbol]
    with (folder / f"{symbol}.csv").open() as lines:
        return list(csv.DictReader(lines))


def require_whole(bars, day) -> None:
    """Require that minute bars are valid and add up to their day exactly."""
    open_, high, low, close, volume = day
    assert bars[0].open == open_
    assert bars[-1].close == close
    assert max(bar.high for bar in bars) == high
    assert min(bar.low for bar in bars) == low
    assert sum(int(bar.volume) for bar in bars) == volume
    for minute, bar in enumerate(bars):
        assert bar.minute == minute
        assert bar.volume == int(bar.volume) >= 0
        assert 0 < bar.low <= min(bar.open, bar.close)
        assert max(bar.open, bar.close) <= bar.high


@pytest.mark.parametrize("symbol", SAMPLE_SYMBOLS)
def test_the_bars_of_the_sample_day_add_up_to_the_real_day(symbol) -> None:
    """Open, high, low, close and volume are the real ones, exactly; the day before is reference."""
    one = sample_feed(DAY)
    rows = real_rows(symbol)
    at = next(i for i, row in enumerate(rows) if row["Date"] == SAMPLE_DAY.isoformat())
    prices = [float(rows[at][name]) for name in ("Open", "High", "Low", "Close")]
    assert len(one.bars[symbol]) == 390
    require_whole(one.bars[symbol], (*prices, int(float(rows[at]["Volume"]))))
    before = rows[at - 1]
    assert one.reference(symbol) == Reference(
        previous_close=float(before["Close"]), previous_volume=float(before["Volume"])
    )


@pytest.mark.parametrize(("day", "hour"), [(date(2012, 5, 18), SUMMER), (date(2013, 3, 1), WINTER)])
def test_other_days_and_seeds_add_up_as_well(day, hour) -> None:
    """The first and the last day on which all five trade."""
    one = sample_feed(session(day, hour), seed=5)
    assert one.symbols == SAMPLE_SYMBOLS
    for symbol in one.symbols:
        row = next(r for r in real_rows(symbol) if r["Date"] == day.isoformat())
        prices = [float(row[name]) for name in ("Open", "High", "Low", "Close")]
        require_whole(one.bars[symbol], (*prices, int(float(row["Volume"]))))


def test_the_label_says_what_is_real() -> None:
    """Every title of a session on the sample says that its minutes are made up."""
    one = sample_feed(DAY, ["IBM"])
    assert one.label == LABEL == "daily real, intraday synthetic"
    assert one.vix(SAMPLE_DAY) is None
    assert one.spread("IBM", 0) is None


def test_the_first_day_of_a_stock_has_no_reference() -> None:
    """FB was listed on 2012-05-18; nothing is known before."""
    one = sample_feed(session(date(2012, 5, 18)), ["FB"])
    assert one.reference("FB") == Reference()


def test_a_seed_gives_one_path_and_another_seed_another() -> None:
    """The path depends on seed, symbol and date alone, not on what else is drawn."""
    assert sample_feed(DAY, ["IBM"], seed=3).bars == sample_feed(DAY, ["IBM"], seed=3).bars
    together = sample_feed(DAY, ["AAPL", "IBM"], seed=3)
    assert together.bars["IBM"] == sample_feed(DAY, ["IBM"], seed=3).bars["IBM"]
    assert together.bars["IBM"] != sample_feed(DAY, ["IBM"], seed=4).bars["IBM"]


def test_the_path_is_the_same_in_every_process_and_version() -> None:
    """A stored answer: SHA-256 over the bars of a made-up day drawn from seed 7."""
    day = DailyBar(date(2020, 1, 2), 100.0, 103.0, 99.0, 102.0, 1_000_001)
    text = repr([tuple(bar) for bar in intraday(day, 390, Draws(7), "X")])
    assert hashlib.sha256(text.encode()).hexdigest() == STORED


STORED = "bead7a0140ea153790bdb419c87ca30334249e98250289e345ca739b3a86cf04"


cents = st.integers(1_000, 30_000)


@settings(max_examples=40, deadline=None)
@given(st.lists(cents, min_size=4, max_size=4), st.integers(0, 10**9), st.booleans(), st.integers())
def test_any_day_is_met_exactly(drawn, volume, half, seed) -> None:
    """Every bar is valid and the day is met, whatever it was, on a half day too."""
    low, first, second, high = (price / 100 for price in sorted(drawn))
    minutes = 210 if half else 390
    for open_, close in ((first, second), (low, high), (high, low), (low, low)):
        day = DailyBar(date(2020, 1, 2), open_, high, low, close, volume)
        require_whole(intraday(day, minutes, Draws(seed), "X"), (open_, high, low, close, volume))


def test_a_day_without_movement_stays_where_it_is() -> None:
    """High equal to low leaves one price."""
    day = DailyBar(date(2020, 1, 2), 10.0, 10.0, 10.0, 10.0, 390)
    assert {bar[1:5] for bar in intraday(day, 390, Draws(1), "X")} == {(10.0,) * 4}


def test_volume_has_the_form_of_a_u() -> None:
    """First and last half hour trade more than the middle hour, per minute."""
    for symbol in SAMPLE_SYMBOLS:
        volumes = [bar.volume for bar in sample_feed(DAY, [symbol]).bars[symbol]]
        middle = sum(volumes[165:225]) / 60
        assert sum(volumes[:30]) / 30 > 2 * middle
        assert sum(volumes[-30:]) / 30 > 2 * middle


def test_a_symbol_or_day_that_is_not_there_is_answered_with_the_nearest() -> None:
    """The error says what to choose instead."""
    with pytest.raises(DataError, match="IBN is not in the sample; the nearest name is IBM"):
        sample_feed(DAY, ["IBN"])
    with pytest.raises(DataError, match="the nearest day is 2013-03-01") as caught:
        sample_feed(session(date(2013, 10, 7)))
    assert "2012-11-14" in caught.value.fix
    with pytest.raises(DataError, match="runs from 2012-05-18"):
        sample_feed(session(date(2012, 1, 3), WINTER), ["FB"])


def test_a_symbol_that_did_not_trade_yet_is_absent() -> None:
    """FB was not listed in January 2012."""
    one = sample_feed(session(date(2012, 1, 3), WINTER), ["FB", "IBM"])
    assert one.symbols == ("IBM",)
    assert one.absent == ("FB",)


def test_the_older_layout_of_the_package_is_read(tmp_path) -> None:
    """One file a stock instead of one for all."""
    for symbol in SAMPLE_SYMBOLS:
        write(
            tmp_path / f"{symbol}.csv",
            "Date,Open,High,Low,Close,Volume,Adj Close",
            "2000-03-01,10,12,9,11,1000,5",
        )
    found = read_sample(tmp_path)
    assert found["IBM"] == (DailyBar(date(2000, 3, 1), 10.0, 12.0, 9.0, 11.0, 1000),)


@pytest.mark.parametrize("row", ["2000-03-01,10,9,9,11,1000", "x,10,12,9,11,1000"])
def test_a_sample_that_is_not_as_expected_is_refused(tmp_path, row) -> None:
    """A wrong daily row would be spread over 390 wrong minutes."""
    for symbol in SAMPLE_SYMBOLS:
        write(tmp_path / f"{symbol}.csv", "Date,Open,High,Low,Close,Volume", row)
    with pytest.raises(DataError, match=r"AAPL\.csv:2"):
        read_sample(tmp_path)
