"""Logs and trade rows: fields, JSON and CSV (document 070, test_logging_format)."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.flags import run_by_hand
from tests.sessions import Ran, run_session

if TYPE_CHECKING:
    from pathlib import Path

OF_A_TRADE = {
    "timestamp",
    "strategy_name",
    "ticker",
    "side",
    "trade_side",
    "size",
    "entry_price",
    "exit_price",
    "PnL",
    "broker",
    "signal_trigger_time",
    "entry_timestamp",
    "exit_timestamp",
    "exit_reason",
    "error_code",
}
"""The fields that documents 070 and 090 ask of every trade."""

UTC_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3,6})?Z")
LOGS = ("open.log", "mid.log", "close.log")


@pytest.fixture(scope="module")
def as_json(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The demo day with LOG_FORMAT=json, the default."""
    return run_session(tmp_path_factory.mktemp("json"))


@pytest.fixture(scope="module")
def as_csv(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The demo day with LOG_FORMAT=csv."""
    from rigd.hosts.request import SessionRequest  # noqa: PLC0415 - beside its only use

    request = SessionRequest(overrides=(("LOG_FORMAT", "csv"),))
    return run_session(tmp_path_factory.mktemp("csv"), request)


def lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", LOGS)
def test_each_line_of_a_log_is_one_json_object(as_json: Ran, name: str) -> None:
    """Every line parses, all have the same fields, and the first is a UTC instant."""
    rows = [json.loads(line) for line in lines(as_json.folder / name)]
    assert rows
    assert len({tuple(row) for row in rows}) == 1
    assert all(UTC_INSTANT.fullmatch(row["timestamp"]) for row in rows)


@pytest.mark.parametrize("name", LOGS)
def test_each_line_of_a_log_is_one_csv_record(as_csv: Ran, name: str) -> None:
    """With LOG_FORMAT=csv the same log has a header and as many cells in each record."""
    header, *rows = csv.reader(lines(as_csv.folder / name))
    assert header[0] == "timestamp"
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def test_both_formats_tell_the_same(as_json: Ran, as_csv: Ran) -> None:
    """The two formats of one day hold the same number of rows and the same tickers."""
    for name in LOGS:
        objects = [json.loads(line) for line in lines(as_json.folder / name)]
        records = list(csv.DictReader(lines(as_csv.folder / name)))
        assert [row["ticker"] or "" for row in objects] == [row["ticker"] for row in records]


def test_a_trade_has_every_field(as_json: Ran, as_csv: Ran) -> None:
    """Each row of trade_history has the fields of the documents, in both formats."""
    rows = json.loads((as_json.folder / "trade_history.json").read_text(encoding="utf-8"))
    assert rows
    assert all(set(row) >= OF_A_TRADE for row in rows)
    header = next(csv.reader(lines(as_csv.folder / "trade_history.csv")))
    assert set(header) >= OF_A_TRADE


def test_only_the_chosen_format_is_written(as_json: Ran, as_csv: Ran) -> None:
    """One format per session: the other trade_history does not exist (L38)."""
    assert not (as_json.folder / "trade_history.csv").exists()
    assert not (as_csv.folder / "trade_history.json").exists()


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
