"""Recovery: from any prefix of the journal and any state of the exchange, the same end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel
from rigd.core.draws import Draws
from rigd.core.errors import ExitCode, Superseded, Unavailable
from rigd.core.events import (
    CandidateJudged,
    Command,
    FillRecorded,
    OrderIntent,
    PoolRanked,
    Reconciled,
    RiskModeChanged,
    SliceDone,
    StateChanged,
    TradeClosed,
    WindowClosed,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.orders import OrderRequest, OrdStatus, OrdType, Purpose
from rigd.core.values import ExitReason, SessionDay, Side
from rigd.engine import protection, recovery, sending
from rigd.hosts import wiring
from rigd.risk.kill_switch import LatchState
from tests.engine.world import ACCOUNT, Journal, Table, World, real_bars, settings, truth
from tests.fakes.chainlog import ListLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rigd.engine.session import Session

DAY = date(2013, 10, 8)
MINUTES = 72


def short_day() -> SessionDay:
    """The first minutes of a real session, as if it closed then."""
    day = wiring.session_day(DAY)
    return replace(day, close=day.open + timedelta(minutes=MINUTES), minutes=MINUTES)


def first_minutes(*symbols: str) -> dict:
    return {
        symbol: [bar for bar in bars if bar.minute < MINUTES]
        for symbol, bars in real_bars(DAY, *symbols).items()
    }


VALUES = settings(
    strategy_override="open",
    max_trades="3",
    weights="0.4,0.3,0.3",
    short_type_open="ShortSell",
    strat_open_buffer="0.0001",
    stop_pct_open="0.001",
    target_pct_open="0.0012",
    trail_pct_open="0.002",
    simulation_seed="4",
)
MODELS = {
    "smooth": SimModel(),
    "rough": SimModel(partial_fill_rate=0.6, reject_rate=0.25, lost_reply_rate=0.4),
    "cancels refused": SimModel(partial_fill_rate=0.5, refused_cancel_rate=0.5),
    "trailing at the broker": SimModel(
        partial_fill_rate=0.5, reject_rate=0.25, native_trailing=True
    ),
}


def undisturbed(model: SimModel) -> World:
    return World(
        settings=VALUES,
        bars=first_minutes("SPY", "IBM", "BAC"),
        day=short_day(),
        model=model,
        filters=False,
    ).run()


def crash_points(world: World):
    """(entries, rows): every state in which the two logs can have been found."""
    marks = [*world.journal.marks, len(world.log.rows)]
    for entries in range(1, len(world.journal.marks) + 1):
        for rows in range(marks[entries - 1], marks[entries] + 1):
            yield entries, rows


@pytest.mark.parametrize("kind", MODELS)
def test_every_crash_point_ends_like_the_undisturbed_session(kind) -> None:
    """I-01, I-02, I-03, I-07, I-09: same orders, executions, cash, trades; nothing twice."""
    base = undisturbed(MODELS[kind])
    want, trades = truth(base), base.trades
    assert len(trades) >= 2
    points = list(crash_points(base))
    assert len(points) > 80
    for entries, rows in points:
        world = base.again(entries, rows).run()
        assert truth(world) == want, (entries, rows)
        assert world.trades == trades, (entries, rows)
        assert world.session.closed.realised_pnl == base.session.closed.realised_pnl
        ids = [intent.cl_ord_id for intent in world.intents]
        assert len(ids) == len(set(ids))
        assert set(want["orders"]) == set(ids)


@pytest.mark.parametrize("kind", MODELS)
def test_a_power_loss_ends_like_the_undisturbed_session(kind) -> None:
    """The journal falls back to its last durable record while the exchange has gone on."""
    base = undisturbed(MODELS[kind])
    want, trades = truth(base), base.trades
    points = {
        (base.journal.synced[entries - 1], rows)
        for entries, rows in crash_points(base)
        if 0 < base.journal.synced[entries - 1] < entries
    }
    assert len(points) > 20
    for entries, rows in sorted(points):
        world = base.again(entries, rows).run()
        assert truth(world) == want, (entries, rows)
        assert world.trades == trades, (entries, rows)


@pytest.mark.parametrize("kind", MODELS)
def test_every_order_has_a_durable_intent_before_the_exchange_hears_of_it(kind) -> None:
    """I-01: the intent is on disk when the exchange's log gets the order."""
    base = undisturbed(MODELS[kind])
    meant = {
        entry.record.cl_ord_id: index
        for index, entry in enumerate(base.journal.entries())
        if isinstance(entry.record, OrderIntent)
    }
    taken = {
        change["request"]["cl_ord_id"]: row
        for row, line in enumerate(base.log.rows)
        for change in line[3].get("changes", ())
        if change["is"] == "taken"
    }
    assert set(taken) == set(meant)
    for name, index in meant.items():
        assert base.journal.synced[index] == index + 1
        assert base.journal.marks[index] <= taken[name]


def test_nothing_is_sent_before_the_first_reconciliation() -> None:
    """I-14: an order that a crash kept from being sent leaves after Reconciled, not before."""
    base = undisturbed(MODELS["smooth"])
    kinds = base.kinds()
    first = kinds.index("OrderIntent") + 1
    rows = base.journal.marks[first - 1]
    world = base.again(first, rows)
    seen = {}

    def note(record) -> None:
        if isinstance(record, Reconciled) and "reconciled" not in seen:
            seen["reconciled"] = len(world.log.rows)

    world.journal.on_append = note
    world.run()
    assert seen["reconciled"] == rows
    assert len(world.log.rows) > rows


@pytest.mark.parametrize("times", [0, 1, 3])
def test_an_entry_that_was_never_sent_is_dropped_when_risk_has_stopped(times) -> None:
    """I-12: a crash between intent and send, then a latched kill switch: nothing is entered.

    So also when the broker cannot be reconciled at once.
    """
    base = undisturbed(MODELS["smooth"])
    first = base.kinds().index("OrderIntent") + 1
    world = base.again(first, base.journal.marks[first - 1])
    world.latch = LatchState(tripped=True, cause="daily_loss_limit", detail="latched", pnl="-1")
    world.wrap_broker = deaf(times)
    world.run()
    assert truth(world)["orders"] == {}
    assert [intent.cl_ord_id for intent in world.intents] == [base.intents[0].cl_ord_id]
    assert world.session.closed.exit_code == 4
    assert world.session.closed.flat


def test_running_a_minute_again_records_nothing_twice() -> None:
    """A crash before a minute's last record: its second run adds what was missing alone."""
    base = undisturbed(MODELS["rough"])
    once = (StateChanged, PoolRanked, WindowClosed, CandidateJudged, TradeClosed)
    want = [repr(record) for record in base.journal.records(*once)]
    assert len(want) == len(set(want))
    for entries, rows in crash_points(base):
        world = base.again(entries, rows).run()
        found = [repr(record) for record in world.journal.records(*once)]
        assert found == want, (entries, rows)
        done = [record.minute for record in world.journal.records(SliceDone)]
        assert done == sorted(set(done))
        fills = [fill.exec_key for fill in world.journal.records(FillRecorded)]
        assert len(fills) == len(set(fills))


def test_two_crashes_in_a_row_are_one() -> None:
    """A session that is cut off again while it recovers ends the same."""
    base = undisturbed(MODELS["rough"])
    want = truth(base)
    for entries, rows in list(crash_points(base))[::5]:
        once = base.again(entries, rows).run()
        for more in range(entries + 1, min(entries + 12, entries + len(once.journal.marks))):
            marks = once.journal.marks
            twice = once.again(more, marks[more - entries]).run()
            assert truth(twice) == want, (entries, rows, more)


def test_an_order_of_somebody_else_is_reported_and_left_alone() -> None:
    """O11: a foreign order is named in the reconciliation, never cancelled, never counted."""
    foreign = OrderRequest(
        cl_ord_id="someone-else",
        symbol="SPY",
        side=Side.BUY,
        qty=Decimal(1),
        ord_type=OrdType.LIMIT,
        limit_price=Decimal("1.00"),
    )
    world = World(settings=VALUES, bars=first_minutes("SPY"), day=short_day(), filters=False)
    world.on_session = lambda _: world.exchange.submit(foreign)
    world.run()
    outcomes = world.journal.records(Reconciled)
    assert all(outcome.agreed for outcome in outcomes)
    assert "SPY" in outcomes[0].foreign_orders[0]
    snapshot = world.exchange.find("someone-else")
    assert snapshot.reason != "requested"


def test_a_position_nobody_explains_stops_new_risk() -> None:
    """O12: shares at the broker without fills of ours: REDUCING, no entry, not verified flat."""
    foreign = OrderRequest(cl_ord_id="mine-not", symbol="SPY", side=Side.BUY, qty=Decimal(1))
    world = World(settings=VALUES, bars=first_minutes("SPY", "IBM"), day=short_day(), filters=False)

    def buy(_) -> None:
        first = next(world.feed.slices())
        world.exchange.submit(foreign)
        world.exchange.open_bar(first)

    world.on_session = buy
    world.run()
    assert world.journal.records(Reconciled)[0].position_differences == ("SPY: ours 0, broker 1",)
    assert not world.intents
    modes = [change.mode for change in world.journal.records(RiskModeChanged)]
    assert modes == [RiskMode.REDUCING]
    closed = world.session.closed
    assert (closed.exit_code, closed.state, closed.status) == (1, BotState.ERROR, "OPEN_RISK")


def deaf(times: int):
    """A broker that does not tell its positions for some questions."""
    left = [times]

    def wrap(broker):
        positions = broker.positions

        async def maybe():
            if left[0]:
                left[0] -= 1
                msg = "no answer"
                raise Unavailable(msg)
            return await positions()

        broker.positions = maybe
        return broker

    return wrap


@pytest.mark.parametrize("times", [1, 2, 5])
def test_nothing_is_sent_while_the_broker_has_not_been_reconciled(times) -> None:
    """I-14: the broker does not answer at the start: neither entry, stop nor exit leaves before."""
    base = undisturbed(MODELS["smooth"])
    kinds = base.kinds()
    for kind in ("OrderIntent", "FillRecorded"):
        first = kinds.index(kind) + 1
        world = base.again(first, base.journal.marks[first - 1])
        world.wrap_broker = deaf(times)
        seen: list[str] = []
        world.journal.on_append = lambda record, seen=seen: seen.append(type(record).__name__)
        world.run()
        assert "Reconciled" in seen
        early = seen[: seen.index("Reconciled")]
        assert "OrderIntent" not in early
        assert ("ErrorCaptured" in early) is (times > 4)  # a read is repeated three times
        sent = [row for row in world.log.rows if row[2] in {"submit", "replace"}]
        known = [row for row in base.log.rows[: base.journal.marks[first - 1]] if row in sent]
        assert len(sent) >= len(known)
        assert world.session.closed.flat


def test_what_it_would_close_is_gone_and_the_exit_is_not_sent() -> None:
    """A stop that a crash cut off, and no position any more: it must not open one."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50")
    table.drain()
    table.desk.recorder.record(
        table.intent("stop/21", purpose=Purpose.STOP, side=Side.SELL, qty=Decimal(200)),
        durable=True,
    )
    stop = list(table.desk.orders)[-1]
    table.session._unsent = [stop]
    asyncio.run(table.session._send_unsent())
    assert (stop.status, stop.evidence) == (OrdStatus.REJECTED, sending.NOT_SENT)
    assert "not held" in stop.reason
    assert table.broker.count("submit") == 1


def test_an_exit_that_was_cut_off_waits_for_the_other_orders() -> None:
    """Reduce-only: a market exit is not sent while another order of the symbol may fill."""
    table = Table()
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "50")
    table.drain()
    table.send("stop/21", purpose=Purpose.STOP, side=Side.SELL)
    table.desk.recorder.record(
        table.intent("exit/22", purpose=Purpose.EXIT, side=Side.SELL), durable=True
    )
    cut = list(table.desk.orders)[-1]
    table.session._unsent = [cut]
    asyncio.run(table.session._send_unsent())
    assert "other orders" in cut.reason


def test_an_entry_that_was_cut_off_is_not_sent_when_its_signal_is_old() -> None:
    """I-16: the broker could not be reconciled for some minutes: the quote is not good any more."""
    table = Table()
    table.desk.recorder.record(table.intent(), durable=True)
    (cut,) = table.desk.orders
    table.desk.clock.advance(table.desk.day.open + timedelta(minutes=23))
    table.session._unsent = [cut]
    asyncio.run(table.session._send_unsent())
    assert "old" in cut.reason
    assert table.broker.count("submit") == 0


def test_a_kill_that_lies_there_stops_an_entry_that_was_cut_off() -> None:
    """I-12: the flag was raised while the process was dead."""
    table = Table()
    table.desk.recorder.record(table.intent(), durable=True)
    (cut,) = table.desk.orders
    table.world.commands.ask(Command.KILL, "flag", "raised meanwhile")
    table.session._unsent = [cut]
    asyncio.run(table.session._send_unsent())
    assert cut.status is OrdStatus.REJECTED
    assert table.broker.count("submit") == 0


KILLED = "K" + "A" * 26


def killed_in_the_middle() -> tuple[World, World]:
    """A session that held a position when its process died, and its successor after the kill.

    The position is closed at the exchange as `rigd kill` closes it, under an id that no signal has.
    """
    first = undisturbed(MODELS["smooth"])
    rows = next(
        count
        for count in range(1, len(first.log.rows))
        if positions_after(first, count) and not positions_after(first, count - 1)
    )
    entries = next(n for n, mark in enumerate(first.journal.marks, start=1) if mark >= rows)
    second = first.again(entries, rows)
    exchange = second_exchange(second)
    for order in exchange.open_orders():
        exchange.cancel(order.cl_ord_id)
    for number, position in enumerate(exchange.positions()):
        side = Side.SELL if position.qty > 0 else Side.BUY_TO_COVER
        cl_ord_id = f"{KILLED[:-1]}{'ABC'[number]}"
        exchange.submit(
            OrderRequest(
                cl_ord_id=cl_ord_id, symbol=position.symbol, side=side, qty=abs(position.qty)
            )
        )
    exchange.fill_at_marks()
    return first, replace(second, latch=LatchState(tripped=True, cause="killed", detail="fire"))


def second_exchange(second: World) -> SimExchange:
    return SimExchange(second.log, MODELS["smooth"], Draws(4), ACCOUNT, "USD")


def positions_after(first: World, rows: int) -> list:
    log = ListLog(first.log.rows[:rows])
    return SimExchange(log, MODELS["smooth"], Draws(4), ACCOUNT, "USD").positions()


def test_the_closes_of_a_kill_are_adopted_and_booked() -> None:
    """Intent, fill and trade are on record, books and broker agree, and the session is killed."""
    _, second = killed_in_the_middle()
    second.run()
    adopted = [each for each in second.intents if each.cl_ord_id.startswith("K")]
    assert adopted
    assert {(each.exit_reason, each.note) for each in adopted} == {("manual", "rigd_kill")}
    fills = second.journal.records(FillRecorded)
    assert [fill.exec_key for fill in fills] == [f.exec_key for f in truth(second)["fills"]]
    assert {trade.error_code for trade in second.trades} == {"rigd_kill"}
    assert second.journal.records(Reconciled)[-1].agreed
    closed = second.session.closed
    assert (closed.flat, closed.exit_reason, closed.exit_code) == (True, "kill", ExitCode.KILLED)
    assert truth(second)["positions"] == []


def test_a_close_of_a_kill_that_still_works_is_adopted_too() -> None:
    """It is ours, so no second close of the symbol is sent while it may fill."""
    table = Table()
    table.show(range(21))
    table.send()
    table.broker.fill(table.intent().cl_ord_id, Decimal(100), Decimal(100))
    table.drain()
    request = OrderRequest(cl_ord_id=KILLED, symbol="AAA", side=Side.SELL, qty=Decimal(100))
    asyncio.run(table.broker.submit(request))
    outcome = asyncio.run(recovery.reconcile(table.desk, "resume", Decimal(100_000)))
    assert outcome.foreign_orders == ()
    assert table.desk.orders.get(KILLED).working
    sent = len(table.broker.calls)
    asyncio.run(
        protection.close_position(
            table.desk, table.desk.portfolio.positions["AAA"], 30, ExitReason.MANUAL
        )
    )
    assert [call.op for call in table.broker.calls[sent:]] == []


def test_a_halt_that_a_crash_swallowed_is_made_up_for() -> None:
    """C17: the process died after the record of an overfill and before that of the halt."""
    table = Table()
    order = table.send()
    fill = table.broker.fill(order.intent.cl_ord_id, "110", "50")
    record = table.desk.orders.fill_for(fill, table.broker.name, Decimal(0))
    assert record is not None
    table.desk.recorder.record(record)
    assert table.desk.recorder.facts.risk_mode is RiskMode.ACTIVE
    asyncio.run(recovery.reconcile(table.desk, "resume", Decimal(100_000)))
    assert table.desk.recorder.facts.risk_mode is RiskMode.HALTED


def test_whenever_a_new_owner_comes_the_old_one_sends_nothing_more() -> None:
    """At each send of a session: what the old epoch sent before is all that it ever sends (K02)."""
    first = undisturbed(MODELS["smooth"])
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    def counted(session: Session) -> None:
        session.desk.fence = count

    replace(
        first, log=ListLog(), journal=Journal(), saved=[], on_session=counted, session=None
    ).run()
    assert asked >= 10
    for allowed in range(asked):
        left = iter(range(allowed))

        def fence(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                msg = "the bot's owner must be number 1, found number 2"
                raise Superseded(msg)

        def fenced(session: Session, fence: Callable[[], None] = fence) -> None:
            session.desk.fence = fence

        old = replace(
            first, log=ListLog(), journal=Journal(), saved=[], on_session=fenced, session=None
        )
        with pytest.raises(Superseded):
            old.run()
        done = [entry for entry in old.log.rows if entry[2] in {"submit", "replace", "cancel"}]
        assert len(done) <= allowed


def test_an_order_about_which_the_broker_does_not_answer_is_in_doubt_and_not_sent_again() -> None:
    """R02, I-02: a crash after the send, then a look-up without an answer: it may be there."""
    table = Table()
    table.desk.recorder.record(table.intent(), durable=True)
    (cut,) = table.desk.orders
    table.broker._accept(cut.request())
    table.broker.down = True
    assert asyncio.run(recovery.settle_unanswered(table.desk)) == []
    assert cut.in_doubt
    table.broker.down = False
    asyncio.run(sending.resolve_doubts(table.desk))
    assert (cut.in_doubt, cut.working) == (False, True)
    assert table.broker.count("submit") == 0
