"""The engine's way to the broker: reads repeated, orders sent once, the outage counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.core.clock import MarketClock
from rigd.core.draws import Draws
from rigd.core.errors import OrderRejected, OutcomeUnknown, RateLimited, Unavailable
from rigd.core.orders import OrderRequest
from rigd.core.values import Side
from rigd.engine.broker_line import BrokerLine
from rigd.net.breaker import State
from tests.fakes.broker import START, FakeBroker
from tests.fakes.clock import FakeClock

REQUEST = OrderRequest(cl_ord_id="A", symbol="SPY", side=Side.BUY, qty=Decimal(1))


class Case:
    """A line over the scripted broker."""

    def __init__(self, retries: int = 3) -> None:
        self.broker, self.clock = FakeBroker(), FakeClock()
        self.market = MarketClock(START)
        self.line = BrokerLine(self.broker, self.market, self.clock, retries)


READS = {
    "find": ("A",),
    "open_orders": (),
    "fills": (START,),
    "positions": (),
    "account": (),
    "clock": (),
    "cancel": ("A",),
}


@pytest.mark.parametrize("name", READS)
def test_each_read_and_the_cancel_are_repeated_with_growing_waits(name) -> None:
    """X19: API_RETRY_LIMIT repetitions, 0.5, 1 and 2 s apart, then the error goes up."""
    case = Case()
    case.broker.down = True
    with pytest.raises(Unavailable):
        asyncio.run(getattr(case.line, name)(*READS[name]))
    assert case.clock.slept == [0.5, 1.0, 2.0]
    assert (case.line.failures, case.line.exhausted) == (4, True)
    assert case.line.failing_since == START


def test_nothing_is_repeated_again_until_the_broker_has_answered() -> None:
    """A closing that tries ten orders of a dead broker must not wait ten times."""
    case = Case()
    case.broker.down = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            asyncio.run(case.line.account())
    assert case.clock.slept == [0.5, 1.0, 2.0]
    case.broker.down = False
    asyncio.run(case.line.account())
    assert (case.line.failing_since, case.line.failures, case.line.exhausted) == (None, 0, False)


@pytest.mark.parametrize("lost", ["lose_next", "drop_next"])
def test_an_order_is_never_repeated(lost) -> None:
    """O01, X19: a lost answer is one attempt on the wire, whatever became of the order."""
    case = Case()
    setattr(case.broker, lost, 1)
    with pytest.raises(OutcomeUnknown):
        asyncio.run(case.line.submit(REQUEST))
    assert case.broker.count("submit") == 1
    assert case.clock.slept == []
    assert case.line.failing_since == START


def test_a_replacement_is_never_repeated_either() -> None:
    """Exactly one attempt on the wire."""
    case = Case()
    asyncio.run(case.line.submit(REQUEST))
    case.broker.lose_next = 1
    new = OrderRequest(cl_ord_id="B", symbol="SPY", side=Side.BUY, qty=Decimal(2))
    with pytest.raises(OutcomeUnknown):
        asyncio.run(case.line.replace("A", new))
    assert case.broker.count("replace") == 1


def test_a_refusal_is_an_answer() -> None:
    """A rejected order shows that the broker lives."""
    case = Case()
    case.broker.down = True
    with pytest.raises(Unavailable):
        asyncio.run(case.line.submit(REQUEST))
    case.broker.down = False
    case.broker.reject_next = [("no", "funds")]
    with pytest.raises(OrderRejected):
        asyncio.run(case.line.submit(REQUEST))
    assert case.line.failing_since is None


def test_a_rate_limit_is_waited_for() -> None:
    """O13: a read that is told to wait waits and asks again."""
    case = Case()
    answers = [RateLimited(case.clock.now() + timedelta(seconds=3)), None]
    real = case.broker.account

    async def account():
        error = answers.pop(0)
        if error:
            raise error
        return await real()

    case.broker.account = account
    assert asyncio.run(case.line.account()).cash == Decimal(100_000)
    assert case.clock.slept == [3.0]


def test_the_rest_is_the_brokers_own() -> None:
    """Name, capabilities, connection, self-check and events pass through."""
    case = Case()
    asyncio.run(case.line.connect())
    assert case.broker.connected
    assert (case.line.name, case.line.capabilities) == ("FAKE", case.broker.capabilities)
    assert asyncio.run(case.line.self_check()).passed
    case.broker.gap()
    assert len(case.line.poll()) == 1
    asyncio.run(case.line.close())
    assert not case.broker.connected


def test_the_waits_are_drawn_below_their_bounds_and_a_seed_repeats_them() -> None:
    """N1: full jitter on reads of the broker: 0 to 0.5, 1 and 2 s."""

    def slept(seed: int) -> list[float]:
        case = Case()
        case.line = BrokerLine(case.broker, case.market, case.clock, 3, Draws(seed))
        case.broker.down = True
        with pytest.raises(Unavailable):
            asyncio.run(case.line.account())
        return case.clock.slept

    assert slept(1) == slept(1) != slept(2)
    for seed in range(30):
        found = slept(seed)
        assert len(found) == 3
        assert all(0.0 < wait < bound for wait, bound in zip(found, (0.5, 1.0, 2.0), strict=True))


def test_an_open_breaker_lets_cancels_and_reads_through() -> None:
    """C45: what closes risk is never kept back; each goes out once, and an answer closes it."""
    case = Case(retries=0)
    case.broker.down = True
    for _ in range(4):
        with pytest.raises(Unavailable):
            asyncio.run(case.line.cancel("A"))
    assert case.broker.count("cancel") == 4
    assert case.line.breaker.state is State.HALF_OPEN
    case.broker.down = False
    asyncio.run(case.line.cancel("A"))
    assert case.line.breaker.state is State.CLOSED
