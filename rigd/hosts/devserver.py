"""A simulated broker as a process of its own: ``python -m rigd.hosts.devserver --log FILE``.

It owns the exchange and its log, listens on the loopback address alone, and outlives its clients:
a bot that is killed finds its orders here when it starts again. The first line that it prints is
its port, which it also announces beside its log. One thread serves all clients, the longest
connected first and each until it has nothing more to say; what a client sent before it died is
therefore done before a later one is answered.
"""

from __future__ import annotations

import argparse
import json
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.broker.links import LOOPBACK
from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.broker.wire import Json, pack, pack_error, unpack, unpack_slice
from rigd.core.clock import SystemClock, from_iso
from rigd.core.draws import Draws
from rigd.core.errors import BrokerError, ProtocolError, RateLimited, RigdError
from rigd.core.orders import OrderRequest
from rigd.core.ports import ControlClock
from rigd.hosts import broker_door
from rigd.store.chainlog import ChainLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

CHUNK_BYTES = 1 << 16
"""How much is read from a client at a time."""

MAX_LINE_BYTES = 1 << 26
"""The longest request; a client that sends more is cut off."""


_MARKET = frozenset({"begin_session", "open_bar", "trade_through", "end_session", "fill_at_marks"})
"""What the market's player asks; a broker's slowness and quota are for its clients alone."""


@dataclass(slots=True, kw_only=True)
class Manners:
    """How slow the broker is, and how often it may be asked.

    Parameters
    ----------
    clock
        The control clock.
    delay_s
        How long each answer to a client takes [s].
    requests_per_s
        How many requests of clients it takes, so many at once; more are answered with a rate
        limit. 0: any number.
    """

    clock: ControlClock
    delay_s: float = 0.0
    requests_per_s: float = 0.0
    _tokens: float = 0.0
    _at_s: float = float("-inf")

    def observe(self, op: str) -> None:
        """Take the time that an answer takes, or raise RateLimited when it is asked too often."""
        if op in _MARKET:
            return
        if self.delay_s:
            self.clock.sleep(self.delay_s)
        rate, now = self.requests_per_s, self.clock.monotonic()
        if not rate:
            return
        self._tokens = min(max(rate, 1.0), self._tokens + (now - self._at_s) * rate)
        self._at_s = now
        if self._tokens < 1.0:
            left = timedelta(seconds=(1.0 - self._tokens) / rate)
            raise RateLimited(self.clock.now() + left)
        self._tokens -= 1.0


class Desk:
    """Turns requests into calls of the exchange, and their results into answers.

    Parameters
    ----------
    exchange
        The exchange that is served.
    manners
        How slow and how patient it is; at once and always by default.
    """

    def __init__(self, exchange: SimExchange, manners: Manners | None = None) -> None:
        self._exchange = exchange
        self._manners = manners
        self._ops: dict[str, Callable[[Json], Any]] = {
            "begin_session": self._begin_session,
            "open_bar": lambda ask: exchange.open_bar(unpack_slice(ask["slice"])),
            "trade_through": lambda ask: exchange.trade_through(unpack_slice(ask["slice"])),
            "end_session": lambda ask: exchange.end_session(_marks(ask)),
            "fill_at_marks": lambda _: exchange.fill_at_marks(),
            "submit": lambda ask: pack(exchange.submit(_request(ask["request"]))),
            "cancel": lambda ask: exchange.cancel(ask["cl_ord_id"]).value,
            "replace": lambda ask: pack(exchange.replace(ask["cl_ord_id"], _request(ask["new"]))),
            "find": self._find,
            "open_orders": lambda _: [pack(order) for order in exchange.open_orders()],
            "fills": lambda ask: [pack(fill) for fill in exchange.fills(from_iso(ask["since"]))],
            "positions": lambda _: [pack(position) for position in exchange.positions()],
            "account": lambda _: pack(exchange.account()),
            "clock": lambda _: pack(exchange.clock()),
            "events": self._events,
        }

    def answer(self, line: bytes) -> bytes:
        """Return the answer to one request, as a line.

        Parameters
        ----------
        line
            A JSON object with ``id``, ``op`` and the operation's arguments.

        Returns
        -------
        bytes
            ``{"id", "answer"}``, or ``{"id", "error"}`` when the exchange refused or the request
            makes no sense.
        """
        number: object = None
        try:
            ask = json.loads(line)
            number = ask.get("id")
            if self._manners is not None:
                self._manners.observe(ask["op"])
            reply = {"id": number, "answer": self._ops[ask["op"]](ask)}
        except BrokerError as error:
            reply = {"id": number, "error": pack_error(error)}
        except RigdError as error:
            reply = {"id": number, "error": pack_error(ProtocolError(error.message))}
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"a request must be a known operation with its arguments: {error!r}"
            reply = {"id": number, "error": pack_error(ProtocolError(text))}
        return json.dumps(reply).encode() + b"\n"

    def _begin_session(self, ask: Json) -> None:
        day, number = date.fromisoformat(ask["day"]), int(ask["number"])
        self._exchange.begin_session(day, number, from_iso(ask["opens"]))

    def _find(self, ask: Json) -> Json | None:
        snapshot = self._exchange.find(ask["cl_ord_id"])
        return pack(snapshot) if snapshot else None

    def _events(self, ask: Json) -> Json:
        events, cursor = self._exchange.events(int(ask["cursor"]))
        return {"events": [pack(event) for event in events], "cursor": cursor}


class Server:
    """Serves a desk on a loopback port.

    Parameters
    ----------
    desk
        Who answers.
    port
        The port to listen on; 0 for any that is free.
    """

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self._desk = desk
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server((LOOPBACK, port))
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._clients: dict[socket.socket, bytearray] = {}
        self._stopped = False
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Serve until `stop` is called."""
        while not self._stopped:
            self.step(None)
        self.close()

    def step(self, timeout_s: float | None) -> None:
        """Wait for clients and serve those that have something to say, the oldest first."""
        ready = {key.fileobj for key, _ in self._selector.select(timeout_s)}
        for client in list(self._clients):
            if client in ready:
                self._serve_client(client)
        if self._listener in ready:
            self._accept()

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Let `serve` return; also a signal handler."""
        self._stopped = True
        self._wake.send(b".")

    def close(self) -> None:
        """Close every connection and the port."""
        for client in list(self._clients):
            self._forget(client)
        self._selector.close()
        for end in (self._listener, self._wake, self._woken):
            end.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(client, selectors.EVENT_READ)
        self._clients[client] = bytearray()

    def _serve_client(self, client: socket.socket) -> None:
        """Answer all that a client has sent; forget it when it is gone."""
        buffer = self._clients[client]
        try:
            while chunk := client.recv(CHUNK_BYTES):
                buffer += chunk
                self._answer_lines(client, buffer)
        except BlockingIOError:
            return
        except OSError:
            pass  # it died: the orders that it sent stand, the answers have no reader
        self._forget(client)

    def _answer_lines(self, client: socket.socket, buffer: bytearray) -> None:
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            answer = self._desk.answer(line)
            client.setblocking(True)
            client.sendall(answer)
            client.setblocking(False)
        if len(buffer) > MAX_LINE_BYTES:
            msg = f"a request must end within {MAX_LINE_BYTES} bytes"
            raise ConnectionAbortedError(msg)

    def _forget(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        del self._clients[client]
        client.close()


def open_exchange(
    log_path: Path, *, account: str, currency: str, seed: int, model: SimModel
) -> SimExchange:
    """Return the exchange of a truth file, which is created when it is missing."""
    make = ChainLog.open if log_path.exists() else ChainLog.create
    return SimExchange(
        make(log_path, broker_door.genesis(account)), model, Draws(seed), account, currency
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    arguments
        The command line; that of the process by default.

    Returns
    -------
    int
        The exit code: 0, or that of the error that stopped it.
    """
    options = _parser().parse_args(arguments)
    try:
        exchange = open_exchange(
            options.log,
            account=options.account,
            currency=options.currency,
            seed=options.seed,
            model=_model(options),
        )
    except RigdError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    manners = Manners(
        clock=SystemClock(),
        delay_s=options.delay_ms / 1000.0,
        requests_per_s=options.requests_per_s,
    )
    server = Server(Desk(exchange, manners), options.port)
    broker_door.announce(options.log, server.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.stop)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve()
    broker_door.retract(options.log)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rigd.hosts.devserver", description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="the account's truth file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--account", default="RIGD_USA_SIM_01")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--slippage", choices=list(SlippageKind), default=SlippageKind.NONE)
    parser.add_argument("--slippage-mean", type=float, default=0.0)
    parser.add_argument("--slippage-stddev", type=float, default=0.0)
    parser.add_argument("--commission", type=Decimal, default=Decimal(0))
    parser.add_argument("--partial-fill-rate", type=float, default=0.0)
    parser.add_argument("--reject-rate", type=float, default=0.0)
    parser.add_argument("--lost-reply-rate", type=float, default=0.0)
    parser.add_argument("--refused-cancel-rate", type=float, default=0.0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--requests-per-s", type=float, default=0.0)
    parser.add_argument("--starting-cash", type=Decimal, default=Decimal(100_000))
    parser.add_argument("--native-trailing", action="store_true")
    return parser


def _model(options: argparse.Namespace) -> SimModel:
    return SimModel(
        latency_ms=options.latency_ms,
        slippage=SlippageKind(options.slippage),
        slippage_mean=options.slippage_mean,
        slippage_stddev=options.slippage_stddev,
        commission_fraction=options.commission,
        partial_fill_rate=options.partial_fill_rate,
        reject_rate=options.reject_rate,
        lost_reply_rate=options.lost_reply_rate,
        refused_cancel_rate=options.refused_cancel_rate,
        starting_cash=options.starting_cash,
        native_trailing=options.native_trailing,
    )


def _request(packed: Json) -> OrderRequest:
    message = unpack(packed)
    if isinstance(message, OrderRequest):
        return message
    msg = f"expected an order request, was {type(message).__name__}"
    raise ProtocolError(msg)


def _marks(ask: Json) -> dict[str, float]:
    return {str(symbol): float(mark) for symbol, mark in ask["marks"].items()}


if __name__ == "__main__":
    sys.exit(main())
