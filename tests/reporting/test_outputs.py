from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import ForeignWriter
from rigd.core.values import BotIdentity
from rigd.reporting import errors, logs, report, status, summary, trades
from rigd.store.paths import Home
from rigd.store.registry import BY_NAME, Registry
from tests.fakes.outputs import FakeOutputs
from tests.reporting import journals
from tests.reporting.test_status import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rigd.reporting.outputs import Outputs

OWNED = {
    trades.WRITER: ("trade_history.json", "trade_history.csv"),
    summary.WRITER: summary.COPIES,
    logs.WRITER: tuple(logs.LOGS),
    errors.WRITER: (errors.UNRESOLVED, errors.TRACEBACKS),
    status.WRITER: (status.NAME, status.LOG_NAME),
    report.WRITER: (report.NAME,),
}


@pytest.fixture(params=["registry", "fake"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outputs]:
    """The real door and the fake one."""
    if request.param == "fake":
        yield FakeOutputs()
        return

    identity = BotIdentity(
        entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01"
    )
    with Registry(Home(tmp_path), identity, day=journals.started().day, number=1) as registry:
        yield registry


@pytest.mark.parametrize("writer", OWNED)
def test_every_output_belongs_to_the_module_that_writes_it(writer: str) -> None:
    """The output table names the reporting module as the one writer of each of its files."""
    assert {BY_NAME[name].writer for name in OWNED[writer]} == {writer}


def test_the_door_appends_reads_and_replaces(door: Outputs) -> None:
    """Real and fake door behave alike for whole files and logs."""
    door.append_line("open.log", "one", writer=logs.WRITER)
    door.append_line("open.log", "two", writer=logs.WRITER)
    door.write("daily_summary.json", b"{}", writer=summary.WRITER)
    assert door.read("open.log") == b"one\ntwo\n"
    assert door.read("daily_summary.json") == b"{}"
    assert door.read("mid.log") == b""


def test_the_door_refuses_a_foreign_writer(door: Outputs) -> None:
    """Only the owner of the table may write, in the real door and in the fake."""
    with pytest.raises(ForeignWriter):
        door.append_line("open.log", "x", writer=trades.WRITER)
    with pytest.raises(ForeignWriter):
        door.write("status.json", b"", writer=trades.WRITER)


@pytest.mark.parametrize("log_format", ["json", "csv"])
def test_a_whole_session_lands_in_the_documents_files(tmp_path: Path, log_format: str) -> None:
    """Through the real registry every file of document 070 lies where it belongs."""
    identity = BotIdentity(
        entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01"
    )
    entries = journals.session(journals.with_settings(LOG_FORMAT=log_format))
    with Registry(Home(tmp_path), identity, day=journals.started().day, number=1) as registry:
        folded = status.StatusFold(registry)
        parts = (
            trades.TradeHistory(registry),
            summary.DailySummary(registry),
            logs.SessionLogs(registry),
            errors.ErrorLogs(registry),
            folded,
        )
        for entry in entries:
            for part in parts:
                part.advance(entry)
        folded.publish(LIVE)
        report.write_report(registry, b"<!DOCTYPE html>")
    bot = tmp_path / "runs" / "RIGD_USA_SIM_01"
    found = {path.relative_to(bot).as_posix() for path in bot.rglob("*") if path.is_file()}
    copied = {
        *(f"{name}.log" for name in ("open", "mid", "close", "main_bot", "router", "screener")),
        "disaster_mode.log",
        "unresolved_orders.log",
        "error_tracebacks.log",
        "daily_summary.json",
        "status.json",
        f"trade_history.{log_format}",
        "report.html",
    }
    standing = {"open.log", "mid.log", "close.log", "unresolved_orders.log", "error_tracebacks.log"}
    assert found == {
        f"trades/trade_history.{log_format}",
        "summaries/2013-10-07_1.json",
        *(f"logs/{name}" for name in (*standing, "daily_summary.json", "status.json")),
        *(f"sessions/2013-10-07_1/{name}" for name in copied),
    }
    system = {path.name for path in (tmp_path / "runs" / "logs").iterdir()}
    names = {"main_bot.log", "router.log", "screener.log", "disaster_mode.log", "system_logs.log"}
    assert system == names | {"start_log", "stop_log"}
