"""Tests of the simulated broker's adapter that the conformance tests do not have."""

from __future__ import annotations

import asyncio

import pytest

from rigd.broker.adapters.sim import SimBroker
from rigd.broker.links import LocalLink
from rigd.core.errors import Unavailable
from rigd.core.orders import Gap, OrderSnapshot, OrdStatus
from tests.broker.market import ACCOUNT, OPENS, exchange_on, minute_of, order


class BreakableLink(LocalLink):
    """A link that is down while `broken` is True."""

    def __init__(self) -> None:
        super().__init__(exchange_on())
        self.broken = False
        events, account = self.events, self.account
        self.events = lambda cursor: self._up(lambda: events(cursor))
        self.account = lambda: self._up(account)

    def _up(self, call):
        if self.broken:
            raise Unavailable("down")
        return call()


@pytest.fixture
def link() -> BreakableLink:
    return BreakableLink()


@pytest.fixture
def broker(link: BreakableLink) -> SimBroker:
    broker = SimBroker(link, ACCOUNT)
    asyncio.run(broker.connect())
    return broker


def test_events_before_the_connection_are_not_told(link: BreakableLink) -> None:
    """A client that starts again asks for the past by look-ups; the stream begins at connect."""
    link.submit(order("OLD"))
    broker = SimBroker(link, ACCOUNT)
    assert broker.poll() == []
    asyncio.run(broker.connect())
    link.submit(order("NEW"))
    assert [event.cl_ord_id for event in broker.poll() if isinstance(event, OrderSnapshot)] == [
        "NEW"
    ]


def test_gap_comes_first_after_an_outage_and_no_event_is_lost(
    link: BreakableLink, broker: SimBroker
) -> None:
    """C34: what happened while the link was down follows a Gap, each once."""
    link.submit(order("A"))
    assert len(broker.poll()) == 1
    link.broken = True
    assert broker.poll() == []
    slice_ = minute_of(0, AAA=(50.0, 50.0, 50.0, 50.0))
    link.open_bar(slice_)
    assert broker.poll() == []
    link.broken = False
    gap, _, status = broker.poll()
    assert gap == Gap(since=OPENS, reason="the link was lost")
    assert isinstance(status, OrderSnapshot)
    assert status.ord_status is OrdStatus.FILLED
    assert broker.poll() == []


def test_self_check_tells_an_outage(link: BreakableLink, broker: SimBroker) -> None:
    """A broker that cannot be reached fails its check and says why, without an exception."""
    link.broken = True
    check = asyncio.run(broker.self_check())
    assert (check.passed, check.detail) == (False, "down")


def test_time_of_the_exchange_follows_the_bars(link: BreakableLink, broker: SimBroker) -> None:
    """The clock shows the start of a bar that opened and the end of one that traded."""
    slice_ = minute_of(5, AAA=(50.0, 50.0, 50.0, 50.0))
    link.open_bar(slice_)
    assert asyncio.run(broker.clock()).now == slice_.start
    link.trade_through(slice_)
    assert (asyncio.run(broker.clock()).now - slice_.start).total_seconds() == 60
