from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from rigd.core.emergencies import Emergency
from rigd.core.events import (
    RECORD_TYPES,
    AlertRaised,
    CancelIntent,
    Command,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    ErrorCaptured,
    NoteMade,
    Reconciled,
    Record,
    RiskTripped,
    SelfChecked,
)
from rigd.core.lifecycle import BotState
from rigd.core.orders import OrdStatus, Purpose
from rigd.core.values import Side
from rigd.reporting.telling import TELLERS, Level, Memory, Told, tell
from tests.reporting.journals import OPEN, fill, intent, session, started, trade, updated


def told(record: Record, *before: Record) -> Told:
    memory = Memory()
    for known in (started(), *before):
        memory.learn(known)
    answer = tell(record, memory)
    assert answer is not None
    return answer


def test_every_kind_of_record_can_be_told() -> None:
    """A new kind of journal record needs its words here."""
    assert set(TELLERS) == set(RECORD_TYPES.values())


@pytest.mark.parametrize(
    ("record", "event"),
    [
        (fill("A", 21), "trade_execution"),
        (intent("A"), "api_call"),
        (CancelIntent(cl_ord_id="A", reason="time exit"), "api_call"),
        (updated("A", OrdStatus.NEW), "api_call"),
    ],
)
def test_events_carry_the_keys_that_people_grep_for(record: Record, event: str) -> None:
    """Fills are trade_execution, requests and answers of the broker api_call."""
    assert told(record, intent("A")).event == event


@pytest.mark.parametrize(
    ("record", "level"),
    [
        (updated("A", OrdStatus.REJECTED), Level.ERROR),
        (updated("A", OrdStatus.NEW, in_doubt=True), Level.ERROR),
        (updated("A", OrdStatus.NEW), Level.DEBUG),
        (updated("A", OrdStatus.FILLED), Level.INFO),
        (intent("B", replaces="A"), Level.DEBUG),
        (intent("B"), Level.INFO),
        (fill("A", 21, anomaly="late"), Level.WARNING),
        (SelfChecked(name="x", passed=False, detail=""), Level.ERROR),
        (RiskTripped(cause="loss", detail="", day_pnl="-1", limit=Decimal(1)), Level.ERROR),
    ],
)
def test_levels_follow_what_happened(record: Record, level: Level) -> None:
    """Refusals and trips are errors, routine answers and moved levels are noise."""
    assert told(record, intent("A")).level is level


def test_a_fill_fills_the_cells_of_its_leg() -> None:
    """An entry has entry cells, an exit exit cells; the side is the trade's, not the order's."""
    entry: Any = told(fill("A", 21), intent("A")).cells
    assert entry["entry_price"] == Decimal("100.00")
    assert entry["signal_trigger_time"] == OPEN.replace(minute=50)
    assert "exit_price" not in entry
    leave = fill("X", 35, side=Side.SELL, purpose=Purpose.TARGET)
    exit_cells: Any = told(leave).cells
    assert exit_cells["exit_price"] == Decimal("100.00")
    assert exit_cells["trade_side"] == "long"
    cover = fill("X", 35, side=Side.BUY_TO_COVER, purpose=Purpose.STOP)
    assert told(cover).cells["trade_side"] == "short"
    assert told(fill("X", 35, side=Side.SELL_SHORT)).cells["trade_side"] == "short"


def test_cancels_and_answers_know_their_order() -> None:
    """Symbol and strategy come from the order that the id names."""
    cells = told(CancelIntent(cl_ord_id="A", reason="x"), intent("A")).cells
    assert (cells["ticker"], cells["strategy_name"]) == ("IBM", "open")
    assert told(updated("other", OrdStatus.NEW)).cells["error_code"] == ""


@pytest.mark.parametrize(
    "record",
    [
        NoteMade(topic="key", text="password=hunter22"),
        CommandObeyed(
            command=Command.STOP, source="f", signed=False, by="token=hunter22", why="key=hunter22"
        ),
        ErrorCaptured(
            strategy="",
            broker="SIM",
            error_type="LogicError",
            error_code="X",
            raw_exception="token: hunter22",
            context="api_key=hunter22",
            fatal=False,
        ),
        Reconciled(
            reason="secret=hunter22",
            missing_fills=0,
            foreign_orders=("token=hunter22",),
            ghost_orders=(),
            position_differences=(),
            cash_difference=Decimal(0),
            agreed=False,
        ),
    ],
)
def test_free_text_is_redacted(record: Record) -> None:
    """No secret of a message, a reason or a list reaches a row."""
    answer = told(record)
    assert "hunter22" not in answer.message + str(answer.details) + str(answer.cells)


def test_a_closed_trade_fills_every_cell_of_the_documents_list() -> None:
    """The eleven fields that document 070 wants in all logs have values."""
    cells = told(trade()).cells
    wanted = (
        "strategy_name signal_trigger_time entry_timestamp exit_timestamp trade_side"
        " entry_price exit_price size PnL broker exit_reason"
    )
    assert all(cells[name] not in {None, ""} for name in wanted.split())


def test_the_whole_session_can_be_told() -> None:
    """Every record of a session has a message without a line end."""
    memory = Memory()
    for entry in session():
        memory.learn(entry.record)
        answer = tell(entry.record, memory)
        assert answer is not None
        assert answer.message
        assert "\n" not in answer.message


@pytest.mark.parametrize(
    ("record", "event", "level", "message"),
    [
        (
            EmergencyMet(
                event=Emergency.DATA_DOWN,
                state=BotState.TRADING,
                response="collared graceful close → stopped",
                detail="token=hunter22",
            ),
            "emergency",
            Level.WARNING,
            "data down in state trading: collared graceful close → stopped; token=",
        ),
        (
            AlertRaised(critical=True, event="data down", text="token=hunter22"),
            "alert",
            Level.ERROR,
            "alert: data down: token=",
        ),
        (
            AlertRaised(critical=False, event="missing fill", text="token=hunter22"),
            "alert",
            Level.WARNING,
            "alert: missing fill: token=",
        ),
        (
            DefenseChanged(
                on=True, trigger="drawdown", detail="token=hunter22", limits=(("max_trades", "2"),)
            ),
            "defense_mode",
            Level.WARNING,
            "defense mode on by drawdown: token=",
        ),
    ],
)
def test_emergencies_alerts_and_defense_are_told_without_secrets(
    record, event, level, message
) -> None:
    """S23: every safety action is a row, as loud as it is."""
    found = told(record)
    assert (found.event, found.level) == (event, level)
    assert found.message.startswith(message)
    assert "hunter22" not in f"{found.message}{found.details}"
