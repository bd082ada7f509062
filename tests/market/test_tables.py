from __future__ import annotations

import gzip

import pytest

from rigd.core.errors import DataError
from rigd.market import tables
from rigd.market.findings import Findings
from rigd.market.tables import read_header, read_table, strict_number
from tests.market.days import write


def problem_of(path) -> tuple[str, str]:
    """Return place and message of the one problem that reading a file finds."""
    findings = Findings()
    assert read_table(path, path.name, findings) is None
    with pytest.raises(DataError) as caught:
        findings.raise_any("it")
    (problem,) = caught.value.problems
    return problem.where, problem.message


def test_a_csv_gives_header_rows_and_lines(tmp_path) -> None:
    """Rows keep their order; the first one is line 2; blank lines at the end do not count."""
    path = write(tmp_path / "a.csv", " a , b", "1,2", "3,4", "", "")
    table = read_table(path, "a.csv", Findings())
    assert table is not None
    assert table.header == ("a", "b")
    assert table.rows == [["1", "2"], ["3", "4"]]
    assert table.first_line == 2


def test_gzip_bom_and_windows_lines_are_read(tmp_path) -> None:
    """Exports of other programs read like our own."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa,b\r\n1,2\r\n", mtime=0))
    table = read_table(path, "a.csv.gz", Findings())
    assert table is not None
    assert table.header == ("a", "b")
    assert table.rows == [["1", "2"]]
    assert read_header(path) == ("a", "b")


@pytest.mark.parametrize(
    ("name", "content", "where", "words"),
    [
        ("a.csv.gz", b"a,b\n1,2\n", "a.csv.gz", "readable"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12], "a.csv.gz", "whole"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-5] + b"12345", "a.csv.gz", "readable"),
        ("a.csv", b"a,b\n1,2\n\xff,3\n", "a.csv:3", "UTF-8"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "a.csv:1", "UTF-8"),
        ("a.csv", b"", "a.csv:1", "nothing"),
        ("a.csv", b"\n\n", "a.csv:1", "nothing"),
        ("a.csv", b"a,b\n", "a.csv:1", "only a header"),
        ("a.csv", b"a,b\n1,2\n1\n", "a.csv:3", "2 fields, had 1"),
        ("a.csv", b"a,b\n1,2,3\n1,2\n", "a.csv:2", "2 fields, had 3"),
        ("a.csv", b"a,b\n1,2\n\n1,2\n", "a.csv:3", "2 fields, had 0"),
        ("a.csv", b'a,b\n1,2\n"x\ny",2\n', "a.csv:3", "line break"),
        ("a.csv", b'a,b\n1,"2"x\n', "a.csv:2", "csv"),
        ("a.csv", b'a,b\n1,"2\n', "a.csv:2", "csv"),
        ("a.parquet", b"PAR1 but not", "a.parquet", "parquet"),
    ],
)
def test_a_broken_file_is_one_problem_with_its_line(tmp_path, name, content, where, words) -> None:
    """What cannot be read says which file, which line and why."""
    path = tmp_path / name
    path.write_bytes(content)
    found_where, message = problem_of(path)
    assert found_where == where
    assert words in message


def test_a_missing_file_is_a_problem(tmp_path) -> None:
    """A file that vanished is reported, not raised as an operating system's error."""
    where, message = problem_of(tmp_path / "gone.csv")
    assert where == "gone.csv"
    assert "readable" in message


def test_columns_are_found_by_name_and_missing_ones_reported(tmp_path) -> None:
    """A column is wanted once; alternatives are tried; every missing one is named."""
    path = write(tmp_path / "a.csv", "b,a,a,ts", "1,2,3,4")
    table = read_table(path, "a.csv", Findings())
    assert table is not None
    findings = Findings()
    assert table.columns(("ts_utc|ts", "b"), findings) == (3, 0)
    assert findings.count == 0
    assert table.columns(("a", "c", "b"), findings) == ()
    with pytest.raises(DataError) as caught:
        findings.raise_any("it")
    assert [(p.where, p.key, p.message.split(";")[0]) for p in caught.value.problems] == [
        ("a.csv:1", "a", "the column occurs more than once"),
        ("a.csv:1", "c", "the column is missing"),
    ]


@pytest.mark.parametrize("text", ["1_000", "\uff11\uff12", "1.5x", ""])
def test_only_plain_numbers_are_numbers(tmp_path, text) -> None:
    """Python reads more as a number than a file of prices may contain."""
    with pytest.raises(ValueError, match="could not convert"):
        strict_number(text)
    table = read_table(
        write(tmp_path / "a.csv", "x_y", "1.5", f"{text},"[:-1] or '""'), "a", Findings()
    )
    assert table is not None
    assert table.number("1.5") == 1.5
    with pytest.raises(ValueError, match="could not convert"):
        table.number(table.rows[1][0])


def test_an_unreadable_header_is_no_header(tmp_path) -> None:
    """Looking for a column never raises; the reading itself reports the fault."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"no gzip")
    assert read_header(path) == ()


def test_parquet_gives_the_same_rows(tmp_path) -> None:
    """Numbers and times of parquet arrive as such, without pandas."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    stamps = pa.array([1_381_152_600_000_000_000], pa.timestamp("ns", "UTC"))
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"ts_utc": stamps, "open": [1.5]}), path)
    findings = Findings()
    table = read_table(path, "a.parquet", findings)
    assert table is not None
    assert table.header == read_header(path) == ("ts_utc", "open")
    assert table.first_line == 1
    ((stamp, price),) = table.rows
    assert stamp.isoformat() == "2013-10-07T13:30:00+00:00"
    assert price == 1.5
    parquet.write_table(pa.table({"a": pa.array([], pa.float64())}), path)
    assert read_table(path, "a.parquet", findings) is None
    assert findings.count == 1


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
def test_a_file_that_unpacks_without_end_is_refused_early(tmp_path, monkeypatch, name) -> None:
    """A small file may unpack to more than memory holds: no more than the limit is read."""
    monkeypatch.setattr(tables, "_MOST_BYTES", 1 << 20)
    path = write(tmp_path / name, "a,b", *["1,2"] * 300_000)
    where, message = problem_of(path)
    assert (where, message) == (name, "the file must hold at most 1 MiB, unpacked; it holds more")
    write(path, "a,b", *["1,2"] * 200_000)
    assert read_table(path, name, Findings()) is not None


def test_a_parquet_file_with_too_many_rows_is_refused_unread(tmp_path, monkeypatch) -> None:
    """Its rows are counted before they are unpacked."""
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pa.table({"a": [1, 2, 3]}), path)
    monkeypatch.setattr(tables, "_MOST_ROWS", 2)
    assert problem_of(path) == ("a.parquet", "the file must hold at most 2 rows, held more")
