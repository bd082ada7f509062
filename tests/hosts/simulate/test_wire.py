"""The wire: what reaches the venue, and what the client hears of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from rigd.core.errors import (
    NotSupported,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    Unavailable,
)
from rigd.core.orders import Gap, OrdStatus, OrdType
from rigd.hosts.simulate.disk import Crash
from rigd.hosts.simulate.faults import Fault
from rigd.hosts.simulate.wire import ChaosBroker
from tests.hosts.simulate.test_venue import request, venue


class Watch:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def sending(self, order) -> None:
        self.seen.append(order.cl_ord_id)


def client(fault: Fault | None = None, rate: float = 1.0, **traits: object):
    place = venue(fault, rate, **traits)
    watch = Watch()
    plan = place._plan
    broker = ChaosBroker(place, plan, place._trace, watch, plan.fires, lambda _: None)
    return broker, place, watch


@pytest.mark.parametrize(
    ("fault", "error", "arrives", "left"),
    [
        (Fault.NO_CONNECTION, Unavailable, False, False),
        (Fault.RATE_LIMITED, RateLimited, False, False),
        (Fault.REQUEST_LOST, OutcomeUnknown, False, True),
        (Fault.REPLY_LOST, OutcomeUnknown, True, True),
        (Fault.GATEWAY_TIMEOUT, OutcomeUnknown, True, True),
        (Fault.GARBAGE, ProtocolError, True, True),
        (Fault.CRASH_BEFORE_SEND, Crash, False, False),
        (Fault.CRASH_AFTER_SEND, Crash, True, True),
    ],
)
def test_an_order_arrives_or_not_whatever_the_client_hears(fault, error, arrives, left) -> None:
    """O01: only what certainly never left is told as such."""
    broker, place, watch = client(fault)
    with pytest.raises(error):
        asyncio.run(broker.submit(request()))
    assert bool(place.orders) is arrives
    assert bool(watch.seen) is left


def test_a_delayed_order_is_unknown_and_arrives_later() -> None:
    """Only where a look-up is not authoritative."""
    broker, place, _ = client(Fault.DELAYED, authoritative=False)
    with pytest.raises(OutcomeUnknown):
        asyncio.run(broker.submit(request()))
    assert not place.is_quiet()
    broker, place, _ = client(Fault.DELAYED)
    asyncio.run(broker.submit(request()))
    assert place.is_quiet()


def test_a_lost_cancel_leaves_the_order_and_a_lost_answer_does_not() -> None:
    """The same doubt, two truths."""
    for fault, working in ((Fault.REQUEST_LOST, True), (Fault.REPLY_LOST, False)):
        broker, place, _ = client(fault)
        place.submit(request())
        with pytest.raises(OutcomeUnknown):
            asyncio.run(broker.cancel("one"))
        assert (place.working_of("one") is not None) is working


@pytest.mark.parametrize("name", ["open_orders", "positions", "account"])
def test_a_question_may_have_no_answer(name) -> None:
    """Unavailable, as an adapter says it."""
    broker, _, _ = client(Fault.READ_FAILS)
    with pytest.raises(Unavailable):
        asyncio.run(getattr(broker, name)())


def test_what_a_broker_cannot_do_is_refused_before_it_leaves() -> None:
    """NotSupported; the watcher saw nothing."""
    broker, _, watch = client(stops=False, replaces=False)
    stop = request("s", ord_type=OrdType.STOP, stop_price=Decimal(5))
    with pytest.raises(NotSupported):
        asyncio.run(broker.submit(stop))
    with pytest.raises(NotSupported):
        asyncio.run(broker.replace("one", request("two")))
    assert watch.seen == []
    assert OrdType.STOP not in broker.capabilities.ord_types


def told(broker, place, count: int = 3):
    for number in range(count):
        place.submit(request(str(number)))
    return broker.poll()


def test_the_stream_tells_each_event_once_and_in_order() -> None:
    """Without faults."""
    broker, place, _ = client()
    asyncio.run(broker.connect())
    assert [event.cl_ord_id for event in told(broker, place)] == ["0", "1", "2"]
    assert broker.poll() == []


def test_a_cut_stream_tells_nothing_then_a_gap() -> None:
    """O07: what it told meanwhile is lost."""
    broker, place, _ = client(Fault.STREAM_DROP)
    assert told(broker, place) == []
    (gap,) = broker.poll()
    assert isinstance(gap, Gap)
    assert broker.poll() == []


def test_a_stream_repeats_doubles_and_mixes_up() -> None:
    """O05, O06: the same events, more often or in another order."""
    broker, place, _ = client(Fault.EVENT_TWICE)
    assert [event.cl_ord_id for event in told(broker, place)] == ["0", "0", "1", "1", "2", "2"]
    broker, place, _ = client(Fault.STREAM_REPLAY)
    assert len(told(broker, place, 2)) == 2
    assert len(told(broker, place, 3)) == 3
    broker, place, _ = client(Fault.EVENTS_REORDERED)
    mixed = [event.cl_ord_id for event in told(broker, place)]
    assert sorted(mixed) == ["0", "1", "2"] != mixed


def test_the_client_answers_the_rest_of_the_port() -> None:
    """Look-up, executions, clock, self-check."""
    broker, place, _ = client()
    asyncio.run(broker.submit(request()))
    place.trade_minute(0)
    found = asyncio.run(broker.find("one"))
    assert found is not None
    assert found.ord_status is OrdStatus.FILLED
    assert len(asyncio.run(broker.fills(place.now.replace(hour=0)))) == 1
    assert asyncio.run(broker.clock()).is_open
    assert asyncio.run(broker.self_check()).passed
    assert asyncio.run(broker.positions())[0].qty == 100
    assert asyncio.run(broker.account()).cash == place.cash
    asyncio.run(broker.close())
