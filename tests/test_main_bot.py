"""The bot's life from start to end: states, routing, logs, files (document 070, test_main_bot)."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.core.events import (
    FillRecorded,
    PoolRanked,
    SelfChecked,
    SessionClosed,
    SessionStarted,
    StateChanged,
    TradeClosed,
    WindowClosed,
    WindowPlanned,
)
from rigd.core.lifecycle import BotState
from rigd.core.values import Side
from rigd.hosts.request import SessionRequest
from rigd.store.registry import COPIED
from tests.flags import run_by_hand
from tests.house.tree import text
from tests.sessions import Ran, run_session

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2013, 10, 7)
SYMBOLS = ("AAA", "BBB")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The session of `make session`."""
    return run_session(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A session with `.env_bot.test` on a made-up, quiet history."""
    data = tmp_path_factory.mktemp("history")
    for symbol in SYMBOLS:
        (data / f"{symbol}.csv").write_text(quiet_day(), encoding="utf-8")
    request = SessionRequest(data=str(data), day=DAY, symbols=SYMBOLS)
    return run_session(tmp_path_factory.mktemp("dry"), request, text("env/.env_bot.test"))


def quiet_day() -> str:
    """A day whose price walks up and down by a cent: 13:30 to 20:00 UTC, 390 bars."""
    opened = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
    rows = ["ts_utc,open,high,low,close,volume"]
    for minute in range(390):
        stamp = (opened + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
        first, last = (50.00, 50.01) if minute % 2 == 0 else (50.01, 50.00)
        rows.append(f"{stamp},{first},50.02,49.99,{last},1000")
    return "\n".join(rows) + "\n"


def test_the_states_of_a_day_follow_the_windows(demo: Ran) -> None:
    """Started, idle, then analyzing, trading, monitoring and idle again in each window (V1)."""
    states = [record.state for record in demo.records(StateChanged)]
    window = [BotState.ANALYZING, BotState.TRADING, BotState.MONITORING, BotState.IDLE]
    assert states == [BotState.STARTED, BotState.IDLE, *window, *window, *window]
    closed = demo.entries[-1].record
    assert isinstance(closed, SessionClosed)
    assert closed.exit_code == 0
    assert closed.status == "CLOSED"


def test_strategies_run_in_sequence(demo: Ran) -> None:
    """open, mid and close are planned, ranked and closed in this order, each in its window."""
    assert [record.strategy for record in demo.records(WindowPlanned)] == ["open", "mid", "close"]
    assert [record.strategy for record in demo.records(WindowClosed)] == ["open", "mid", "close"]


def test_self_checks_come_before_the_first_signal(demo: Ran) -> None:
    """Every self-check passed, and all were written before the bot was started."""
    kinds = [type(entry.record) for entry in demo.entries]
    started = kinds.index(StateChanged)
    last_check = len(kinds) - 1 - kinds[::-1].index(SelfChecked)
    assert last_check < started
    assert all(record.passed for record in demo.records(SelfChecked))


def test_the_demo_trades_and_ends_flat(demo: Ran) -> None:
    """Each strategy trades in the demo, and the fills of each symbol sum to zero."""
    trades = demo.records(TradeClosed)
    assert {trade.strategy for trade in trades} == {"open", "mid", "close"}
    held: dict[str, object] = {}
    for fill in demo.records(FillRecorded):
        sign = 1 if fill.side in {Side.BUY, Side.BUY_TO_COVER} else -1
        held[fill.symbol] = held.get(fill.symbol, 0) + sign * fill.qty
    assert held
    assert set(held.values()) == {0}


def test_the_day_leaves_its_files(demo: Ran) -> None:
    """The standing logs, the session's own copies, the books and the record lie in their places."""
    bot = demo.home / "runs" / "RIGD_USA_SIM_01"
    assert demo.folder.parent == bot / "sessions"
    logs = {path.name for path in (bot / "logs").iterdir()}
    assert {"open.log", "mid.log", "close.log", "daily_summary.json", "status.json"} <= logs
    assert {"unresolved_orders.log", "error_tracebacks.log"} <= logs
    system = {path.name for path in (demo.home / "runs" / "logs").iterdir()}
    assert {"main_bot.log", "heartbeat.log", "start_log", "stop_log", "router.log"} <= system
    assert (bot / "ledgers" / "RIGD_USA_SIM_01_BOT_ledger.db").is_file()
    own = {path.name for path in demo.folder.iterdir()}
    assert {"journal.log", "manifest.json", "report.html", "kernel.json"} <= own
    assert own & set(COPIED)


def test_the_logs_say_what_the_journal_says(demo: Ran) -> None:
    """The rows of trade_history are the journal's trades, and each is marked TEST."""
    history = json.loads((demo.folder / "trade_history.json").read_text(), parse_float=Decimal)
    told = [(row["ticker"], row["strategy_name"], row["PnL"]) for row in history]
    assert told == [(t.symbol, t.strategy, t.pnl) for t in demo.records(TradeClosed)]
    assert {row["profile"] for row in history} == {"TEST"}
    assert "TEST" in demo.summary


def test_every_instant_in_every_file_is_utc(demo: Ran) -> None:
    """Each date with a time in a log, a table, a summary or an export ends in Z (L42)."""
    stamp = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?([Z+-]?)")
    seen = 0
    for path in (demo.home / "runs").rglob("*"):
        if path.suffix in {".log", ".json", ".csv", ".beancount"} and path.is_file():
            zones = stamp.findall(path.read_text(encoding="utf-8"))
            assert set(zones) <= {"Z"}, path.name
            seen += len(zones)
    assert seen > 1000


def test_the_integration_flow_of_a_dry_day(dry: Ran) -> None:
    """`.env_bot.test`, a made-up history, a dry start: sequence, files, errors, exports (V18)."""
    started = dry.records(SessionStarted)[0]
    assert started.strategies == ("open", "mid", "close")
    assert started.symbols == SYMBOLS
    assert dry.records(TradeClosed) == []
    assert dry.entries[-1].record.exit_code == 0

    bot = dry.home / "runs" / started.bot
    errors = (bot / "logs" / "error_tracebacks.log").read_text(encoding="utf-8")
    assert errors.strip() == ""
    status = json.loads((bot / "logs" / "status.json").read_text(encoding="utf-8"))
    assert (status["status"], status["trades"]) == ("CLOSED", 0)

    key = dry.folder.name
    books = bot / "ledgers"
    assert json.loads((books / f"{key}.json").read_text(encoding="utf-8"))
    rows = list(csv.reader(io.StringIO((books / f"{key}.csv").read_text(encoding="utf-8"))))
    assert len(rows) > 1
    assert "<OFX>" in (books / f"{key}.ofx").read_text(encoding="utf-8")
    beans = (books / f"{key}.beancount").read_text(encoding="utf-8")
    assert 'option "operating_currency" "USD"' in beans


def test_a_day_without_trades_says_why(dry: Ran) -> None:
    """With the documents' thresholds nothing trades, and the summary tells a reason."""
    assert "no trade" in dry.summary.lower()


def test_a_stopped_day_closes_and_the_next_session_begins(tmp_path: Path) -> None:
    """A stop closes gracefully with exit code 0; the same day's next session is number 2."""
    unhurried = SessionRequest(speed=3600.0)
    stopped = run_session(tmp_path, unhurried, stop=True)
    closed = stopped.entries[-1].record
    assert isinstance(closed, SessionClosed)
    assert closed.exit_code == 0
    assert stopped.records(StateChanged)[-1].state is BotState.STOPPED
    assert len(stopped.records(PoolRanked)) < 3

    again = run_session(tmp_path)
    assert stopped.folder.name.endswith("_1")
    assert again.folder.name == stopped.folder.name.replace("_1", "_2")
    assert len(again.records(PoolRanked)) == 3


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
