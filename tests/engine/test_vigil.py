"""What the session does about the watchdog's reports."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rigd.core.events import (
    AlertRaised,
    CandidateJudged,
    ErrorCaptured,
    NoteMade,
    OrderIntent,
    Reconciled,
    RiskModeChanged,
)
from rigd.core.lifecycle import RiskMode
from rigd.core.orders import Purpose
from rigd.engine import vigil
from rigd.reporting.errors import error_logs
from tests.engine.test_session import FRIDAY, assert_sound, world
from tests.engine.world import Table


def keep(table: Table) -> None:
    asyncio.run(vigil.keep(table.desk, table.desk.watchdog.look(table.desk.orders.working())))


def modes(journal) -> list[RiskMode]:
    return [change.mode for change in journal.records(RiskModeChanged)]


def test_a_jump_freezes_new_risk_until_the_brokers_clock_agrees() -> None:
    """FAULTS T02: REDUCING, then the broker's time, reconciled, ACTIVE; before any decision."""
    table = Table()
    table.world.clock.jump(3600)
    keep(table)
    assert modes(table.journal) == [RiskMode.REDUCING, RiskMode.ACTIVE]
    assert table.journal.records(Reconciled)[-1].reason == "clock"
    assert table.desk.held_back == set()


def test_a_jump_halts_when_our_time_is_not_the_brokers() -> None:
    """FAULTS T02: resume or halt; exits go on, an alert is raised."""
    table = Table()
    table.broker.now += timedelta(seconds=3)
    table.world.clock.jump(-3)
    keep(table)
    assert modes(table.journal) == [RiskMode.REDUCING, RiskMode.HALTED]
    (alert,) = table.journal.records(AlertRaised)
    assert (alert.critical, alert.event) == (True, "clock")
    assert "-3.0 s from the broker's time" in alert.text


def test_a_jump_halts_when_the_brokers_time_is_not_known() -> None:
    """What cannot be checked is not trusted."""
    table = Table()
    table.broker.down = True
    table.world.clock.jump(-3)
    keep(table)
    assert modes(table.journal)[-1] is RiskMode.HALTED


def test_a_reconciliation_does_not_release_what_is_held_back() -> None:
    """While the clock is in doubt, agreeing books alone do not allow new risk."""
    table = Table()
    table.desk.held_back.add("clock")
    table.session._set_mode(RiskMode.REDUCING, "test")
    asyncio.run(table.session.reconcile("test"))
    assert modes(table.journal) == [RiskMode.REDUCING]


def test_after_a_stall_the_broker_is_asked_first() -> None:
    """FAULTS T03: on wake the first action is to reconcile."""
    table = Table()
    table.world.clock.advance(3600)
    keep(table)
    assert table.journal.records(Reconciled)[-1].reason == "wake"
    assert modes(table.journal) == [RiskMode.REDUCING, RiskMode.ACTIVE]


@pytest.mark.parametrize("seconds", [-86400.0, -3.0, 3.0, 86400.0])
def test_no_jump_changes_an_order_of_a_replayed_day(seconds) -> None:
    """FAULTS T02: a jump in each of 390 minutes: the same orders, journal times never go back."""
    base = world(FRIDAY).run()
    run = world(FRIDAY)
    run.run(lambda _: run.clock.jump(seconds))
    assert [each.cl_ord_id for each in run.intents] == [each.cl_ord_id for each in base.intents]
    checked = [each for each in run.journal.records(Reconciled) if each.reason == "clock"]
    assert len(checked) > 350
    stamps = [entry.at for entry in run.journal.entries()]
    assert stamps == sorted(stamps)
    assert_sound(run)


def test_a_decision_that_a_stall_overtook_is_dropped() -> None:
    """FAULTS T03: a stall between the signal and the order: nothing is sent on the old bar."""
    run = world(FRIDAY)
    stalled: list[int] = []

    class Living:
        """A connection that was heard this moment."""

        def last_heard(self):
            return run.session.desk.clock.now()

    def hook(session) -> None:
        real = session.desk.obey
        session.desk.watchdog._connection = Living()

        def obey() -> None:
            real()
            if session._minute == 20:
                stalled.append(session._minute)
                run.clock.advance(6)

        session.desk.obey = obey

    run.on_session = hook
    run.run()
    assert stalled
    entries = [each for each in run.intents if each.purpose is Purpose.ENTRY]
    assert not [each for each in entries if each.signal_minute == 20]
    judged = [each.reason for each in run.journal.records(CandidateJudged) if each.minute == 20]
    assert "decision_too_old" in judged
    assert_sound(run)


def test_a_missing_fill_is_an_alert_and_an_unresolved_order() -> None:
    """S6: beyond the timeout it is told, looked at again, and stands in unresolved_orders.log."""
    table = Table()
    order = table.send()
    for _ in range(2):
        keep(table)
        table.desk.clock.advance(table.desk.clock.now() + timedelta(minutes=4))
    keep(table)
    (alert,) = table.journal.records(AlertRaised)
    assert (alert.event, order.intent.cl_ord_id in alert.text) == ("missing fill", True)
    (error,) = table.journal.records(ErrorCaptured)
    assert error.context == f"missing fill of order {order.intent.cl_ord_id}"
    assert table.desk.gap_seen
    logs = error_logs(table.journal.entries())
    assert order.intent.cl_ord_id.encode() in logs["unresolved_orders.log"]


def test_what_came_back_is_noted() -> None:
    """A broker that answers again leaves a note and a look for lost events."""
    table = Table()
    table.broker.down = True
    asyncio.run(table.session.reconcile("test"))
    keep(table)
    table.broker.down = False
    asyncio.run(table.desk.broker.account())
    keep(table)
    notes = [note.text for note in table.journal.records(NoteMade) if note.topic == vigil.TOPIC]
    assert notes == ["broker: answers again"]
    assert table.desk.gap_seen
    assert table.journal.records(OrderIntent) == []
