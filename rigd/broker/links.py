"""The ways to the simulated exchange: in this process, or over a loopback socket to its server.

Over the socket a request is one line of JSON and so is its answer. A request that cannot have left
raises Unavailable; an order whose answer is missing raises OutcomeUnknown and is not sent again.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from rigd.broker.wire import (
    Json,
    is_event,
    pack,
    pack_slice,
    unpack,
    unpack_error,
)
from rigd.core.clock import iso
from rigd.core.errors import OutcomeUnknown, ProtocolError, Unavailable
from rigd.core.orders import Account, BrokerClock, BrokerPosition, CancelAck, Fill, OrderSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    from rigd.broker.simulated.exchange import SimExchange
    from rigd.core.orders import BrokerEvent, OrderRequest
    from rigd.core.values import MarketSlice

_T = TypeVar("_T")

LOOPBACK = "127.0.0.1"
"""The only address that a simulated exchange listens on."""

ORDER_MARK = socket.MSG_NOSIGNAL
"""Sent with every message that changes an order, and with no other: the crash matrix knows it by
that at the system's door. To Python, which ignores the signal, it changes nothing."""


class Link(Protocol):
    """What the adapter and the player of the market ask of the exchange, as plain calls."""

    def open(self) -> None:
        """Open the link; nothing when it is open."""
        ...

    def close(self) -> None:
        """Close the link; nothing when it is closed."""
        ...

    def begin_session(self, day: date, number: int, opens: datetime) -> None:
        """Begin a session, or go on with it."""
        ...

    def open_bar(self, slice_: MarketSlice) -> None:
        """Open a minute."""
        ...

    def trade_through(self, slice_: MarketSlice) -> None:
        """Trade a minute from its open to its close."""
        ...

    def end_session(self, marks: Mapping[str, float] | None = None) -> None:
        """End the session."""
        ...

    def fill_at_marks(self) -> None:
        """Fill the exits that wait at the last marks: the market's player is gone."""
        ...

    def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Take an order in."""
        ...

    def cancel(self, cl_ord_id: str) -> CancelAck:
        """Cancel a working order."""
        ...

    def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Replace a working order by a new one."""
        ...

    def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Return the order of an id."""
        ...

    def open_orders(self) -> list[OrderSnapshot]:
        """Return the working orders."""
        ...

    def fills(self, since: datetime) -> list[Fill]:
        """Return the fills at or after an instant."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """Return the open positions."""
        ...

    def account(self) -> Account:
        """Return the money."""
        ...

    def clock(self) -> BrokerClock:
        """Return the exchange's time."""
        ...

    def events(self, cursor: int) -> tuple[list[BrokerEvent], int]:
        """Return what happened after the first `cursor` events, and the new cursor."""
        ...


class LocalLink:
    """Direct calls of an exchange in this process.

    Parameters
    ----------
    exchange
        The exchange; its methods become the link's own.
    """

    def __init__(self, exchange: SimExchange) -> None:
        self.begin_session = exchange.begin_session
        self.open_bar = exchange.open_bar
        self.trade_through = exchange.trade_through
        self.end_session = exchange.end_session
        self.fill_at_marks = exchange.fill_at_marks
        self.submit = exchange.submit
        self.cancel = exchange.cancel
        self.replace = exchange.replace
        self.find = exchange.find
        self.open_orders = exchange.open_orders
        self.fills = exchange.fills
        self.positions = exchange.positions
        self.account = exchange.account
        self.clock = exchange.clock
        self.events = exchange.events

    def open(self) -> None:
        """Do nothing: the exchange is here."""

    def close(self) -> None:
        """Do nothing: the exchange belongs to its host."""


class SocketLink:
    """Calls of an exchange in another process of this machine.

    Parameters
    ----------
    port
        The loopback port on which the server listens.
    timeout_s
        How long an answer may take [s].
    """

    def __init__(self, port: int, timeout_s: float = 5.0) -> None:
        self._address = (LOOPBACK, port)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._number = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Connect; nothing when connected.

        Raises
        ------
        Unavailable
            If nobody listens there.
        """
        with self._lock:
            self._connected()

    def close(self) -> None:
        """Disconnect; nothing when disconnected. The server goes on."""
        with self._lock:
            self._disconnect()

    def begin_session(self, day: date, number: int, opens: datetime) -> None:
        """Begin a session, or go on with it."""
        self._ask("begin_session", day=day.isoformat(), number=number, opens=iso(opens))

    def open_bar(self, slice_: MarketSlice) -> None:
        """Open a minute."""
        self._ask("open_bar", slice=pack_slice(slice_))

    def trade_through(self, slice_: MarketSlice) -> None:
        """Trade a minute from its open to its close."""
        self._ask("trade_through", slice=pack_slice(slice_))

    def end_session(self, marks: Mapping[str, float] | None = None) -> None:
        """End the session."""
        self._ask("end_session", marks=dict(marks or {}))

    def fill_at_marks(self) -> None:
        """Fill the exits that wait at the last marks: the market's player is gone."""
        self._ask("fill_at_marks")

    def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Take an order in; exactly one attempt on the wire."""
        return _snapshot(self._ask("submit", sends=True, request=pack(request)))

    def cancel(self, cl_ord_id: str) -> CancelAck:
        """Cancel a working order."""
        return _read(CancelAck, self._ask("cancel", sends=True, cl_ord_id=cl_ord_id))

    def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Replace a working order by a new one; exactly one attempt on the wire."""
        answer = self._ask("replace", sends=True, cl_ord_id=cl_ord_id, new=pack(new))
        return _snapshot(answer)

    def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Return the order of an id."""
        answer = self._ask("find", cl_ord_id=cl_ord_id)
        return None if answer is None else _snapshot(answer)

    def open_orders(self) -> list[OrderSnapshot]:
        """Return the working orders."""
        return _many(OrderSnapshot, self._ask("open_orders"))

    def fills(self, since: datetime) -> list[Fill]:
        """Return the fills at or after an instant."""
        return _many(Fill, self._ask("fills", since=iso(since)))

    def positions(self) -> list[BrokerPosition]:
        """Return the open positions."""
        return _many(BrokerPosition, self._ask("positions"))

    def account(self) -> Account:
        """Return the money."""
        return _one(Account, self._ask("account"))

    def clock(self) -> BrokerClock:
        """Return the exchange's time."""
        return _one(BrokerClock, self._ask("clock"))

    def events(self, cursor: int) -> tuple[list[BrokerEvent], int]:
        """Return what happened after the first `cursor` events, and the new cursor."""
        return _read(_told, self._ask("events", cursor=cursor))

    def _ask(self, op: str, *, sends: bool = False, **arguments: object) -> Any:  # noqa: ANN401 - JSON values
        """Send one request and return its answer.

        Parameters
        ----------
        op, arguments
            What is asked.
        sends
            Whether the request changes an order, so that it must not be repeated.

        Returns
        -------
        Any
            The answer, as JSON holds it.

        Raises
        ------
        Unavailable
            If nothing can have left, or the request may be repeated.
        OutcomeUnknown
            If a request that changes an order has no answer.
        unpack_error
            The error of the broker family that the exchange answered with.
        """
        with self._lock:
            self._connected()
            self._number += 1
            line = json.dumps({"id": self._number, "op": op, **arguments}).encode() + b"\n"
            try:
                answer = self._exchange_lines(line, ORDER_MARK if sends else 0)
            except (OSError, ProtocolError) as error:
                self._disconnect()
                msg = f"no answer from the simulated exchange to {op}: {error}"
                raise (OutcomeUnknown(msg) if sends else Unavailable(msg)) from error
        if "error" in answer:
            raise unpack_error(answer["error"])
        return answer.get("answer")

    def _connected(self) -> socket.socket:
        if self._socket is None:
            try:
                self._socket = socket.create_connection(self._address, self._timeout_s)
            except OSError as error:
                msg = f"the simulated exchange does not listen on port {self._address[1]}: {error}"
                raise Unavailable(msg) from error
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer.clear()

    def _exchange_lines(self, line: bytes, mark: int) -> Json:
        connection = self._connected()
        connection.sendall(line, mark)
        while (end := self._buffer.find(b"\n")) < 0:
            chunk = connection.recv(1 << 16)
            if not chunk:
                msg = "the connection was closed"
                raise ConnectionResetError(msg)
            self._buffer += chunk
        text = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return _answer_to(self._number, text)


def _answer_to(number: int, text: bytes) -> Json:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    whole = isinstance(answer, dict) and isinstance(answer.get("error", {}), dict)
    if not whole or answer.get("id") != number:
        msg = f"expected the answer to request {number}, was {text[:80]!r}"
        raise ProtocolError(msg)
    return cast("Json", answer)


def _one(cls: type[_T], packed: object) -> _T:
    value = unpack(packed) if isinstance(packed, dict) else None
    if isinstance(value, cls):
        return value
    msg = f"expected a {cls.__name__} from the simulated exchange, was {packed!r}"
    raise ProtocolError(msg)


def _snapshot(packed: object) -> OrderSnapshot:
    return _one(OrderSnapshot, packed)


def _many(cls: type[_T], packed: object) -> list[_T]:
    if isinstance(packed, list):
        return [_one(cls, item) for item in packed]
    msg = f"expected a list of {cls.__name__} from the simulated exchange, was {packed!r}"
    raise ProtocolError(msg)


def _told(answer: Json) -> tuple[list[BrokerEvent], int]:
    return [is_event(unpack(packed)) for packed in answer["events"]], int(answer["cursor"])


def _read(reader: Callable[[Any], _T], answer: Any) -> _T:  # noqa: ANN401 - JSON values
    try:
        return reader(answer)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"an answer of the simulated exchange makes no sense: {answer!r}"
        raise ProtocolError(msg) from error
