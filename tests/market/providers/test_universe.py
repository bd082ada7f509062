from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import DataError
from rigd.core.universe import Details
from rigd.market.providers.universe import AMBIGUOUS, AVERAGE_DAYS, UniverseFolder
from tests.market.days import write
from tests.shared import shared_path

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.core.ports import UniverseProvider

DAY = date(2014, 3, 28)
HEADER = "symbol,close,volume"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three days of a small market, one of them after the day asked for."""
    write(tmp_path / "m_20140327.csv", HEADER, "A,10,100", "B,20,300", "OLD,5,5")
    write(tmp_path / "m_2014-03-28.csv.gz", HEADER, "A,11.50,300", "NA,21,500", "B,20.5,")
    write(tmp_path / "m_20140331.csv", HEADER, "A,12,900")
    return tmp_path


def test_the_newest_file_up_to_the_day_is_the_market(folder) -> None:
    """Symbols and prices of that file, volumes averaged over the files up to it."""
    provider: UniverseProvider = UniverseFolder(folder)
    assert provider.symbols(DAY) == ["A", "B", "NA"]
    answer = provider.details(["A", "B", "NA", "OLD"], DAY)
    assert answer.dated == DAY
    assert answer.details == {
        "A": Details(price=Decimal("11.50"), average_volume=200.0),
        "B": Details(price=Decimal("20.5"), average_volume=300.0),
        "NA": Details(price=Decimal(21), average_volume=500.0),
    }
    assert provider.symbols(date(2014, 3, 27)) == ["A", "B", "OLD"]


def test_further_columns_are_read_where_they_are(tmp_path) -> None:
    """Market value, float and ratios; an empty field is not known, other columns do not matter."""
    write(
        tmp_path / "2014-03-28.csv",
        "sid,symbol,price,volume,market_value,float_shares,pe_ratio,debt_equity,name",
        "x,A,10,1,5e9,1e8,-3.5,0.4,Alpha",
        "y,B,,,,,,,Beta",
    )
    answer = UniverseFolder(tmp_path).details(["A", "B"], DAY)
    assert answer.details["A"] == Details(
        price=Decimal(10),
        average_volume=1.0,
        market_cap=5e9,
        float_shares=1e8,
        pe_ratio=-3.5,
        debt_equity=0.4,
    )
    assert answer.details["B"] == Details()


def test_the_folders_metrics_fill_in(tmp_path) -> None:
    """Finnhub's names and millions in fundamentals.json; a column of the market comes first."""
    write(tmp_path / "m_20140328.csv", f"{HEADER},pe_ratio", "A,10,1,7", "B,20,1,", "C,30,1,")
    (tmp_path / "fundamentals.json").write_text(
        '{"source": "x", "dated": "2014-03-28", "metrics": {'
        '"A": {"peNormalizedAnnual": 20, "marketCapitalization": 2000},'
        '"B": {"peNormalizedAnnual": 30, "totalDebt/totalEquityAnnual": 0.5}}}'
    )
    found = UniverseFolder(tmp_path).details(["A", "B", "C"], DAY).details
    assert (found["A"].pe_ratio, found["A"].market_cap) == (7.0, 2e9)
    assert (found["B"].pe_ratio, found["B"].debt_equity) == (30.0, 0.5)
    assert (found["C"].pe_ratio, found["C"].market_cap) == (None, None)


def test_parquet_is_read_as_csv_is(tmp_path) -> None:
    """The same values from a columnar file."""
    import pyarrow as pa  # noqa: PLC0415 - only this test makes parquet
    from pyarrow import parquet  # noqa: PLC0415 - only this test makes parquet

    table = pa.table({"symbol": ["A"], "close": [11.5], "volume": [300], "market_cap": [None]})
    parquet.write_table(table, tmp_path / "m_20140328.parquet")
    answer = UniverseFolder(tmp_path).details(["A"], DAY)
    assert answer.details == {"A": Details(price=Decimal("11.5"), average_volume=300.0)}


def test_a_ticker_of_two_companies_is_refused(tmp_path) -> None:
    """It is listed, so that it is known, and goes to the blocklist."""
    write(tmp_path / "m_20140328.csv", HEADER, "A,10,1", "B,5,1", "A,90,1", "A,91,1")
    provider = UniverseFolder(tmp_path)
    assert provider.symbols(DAY) == ["A", "B"]
    answer = provider.details(["A", "B"], DAY)
    assert answer.refused == {"A": AMBIGUOUS}
    assert list(answer.details) == ["B"]


def test_files_of_another_kind_are_left_alone(folder) -> None:
    """No date in the name, no price in the header, hidden, another ending."""
    write(folder / "market.csv", HEADER, "X,1,1")
    write(folder / "members_20140328.csv", "symbol,weight", "X,1")
    write(folder / ".m_20140328.csv", HEADER, "X,1,1")
    write(folder / "m_20140328.txt", HEADER, "X,1,1")
    write(folder / "m_20149999.csv", HEADER, "X,1,1")
    assert UniverseFolder(folder).symbols(DAY) == ["A", "B", "NA"]


@pytest.mark.parametrize("day", [date(2014, 3, 26), date(2014, 4, 8)])
def test_data_that_are_too_old_or_too_new_are_refused(folder, day) -> None:
    """More than a week old is no screen of the market; what lies after the day is not known yet."""
    with pytest.raises(DataError, match="dated within 7 days before") as caught:
        UniverseFolder(folder).symbols(day)
    assert "2014-03-27, 2014-03-28, 2014-03-31" in str(caught.value)
    assert "--date" in caught.value.fix


def test_a_missing_folder_is_an_error(tmp_path) -> None:
    """It is named."""
    with pytest.raises(DataError, match="must exist"):
        UniverseFolder(tmp_path / "gone").symbols(DAY)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,-1,1", "price must be positive"),
        ("A,0,1", "price must be positive"),
        ("A,nan,1", "price must be positive"),
        ("A,ten,1", "m_20140328.csv:2"),
        ("A,1_0,1", "plain number"),
        ("A,10,-1", "not negative"),
        ("A,10,many", "m_20140328.csv:2"),
        ("A,10,inf", "finite"),
        ("A,10", "3 fields"),
    ],
)
def test_a_malformed_row_refuses_the_folder(tmp_path, row, words) -> None:
    """File and line are named; no row is skipped."""
    write(tmp_path / "m_20140328.csv", HEADER, row)
    with pytest.raises(DataError, match=words):
        UniverseFolder(tmp_path).symbols(DAY)


def test_the_average_looks_back_twenty_files(tmp_path) -> None:
    """The oldest of 21 files does not count."""
    write(tmp_path / "m_20140301.csv", HEADER, "A,1,1000000")
    for number in range(AVERAGE_DAYS):
        write(tmp_path / f"m_201403{number + 9:02d}.csv", HEADER, f"A,1,{number}")
    answer = UniverseFolder(tmp_path).details(["A"], DAY)
    assert answer.details["A"].average_volume == 9.5


def test_the_whole_market_of_a_week() -> None:
    """7,072 rows of 2014-03-28 in the shared data: seven tickers twice, NAN is a symbol."""
    answer = UniverseFolder(shared_path("data", "universe"))
    symbols = answer.symbols(DAY)
    assert len(symbols) == 7072 - 7
    assert "NAN" in symbols
    found = answer.details(symbols, DAY)
    assert sorted(found.refused) == ["BIN", "HOTR", "REN", "SPCB", "SWFT", "TAN", "UA"]
    volumes = [1983802, 1722595, 2556153, 2968104, 2003037]
    assert found.details["A"] == Details(
        price=Decimal("54.69"), average_volume=sum(volumes) / len(volumes)
    )
