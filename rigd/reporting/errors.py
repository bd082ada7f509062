"""unresolved_orders.log and error_tracebacks.log: what went wrong, in seven fields (document 050).

Orders that were refused, filled in part, left without a known outcome or never ended stand in
unresolved_orders.log, and leave it by a row ``RESOLVED``. Every captured exception stands in
error_tracebacks.log; one that concerns an order stands in both. Free text passes the redactor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import LogFormat
from rigd.core.errors import ErrorType, LogicError
from rigd.core.events import (
    Entry,
    ErrorCaptured,
    FillRecorded,
    OrderIntent,
    OrderUpdated,
    Record,
    SessionClosed,
    SessionStarted,
    TradeClosed,
)
from rigd.core.money import ZERO, plain
from rigd.core.orders import TERMINAL, ExecType, OrdStatus
from rigd.core.redaction import redact
from rigd.reporting.appending import LogAppender, whole_logs
from rigd.reporting.header import log_format_of, session_key
from rigd.reporting.rows import Field, Kind, Value, make_row, row_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.errors"
UNRESOLVED = "unresolved_orders.log"
TRACEBACKS = "error_tracebacks.log"

ERROR_FIELDS: tuple[Field, ...] = (
    Field("timestamp", Kind.INSTANT, "when it was captured, market time, UTC"),
    Field("strategy", Kind.TEXT, "open, mid or close; blank when none is concerned"),
    Field("broker", Kind.TEXT, "BROKER_CODE"),
    Field("error_type", Kind.TEXT, "NetworkError, BrokerError, LogicError or ConfigError"),
    Field("error_code", Kind.TEXT, "a code such as ORDER_REJECTED"),
    Field("raw_exception", Kind.TEXT, "the exception or the broker's words, without secrets"),
    Field("context", Kind.TEXT, "what was being done, without secrets"),
    Field("level", Kind.TEXT, "ERROR, WARNING or INFO"),
    Field("session", Kind.TEXT, "YYYY-MM-DD_n"),
    Field("seq", Kind.INTEGER, "number of the journal record that the row shows"),
    Field("bot", Kind.TEXT, "the bot's identity"),
    Field("profile", Kind.TEXT, "TEST or PRODUCTION"),
    Field("test_mode", Kind.BOOLEAN, "whether the session is a dry run"),
)
"""The schema of both logs: the seven fields of document 050, then the session's marks."""

_ORDER_CODES = frozenset({"ORDER_REJECTED", "OUTCOME_UNKNOWN"})


class _Trouble(NamedTuple):
    logs: tuple[str, ...]
    level: str
    strategy: str
    error_type: str
    error_code: str
    raw: str
    context: str


class ErrorMemory:
    """What the rows need of earlier records: the session, the orders and what became of them."""

    __slots__ = ("filled", "in_trouble", "orders", "started", "working")

    def __init__(self) -> None:
        self.started: SessionStarted | None = None
        self.orders: dict[str, OrderIntent] = {}
        self.working: dict[str, OrdStatus] = {}
        self.filled: dict[str, Decimal] = {}
        self.in_trouble: set[str] = set()

    @property
    def log_format(self) -> LogFormat:
        """The session's LOG_FORMAT, JSON before its first record."""
        return LogFormat.JSON if self.started is None else log_format_of(self.started)


class ErrorLogs:
    """Projection that appends to unresolved_orders.log and error_tracebacks.log.

    Both files are there from the session's start on: an empty one says that nothing went wrong.

    Parameters
    ----------
    outputs
        The door to the standing files.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._appender = LogAppender(outputs, ERROR_FIELDS, writer=WRITER)
        self._memory = ErrorMemory()
        self._seq = 0

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if entry.seq <= self._seq:
            return
        self._seq = entry.seq
        lines = error_lines(entry, self._memory)
        started = self._memory.started
        if started is None:
            return
        if isinstance(entry.record, SessionStarted):
            self._appender.open(UNRESOLVED, started)
            self._appender.open(TRACEBACKS, started)
        for name, line in lines:
            self._appender.append(name, line, seq=entry.seq, started=started)
        if isinstance(entry.record, SessionClosed):
            self._appender.write_copies(started)


def error_lines(entry: Entry, memory: ErrorMemory) -> list[tuple[str, str]]:
    """Return the lines that one entry adds, as (log name, line); `memory` learns from the entry.

    Parameters
    ----------
    entry
        The next entry of the journal.
    memory
        What was learnt from the entries before it.

    Returns
    -------
    list of (str, str)
        At most one line per log; lines carry no line end.

    Raises
    ------
    LogicError
        If the journal does not begin with SessionStarted.
    """
    if isinstance(entry.record, SessionStarted):
        memory.started = entry.record
    started = memory.started
    if started is None:
        msg = f"an error row must follow SessionStarted, was {type(entry.record).__name__}"
        raise LogicError(msg)
    trouble = _trouble(entry.record, memory)
    if trouble is None:
        return []
    line = row_line(_row(entry, trouble, started), ERROR_FIELDS, log_format_of(started))
    return [(name, line) for name in trouble.logs]


def error_logs(entries: Iterable[Entry]) -> dict[str, bytes]:
    """Return the text of both logs for one session alone; a log without a row is left out."""
    memory = ErrorMemory()
    lines = [pair for entry in entries for pair in error_lines(entry, memory)]
    return whole_logs(lines, ERROR_FIELDS, memory.log_format)


def _row(entry: Entry, trouble: _Trouble, started: SessionStarted) -> dict[str, Value]:
    broker = entry.record.broker if isinstance(entry.record, ErrorCaptured) else ""
    return make_row(
        ERROR_FIELDS,
        {
            "timestamp": entry.at,
            "strategy": trouble.strategy,
            "broker": broker or started.broker,
            "error_type": trouble.error_type,
            "error_code": trouble.error_code,
            "raw_exception": redact(trouble.raw),
            "context": redact(trouble.context),
            "level": trouble.level,
            "session": session_key(started),
            "seq": entry.seq,
            "bot": started.bot,
            "profile": started.profile.value,
            "test_mode": started.test_mode,
        },
    )


def _trouble(record: Record, memory: ErrorMemory) -> _Trouble | None:
    if isinstance(record, OrderIntent):
        memory.orders[record.cl_ord_id] = record
        memory.working[record.cl_ord_id] = OrdStatus.PENDING_NEW
        return None
    if isinstance(record, OrderUpdated):
        return _order_trouble(record, memory)
    if isinstance(record, FillRecorded):
        completed = _count_fill(record, memory)
        if record.anomaly:
            return _fill_trouble(record)
        return _resolved(record, memory) if completed else None
    if isinstance(record, TradeClosed) and record.error_code:
        return _trade_trouble(record)
    if isinstance(record, ErrorCaptured):
        return _captured(record, memory)
    if isinstance(record, SessionClosed):
        return _left_over(memory)
    return None


def _count_fill(record: FillRecorded, memory: ErrorMemory) -> bool:
    """Tell whether executions completed the order now; no status message has to follow."""
    order = memory.orders.get(record.cl_ord_id)
    if order is None or record.exec_type is not ExecType.TRADE:
        return False
    filled = memory.filled.get(record.cl_ord_id, ZERO) + record.qty
    memory.filled[record.cl_ord_id] = filled
    if filled < order.qty:
        return False
    memory.working.pop(record.cl_ord_id, None)
    return True


def _resolved(record: FillRecorded, memory: ErrorMemory) -> _Trouble | None:
    """Return the row that ends the trouble of an order that filled after all."""
    if record.cl_ord_id not in memory.in_trouble:
        return None
    memory.in_trouble.discard(record.cl_ord_id)
    order = memory.orders[record.cl_ord_id]
    return _Trouble(
        logs=(UNRESOLVED,),
        level="INFO",
        strategy=record.strategy,
        error_type=ErrorType.BROKER.value,
        error_code="RESOLVED",
        raw="filled",
        context=f"{_order_words(order)} {record.cl_ord_id}",
    )


def _order_trouble(record: OrderUpdated, memory: ErrorMemory) -> _Trouble | None:
    order = memory.orders.get(record.cl_ord_id)
    if record.status in TERMINAL and not record.in_doubt:
        memory.working.pop(record.cl_ord_id, None)
    else:
        memory.working[record.cl_ord_id] = record.status
    code = _order_code(record, order)
    if code:
        memory.in_trouble.add(record.cl_ord_id)
        both = code in _ORDER_CODES
        logs = (UNRESOLVED, TRACEBACKS) if both else (UNRESOLVED,)
        level = "ERROR" if both else "WARNING"
    elif record.cl_ord_id in memory.in_trouble:
        memory.in_trouble.discard(record.cl_ord_id)
        code, logs, level = "RESOLVED", (UNRESOLVED,), "INFO"
    else:
        return None
    return _Trouble(
        logs=logs,
        level=level,
        strategy=order.strategy if order else "",
        error_type=ErrorType.BROKER.value,
        error_code=code,
        raw=record.reason or str(record.status),
        context=_order_context(record, order),
    )


def _order_code(record: OrderUpdated, order: OrderIntent | None) -> str:
    if record.in_doubt:
        return "OUTCOME_UNKNOWN"
    if record.status is OrdStatus.REJECTED:
        return "ORDER_REJECTED"
    if record.status is OrdStatus.PARTIALLY_FILLED:
        return "PARTIALLY_FILLED"
    short = record.cum_qty and order is not None and record.cum_qty < order.qty
    if record.status in TERMINAL and record.status is not OrdStatus.REPLACED and short:
        return "ENDED_PARTIALLY_FILLED"
    return "ORDER_EXPIRED" if record.status is OrdStatus.EXPIRED else ""


def _order_context(record: OrderUpdated, order: OrderIntent | None) -> str:
    what = _order_words(order) if order else "order unknown to this session"
    return (
        f"{what}; id {record.cl_ord_id}, at the broker {record.broker_order_id or 'unknown'},"
        f" {record.status}, filled {plain(record.cum_qty)}, on the evidence of {record.evidence}"
    )


def _order_words(order: OrderIntent) -> str:
    return f"{order.purpose} order {order.side} {plain(order.qty)} {order.symbol} {order.ord_type}"


def _fill_trouble(record: FillRecorded) -> _Trouble:
    return _Trouble(
        logs=(UNRESOLVED, TRACEBACKS),
        level="ERROR",
        strategy=record.strategy,
        error_type=ErrorType.BROKER.value,
        error_code=f"FILL_{record.anomaly.upper()}",
        raw=f"{record.anomaly} fill of {plain(record.qty)} {record.symbol}",
        context=f"id {record.cl_ord_id}, at the broker {record.broker_order_id}",
    )


def _trade_trouble(record: TradeClosed) -> _Trouble:
    return _Trouble(
        logs=(UNRESOLVED,),
        level="WARNING",
        strategy=record.strategy,
        error_type=ErrorType.LOGIC.value,
        error_code=record.error_code.upper(),
        raw=f"trade in {record.symbol} closed with the flag {record.error_code}",
        context=f"{record.direction} {plain(record.size)}, closed by {record.exit_reason}",
    )


def _captured(record: ErrorCaptured, memory: ErrorMemory) -> _Trouble:
    concerns_order = record.error_type == ErrorType.BROKER.value or any(
        cl_ord_id in record.context for cl_ord_id in memory.orders
    )
    return _Trouble(
        logs=(UNRESOLVED, TRACEBACKS) if concerns_order else (TRACEBACKS,),
        level="ERROR",
        strategy=record.strategy,
        error_type=record.error_type,
        error_code=record.error_code,
        raw=record.raw_exception,
        context=record.context,
    )


def _left_over(memory: ErrorMemory) -> _Trouble | None:
    if not memory.working:
        return None
    left = [
        f"{_order_words(memory.orders[name]) if name in memory.orders else 'order'} {name} {status}"
        for name, status in memory.working.items()
    ]
    return _Trouble(
        logs=(UNRESOLVED,),
        level="WARNING",
        strategy="",
        error_type=ErrorType.BROKER.value,
        error_code="STALE_ORDER",
        raw=f"{len(left)} orders had no final status when the session closed",
        context="; ".join(left),
    )
