"""Tests of the JSON forms: what is packed and sent comes out equal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rigd.broker.wire import (
    Message,
    is_event,
    pack,
    pack_error,
    pack_slice,
    unpack,
    unpack_error,
    unpack_slice,
)
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
    BrokerPosition,
    Fill,
    Gap,
    OrderSnapshot,
    OrdStatus,
)
from rigd.core.readings import OptionRight
from rigd.core.values import Side
from tests.broker.market import minute_of, order

AT = datetime(2026, 11, 20, 14, 30, 0, 123456, tzinfo=UTC)
FINE = Decimal("0.1234567890123456789")
FILL = Fill(
    exec_key="E",
    cl_ord_id="A",
    broker_order_id="S",
    symbol="BRK.B",
    side=Side.BUY_TO_COVER,
    qty=FINE,
    price=Decimal("1E+3"),
    ts=AT,
)
CONTRACT = OptionContract(
    underlying="SPY", right=OptionRight.PUT, strike=Decimal("165.50"), expires_on=date(2013, 10, 19)
)
MESSAGES: tuple[Message, ...] = (
    order("A"),
    order("B", Side.SELL, stop="0.1000", group="G"),
    order("C", Side.SELL, stop="0.1000", trail="0.015", group="G"),
    replace(order("D", symbol="SPY"), contract=CONTRACT),
    CONTRACT,
    FILL,
    Gap(since=AT, reason="why"),
    OrderSnapshot(
        cl_ord_id="A",
        broker_order_id="S",
        symbol="AAA",
        side=Side.BUY,
        qty=FINE,
        cum_qty=Decimal(0),
        avg_px=None,
        ord_status=OrdStatus.NEW,
        updated_at=AT,
    ),
    BrokerPosition(symbol="AAA", qty=Decimal(-5), avg_px=FINE),
    Account(account_id="X", currency="USD", cash=FINE, equity=FINE, buying_power=FINE),
    BrokerClock(now=AT, is_open=True),
)
ERRORS: tuple[BrokerError, ...] = (
    OrderRejected("code", "text: more"),
    OutcomeUnknown("lost"),
    Unavailable("gone"),
    AuthError("no"),
    NotSupported("cannot"),
    ProtocolError("odd"),
    RateLimited(AT),
)


@pytest.mark.parametrize("message", MESSAGES)
def test_message_survives_the_wire(message: Message) -> None:
    """Through JSON text and back, nothing is rounded and no enum or instant changes its type."""
    again = unpack(json.loads(json.dumps(pack(message))))
    assert again == message
    assert repr(again) == repr(message)


def test_slice_survives_the_wire_to_the_last_bit() -> None:
    """Floats that no short decimal shows come out the same."""
    slice_ = minute_of(7, AAA=(0.1 + 0.2, 1 / 3, 1e-17, 2**0.5))
    assert unpack_slice(json.loads(json.dumps(pack_slice(slice_)))) == slice_


@pytest.mark.parametrize("error", ERRORS)
def test_error_survives_the_wire(error: BrokerError) -> None:
    """Type, text and code are those of the exchange."""
    again = unpack_error(json.loads(json.dumps(pack_error(error))))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"is": "Secret"},
        {**pack(FILL), "qty": "many"},
        {**pack(FILL), "ts": "yesterday"},
        {**pack(FILL), "side": "sideways"},
        {**pack(FILL), "extra": 1},
        {"is": "Gap"},
    ],
)
def test_odd_message_is_a_protocol_error(odd: dict[str, object]) -> None:
    """Missing, unknown and malformed fields never become a value."""
    with pytest.raises(ProtocolError):
        unpack(odd)


@pytest.mark.parametrize("odd", [{}, {"minute": 1, "start": "x", "bars": {}}, {"bars": []}])
def test_odd_slice_is_a_protocol_error(odd: dict[str, object]) -> None:
    """A slice without its parts is refused."""
    with pytest.raises(ProtocolError):
        unpack_slice(odd)


def test_unknown_error_becomes_a_protocol_error() -> None:
    """An error name outside the family cannot name any other class."""
    assert type(unpack_error({"error": "KeyboardInterrupt", "text": "x"})) is ProtocolError


def test_only_events_are_events() -> None:
    """A position is no event of the stream."""
    assert is_event(FILL) is FILL
    with pytest.raises(ProtocolError):
        is_event(BrokerPosition(symbol="AAA", qty=FINE, avg_px=FINE))
