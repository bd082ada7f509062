"""Orders, fills and what a broker says about them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import LogicError
from rigd.core.options import OptionContract
from rigd.core.orders import (
    TERMINAL,
    Account,
    BrokerClock,
    BrokerPosition,
    CancelAck,
    Capabilities,
    ExecType,
    Fill,
    Gap,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
    Purpose,
    TimeInForce,
)
from rigd.core.readings import OptionRight
from rigd.core.values import Side

if TYPE_CHECKING:
    from enum import StrEnum

D = Decimal
NOON = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)
PRICE = D("100.25")
STATUSES = """
    PENDING_NEW NEW PARTIALLY_FILLED FILLED DONE_FOR_DAY CANCELED REPLACED PENDING_CANCEL
    PENDING_REPLACE STOPPED REJECTED SUSPENDED EXPIRED
"""


def request(**parts: Any) -> OrderRequest:
    """Return a market order, or what the parts make of it."""
    good: dict[str, Any] = {"cl_ord_id": "R1", "symbol": "SPY", "side": Side.BUY, "qty": D(1)}
    return OrderRequest(**(good | parts))


def snapshot(**parts: Any) -> OrderSnapshot:
    """Return a working order of 10 shares of which 4 are filled."""
    good: dict[str, Any] = {
        "cl_ord_id": "R1",
        "broker_order_id": "7",
        "symbol": "SPY",
        "side": Side.BUY,
        "qty": D(10),
        "cum_qty": D(4),
        "avg_px": PRICE,
        "ord_status": OrdStatus.PARTIALLY_FILLED,
        "updated_at": NOON,
    }
    return OrderSnapshot(**(good | parts))


FILL = Fill(
    exec_key="7:4",
    cl_ord_id="R1",
    broker_order_id="7",
    symbol="SPY",
    side=Side.BUY,
    qty=D(4),
    price=PRICE,
    ts=NOON,
)
VALUES: list[Any] = [
    request(),
    snapshot(),
    FILL,
    Gap(since=NOON, reason="reconnected"),
    BrokerPosition(symbol="SPY", qty=D(-4), avg_px=PRICE),
    Account(account_id="1", currency="USD", cash=D(1), equity=D(1), buying_power=D(1)),
    BrokerClock(now=NOON, is_open=True),
    Capabilities(
        idempotent_submit=True,
        native_oco=True,
        native_replace=True,
        fractional=True,
        short=True,
        exec_ids=True,
        min_notional=D(1),
        quantity_decimals=6,
        cl_ord_id_max=48,
        ord_types=frozenset(OrdType),
        paper=True,
    ),
]


@pytest.mark.parametrize(
    ("choices", "texts"),
    [
        (OrdStatus, STATUSES),
        (OrdType, "market limit stop stop_limit trailing_stop"),
        (TimeInForce, "day gtc ioc"),
        (Purpose, "entry stop target exit"),
        (ExecType, "trade correct bust"),
        (CancelAck, "requested too_late not_found"),
    ],
)
def test_choices_are_those_of_the_broker_page(choices: type[StrEnum], texts: str) -> None:
    """The texts that journal and adapters exchange (BROKERS §6.1) are these."""
    assert [choice.value for choice in choices] == texts.split()


def test_five_statuses_are_terminal() -> None:
    """An order ends FILLED, CANCELED, REPLACED, REJECTED or EXPIRED, and in no other way."""
    names = {"FILLED", "CANCELED", "REPLACED", "REJECTED", "EXPIRED"}
    assert {status.value for status in TERMINAL} == names


@pytest.mark.parametrize("qty", ["0", "-0", "-1", "-0.000001", "NaN", "Infinity", "-Infinity"])
def test_order_without_a_quantity_is_refused(qty: str) -> None:
    """Zero, negatives, NaN and infinity are no quantities."""
    with pytest.raises(LogicError, match=f"must be positive and finite, was {qty}$"):
        request(qty=D(qty))


@given(st.decimals(min_value=D("1e-9"), max_value=D("1e12")))
def test_order_with_a_positive_quantity_stands(qty: Decimal) -> None:
    """Every positive finite quantity is kept as it is."""
    assert request(qty=qty).qty == qty


@pytest.mark.parametrize(
    ("ord_type", "needs"),
    [
        ("market", ""),
        ("limit", "limit"),
        ("stop", "stop"),
        ("stop_limit", "limit stop"),
        ("trailing_stop", "stop"),
    ],
)
@pytest.mark.parametrize("given_", ["", "limit", "stop", "limit stop"])
def test_order_has_exactly_the_prices_of_its_type(ord_type: str, needs: str, given_: str) -> None:
    """A limit price goes with limit types alone, a stop price with stop types alone."""
    prices = {f"{name}_price": PRICE for name in given_.split()}
    if ord_type == "trailing_stop":
        prices["trail_fraction"] = D("0.02")
    if given_ == needs:
        made = request(ord_type=OrdType(ord_type), **prices)
        assert made.limit_price == prices.get("limit_price")
        assert made.stop_price == prices.get("stop_price")
        return
    odd = "limit" if ("limit" in given_) != ("limit" in needs) else "stop"
    with pytest.raises(LogicError, match=f"a {ord_type} order and {odd} price .* do not go"):
        request(ord_type=OrdType(ord_type), **prices)


@pytest.mark.parametrize("trail", ["0", "1", "-0.02", "2", "NaN", "Infinity"])
def test_trail_that_is_no_fraction_is_refused(trail: str) -> None:
    """A trail lies between 0 and 1, both excluded."""
    with pytest.raises(LogicError, match="a trail must be a fraction"):
        request(ord_type=OrdType.TRAILING_STOP, stop_price=PRICE, trail_fraction=D(trail))


def test_only_a_trailing_stop_has_a_trail() -> None:
    """A trailing stop without a trail is refused, and so is a stop with one."""
    with pytest.raises(LogicError, match="trailing_stop order and trail None do not go"):
        request(ord_type=OrdType.TRAILING_STOP, stop_price=PRICE)
    with pytest.raises(LogicError, match=r"a stop order and trail .* do not go"):
        request(ord_type=OrdType.STOP, stop_price=PRICE, trail_fraction=D("0.02"))


CONTRACT = OptionContract(
    underlying="SPY", right=OptionRight.PUT, strike=D("165.5"), expires_on=date(2024, 3, 15)
)


def test_an_order_can_carry_an_option_contract() -> None:
    """Whole contracts, bought or sold again, under the underlying's symbol."""
    for side in (Side.BUY, Side.SELL):
        assert request(side=side, contract=CONTRACT).contract is CONTRACT
    assert request().contract is None


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"symbol": "IBM"}, "an option on SPY and symbol IBM"),
        ({"side": Side.SELL_SHORT}, "bought and sold as whole contracts"),
        ({"side": Side.BUY_TO_COVER}, "bought and sold as whole contracts"),
        ({"qty": D("1.5")}, "bought and sold as whole contracts"),
    ],
)
def test_an_option_is_never_written_and_never_cut(parts: dict[str, Any], message: str) -> None:
    """No short option, no part of a contract, no other underlying."""
    with pytest.raises(LogicError, match=message):
        request(contract=CONTRACT, **parts)


def test_order_is_a_market_order_of_the_day_by_default() -> None:
    """Without more it is a market order for the day, alone."""
    made = request()
    assert (made.ord_type, made.tif, made.oco_group) == ("market", "day", "")
    assert made.limit_price is None
    assert made.stop_price is None


def test_changed_order_is_checked_again() -> None:
    """A replaced field cannot make an order that the checks refuse."""
    with pytest.raises(LogicError):
        replace(request(), qty=D(0))


@pytest.mark.parametrize("status", list(OrdStatus))
def test_leaves_are_open_until_the_order_ends(status: OrdStatus) -> None:
    """What is left is quantity minus filled while an order works, and nothing afterwards."""
    ended = status.value in {"FILLED", "CANCELED", "REPLACED", "REJECTED", "EXPIRED"}
    assert snapshot(ord_status=status).leaves_qty == (0 if ended else 6)


@pytest.mark.parametrize(
    "instant",
    [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=-5)))],
    ids=["naive", "local"],
)
def test_report_with_another_time_than_utc_is_refused(instant: datetime) -> None:
    """A fill, a snapshot, a gap and a broker's clock speak UTC or do not exist."""
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        replace(FILL, ts=instant)
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        snapshot(updated_at=instant)
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        Gap(since=instant, reason="")
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        BrokerClock(now=instant, is_open=True)


def test_fill_is_a_trade_with_unknown_commission_by_default() -> None:
    """A commission that the broker has not reported is None, never zero."""
    assert FILL.commission is None
    assert (FILL.exec_type, FILL.exec_ref_key, FILL.synthetic) == (ExecType.TRADE, "", False)


def test_lookup_is_not_trusted_unless_a_broker_says_so() -> None:
    """That an order which is not found never arrived must be stated by the adapter."""
    assert VALUES[-1].authoritative_lookup is False


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_order_value_cannot_be_changed(value: object) -> None:
    """No field of a value can be set, and none added."""
    for name in type(value).__slots__:  # type: ignore[attr-defined]
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)
    assert not hasattr(value, "__dict__")
