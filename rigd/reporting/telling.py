"""What each journal record says in a log row: event, level, cells and words, as one table.

Event names carry the keys that people grep for (stability plan §logs): ``trade_execution`` for
fills, ``api_call`` for every request to and answer from the broker, and the
level ``ERROR``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rigd.config.choices import LogFormat
from rigd.core.events import (
    AlertRaised,
    BarsDropped,
    CancelIntent,
    CandidateJudged,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    ErrorCaptured,
    FillRecorded,
    NoteMade,
    OrderIntent,
    OrderUpdated,
    Outcome,
    PoolRanked,
    Reconciled,
    Record,
    RiskModeChanged,
    RiskTripped,
    SelfChecked,
    SessionClosed,
    SessionResumed,
    SessionStarted,
    SettingsChanged,
    SliceDone,
    StateChanged,
    TradeClosed,
    WindowClosed,
    WindowPlanned,
    to_fields,
)
from rigd.core.lifecycle import RiskMode
from rigd.core.money import plain
from rigd.core.orders import OrdStatus, Purpose
from rigd.core.redaction import redact
from rigd.core.values import WARNED, Direction
from rigd.reporting.header import instant_of, log_format_of, marks_of, setting
from rigd.reporting.rows import Value

if TYPE_CHECKING:
    from datetime import datetime


class Level(IntEnum):
    """How loud a row is; DEBUG_LOG_LEVEL names the quietest that is written."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A record as a log row tells it.

    Parameters
    ----------
    event, level, message
        The event's name, its loudness and one sentence.
    cells
        Fields of document 070's lists that the record knows.
    details
        Everything else the record holds, plain values.
    """

    event: str
    level: Level
    message: str
    cells: Mapping[str, Value] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


class Memory:
    """What rows need to know of earlier records: the session, and the order behind an id."""

    __slots__ = ("log_level", "orders", "started")

    def __init__(self) -> None:
        self.started: SessionStarted | None = None
        self.orders: dict[str, OrderIntent] = {}
        self.log_level = Level.INFO

    def learn(self, record: Record) -> None:
        """Remember a record that later ones refer to."""
        if isinstance(record, SessionStarted):
            self.started = record
            self._learn_level(setting(record, "DEBUG_LOG_LEVEL", "info"))
        elif isinstance(record, OrderIntent):
            self.orders[record.cl_ord_id] = record
        elif isinstance(record, SettingsChanged):
            for key, _, value in record.changes:
                if key == "DEBUG_LOG_LEVEL":
                    self._learn_level(value)

    def _learn_level(self, name: str) -> None:
        known = name.upper() in Level.__members__
        self.log_level = Level[name.upper()] if known else Level.INFO

    @property
    def log_format(self) -> LogFormat:
        """The session's LOG_FORMAT, JSON before its first record."""
        return LogFormat.JSON if self.started is None else log_format_of(self.started)

    def strategy_of(self, record: Record) -> str:
        """Return the strategy that a record belongs to, blank for none."""
        named = getattr(record, "strategy", None)
        if named is not None:
            return str(named)
        order = self.orders.get(getattr(record, "cl_ord_id", ""))
        return order.strategy if order else ""

    def signal_time(self, order: OrderIntent | None) -> datetime | None:
        """Return the start of the bar that caused an order, None when that is not known."""
        if order is None or self.started is None or order.signal_minute < 0:
            return None
        return instant_of(self.started, order.signal_minute)


def tell(record: Record, memory: Memory) -> Told | None:
    """Return what a log row says of a record, None for one that is told nowhere.

    Parameters
    ----------
    record
        The journal record.
    memory
        What was learnt from the records before it.

    Returns
    -------
    Told
        Event, level, message, cells and details, without secrets.
    """
    teller = TELLERS.get(type(record))
    return None if teller is None else teller(record, memory)


def rest(record: Record, *taken: str) -> dict[str, Any]:
    """Return a record's fields but those named, as plain values without secrets."""
    return {name: _clean(v) for name, v in to_fields(record).items() if name not in taken}


def _clean(value: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return format(value, ".12g") if isinstance(value, float) else value


def _session_started(r: SessionStarted, _memory: Memory) -> Told:
    badges = "".join(f" [{mark}]" for mark in marks_of(r))
    message = (
        f"session {r.day.isoformat()}_{r.number} of {r.bot} started{badges}: broker {r.broker},"
        f" data {r.data_label}, float {plain(r.float_amount)} {r.currency}"
    )
    return Told(
        event="session_started",
        level=Level.INFO,
        message=message,
        cells={"broker": r.broker},
        details=rest(r, "settings", "broker"),
    )


def _session_resumed(r: SessionResumed, _memory: Memory) -> Told:
    message = f"session resumed after record {r.after_seq}, owner {r.epoch}"
    return Told(event="session_resumed", level=Level.WARNING, message=message, details=rest(r))


def _state_changed(r: StateChanged, _memory: Memory) -> Told:
    message = f"state {r.previous} -> {r.state}: {redact(r.reason)}"
    return Told(event="state_changed", level=Level.INFO, message=message, details=rest(r, "reason"))


def _risk_mode(r: RiskModeChanged, _memory: Memory) -> Told:
    level = Level.INFO if r.mode is RiskMode.ACTIVE else Level.WARNING
    message = f"risk mode {r.mode}: {redact(r.reason)}"
    return Told(event="risk_mode_changed", level=level, message=message, details=rest(r, "reason"))


def _self_checked(r: SelfChecked, _memory: Memory) -> Told:
    verdict = "passed" if r.passed else "failed"
    return Told(
        event="self_check",
        level=Level.INFO if r.passed else Level.ERROR,
        message=f"self-check {r.name} {verdict}: {redact(r.detail)}",
        details=rest(r, "detail"),
    )


def _bars_dropped(r: BarsDropped, _memory: Memory) -> Told:
    return Told(
        event="bars_dropped",
        level=Level.INFO,
        message=f"{r.dropped} bars outside the session dropped, {r.kept} kept",
        cells={"ticker": r.symbol},
        details=rest(r, "symbol"),
    )


def _window_planned(r: WindowPlanned, memory: Memory) -> Told:
    if r.skipped:
        message = f"window of {r.strategy} skipped: {redact(r.skipped)}"
        level = Level.WARNING
    else:
        level = Level.INFO
        message = f"window of {r.strategy}: minutes {r.start} to {r.end}"
        if memory.started is not None:
            first, last = instant_of(memory.started, r.start), instant_of(memory.started, r.end)
            message += f", {first:%H:%M}Z to {last:%H:%M}Z"
    return Told(
        event="window_planned",
        level=level,
        message=message,
        cells={"strategy_name": r.strategy},
        details=rest(r, "strategy"),
    )


def _pool_ranked(r: PoolRanked, _memory: Memory) -> Told:
    return Told(
        event="pool_ranked",
        level=Level.INFO,
        message=f"{len(r.pool)} candidates ranked, {len(r.skipped)} skipped",
        cells={"strategy_name": r.strategy},
        details={
            "minute": r.minute,
            "pool": [
                {"symbol": e.symbol, "rank": e.rank, "score": format(e.score, ".12g")}
                for e in r.pool
            ],
            "skipped": {symbol: redact(reason) for symbol, reason in r.skipped},
        },
    )


def _candidate_judged(r: CandidateJudged, memory: Memory) -> Told:
    started = memory.started
    signalled = r.direction is not None and started is not None
    return Told(
        event="candidate_judged",
        level=Level.WARNING if r.warns or r.outcome is Outcome.REJECTED else Level.INFO,
        message=f"{r.outcome} by {r.rule}: {redact(r.reason)}",
        cells={
            "strategy_name": r.strategy,
            "ticker": r.symbol,
            "trade_side": r.direction.value if r.direction is not None else None,
            "signal_trigger_time": instant_of(started, r.minute) if signalled and started else None,
        },
        details=rest(r, "strategy", "symbol", "direction"),
    )


def _order_cells(order: OrderIntent | None, memory: Memory) -> dict[str, Value]:
    if order is None:
        return {}
    return {
        "strategy_name": order.strategy,
        "ticker": order.symbol,
        "trade_side": order.direction.value,
        "size": order.qty,
        "signal_trigger_time": memory.signal_time(order),
        "exit_reason": order.exit_reason.value if order.exit_reason is not None else None,
    }


def _order_intent(r: OrderIntent, memory: Memory) -> Told:
    verb = "replace" if r.replaces else "submit"
    warned = [f"{check.rule} {check.reason}" for check in r.checks if check.reason in WARNED]
    quiet = Level.DEBUG if r.replaces else Level.INFO
    message = f"{verb} {r.purpose} order: {r.side} {plain(r.qty)} {r.symbol} {r.ord_type}"
    return Told(
        event="api_call",
        level=Level.WARNING if warned else quiet,
        message=f"{message}; warned: {', '.join(warned)}" if warned else message,
        cells=_order_cells(r, memory),
        details={
            "call": verb,
            **rest(r, "strategy", "symbol", "direction", "qty", "exit_reason", "checks"),
            "checks": [
                {name: redact(str(value)) for name, value in check._asdict().items()}
                for check in r.checks
            ],
        },
    )


def _cancel_intent(r: CancelIntent, memory: Memory) -> Told:
    return Told(
        event="api_call",
        level=Level.INFO,
        message=f"cancel order: {redact(r.reason)}",
        cells=_order_cells(memory.orders.get(r.cl_ord_id), memory),
        details={"call": "cancel", **rest(r, "reason")},
    )


_ROUTINE = frozenset({
    OrdStatus.PENDING_NEW,
    OrdStatus.PENDING_CANCEL,
    OrdStatus.PENDING_REPLACE,
    OrdStatus.NEW,
    OrdStatus.REPLACED,
})


def _order_updated(r: OrderUpdated, memory: Memory) -> Told:
    level, code = Level.INFO, ""
    if r.in_doubt:
        level, code = Level.ERROR, "OUTCOME_UNKNOWN"
    elif r.status is OrdStatus.REJECTED:
        level, code = Level.ERROR, "ORDER_REJECTED"
    elif r.status in _ROUTINE:
        level = Level.DEBUG
    doubt = ", outcome unknown" if r.in_doubt else ""
    reason = f": {redact(r.reason)}" if r.reason else ""
    cells = {**_order_cells(memory.orders.get(r.cl_ord_id), memory), "error_code": code}
    return Told(
        event="api_call",
        level=level,
        message=f"order is {r.status}{doubt}{reason}",
        cells=cells,
        details={"call": "answer", **rest(r)},
    )


def _fill_recorded(r: FillRecorded, memory: Memory) -> Told:
    order = memory.orders.get(r.cl_ord_id)
    leg = "entry" if r.purpose is Purpose.ENTRY else "exit"
    cells = {
        **_order_cells(order, memory),
        "strategy_name": r.strategy,
        "ticker": r.symbol,
        "trade_side": _direction(r).value,
        "size": r.qty,
        f"{leg}_timestamp": r.ts,
        f"{leg}_price": r.price,
        "broker": r.broker,
        "error_code": r.anomaly,
    }
    return Told(
        event="trade_execution",
        level=Level.WARNING if r.anomaly else Level.INFO,
        message=f"{leg} filled: {r.side} {plain(r.qty)} {r.symbol} at {plain(r.price)}",
        cells=cells,
        details=rest(r, "strategy", "symbol", "qty", "price", "broker"),
    )


def _direction(fill: FillRecorded) -> Direction:
    """Return the trade's side: an exit's own order goes the other way."""
    towards_long = (fill.side.sign > 0) == (fill.purpose is Purpose.ENTRY)
    return Direction.LONG if towards_long else Direction.SHORT


def _trade_closed(r: TradeClosed, _memory: Memory) -> Told:
    return Told(
        event="trade_closed",
        level=Level.INFO,
        message=f"trade closed by {r.exit_reason}: {r.symbol} PnL {plain(r.pnl)}",
        cells={
            "strategy_name": r.strategy,
            "ticker": r.symbol,
            "trade_side": r.direction.value,
            "size": r.size,
            "signal_trigger_time": r.signal_time,
            "entry_timestamp": r.entry_time,
            "exit_timestamp": r.exit_time,
            "entry_price": r.entry_price,
            "exit_price": r.exit_price,
            "PnL": r.pnl,
            "broker": r.broker,
            "exit_reason": r.exit_reason.value,
            "error_code": r.error_code,
        },
        details={"commission": plain(r.commission)},
    )


def _window_closed(r: WindowClosed, _memory: Memory) -> Told:
    return Told(
        event="window_closed",
        level=Level.INFO,
        message=f"window closed: {r.signals} signals, {r.entries} entries",
        cells={"strategy_name": r.strategy},
        details=rest(r, "strategy"),
    )


def _reconciled(r: Reconciled, _memory: Memory) -> Told:
    verdict = "agree" if r.agreed else "DIFFER"
    return Told(
        event="reconciled",
        level=Level.INFO if r.agreed else Level.ERROR,
        message=f"our view and the broker's {verdict} ({redact(r.reason)})",
        cells={"error_code": "" if r.agreed else "RECONCILIATION_DIFFERS"},
        details=rest(r, "reason"),
    )


def _command_obeyed(r: CommandObeyed, _memory: Memory) -> Told:
    signed = "signed" if r.signed else "unsigned"
    return Told(
        event="command_obeyed",
        level=Level.WARNING,
        message=f"command {r.command} from {r.source} ({signed}): {redact(r.why)}",
        details=rest(r, "why"),
    )


def _risk_tripped(r: RiskTripped, _memory: Memory) -> Told:
    return Told(
        event="kill_switch_tripped",
        level=Level.ERROR,
        message=f"kill switch tripped by {r.cause}: {redact(r.detail)}",
        cells={"error_code": r.cause},
        details=rest(r, "detail"),
    )


def _emergency_met(r: EmergencyMet, _memory: Memory) -> Told:
    return Told(
        event="emergency",
        level=Level.WARNING,
        message=f"{r.event} in state {r.state}: {r.response}; {redact(r.detail)}",
        cells={"error_code": r.event.name},
        details=rest(r, "detail"),
    )


def _alert_raised(r: AlertRaised, _memory: Memory) -> Told:
    return Told(
        event="alert",
        level=Level.ERROR if r.critical else Level.WARNING,
        message=f"alert: {r.event}: {redact(r.text)}",
        details=rest(r, "text"),
    )


def _defense_changed(r: DefenseChanged, _memory: Memory) -> Told:
    message = f"defense mode {'on' if r.on else 'off'} by {r.trigger}: {redact(r.detail)}"
    return Told(
        event="defense_mode",
        level=Level.WARNING,
        message=message,
        details=rest(r, "limits", "detail") | {"limits": dict(r.limits)},
    )


def _error_captured(r: ErrorCaptured, _memory: Memory) -> Told:
    return Told(
        event="error_captured",
        level=Level.ERROR,
        message=f"{r.error_type} {r.error_code} in {redact(r.context)}",
        cells={
            "strategy_name": r.strategy or None,
            "broker": r.broker or None,
            "error_code": r.error_code,
        },
        details={"error_type": r.error_type, "fatal": r.fatal},
    )


def _settings_changed(r: SettingsChanged, _memory: Memory) -> Told:
    changes = ", ".join(f"{key} {before} -> {after}" for key, before, after in r.changes)
    return Told(
        event="settings_changed",
        level=Level.WARNING,
        message=f"settings in force from minute {r.minute} on: {redact(changes)}",
        details=rest(r),
    )


def _note_made(r: NoteMade, _memory: Memory) -> Told:
    message = f"{redact(r.topic)}: {redact(r.text)}"
    return Told(event="note", level=Level.INFO, message=message, details={"topic": r.topic})


def _slice_done(r: SliceDone, _memory: Memory) -> Told:
    message = f"minute {r.minute} complete"
    return Told(event="slice_done", level=Level.DEBUG, message=message, details=rest(r))


def _session_closed(r: SessionClosed, _memory: Memory) -> Told:
    bad = r.exit_code != 0 or not r.flat
    return Told(
        event="session_closed",
        level=Level.WARNING if bad else Level.INFO,
        message=(
            f"session {r.status}: {redact(r.exit_reason)}; {r.trades} trades,"
            f" PnL {plain(r.realised_pnl)}, exit code {r.exit_code}"
        ),
        cells={"PnL": r.realised_pnl},
        details=rest(r, "realised_pnl"),
    )


TELLERS: MappingProxyType[type[Record], Callable[..., Told]] = MappingProxyType({
    SessionStarted: _session_started,
    SessionResumed: _session_resumed,
    StateChanged: _state_changed,
    RiskModeChanged: _risk_mode,
    SelfChecked: _self_checked,
    BarsDropped: _bars_dropped,
    WindowPlanned: _window_planned,
    PoolRanked: _pool_ranked,
    CandidateJudged: _candidate_judged,
    OrderIntent: _order_intent,
    CancelIntent: _cancel_intent,
    OrderUpdated: _order_updated,
    FillRecorded: _fill_recorded,
    TradeClosed: _trade_closed,
    WindowClosed: _window_closed,
    Reconciled: _reconciled,
    CommandObeyed: _command_obeyed,
    SettingsChanged: _settings_changed,
    RiskTripped: _risk_tripped,
    EmergencyMet: _emergency_met,
    AlertRaised: _alert_raised,
    DefenseChanged: _defense_changed,
    ErrorCaptured: _error_captured,
    NoteMade: _note_made,
    SliceDone: _slice_done,
    SessionClosed: _session_closed,
})
"""Every kind of record and the function that tells it."""
