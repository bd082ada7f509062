"""The standing logs of document 070, as rows made from the journal.

One event is one line and every log has the same columns, `LOG_FIELDS`: the lists of documents 070
and 090, the session's marks, a sentence for people and the rest of the record as details.
LOG_FORMAT decides between JSON lines and CSV, DEBUG_LOG_LEVEL how quiet a row may be; errors are
always written. With ENABLE_LOGGING off only the logs of starts, stops and emergencies are.

structlog is not used here: a row is a pure function of journal entries with its time, order and
values fixed, so there is no logger, context or processor chain to configure, and the plain encoder
of `rows` is what makes two runs byte-identical.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.config.choices import LogFormat
from rigd.core.emergencies import Emergency
from rigd.core.errors import LogicError
from rigd.core.events import (
    AlertRaised,
    BarsDropped,
    CandidateJudged,
    Command,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    Entry,
    ErrorCaptured,
    NoteMade,
    OrderIntent,
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
    WindowClosed,
    WindowPlanned,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.orders import Purpose
from rigd.core.values import STRATEGIES
from rigd.reporting.appending import LogAppender, whole_logs
from rigd.reporting.header import log_format_of, session_key, setting
from rigd.reporting.rows import Field, Kind, Value, header_line, make_row, row_line
from rigd.reporting.telling import Level, Memory, Told, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from rigd.config.schema import Settings
    from rigd.core.values import BotIdentity, Profile
    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.logs"

LOG_FIELDS: tuple[Field, ...] = (
    Field("timestamp", Kind.INSTANT, "when it happened, market time, UTC"),
    Field("level", Kind.TEXT, "DEBUG, INFO, WARNING or ERROR"),
    Field("event", Kind.TEXT, "what happened, such as trade_execution or api_call"),
    Field("session", Kind.TEXT, "YYYY-MM-DD_n"),
    Field("seq", Kind.INTEGER, "number of the journal record that the row shows"),
    Field("bot", Kind.TEXT, "the bot's identity"),
    Field("profile", Kind.TEXT, "TEST or PRODUCTION"),
    Field("test_mode", Kind.BOOLEAN, "whether the session is a dry run"),
    Field("strategy_name", Kind.TEXT, "open, mid or close", blank=True),
    Field("ticker", Kind.TEXT, "equity or ETF symbol", blank=True),
    Field("trade_side", Kind.TEXT, "long or short", blank=True),
    Field("size", Kind.DECIMAL, "quantity [shares]", blank=True),
    Field("signal_trigger_time", Kind.INSTANT, "start of the signal's bar, UTC", blank=True),
    Field("entry_timestamp", Kind.INSTANT, "start of the entry's bar, UTC", blank=True),
    Field("exit_timestamp", Kind.INSTANT, "start of the exit's bar, UTC", blank=True),
    Field("entry_price", Kind.DECIMAL, "[currency/share]", blank=True),
    Field("exit_price", Kind.DECIMAL, "[currency/share]", blank=True),
    Field("PnL", Kind.DECIMAL, "realised, net of commissions [currency]", blank=True),
    Field("broker", Kind.TEXT, "BROKER_CODE, the source of float and fills"),
    Field("exit_reason", Kind.TEXT, "stop_loss, target_hit, timeout or manual", blank=True),
    Field("error_code", Kind.TEXT, "a code such as ORDER_REJECTED", blank=True),
    Field("message", Kind.TEXT, "the event in one sentence"),
    Field("details", Kind.OBJECT, "what else the record holds"),
)
"""The schema of every log row."""

UNIVERSE = "universe"
"""What the column ``session`` holds where a row tells of the universe."""

_EMERGENCY = frozenset({Command.KILL, Command.SHUTDOWN})
_KILLING = frozenset({Emergency.LOSS_BREACH, Emergency.CRITICAL_ERROR, Emergency.KILL})


def _of_strategy(name: str) -> Callable[[Record, Memory], bool]:
    def belongs(record: Record, memory: Memory) -> bool:
        return memory.strategy_of(record) == name

    return belongs


def _in_main(record: Record, _memory: Memory) -> bool:
    return isinstance(
        record,
        SessionStarted
        | SessionResumed
        | SelfChecked
        | BarsDropped
        | WindowPlanned
        | WindowClosed
        | StateChanged
        | RiskModeChanged
        | RiskTripped
        | EmergencyMet
        | AlertRaised
        | DefenseChanged
        | CommandObeyed
        | SettingsChanged
        | Reconciled
        | ErrorCaptured
        | NoteMade
        | SliceDone
        | SessionClosed,
    )


def _in_router(record: Record, _memory: Memory) -> bool:
    if isinstance(record, OrderIntent):
        return record.purpose is Purpose.ENTRY
    judged = isinstance(record, CandidateJudged) and record.outcome is not Outcome.NO_SIGNAL
    return judged or isinstance(record, WindowPlanned)


def _in_screener(record: Record, _memory: Memory) -> bool:
    quiet = isinstance(record, CandidateJudged) and record.outcome is Outcome.NO_SIGNAL
    return quiet or isinstance(record, PoolRanked)


def _in_kill_switch(record: Record, _memory: Memory) -> bool:
    if isinstance(record, CommandObeyed):
        return record.command in _EMERGENCY
    if isinstance(record, RiskModeChanged):
        return record.mode is RiskMode.HALTED
    if isinstance(record, StateChanged):
        return record.state in {BotState.EMERGENCY_CLOSING, BotState.SHUTDOWN_TRIGGERED}
    if isinstance(record, EmergencyMet):
        return record.event in _KILLING
    return isinstance(record, RiskTripped)


def _in_disaster(record: Record, _memory: Memory) -> bool:
    if isinstance(record, Reconciled):
        return not record.agreed
    if isinstance(record, NoteMade):
        return record.topic.lower().startswith(("defense", "disaster"))
    if isinstance(record, ErrorCaptured):
        return record.fatal
    return isinstance(
        record, SessionStarted | RiskModeChanged | RiskTripped | EmergencyMet | DefenseChanged
    )


def _in_start(record: Record, _memory: Memory) -> bool:
    obeyed = isinstance(record, CommandObeyed) and record.command is Command.START
    return obeyed or isinstance(record, SessionStarted | SessionResumed)


def _in_stop(record: Record, _memory: Memory) -> bool:
    obeyed = isinstance(record, CommandObeyed) and record.command is not Command.START
    return obeyed or isinstance(record, RiskTripped | SessionClosed)


LOGS: MappingProxyType[str, Callable[[Record, Memory], bool]] = MappingProxyType({
    **{f"{name}.log": _of_strategy(name) for name in STRATEGIES},
    "main_bot.log": _in_main,
    "router.log": _in_router,
    "screener.log": _in_screener,
    "kill_switch.log": _in_kill_switch,
    "disaster_mode.log": _in_disaster,
    "start_log": _in_start,
    "stop_log": _in_stop,
})
"""Every log of this module and the rule that says which records it shows."""

ALWAYS_WRITTEN = frozenset({"kill_switch.log", "disaster_mode.log", "start_log", "stop_log"})
"""The logs that ENABLE_LOGGING does not switch off."""


class SessionLogs:
    """Projection that appends each journal entry to the logs that show it.

    When the session closes, its own part of each log goes into its folder as well.

    Parameters
    ----------
    outputs
        The door to the standing files.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._appender = LogAppender(outputs, LOG_FIELDS, writer=WRITER)
        self._memory = Memory()
        self._seq = 0

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if entry.seq <= self._seq:
            return
        self._seq = entry.seq
        lines = log_lines(entry, self._memory)
        started = self._memory.started
        if started is None:
            return
        for name, line in lines:
            self._appender.append(name, line, seq=entry.seq, started=started)
        if isinstance(entry.record, SessionClosed):
            self._appender.write_copies(started)


def log_lines(entry: Entry, memory: Memory) -> list[tuple[str, str]]:
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
        In the order of `LOGS`; lines carry no line end.

    Raises
    ------
    LogicError
        If the journal does not begin with SessionStarted.
    """
    memory.learn(entry.record)
    started = memory.started
    if started is None:
        msg = f"a log row must follow SessionStarted, was {type(entry.record).__name__}"
        raise LogicError(msg)
    told = tell(entry.record, memory)
    if told is None or told.level < memory.log_level:
        return []
    enabled = setting(started, "ENABLE_LOGGING", "true").lower() != "false"
    names = [
        name
        for name, shows in LOGS.items()
        if (enabled or name in ALWAYS_WRITTEN) and shows(entry.record, memory)
    ]
    if not names:
        return []
    line = row_line(log_row(entry, told, started), LOG_FIELDS, log_format_of(started))
    return [(name, line) for name in names]


def log_row(entry: Entry, told: Told, started: SessionStarted) -> dict[str, Value]:
    """Return the row that tells one entry, one cell per field of `LOG_FIELDS`."""
    known = {name: value for name, value in told.cells.items() if value not in {None, ""}}
    return make_row(
        LOG_FIELDS,
        {
            "broker": started.broker,
            **known,
            "timestamp": entry.at,
            "level": told.level.name,
            "event": told.event,
            "session": session_key(started),
            "seq": entry.seq,
            "bot": started.bot,
            "profile": started.profile.value,
            "test_mode": started.test_mode,
            "message": told.message,
            "details": told.details,
        },
    )


def tell_universe(
    outputs: Outputs,
    *,
    at: datetime,
    level: Level,
    event: str,
    number: int,
    bot: BotIdentity,
    profile: Profile,
    message: str,
    details: Mapping[str, object],
    settings: Settings,
) -> None:
    """Append a row about the universe, which no session's journal holds, to screener.log.

    Parameters
    ----------
    outputs
        The door to the standing files.
    at
        When, UTC.
    level, event, message, details
        What happened.
    number
        Number of the row within its command.
    bot, profile
        Whose universe.
    settings
        LOG_FORMAT, DEBUG_LOG_LEVEL and ENABLE_LOGGING.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    if not settings.enable_logging or level < Level[settings.debug_log_level.value.upper()]:
        return
    row = make_row(
        LOG_FIELDS,
        {
            "timestamp": at,
            "level": level.name,
            "event": event,
            "session": UNIVERSE,
            "seq": number,
            "bot": str(bot),
            "profile": profile.value,
            "test_mode": False,
            "broker": bot.broker_code,
            "message": message,
            "details": details,
        },
    )
    name, title = "screener.log", header_line(LOG_FIELDS)
    if settings.log_format is LogFormat.CSV and title.encode() not in outputs.read(name):
        outputs.append_line(name, title, writer=WRITER)
    outputs.append_line(name, row_line(row, LOG_FIELDS, settings.log_format), writer=WRITER)


def session_logs(entries: Iterable[Entry]) -> dict[str, bytes]:
    """Return the text of every log for one session alone, for the copies in its folder.

    Parameters
    ----------
    entries
        The journal of one session.

    Returns
    -------
    dict
        File content by log name; logs without a row are left out.
    """
    memory = Memory()
    lines = [pair for entry in entries for pair in log_lines(entry, memory)]
    return whole_logs(lines, LOG_FIELDS, memory.log_format)
