"""The session's way through states, windows and exits, and every way to end it early."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from rigd.core.errors import ExitCode, LogicError, Unavailable
from rigd.core.events import (
    AlertRaised,
    Command,
    CommandObeyed,
    ErrorCaptured,
    FillRecorded,
    NoteMade,
    OrderIntent,
    Outcome,
    Reconciled,
    RiskModeChanged,
    RiskTripped,
    SessionClosed,
    StateChanged,
    WindowClosed,
    WindowPlanned,
    judgements,
)
from rigd.core.lifecycle import BotState, RiskMode, may_follow
from rigd.core.orders import OrdStatus, Purpose
from rigd.core.values import Bar, ExitReason, Side
from rigd.engine.session import Closing, Session
from rigd.hosts import wiring
from rigd.reporting.logs import session_logs
from rigd.risk.kill_switch import LatchState
from rigd.store.control import FlagSeen
from tests.engine.world import DAY, Table, World, obeyed, real_bars, settings, truth
from tests.strategy.days import flat

FRIDAY = date(2013, 10, 4)
SYMBOLS = ("SPY", "IBM", "BAC")
SHORT = {"short_type_close": "ShortSell"}
TRADING = {"max_trades": "3", "weights": "0.4,0.3,0.3"}
CODES = {Command.STOP: 0, Command.KILL: 5, Command.SHUTDOWN: 0}
LAST = {
    Command.STOP: BotState.STOPPED,
    Command.KILL: BotState.STOPPED,
    Command.SHUTDOWN: BotState.SHUTDOWN,
}


def world(day: date = DAY, symbols: tuple[str, ...] = SYMBOLS, **overrides: object) -> World:
    """A real day with entries in every window."""
    return World(
        settings=settings(**(TRADING | overrides)),
        bars=real_bars(day, *symbols),
        day=wiring.session_day(day),
        filters=False,
    )


def states(run: World) -> list[BotState]:
    return [change.state for change in run.journal.records(StateChanged)]


def held_after_each_fill(run: World) -> list[Decimal]:
    """The signed position of each symbol after each of its fills."""
    held: dict[str, Decimal] = {}
    found = []
    for fill in run.journal.records(FillRecorded):
        held[fill.symbol] = held.get(fill.symbol, Decimal(0)) + fill.side.sign * fill.qty
        found.append((fill.symbol, fill.purpose, held[fill.symbol]))
    return found


def assert_sound(run: World) -> None:
    """Flat at the exchange, legal states, no position ever turned round."""
    assert run.session.closed.flat
    assert truth(run)["positions"] == []
    assert truth(run)["working"] == []
    for change in run.journal.records(StateChanged):
        assert may_follow(change.previous, change.state)
    direction = {}
    for symbol, purpose, qty in held_after_each_fill(run):
        if purpose is Purpose.ENTRY:
            direction[symbol] = 1 if qty > 0 else -1
        assert qty * direction[symbol] >= 0


def entries_after(run: World, kind: type) -> list[OrderIntent]:
    """The entries that were meant after the first record of a kind."""
    records = [entry.record for entry in run.journal.entries()]
    first = next(index for index, record in enumerate(records) if isinstance(record, kind))
    return [
        record
        for record in records[first:]
        if isinstance(record, OrderIntent) and record.purpose is Purpose.ENTRY
    ]


def test_a_normal_session_walks_every_window_and_ends_idle() -> None:
    """SPEC §5: idle → analyzing → trading → monitoring → idle per window; closed with exit 0."""
    run = world().run()
    window = [BotState.ANALYZING, BotState.TRADING, BotState.MONITORING, BotState.IDLE]
    assert states(run) == [BotState.STARTED, BotState.IDLE, *window * 3]
    closed = run.session.closed
    assert (closed.status, closed.exit_code, closed.exit_reason) == ("CLOSED", 0, "session_end")
    assert [each.strategy for each in run.journal.records(WindowClosed)] == ["open", "mid", "close"]
    assert closed.closing_cash == Decimal(100_000) + closed.realised_pnl
    assert_sound(run)


def test_windows_are_walked_by_time_whatever_the_sequence_says() -> None:
    """STRATEGY_SEQUENCE orders preference; the states follow the clock."""
    run = world(strategy_sequence="close,mid,open").run()
    reasons = [change.reason for change in run.journal.records(StateChanged)]
    starts = [reason for reason in reasons if "analysis" in reason]
    assert starts == [f"window {name}: analysis" for name in ("open", "mid", "close")]


@pytest.mark.parametrize("command", CODES)
def test_a_command_in_any_minute_ends_flat(command) -> None:
    """Stop, kill and shutdown at every minute: flat, verified, right state and exit code."""
    traded = 0
    for minute in [*range(62), 100, *range(163, 210, 3), *range(364, 390)]:
        run = world(FRIDAY)
        run.run(run.ask_at(minute, command))
        assert_sound(run)
        closed = run.session.closed
        if minute == 389:
            continue
        assert (closed.exit_code, closed.state) == (CODES[command], LAST[command]), minute
        assert closed.exit_reason == command.value
        assert entries_after(run, CommandObeyed) == []
        mode = run.session.desk.recorder.facts.risk_mode
        assert mode is (RiskMode.HALTED if command is Command.KILL else RiskMode.REDUCING)
        traded += any(trade.exit_reason is ExitReason.MANUAL for trade in run.trades)
    assert traded > 5


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (Command.STOP, [BotState.STOPPED]),
        (Command.KILL, [BotState.EMERGENCY_CLOSING, BotState.STOPPED]),
        (Command.SHUTDOWN, [BotState.SHUTDOWN_TRIGGERED, BotState.SHUTDOWN]),
    ],
)
def test_a_command_while_ready_and_flat(command, path) -> None:
    """SPEC §9a, column ready: a stop goes straight to stopped, a kill verifies flatness first."""
    run = world()
    run.run(run.ask_at(100, command))
    assert states(run)[-len(path) :] == path
    assert states(run)[-len(path) - 1] is BotState.IDLE


def test_a_kill_while_stopping_becomes_an_emergency() -> None:
    """Kill precedes stop: the graceful close turns into an emergency close and exit code 5."""
    run = world(FRIDAY)

    def ask(minute: int) -> None:
        if minute == 25:
            run.commands.ask(Command.STOP, "test", "")
        if minute in {26, 27}:
            run.commands.ask(Command.KILL, "test", "")

    def refuse(session: Session) -> None:
        real = session.desk.broker.cancel
        calls = iter(range(3))

        async def cancel(cl_ord_id: str):
            if next(calls, None) is not None:
                raise Unavailable("down")
            return await real(cl_ord_id)

        session.desk.broker.cancel = cancel

    run.on_session = refuse
    run.run(ask)
    found = states(run)
    assert found.index(BotState.GRACEFUL_CLOSING) < found.index(BotState.EMERGENCY_CLOSING)
    assert run.session.closed.exit_code == ExitCode.KILLED
    assert_sound(run)


def test_a_weaker_command_changes_nothing() -> None:
    """A stop after a kill and a kill after a shutdown are recorded and nothing more."""
    for first, second, code in (
        (Command.KILL, Command.STOP, 5),
        (Command.SHUTDOWN, Command.KILL, 0),
    ):
        run = world(FRIDAY)

        def ask(minute: int, run=run, first=first, second=second) -> None:
            if minute == 25:
                run.commands.ask(first, "test", "")
                run.session.obey()
                run.commands.ask(second, "test", "")

        run.run(ask)
        assert [each.command for each in run.journal.records(CommandObeyed)] == [first, second]
        assert run.session.closed.exit_code == code
        assert_sound(run)


@pytest.mark.parametrize("command", CODES)
def test_a_command_survives_a_crash_at_any_point_of_the_closing(command) -> None:
    """Cut off anywhere after the command was recorded, the closing is taken up again."""
    base = world(FRIDAY)
    base.run(base.ask_at(25, command))
    first = base.kinds().index("CommandObeyed") + 1
    marks = [*base.journal.marks, len(base.log.rows)]
    for entries in range(first, len(base.journal.entries())):
        for rows in range(marks[entries - 1], marks[entries] + 1):
            run = base.again(entries, rows).run()
            assert_sound(run)
            assert run.session.closed.exit_code == CODES[command]
            assert run.session.closed.state is LAST[command]
            assert entries_after(run, CommandObeyed) == []
            assert truth(run)["fills"] == truth(base)["fills"], (entries, rows)


def test_a_loss_breach_closes_everything_and_latches() -> None:
    """SPEC §4: the latch is saved before the record; flat, HALTED, exit code 4."""
    run = world(FRIDAY, daily_loss_limit="0.000001")
    run.run()
    (tripped,) = run.journal.records(RiskTripped)
    assert tripped.cause == "daily_loss_limit"
    place = run.kinds().index("RiskTripped")
    assert any(state.tripped and count == place for count, state in run.saved)
    assert entries_after(run, RiskTripped) == []
    closed = run.session.closed
    assert (closed.exit_code, closed.state) == (ExitCode.HALTED, BotState.STOPPED)
    assert run.saved[-1][1].tripped
    assert run.session.desk.recorder.facts.risk_mode is RiskMode.HALTED
    assert_sound(run)


@pytest.mark.parametrize("pnl", [None, Decimal("NaN")])
def test_an_unknown_pnl_trips_the_kill_switch(pnl, monkeypatch) -> None:
    """FAULTS §4.5: a PnL that is not known is a breach."""
    run = world(FRIDAY)
    monkeypatch.setattr("rigd.engine.desk.Desk.session_pnl", lambda _: pnl)
    run.run()
    assert [each.cause for each in run.journal.records(RiskTripped)] == ["pnl_unknown"]
    assert run.session.closed.exit_code == ExitCode.HALTED
    assert_sound(run)


def test_marks_that_are_all_stale_trip_the_kill_switch() -> None:
    """SPEC §10: the held symbol has no bar for three minutes while others have."""
    bars = real_bars(FRIDAY, *SYMBOLS)
    entered = world(FRIDAY).run().journal.records(FillRecorded)[0]
    opens = wiring.session_day(FRIDAY).open
    minute = (entered.ts - opens) // timedelta(minutes=1)
    bars[entered.symbol] = [
        bar for bar in bars[entered.symbol] if not minute < bar.minute < minute + 20
    ]
    run = World(
        settings=settings(max_trades="1", weights="1"),
        bars=bars,
        day=wiring.session_day(FRIDAY),
        filters=False,
    ).run()
    (tripped,) = run.journal.records(RiskTripped)
    assert tripped.cause == "marks_stale"
    at = next(e.at for e in run.journal.entries() if isinstance(e.record, RiskTripped))
    assert at == opens + timedelta(minutes=minute + 5)
    assert_sound(run)


def test_a_latched_kill_switch_admits_no_session() -> None:
    """A session that starts or resumes under a tripped latch closes at once and stays halted."""
    run = world()
    run.latch = LatchState(tripped=True, cause="daily_loss_limit", detail="yesterday", pnl="-1")
    run.run()
    assert run.session.closed.exit_code == ExitCode.HALTED
    assert run.intents == []
    assert [each.detail for each in run.journal.records(RiskTripped)] == ["yesterday"]


def test_a_trip_survives_a_crash_between_latch_and_record() -> None:
    """Cut off anywhere after the latch was saved: closes, halted, never trades again."""
    base = world(FRIDAY, daily_loss_limit="0.000001").run()
    first = base.kinds().index("RiskTripped")
    marks = [*base.journal.marks, len(base.log.rows)]
    for entries in range(first, len(base.journal.entries())):
        run = base.again(entries, marks[entries]).run()
        assert len(run.journal.records(RiskTripped)) == 1
        assert entries_after(run, RiskTripped) == []
        assert run.session.closed.exit_code == ExitCode.HALTED
        assert_sound(run)


def test_a_fatal_error_closes_and_ends_in_error() -> None:
    """SPEC §9a: a critical logic error closes what is open; state error, exit code 1."""
    run = world(FRIDAY)

    def fail(minute: int) -> None:
        if minute == 26:
            run.session.fail(LogicError("broken"), "a test")

    run.run(fail)
    (error,) = [each for each in run.journal.records(ErrorCaptured) if each.fatal]
    assert (error.error_type, error.context) == ("LogicError", "a test")
    closed = run.session.closed
    assert (closed.exit_code, closed.state) == (ExitCode.ERROR, BotState.ERROR)
    assert BotState.EMERGENCY_CLOSING in states(run)
    assert_sound(run)


def test_a_broker_that_goes_away_is_not_verified_flat() -> None:
    """Without the broker's word the end is OPEN_RISK, state error, exit code 1."""
    run = world(FRIDAY)

    def lose(session: Session) -> None:
        async def gone(*_: object):
            raise Unavailable("gone")

        real = session.end

        async def end() -> SessionClosed:
            session.desk.broker.fills = session.desk.broker.account = gone
            return await real()

        session.end = end

    run.on_session = lose
    run.run()
    closed = run.session.closed
    assert (closed.status, closed.exit_code) == ("OPEN_RISK", ExitCode.ERROR)
    assert closed.closing_cash == Decimal(100_000) + closed.realised_pnl


def test_what_is_open_when_the_bars_end_is_a_stale_exit() -> None:
    """SPEC §3a.8: closed at its last mark, flagged, reason timeout."""
    bars = {
        symbol: [bar for bar in each if bar.minute < 28]
        for symbol, each in real_bars(FRIDAY, *SYMBOLS).items()
    }
    run = World(
        settings=settings(**TRADING),
        bars=bars,
        day=wiring.session_day(FRIDAY),
        filters=False,
    ).run()
    assert run.trades
    for trade in run.trades:
        assert (trade.error_code, trade.exit_reason) == ("stale_exit", ExitReason.TIMEOUT)
        assert float(trade.exit_price) == bars[trade.symbol][-1].close
    assert_sound(run)
    notes = [note.topic for note in run.journal.records(NoteMade)]
    assert notes.count("stale_exit") == len(run.trades)


def test_an_entry_without_a_bar_in_time_expires() -> None:
    """SPEC §3a.3: the close strategy's entry must fill inside the breakout part."""
    bars = real_bars(DAY, "SPY", "IBM")
    bars["SPY"] = [bar for bar in bars["SPY"] if not 368 < bar.minute < 375]
    run = World(
        settings=settings(strategy_override="close", strat_close_threshold="0.00001", **SHORT),
        bars={"SPY": bars["SPY"], "IBM": [bar for bar in bars["IBM"] if bar.minute > 366]},
        day=wiring.session_day(DAY),
        filters=False,
    ).run()
    assert [intent.symbol for intent in run.intents] == ["SPY"]
    assert run.trades == []
    assert_sound(run)


def test_a_half_day_moves_the_close_window() -> None:
    """2013-11-29 closes after 210 minutes: close runs 184-207, flat two minutes before the end."""
    day = wiring.session_day(date(2013, 11, 29))
    bars = [
        Bar(m, 50 + m / 100, 50.02 + m / 100, 49.99 + m / 100, 50.01 + m / 100, 1000.0)
        for m in range(210)
    ]
    run = World(
        settings=settings(strategy_override="close"), bars={"AAA": bars}, day=day, filters=False
    ).run()
    (trade,) = run.trades
    assert trade.signal_time == day.open + timedelta(minutes=188)
    assert trade.exit_time == day.open + timedelta(minutes=207)
    assert_sound(run)


def test_a_window_that_does_not_fit_is_skipped() -> None:
    """On that half day close overlaps mid, which comes first: it is planned as skipped."""
    day = wiring.session_day(date(2013, 11, 29))
    run = World(settings=settings(), bars={"AAA": flat(range(210))}, day=day).run()
    planned = {each.strategy: each.skipped for each in run.journal.records(WindowPlanned)}
    assert planned["open"] == planned["mid"] == ""
    assert planned["close"]
    assert [each.strategy for each in run.journal.records(WindowClosed)] == ["open", "mid"]


def test_minutes_without_any_bar_are_passed_over() -> None:
    """A gap of all symbols delays what is due to the next bar, with the true minute."""
    hole = range(55, 70)
    bars = {
        symbol: [bar for bar in each if bar.minute not in hole]
        for symbol, each in real_bars(FRIDAY, "SPY").items()
    }
    run = World(
        settings=settings(strategy_override="open"),
        bars=bars,
        day=wiring.session_day(FRIDAY),
        filters=False,
    ).run()
    (trade,) = run.trades
    opens = wiring.session_day(FRIDAY).open
    assert trade.exit_time == opens + timedelta(minutes=70)
    assert trade.exit_reason is ExitReason.TIMEOUT
    assert_sound(run)


def test_the_same_session_twice_gives_the_same_journal() -> None:
    """STYLE §5: records and hashes are equal."""
    first, second = world().run(), world().run()
    assert first.journal.entries() == second.journal.entries()
    assert first.journal.head == second.journal.head


def test_a_gap_in_the_events_is_reconciled_before_the_next_decision() -> None:
    """O07: after a lost stream the fills are pulled and the views compared."""
    run = world(FRIDAY)

    def lose(minute: int) -> None:
        if minute == 24:
            run.session.desk.gap_seen = True

    run.run(lose)
    reasons = [each.reason for each in run.journal.records(Reconciled)]
    assert reasons == ["start", "gap", "end"]


def test_new_risk_stops_while_the_books_differ_and_goes_on_when_they_agree() -> None:
    """RiskMode REDUCING lasts until a later pass agrees."""
    run = world(FRIDAY)
    real = {}

    def differ(minute: int) -> None:
        desk = run.session.desk
        if minute == 10:
            real["account"] = desk.broker.account

            async def account():
                found = await real["account"]()
                return replace(found, cash=found.cash + 1)

            desk.broker.account = account
            desk.gap_seen = True
        if minute == 15:
            desk.broker.account = real["account"]

    run.run(differ)
    modes = [change.mode for change in run.journal.records(RiskModeChanged)]
    assert modes == [RiskMode.REDUCING, RiskMode.ACTIVE]
    assert run.trades


def test_strongest_reason_to_close_is_the_last_in_the_table() -> None:
    """Stop < shutdown < loss < kill < fatal."""
    run = world()

    async def body() -> list[Closing]:
        session = await run.open()
        await session.begin()
        found = []
        for wanted in (Closing.STOP, Closing.LOSS, Closing.KILL, Closing.LOSS, Closing.FATAL):
            session._start_closing(wanted, "test")
            found.append(session.closing)
        return found

    assert asyncio.run(body()) == [
        Closing.STOP,
        Closing.LOSS,
        Closing.KILL,
        Closing.KILL,
        Closing.FATAL,
    ]


def test_each_entry_rests_on_an_allowed_verdict() -> None:
    """S7: an entry is durable together with the verdict that it names; exits name none."""
    run = world(FRIDAY).run()
    entries = 0
    for intent in run.intents:
        sized = [check for check in intent.checks if check.rule == "sizing"]
        assert len(sized) == (intent.purpose is Purpose.ENTRY)
        parts = (intent.strategy, intent.symbol, intent.signal_minute, intent.pool_rank)
        assert intent.verdict_id == (":".join(map(str, parts)) if sized else "")
        assert all(row.outcome is Outcome.ALLOWED for row in judgements(intent))
        entries += intent.purpose is Purpose.ENTRY
    assert entries > 1


@pytest.mark.parametrize("command", CODES)
def test_a_fatal_error_while_closing_ends_in_error(command) -> None:
    """SPEC §9a: a fatal error is the stronger end, recorded alone once a shutdown is triggered."""
    run = world(FRIDAY)

    def ask(minute: int) -> None:
        if minute == 25:
            run.commands.ask(command, "test", "")
            run.session.obey()
            run.session.fail(LogicError("broken"), "closing")

    run.run(ask)
    closed = run.session.closed
    last = BotState.SHUTDOWN if command is Command.SHUTDOWN else BotState.ERROR
    assert (closed.exit_code, closed.state) == (ExitCode.ERROR, last)
    assert_sound(run)


@pytest.mark.parametrize(
    ("closing", "path"),
    [
        (Closing.LOSS, [BotState.STOPPED]),
        (Closing.FATAL, [BotState.ERROR]),
    ],
)
def test_a_breach_or_a_fatal_error_while_ready_and_flat(closing, path) -> None:
    """SPEC §9a, column ready: HALTED and stopped, or error, without a closing state."""
    run = world()

    def start(minute: int) -> None:
        if minute == 100:
            run.session._start_closing(closing, "test")

    run.run(start)
    assert states(run)[-2:] == [BotState.IDLE, *path]
    assert run.session.desk.recorder.facts.risk_mode is RiskMode.HALTED


def test_states_step_at_the_minutes_of_their_windows() -> None:
    """SPEC §3a: open 0-20-30-60, mid 150-165-175-205, close 364-369-372-387."""
    run = world().run()
    opens = run.day.open
    found = [
        (entry.at - opens) // timedelta(minutes=1)
        for entry in run.journal.entries()
        if isinstance(entry.record, StateChanged)
    ]
    assert found == [0, 0, 0, 20, 30, 60, 150, 165, 175, 205, 364, 369, 372, 387]


def test_a_minute_is_quiet_only_when_nothing_is_due() -> None:
    """A position without a resting order, a working order, a gap or a closing is not quiet."""
    table = Table()
    session, desk = table.session, table.desk
    asyncio.run(session.before_minute(0))
    assert session.is_quiet(5)
    assert not session.is_quiet(20)
    order = table.send()
    assert not session.is_quiet(5)
    table.broker.fill(order.intent.cl_ord_id, "100", "100")
    table.drain()
    assert desk.orders.idle
    assert not session.is_quiet(5)
    table.broker.fill(table.exit().intent.cl_ord_id, "100", "100")
    table.drain()
    assert session.is_quiet(5)
    desk.gap_seen = True
    assert not session.is_quiet(5)
    desk.gap_seen = False
    session._start_closing(Closing.STOP, "test")
    assert not session.is_quiet(5)


def test_a_closing_is_not_over_before_the_broker_was_asked() -> None:
    """A cancelled order filled after all and nobody was told: the position is found and closed."""
    table = Table()
    session, desk = table.session, table.desk
    table.show(range(21))
    order = table.send()
    table.broker.status(order.intent.cl_ord_id, OrdStatus.CANCELED)
    table.drain()
    table.broker.fill(order.intent.cl_ord_id, "100", "100", silent=True)
    session._start_closing(Closing.KILL, "test")
    assert desk.portfolio.flat
    assert not session.is_finished()
    asyncio.run(session.before_minute(21))
    assert table.held() == 100
    assert not session.is_finished()
    asyncio.run(session.before_minute(22))
    (close,) = desk.orders.working()
    assert (close.intent.side, close.intent.qty) == (Side.SELL, Decimal(100))
    table.broker.fill(close.intent.cl_ord_id, "100", "100")
    table.drain()
    asyncio.run(session.before_minute(23))
    assert session.is_finished()
    assert asyncio.run(table.broker.positions()) == []


def test_a_close_that_ended_in_a_gap_of_the_stream_is_sent_again() -> None:
    """The broker cancelled it and the message was lost: the position must not stay open."""
    table = Table()
    session = table.session
    table.show(range(21))
    table.broker.fill(table.send().intent.cl_ord_id, "100", "100")
    table.drain()
    session._start_closing(Closing.KILL, "test")
    asyncio.run(session.before_minute(21))
    (close,) = table.desk.orders.working()
    table.broker.fill(close.intent.cl_ord_id, "40", "100")
    table.drain()
    table.broker.status(close.intent.cl_ord_id, OrdStatus.CANCELED, silent=True)
    table.broker.gap()
    table.drain()
    table.desk.clock.advance(table.desk.clock.now() + timedelta(minutes=1))
    asyncio.run(session.before_minute(22))
    (again,) = table.desk.orders.working()
    assert again.intent.cl_ord_id != close.intent.cl_ord_id
    assert (again.intent.side, again.intent.qty) == (Side.SELL, Decimal(60))


def test_a_closing_waits_for_a_broker_that_is_silent() -> None:
    """SPEC §9a, broker down while closing: it keeps trying."""
    table = Table()
    table.session._start_closing(Closing.KILL, "test")
    table.broker.down = True
    asyncio.run(table.session.before_minute(21))
    assert not table.session.is_finished()
    table.broker.down = False
    asyncio.run(table.session.before_minute(22))
    assert table.session.is_finished()


def test_the_last_reconciliation_is_tried_again() -> None:
    """One answer that is lost at the end does not leave the session unverified."""
    asked = []

    def wrap(broker):
        open_orders = broker.open_orders

        async def sometimes():
            if run.session is not None and run.session.desk.clock.now() >= run.day.close:
                asked.append(1)
                if len(asked) == 1:
                    raise Unavailable("no answer")
            return await open_orders()

        broker.open_orders = sometimes
        return broker

    run = World(
        settings=settings(**TRADING),
        bars=real_bars(FRIDAY, *SYMBOLS),
        day=wiring.session_day(FRIDAY),
        filters=False,
        wrap_broker=wrap,
    )
    run.run()
    assert len(asked) == 2
    assert (run.session.closed.flat, run.session.closed.exit_code) == (True, 0)


@pytest.mark.parametrize("bad", [{"close": float("nan")}, {"volume": float("nan")}, {"close": 0.0}])
def test_an_unsound_bar_counts_as_missing_and_is_told(bad) -> None:
    """M20: no price of it reaches strategy, order or profit, and the session goes on."""
    bars = real_bars(FRIDAY, *SYMBOLS)
    for symbol in SYMBOLS:
        bars[symbol] = [bar._replace(**bad) if bar.minute == 40 else bar for bar in bars[symbol]]
    missing = {symbol: [bar for bar in bars[symbol] if bar.minute != 40] for symbol in SYMBOLS}
    runs = [
        World(
            settings=settings(**TRADING),
            bars=each,
            day=wiring.session_day(FRIDAY),
            filters=False,
        ).run()
        for each in (bars, missing)
    ]
    told = [error.context for error in runs[0].journal.records(ErrorCaptured)]
    bars_told = [context for context in told if context.startswith("bar of ")]
    assert sorted(bars_told) == sorted(f"bar of {symbol}" for symbol in SYMBOLS)
    assert [trade.pnl for trade in runs[0].trades] == [trade.pnl for trade in runs[1].trades]
    assert runs[0].session.closed.flat
    assert runs[0].session.closed.exit_code == 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_kill_during_a_shutdown_that_a_crash_cut_off_ends_as_a_shutdown(count) -> None:
    """SPEC §9a: what began as a shutdown is finished as one, though a kill is on record too."""
    table = Table()
    record = table.desk.recorder.record
    for step in (BotState.STARTED, BotState.IDLE, BotState.SHUTDOWN_TRIGGERED):
        if table.session.state is not step and may_follow(table.session.state, step):
            record(StateChanged(previous=table.session.state, state=step, reason="test"))
    assert table.session.state is BotState.SHUTDOWN_TRIGGERED
    for command in (Command.SHUTDOWN, Command.KILL)[:count]:
        record(obeyed(command))
    assert table.session._interrupted_closing() is Closing.SHUTDOWN


def test_a_silent_supervisor_stops_entries_until_it_is_back() -> None:
    """REDUCING and no entries while it is silent; after a reconciliation both come back (K09)."""
    table = Table()
    session, desk = table.session, table.desk
    session.watch_supervisor(silent=False)
    assert desk.entries_allowed
    session.watch_supervisor(silent=True)
    session.watch_supervisor(silent=True)
    assert not desk.entries_allowed
    assert desk.recorder.facts.risk_mode is RiskMode.REDUCING
    asyncio.run(session.before_minute(0))
    assert desk.recorder.facts.risk_mode is RiskMode.REDUCING
    session.watch_supervisor(silent=False)
    assert desk.entries_allowed
    asyncio.run(session.before_minute(1))
    assert desk.recorder.facts.risk_mode is RiskMode.ACTIVE
    changes = table.journal.records(RiskModeChanged)
    assert [change.mode for change in changes] == [RiskMode.REDUCING, RiskMode.ACTIVE]
    assert "supervisor is silent" in changes[0].reason


def test_a_supervisor_that_comes_back_opens_no_closing_session() -> None:
    """What is on its way out takes no new risk, whoever is heard again."""
    table = Table()
    table.session.watch_supervisor(silent=True)
    table.world.commands.ask(Command.STOP, "test", "asked by the test")
    table.session.obey()
    table.session.watch_supervisor(silent=False)
    assert not table.desk.entries_allowed


@pytest.mark.parametrize(
    ("theirs", "cause"), [("-99999", "daily_loss_limit"), ("NaN", "pnl_unknown")]
)
def test_the_brokers_own_count_trips_the_kill_switch(theirs, cause) -> None:
    """FAULTS X04, X05: the worse of our PnL and the broker's; one that is no number is a breach."""
    run = world(FRIDAY, daily_loss_limit="0.5")

    def hook(session: Session) -> None:
        real = session.desk.broker.account

        async def account():
            found = await real()
            worse = session.desk.opening_equity + Decimal(theirs)
            return found if session.desk.portfolio.flat else replace(found, equity=worse)

        session.desk.broker.account = account

    run.on_session = hook
    run.run()
    assert [each.cause for each in run.journal.records(RiskTripped)] == [cause]
    assert run.session.closed.exit_code == ExitCode.HALTED
    assert_sound(run)


def test_a_broker_that_cannot_tell_its_count_leaves_ours() -> None:
    """An outage is the watchdog's to judge: no trip, the error is on record."""
    run = world(FRIDAY)

    def hook(session: Session) -> None:
        real = session.desk.broker.account

        async def account():
            if session.desk.portfolio.flat:
                return await real()
            raise Unavailable("silent")

        session.desk.broker.account = account

    run.on_session = hook
    run.run()
    assert run.journal.records(RiskTripped) == []
    contexts = {each.context for each in run.journal.records(ErrorCaptured)}
    assert contexts == {"the broker's count of the PnL"}
    assert_sound(run)


def test_an_error_of_somebodys_cell_is_recorded_and_changes_nothing() -> None:
    """X22: the cells of the kernel are people's; a wrong one is a row, the session goes on."""
    plain = world(FRIDAY).run()
    run = world(FRIDAY)

    def report(minute: int) -> None:
        if minute == 26:
            run.commands.report(NameError("bott"), "cell 7 of the bot's notebook", fatal=False)

    run.run(report)
    (error,) = run.journal.records(ErrorCaptured)
    assert (error.error_code, error.context, error.fatal) == (
        "NameError",
        "cell 7 of the bot's notebook",
        False,
    )
    assert run.trades == plain.trades
    assert run.trades
    assert run.session.closed == plain.session.closed


def test_what_nobody_caught_fails_the_session() -> None:
    """X4, X20-X22: recorded with its seven fields, alerted, closed, ended in error."""
    run = world(FRIDAY)

    def report(minute: int) -> None:
        if minute == 26:
            run.commands.report(ValueError("lost"), "uncaught in thread cell")

    run.run(report)
    (error,) = [each for each in run.journal.records(ErrorCaptured) if each.fatal]
    assert (error.error_type, error.error_code, error.context) == (
        "LogicError",
        "ValueError",
        "uncaught in thread cell",
    )
    (alert,) = run.journal.records(AlertRaised)
    assert alert.critical
    assert "ValueError in uncaught in thread cell" in alert.text
    closed = run.session.closed
    assert (closed.exit_code, closed.state) == (ExitCode.ERROR, BotState.ERROR)
    log = session_logs(run.journal.entries())["kill_switch.log"].decode()
    rows = [json.loads(line) for line in log.splitlines()]
    (called,) = [row for row in rows if row["event"] == "emergency"]
    assert called["timestamp"].endswith("Z")
    assert "fatal: ValueError" in called["message"]
    assert_sound(run)


def test_a_kill_is_on_record_before_its_flag_is_removed() -> None:
    """I-12: the flag goes when the journal has the command durably, and not before."""
    table = Table()
    durable: list[int] = []
    seen = FlagSeen(
        command=Command.KILL,
        file="control_kill.flag",
        signed=True,
        by="operator",
        why="test",
        source="panel",
        refused="",
        nonce="0",
        note="",
    )
    lying = [seen]

    class Folder:
        def read(self):
            return lying[0] if lying else None

        def consume(self, flag) -> None:
            durable.append(table.journal.durable)
            lying.remove(flag)

    table.session._commands = wiring.command_reader(
        Folder(), table.world.clock, table.desk.settings
    )
    table.session.obey()
    (count,) = durable
    assert "CommandObeyed" in table.world.kinds()[:count]
    assert table.session.closing is Closing.KILL
