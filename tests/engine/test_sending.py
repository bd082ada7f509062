"""Sending: journal first, one attempt on the wire, doubt until the broker speaks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.core.errors import (
    AuthError,
    LogicError,
    NotSupported,
    OrderRejected,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    Superseded,
    Unavailable,
)
from rigd.core.events import (
    CancelIntent,
    ErrorCaptured,
    FillRecorded,
    OrderIntent,
    OrderUpdated,
    TradeClosed,
)
from rigd.core.orders import ExecType, Fill, OrdStatus, Purpose
from rigd.engine import sending
from tests.engine.world import Table
from tests.fakes.broker import START


def test_the_intent_is_durable_before_the_broker_hears_of_it() -> None:
    """I-01: journal, sync, send."""
    table = Table()
    real = table.broker.submit
    seen = []

    async def submit(request):
        seen.append((table.world.kinds()[-1], table.journal.durable, len(table.world.kinds())))
        return await real(request)

    table.broker.submit = submit
    table.send()
    ((kind, durable, count),) = seen
    assert kind == "OrderIntent"
    assert durable == count


def test_a_definitive_rejection_ends_the_order() -> None:
    """Code and text of the broker are on record."""
    table = Table()
    table.broker.reject_next = [("halted", "LULD pause")]
    order = table.send()
    assert order.status is OrdStatus.REJECTED
    (update,) = table.journal.records(OrderUpdated)
    assert (update.reason, update.evidence) == ("halted: LULD pause", "reject")


REPEATED = "api_key=PKA8Q2"


@pytest.mark.parametrize(
    "error",
    [OrderRejected("401", REPEATED), Unavailable(REPEATED), OutcomeUnknown(REPEATED)],
    ids=lambda error: type(error).__name__,
)
def test_a_secret_that_a_broker_repeats_reaches_no_record(error) -> None:
    """K20: its words are written down, without what looks like a key."""
    table = Table()

    async def refuse(_):
        raise error

    table.broker.submit = refuse
    table.send()
    told = [update.reason for update in table.journal.records(OrderUpdated)]
    assert any("api_key=[redacted]" in reason for reason in told)
    assert not any("PKA8Q2" in reason for reason in told)


@pytest.mark.parametrize(
    "error",
    [Unavailable("down"), RateLimited(START), AuthError("no"), NotSupported("no")],
    ids=lambda error: type(error).__name__,
)
def test_what_never_left_is_over_and_proven_so(error) -> None:
    """SPEC §10: no byte left, so the order does not exist."""
    table = Table()

    async def refuse(_):
        raise error

    table.broker.submit = refuse
    order = table.send()
    assert (order.status, order.evidence) == (OrdStatus.REJECTED, sending.NOT_SENT)


@pytest.mark.parametrize("error", [OutcomeUnknown("?"), ProtocolError("<html>")])
def test_no_answer_is_no_rejection(error) -> None:
    """O01: one POST, then look-ups; the order stays in doubt meanwhile."""
    table = Table()
    calls = []

    async def lose(request):
        calls.append(request)
        raise error

    table.broker.submit = lose
    order = table.send()
    assert order.in_doubt
    assert order.working
    table.broker.hidden.add(order.intent.cl_ord_id)
    table.broker.capabilities = replace(table.broker.capabilities, authoritative_lookup=False)
    for _ in range(3):
        asyncio.run(sending.resolve_doubts(table.desk))
    assert order.in_doubt
    assert len(calls) == 1


def test_a_lost_answer_is_looked_up_and_adopted() -> None:
    """O02: the broker knows the order: it is ours and it works."""
    table = Table()
    table.broker.lose_next = 1
    table.broker.hold_events = True
    order = table.send()
    asyncio.run(sending.resolve_doubts(table.desk))
    assert (order.in_doubt, order.status) == (False, OrdStatus.NEW)
    assert table.broker.count("submit") == 1


def test_what_an_authoritative_look_up_does_not_find_never_arrived() -> None:
    """The broker's evidence ends the doubt in the other direction."""
    table = Table()
    table.broker.drop_next = 1
    order = table.send()
    assert order.in_doubt
    asyncio.run(sending.resolve_doubts(table.desk))
    assert (order.status, order.evidence) == (OrdStatus.REJECTED, sending.NOT_SENT)


def test_a_look_up_that_fails_ends_no_doubt() -> None:
    """A broker that is down has said nothing."""
    table = Table()
    table.broker.drop_next = 1
    order = table.send()
    table.broker.down = True
    assert asyncio.run(sending.look_up(table.desk, order)) is None
    assert order.in_doubt


def test_a_look_up_brings_the_fills_it_speaks_of() -> None:
    """Filled while the stream was silent: fills first, then the status."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50", silent=True)
    assert asyncio.run(sending.look_up(table.desk, order)) is True
    assert (order.status, table.held()) == (OrdStatus.FILLED, 100)


def test_a_cancel_is_on_record_before_it_is_sent_and_once() -> None:
    """A wish that is repeated is sent again and recorded once."""
    table = Table()
    table.broker.refuse_cancels = 1
    order = table.send()
    for _ in range(2):
        asyncio.run(sending.cancel(table.desk, order, "test"))
    assert len(table.journal.records(CancelIntent)) == 1
    assert table.broker.count("cancel") == 2
    assert order.status is OrdStatus.CANCELED


def test_a_cancel_that_came_too_late_is_looked_up() -> None:
    """The order filled meanwhile: the fill is booked, not lost."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50", silent=True)
    asyncio.run(sending.cancel(table.desk, order, "test"))
    assert (order.status, table.held()) == (OrdStatus.FILLED, 100)


def test_a_cancel_without_an_answer_is_recorded_as_an_error() -> None:
    """The order counts as working until the broker says otherwise."""
    table = Table()
    order = table.send()
    table.broker.down = True
    asyncio.run(sending.cancel(table.desk, order, "test"))
    assert order.working
    assert "cancel" in table.journal.records(ErrorCaptured)[0].context


def test_after_a_gap_the_executions_are_pulled() -> None:
    """O07: what the stream did not tell is in the history; overlaps count once."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "40", "50")
    table.drain()
    table.broker.fill(order.intent.cl_ord_id, "60", "50", silent=True)
    table.broker.gap()
    table.drain()
    assert [fill.qty for fill in table.journal.records(FillRecorded)] == [40, 60]
    assert table.desk.gap_seen


def test_a_gap_that_cannot_be_filled_is_remembered() -> None:
    """The history does not answer: reconcile later."""
    table = Table()

    async def gone(_):
        raise Unavailable("gone")

    table.broker.fills = gone
    table.broker.gap()
    table.drain()
    assert table.desk.gap_seen
    assert table.journal.records(ErrorCaptured)[0].context == "fills after a gap"


def test_an_unknown_commission_counts_as_none() -> None:
    """A broker that reports it later books nothing now."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50", commission=None)
    table.drain()
    assert table.journal.records(FillRecorded)[0].commission == Decimal(0)


def test_a_trade_is_recorded_when_its_last_fill_is() -> None:
    """Fill, fill, TradeClosed: in this order."""
    table = Table()
    table.broker.fill(table.send().intent.cl_ord_id, "100", "50")
    table.drain()
    table.broker.fill(table.exit().intent.cl_ord_id, "100", "51")
    table.drain()
    assert table.world.kinds()[-2:] == ["FillRecorded", "TradeClosed"]
    assert [trade.pnl for trade in table.journal.records(TradeClosed)] == [100]


def test_replacing_names_the_order_that_it_replaces() -> None:
    """A level that moved goes as one replace, not as a cancel and a new order."""
    table = Table()
    old = table.send("stop/1")
    table.send("stop/2", replaces=old.intent.cl_ord_id)
    assert (table.broker.count("submit"), table.broker.count("replace")) == (1, 1)
    assert old.status is OrdStatus.REPLACED


def not_authoritative() -> Table:
    """A table whose broker may not show an order for two minutes, with one that never arrived."""
    table = Table()
    table.broker.capabilities = replace(
        table.broker.capabilities, authoritative_lookup=False, settle=timedelta(minutes=2)
    )
    table.broker.drop_next = 1
    return table


def later(table: Table, minutes: int) -> None:
    desk = table.desk
    desk.clock.advance(desk.clock.now() + timedelta(minutes=minutes))
    table.broker.now += timedelta(minutes=minutes)
    asyncio.run(sending.resolve_doubts(desk))


def test_not_found_counts_after_two_looks_past_the_time_to_settle() -> None:
    """O08: one miss says nothing, nor a second one within the bound; then it never arrived."""
    table = not_authoritative()
    order = table.send()
    later(table, 0)
    later(table, 1)
    assert order.in_doubt
    later(table, 1)
    assert (order.status, order.evidence) == (OrdStatus.REJECTED, sending.NOT_FOUND)


def test_minutes_that_are_made_up_for_are_no_time_for_the_broker() -> None:
    """O08: after a crash the session lives through minutes at once; an order may still arrive."""
    table = not_authoritative()
    order = table.send()
    for _ in range(5):
        later(table, 1)
        table.broker.now -= timedelta(minutes=1)
    assert order.in_doubt
    table.broker.down = True
    later(table, 5)
    assert order.in_doubt


def test_not_found_does_not_count_while_position_or_executions_disagree() -> None:
    """O08: shares that nothing explains may be the order's."""
    table = not_authoritative()
    order = table.send()
    later(table, 0)
    table.broker.executions.append(
        Fill(
            exec_key="X9",
            cl_ord_id=order.intent.cl_ord_id,
            broker_order_id="B9",
            symbol="AAA",
            side=order.intent.side,
            qty=Decimal(100),
            price=Decimal(50),
            ts=table.broker.now,
        )
    )
    later(table, 3)
    assert (order.status, table.held()) == (OrdStatus.FILLED, 100)


def test_not_found_counts_though_somebody_else_trades_the_symbol() -> None:
    """O11: what others hold by their own executions is no sign of our order."""
    table = not_authoritative()
    order = table.send()
    later(table, 0)
    foreign = table.broker.add_foreign(replace(order.request(), cl_ord_id="someone-else"))
    table.broker.fill(foreign.cl_ord_id, "7", "50")
    later(table, 3)
    assert order.status is OrdStatus.REJECTED


def test_not_found_does_not_count_while_the_broker_is_silent() -> None:
    """O08: without the executions and the positions nothing is concluded."""
    table = not_authoritative()
    order = table.send()
    later(table, 0)

    async def silent():
        raise Unavailable("no answer")

    table.broker.positions = silent
    later(table, 3)
    assert order.in_doubt


def superseded() -> None:
    """What the fence raises once a newer owner has come."""
    msg = "the bot's owner must be number 1, found number 2"
    raise Superseded(msg)


def test_a_superseded_owner_sends_nothing() -> None:
    """The epoch is asked right before the wire: neither an order nor a cancel goes out (K02)."""
    table = Table()
    working = table.send("entry")
    sent = len(table.broker.calls)
    table.desk.fence = superseded
    with pytest.raises(Superseded):
        table.send("other")
    with pytest.raises(Superseded):
        asyncio.run(sending.cancel(table.desk, working, "closing"))
    assert table.broker.calls[sent:] == []


@pytest.mark.parametrize("qty", ["0", "-1", "NaN", "Infinity", "1.0000001"])
@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.EXIT])
def test_a_quantity_that_is_none_is_refused_before_the_journal(qty, purpose) -> None:
    """FAULTS X02: zero, negative, too fine or not a number: no intent, nothing on the wire."""
    table = Table()
    with pytest.raises(LogicError, match="a quantity must be positive with at most 6 places"):
        table.send(qty=Decimal(qty), purpose=purpose)
    assert table.journal.records(OrderIntent) == []
    assert table.broker.count("submit") == 0


@pytest.mark.parametrize("kind", [ExecType.BUST, ExecType.CORRECT])
def test_what_takes_back_an_execution_waits_for_it(kind) -> None:
    """O06, O10: told before the execution itself, both are pulled and booked in their order."""
    table = Table()
    order = table.send()
    fact = table.broker.fill(order.intent.cl_ord_id, "100", "50", silent=True)
    word = replace(fact, exec_key="X2", exec_ref_key=fact.exec_key, exec_type=kind)
    table.broker.executions.append(word)
    table.broker.tell(word, fact)
    table.drain()
    keys = [fill.exec_key for fill in table.journal.records(FillRecorded)]
    assert keys == [fact.exec_key, "X2"]
    assert table.held() == (0 if kind is ExecType.BUST else 100)
