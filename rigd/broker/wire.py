"""JSON forms of what passes between a broker's client, its server and its log.

Decimals travel as text, instants as ISO 8601 with ``Z``; nothing is rounded on the way.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rigd.core.clock import from_iso, iso
from rigd.core.errors import (
    AuthError,
    BrokerError,
    NotSupported,
    OrderRejected,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    Unavailable,
)
from rigd.core.options import OptionContract
from rigd.core.orders import (
    Account,
    BrokerClock,
    BrokerEvent,
    BrokerPosition,
    ExecType,
    Fill,
    Gap,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
    TimeInForce,
)
from rigd.core.readings import OptionRight
from rigd.core.values import Bar, MarketSlice, Side

Json = dict[str, Any]
"""A JSON object."""

Message = (
    OrderRequest
    | OptionContract
    | OrderSnapshot
    | Fill
    | Gap
    | BrokerPosition
    | Account
    | BrokerClock
)
"""The values that travel."""

_BY_NAME: dict[str, type[Message]] = {
    cls.__name__: cls
    for cls in (
        OrderRequest,
        OptionContract,
        OrderSnapshot,
        Fill,
        Gap,
        BrokerPosition,
        Account,
        BrokerClock,
    )
}

_READERS: dict[str, Any] = {
    "side": Side,
    "ord_type": OrdType,
    "tif": TimeInForce,
    "ord_status": OrdStatus,
    "exec_type": ExecType,
    "updated_at": from_iso,
    "ts": from_iso,
    "since": from_iso,
    "now": from_iso,
    "qty": Decimal,
    "cum_qty": Decimal,
    "price": Decimal,
    "avg_px": Decimal,
    "limit_price": Decimal,
    "stop_price": Decimal,
    "trail_fraction": Decimal,
    "commission": Decimal,
    "strike": Decimal,
    "right": OptionRight,
    "expires_on": date.fromisoformat,
    "cash": Decimal,
    "equity": Decimal,
    "buying_power": Decimal,
}
"""How a field is read, by its name; one that is missing here is taken as it is."""

_ERRORS: dict[str, type[BrokerError]] = {
    cls.__name__: cls
    for cls in (OutcomeUnknown, Unavailable, AuthError, NotSupported, ProtocolError)
}


def pack(message: Message) -> Json:
    """Return a value as a JSON object that names its type."""
    packed: Json = {"is": type(message).__name__}
    for field in fields(message):
        packed[field.name] = _plain(getattr(message, field.name))
    return packed


def unpack(packed: Json) -> Message:
    """Return the value that `pack` took apart.

    Parameters
    ----------
    packed
        What `pack` returned.

    Returns
    -------
    Message
        An equal value.

    Raises
    ------
    ProtocolError
        If the object is not of a known type or has other fields.
    """
    try:
        values = dict(packed)
        cls = _BY_NAME[values.pop("is")]
        return cls(**{name: _read(name, value) for name, value in values.items()})
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        msg = f"a message must be one of {sorted(_BY_NAME)} with its fields, was {packed!r}"
        raise ProtocolError(msg) from error


def pack_slice(slice_: MarketSlice) -> Json:
    """Return a minute of bars as a JSON object."""
    bars = {symbol: list(bar[1:]) for symbol, bar in slice_.bars.items()}
    return {"minute": slice_.minute, "start": iso(slice_.start), "bars": bars}


def unpack_slice(packed: Json) -> MarketSlice:
    """Return the minute of bars that `pack_slice` took apart; the floats are the same."""
    try:
        minute = int(packed["minute"])
        bars = {str(s): Bar(minute, *map(float, row)) for s, row in packed["bars"].items()}
        return MarketSlice(minute, from_iso(packed["start"]), bars)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"a slice must have minute, start and bars of five numbers: {error}"
        raise ProtocolError(msg) from error


def pack_error(error: BrokerError) -> Json:
    """Return an error of the broker family as a JSON object."""
    packed: Json = {"error": type(error).__name__, "text": error.message}
    if isinstance(error, OrderRejected):
        packed |= {"code": error.code, "text": error.text}
    if isinstance(error, RateLimited):
        packed["retry_at"] = iso(error.retry_at)
    return packed


def unpack_error(packed: Json) -> BrokerError:
    """Return the error that `pack_error` took apart; an unknown one becomes ProtocolError."""
    name, text = str(packed.get("error")), str(packed.get("text", ""))
    if name == OrderRejected.__name__:
        return OrderRejected(str(packed.get("code", "")), text)
    if name == RateLimited.__name__:
        return RateLimited(from_iso(str(packed["retry_at"])))
    return _ERRORS.get(name, ProtocolError)(text)


def is_event(message: Message) -> BrokerEvent:
    """Return a message that is an event of the broker's stream, or raise ProtocolError."""
    if isinstance(message, OrderSnapshot | Fill | Gap):
        return message
    msg = f"an event must be a snapshot, a fill or a gap, was {type(message).__name__}"
    raise ProtocolError(msg)


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, OptionContract):
        return pack(value)
    return value


def _read(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON values
    reader = unpack if name == "contract" else _READERS.get(name)
    return value if value is None or reader is None else reader(value)
