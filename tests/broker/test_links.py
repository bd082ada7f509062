"""Tests of the two links: same calls, and over the socket every way an answer can be missing."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from rigd.broker.links import LOOPBACK, LocalLink, SocketLink
from rigd.core.errors import OrderRejected, OutcomeUnknown, ProtocolError, Unavailable
from rigd.core.orders import CancelAck
from rigd.core.values import Side
from tests.broker.market import DAY, OPENS, exchange_on, minute_of, order
from tests.conformance.stages import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rigd.broker.links import Link
    from rigd.broker.simulated.exchange import SimExchange

    Reply = Callable[[bytes], bytes | None]


@contextmanager
def scripted(reply: Reply) -> Iterator[tuple[int, list[bytes]]]:
    """A loopback server that answers each line by `reply`; None closes the connection."""
    listener = socket.create_server((LOOPBACK, 0))
    lines: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as stream:
                for line in stream:
                    lines.append(line)
                    answer = reply(line)
                    if answer is None:
                        break
                    client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], lines
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def linked(port: int, timeout_s: float = 5.0) -> Iterator[SocketLink]:
    link = SocketLink(port, timeout_s)
    try:
        yield link
    finally:
        link.close()


def drive(link: Link) -> list[object]:
    """Make every call once and return what was answered."""
    told: list[object] = []
    link.open()
    link.begin_session(DAY, 1, OPENS)
    told += [link.submit(order("A")), link.submit(order("B", symbol="BBB"))]
    link.open_bar(minute_of(0, AAA=(50.0, 51.0, 49.0, 50.5)))
    told += [link.submit(order("S", Side.SELL, stop="40", group="G"))]
    told += [link.replace("S", order("S2", Side.SELL, stop="45.123456789", group="G"))]
    link.trade_through(minute_of(0, AAA=(50.0, 51.0, 49.0, 50.5)))
    told += [link.cancel("B"), link.cancel("B"), link.cancel("none"), link.find("none")]
    told += [link.find("S2"), link.open_orders(), link.fills(OPENS), link.positions()]
    told += [link.account(), link.clock(), link.events(0), link.events(-1)]
    link.end_session({"AAA": 51.25})
    told += [link.positions(), link.clock(), link.events(3)]
    link.close()
    return told


def test_both_links_tell_the_same() -> None:
    """The same calls give equal values in this process and over the socket."""
    local = drive(LocalLink(exchange_on(begun=False)))
    with serving(exchange_on(begun=False)) as port:
        assert drive(SocketLink(port)) == local
    assert CancelAck.REQUESTED in local


def test_refusal_crosses_the_socket() -> None:
    """The exchange's refusal arrives as the same error with its code."""
    with serving(exchange_on()) as port, linked(port) as link:
        with pytest.raises(OrderRejected) as caught:
            link.submit(order("X", Side.SELL))
        assert caught.value.code == "no_position"


def test_nobody_listening_means_nothing_was_sent() -> None:
    """C05: a refused connection is Unavailable, also for an order: no byte left."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    with linked(port) as link:
        for ask in (link.open, link.account, lambda: link.submit(order("A"))):
            with pytest.raises(Unavailable):
                ask()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"garbage\n",
        b'"text"\n',
        b'{"id": 999, "answer": null}\n',
        b'{"id": 1, "error": "text"}\n',
        b"\xff\xfe\n",
    ],
)
def test_order_without_an_answer_is_unknown_and_sent_once(answer: bytes | None) -> None:
    """C04, C07: a cut connection or a senseless answer leaves the outcome unknown; one send."""
    with scripted(lambda _: answer) as (port, lines), linked(port) as link:
        with pytest.raises(OutcomeUnknown):
            link.submit(order("A"))
        assert len(lines) == 1
        with pytest.raises(OutcomeUnknown):
            link.cancel("A")
        with pytest.raises(Unavailable):
            link.find("A")


def test_silent_server_is_bounded_by_the_deadline() -> None:
    """C08: without an answer within the timeout the outcome is unknown."""
    with scripted(lambda _: b"") as (port, _), linked(port, timeout_s=0.05) as link:
        with pytest.raises(OutcomeUnknown):
            link.submit(order("A"))
        with pytest.raises(Unavailable):
            link.account()


@pytest.mark.parametrize("answer", [None, 7, "text", {}, [{}], {"is": "Gap"}, {"is": "Account"}])
@pytest.mark.parametrize(
    "ask",
    [
        SocketLink.account,
        SocketLink.clock,
        SocketLink.open_orders,
        SocketLink.positions,
        lambda link: link.fills(OPENS),
        lambda link: link.submit(order("A")),
        lambda link: link.replace("A", order("B")),
        lambda link: link.cancel("A"),
        lambda link: link.events(0),
    ],
)
def test_answer_of_another_kind_is_a_protocol_error(
    ask: Callable[[SocketLink], object], answer: object
) -> None:
    """C47: whatever an answer holds, only errors of the broker family come out."""

    def reply(line: bytes) -> bytes:
        return json.dumps({"id": json.loads(line)["id"], "answer": answer}).encode() + b"\n"

    with scripted(reply) as (port, _), linked(port) as link, pytest.raises(ProtocolError):
        ask(link)


def test_link_is_opened_again_after_it_broke() -> None:
    """After a cut the next call connects anew, and the server's other clients are not touched."""
    answers = iter([None])

    def reply(line: bytes) -> bytes | None:
        return next(answers, json.dumps({"id": json.loads(line)["id"]}).encode() + b"\n")

    with scripted(reply) as (port, lines), linked(port) as link:
        with pytest.raises(Unavailable):
            link.find("A")
        assert link.find("A") is None
        assert len(lines) == 2


def test_local_link_is_the_exchange_itself() -> None:
    """In this process nothing lies between the adapter and the exchange."""
    exchange: SimExchange = exchange_on()
    assert LocalLink(exchange).submit == exchange.submit
