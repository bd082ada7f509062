from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import mean
from typing import Any

import pytest

from rigd.reporting.summary import DailySummary, daily_summary
from rigd.reporting.trades import trade_rows
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import OPEN, Writer, closed, quiet_session, session, started, trade

NINE = {
    "win_rate_per_strategy": {"open": 1, "mid": 0, "close": 0},
    "total_trades": 3,
    "average_pnl_per_trade": "4.266667",
    "max_gain": "14.8",
    "max_loss": "-2",
    "average_holding_time": 680,
    "most_profitable_tickers": [{"ticker": "IBM", "pnl": "14.8", "trades": 1}],
    "worst_tickers": [{"ticker": "SPY", "pnl": "-2", "trades": 1}],
}


def written(entries: list[Any]) -> dict[str, Any]:
    outputs = FakeOutputs()
    projection = DailySummary(outputs)
    for entry in entries:
        projection.advance(entry)
    assert outputs.read("daily_summary.json") == outputs.read("session_summary.json")
    assert outputs.read("daily_summary.json") == outputs.read("session/daily_summary.json")
    loaded: dict[str, Any] = json.loads(outputs.read("daily_summary.json"))
    return loaded


@pytest.mark.parametrize(("name", "value"), NINE.items())
def test_each_metric_equals_the_hand_worked_value(name: str, value: object) -> None:
    """Wins 1 of 1, 0 of 1, 0 of 1; 12.80 / 3; (840 + 180 + 1020) / 3 seconds."""
    assert written(session())[name] == value


def test_signals_stand_beside_trades_with_the_reasons_for_the_difference() -> None:
    """Six signals, three trades, two blocked by max_trades and one by adx."""
    metric = written(session())["trade_count_vs_signals_triggered"]
    assert (metric["trades"], metric["signals"], metric["ratio"]) == (3, 6, 0.5)
    assert metric["blocked"] == [
        {"stage": "risk", "rule": "max_trades", "reason": "limit_reached", "count": 2},
        {"stage": "enhancement", "rule": "adx", "reason": "adx_above_threshold", "count": 1},
    ]
    assert metric["per_strategy"]["mid"]["signals"] == 2


def test_metrics_recompute_from_the_trade_rows() -> None:
    """An independent computation over trade_history gives the same numbers."""
    journal = Writer()
    journal.add(0, started())
    for minute, pnl in enumerate(("14.8", "-2", "3.1", "-0.7", "0", "9.25")):
        leaves = OPEN + timedelta(minutes=35 + 3 * minute)
        journal.add(50, trade(pnl=Decimal(pnl), exit_time=leaves))
    journal.add(390, closed())
    summary, rows = written(journal.entries), trade_rows(journal.entries)
    pnls = [float(str(row["PnL"])) for row in rows]
    assert summary["total_trades"] == len(rows)
    assert float(summary["average_pnl_per_trade"]) == pytest.approx(mean(pnls), abs=1e-6)
    assert float(summary["max_gain"]) == max(pnls)
    assert float(summary["max_loss"]) == min(pnls)
    held = [_seconds(row["exit_timestamp"]) - _seconds(row["entry_timestamp"]) for row in rows]
    assert summary["average_holding_time"] == mean(held)


def test_without_trades_the_undefined_is_null() -> None:
    """No division by zero: rates, averages, extremes are null, lists empty, counts zero."""
    summary = written(quiet_session())
    undefined = ("average_pnl_per_trade", "max_gain", "max_loss", "average_holding_time")
    assert [summary[name] for name in undefined] == [None] * 4
    assert summary["win_rate_per_strategy"] == {"open": None}
    assert summary["trade_count_vs_signals_triggered"]["ratio"] is None
    assert (summary["most_profitable_tickers"], summary["worst_tickers"]) == ([], [])
    assert (summary["total_trades"], summary["realised_pnl"]) == (0, "0")


def test_a_flat_trade_is_neither_gain_nor_loss() -> None:
    """With PnL zero alone there is no largest gain, no largest loss and no best or worst ticker."""
    journal = Writer()
    journal.add(0, started(), trade(pnl=Decimal(0)))
    summary = daily_summary(journal.entries)
    assert (summary["max_gain"], summary["max_loss"]) == (None, None)
    assert (summary["most_profitable_tickers"], summary["worst_tickers"]) == ([], [])
    assert summary["average_pnl_per_trade"] == "0"


def test_equal_tickers_stand_in_alphabetical_order() -> None:
    """The order of ties is fixed, best and worst, and five are named."""
    journal = Writer()
    journal.add(0, started())
    for symbol in ("ZZ", "AA", "MM", "QQ", "BB", "CC"):
        journal.add(50, trade(symbol=symbol, pnl=Decimal(3)))
    for symbol in ("YY", "DD"):
        journal.add(50, trade(symbol=symbol, pnl=Decimal(-1)))
    summary: dict[str, Any] = daily_summary(journal.entries)
    best = [item["ticker"] for item in summary["most_profitable_tickers"]]
    worst = [item["ticker"] for item in summary["worst_tickers"]]
    assert best == ["AA", "BB", "CC", "MM", "QQ"]
    assert worst == ["DD", "YY"]


def test_profile_data_label_and_funnel_are_told() -> None:
    """The summary is marked TEST and names its data; the funnel ends in the total."""
    summary = written(session())
    assert summary["profile"] == "TEST"
    assert summary["marks"] == ["TEST"]
    assert summary["data_label"] == "real minute bars"
    assert summary["funnel"][-1] == {
        "strategy": "total",
        "candidates": 5,
        "skipped": 1,
        "with_signal": 4,
        "signals": 6,
        "blocked": 3,
        "orders": 3,
        "filled": 3,
        "fills": 6,
        "trades": 3,
    }


def test_an_unfinished_session_is_marked_incomplete() -> None:
    """Until the last record the summary says that it is not complete, and no copy is kept."""
    outputs = FakeOutputs()
    projection = DailySummary(outputs)
    for entry in session()[:-1]:
        projection.advance(entry)
    summary = json.loads(outputs.read("daily_summary.json"))
    assert summary["complete"] is False
    assert summary["status"] == "RUNNING"
    assert "session_summary.json" not in outputs.files


def test_the_same_journal_gives_the_same_bytes_once() -> None:
    """Entries that come twice write nothing more."""
    outputs = FakeOutputs()
    projection = DailySummary(outputs)
    for entry in session():
        projection.advance(entry)
    count = len(outputs.writes)
    for entry in session():
        projection.advance(entry)
    assert len(outputs.writes) == count


def _seconds(value: object) -> float:
    assert isinstance(value, datetime)
    return value.timestamp()
