"""Tests of the simulated broker as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rigd.broker.links import LOOPBACK, SocketLink
from rigd.broker.wire import pack
from rigd.core.clock import iso
from rigd.core.errors import ExitCode, OrderRejected, ProtocolError, Unavailable
from rigd.core.orders import OrdStatus
from rigd.core.values import Side
from rigd.hosts.broker_door import port_of
from rigd.hosts.devserver import Desk, Manners, Server, main
from tests.broker.market import DAY, OPENS, exchange_on, minute_of, order
from tests.conformance.stages import serving
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAT = (50.0, 50.0, 50.0, 50.0)


@contextmanager
def process(log: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process and its port; killed at the end if it still runs."""
    command = [sys.executable, "-m", "rigd.hosts.devserver", "--log", str(log), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        assert server.stdout is not None
        try:
            yield server, int(server.stdout.readline())
        finally:
            server.kill()


def ask(desk: Desk, **request: object) -> dict[str, object]:
    return json.loads(desk.answer(json.dumps(request).encode()))


def test_orders_survive_the_client_and_the_kill_of_the_server(tmp_path: Path) -> None:
    """What a client sent is there for the next client, and after SIGKILL for the next server."""
    log = tmp_path / "truth.log"
    with process(log, "--commission", "0.001", "--starting-cash", "20000") as (server, port):
        first = SocketLink(port)
        first.begin_session(DAY, 1, OPENS)
        first.submit(order("A"))
        first.open_bar(minute_of(0, AAA=FLAT))
        first.close()
        second = SocketLink(port)
        found = second.find("A")
        assert found is not None
        assert found.ord_status is OrdStatus.FILLED
        server.send_signal(signal.SIGKILL)
        server.wait()
        with pytest.raises(Unavailable):
            second.account()
        second.close()
    with process(log, "--commission", "0.001") as (server, port):
        third = SocketLink(port)
        assert third.account().cash == 20_000 - 5_000 - 5
        assert [position.qty for position in third.positions()] == [100]
        third.close()
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0


def test_log_of_another_account_stops_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A truth file that belongs to another account is refused with its reason and exit code."""
    log = tmp_path / "truth.log"
    with process(log, "--account", "RIGD_USA_SIM_09") as (_, port):
        link = SocketLink(port)
        link.begin_session(DAY, 1, OPENS)
        link.close()
    code = main(["--log", str(log), "--account", "RIGD_USA_SIM_01"])
    assert code == ExitCode.TAMPERED
    assert "truth.log" in capsys.readouterr().err


def test_it_listens_on_the_loopback_address_alone() -> None:
    """No address of the machine but 127.0.0.1 answers."""
    server = Server(Desk(exchange_on()))
    try:
        assert server._listener.getsockname()[0] == LOOPBACK == "127.0.0.1"
    finally:
        server.close()


def test_two_clients_are_served_side_by_side() -> None:
    """An observer sees the orders of another client while both are connected."""
    with serving(exchange_on()) as port:
        trader, observer = SocketLink(port), SocketLink(port)
        observer.open()
        trader.submit(order("A"))
        assert [found.cl_ord_id for found in observer.open_orders()] == ["A"]
        trader.close()
        observer.close()


def test_what_a_dead_client_sent_is_done_before_a_later_client_is_answered() -> None:
    """An order whose sender died unanswered is found by the look-up of a client after it."""
    server = Server(Desk(exchange_on()))
    submit = {"id": 1, "op": "submit", "request": pack(order("A"))}
    try:
        dead = socket.create_connection((LOOPBACK, server.port))
        server.step(1.0)
        with socket.create_connection((LOOPBACK, server.port)) as later:
            server.step(1.0)
            later.sendall(b'{"id": 1, "op": "find", "cl_ord_id": "A"}\n')
            dead.sendall(json.dumps(submit).encode() + b"\n")
            dead.close()
            server.step(1.0)
            later.settimeout(5.0)
            with later.makefile() as answers:
                answer = json.loads(answers.readline())
        assert answer["answer"]["ord_status"] == "NEW"
    finally:
        server.close()


def test_request_in_pieces_and_two_at_once_are_answered_in_order() -> None:
    """Lines are what counts, not packets."""
    with serving(exchange_on()) as port, socket.create_connection((LOOPBACK, port)) as client:
        client.sendall(b'{"id": 1, "op": "fi')
        client.sendall(b'nd", "cl_ord_id": "A"}\n{"id": 2, "op": "open_orders"}\n')
        with client.makefile() as answers:
            assert json.loads(answers.readline()) == {"id": 1, "answer": None}
            assert json.loads(answers.readline()) == {"id": 2, "answer": []}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"[]",
        b"{}",
        b'{"op": "shutdown"}',
        b'{"op": "submit"}',
        b'{"op": "submit", "request": {"is": "Gap", "since": "2026-11-20T14:30:00Z"}}',
        b'{"op": "find", "cl_ord_id": []}',
        b'{"op": "fills", "since": "2026-11-20"}',
        b'{"op": "begin_session", "day": "x", "number": 1, "opens": "y"}',
        b'{"op": "open_bar", "slice": {"minute": 9, "bars": {}}}',
        b'{"op": "trade_through", "slice": {"minute": 9, "start": "20261120T1439Z", "bars": {}}}',
    ],
)
def test_senseless_request_is_answered_with_a_protocol_error(line: bytes) -> None:
    """Nothing that a client can send stops the server; the exchange is as before."""
    exchange = exchange_on()
    answer = json.loads(Desk(exchange).answer(line))
    assert answer["error"]["error"] == ProtocolError.__name__
    assert exchange.events(0) == ([], 0)


def test_answer_carries_the_number_of_its_request() -> None:
    """A refusal too: the client can tell which request it belongs to."""
    desk = Desk(exchange_on())
    assert ask(desk, id=41, op="find", cl_ord_id="none") == {"id": 41, "answer": None}
    assert ask(desk, id=42, op="nonsense")["id"] == 42


def test_a_slow_broker_takes_its_time_and_a_strict_one_says_when() -> None:
    """Clients wait for each answer and are refused when they ask too often; the player is not."""
    clock = FakeClock()
    desk = Desk(exchange_on(), Manners(clock=clock, delay_s=0.25, requests_per_s=2.0))
    for number in range(3):
        assert "answer" in ask(desk, id=number, op="positions")
    assert clock.slept == [0.25] * 3
    refused = ask(desk, id=3, op="positions")["error"]
    assert refused["error"] == "RateLimited"
    assert refused["retry_at"] == iso(clock.now() + timedelta(seconds=0.25))
    assert "answer" in ask(desk, id=4, op="fill_at_marks")
    assert "answer" in ask(desk, id=5, op="positions")


def test_the_server_is_found_beside_its_log_while_it_serves(tmp_path: Path) -> None:
    """The port lies there from the first answer to the last, and not after it."""
    log = tmp_path / "RIGD_USA_SIM_01.log"
    with process(log) as (server, port):
        assert port_of(log) == port
        server.send_signal(signal.SIGTERM)
        server.wait()
    assert port_of(log) is None
    assert not log.with_suffix(".json").exists()


def test_it_has_trailing_stops_when_it_is_told_to(tmp_path: Path) -> None:
    """With ``--native-trailing`` a trailing stop is taken and follows; without, it is refused."""
    trail = order("T", Side.SELL, stop="49", trail="0.02")
    for options, taken in ((("--native-trailing",), True), ((), False)):
        log = tmp_path / f"truth_{taken}.log"
        with process(log, *options) as (_, port):
            link = SocketLink(port)
            link.begin_session(DAY, 1, OPENS)
            link.submit(order("A"))
            link.open_bar(minute_of(0, AAA=FLAT))
            if not taken:
                with pytest.raises(OrderRejected, match="bad_type"):
                    link.submit(trail)
                link.close()
                continue
            link.submit(trail)
            link.trade_through(minute_of(0, AAA=(50.0, 55.0, 50.0, 54.0)))
            link.open_bar(minute_of(1, AAA=(53.0, 53.0, 53.0, 53.0)))
            assert [fill.price for fill in link.fills(OPENS)] == [50, 53]
            link.close()
