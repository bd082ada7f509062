"""The oracle's own book, from records alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.core.events import Entry, FillRecorded, OrderUpdated
from rigd.core.orders import ExecType, OrdStatus, Purpose
from rigd.core.values import Side
from rigd.hosts.simulate.account import EDGES, Account
from tests.engine.world import Table

TABLE = Table()
INTENT = TABLE.intent()
NAME = INTENT.cl_ord_id


def updated(status: OrdStatus, *, doubt: bool = False, evidence: str = "event") -> OrderUpdated:
    return OrderUpdated(
        cl_ord_id=NAME,
        broker_order_id="B1",
        status=status,
        cum_qty=Decimal(0),
        in_doubt=doubt,
        evidence=evidence,
        reason="",
    )


def filled(key: str, qty: int, price: str = "10", **more: object) -> FillRecorded:
    values: dict[str, object] = {
        "broker": "SIM",
        "exec_key": key,
        "exec_type": ExecType.TRADE,
        "exec_ref_key": "",
        "cl_ord_id": NAME,
        "broker_order_id": "B1",
        "strategy": "open",
        "symbol": "AAA",
        "side": Side.BUY,
        "qty": Decimal(qty),
        "price": Decimal(price),
        "commission": Decimal(1),
        "ts": TABLE.desk.day.open + timedelta(minutes=21),
        "purpose": Purpose.ENTRY,
        "anomaly": "",
    }
    return FillRecorded(**(values | more))


def account(*records) -> Account:
    made = Account()
    for number, record in enumerate((INTENT, *records), start=1):
        made.take(Entry(number, TABLE.desk.day.open, record, "-"))
    return made


def test_fills_make_position_and_cash() -> None:
    """60 at 10 and 40 at 11 with a commission of 1 each: 100 held, 1,042 paid."""
    made = account(filled("1", 60), filled("2", 40, "11"))
    assert (made.net("AAA"), made.cash, made.faults) == (100, -1042, [])
    assert made.orders[NAME].status is OrdStatus.FILLED


def test_a_bust_undoes_and_a_correction_does_again() -> None:
    """Netted: 60 taken back; 40 at 11 corrected to 40 at 12."""
    one, two = filled("1", 60), filled("2", 40, "11")
    bust = replace(one, exec_key="3", exec_ref_key="1", exec_type=ExecType.BUST)
    correct = replace(
        two, exec_key="4", exec_ref_key="2", exec_type=ExecType.CORRECT, price=Decimal(12)
    )
    made = account(one, two, bust, correct)
    assert (made.net("AAA"), made.cash, made.undone) == (40, -481, True)
    assert made.faults == []


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        ((INTENT,), "I-02"),
        ((filled("1", 10), filled("1", 10)), "I-05"),
        ((filled("1", 200),), "I-05"),
        ((filled("1", 10, cl_ord_id="nobody"),), "I-04"),
        ((replace(filled("1", 1), exec_type=ExecType.BUST, exec_ref_key="0"),), "I-04"),
        ((replace(updated(OrdStatus.NEW), cl_ord_id="nobody"),), "I-05"),
        ((updated(OrdStatus.CANCELED), updated(OrdStatus.NEW)), "I-05"),
        ((updated(OrdStatus.PENDING_NEW, doubt=True), updated(OrdStatus.NEW, evidence="")), "I-06"),
    ],
)
def test_what_no_record_may_say_is_a_fault(records, fault) -> None:
    """Meant twice, executed twice, overfilled without a word, out of nothing, reopened, guessed."""
    assert account(*records).faults[0].startswith(fault)


def test_an_overfill_that_is_told_is_none() -> None:
    """O09: booked and flagged."""
    made = account(filled("1", 200, anomaly="overfill"))
    assert (made.faults, made.orders[NAME].overfilled) == ([], True)


def test_doubt_is_ended_by_evidence_and_counted() -> None:
    """I-06: by whose word."""
    doubt = updated(OrdStatus.PENDING_NEW, doubt=True)
    made = account(doubt, updated(OrdStatus.NEW, evidence="find"))
    assert (made.resolved, made.faults) == (["find"], [])
    assert account(doubt, filled("1", 10)).resolved == ["fill"]


def test_the_table_leaves_an_ended_order_by_a_late_fill_alone() -> None:
    """BROKERS §6.2: terminal states are final but for executions."""
    ended = {OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED, OrdStatus.REPLACED}
    assert {(a, b) for a, b in EDGES if a in ended} == {(a, OrdStatus.FILLED) for a in ended}
    assert not [edge for edge in EDGES if edge[0] is OrdStatus.FILLED]


def test_steps_are_remembered() -> None:
    """For the coverage of the machine."""
    made = account(updated(OrdStatus.NEW), filled("1", 100))
    assert made.edges == {
        (OrdStatus.PENDING_NEW, OrdStatus.NEW),
        (OrdStatus.NEW, OrdStatus.FILLED),
    }
