"""Every cell of SPEC §9a driven through a session: what the engine does, by the copied words."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rigd.core.emergencies import Closing, Emergency
from rigd.core.errors import ConfigError, LogicError
from rigd.core.events import (
    AlertRaised,
    Command,
    DefenseChanged,
    EmergencyMet,
    OrderIntent,
    RiskTripped,
)
from rigd.core.lifecycle import BotState, RiskMode, StateGroup, group_of
from rigd.core.orders import OrdType, Purpose
from rigd.core.values import Side
from rigd.engine import pipeline, vigil
from rigd.engine.watchdog import Watchdog, WatchLimits
from rigd.risk.defense_mode import Trigger
from tests.core.test_emergencies import ANSWERS, CELLS
from tests.engine.world import Table, World
from tests.strategy.days import flat

SILENCE = timedelta(seconds=16)


class Silent:
    """A connection that was heard at the open for the last time."""

    def __init__(self, table: Table) -> None:
        self.heard = table.desk.day.open

    def last_heard(self):
        return self.heard


class Stage(Table):
    """A session in one group of states, with a position where one can be held."""

    def __init__(self, group: StateGroup) -> None:
        self.group = group
        super().__init__(max_trades="1", weights="1")
        session, desk = self.session, self.desk
        self.stored: list[object] = []
        desk.save_defense = lambda: self.stored.append(desk.defense_mode.state)
        if group in {StateGroup.RUNNING, StateGroup.CLOSING, StateGroup.DOWN}:
            self.show(range(21))
            session._walk_states(21)
            order = self.send()
            self.broker.fill(order.intent.cl_ord_id, "100", "100")
            self.drain()
        else:
            self.show(range(2))
        if group is StateGroup.CLOSING:
            session._start_closing(Closing.STOP, "before")
        if group is StateGroup.ENDED:
            session._step(BotState.STOPPED, "before")
        if group is StateGroup.DOWN:
            session._start_closing(Closing.SHUTDOWN, "before")
        self.broker.now = desk.clock.now()
        assert group_of(session.state) is group
        self.before = session.state
        self.first = len(self.journal.entries())

    async def _begin(self):
        session = await self.world.open()
        if self.group is not StateGroup.SETUP:
            await session.begin()
        return session

    def watch(self) -> None:
        """Let the session act on a connection and a broker that are silent for 16 s."""
        desk, clock = self.desk, self.world.clock
        limits = WatchLimits(
            broker_outage=timedelta(seconds=15),
            data_silent=timedelta(seconds=15),
            lease_s=10.0,
            decision_s=5.0,
        )
        connection = Silent(self)
        connection.heard = desk.clock.now()
        desk.watchdog = Watchdog(limits, desk.broker, desk.clock, clock, connection, desk.day)
        desk.clock.advance(desk.clock.now() + SILENCE)
        asyncio.run(vigil.keep(desk, desk.watchdog.look(desk.orders.working())))

    def since(self, *kinds: type) -> list:
        entries = self.journal.entries()[self.first :]
        return [entry.record for entry in entries if isinstance(entry.record, kinds)]

    def finish(self) -> BotState:
        """Close out as the host's minutes do, everything sent being filled, and end."""
        session, desk = self.session, self.desk
        self.broker.down = False
        for _ in range(4):
            if session.closing is None:
                break
            asyncio.run(session._close_out())
            for order in desk.orders.working():
                self.broker.fill(order.intent.cl_ord_id, order.leaves_qty, "100")
            self.drain()
            desk.clock.advance(desk.clock.now() + timedelta(minutes=1))
        return asyncio.run(session.end()).state


def fire(stage: Stage, event: str) -> None:
    """Let the event happen as it happens in a session."""
    session, desk = stage.session, stage.desk
    if event == "loss breach":
        trip = desk.kill_switch.observe(pnl=Decimal(-(10**6)), stale=False, at=desk.clock.now())
        session.trip(trip)
    elif event == "broker down":
        stage.broker.down = True
        asyncio.run(session.reconcile("test"))
        if stage.group is StateGroup.SETUP:
            session.meet(Emergency.BROKER_DOWN, "test")
        else:
            desk.watchdog._control.advance(0)
            asyncio.run(vigil.keep(desk, desk.watchdog.look(desk.orders.working())))
    elif event == "data down":
        stage.watch()
        if stage.group is StateGroup.SETUP:
            assert desk.data_down
    elif event == "logic error, critical":
        session.fail(LogicError("broken"), "a test")
    elif event == "logic error, not critical" and stage.group is StateGroup.RUNNING:
        stage.runner = desk.runners[0]
        stage.runner.plan = SimpleNamespace(
            window=stage.runner.plan.window, strategy=SimpleNamespace(name="open")
        )
        slice_ = next(each for each in stage.world.feed.slices(21))
        pipeline.step(desk, slice_)
    elif event == "defense on":
        session.enter_defense(Trigger.OPERATOR, "by hand")
    elif event in {"manual stop", "manual kill"}:
        stage.world.commands.ask(Command(event.split()[1]), "test", "test")
        session.obey()
    else:
        session.meet(Emergency(event), "test")


def closing_state(words: str) -> BotState | None:
    """The state that the words enter while something is open."""
    if "collared" in words or "graceful close" in words:
        return BotState.GRACEFUL_CLOSING
    if "emergency" in words or words == "flat verified again":
        return BotState.EMERGENCY_CLOSING
    return None


def last_state(words: str, stage: Stage) -> BotState:
    """The state in which the session ends."""
    if stage.group is StateGroup.DOWN:
        return BotState.SHUTDOWN
    if words.endswith("error"):
        return BotState.ERROR
    return BotState.STOPPED


@pytest.mark.parametrize(("event", "group"), CELLS)
def test_the_session_does_what_the_cell_says(event, group) -> None:
    """SPEC §9a, all 66 cells: state at once, risk mode, latch, alert, limits, state at the end."""
    words = ANSWERS[event][group.value]
    stage = Stage(group)
    session, desk = stage.session, stage.desk
    mode = desk.recorder.facts.risk_mode
    if words == "LogicError":
        with pytest.raises(LogicError, match="must not happen"):
            fire(stage, event)
        assert session.state is stage.before
        return
    fire(stage, event)

    entered = closing_state(words)
    assert session.state is (entered or stage.before), words
    halted = entered is BotState.EMERGENCY_CLOSING or words.startswith("HALTED")
    found = desk.recorder.facts.risk_mode
    if halted:
        assert found is RiskMode.HALTED
    elif words.startswith(("REDUCING", "collared", "graceful")):
        assert found is RiskMode.REDUCING
    elif session.closing is None and event != "broker down":
        assert found is mode
    if entered or session.closing:
        assert not desk.entries_allowed
    if "latched" in words:
        assert stage.world.saved[-1][1].tripped
    if event == "loss breach":
        assert stage.since(RiskTripped)
    if "alert" in words:
        assert stage.since(AlertRaised)
    met = [each.response for each in stage.since(EmergencyMet)]
    assert (words in met) is (words not in {"none", "stays"} and "order blocked" not in words)
    assert bool(stage.since(DefenseChanged)) is (words == "limits compressed")
    if event == "defense on":
        assert stage.stored[-1].on
        assert desk.defense
    if words == "that strategy off, state stays":
        assert stage.runner.off
        assert desk.recorder.facts.off == {"open"}
    if "collar" in words:
        assert desk.collared
    if words == "order blocked unless it closes":
        big = {"symbol": "AAA", "qty": Decimal(10**9), "price": Decimal(1), "reference": Decimal(1)}
        for side in Side:
            door = desk.door.admit(**big, signals=1, now=desk.clock.now(), side=side)
            assert door.allow is not side.opens

    if session.closing is not None:
        assert stage.finish() is last_state(words, stage), words
        assert stage.held() == 0
    entries = [each for each in stage.since(OrderIntent) if each.purpose is Purpose.ENTRY]
    assert entries == []


def test_a_broker_that_is_silent_at_the_start_refuses_the_session() -> None:
    """SPEC §9a, setup: the self-check fails, on record; nothing is sent."""
    table = Stage(StateGroup.SETUP)
    table.broker.down = True
    with pytest.raises(ConfigError, match="self-check failed"):
        asyncio.run(table.session.begin())
    assert [each.response for each in table.since(EmergencyMet)] == ["self-check fails"]
    assert table.session.state is BotState.INITIALIZE


def test_new_risk_resumes_by_itself_when_the_broker_answers_again() -> None:
    """X2, X7: suspended while it is down, ACTIVE after a reconciliation, without a new start."""
    stage = Stage(StateGroup.RUNNING)
    fire(stage, "broker down")
    facts = stage.desk.recorder.facts
    assert facts.risk_mode is RiskMode.REDUCING
    stage.broker.down = False
    asyncio.run(stage.session.before_minute(22))
    assert facts.risk_mode is RiskMode.ACTIVE
    assert stage.session.state is BotState.TRADING


def test_a_closing_with_the_broker_down_alerts_each_minute_and_ends_flat() -> None:
    """FAULTS X07: it keeps trying, alerts each minute, and is stopped only when verified flat."""
    stage = Stage(StateGroup.CLOSING)
    stage.broker.down = True
    for minute in range(5):
        asyncio.run(stage.session.before_minute(22 + minute))
        stage.desk.clock.advance(stage.desk.clock.now() + timedelta(minutes=1))
    assert 3 <= len(stage.since(AlertRaised)) <= 5
    assert stage.session.state is BotState.GRACEFUL_CLOSING
    assert stage.finish() is BotState.STOPPED


def test_data_down_keeps_the_stop_and_closes_with_a_collared_limit() -> None:
    """X3, X8, S4: entries cancelled, the stop stays, a limit 5 % off the mark in its group."""
    stage = Stage(StateGroup.RUNNING)
    session, desk = stage.session, stage.desk
    asyncio.run(session.after_open(21))
    stops = desk.orders.working(Purpose.STOP)
    assert stops
    other = stage.send("other", symbol="BBB", cl_ord_id=desk.order_id("open", "BBB", 20, "entry"))
    fire(stage, "data down")
    asyncio.run(session._close_out())
    assert not other.working
    assert desk.orders.working(Purpose.STOP) == stops
    (close,) = desk.orders.working(Purpose.TARGET)
    assert (close.intent.ord_type, close.intent.side) == (OrdType.LIMIT, Side.SELL)
    assert close.intent.limit_price == desk.mark("AAA") * Decimal("0.95")
    assert close.intent.oco_group == stops[0].intent.oco_group
    asyncio.run(session._close_out())
    assert desk.orders.working(Purpose.TARGET) == [close]
    stage.broker.fill(close.intent.cl_ord_id, "100", "99")
    stage.broker.status(stops[0].intent.cl_ord_id, "CANCELED", "oco")
    stage.drain()
    assert asyncio.run(session.end()).exit_code == 4
    assert session.closed.exit_reason == "data"


def test_a_window_does_not_start_without_data_and_starts_late_when_it_is_back() -> None:
    """SPEC §9a, data down while ready: the start of the window is refused, the bot stays idle."""
    stage = Stage(StateGroup.READY)
    fire(stage, "data down")
    stage.session._walk_states(5)
    assert stage.session.state is BotState.IDLE
    stage.desk.data_down = False
    stage.session._walk_states(6)
    assert stage.session.state is BotState.ANALYZING


def test_a_closing_for_want_of_data_survives_a_crash() -> None:
    """Cut off after the event was recorded, the collared closing is taken up again."""
    world = World(bars={"AAA": flat(range(390))}, filters=False)
    silent = {}

    def lose(minute: int) -> None:
        if minute == 25 and not silent:
            silent["met"] = world.session.meet(Emergency.DATA_DOWN, "test")

    world.run(lose)
    assert world.session.closed.exit_reason == "data"
    first = world.kinds().index("EmergencyMet") + 1
    for entries in range(first, len(world.journal.entries())):
        run = world.again(entries, len(world.log.rows)).run()
        assert run.session.closed.exit_reason == "data"
        assert run.session.desk.collared
