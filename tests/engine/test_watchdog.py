"""The watchdog: what it reports, when, and how often."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from rigd.core.clock import MarketClock
from rigd.core.errors import Unavailable
from rigd.core.orders import OrdStatus, OrdType
from rigd.engine.broker_line import BrokerLine
from rigd.engine.watchdog import Part, Watchdog, WatchLimits, beat_line, limits_of, self_check
from rigd.hosts import wiring
from tests.factories import settings
from tests.fakes.broker import FakeBroker
from tests.fakes.clock import FakeClock

DAY = wiring.session_day(date(2013, 10, 7))
LIMITS = WatchLimits(
    broker_outage=timedelta(seconds=15),
    data_silent=timedelta(seconds=15),
    lease_s=10.0,
    decision_s=5.0,
)


class Heard:
    """A feed's connection whose last sign of life a test moves."""

    def __init__(self) -> None:
        self.at = DAY.open

    def last_heard(self):
        return self.at


class Kennel:
    """A watchdog with every clock and connection in the test's hand."""

    def __init__(self, *, live: bool = True, retries: int = 0) -> None:
        self.market, self.control = MarketClock(DAY.open), FakeClock()
        self.broker = FakeBroker()
        self.line = BrokerLine(self.broker, self.market, self.control, retries)
        self.heard = Heard()
        connection = self.heard if live else None
        self.dog = Watchdog(LIMITS, self.line, self.market, self.control, connection, DAY)

    def pass_time(self, seconds: float) -> None:
        self.market.advance(self.market.now() + timedelta(seconds=seconds))
        self.control.advance(seconds)

    def ask(self) -> None:
        """One read of the account; an outage is kept to itself."""
        with suppress(Unavailable):
            asyncio.run(self.line.account())

    def look(self, *working) -> list[tuple[str, bool, bool]]:
        return [(each.part, each.healthy, each.repeated) for each in self.dog.look(working)]


def test_a_healthy_session_gives_no_report() -> None:
    """An hour of looks each second with a living feed and broker says nothing."""
    kennel = Kennel()
    for _ in range(3600):
        kennel.pass_time(1)
        kennel.heard.at = kennel.market.now()
        kennel.dog.saw_bar(kennel.market.now())
        assert kennel.look() == []


def test_a_silent_broker_is_found_within_15_s_and_told_each_minute_until_it_answers() -> None:
    """S4: suspended within 15 s; SPEC §9a: alerts each minute; then one word that it is back."""
    kennel = Kennel(live=False, retries=3)
    kennel.line.breaker.failed()  # one attempt: nothing but the time counts here
    kennel.broker.down = True
    kennel.ask()
    kennel.line.breaker.answered()
    found = []
    for second in range(1, 151):
        kennel.pass_time(1)
        found += [(second, *each[1:]) for each in kennel.look() if each[0] is Part.BROKER]
    assert found == [(15, False, False), (75, False, True), (135, False, True)]
    kennel.broker.down = False
    kennel.ask()
    assert kennel.look() == [(Part.BROKER, True, False)]
    assert kennel.look() == []


def test_repetitions_used_up_are_an_outage_at_once() -> None:
    """X19: above API_RETRY_LIMIT it escalates without waiting for the 15 s."""
    kennel = Kennel(live=False, retries=3)
    kennel.broker.down = True
    kennel.ask()
    (report,) = kennel.dog.look()
    assert (report.part, report.healthy) == (Part.BROKER, False)
    assert report.detail.startswith("no answer to 4 attempts")


def test_a_silent_connection_is_found_after_15_s() -> None:
    """SPEC §10: MARKET_DATA_STALE_S without heartbeat or quote; told each minute; comes back."""
    kennel = Kennel()
    found = []
    for second in range(1, 101):
        kennel.pass_time(1)
        found += [second for part, *_ in kennel.look() if part is Part.DATA]
    assert found == [16, 76]
    kennel.heard.at = kennel.market.now()
    assert kennel.look() == [(Part.DATA, True, False)]


def test_five_minutes_without_a_bar_of_any_symbol_are_an_outage() -> None:
    """SPEC §10: also when the connection lives."""
    kennel = Kennel()
    kennel.pass_time(120)
    kennel.dog.saw_bar(kennel.market.now())
    kennel.heard.at = kennel.market.now()
    found = []
    for second in range(1, 302):
        kennel.pass_time(1)
        kennel.heard.at = kennel.market.now()
        found += [second for part, *_ in kennel.look() if part is Part.DATA]
    assert found == [300]


def test_a_file_replay_never_declares_an_outage() -> None:
    """SPEC §10: hours without a bar of a file say nothing about a connection."""
    kennel = Kennel(live=False)
    for _ in range(300):
        kennel.pass_time(60)
        kennel.control.advance(-60)
        assert [each for each in kennel.look() if each[0] is Part.DATA] == []


def test_no_bar_is_due_outside_the_session() -> None:
    """Before the open and after the close silence is no outage."""
    kennel = Kennel()
    kennel.market.advance(DAY.close + timedelta(hours=3))
    assert kennel.look() == []


@pytest.mark.parametrize("seconds", [-86400.0, -2.5, 2.5, 3600.0, 86400.0])
def test_a_jump_of_the_wall_clock_is_seen_once(seconds) -> None:
    """FAULTS T02: more than 2 s against the monotonic clock, in either direction."""
    kennel = Kennel()
    kennel.control.jump(seconds)
    (report,) = kennel.dog.look()
    assert (report.part, report.healthy) == (Part.CLOCK, False)
    assert f"{seconds:+.1f} s" in report.detail
    assert kennel.look() == []


@pytest.mark.parametrize("seconds", [-2.0, -0.3, 0.3, 2.0])
def test_a_small_step_of_the_wall_clock_is_none(seconds) -> None:
    """Up to 2 s are the work of a time server."""
    kennel = Kennel()
    kennel.control.jump(seconds)
    assert kennel.look() == []


def test_a_stall_longer_than_the_lease_is_seen_on_wake() -> None:
    """FAULTS T03: both clocks went on, nobody looked for more than 10 s."""
    kennel = Kennel(live=False)
    kennel.control.advance(10.0)
    assert kennel.look() == []
    kennel.control.advance(60.0)
    (report,) = kennel.dog.look()
    assert (report.part, report.detail) == (
        Part.HEARTBEAT,
        "no beat for 60.0 s, the lease is 10 s",
    )


def test_a_decision_is_too_old_after_5_s() -> None:
    """FAULTS T03: decisions older than 5 s are dropped."""
    kennel = Kennel()
    kennel.dog.decide()
    kennel.control.advance(5.0)
    assert not kennel.dog.too_old()
    kennel.control.advance(0.1)
    assert kennel.dog.too_old()
    replayed = Kennel(live=False)
    replayed.dog.decide()
    replayed.control.advance(600.0)
    assert not replayed.dog.too_old()


def test_how_old_a_decisions_data_may_be_is_a_setting() -> None:
    """FAULTS T04: STALE_QUOTE_S, 5 s by default, also when it changes while the session runs."""
    assert limits_of(settings()).decision_s == 5.0
    kennel = Kennel()
    kennel.dog.set_limits(settings(stale_quote_s="2"))
    kennel.dog.decide()
    kennel.control.advance(2.0)
    assert not kennel.dog.too_old()
    kennel.control.advance(0.1)
    assert kennel.dog.too_old()


def order(name: str, ord_type: OrdType = OrdType.MARKET):
    return SimpleNamespace(
        intent=SimpleNamespace(cl_ord_id=name, ord_type=ord_type), status=OrdStatus.NEW
    )


def test_a_market_order_without_a_fill_for_three_minutes_is_told_once() -> None:
    """S6: missing fill beyond the timeout; a resting stop or limit may rest."""
    kennel = Kennel(live=False)
    working = (order("A"), order("B", OrdType.STOP), order("C", OrdType.LIMIT))
    told = []
    for minute in range(8):
        kennel.control.advance(0)
        told += [(minute, each.part, each.subject) for each in kennel.dog.look(working)]
        kennel.market.advance(kennel.market.now() + timedelta(minutes=1))
    assert told == [(4, Part.FILL, "A")]


def test_the_time_of_a_missing_fill_counts_from_when_the_order_was_seen() -> None:
    """An order that ended in between leaves nothing behind."""
    kennel = Kennel(live=False)
    kennel.look(order("A"))
    kennel.market.advance(kennel.market.now() + timedelta(minutes=3))
    assert kennel.look() == []
    kennel.market.advance(kennel.market.now() + timedelta(minutes=1))
    assert kennel.look(order("A")) == []


def test_a_beat_is_one_line_with_the_time_first() -> None:
    """L-row heartbeat.log: timestamp, event and whose."""
    line = beat_line(FakeClock(), {"pid": 7})
    assert json.loads(line) == {
        "timestamp": "2024-03-04T14:00:00Z",
        "event": "heartbeat",
        "pid": 7,
    }
    assert "\n" not in line


def test_the_self_check_passes_with_the_defaults_and_names_wrong_times() -> None:
    """S13, S14: a beat slower than the lease would call every minute a stall."""
    assert self_check(settings()).passed
    found = self_check(settings().model_copy(update={"heartbeat_interval_s": 20.0}))
    assert not found.passed
    assert "HEARTBEAT_INTERVAL_S must be below LEASE_S" in found.detail
