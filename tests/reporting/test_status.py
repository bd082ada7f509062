from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rigd.core.events import DefenseChanged, RiskModeChanged, RiskTripped
from rigd.core.lifecycle import RiskMode
from rigd.reporting.status import LABEL, Live, PositionLine, StatusFold
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import OPEN, Writer, session, started

LIVE = Live(
    pid=4711,
    minute=25,
    market_time=OPEN + timedelta(minutes=25),
    positions=(
        PositionLine("IBM", "open", Decimal(10), Decimal(100), Decimal("100.4"), Decimal("3.90")),
    ),
    unrealised=Decimal("3.90"),
    float_used=Decimal(1000),
    uptime_s=12,
    updated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def published(entries: list[Any], live: Live = LIVE) -> dict[str, Any]:
    outputs = FakeOutputs()
    fold = StatusFold(outputs)
    for entry in entries:
        fold.advance(entry)
    fold.publish(live)
    loaded: dict[str, Any] = json.loads(outputs.read("status.json"))
    return loaded


def test_the_first_status_lists_strategies_and_limits() -> None:
    """Before the first signal the status is there with strategies, windows and limits."""
    status = published(session()[:6], replace(LIVE, positions=(), unrealised=Decimal(0)))
    assert [(s["name"], s["window_minutes"], s["trades"]) for s in status["strategies"]] == [
        ("open", "0-60", 0),
        ("mid", "150-205", 0),
        ("close", "364-387", 0),
    ]
    assert status["limits"] == {"daily_loss_limit": "5000", "max_trades": "1"}
    assert [s["win_rate"] for s in status["strategies"]] == [None, None, None]
    assert (status["status"], status["state"], status["pid"]) == ("RUNNING", "idle", 4711)


def test_pnl_is_realised_plus_unrealised() -> None:
    """12.80 realised and 3.90 open make 16.70; float usage is a fraction of the cap."""
    status = published(session())
    assert status["pnl"] == {"realised": "12.8", "unrealised": "3.9", "total": "16.7"}
    assert status["float"] == {
        "amount": "100000",
        "session_cap": "2000",
        "used": "1000",
        "used_fraction": "0.5",
    }
    assert status["positions"] == [
        {
            "symbol": "IBM",
            "strategy": "open",
            "qty": "10",
            "entry_price": "100",
            "mark": "100.4",
            "unrealised": "3.9",
        }
    ]


def test_a_missing_mark_makes_the_total_unknown() -> None:
    """What is not known is null and not zero."""
    status = published(session(), replace(LIVE, unrealised=None))
    assert status["pnl"] == {"realised": "12.8", "unrealised": None, "total": None}


def test_each_strategy_has_its_own_figures() -> None:
    """Signals, trades, PnL and win rate per strategy."""
    status = published(session())
    assert [
        (s["name"], s["signals"], s["trades"], s["pnl"], s["win_rate"])
        for s in status["strategies"]
    ] == [("open", 3, 1, "14.8", 1), ("mid", 2, 1, "-2", 0), ("close", 1, 1, "0", 0)]
    assert (status["trades"], status["signals"]) == (3, 6)


def test_a_normal_end_is_closed() -> None:
    """The last record sets CLOSED, the reason and the exit code; the folder keeps a copy."""
    outputs = FakeOutputs()
    fold = StatusFold(outputs)
    for entry in session():
        fold.advance(entry)
    fold.publish(LIVE)
    status = json.loads(outputs.read("status.json"))
    assert (status["status"], status["reason"], status["exit_code"]) == ("CLOSED", "session_end", 0)
    assert outputs.read("session/status.json") == outputs.read("status.json")


def test_the_status_is_marked_and_labelled() -> None:
    """The TEST badge, the data label and the words that the books are official are inside."""
    status = published(session())
    assert status["label"] == LABEL == "monitoring only; official = ledger"
    assert status["marks"] == ["TEST"]
    assert status["data_label"] == "real minute bars"
    assert status["updated_at"] == "2026-01-02T03:04:05Z"
    assert status["market_time"] == "2013-10-07T13:55:00Z"


def test_a_tripped_kill_switch_shows() -> None:
    """Risk mode and the cause of the trip are told."""
    journal = Writer()
    journal.add(
        5,
        started(),
        RiskTripped(cause="loss_limit", detail="", day_pnl="-1", limit=Decimal(1)),
        RiskModeChanged(mode=RiskMode.HALTED, reason="loss"),
    )
    status = published(journal.entries)
    assert status["risk_mode"] == "HALTED"
    assert status["kill_switch"] == {"tripped": True, "cause": "loss_limit"}


def test_nothing_is_published_before_the_session() -> None:
    """Without a session there is no status to show."""
    outputs = FakeOutputs()
    StatusFold(outputs).publish(LIVE)
    assert outputs.files == {}


def test_changes_of_state_are_rows_of_the_system_log() -> None:
    """Start, state change and end are appended once, also when the journal is read again."""
    outputs = FakeOutputs()
    for fold in (StatusFold(outputs), StatusFold(outputs)):
        for entry in (*session(), *session()):
            fold.advance(entry)
    events = [json.loads(line)["event"] for line in outputs.lines("system_logs.log")]
    assert events == ["session_started", "state_changed", "session_closed"]


def test_defense_mode_shows_with_its_limits() -> None:
    """S15: on as soon as the journal says so, with the limits in force since then."""
    journal = Writer()
    journal.add(0, started())
    assert published(journal.entries)["defense_mode"] is False
    limits = (("max_trades", "2"),)
    journal.add(5, DefenseChanged(on=True, trigger="drawdown", detail="x", limits=limits))
    status = published(journal.entries)
    assert status["defense_mode"] is True
    assert "max_trades" in json.dumps(status)
