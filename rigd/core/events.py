"""What the journal records: one frozen dataclass per kind, and their text form.

The journal is the one record of a session. Books, status, logs, trade files and reports are
projections of these records and of nothing else.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Any, NamedTuple

from rigd.core.clock import from_iso, iso
from rigd.core.emergencies import Emergency
from rigd.core.errors import DataError, LogicError
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.money import plain
from rigd.core.orders import ExecType, OrdStatus, OrdType, Purpose
from rigd.core.values import WARNED, Direction, ExitReason, PoolEntry, Profile, Side


class Stage(StrEnum):
    """The stage of the pipeline that decided about a candidate."""

    STRATEGY = "strategy"
    ROUTER = "router"
    ENHANCEMENT = "enhancement"
    RISK = "risk"
    BROKER = "broker"


class Outcome(StrEnum):
    """What became of a candidate."""

    NO_SIGNAL = "no_signal"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    ALLOWED = "allowed"


class Command(StrEnum):
    """What a person or the system asks of the engine, strongest last."""

    START = "start"
    STOP = "stop"
    KILL = "kill"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of every journal record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Record):
    """A session began. Written once, as its first record.

    `settings` are the effective settings as sorted (key, value) pairs without secrets; `limits`
    the fixed limits in money and counts. `opening_cash` is the broker's cash [currency].
    """

    bot: str
    day: date
    number: int
    profile: Profile
    test_mode: bool
    replay: bool
    broker: str
    session_open: datetime
    session_close: datetime
    half_day: bool
    data_label: str
    data_digest: str
    config_digest: str
    code_digest: str
    symbols: tuple[str, ...]
    strategies: tuple[str, ...]
    currency: str
    opening_cash: Decimal
    float_amount: Decimal
    session_cap: Decimal
    settings: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed(Record):
    """An unfinished session was taken up again after a crash; `epoch` counts its owners."""

    epoch: int
    after_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Record):
    """The bot's state took a step of the table."""

    previous: BotState
    state: BotState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskModeChanged(Record):
    """The risk mode changed."""

    mode: RiskMode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfChecked(Record):
    """A part answered its self-check at launch."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsDropped(Record):
    """The feed dropped bars outside the regular session."""

    symbol: str
    source: str
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlanned(Record):
    """A strategy's window in minutes since the open; `skipped` says why it does not run."""

    strategy: str
    start: int
    analysis_end: int
    breakout_end: int
    end: int
    exit_minute: int
    skipped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRanked(Record):
    """The screener ranked the pool at the end of analysis; `skipped` pairs symbol and reason."""

    strategy: str
    minute: int
    pool: tuple[PoolEntry, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateJudged(Record):
    """One step in the life of a candidate: who decided, what and why.

    `minute` is the bar of the signal, or the last breakout bar for a pool member without one.
    `direction` is None for a pool member without a signal.
    """

    strategy: str
    symbol: str
    direction: Direction | None
    minute: int
    pool_rank: int
    fallback_level: int
    stage: Stage
    outcome: Outcome
    rule: str
    reason: str
    measured: str

    @property
    def warns(self) -> bool:
        """Tell whether the answer was given for want of data or by a failure."""
        return self.reason in WARNED


class Check(NamedTuple):
    """One yes that an order rests on: which stage and rule gave it, why and on what numbers."""

    stage: Stage
    rule: str
    reason: str
    measured: str

    @property
    def warns(self) -> bool:
        """Tell whether the answer was given for want of data or by a failure."""
        return self.reason in WARNED


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent(Record):
    """An order is about to be sent; durable before the first byte leaves.

    `replaces` names the working order that it replaces, blank for a new one; `verdict_id` the risk
    verdict that admitted it (blank for orders that only reduce risk); `signal_minute` the bar whose
    close caused it; `exit_reason` why it closes, None for an entry. `checks` are the answers that
    admitted an entry, in the order in which they were asked: they are durable with it, and the
    candidate needs no rows of its own. `pool_rank` is 0 for orders that only reduce risk.
    `trail_fraction` is how far a trailing stop at the broker follows the best price, beginning at
    `stop_price`. `signal_symbol` names the symbol whose short signal was taken by buying another
    one, its inverse ETF; it is blank when the ordered symbol is the one that gave the signal.
    """

    cl_ord_id: str
    replaces: str
    strategy: str
    symbol: str
    direction: Direction
    side: Side
    qty: Decimal
    ord_type: OrdType
    limit_price: Decimal | None
    stop_price: Decimal | None
    oco_group: str
    purpose: Purpose
    signal_minute: int
    reference_price: Decimal
    verdict_id: str
    exit_reason: ExitReason | None
    note: str
    epoch: int
    pool_rank: int = 0
    fallback_level: int = 0
    checks: tuple[Check, ...] = ()
    trail_fraction: Decimal | None = None
    signal_symbol: str = ""

    @property
    def asked(self) -> str:
        """The symbol that gave the signal, whatever was ordered for it."""
        return self.signal_symbol or self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelIntent(Record):
    """A cancel is about to be sent."""

    cl_ord_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpdated(Record):
    """An order changed its status on the evidence named; `in_doubt` marks an unknown outcome."""

    cl_ord_id: str
    broker_order_id: str
    status: OrdStatus
    cum_qty: Decimal
    in_doubt: bool
    evidence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecorded(Record):
    """An execution: a fact, booked once under (broker, exec_key).

    `anomaly` is blank, ``late`` (the order was terminal) or ``overfill``.
    """

    broker: str
    exec_key: str
    exec_type: ExecType
    exec_ref_key: str
    cl_ord_id: str
    broker_order_id: str
    strategy: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    commission: Decimal
    ts: datetime
    purpose: Purpose
    anomaly: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeClosed(Record):
    """A position went flat: one round trip, the row of trade_history (document 070).

    Prices are averages over the fills; `pnl` is net of commissions [currency]; times are the
    starts of the bars, UTC. `error_code` is blank or a flag such as ``stale_exit``.
    """

    strategy: str
    symbol: str
    direction: Direction
    size: Decimal
    signal_time: datetime
    entry_time: datetime
    exit_time: datetime
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    commission: Decimal
    broker: str
    exit_reason: ExitReason
    error_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowClosed(Record):
    """A strategy's window ended."""

    strategy: str
    minute: int
    signals: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled(Record):
    """Our view was compared with the broker's; texts name what differed."""

    reason: str
    missing_fills: int
    foreign_orders: tuple[str, ...]
    ghost_orders: tuple[str, ...]
    position_differences: tuple[str, ...]
    cash_difference: Decimal
    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandObeyed(Record):
    """A command was taken from a flag, a signal or a parent's death."""

    command: Command
    source: str
    signed: bool
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged(Record):
    """A change of the settings is in force from the start of `minute` on, as a whole.

    `changes` are (key, before, after) as text; `config_digest` is that of the new settings;
    `session_cap` [currency] and `limits` are fixed anew, as in `SessionStarted`.
    """

    minute: int
    source: str
    changes: tuple[tuple[str, str, str], ...]
    config_digest: str
    session_cap: Decimal
    limits: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTripped(Record):
    """The kill switch tripped; latched until an admin resets it."""

    cause: str
    detail: str
    day_pnl: str
    limit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyMet(Record):
    """An event of the table of emergencies, the state it met and the table's words (SPEC §9a)."""

    event: Emergency
    state: BotState
    response: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Record):
    """Somebody must be told: `critical` goes to CRITICAL_ALERT_CHANNEL, the rest to the other."""

    critical: bool
    event: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefenseChanged(Record):
    """Defense mode began or was left; `limits` are the limits in force since then."""

    on: bool
    trigger: str
    detail: str
    limits: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCaptured(Record):
    """An exception, with the seven fields of document 050 (the timestamp is the entry's)."""

    strategy: str
    broker: str
    error_type: str
    error_code: str
    raw_exception: str
    context: str
    fatal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteMade(Record):
    """Something worth telling that decides nothing, such as the VIX value in force."""

    topic: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDone(Record):
    """A minute in which something was recorded is complete; recovery resumes after the last one."""

    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(Record):
    """The session ended. `status` is CLOSED after a normal end."""

    state: BotState
    status: str
    exit_reason: str
    exit_code: int
    flat: bool
    trades: int
    signals: int
    realised_pnl: Decimal
    closing_cash: Decimal


RECORD_TYPES: types.MappingProxyType[str, type[Record]] = types.MappingProxyType({
    cls.__name__: cls for cls in Record.__subclasses__()
})
"""Every kind of record by its name."""


def judgements(record: Record) -> tuple[CandidateJudged, ...]:
    """Return what a record says of a candidate: itself, or each yes that an entry rests on.

    Parameters
    ----------
    record
        Any record.

    Returns
    -------
    tuple of CandidateJudged
        In the order in which they were given; nothing for records about no candidate.
    """
    if isinstance(record, CandidateJudged):
        return (record,)
    if not isinstance(record, OrderIntent):
        return ()
    return tuple(
        CandidateJudged(
            strategy=record.strategy,
            symbol=record.asked,
            direction=Direction.SHORT if record.signal_symbol else record.direction,
            minute=record.signal_minute,
            pool_rank=record.pool_rank,
            fallback_level=record.fallback_level,
            stage=check.stage,
            outcome=Outcome.ALLOWED,
            rule=check.rule,
            reason=check.reason,
            measured=check.measured,
        )
        for check in record.checks
    )


class Entry(NamedTuple):
    """A record in its place: number from 1, market time, and the chain's hash (hexadecimal)."""

    seq: int
    at: datetime
    record: Record
    hash: str


def to_fields(record: Record) -> dict[str, Any]:
    """Return a record's fields as values that JSON can hold: text, numbers, booleans, lists."""
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def to_text(record: Record) -> str:
    """Return a record's fields as the JSON text of what `to_fields` returns, without spaces.

    Parameters
    ----------
    record
        Any record.

    Returns
    -------
    str
        A JSON object in ASCII; its keys keep the order of the fields.

    Raises
    ------
    LogicError
        If an amount is not finite or an instant not in UTC.
    TypeError
        If a field holds something that is no journal value.
    ValueError
        If a float is NaN or infinite.
    """
    cls = type(record)
    shape = _SHAPES.get(cls)
    if shape is None:
        shape = _SHAPES[cls] = _shape(cls)
    template, values = shape
    return template % tuple([_TEXTS.get(value.__class__, _text)(value) for value in values(record)])


_SHAPES: dict[type[Record], tuple[str, Callable[[Record], tuple[Any, ...]]]] = {}


def _shape(cls: type[Record]) -> tuple[str, Callable[[Record], tuple[Any, ...]]]:
    """Return the JSON object of a kind with a gap for each value, and what takes the values out."""
    names = [field.name for field in fields(cls)]
    template = ",".join(f'"{name}":%s' for name in names)
    if len(names) == 1:
        only = attrgetter(names[0])
        return f"{{{template}}}", lambda record: (only(record),)
    return f"{{{template}}}", attrgetter(*names)


def from_fields(kind: str, values: dict[str, Any]) -> Record:
    """Return the record that `to_fields` took apart.

    Parameters
    ----------
    kind
        The name of a record type.
    values
        What `to_fields` returned.

    Returns
    -------
    Record
        An equal record.

    Raises
    ------
    DataError
        If the kind is unknown or a field is missing, unknown or malformed.
    """
    cls = RECORD_TYPES.get(kind)
    if cls is None:
        msg = f"journal record kind must be one of {len(RECORD_TYPES)} known ones, was {kind!r}"
        raise DataError(msg)
    readers = _readers(kind)
    if readers.keys() != values.keys():
        odd = sorted(readers.keys() ^ values.keys())
        msg = f"journal record {kind} must have exactly its own fields; differing: {odd}"
        raise DataError(msg)
    try:
        return cls(**{name: readers[name](value) for name, value in values.items()})
    except (ArithmeticError, TypeError, ValueError, LogicError) as error:
        msg = f"journal record {kind} holds a malformed field: {error}"
        raise DataError(msg) from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        return plain(_finite(value))
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    msg = f"journal fields must be plain values, was {type(value).__name__}"
    raise TypeError(msg)


def _text(value: Any) -> str:  # noqa: ANN401 - JSON values
    """Return any journal value as JSON."""
    return json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))


def _decimal_text(value: Decimal) -> str:
    return f'"{plain(_finite(value))}"'


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        msg = f"a number in the journal must be finite, was {value}"
        raise ValueError(msg)
    return float.__repr__(value)


def _tuple_text(value: tuple[Any, ...]) -> str:
    items = [_TEXTS.get(item.__class__, _text)(item) for item in value]
    return f"[{','.join(items)}]"


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring_ascii,
    int: int.__repr__,
    bool: lambda value: "true" if value else "false",
    float: _float_text,
    types.NoneType: lambda _: "null",
    Decimal: _decimal_text,
    datetime: lambda value: f'"{iso(value)}"',
    tuple: _tuple_text,
    PoolEntry: _tuple_text,
    Check: _tuple_text,
}
"""How a value of exactly this type is written; others take the way through `_plain`."""
_CHOICES: tuple[type[StrEnum], ...] = (
    *(BotState, RiskMode, ExecType, OrdStatus, OrdType, Purpose),
    *(Direction, ExitReason, Profile, Side, Stage, Outcome, Command),
)
_TEXTS |= dict.fromkeys(_CHOICES, encode_basestring_ascii)


_Reader = Callable[[Any], Any]


@cache
def _readers(kind: str) -> dict[str, _Reader]:
    cls = RECORD_TYPES[kind]
    hints = typing.get_type_hints(cls)
    return {field.name: _reader(hints[field.name]) for field in fields(cls)}


def _reader(hint: Any) -> _Reader:  # noqa: ANN401 - a type or a generic alias
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        inner = _reader(next(arg for arg in args if arg is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _tuple_reader(args)
    if isinstance(hint, type) and issubclass(hint, PoolEntry | Check):
        row = _tuple_reader(tuple(typing.get_type_hints(hint).values()))
        return lambda value: hint(*row(value))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    simple: dict[Any, _Reader] = {
        datetime: from_iso,
        date: date.fromisoformat,
        Decimal: _decimal,
        float: _number,
    }
    return simple.get(hint) or partial(_exactly, hint)


def _tuple_reader(args: tuple[Any, ...]) -> _Reader:
    if len(args) > 1 and args[1] is Ellipsis:
        inner = _reader(args[0])
        return lambda value: tuple(inner(item) for item in _exactly(list, value))
    readers = tuple(_reader(arg) for arg in args)
    return lambda value: tuple(
        read(item) for read, item in zip(readers, _exactly(list, value), strict=True)
    )


def _decimal(value: Any) -> Decimal:  # noqa: ANN401 - JSON values
    return _finite(Decimal(_exactly(str, value)))


def _number(value: Any) -> float:  # noqa: ANN401 - JSON values
    return float(value if isinstance(value, float) else _exactly(int, value))


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        msg = f"an amount in the journal must be finite, was {number}"
        raise LogicError(msg)
    return number


def _exactly(kind: type, value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Return `value` when it is of the kind; a truth value is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        msg = f"expected {kind.__name__}, found {type(value).__name__}"
        raise TypeError(msg)
    return value
