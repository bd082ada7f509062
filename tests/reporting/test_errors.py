from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from rigd.core.errors import ErrorType, LogicError
from rigd.core.events import ErrorCaptured, Record
from rigd.core.orders import OrdStatus
from rigd.reporting.errors import ERROR_FIELDS, TRACEBACKS, UNRESOLVED, ErrorLogs, error_logs
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import (
    Writer,
    closed,
    fill,
    intent,
    session,
    started,
    trade,
    updated,
    with_settings,
)

SEVEN = ["timestamp", "strategy", "broker", "error_type", "error_code", "raw_exception", "context"]
CANARY = "c4n4ryV4lue"


def rows(*records: Record) -> dict[str, list[dict[str, Any]]]:
    journal = Writer()
    journal.add(0, started(), *records)
    files = error_logs(journal.entries)
    return {
        name: [json.loads(line) for line in files.get(name, b"").decode().splitlines()]
        for name in (UNRESOLVED, TRACEBACKS)
    }


def captured(**overrides: object) -> ErrorCaptured:
    values: dict[str, Any] = {
        "strategy": "mid",
        "broker": "SIM",
        "error_type": "LogicError",
        "error_code": "ZERO_DIVISION_ERROR",
        "raw_exception": "Traceback (most recent call last):\n  x\nZeroDivisionError",
        "context": "strategy step, bar 171",
        "fatal": False,
    }
    return ErrorCaptured(**(values | overrides))


def test_the_seven_fields_come_first() -> None:
    """Document 050 names seven fields; the schema begins with them."""
    assert [field.name for field in ERROR_FIELDS][:7] == SEVEN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timestamp", "2013-10-07T13:30:00Z"),
        ("strategy", "mid"),
        ("broker", "SIM"),
        ("error_type", "LogicError"),
        ("error_code", "ZERO_DIVISION_ERROR"),
        ("raw_exception", "Traceback (most recent call last):\n  x\nZeroDivisionError"),
        ("context", "strategy step, bar 171"),
    ],
)
def test_a_captured_exception_has_each_field(name: str, value: str) -> None:
    """The row carries the record's fields as text, the instant with Z."""
    (row,) = rows(captured())[TRACEBACKS]
    assert row[name] == value


def test_an_error_without_an_order_is_no_unresolved_order() -> None:
    """A strategy's exception stands in error_tracebacks.log alone."""
    found = rows(captured())
    assert (len(found[UNRESOLVED]), len(found[TRACEBACKS])) == (0, 1)


@pytest.mark.parametrize(
    "record",
    [
        captured(error_type="BrokerError", error_code="OUTCOME_UNKNOWN"),
        captured(context="submit A1"),
        updated("A1", OrdStatus.REJECTED, reason="buying power"),
        updated("A1", OrdStatus.NEW, in_doubt=True, reason="no answer"),
        fill("A1", 21, anomaly="overfill"),
    ],
)
def test_an_error_of_an_order_stands_in_both(record: Record) -> None:
    """Rejects, unknown outcomes, odd fills and broker errors are in both logs."""
    found = rows(intent("A1"), record)
    assert len(found[UNRESOLVED]) == 1
    assert found[UNRESOLVED] == found[TRACEBACKS]
    assert found[UNRESOLVED][0]["error_type"] in set(ErrorType)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (updated("A1", OrdStatus.REJECTED, reason="buying power"), "ORDER_REJECTED"),
        (updated("A1", OrdStatus.PENDING_NEW, in_doubt=True), "OUTCOME_UNKNOWN"),
        (updated("A1", OrdStatus.PARTIALLY_FILLED, cum_qty=Decimal(4)), "PARTIALLY_FILLED"),
        (updated("A1", OrdStatus.CANCELED, cum_qty=Decimal(4)), "ENDED_PARTIALLY_FILLED"),
        (updated("A1", OrdStatus.EXPIRED), "ORDER_EXPIRED"),
        (fill("A1", 21, anomaly="late"), "FILL_LATE"),
        (trade(error_code="stale_exit"), "STALE_EXIT"),
        (closed(), "STALE_ORDER"),
    ],
)
def test_rejects_partials_and_stale_orders_all_appear(record: Record, code: str) -> None:
    """Each way in which an order fails has its code in unresolved_orders.log."""
    (row,) = rows(intent("A1"), record)[UNRESOLVED]
    assert row["error_code"] == code
    assert row["broker"] == "SIM"


def test_a_trouble_that_ended_well_is_resolved() -> None:
    """An order in doubt that filled after all gets its row RESOLVED, once."""
    found = rows(
        intent("A1"),
        updated("A1", OrdStatus.NEW, in_doubt=True),
        updated("A1", OrdStatus.FILLED, cum_qty=Decimal(10)),
        updated("A1", OrdStatus.FILLED, cum_qty=Decimal(10)),
        closed(),
    )
    assert [row["error_code"] for row in found[UNRESOLVED]] == ["OUTCOME_UNKNOWN", "RESOLVED"]


def test_an_order_completed_by_its_executions_is_not_stale() -> None:
    """Executions alone complete an order; no status message has to follow."""
    found = rows(intent("A1"), updated("A1", OrdStatus.NEW), fill("A1", 21), closed())
    assert found[UNRESOLVED] == []


def test_a_fill_that_completes_an_order_in_doubt_resolves_it() -> None:
    """The execution itself is the broker's evidence, and ends the trouble."""
    found = rows(
        intent("A1"), updated("A1", OrdStatus.NEW, in_doubt=True), fill("A1", 21), closed()
    )
    assert [row["error_code"] for row in found[UNRESOLVED]] == ["OUTCOME_UNKNOWN", "RESOLVED"]


def test_orders_that_never_ended_are_listed_when_the_session_closes() -> None:
    """The last row names every order without a final status."""
    (row,) = rows(intent("A1"), intent("B2"), updated("B2", OrdStatus.FILLED), closed())[UNRESOLVED]
    assert row["context"] == "entry order buy 10 IBM market A1 PENDING_NEW"


def test_a_normal_session_has_no_trouble() -> None:
    """Orders that ended well are not reported; both logs exist and are empty."""
    outputs = FakeOutputs()
    projection = ErrorLogs(outputs)
    for entry in session():
        projection.advance(entry)
    assert outputs.files == {
        UNRESOLVED: b"",
        TRACEBACKS: b"",
        f"session/{UNRESOLVED}": b"",
        f"session/{TRACEBACKS}": b"",
    }


def test_secrets_in_exceptions_are_redacted() -> None:
    """Neither raw exception nor context nor a broker's words carry a secret into the logs."""
    found = rows(
        intent("A1"),
        captured(raw_exception=f"api_key={CANARY}", context=f"token: {CANARY}"),
        updated("A1", OrdStatus.REJECTED, reason=f"password={CANARY}"),
    )
    assert CANARY not in str(found)
    assert len(found[TRACEBACKS]) == 2


def test_a_traceback_stays_on_its_line_in_csv() -> None:
    """Line ends of a traceback are written as escapes."""
    journal = Writer()
    journal.add(0, with_settings(LOG_FORMAT="csv"), captured())
    title, row = error_logs(journal.entries)[TRACEBACKS].decode().splitlines()
    assert title.split(",")[:7] == SEVEN
    assert re.search(r"last\):\\n  x\\nZero", row)


def test_the_same_entries_twice_write_nothing_more() -> None:
    """Also a second process that reads the journal again adds no row."""
    journal = Writer()
    journal.add(0, started(), captured(), closed())
    outputs = FakeOutputs()
    for projection in (ErrorLogs(outputs), ErrorLogs(outputs)):
        for entry in (*journal.entries, *journal.entries):
            projection.advance(entry)
    assert len(outputs.lines(TRACEBACKS)) == 1
    assert outputs.read(TRACEBACKS) == outputs.read(f"session/{TRACEBACKS}")


def test_an_error_row_needs_its_session() -> None:
    """A journal that does not begin with SessionStarted is refused."""
    with pytest.raises(LogicError, match="SessionStarted"):
        error_logs(session()[1:])
