from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

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
    ErrorCaptured,
    NoteMade,
    Outcome,
    Record,
    RiskModeChanged,
    RiskTripped,
    SessionStarted,
    SliceDone,
    StateChanged,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.orders import OrdStatus
from rigd.core.values import BotIdentity, Profile
from rigd.reporting.logs import (
    ALWAYS_WRITTEN,
    LOG_FIELDS,
    LOGS,
    SessionLogs,
    session_logs,
    tell_universe,
)
from rigd.reporting.telling import Level
from tests.factories import settings
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import Writer, intent, session, started, updated, with_settings

STAMP = re.compile(r"2013-10-07T\d\d:\d\d:\d\dZ\Z")
L39 = "timestamp ticker size entry_price exit_price strategy_name broker error_code"
D2 = (
    "strategy_name signal_trigger_time entry_timestamp exit_timestamp trade_side entry_price"
    " exit_price size PnL broker exit_reason"
)
TYPES: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "decimal": (int, float),
    "integer": int,
    "boolean": bool,
    "instant": str,
    "object": dict,
}


def rows(name: str, entries: Any = None) -> list[dict[str, Any]]:
    files = session_logs(session() if entries is None else entries)
    return [json.loads(line) for line in files.get(name, b"").decode().splitlines()]


def after(*records: Record, first: SessionStarted | None = None) -> list[Any]:
    journal = Writer()
    journal.add(0, first or started(), *records)
    return journal.entries


@pytest.mark.parametrize("documented", [L39, D2])
def test_the_schema_holds_the_documents_fields(documented: str) -> None:
    """The lists of documents 070 and 090 are columns of every log."""
    assert set(documented.split()) <= {field.name for field in LOG_FIELDS}


def test_every_row_follows_the_schema() -> None:
    """Each line is one object with exactly the schema's fields, typed, stamped and marked."""
    files = session_logs(session())
    assert {"open.log", "mid.log", "close.log", "main_bot.log", "start_log", "stop_log"} <= set(
        files
    )
    for content in files.values():
        for line in content.decode().splitlines():
            row = json.loads(line)
            assert list(row) == [field.name for field in LOG_FIELDS]
            assert STAMP.match(row["timestamp"])
            assert row["profile"] == "TEST"
            for field in LOG_FIELDS:
                value = row[field.name]
                assert (field.blank and value is None) or isinstance(value, TYPES[field.kind])


@pytest.mark.parametrize("strategy", ["open", "mid", "close"])
def test_a_strategys_log_holds_its_own_rows_alone(strategy: str) -> None:
    """No other strategy's events, and all of its own, in the journal's order."""
    own = rows(f"{strategy}.log")
    assert {row["strategy_name"] for row in own} == {strategy}
    assert own[0]["event"] == "window_planned"
    assert own[-1]["event"] == "window_closed"
    assert [row["event"] for row in own].count("trade_execution") == 2
    assert [row["event"] for row in own].count("trade_closed") == 1
    assert [row["seq"] for row in own] == sorted(row["seq"] for row in own)


def test_boot_rows_stand_in_order_in_the_main_log() -> None:
    """Start, self-checks, state, windows, end: as they happened."""
    events = [row["event"] for row in rows("main_bot.log")]
    assert events == [
        "session_started",
        "self_check",
        "state_changed",
        *["window_planned"] * 3,
        *["window_closed"] * 3,
        "session_closed",
    ]


def met(event: Emergency) -> EmergencyMet:
    return EmergencyMet(event=event, state=BotState.TRADING, response="x", detail="x")


def test_each_system_log_shows_its_events() -> None:
    """Kills, commands, defense, starts and stops go to the logs of document 070."""
    entries = after(
        RiskModeChanged(mode=RiskMode.HALTED, reason="loss"),
        RiskTripped(cause="loss_limit", detail="x", day_pnl="-5001", limit=Decimal(5000)),
        CommandObeyed(command=Command.KILL, source="f", signed=True, by="ann", why="test"),
        CommandObeyed(command=Command.STOP, source="f", signed=True, by="ann", why="test"),
        CommandObeyed(command=Command.START, source="f", signed=True, by="ann", why="test"),
        StateChanged(previous=BotState.IDLE, state=BotState.EMERGENCY_CLOSING, reason="kill"),
        NoteMade(topic="defense_mode", text="entered"),
        NoteMade(topic="vix", text="17.74"),
        met(Emergency.KILL),
        met(Emergency.BROKER_DOWN),
        DefenseChanged(on=True, trigger="drawdown", detail="x", limits=()),
        AlertRaised(critical=True, event="manual kill", text="x"),
    )
    seen = {name: [row["seq"] for row in rows(name, entries)] for name in LOGS}
    assert seen["kill_switch.log"] == [2, 3, 4, 7, 10]
    assert seen["disaster_mode.log"] == [1, 2, 3, 8, 10, 11, 12]
    assert seen["start_log"] == [1, 6]
    assert seen["stop_log"] == [3, 4, 5]
    assert seen["main_bot.log"] == list(range(1, 14))


def test_router_and_screener_share_the_verdicts() -> None:
    """The screener tells pools and silence, the router windows and every signal's verdict."""
    assert {row["event"] for row in rows("screener.log")} == {"pool_ranked", "candidate_judged"}
    judged = [row for row in rows("router.log") if row["event"] == "candidate_judged"]
    assert [row["details"]["outcome"] for row in judged] == [
        "allowed",
        "blocked",
        "blocked",
        "blocked",
        "allowed",
        "allowed",
    ]


def test_a_blocked_candidate_stands_in_its_strategys_log() -> None:
    """E6: two blocks by max_trades and one by adx are rows of the strategies that met them."""
    blocks = [
        (f"{entry.record.strategy}.log", entry.seq, entry.record.rule)
        for entry in session()
        if isinstance(entry.record, CandidateJudged) and entry.record.outcome is Outcome.BLOCKED
    ]
    told = [
        (name, row["seq"], row["details"]["rule"])
        for name in ("open.log", "mid.log", "close.log")
        for row in rows(name)
        if row["details"].get("outcome") == "blocked"
    ]
    assert sorted(told) == sorted(blocks)
    assert sorted(rule for _, _, rule in told) == ["adx", "max_trades", "max_trades"]


def test_a_start_and_a_stop_row_with_its_reason() -> None:
    """start_log and stop_log have a row each; the stop says why."""
    assert [row["event"] for row in rows("start_log")] == ["session_started"]
    assert rows("stop_log")[-1]["details"]["exit_reason"] == "session_end"


def test_log_format_csv_gives_the_same_rows() -> None:
    """The CSV has the schema as its title and the same cells."""
    as_csv = session_logs(session(with_settings(LOG_FORMAT="csv")))["mid.log"].decode()
    table = list(csv.DictReader(as_csv.splitlines()))
    as_json = rows("mid.log")
    assert [row["message"] for row in table] == [row["message"] for row in as_json]
    assert [row["seq"] for row in table] == [str(row["seq"]) for row in as_json]
    assert list(table[0]) == [field.name for field in LOG_FIELDS]
    assert json.loads(table[0]["details"]) == as_json[0]["details"]


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["api_call", "api_call", "api_call"]),
        ("info", ["api_call", "api_call"]),
        ("error", ["api_call"]),
        ("nonsense", ["api_call", "api_call"]),
    ],
)
def test_debug_log_level_quiets_the_noise_but_no_error(level: str, events: list[str]) -> None:
    """An accepted order is noise, a sent one information, a refused one always written."""
    entries = after(
        intent("A"),
        updated("A", OrdStatus.NEW),
        updated("A", OrdStatus.REJECTED, reason="no"),
        SliceDone(minute=3),
        first=with_settings(DEBUG_LOG_LEVEL=level),
    )
    assert [row["event"] for row in rows("open.log", entries)] == events


def test_without_logging_only_starts_stops_and_emergencies_are_written() -> None:
    """ENABLE_LOGGING=false silences the chatter, never the record of an emergency."""
    assert set(session_logs(session(with_settings(ENABLE_LOGGING="false")))) <= ALWAYS_WRITTEN


def test_one_event_is_one_line_whatever_it_says() -> None:
    """Line ends, escapes and separators in a text neither break nor fake a row."""
    hostile = 'x\n{"timestamp":"fake"}\r\x1b[2J\u2028"'
    for log_format in ("json", "csv"):
        entries = after(
            NoteMade(topic="t", text=hostile),
            BarsDropped(symbol=hostile, source="f", kept=1, dropped=2),
            first=with_settings(LOG_FORMAT=log_format),
        )
        content = session_logs(entries)["main_bot.log"].decode()
        assert len(content.splitlines()) == 3 + (log_format == "csv")
        assert "\x1b" not in content
        assert "\r" not in content


def test_errors_of_a_strategy_reach_its_log_with_the_word_error() -> None:
    """The level ERROR can be found by grep."""
    entries = after(
        ErrorCaptured(
            strategy="mid",
            broker="SIM",
            error_type="LogicError",
            error_code="ZERO_DIVISION_ERROR",
            raw_exception="Traceback",
            context="strategy step",
            fatal=False,
        )
    )
    (row,) = rows("mid.log", entries)
    assert (row["level"], row["error_code"]) == ("ERROR", "ZERO_DIVISION_ERROR")


def test_what_operators_grep_for_is_what_they_find() -> None:
    """Q13: `grep trade_execution`, `grep api_call` and `grep ERROR` on the text of a log."""
    content = session_logs(session())
    lines = [line for name in ("open.log", "mid.log", "close.log") for line in found(content, name)]
    trades = [line for line in lines if "trade_execution" in line]
    assert [json.loads(line)["ticker"] for line in trades] == [
        *("IBM", "IBM", "SPY", "SPY", "BAC", "BAC")
    ]
    calls = [json.loads(line) for line in lines if "api_call" in line]
    assert len(calls) >= len(trades)
    assert {row["event"] for row in calls} == {"api_call"}
    assert not [line for line in lines if "ERROR" in line]


def found(content: dict[str, bytes], name: str) -> list[str]:
    """The lines of a log."""
    return content[name].decode().splitlines()


def test_a_log_row_needs_its_session() -> None:
    """A journal that does not begin with SessionStarted is refused."""
    with pytest.raises(LogicError, match="SessionStarted"):
        session_logs(session()[1:])


def test_appended_logs_equal_the_rebuilt_ones_and_repeat_nothing() -> None:
    """Advancing twice over the journal leaves what `session_logs` makes of it."""
    outputs = FakeOutputs()
    projection = SessionLogs(outputs)
    for entry in (*session(), *session()):
        projection.advance(entry)
    standing = {n: c for n, c in outputs.files.items() if not n.startswith("session/")}
    assert standing == session_logs(session())


def universe_row(outputs: FakeOutputs, level: Level = Level.INFO, **keys: object) -> None:
    tell_universe(
        outputs,
        at=datetime(2014, 3, 28, 21, tzinfo=UTC),
        level=level,
        event="universe_published",
        number=2,
        bot=BotIdentity(
            entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01"
        ),
        profile=Profile.TEST,
        message="3 symbols published",
        details={"version": "ab"},
        settings=settings(**keys),
    )


def test_a_row_of_the_universe_has_the_schema_of_every_log() -> None:
    """It goes to screener.log, under a name that no session has (L5)."""
    outputs = FakeOutputs()
    universe_row(outputs)
    (line,) = outputs.lines("screener.log")
    row = json.loads(line)
    assert list(row) == [field.name for field in LOG_FIELDS]
    assert (row["timestamp"], row["session"], row["seq"]) == ("2014-03-28T21:00:00Z", "universe", 2)
    assert (row["bot"], row["profile"], row["broker"]) == ("RIGD_USA_SIM_01", "TEST", "SIM")


def test_a_csv_log_gets_its_title_once() -> None:
    """LOG_FORMAT decides the form, as for a session's rows."""
    outputs = FakeOutputs()
    for _ in range(2):
        universe_row(outputs, LOG_FORMAT="csv")
    title, *lines = list(csv.reader(outputs.lines("screener.log")))
    assert title == [field.name for field in LOG_FIELDS]
    assert len(lines) == 2


def test_a_row_of_the_universe_may_be_too_quiet() -> None:
    """DEBUG_LOG_LEVEL names the quietest row that is written."""
    outputs = FakeOutputs()
    universe_row(outputs, DEBUG_LOG_LEVEL="warning")
    assert outputs.writes == []
    universe_row(outputs, Level.WARNING, DEBUG_LOG_LEVEL="warning")
    assert len(outputs.lines("screener.log")) == 1
