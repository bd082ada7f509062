"""The brokers under test, each with hands on its market: what a test does to make things happen."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rigd.broker.adapters.sim import SimBroker
from rigd.broker.links import LocalLink, SocketLink
from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel
from rigd.core.draws import Draws
from rigd.core.orders import TERMINAL, OrdType
from rigd.hosts.devserver import Desk, Server
from rigd.store.chainlog import ChainLog
from tests.broker.market import ACCOUNT, DAY, OPENS, minute_of
from tests.fakes.broker import FakeBroker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rigd.broker.links import Link
    from rigd.core.ports import Broker

KINDS = ("sim_local", "sim_socket", "fake")


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong with every order of a test."""

    partial: bool = False
    reject: bool = False
    lose: bool = False
    refuse_cancel: bool = False
    native_trailing: bool = False


class Stage(Protocol):
    """A broker and its market."""

    broker: Broker
    account_id: str

    def another(self, account_id: str = "") -> Broker:
        """A second client of the same account, or one that expects another account."""
        ...

    def trade(self, price: float) -> None:
        """Let one minute of AAA pass at one price."""
        ...

    def end(self) -> None:
        """Let the session end."""
        ...


class SimStage:
    """The simulated broker over a link."""

    def __init__(self, link: Link, *, native_trailing: bool = False) -> None:
        self.link = link
        self.account_id = ACCOUNT
        self.broker: Broker = SimBroker(link, ACCOUNT, native_trailing=native_trailing)
        self._minute = -1
        link.begin_session(DAY, 1, OPENS)

    def another(self, account_id: str = "") -> Broker:
        return SimBroker(self.link, account_id or ACCOUNT)

    def trade(self, price: float) -> None:
        self._minute += 1
        slice_ = minute_of(self._minute, AAA=(price, price, price, price))
        self.link.open_bar(slice_)
        self.link.trade_through(slice_)

    def end(self) -> None:
        self.link.end_session()


class FakeStage:
    """The scripted broker, moved as a market would move it."""

    def __init__(self, faults: Faults) -> None:
        self.fake = FakeBroker()
        self.broker: Broker = self.fake
        self.account_id = self.fake.account_id
        self._partial = faults.partial
        self.fake.reject_next = [("simulated", "refused")] * (9 if faults.reject else 0)
        self.fake.lose_next = 9 if faults.lose else 0
        self.fake.refuse_cancels = 1 if faults.refuse_cancel else 0

    def another(self, account_id: str = "") -> Broker:
        del account_id
        return self.fake

    def trade(self, price: float) -> None:
        for name, order in list(self.fake.orders.items()):
            if order.ord_status in TERMINAL:
                continue
            if self.fake.requests[name].ord_type is OrdType.MARKET:
                split = self._partial and not order.cum_qty
                self.fake.fill(
                    name, order.leaves_qty / 2 if split else order.leaves_qty, str(price)
                )

    def end(self) -> None:
        for name, order in self.fake.orders.items():
            if order.ord_status not in TERMINAL:
                self.fake.expire(name)


@contextmanager
def serving(exchange: SimExchange) -> Iterator[int]:
    """Serve an exchange on a loopback port from a thread of this process."""
    server = Server(Desk(exchange))
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server.port
    finally:
        server.stop()
        thread.join()


@contextmanager
def stage(kind: str, folder: Path, faults: Faults) -> Iterator[Stage]:
    """A broker of a kind with its market."""
    if kind == "fake":
        yield FakeStage(faults)
        return
    model = SimModel(
        partial_fill_rate=float(faults.partial),
        reject_rate=float(faults.reject),
        lost_reply_rate=float(faults.lose),
        refused_cancel_rate=float(faults.refuse_cancel),
        native_trailing=faults.native_trailing,
    )
    log = ChainLog.create(folder / "truth.log", "test", reserve_bytes=1 << 16)
    exchange = SimExchange(log, model, Draws(3), ACCOUNT, "USD")
    try:
        if kind == "sim_local":
            yield SimStage(LocalLink(exchange), native_trailing=faults.native_trailing)
        else:
            with serving(exchange) as port:
                link = SocketLink(port)
                yield SimStage(link, native_trailing=faults.native_trailing)
                link.close()
    finally:
        log.close()
