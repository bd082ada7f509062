"""A message about a fill comes after the order's last execution, and only if they agree."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rigd.broker.simulated.model import SimModel
from rigd.core.events import AlertRaised, FillRecorded, OrderIntent, OrderUpdated
from rigd.core.orders import ExecType, OrdStatus, OrdType, Purpose
from rigd.core.values import Side
from rigd.engine import sending
from rigd.engine.confirming import ENTRY, EXIT, UNCONFIRMED, problems_of
from rigd.engine.orders import Order
from tests.engine.world import DAY, Table, World, real_bars, settings

ON = {"notify_on_fill": "true", "notify_on_exit": "true"}
TOLD = {ENTRY, EXIT, UNCONFIRMED}


def messages(journal) -> list[tuple[str, str]]:
    """Event and text of each message about a fill."""
    return [(r.event, r.text) for r in journal.records(AlertRaised) if r.event in TOLD]


def test_a_working_order_is_not_told_of() -> None:
    """INVENTORY N8: half of it is no fill; the message waits for the order's end."""
    table = Table(**ON)
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "40", "50")
    table.drain()
    assert messages(table.journal) == []
    table.broker.fill(order.intent.cl_ord_id, "60", "51")
    table.drain()
    (found,) = messages(table.journal)
    assert found == (
        ENTRY,
        f"open: buy 100 AAA at 50.6 (2 executions, order {order.intent.cl_ord_id})",
    )
    table.drain()
    assert len(messages(table.journal)) == 1


def test_a_status_without_executions_is_not_told_of() -> None:
    """INVENTORY N8: FILLED is a hint; the executions are asked for and on record first."""
    table = Table(**ON)
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50", silent=True)
    table.drain()
    assert messages(table.journal) == []
    table.broker.gap()
    table.drain()
    kinds = [type(r) for r in table.journal.records(FillRecorded, AlertRaised)]
    assert kinds == [FillRecorded, AlertRaised]


def test_what_ended_in_part_is_told_with_what_it_has() -> None:
    """Cancelled after 30 of 100: 30 is what we hold."""
    table = Table(**ON)
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "30", "50")
    asyncio.run(sending.cancel(table.desk, order, "the test says so"))
    table.drain()
    ((event, text),) = messages(table.journal)
    assert (event, text.split(" (")[0]) == (ENTRY, "open: buy 30 AAA at 50")


def test_a_refused_order_is_not_told_of() -> None:
    """Nothing was filled."""
    table = Table(**ON)
    table.broker.reject_next = [("no", "funds")]
    table.send()
    assert messages(table.journal) == []


@pytest.mark.parametrize(("fill", "leave"), [(True, True), (True, False), (False, True)])
def test_each_setting_asks_for_its_own_messages(fill: bool, leave: bool) -> None:  # noqa: FBT001 - the two settings
    """NOTIFY_ON_FILL is about entries, NOTIFY_ON_EXIT about exits."""
    table = Table(notify_on_fill=str(fill).lower(), notify_on_exit=str(leave).lower())
    for order, price in ((table.send(), "50"), (table.exit(), "52")):
        table.broker.fill(order.intent.cl_ord_id, "100", price)
        table.drain()
    found = [event for event, _ in messages(table.journal)]
    assert found == [ENTRY] * fill + [EXIT] * leave


def test_an_overfill_is_not_confirmed() -> None:
    """INVENTORY N8: details that do not agree are told as such, and that is critical."""
    table = Table(**ON)
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50")
    table.broker.fill(order.intent.cl_ord_id, "5", "50")
    table.drain()
    (found,) = [r for r in table.journal.records(AlertRaised) if r.event in TOLD]
    assert (found.event, found.critical) == (UNCONFIRMED, True)
    assert "must add up within 100, found 105 executed" in found.text


def executed(**changes: object) -> FillRecorded:
    """An execution of 100 AAA at 50."""
    values = {
        "broker": "FAKE",
        "exec_key": "E1",
        "exec_type": ExecType.TRADE,
        "exec_ref_key": "",
        "cl_ord_id": "A",
        "broker_order_id": "1",
        "strategy": "open",
        "symbol": "AAA",
        "side": Side.BUY,
        "qty": Decimal(100),
        "price": Decimal(50),
        "commission": Decimal(0),
        "ts": datetime(2013, 10, 7, 14, tzinfo=UTC),
        "purpose": Purpose.ENTRY,
        "anomaly": "",
    }
    return FillRecorded(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"price": Decimal("49.9")}, ""),
        ({"price": Decimal("50.01")}, "must keep to 50, was 50.01"),
        ({"symbol": "BBB"}, "must buy AAA, did buy BBB"),
        ({"side": Side.SELL}, "must buy AAA, did sell AAA"),
        ({"price": Decimal(0)}, "must have a quantity and a price"),
        ({"qty": Decimal(99)}, "must add up within 100, found 99 executed, 100 filled"),
        ({"exec_type": ExecType.BUST}, "execution E1 is a bust"),
    ],
)
def test_each_detail_of_an_execution_is_checked(changes, told: str) -> None:
    """INVENTORY N8: kind, symbol, side, quantity, price and limit of an order for 100 at 50."""
    table = Table()
    intent = table.intent(ord_type=OrdType.LIMIT, limit_price=Decimal(50))
    order = Order(intent=intent, status=OrdStatus.FILLED, cum_qty=Decimal(100))
    found = "; ".join(problems_of(order, [executed(**changes)]))
    assert told in found
    assert bool(found) is bool(told)


def test_a_sell_keeps_to_its_limit_from_the_other_side() -> None:
    """A sale below its limit is worse, above it better."""
    table = Table()
    intent = table.intent(side=Side.SELL, ord_type=OrdType.LIMIT, limit_price=Decimal(50))
    order = Order(intent=intent, status=OrdStatus.FILLED, cum_qty=Decimal(100))
    fill = executed(side=Side.SELL)
    assert not list(problems_of(order, [replace(fill, price=Decimal(51))]))
    assert list(problems_of(order, [replace(fill, price=Decimal(49))]))


def traded(model: SimModel | None = None) -> World:
    """A real day with messages on."""
    values = settings(**ON, max_trades="2", weights="0.5,0.5", stop_pct_open="0.002")
    return World(
        settings=values, bars=real_bars(DAY, "SPY", "IBM", "BAC"), model=model, filters=False
    ).run()


ROUGH = SimModel(partial_fill_rate=0.6, reject_rate=0.25, lost_reply_rate=0.4)


@pytest.mark.parametrize("model", [None, ROUGH], ids=["smooth", "rough"])
def test_in_the_journal_a_message_follows_all_that_it_tells(model: SimModel | None) -> None:
    """INVENTORY N8, the order of records: executions, the order's end, then the message, once."""
    world = traded(model)
    told: dict[str, int] = {}
    for number, entry in enumerate(world.journal.entries()):
        if isinstance(entry.record, AlertRaised) and entry.record.event in TOLD:
            name = entry.record.text.rpartition(" ")[2].rstrip(")")
            assert name not in told
            told[name] = number
            assert entry.record.event != UNCONFIRMED
    filled: dict[str, Decimal] = {}
    for number, entry in enumerate(world.journal.entries()):
        record = entry.record
        if isinstance(record, FillRecorded):
            filled[record.cl_ord_id] = filled.get(record.cl_ord_id, Decimal(0)) + record.qty
        if isinstance(record, FillRecorded | OrderUpdated | OrderIntent):
            assert number < told.get(record.cl_ord_id, number + 1)
    assert set(told) == set(filled)
    assert len(told) >= 3


def test_no_crash_makes_a_message_early_or_twice() -> None:
    """N8, I-02: cut off after any record, the resumed session tells the same, each once."""
    base = traded(SimModel(partial_fill_rate=0.6))
    want = messages(base.journal)
    marks = base.journal.marks
    kinds = base.kinds()
    first = kinds.index("OrderIntent")
    for entries in range(first, len(kinds), 3):
        world = base.again(entries, marks[entries - 1]).run()
        assert sorted(messages(world.journal)) == sorted(want), entries
