"""The order machine (BROKERS §6.2): fills are facts, statuses are not, doubt is a flag."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.errors import LogicError
from rigd.core.events import (
    CancelIntent,
    ErrorCaptured,
    FillRecorded,
    OrderUpdated,
    RiskModeChanged,
)
from rigd.core.lifecycle import RiskMode
from rigd.core.orders import TERMINAL, ExecType, OrdStatus, Purpose
from rigd.core.values import Side
from rigd.engine.orders import OrderBook
from rigd.engine.portfolio import Portfolio
from tests.engine.world import Table


def fills(table: Table) -> list[FillRecorded]:
    return table.journal.records(FillRecorded)


def test_c13_a_fill_told_three_times_counts_once() -> None:
    """C13: duplicated events change nothing."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50", times=3)
    table.drain()
    table.drain()
    assert len(fills(table)) == 1
    assert (order.cum_qty, order.status, table.held()) == (100, OrdStatus.FILLED, 100)


def test_c13_a_fill_told_again_with_other_numbers_is_flagged() -> None:
    """O05: the first telling stands, the contradiction is recorded."""
    table = Table()
    order = table.send()
    fill = table.broker.fill(order.intent.cl_ord_id, "40", "50")
    table.broker.tell(replace(fill, qty=Decimal(60)))
    table.drain()
    assert table.held() == 40
    assert [each.context for each in table.journal.records(ErrorCaptured)] == ["contradicted"]


def test_c14_a_filled_status_without_executions_fetches_them() -> None:
    """C14: FILLED before any execution does not fill; the executions are pulled and do."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50", silent=True)
    table.broker.tell(table.broker.orders[order.intent.cl_ord_id])
    table.drain()
    assert [fill.qty for fill in fills(table)] == [100]
    assert order.status is OrdStatus.FILLED
    updates = [each.status for each in table.journal.records(OrderUpdated)]
    assert OrdStatus.FILLED not in updates


def test_c14_a_filled_status_of_which_no_execution_exists_fills_nothing() -> None:
    """C14: the status alone never completes an order."""
    table = Table()
    order = table.send()
    table.broker.status(order.intent.cl_ord_id, OrdStatus.FILLED)
    table.drain()
    assert order.working
    assert table.held() == 0


def test_c16_a_fill_after_the_cancel_is_booked_and_flagged() -> None:
    """C16: the position changes, the anomaly is on record, risk is not halted."""
    table = Table()
    order = table.send()
    name = order.intent.cl_ord_id
    table.broker.status(name, OrdStatus.CANCELED)
    table.drain()
    assert not order.working
    table.broker.fill(name, "100", "50")
    table.drain()
    (fill,) = fills(table)
    assert (fill.anomaly, table.held()) == ("late", 100)
    assert [each.context for each in table.journal.records(ErrorCaptured)] == ["late"]
    assert table.journal.records(RiskModeChanged) == []


def test_c17_an_overfill_is_booked_flagged_and_halts_new_risk() -> None:
    """C17: 110 shares of an order of 100 are held, and no new risk is taken."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "110", "50")
    table.drain()
    assert [fill.anomaly for fill in fills(table)] == ["overfill"]
    assert table.held() == 110
    assert [each.mode for each in table.journal.records(RiskModeChanged)] == [RiskMode.HALTED]


def test_c17_an_exit_that_overfills_leaves_the_turned_position_in_sight() -> None:
    """The rest of an oversized exit is a position of its own, marked as unwanted."""
    table = Table()
    table.broker.fill(table.send().intent.cl_ord_id, "100", "50")
    table.drain()
    table.broker.fill(table.exit().intent.cl_ord_id, "130", "51")
    table.drain()
    assert table.held() == -30
    assert table.desk.portfolio.positions["AAA"].unwanted
    assert [trade.size for trade in table.desk.portfolio.trades] == [100]


@pytest.mark.parametrize("kind", [ExecType.BUST, ExecType.CORRECT])
def test_a_bust_or_a_correction_halts_new_risk(kind) -> None:
    """What the broker takes back is recorded and left to a person."""
    table = Table()
    order = table.send()
    fill = table.broker.fill(order.intent.cl_ord_id, "100", "50")
    table.broker.tell(replace(fill, exec_key="X9", exec_type=kind, exec_ref_key=fill.exec_key))
    table.drain()
    assert [record.exec_type for record in fills(table)] == [ExecType.TRADE, kind]
    assert [each.mode for each in table.journal.records(RiskModeChanged)] == [RiskMode.HALTED]


def test_c20_partial_fills_in_any_order_give_one_state() -> None:
    """C20: three parts and their statuses, all 720 orders of them."""
    table = Table()
    outcomes = set()
    for number, order_of in enumerate(itertools.permutations(range(6))):
        order = table.send(f"entry/{number}")
        name = order.intent.cl_ord_id
        table.drain()
        for qty in ("20", "30", "50"):
            table.broker.fill(name, qty, "50")
        table.broker.reorder(order_of)
        table.drain()
        outcomes.add((order.cum_qty, order.status, order.in_doubt))
    assert outcomes == {(Decimal(100), OrdStatus.FILLED, False)}
    assert table.held() == 720 * 100


def test_c21_a_fill_before_the_ack_is_enough() -> None:
    """C21: the answer is lost, the fill arrives, then the stale NEW."""
    table = Table()
    table.broker.lose_next = 1
    table.broker.hold_events = True
    order = table.send()
    assert order.in_doubt
    ack = table.broker.orders[order.intent.cl_ord_id]
    table.broker.fill(order.intent.cl_ord_id, "40", "50")
    table.broker.reorder([1])
    table.broker.tell(ack)
    table.broker.hold_events = False
    table.drain()
    assert not order.in_doubt
    assert (order.status, order.cum_qty, order.leaves_qty) == (OrdStatus.PARTIALLY_FILLED, 40, 60)


def test_c22_fills_at_the_same_instant_are_two() -> None:
    """C22: the key tells executions apart, not the time."""
    table = Table()
    order = table.send()
    for _ in range(2):
        table.broker.fill(order.intent.cl_ord_id, "50", "50")
    table.drain()
    assert len(fills(table)) == 2
    assert table.held() == 100


@pytest.mark.parametrize("end", sorted(TERMINAL - {OrdStatus.FILLED}))
@pytest.mark.parametrize("stale", sorted(set(OrdStatus) - TERMINAL))
def test_c29_a_stale_status_never_reopens_a_terminal_order(end, stale) -> None:
    """C29: once terminal, an order stays terminal whatever is told."""
    table = Table()
    order = table.send()
    table.broker.status(order.intent.cl_ord_id, end)
    table.drain()
    table.broker.status(order.intent.cl_ord_id, stale)
    table.drain()
    assert order.status is end
    assert table.desk.orders.working() == []


def test_c29_the_latch_holds_against_the_journal_too() -> None:
    """A record that would reopen a terminal order is folded without effect on its status."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50")
    table.drain()
    table.desk.orders.fold(
        OrderUpdated(
            cl_ord_id=order.intent.cl_ord_id,
            broker_order_id="B1",
            status=OrdStatus.NEW,
            cum_qty=Decimal(0),
            in_doubt=False,
            evidence="event",
            reason="",
        )
    )
    assert (order.status, order.cum_qty, order.working) == (OrdStatus.FILLED, 100, False)


def test_a_stale_new_does_not_undo_a_partial_fill() -> None:
    """Statuses never lower what was filled."""
    table = Table()
    order = table.send()
    ack = table.broker.orders[order.intent.cl_ord_id]
    table.broker.fill(order.intent.cl_ord_id, "40", "50")
    table.broker.tell(ack, replace(ack, ord_status=OrdStatus.PENDING_NEW))
    table.drain()
    assert (order.status, order.cum_qty) == (OrdStatus.PARTIALLY_FILLED, 40)


def test_an_order_that_is_suspended_works_on_when_it_is_new_again() -> None:
    """A halt ends by the broker's word."""
    table = Table()
    order = table.send()
    for status in (OrdStatus.SUSPENDED, OrdStatus.NEW):
        table.broker.status(order.intent.cl_ord_id, status)
        table.drain()
        assert order.status is status
    assert order.working


def test_in_doubt_counts_at_full_size_and_ends_by_evidence_alone() -> None:
    """An unknown outcome keeps its exposure until the broker knows the order or does not."""
    table = Table()
    table.broker.lose_next = 1
    table.broker.hold_events = True
    order = table.send()
    assert (order.in_doubt, order.working, order.status) == (True, True, OrdStatus.PENDING_NEW)
    assert order.leaves_notional == 100 * 100
    assert table.desk.orders.in_doubt() == [order]
    assert table.desk.orders.unanswered() == [order]


def test_an_order_is_meant_once() -> None:
    """A second intent of the same id is a defect, not a second order."""
    table = Table()
    table.send()
    with pytest.raises(LogicError, match="meant twice"):
        table.send()
    assert table.broker.count("submit") == 1


def test_messages_about_other_peoples_orders_are_ignored() -> None:
    """An order without an intent of ours has no place in the book."""
    table, other = Table(), Table()
    foreign = other.send("foreign")
    table.broker.tell(other.broker.orders[foreign.intent.cl_ord_id])
    table.broker.tell(other.broker.fill(foreign.intent.cl_ord_id, "5", "50"))
    table.drain()
    assert fills(table) == []
    assert foreign.intent.cl_ord_id not in table.desk.orders
    assert table.desk.orders.get(foreign.intent.cl_ord_id) is None


def test_views_by_purpose_and_symbol() -> None:
    """Working orders are told by purpose and symbol; terminal ones are gone from the view."""
    table = Table()
    entry = table.send()
    other = table.send("other", symbol="BBB", purpose=Purpose.STOP, side=Side.SELL)
    orders = table.desk.orders
    assert orders.working() == [entry, other]
    assert orders.working(Purpose.STOP) == [other]
    assert orders.working(symbol="AAA") == [entry]
    assert list(orders) == [entry, other]
    assert orders.entries == [entry]
    assert not orders.idle
    for each in (entry, other):
        table.broker.status(each.intent.cl_ord_id, OrdStatus.CANCELED)
    table.drain()
    assert orders.idle
    assert orders.working() == []


def test_a_cancel_is_remembered() -> None:
    """The wish to cancel is recorded once, whatever becomes of it."""
    table = Table()
    order = table.send()
    table.desk.recorder.record(CancelIntent(cl_ord_id=order.intent.cl_ord_id, reason="test"))
    assert order.cancel_sent
    assert order.working


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "again", "ack", "cancel", "expire", "suspend", "lost", "late"]),
        st.integers(0, 2),
        st.integers(1, 60),
    ),
    max_size=25,
)


@given(events=EVENTS, seed=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_c48_any_interleaving_keeps_position_and_terminal_latch(events, seed) -> None:
    """C48: Σ fills = position; a terminal order stays terminal; a replay gives the same state."""
    table = Table()
    orders = [
        table.send(f"leg/{n}", side=side, purpose=purpose)
        for n, (side, purpose) in enumerate([
            (Side.BUY, Purpose.ENTRY),
            (Side.SELL, Purpose.EXIT),
            (Side.BUY, Purpose.ENTRY),
        ])
    ]
    told, ended = [], {}
    for kind, which, qty in events:
        name = orders[which].intent.cl_ord_id
        _act(table, kind, name, qty, told)
        queue = table.broker._queue
        seed.shuffle(queue)
        if kind != "lost":
            table.drain()
        for order in orders:
            key = order.intent.cl_ord_id
            assert order.status in TERMINAL or key not in ended
            if not order.working:
                ended[key] = order.status
    table.broker.gap()
    table.drain()
    assert table.held() == sum(fill.side.sign * fill.qty for fill in table.broker.executions)
    assert table.desk.portfolio.cash_flow == table.broker.cash - 100_000
    assert len(fills(table)) == len(table.broker.executions)
    book, portfolio = OrderBook(), Portfolio("FAKE", table.desk.day.open)
    for entry in table.journal.entries():
        book.fold(entry.record)
        portfolio.fold(entry.record)
    assert list(book) == orders
    assert portfolio.positions == table.desk.portfolio.positions
    assert portfolio.trades == table.desk.portfolio.trades


def _act(table: Table, kind: str, name: str, qty: int, told: list) -> None:
    broker = table.broker
    if kind in {"fill", "late", "lost"}:
        told.append(broker.fill(name, str(qty), "50", silent=kind == "lost"))
    elif kind == "again" and told:
        broker.tell(told[qty % len(told)])
    elif kind == "ack":
        broker.tell(replace(broker.orders[name], ord_status=OrdStatus.NEW, cum_qty=Decimal(0)))
    elif kind in {"cancel", "expire", "suspend"}:
        status = {
            "cancel": OrdStatus.CANCELED,
            "expire": OrdStatus.EXPIRED,
            "suspend": OrdStatus.SUSPENDED,
        }[kind]
        if broker.orders[name].ord_status not in TERMINAL:
            broker.status(name, status)


def test_the_orders_of_a_symbol_are_all_of_them_oldest_first() -> None:
    """Ended orders too; those of other symbols not."""
    table = Table()
    first = table.send()
    table.broker.fill(first.intent.cl_ord_id, "100", "50")
    table.drain()
    table.send("other", symbol="BBB")
    last = table.exit()
    assert [order.intent.cl_ord_id for order in table.desk.orders.of("AAA")] == [
        first.intent.cl_ord_id,
        last.intent.cl_ord_id,
    ]
    assert table.desk.orders.of("XYZ") == []
