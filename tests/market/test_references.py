from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from rigd.core.errors import DataError
from rigd.core.values import Reference
from rigd.market.findings import Findings
from rigd.market.references import read_daily_before, reference_before
from rigd.market.rows import DailyRow, Series
from rigd.market.stamps import minute_of
from tests.market.days import FRIDAY, MONDAY, TUESDAY, WINTER, session, write


def series(day, *bars) -> Series:
    """Return bars of a day as (minute, close, volume)."""
    first = minute_of(day.open)
    rows = [(first + m, c, c, c, c, v) for m, c, v in bars]
    return Series("SPY", "SPY.csv", rows)


def test_the_last_regular_bar_before_gives_close_and_the_sum_the_volume() -> None:
    """Bars before 09:30 and from 16:00 on do not count."""
    bars = series(MONDAY, (-1, 9.0, 1.0), (0, 10.0, 5.0), (389, 11.0, 7.0), (390, 12.0, 100.0))
    found = reference_before(TUESDAY, MONDAY, series=[bars], days=[MONDAY.day], daily=None)
    assert found == Reference(previous_close=11.0, previous_volume=12.0)
    alone = reference_before(TUESDAY, None, series=[bars], days=[MONDAY.day], daily=None)
    assert alone == found


def test_a_half_day_ends_where_its_session_ends() -> None:
    """With the session before given, trades after an early close do not count."""
    friday = session(date(2013, 11, 29), WINTER, 210)
    monday = session(date(2013, 12, 2), WINTER)
    bars = series(friday, (209, 10.0, 5.0), (210, 99.0, 7.0))
    found = reference_before(monday, friday, series=[bars], days=[friday.day], daily=None)
    assert found == Reference(previous_close=10.0, previous_volume=5.0)


def test_only_the_session_before_counts_when_it_is_known() -> None:
    """A day further back is not the previous session."""
    bars = series(FRIDAY, (0, 10.0, 5.0))
    daily = DailyRow(FRIDAY.day, 10.5, 6.0)
    found = reference_before(TUESDAY, MONDAY, series=[bars], days=[FRIDAY.day], daily=daily)
    assert found == Reference()


def test_without_it_the_newest_day_of_the_last_week_counts() -> None:
    """A close that is older than any closing of the exchange is no previous close."""
    bars = series(FRIDAY, (0, 10.0, 5.0))
    soon = reference_before(TUESDAY, None, series=[bars], days=[FRIDAY.day], daily=None)
    assert soon == Reference(previous_close=10.0, previous_volume=5.0)
    later = replace(session(FRIDAY.day + timedelta(days=8)))
    assert reference_before(later, None, series=[bars], days=[FRIDAY.day], daily=None) == (
        Reference()
    )


def test_the_newer_source_wins_and_minutes_on_the_same_day() -> None:
    """Minute bars share the prices' scale; a newer daily row is nearer to the day."""
    friday = series(FRIDAY, (0, 10.0, 5.0))
    monday = DailyRow(MONDAY.day, 11.0, 6.0)
    found = reference_before(TUESDAY, None, series=[friday], days=[FRIDAY.day], daily=monday)
    assert found.previous_close == 11.0
    bars = series(MONDAY, (0, 10.0, 5.0))
    found = reference_before(TUESDAY, None, series=[bars], days=[MONDAY.day], daily=monday)
    assert found.previous_close == 10.0


def test_the_day_itself_never_counts() -> None:
    """Bars of the day and later ones are the future."""
    bars = series(TUESDAY, (0, 10.0, 5.0))
    days = [TUESDAY.day, TUESDAY.day + timedelta(days=1)]
    assert reference_before(TUESDAY, None, series=[bars], days=days, daily=None) == Reference()


@pytest.mark.parametrize("name", ["SPY.csv", "SPY.csv.gz"])
def test_a_daily_file_is_found_by_its_symbol(tmp_path, name) -> None:
    """equity_daily holds one file a symbol, compressed or not."""
    write(tmp_path / "equity_daily" / name, "date,close,volume", "2013-10-07,11,200")
    findings = Findings()
    found = read_daily_before(tmp_path, "SPY", TUESDAY.day, findings)
    assert found == DailyRow(MONDAY.day, 11.0, 200.0)
    assert read_daily_before(tmp_path, "IBM", TUESDAY.day, findings) is None
    findings.raise_any("it")


def test_a_broken_daily_file_is_a_problem(tmp_path) -> None:
    """It names the file below the folder of data."""
    write(tmp_path / "equity_daily" / "SPY.csv", "date,close", "2013-10-07,11")
    findings = Findings()
    assert read_daily_before(tmp_path, "SPY", TUESDAY.day, findings) is None
    with pytest.raises(DataError, match=r"equity_daily/SPY\.csv:1: volume"):
        findings.raise_any("it")
