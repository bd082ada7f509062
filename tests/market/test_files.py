from __future__ import annotations

import csv
import gzip
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from rigd.core.errors import ConfigError, DataError
from rigd.core.values import Bar, Reference
from rigd.market.files import BarFolder, Dropped, data_root
from rigd.market.stamps import BarStamp
from tests.market.days import FRIDAY, HEADER, MONDAY, TUESDAY, WINTER, row, session, write
from tests.shared import shared_path

NEW_YORK = ZoneInfo("America/New_York")


def day_of(folder, *symbols, day=MONDAY, **options):
    return BarFolder(folder, symbols, **options).day(day)


def regular_rows(name: str, day: date) -> list[dict[str, str]]:
    """Return a day's rows from 09:30 to 15:59 New York, read without the code under test."""
    with gzip.open(shared_path("data", "equity_minute", name), "rt") as lines:
        rows = list(csv.DictReader(lines))
    kept = []
    for each in rows:
        local = datetime.fromisoformat(each["ts_utc"]).astimezone(NEW_YORK)
        if local.date() == day and (9, 30) <= (local.hour, local.minute) < (16, 0):
            kept.append(each)
    return kept


@pytest.mark.parametrize("symbol", ["SPY", "IBM", "BAC"])
@pytest.mark.parametrize("day", [FRIDAY, MONDAY, TUESDAY])
def test_a_real_day_is_read_bar_by_bar(symbol, day) -> None:
    """Every bar of the regular session, with its minute, prices and volume, and nothing else."""
    found = day_of(shared_path("data"), symbol, day=day).bars[symbol]
    rows = regular_rows(f"{symbol}_trade_20131004_20131008.csv.gz", day.day)
    assert len(found) == len(rows) == (389 if symbol == "IBM" and day is FRIDAY else 390)
    for bar, expected in zip(found, rows, strict=True):
        stamp = datetime.fromisoformat(expected["ts_utc"])
        assert bar == Bar(
            round((stamp - day.open).total_seconds() / 60),
            *(float(expected[name]) for name in ("open", "high", "low", "close", "volume")),
        )


def test_a_real_spread_is_ask_less_bid_over_the_middle() -> None:
    """Quotes of the same folder give the spread at each minute's end."""
    spreads = day_of(shared_path("data"), "SPY").spreads["SPY"]
    rows = regular_rows("SPY_quote_20131004_20131008.csv.gz", MONDAY.day)
    assert len(spreads) == len(rows) == 390
    bid, ask = float(rows[0]["bid_close"]), float(rows[0]["ask_close"])
    assert spreads[0] == pytest.approx((ask - bid) / ((ask + bid) / 2), rel=1e-12)


def test_bars_stamped_at_their_end_move_one_minute_back() -> None:
    """The January 2011 file is declared; its bar stamped 14:31 UTC is the session's first."""
    day = session(date(2011, 1, 3), WINTER)
    bars = day_of(shared_path("data"), "SPY", day=day, bar_stamp=BarStamp.END).bars["SPY"]
    with gzip.open(shared_path("data", "equity_minute", "SPY_ninjatrader_2011-01.csv.gz")) as file:
        lines = file.read().decode().splitlines()
    first = next(line for line in lines if line.startswith("2011-01-03T14:31:00Z"))
    last = next(line for line in lines if line.startswith("2011-01-03T21:00:00Z"))
    assert bars[0] == Bar(0, *map(float, first.split(",")[1:]))
    assert bars[-1] == Bar(389, *map(float, last.split(",")[1:]))
    assert len(bars) == 390


def test_files_known_to_be_stamped_at_the_end_need_the_declaration() -> None:
    """Read as starts they would be a minute late: they are left alone and the error says so."""
    folder = BarFolder(shared_path("data"), ["SPY"])
    assert date(2011, 1, 3) not in folder.days("SPY")
    with pytest.raises(DataError, match="no bars in the regular session of 2011-01-03") as caught:
        folder.day(session(date(2011, 1, 3), WINTER))
    assert "SPY_ninjatrader_2011-01.csv.gz" in caught.value.fix
    assert "--bar-stamp end" in caught.value.fix


def test_bars_outside_the_session_are_dropped_and_counted(tmp_path) -> None:
    """The day's bars before the open and from the close on; other days are not the day's."""
    write(
        tmp_path / "SPY.csv",
        HEADER,
        row(0, day=FRIDAY),
        row(-2),
        row(-1),
        row(0),
        row(389),
        row(390),
        row(0, day=TUESDAY),
    )
    found = day_of(tmp_path)
    assert [bar.minute for bar in found.bars["SPY"]] == [0, 389]
    assert found.dropped == (Dropped("SPY", "SPY.csv", 2, 3),)


def test_a_half_day_keeps_its_half_day(tmp_path) -> None:
    """Minute 210 of a session of 210 minutes lies outside it."""
    day = session(date(2013, 11, 29), WINTER, 210)
    write(tmp_path / "SPY.csv", HEADER, row(209, day=day), row(210, day=day))
    found = day_of(tmp_path, day=day)
    assert [bar.minute for bar in found.bars["SPY"]] == [209]
    assert found.dropped[0].dropped == 1


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("SPY.csv", "SPY"),
        ("spy_1min.csv.gz", "SPY"),
        ("deep/er/SPY.2013.csv", "SPY"),
        ("BRK.B_trade.csv", "BRK.B"),
        ("BRK.B.csv", "BRK.B"),
        ("BF-A_trade_2013.csv", "BF-A"),
    ],
)
def test_the_symbol_is_the_first_part_of_the_name(tmp_path, name, symbol) -> None:
    """Before the first underscore or point; a share class stays with its symbol."""
    write(tmp_path / name, HEADER, row(0))
    assert BarFolder(tmp_path).symbols == (symbol,)


def test_a_folder_is_searched_but_not_its_other_data(tmp_path) -> None:
    """Daily rows, VIX, hidden files and other formats are no bars."""
    write(tmp_path / "b" / "SPY.csv", HEADER, row(0))
    write(tmp_path / "equity_daily" / "IBM.csv", "date,close,volume", "2013-10-04,1,1")
    write(tmp_path / "vix" / "vix_daily.csv", "date,close", "2013-10-04,16.74")
    write(tmp_path / ".cache" / "X.csv", "junk")
    write(tmp_path / "README.md", "about")
    assert BarFolder(tmp_path).symbols == ("SPY",)


def test_a_folder_with_equity_minute_is_read_there(tmp_path) -> None:
    """In the layout of the shared data nothing else is looked at."""
    write(tmp_path / "equity_minute" / "SPY_trade_1.csv", HEADER, row(0))
    write(tmp_path / "equity_hour" / "SPY.csv", "ts_utc,price", "x,1")
    write(tmp_path / "equity_daily" / "SPY.csv", "date,close,volume", "2013-10-04,7,8")
    for start in (tmp_path, tmp_path / "equity_minute"):
        found = day_of(start)
        assert found.references["SPY"] == Reference(previous_close=7.0, previous_volume=8.0)
        assert found.dropped[0].source == "equity_minute/SPY_trade_1.csv"
        assert data_root(start) == tmp_path


def test_one_file_is_a_folder_of_one(tmp_path) -> None:
    """A path to a file reads that file alone."""
    path = write(tmp_path / "SPY.csv", HEADER, row(0))
    write(tmp_path / "IBM.csv", "junk")
    assert BarFolder(path).symbols == ("SPY",)
    assert data_root(path) == tmp_path


def test_only_the_symbols_asked_for_are_read(tmp_path) -> None:
    """A broken file of another symbol does not matter; one with a symbol column is looked into."""
    write(tmp_path / "SPY.csv", HEADER, row(0))
    write(tmp_path / "IBM.csv", HEADER, "junk")
    write(tmp_path / "rest.csv", f"{HEADER},symbol", f"{row(0)},BAC", f"{row(0)},TWX")
    found = day_of(tmp_path, "SPY", "BAC")
    assert list(found.bars) == ["BAC", "SPY"]
    with pytest.raises(DataError, match=r"IBM\.csv:2"):
        BarFolder(tmp_path)
    with pytest.raises(ConfigError, match="symbol must be"):
        BarFolder(tmp_path, ["spy"])


def test_two_files_of_a_symbol_are_joined(tmp_path) -> None:
    """Bars come in time order whatever the files are called."""
    write(tmp_path / "SPY_a.csv", HEADER, row(200))
    write(tmp_path / "SPY_b.csv", HEADER, row(100))
    assert [bar.minute for bar in day_of(tmp_path).bars["SPY"]] == [100, 200]


def test_the_same_bar_in_two_files_is_refused(tmp_path) -> None:
    """Which of the two is right is not ours to guess."""
    write(tmp_path / "SPY_a.csv", HEADER, row(0), row(1))
    write(tmp_path / "SPY_b.csv", HEADER, row(1), row(2))
    with pytest.raises(DataError, match=r"SPY_b\.csv: SPY: bar 1 of 2013-10-07 is in SPY_a\.csv"):
        day_of(tmp_path)


def test_problems_of_all_files_come_together(tmp_path) -> None:
    """One reading shows what is wrong anywhere, quotes and daily rows included."""
    write(tmp_path / "IBM.csv", HEADER, row(0), row(0))
    write(tmp_path / "SPY.csv", HEADER, row(0, price=-1))
    write(tmp_path / "IBM_quote_1.csv", "ts_utc,bid_close,ask_close", "2013-10-07T13:30:00Z,9,8")
    with pytest.raises(DataError) as caught:
        BarFolder(tmp_path)
    assert [p.where for p in caught.value.problems] == [
        "IBM.csv:3",
        "SPY.csv:2",
        "IBM_quote_1.csv:2",
    ]


def test_a_broken_daily_file_refuses_the_day(tmp_path) -> None:
    """A previous close is a price like any other."""
    write(tmp_path / "SPY.csv", HEADER, row(0))
    write(tmp_path / "equity_daily" / "SPY.csv", "date,close,volume", "2013-10-04,-7,8")
    with pytest.raises(DataError, match=r"equity_daily/SPY\.csv:2"):
        day_of(tmp_path)


def test_the_day_before_is_the_reference(tmp_path) -> None:
    """Close and volume of the regular session before."""
    write(
        tmp_path / "SPY.csv",
        HEADER,
        row(0, 10.0, 5, FRIDAY),
        row(389, 11.0, 7, FRIDAY),
        row(395, 12.0, 9, FRIDAY),
        row(0),
    )
    folder = BarFolder(tmp_path)
    expected = {"SPY": Reference(previous_close=11.0, previous_volume=12.0)}
    assert folder.day(MONDAY).references == expected
    assert folder.day(MONDAY, FRIDAY).references == expected


def test_a_real_reference_is_the_last_regular_close() -> None:
    """From minute bars where the folder has the day before, else from the daily file."""
    data = shared_path("data")
    rows = regular_rows("SPY_trade_20131004_20131008.csv.gz", MONDAY.day)
    found = day_of(data, "SPY", day=TUESDAY).references["SPY"]
    assert found.previous_close == float(rows[-1]["close"])
    assert found.previous_volume == sum(float(each["volume"]) for each in rows)
    with gzip.open(shared_path("data", "equity_daily", "IBM.csv.gz"), "rt") as lines:
        daily = {each["date"]: each for each in csv.DictReader(lines)}
    found = day_of(data, "IBM", day=FRIDAY).references["IBM"]
    assert found.previous_close == float(daily["2013-10-03"]["close"])
    assert found.previous_volume == float(daily["2013-10-03"]["volume"])


def test_no_reference_is_unknown(tmp_path) -> None:
    """Nothing is made up for a symbol without a day before."""
    write(tmp_path / "SPY.csv", HEADER, row(0))
    assert day_of(tmp_path).references == {"SPY": Reference()}


def test_a_symbol_without_a_file_names_the_nearest() -> None:
    """A slip of the finger is answered with what was meant."""
    with pytest.raises(DataError, match="no file of bars for SPI") as caught:
        BarFolder(shared_path("data"), ["SPI"])
    assert "the nearest name to SPI is SPY" in str(caught.value)
    assert "BAC, FOXA, IBM, SPY, TWX" in str(caught.value)


def test_a_day_without_bars_names_folder_files_and_days() -> None:
    """The message holds everything needed to choose another day."""
    with pytest.raises(DataError) as caught:
        day_of(shared_path("data"), "SPY", "TWX", day=session(date(2013, 10, 9)))
    message = str(caught.value)
    assert "2013-10-09" in message
    assert "equity_minute/SPY_trade_20131004_20131008.csv.gz" in message
    assert "SPY: 2013-10-04, 2013-10-07, 2013-10-08" in message
    assert "TWX: 2014-06-05, 2014-06-06, 2014-06-09" in message
    assert caught.value.fix.startswith("Choose a day that is there")


def test_a_symbol_without_bars_on_the_day_is_named_absent(tmp_path) -> None:
    """The others go on; the one asked for in vain is not hidden."""
    write(tmp_path / "SPY.csv", HEADER, row(0))
    write(tmp_path / "IBM.csv", HEADER, row(0, day=TUESDAY))
    found = day_of(tmp_path, "SPY", "IBM")
    assert list(found.bars) == ["SPY"]
    assert found.absent == ("IBM",)
    assert day_of(tmp_path).absent == ()


def test_a_folder_that_is_missing_or_holds_no_bars_is_an_error(tmp_path) -> None:
    """Both say what was looked for."""
    with pytest.raises(DataError, match="must exist"):
        BarFolder(tmp_path / "gone")
    write(tmp_path / "notes.txt", "x")
    with pytest.raises(DataError, match=r"names that end in .*, found notes\.txt"):
        BarFolder(tmp_path)


def test_local_times_need_their_zone_declared(tmp_path) -> None:
    """Naive stamps refuse the file until someone says where they were taken."""
    write(tmp_path / "SPY.csv", HEADER, "2013-10-07 09:30:00,10,10,10,10,5")
    with pytest.raises(DataError, match=r"SPY\.csv:2: ts_utc: time must carry its zone"):
        BarFolder(tmp_path)
    found = day_of(tmp_path, zone=NEW_YORK)
    assert found.bars["SPY"] == [Bar(0, 10.0, 10.0, 10.0, 10.0, 5.0)]


def test_parquet_and_csv_give_the_same_day(tmp_path) -> None:
    """The format of a file does not change what is in it."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    csv_folder, parquet_folder = tmp_path / "csv", tmp_path / "parquet"
    write(csv_folder / "SPY.csv", HEADER, row(0, 10.25, 5), row(1, 10.5, 6))
    parquet_folder.mkdir()
    columns = {
        "ts_utc": pa
        .array(
            [MONDAY.open.timestamp() * 10**9, MONDAY.open.timestamp() * 10**9 + 60 * 10**9],
            pa.float64(),
        )
        .cast(pa.int64())
        .cast(pa.timestamp("ns", "UTC"))
    }
    for name in ("open", "high", "low", "close"):
        columns[name] = pa.array([10.25, 10.5])
    columns["volume"] = pa.array([5, 6])
    columns["symbol"] = pa.array(["SPY", "SPY"])
    parquet.write_table(pa.table(columns), parquet_folder / "bars.parquet")
    assert day_of(parquet_folder).bars == day_of(csv_folder).bars
    columns["close"] = pa.array([10.25, None])
    parquet.write_table(pa.table(columns), parquet_folder / "bars.parquet")
    with pytest.raises(DataError, match=r"bars\.parquet:2: close: must be a number, was None"):
        day_of(parquet_folder)


def test_optional_symbols_are_read_where_they_are(tmp_path) -> None:
    """They are no condition: a missing file and an empty day are no error and not absent."""
    write(tmp_path / "SPY.csv", HEADER, row(0))
    write(tmp_path / "SH.csv", HEADER, row(1))
    write(tmp_path / "IBM.csv", HEADER, row(2))
    found = day_of(tmp_path, "SPY", optional=["SH", "PSQ"])
    assert (set(found.bars), found.absent) == ({"SPY", "SH"}, ())
    write(tmp_path / "SH.csv", HEADER, row(0, day=TUESDAY))
    found = day_of(tmp_path, "SPY", optional=["SH", "PSQ"])
    assert (set(found.bars), found.absent) == ({"SPY"}, ())
