"""status.json: the session as a person watches it; for monitoring only, the books are official.

`StatusFold` keeps what the journal tells; the host adds what only the running process knows
(`Live`) and publishes the two together. Its changes of state are the rows of system_logs.log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.events import (
    AlertRaised,
    CandidateJudged,
    DefenseChanged,
    Entry,
    OrderIntent,
    RiskModeChanged,
    RiskTripped,
    SessionClosed,
    SessionResumed,
    SessionStarted,
    SettingsChanged,
    StateChanged,
    TradeClosed,
    WindowPlanned,
    judgements,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.money import plain
from rigd.reporting.appending import LogAppender
from rigd.reporting.header import log_format_of, marks_of, session_key
from rigd.reporting.logs import LOG_FIELDS, log_row
from rigd.reporting.rows import row_line
from rigd.reporting.summary import win_rate
from rigd.reporting.telling import Memory, tell
from rigd.reporting.text import json_document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.status"
NAME = "status.json"
LOG_NAME = "system_logs.log"
LABEL = "monitoring only; official = ledger"
RUNNING = "RUNNING"
"""The status until the session's last record names another, CLOSED after a normal end."""


_LOGGED = (
    SessionStarted,
    SessionResumed,
    StateChanged,
    RiskModeChanged,
    RiskTripped,
    SettingsChanged,
    AlertRaised,
    SessionClosed,
)


class PositionLine(NamedTuple):
    """An open position: signed quantity [shares], prices and PnL [currency]; None if unknown."""

    symbol: str
    strategy: str
    qty: Decimal
    entry_price: Decimal
    mark: Decimal | None
    unrealised: Decimal | None


class StrategyLine(NamedTuple):
    """One strategy so far: signals, trades, realised PnL [currency] and fraction of wins."""

    name: str
    window: str
    signals: int
    trades: int
    pnl: Decimal
    win_rate: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the journal cannot tell: the process, the marks and the wall time.

    Parameters
    ----------
    pid
        The process that hosts the engine.
    minute, market_time
        Where the session stands: minutes since the open, exchange time UTC.
    positions
        Open positions at their marks.
    unrealised
        PnL of the open positions [currency]; None while a mark is missing.
    float_used
        Open and working exposure [currency].
    uptime_s
        Since the process took the session up [s].
    updated_at
        Wall time, UTC.
    """

    pid: int
    minute: int
    market_time: datetime
    positions: tuple[PositionLine, ...]
    unrealised: Decimal | None
    float_used: Decimal
    uptime_s: int
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInputs:
    """Everything that status.json shows."""

    status: str
    state: BotState
    reason: str
    risk_mode: RiskMode
    bot: str
    broker: str
    profile: str
    test_mode: bool
    marks: tuple[str, ...]
    session: str
    data_label: str
    currency: str
    strategies: tuple[StrategyLine, ...]
    limits: tuple[tuple[str, str], ...]
    float_amount: Decimal
    session_cap: Decimal
    realised: Decimal
    trades: int
    signals: int
    defense: bool
    kill_switch: str
    exit_code: int | None
    live: Live


def status_document(inputs: StatusInputs) -> bytes:
    """Return status.json: amounts as text, counts as numbers, what is unknown as null.

    Parameters
    ----------
    inputs
        What it shows.

    Returns
    -------
    bytes
        One JSON object, the same for the same inputs.
    """
    live = inputs.live
    total = None if live.unrealised is None else plain(inputs.realised + live.unrealised)
    used = live.float_used / inputs.session_cap if inputs.session_cap else None
    return json_document({
        "label": LABEL,
        "status": inputs.status,
        "state": inputs.state.value,
        "reason": inputs.reason,
        "risk_mode": inputs.risk_mode.value,
        "marks": inputs.marks,
        "profile": inputs.profile,
        "test_mode": inputs.test_mode,
        "bot": inputs.bot,
        "broker": inputs.broker,
        "pid": live.pid,
        "session": inputs.session,
        "data_label": inputs.data_label,
        "minute": live.minute,
        "market_time": live.market_time,
        "updated_at": live.updated_at,
        "uptime_s": live.uptime_s,
        "currency": inputs.currency,
        "pnl": {
            "realised": plain(inputs.realised),
            "unrealised": _text(live.unrealised),
            "total": total,
        },
        "trades": inputs.trades,
        "signals": inputs.signals,
        "positions": [_position(line) for line in live.positions],
        "strategies": [_strategy(line) for line in inputs.strategies],
        "float": {
            "amount": plain(inputs.float_amount),
            "session_cap": plain(inputs.session_cap),
            "used": plain(live.float_used),
            "used_fraction": None if used is None else plain(round(used, 6)),
        },
        "limits": dict(inputs.limits),
        "defense_mode": inputs.defense,
        "kill_switch": {"tripped": bool(inputs.kill_switch), "cause": inputs.kill_switch},
        "exit_code": inputs.exit_code,
    })


class StatusFold:
    """Projection that keeps what the journal tells of the status, and publishes on demand.

    Starts, ends, changes of state and of risk mode are appended to system_logs.log as they come.

    Parameters
    ----------
    outputs
        The door to the standing files.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._seq = 0
        self._started: SessionStarted | None = None
        self._settings: SettingsChanged | None = None
        self._state = BotState.INITIALIZE
        self._reason = ""
        self._mode = RiskMode.ACTIVE
        self._trip = ""
        self._defense = False
        self._limits: tuple[tuple[str, str], ...] = ()
        self._windows: dict[str, WindowPlanned] = {}
        self._signals: dict[str, set[tuple[str, int]]] = {}
        self._trades: list[TradeClosed] = []
        self._closed: SessionClosed | None = None
        self._appender = LogAppender(outputs, LOG_FIELDS, writer=WRITER)
        self._memory = Memory()

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if entry.seq <= self._seq:
            return
        self._seq = entry.seq
        record = entry.record
        self._log(entry)
        if isinstance(record, SessionStarted):
            self._started = record
        elif isinstance(record, StateChanged):
            self._state, self._reason = record.state, record.reason
        elif isinstance(record, SettingsChanged):
            self._settings, self._limits = record, record.limits
        elif isinstance(record, RiskModeChanged):
            self._mode = record.mode
        elif isinstance(record, DefenseChanged):
            self._defense, self._limits = record.on, record.limits
        elif isinstance(record, RiskTripped):
            self._trip = record.cause
        elif isinstance(record, WindowPlanned):
            self._windows[record.strategy] = record
        elif isinstance(record, CandidateJudged | OrderIntent):
            for row in judgements(record):
                if row.direction is not None:
                    self._signals.setdefault(row.strategy, set()).add((row.symbol, row.minute))
        elif isinstance(record, TradeClosed):
            self._trades.append(record)
        elif isinstance(record, SessionClosed):
            self._closed, self._state = record, record.state
            self._reason = record.exit_reason

    def inputs(self, live: Live) -> StatusInputs | None:
        """Return the status with what only the process knows; None before the session started.

        Parameters
        ----------
        live
            What the running process knows.

        Returns
        -------
        StatusInputs
            What `status_document` shows.
        """
        started = self._started
        if started is None:
            return None
        in_force = self._settings or started
        return StatusInputs(
            status=self._closed.status if self._closed else RUNNING,
            state=self._state,
            reason=self._reason,
            risk_mode=self._mode,
            bot=started.bot,
            broker=started.broker,
            profile=started.profile.value,
            test_mode=started.test_mode,
            marks=marks_of(started),
            session=session_key(started),
            data_label=started.data_label,
            currency=started.currency,
            strategies=tuple(self._strategy(name) for name in started.strategies),
            limits=self._limits or started.limits,
            float_amount=started.float_amount,
            session_cap=in_force.session_cap,
            realised=_sum(self._trades),
            trades=len(self._trades),
            signals=sum(len(found) for found in self._signals.values()),
            defense=self._defense,
            kill_switch=self._trip,
            exit_code=self._closed.exit_code if self._closed else None,
            live=live,
        )

    def publish(self, live: Live) -> None:
        """Replace status.json; nothing is written before the session started."""
        inputs = self.inputs(live)
        if inputs is None:
            return
        content = status_document(inputs)
        self._outputs.write(NAME, content, writer=WRITER)
        if self._closed is not None:
            self._outputs.write(f"session/{NAME}", content, writer=WRITER)

    def _log(self, entry: Entry) -> None:
        self._memory.learn(entry.record)
        started = self._memory.started
        told = tell(entry.record, self._memory) if isinstance(entry.record, _LOGGED) else None
        if told is None or started is None:
            return
        line = row_line(log_row(entry, told, started), LOG_FIELDS, log_format_of(started))
        self._appender.append(LOG_NAME, line, seq=entry.seq, started=started)

    def _strategy(self, name: str) -> StrategyLine:
        trades = [trade for trade in self._trades if trade.strategy == name]
        plan = self._windows.get(name)
        window = ""
        if plan is not None:
            window = f"skipped: {plan.skipped}" if plan.skipped else f"{plan.start}-{plan.end}"
        return StrategyLine(
            name=name,
            window=window,
            signals=len(self._signals.get(name, ())),
            trades=len(trades),
            pnl=_sum(trades),
            win_rate=win_rate(trades),
        )


def _position(line: PositionLine) -> dict[str, object]:
    return {
        "symbol": line.symbol,
        "strategy": line.strategy,
        "qty": plain(line.qty),
        "entry_price": plain(line.entry_price),
        "mark": _text(line.mark),
        "unrealised": _text(line.unrealised),
    }


def _strategy(line: StrategyLine) -> dict[str, object]:
    return {
        "name": line.name,
        "window_minutes": line.window,
        "signals": line.signals,
        "trades": line.trades,
        "pnl": plain(line.pnl),
        "win_rate": line.win_rate,
    }


def _sum(trades: Iterable[TradeClosed]) -> Decimal:
    return sum((trade.pnl for trade in trades), Decimal(0))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
