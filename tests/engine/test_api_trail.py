"""What passes between engine and broker is kept: each request, each response and each event."""

from __future__ import annotations

import asyncio
import inspect
from decimal import Decimal

import pytest

from rigd.core.api_messages import ApiKind, ApiMessage
from rigd.core.clock import MarketClock
from rigd.core.errors import BrokerError, OrderRejected, OutcomeUnknown, Unavailable
from rigd.core.orders import OrderRequest
from rigd.core.ports import Broker
from rigd.core.values import Side
from rigd.engine.broker_line import BrokerLine
from tests.fakes.broker import START, FakeBroker
from tests.fakes.clock import FakeClock

REQUEST = OrderRequest(cl_ord_id="A", symbol="SPY", side=Side.BUY, qty=Decimal(1))
NEW = OrderRequest(cl_ord_id="B", symbol="SPY", side=Side.BUY, qty=Decimal(2))

ARGUMENTS = {
    "connect": {},
    "close": {},
    "self_check": {},
    "submit": {"order": REQUEST},
    "replace": {"cl_ord_id": "A", "order": NEW},
    "cancel": {"cl_ord_id": "A"},
    "find": {"cl_ord_id": "A"},
    "open_orders": {},
    "fills": {"since": START},
    "positions": {},
    "account": {},
    "clock": {},
}
"""Every call of the port, with what its request row must hold."""


class Case:
    """A line over the scripted broker."""

    def __init__(self, retries: int = 3) -> None:
        self.broker = FakeBroker()
        self.market = MarketClock(START)
        self.line = BrokerLine(self.broker, self.market, FakeClock(), retries)
        asyncio.run(self.line.submit(REQUEST))
        self.line.trail.take()
        self.line.poll()
        self.line.trail.take()

    def call(self, name: str) -> object:
        return asyncio.run(getattr(self.line, name)(*ARGUMENTS[name].values()))

    def taken(self) -> list[tuple[ApiKind, str, object]]:
        return [(m.kind, m.call, m.body) for m in self.line.trail.take()]


def test_no_call_of_the_port_is_forgotten() -> None:
    """L35: a method that is added to the port must be looked at here."""
    calls = {
        name
        for name, method in inspect.getmembers(Broker, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert calls == set(ARGUMENTS)


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if name != "submit"])
def test_each_call_leaves_its_request_and_its_response(name: str) -> None:
    """L35: the arguments go out, and what the broker answered is what comes back."""
    case = Case()
    answer = case.call(name)
    assert case.taken() == [
        (ApiKind.REQUEST, name, ARGUMENTS[name]),
        (ApiKind.RESPONSE, name, answer),
    ]


def test_an_order_that_is_refused_leaves_the_refusal() -> None:
    """L35: the broker's error is the response."""
    case = Case()
    case.broker.reject_next = [("no", "funds")]
    with pytest.raises(OrderRejected) as refused:
        asyncio.run(case.line.submit(NEW))
    assert case.taken() == [
        (ApiKind.REQUEST, "submit", {"order": NEW}),
        (ApiKind.RESPONSE, "submit", refused.value),
    ]


def test_a_lost_answer_is_kept_as_lost() -> None:
    """L35, O01: the one attempt on the wire is one request, and that nothing came is told."""
    case = Case()
    case.broker.lose_next = 1
    with pytest.raises(OutcomeUnknown) as lost:
        asyncio.run(case.line.submit(NEW))
    assert case.taken()[1:] == [(ApiKind.RESPONSE, "submit", lost.value)]


def test_each_repetition_is_a_request_of_its_own() -> None:
    """L35: three repetitions of a read are four pairs, and request and response share a number."""
    case = Case(retries=3)
    case.broker.down = True
    with pytest.raises(Unavailable):
        case.call("account")
    messages = case.line.trail.take()
    assert [m.kind for m in messages] == [ApiKind.REQUEST, ApiKind.RESPONSE] * 4
    pairs = [messages[n : n + 2] for n in range(0, 8, 2)]
    assert all(sent.number == answered.number for sent, answered in pairs)
    assert len({sent.number for sent, _ in pairs}) == 4
    assert all(isinstance(answered.body, BrokerError) for _, answered in pairs)


def test_what_the_broker_tells_unasked_is_kept() -> None:
    """L35: each event of a poll is a message; a poll that brings none leaves nothing."""
    case = Case()
    case.broker.gap()
    (event,) = case.line.poll()
    assert case.line.trail.take() == [
        ApiMessage(at=START, kind=ApiKind.EVENT, call="poll", number=0, body=event)
    ]
    assert case.line.poll() == []
    assert case.line.trail.take() == []


def test_messages_are_taken_once() -> None:
    """What was handed over is forgotten, so that no row is written twice."""
    case = Case()
    case.call("clock")
    assert len(case.line.trail.take()) == 2
    assert case.line.trail.take() == []
