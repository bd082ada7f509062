from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal

import pytest

from rigd.config.choices import LogFormat
from rigd.reporting.trades import TRADE_FIELDS, TradeHistory, export_trades, trade_rows
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import Writer as Journal
from tests.reporting.journals import quiet_session, session, started, trade, with_settings

UTC_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z\Z")

EXPECTED = {
    "timestamp": "2013-10-07T14:06:00Z",
    "strategy_name": "open",
    "ticker": "IBM",
    "side": "long",
    "trade_side": "long",
    "size": 10,
    "signal_trigger_time": "2013-10-07T13:50:00Z",
    "entry_timestamp": "2013-10-07T13:51:00Z",
    "exit_timestamp": "2013-10-07T14:05:00Z",
    "entry_price": 100,
    "exit_price": 101.5,
    "PnL": 14.8,
    "commission": 0.2,
    "broker": "SIM",
    "exit_reason": "target_hit",
    "error_code": "",
    "session": "2013-10-07_1",
    "bot": "RIGD_USA_SIM_01",
    "profile": "TEST",
    "test_mode": False,
}
LIST_1 = "timestamp strategy_name ticker side size entry_price exit_price PnL broker error_code"
LIST_2 = (
    "strategy_name signal_trigger_time entry_timestamp exit_timestamp trade_side entry_price"
    " exit_price size PnL broker exit_reason"
)


def written(first: object = None) -> FakeOutputs:
    outputs = FakeOutputs()
    history = TradeHistory(outputs)
    for entry in session(first):  # type: ignore[arg-type]
        history.advance(entry)
    return outputs


@pytest.mark.parametrize(("name", "value"), EXPECTED.items())
def test_each_field_of_the_first_trade(name: str, value: object) -> None:
    """Every field of document 070's lists has its value and its type in the JSON file."""
    row = json.loads(written().read("trade_history.json"))[0]
    assert row[name] == value
    assert isinstance(row[name], int | float) == isinstance(value, int | float)
    assert isinstance(row[name], bool) == isinstance(value, bool)


@pytest.mark.parametrize("documented", [LIST_1, LIST_2])
def test_the_schema_is_the_union_of_both_lists(documented: str) -> None:
    """Both lists of document 070 are contained in the one schema."""
    assert set(documented.split()) <= {field.name for field in TRADE_FIELDS}
    assert [field.name for field in TRADE_FIELDS] == list(EXPECTED)


def test_all_trades_stand_in_order_of_closing() -> None:
    """Long and short, each strategy, each exit reason as it was."""
    rows = json.loads(written().read("trade_history.json"))
    told = [(r["strategy_name"], r["ticker"], r["side"], r["PnL"], r["exit_reason"]) for r in rows]
    assert told == [
        ("open", "IBM", "long", 14.8, "target_hit"),
        ("mid", "SPY", "short", -2, "stop_loss"),
        ("close", "BAC", "long", 0, "timeout"),
    ]


def test_times_are_utc_with_z() -> None:
    """Every instant of the file is ISO 8601 with Z."""
    for row in json.loads(written().read("trade_history.json")):
        for name in ("timestamp", "signal_trigger_time", "entry_timestamp", "exit_timestamp"):
            assert UTC_STAMP.match(row[name])


def test_log_format_decides_which_file_is_written() -> None:
    """With csv only the CSV is written, with json only the JSON, standing and in the folder."""
    as_csv = written(with_settings(LOG_FORMAT="csv"))
    assert set(as_csv.files) == {"trade_history.csv", "session/trade_history.csv"}
    assert set(written().files) == {"trade_history.json", "session/trade_history.json"}


def test_csv_holds_the_same_rows_with_exact_numbers() -> None:
    """Decimals are plain text in CSV, digit for digit, negative ones unescaped."""
    content = written(with_settings(LOG_FORMAT="csv")).read("trade_history.csv").decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [Decimal(row["PnL"]) for row in rows] == [Decimal("14.8"), Decimal(-2), Decimal(0)]
    assert rows[1]["PnL"] == "-2"
    assert rows[1]["entry_price"] == "170.25"
    assert rows[0]["test_mode"] == "false"


@pytest.mark.parametrize("log_format", LogFormat)
def test_the_other_format_can_be_exported(log_format: LogFormat) -> None:
    """The export of either format equals what LOG_FORMAT would have written."""
    direct = written(with_settings(LOG_FORMAT=log_format.value))
    assert export_trades(session(), log_format) == direct.read(f"trade_history.{log_format}")


def test_the_folder_keeps_an_equal_copy() -> None:
    """The session's own copy equals the standing file at the end."""
    outputs = written()
    assert outputs.read("session/trade_history.json") == outputs.read("trade_history.json")


def test_a_session_without_trades_leaves_an_empty_table() -> None:
    """The trades of an older session do not stay in the standing file."""
    outputs = written()
    history = TradeHistory(outputs)
    for entry in quiet_session():
        history.advance(entry)
    assert json.loads(outputs.read("trade_history.json")) == []


def test_the_same_entry_twice_changes_nothing() -> None:
    """Advancing over a journal again adds no row."""
    outputs = FakeOutputs()
    history = TradeHistory(outputs)
    for entry in (*session(), *session()):
        history.advance(entry)
    assert len(json.loads(outputs.read("trade_history.json"))) == 3


def test_a_rebuilt_file_is_byte_identical() -> None:
    """Two projections of one journal give the same bytes."""
    assert written().files == written().files


def test_a_hostile_text_cannot_become_a_formula() -> None:
    """Text fields are defused in CSV."""
    journal = Journal()
    journal.add(0, with_settings(LOG_FORMAT="csv"), trade(error_code='=cmd|"x"'))
    content = export_trades(journal.entries, LogFormat.CSV).decode()
    assert next(csv.DictReader(io.StringIO(content)))["error_code"] == '\'=cmd|"x"'


def test_rows_carry_the_error_code_of_a_flagged_exit() -> None:
    """A flag such as stale_exit reaches the row."""
    journal = Journal()
    journal.add(0, started(), trade(error_code="stale_exit"))
    assert trade_rows(journal.entries)[0]["error_code"] == "stale_exit"
