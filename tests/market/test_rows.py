from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import DataError
from rigd.market.findings import Findings
from rigd.market.rows import DailyRow, last_daily_before, parse_bars, parse_spreads
from rigd.market.stamps import StampReader
from rigd.market.tables import read_table
from tests.market.days import HEADER, write

GOOD = "2013-10-07T13:31:00Z,10,11,9,10.5,100"

# the second row of a file, and where and why it is refused; the first row is good
BROKEN_BARS = {
    "NaN price": ("2013-10-07T13:32:00Z,nan,11,9,10,100", "open", "finite and positive"),
    "infinite price": ("2013-10-07T13:32:00Z,10,inf,9,10,100", "high", "finite and positive"),
    "overflowing price": ("2013-10-07T13:32:00Z,10,1e999,9,10,100", "high", "finite and"),
    "zero price": ("2013-10-07T13:32:00Z,10,11,0,10,100", "low", "finite and positive"),
    "negative price": ("2013-10-07T13:32:00Z,10,11,9,-10,100", "close", "finite and positive"),
    "low above high": ("2013-10-07T13:32:00Z,10,9,11,10,100", "low", "not be above the high"),
    "open above high": ("2013-10-07T13:32:00Z,12,11,9,10,100", "open", "between low and high"),
    "open below low": ("2013-10-07T13:32:00Z,8,11,9,10,100", "open", "between low and high"),
    "close above high": ("2013-10-07T13:32:00Z,10,11,9,12,100", "close", "between low and"),
    "close below low": ("2013-10-07T13:32:00Z,10,11,9,8,100", "close", "between low and"),
    "negative volume": ("2013-10-07T13:32:00Z,10,11,9,10,-1", "volume", "not negative"),
    "NaN volume": ("2013-10-07T13:32:00Z,10,11,9,10,nan", "volume", "not negative"),
    "infinite volume": ("2013-10-07T13:32:00Z,10,11,9,10,inf", "volume", "not negative"),
    "empty price": ("2013-10-07T13:32:00Z,10,,9,10,100", "high", "must be a number, was ''"),
    "text as price": ("2013-10-07T13:32:00Z,10,11,n/a,10,100", "low", "must be a number"),
    "comma as point": ('2013-10-07T13:32:00Z,"10,5",11,9,10,100', "open", "must be a number"),
    "grouped digits": ("2013-10-07T13:32:00Z,10,11,9,10,1_000", "volume", "must be a number"),
    "digits of another script": (
        "2013-10-07T13:32:00Z,\uff11\uff10,11,9,10,100",
        "open",
        "must be a",
    ),
    "hexadecimal": ("2013-10-07T13:32:00Z,0x10,11,9,10,100", "open", "must be a number"),
    "same stamp again": (GOOD, "ts_utc", "occurs twice"),
    "stamp out of order": ("2013-10-07T13:30:00Z,10,11,9,10,100", "ts_utc", "must ascend"),
    "same stamp in another zone": ("2013-10-07T09:31:00-04:00,10,11,9,10,1", "ts_utc", "twice"),
    "naive stamp": ("2013-10-07T13:32:00,10,11,9,10,100", "ts_utc", "must carry its zone"),
    "stamp off the minute": ("2013-10-07T13:32:30Z,10,11,9,10,100", "ts_utc", "whole minute"),
    "no stamp": (",10,11,9,10,100", "ts_utc", "ISO 8601"),
    "epoch as stamp": ("1381152720,10,11,9,10,100", "ts_utc", "ISO 8601"),
    "impossible date": ("2013-13-07T13:32:00Z,10,11,9,10,100", "ts_utc", "ISO 8601"),
    "too few fields": ("2013-10-07T13:32:00Z,10,11,9,10", "", "6 fields, had 5"),
    "too many fields": ("2013-10-07T13:32:00Z,10,11,9,10,100,5", "", "6 fields, had 7"),
}


def parse(path, own="SPY", shift=0):
    findings = Findings()
    table = read_table(path, path.name, findings)
    found = parse_bars(table, own, StampReader(), shift, findings) if table else []
    return found, findings


def problems(findings):
    with pytest.raises(DataError) as caught:
        findings.raise_any("it")
    return caught.value.problems


@pytest.mark.parametrize("kind", BROKEN_BARS)
def test_a_broken_bar_is_refused_with_its_line(tmp_path, kind) -> None:
    """One malformed row is a problem that names line, column and reason."""
    row, column, words = BROKEN_BARS[kind]
    last = "2013-10-07T13:40:00Z,10,11,9,10,100"
    path = write(tmp_path / "SPY.csv", HEADER, GOOD, row, last)
    (problem,) = problems(parse(path)[1])
    assert problem.where == "SPY.csv:3"
    assert problem.key == column
    assert words in problem.message


def test_all_broken_rows_are_found_and_two_faults_of_one_row(tmp_path) -> None:
    """A person corrects a file once, not once per fault."""
    path = write(
        tmp_path / "SPY.csv", HEADER, "x,y,11,9,10,1", GOOD, "2013-10-07T13:32:00Z,1,1,1,2,1"
    )
    found = [(p.where, p.key) for p in problems(parse(path)[1])]
    assert found == [("SPY.csv:2", "ts_utc"), ("SPY.csv:2", "open"), ("SPY.csv:4", "close")]


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_refused_in_the_header(tmp_path, column) -> None:
    """Every documented column must be there."""
    header = HEADER.replace(column, "other")
    (problem,) = problems(parse(write(tmp_path / "SPY.csv", header, GOOD))[1])
    assert problem.where == "SPY.csv:1"
    assert column in problem.key


def test_good_bars_come_as_they_are(tmp_path) -> None:
    """Minutes since the epoch, prices and volume; columns in any order, others ignored."""
    path = write(
        tmp_path / "SPY.csv",
        "vwap,volume,close,low,high,open,ts",
        "9.9,0,10.5,9,11,10,2013-10-07T13:31:00Z",
    )
    (series,), findings = parse(path)
    findings.raise_any("it")
    assert series.rows == [(23_019_211, 10.0, 11.0, 9.0, 10.5, 0.0)]
    assert series.symbol == "SPY"
    assert parse(path, shift=-1)[0][0].rows[0][0] == 23_019_210


def test_a_symbol_column_splits_the_file(tmp_path) -> None:
    """Each symbol ascends on its own, in either order of rows."""
    path = write(
        tmp_path / "all.csv",
        f"{HEADER},symbol",
        f"{GOOD},SPY",
        f"{GOOD},IBM",
        "2013-10-07T13:32:00Z,10,11,9,10,1,SPY",
        "2013-10-07T13:32:00Z,10,11,9,10,1,IBM",
    )
    found, findings = parse(path, own="")
    findings.raise_any("it")
    assert [(s.symbol, len(s.rows)) for s in found] == [("SPY", 2), ("IBM", 2)]


def test_a_bad_symbol_and_a_name_without_one_are_refused(tmp_path) -> None:
    """A bar belongs to a symbol, or to nothing."""
    path = write(tmp_path / "all.csv", f"{HEADER},symbol", f"{GOOD},spy")
    (problem,) = problems(parse(path, own="")[1])
    assert (problem.where, problem.key) == ("all.csv:2", "symbol")
    path = write(tmp_path / "7.csv", HEADER, GOOD)
    (problem,) = problems(parse(path, own="")[1])
    assert "begin with its symbol" in problem.message


def test_rows_between_two_minutes_are_half_open(tmp_path) -> None:
    """The first minute counts, the last does not."""
    lines = [f"2013-10-07T13:{m}:00Z,10,11,9,10,1" for m in range(30, 34)]
    (series,), _ = parse(write(tmp_path / "SPY.csv", HEADER, *lines))
    found = series.between(23_019_211, 23_019_213)
    assert [row[0] for row in found] == [23_019_211, 23_019_212]


QUOTES = "ts_utc,bid_open,bid_close,ask_close"


def spreads(path):
    findings = Findings()
    table = read_table(path, path.name, findings)
    assert table is not None
    return parse_spreads(table, StampReader(), 0, findings), findings


def test_a_spread_is_the_distance_over_the_middle(tmp_path) -> None:
    """(101 - 99) / 100 is 0.02; an empty side is no quote; a locked market has none."""
    found, findings = spreads(
        write(
            tmp_path / "SPY_quote_1.csv",
            QUOTES,
            "2013-10-07T13:30:00Z,,99,101",
            "2013-10-07T13:31:00Z,,,101",
            "2013-10-07T13:32:00Z,,99,",
            "2013-10-07T13:33:00Z,,100,100",
        )
    )
    findings.raise_any("it")
    assert found == {23_019_210: 0.02, 23_019_213: 0.0}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2013-10-07T13:31:00Z,,101,99", "bid not above the ask"),
        ("2013-10-07T13:31:00Z,,0,99", "must be positive"),
        ("2013-10-07T13:31:00Z,,-1,99", "must be positive"),
        ("2013-10-07T13:31:00Z,,nan,99", "must be positive"),
        ("2013-10-07T13:31:00Z,,98,inf", "must be positive"),
        ("2013-10-07T13:31:00Z,,x,99", "could not convert"),
        ("2013-10-07T13:30:00Z,,98,99", "occurs twice"),
        ("2013-10-07T13:29:00Z,,98,99", "must ascend"),
        ("2013-10-07T13:31:00,,98,99", "must carry its zone"),
    ],
)
def test_a_broken_quote_is_refused_with_its_line(tmp_path, row, words) -> None:
    """Crossed, unpriced or misplaced quotes refuse the file."""
    path = write(tmp_path / "SPY_quote_1.csv", QUOTES, "2013-10-07T13:30:00Z,,98,99", row)
    (problem,) = problems(spreads(path)[1])
    assert problem.where == "SPY_quote_1.csv:3"
    assert words in problem.message


def test_quotes_without_their_columns_are_refused(tmp_path) -> None:
    """A file of quotes needs both sides."""
    path = write(tmp_path / "SPY_quote_1.csv", "ts_utc,bid_close", "2013-10-07T13:30:00Z,98")
    (problem,) = problems(spreads(path)[1])
    assert problem.key == "ask_close"


DAILY = ("date,open,high,low,close,volume", "2013-10-04,1,1,1,10,100", "2013-10-07,1,1,1,11,200")


def daily(tmp_path, *lines, day=date(2013, 10, 8)):
    findings = Findings()
    path = write(tmp_path / "SPY.csv", *lines)
    table = read_table(path, path.name, findings)
    assert table is not None
    return last_daily_before(table, day, findings), findings


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2013, 10, 9), DailyRow(date(2013, 10, 7), 11.0, 200.0)),
        (date(2013, 10, 8), DailyRow(date(2013, 10, 7), 11.0, 200.0)),
        (date(2013, 10, 7), DailyRow(date(2013, 10, 4), 10.0, 100.0)),
        (date(2013, 10, 4), None),
    ],
)
def test_a_daily_row_counts_strictly_before_the_day(tmp_path, day, expected) -> None:
    """The day's own row is the future."""
    found, findings = daily(tmp_path, *DAILY, day=day)
    findings.raise_any("it")
    assert found == expected


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2013-10-07,1,1,1,11,200", "must ascend"),
        ("2013-10-03,1,1,1,11,200", "must ascend"),
        ("yesterday,1,1,1,11,200", "isoformat"),
        ("2013-10-07 later,1,1,1,11,200", "isoformat"),
    ],
)
def test_broken_dates_refuse_the_daily_file(tmp_path, row, words) -> None:
    """Without order the newest row is not known."""
    (problem,) = problems(daily(tmp_path, *DAILY, row)[1])
    assert problem.where == "SPY.csv:4"
    assert words in problem.message


@pytest.mark.parametrize("numbers", ["0,200", "-1,200", "nan,200", "inf,200", "11,-1", "x,200"])
def test_a_broken_newest_row_refuses_the_daily_file(tmp_path, numbers) -> None:
    """A wrong previous close would turn into a wrong gap."""
    found, findings = daily(tmp_path, DAILY[0], f"2013-10-07,1,1,1,{numbers}")
    assert found is None
    (problem,) = problems(findings)
    assert problem.where == "SPY.csv:2"
