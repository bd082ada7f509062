"""Orders, fills and what a broker says about them, in FIX terms (BROKERS §6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from rigd.core.clock import require_utc
from rigd.core.errors import LogicError
from rigd.core.options import OptionContract
from rigd.core.values import Side


class OrdStatus(StrEnum):
    """FIX tag 39."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    DONE_FOR_DAY = "DONE_FOR_DAY"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    STOPPED = "STOPPED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"


TERMINAL = frozenset({
    OrdStatus.FILLED,
    OrdStatus.CANCELED,
    OrdStatus.REPLACED,
    OrdStatus.REJECTED,
    OrdStatus.EXPIRED,
})


class OrdType(StrEnum):
    """How an order may fill."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP})


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"


class Purpose(StrEnum):
    """Which leg of a trade an order is."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


class ExecType(StrEnum):
    """What an execution report says of a fill."""

    TRADE = "trade"
    CORRECT = "correct"
    BUST = "bust"


class CancelAck(StrEnum):
    """The immediate answer to a cancel; CANCELED itself only ever comes as an event."""

    REQUESTED = "requested"
    TOO_LATE = "too_late"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One order as it goes to the broker.

    Parameters
    ----------
    cl_ord_id
        Our id, unique per broker account.
    symbol, side, qty
        What; the quantity is positive [shares].
    ord_type, limit_price, stop_price
        A limit needs a limit price, a stop a stop price [currency/share].
    tif
        How long it lives.
    trail_fraction
        Of a trailing stop: how far behind the best price since it was placed its level follows, as
        a fraction of that price. The level begins at `stop_price` and only ever tightens.
    oco_group
        Orders of one group cancel each other when one of them fills; blank for none. Orders of a
        group only ever reduce a position.
    contract
        The option that is ordered, None for the share itself; then `symbol` is its underlying and
        the quantity counts contracts. Options are bought and sold again, never written.

    Raises
    ------
    LogicError
        If the quantity is not positive and finite, a price is missing, a trail is not a fraction,
        or an option is ordered by parts, short, or under another symbol.
    """

    cl_ord_id: str
    symbol: str
    side: Side
    qty: Decimal
    ord_type: OrdType = OrdType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_fraction: Decimal | None = None
    tif: TimeInForce = TimeInForce.DAY
    oco_group: str = ""
    contract: OptionContract | None = None

    def __post_init__(self) -> None:
        if not (self.qty.is_finite() and self.qty > 0):
            msg = f"order quantity must be positive and finite, was {self.qty}"
            raise LogicError(msg)
        if (self.ord_type in {OrdType.LIMIT, OrdType.STOP_LIMIT}) != (self.limit_price is not None):
            msg = f"a {self.ord_type} order and limit price {self.limit_price} do not go together"
            raise LogicError(msg)
        if (self.ord_type in _STOPS) != (self.stop_price is not None):
            msg = f"a {self.ord_type} order and stop price {self.stop_price} do not go together"
            raise LogicError(msg)
        trail = self.trail_fraction
        if (self.ord_type is OrdType.TRAILING_STOP) != (trail is not None):
            msg = f"a {self.ord_type} order and trail {trail} do not go together"
            raise LogicError(msg)
        if trail is not None and not (trail.is_finite() and 0 < trail < 1):
            msg = f"a trail must be a fraction between 0 and 1, was {trail}"
            raise LogicError(msg)
        self._require_contract()

    def _require_contract(self) -> None:
        if self.contract is None:
            return
        if self.contract.underlying != self.symbol:
            msg = f"an option on {self.contract.underlying} and symbol {self.symbol} do not go"
            raise LogicError(msg)
        if self.side not in {Side.BUY, Side.SELL} or self.qty != int(self.qty):
            msg = f"options are bought and sold as whole contracts, was {self.side} {self.qty}"
            raise LogicError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSnapshot:
    """What the broker says of one order."""

    cl_ord_id: str
    broker_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    cum_qty: Decimal
    avg_px: Decimal | None
    ord_status: OrdStatus
    updated_at: datetime
    reason: str = ""

    def __post_init__(self) -> None:
        require_utc(self.updated_at)

    @property
    def leaves_qty(self) -> Decimal:
        """What is still open [shares]; zero once the order is terminal."""
        return Decimal(0) if self.ord_status in TERMINAL else self.qty - self.cum_qty


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution: a fact, keyed by `exec_key` and booked once.

    Parameters
    ----------
    exec_key
        The broker's execution id.
    exec_ref_key
        The execution that a correction or bust refers to; blank for a trade.
    ts
        When it happened, exchange time, UTC.
    commission
        [currency]; None while the broker has not reported it.
    """

    exec_key: str
    cl_ord_id: str
    broker_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    ts: datetime
    commission: Decimal | None = None
    exec_type: ExecType = ExecType.TRADE
    exec_ref_key: str = ""
    synthetic: bool = False

    def __post_init__(self) -> None:
        require_utc(self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Events may be missing: reconcile before the next one is applied."""

    since: datetime
    reason: str

    def __post_init__(self) -> None:
        require_utc(self.since)


BrokerEvent = OrderSnapshot | Fill | Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """The broker's own count of one symbol; negative when short [shares]."""

    symbol: str
    qty: Decimal
    avg_px: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The broker's own count of the money [currency]."""

    account_id: str
    currency: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerClock:
    """The broker's time, UTC."""

    now: datetime
    is_open: bool

    def __post_init__(self) -> None:
        require_utc(self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one broker can do."""

    idempotent_submit: bool
    native_oco: bool
    native_replace: bool
    fractional: bool
    short: bool
    exec_ids: bool
    min_notional: Decimal
    quantity_decimals: int
    cl_ord_id_max: int
    ord_types: frozenset[OrdType]
    paper: bool
    authoritative_lookup: bool = False
    """Whether an order that a lookup does not find never arrived, for certain."""
    native_trailing: bool = False
    """Whether a trailing stop can be left to the broker, also inside an OCO group."""
    options: bool = False
    """Whether options can be bought."""
    settle: timedelta = timedelta(minutes=2)
    """For how long a lookup of another broker may miss an order that is on its way or there."""
