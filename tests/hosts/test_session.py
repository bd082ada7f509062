from __future__ import annotations

import csv
import importlib
import io
import json
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.broker.simulated.exchange import SimExchange
from rigd.core.errors import AlreadyRunning, ConfigError, LogicError, StorageError
from rigd.core.events import Command, CommandObeyed, FillRecorded, SessionClosed, TradeClosed
from rigd.hosts import session
from rigd.hosts.bot import is_provisioned
from rigd.reporting import session_view
from rigd.store import manifest
from rigd.store.registry import OUTPUTS, Format, Registry
from tests.hosts.homes import (
    ONE_SYMBOL,
    SAMPLE,
    bot_of,
    demo,
    fields,
    listing,
    run,
    wait_until,
)

if TYPE_CHECKING:
    from rigd.store.paths import Home

WITHOUT_MARK = {
    "lease_epoch": "a bare number",
    "lease.json": "which process beats, for this boot alone",
    "sim_broker.log": "stands for the broker's own record, which knows no profile",
}
"""Outputs of a session that carry no mark, and why."""

LEFT_BY_OTHERS = {
    "operator_audit.log": "rigd flags clear, rigd risk reset",
    "key_usage.log": "rigd keys rotate",
    "alerts.log": "an alert with a channel",
    "alerts_acknowledged.json": "an alert that was acknowledged in the panel",
    "alerts.json": "an alert with a channel",
    "confirmations.json": "an entry that waits for an operator",
    "confirmations_answered.json": "an answer to it in the panel",
    "test_mode.log": "a dry run",
    "test_stamp.json": "a run of the whole suite",
    "env_bot.enc.backup": "rigd config set",
    "config.lock": "rigd config set",
    "review.ipynb": "rigd review",
    "provisioning.log": "the first run",
    "init_system_logs.log": "the first run",
    "init_system_users.log": "the first run",
    "init_user_activity_monitoring.log": "the first run",
    "init_password_reset_tokens.log": "the first run",
    "trade_history.csv": "LOG_FORMAT=csv",
    "session/trade_history.csv": "LOG_FORMAT=csv",
    "session.ipynb": "rigd session",
    "request.json": "rigd session",
    "session.json": "rigd session",
    "termination.json": "rigd session",
    "launch.lock": "rigd session",
    "launch_ticket.json": "rigd session",
    "supervisor.log": "rigd session --supervised",
    "supervisor.json": "rigd session --supervised",
    "launches.log": "rigd up",
    "trading_bot.log": "a script that asks for a logger",
    "resident.json": "rigd up",
    "sim_broker.json": "a simulated broker of its own process",
    "kill.json": "rigd kill",
    "bot_state.txt": "rigd session",
    "backup.zip": "rigd session",
    "fundamentals.json": "a folder of data with fundamentals",
    "kill_switch.log": "a trip",
    "session/kill_switch.log": "a trip",
    "symbol_universe.json": "rigd universe build",
    "archived_universe.json": "rigd universe build",
    "universe_state.json": "rigd universe build",
    "universe_raw.json": "rigd universe build",
    "universe_allowed.json": "rigd universe build",
    "universe_enriched.json": "rigd universe build",
    "universe_filtered.json": "rigd universe build",
    "universe.lock": "rigd universe build",
    "blocklist.txt": "rigd universe blocklist",
    **dict.fromkeys(
        (
            *(
                f"{at}trade_history_backtest.{kind}"
                for at in ("", "backtest/")
                for kind in ("csv", "json")
            ),
            *(f"{at}daily_summary_backtest.json" for at in ("", "backtest/")),
            *(f"{at}backtest_slippage_comparison.json" for at in ("", "backtest/")),
            *("backtest.ipynb", "backtest_plots.html"),
        ),
        "rigd backtest",
    ),
    **dict.fromkeys(
        ("optimize.lock", "optimized.ipynb", "study.journal", "study.json", "trials.log"),
        "rigd optimize",
    ),
    **dict.fromkeys(
        ("sweep.json", "sweep_part.npy", "sweep_result.csv", "sweep_result.json"), "rigd sweep"
    ),
    "proposals.log": "rigd proposal",
    "tuned.ipynb": "rigd run tune",
    "auth_web.log": "a log-in",
    "security_users.log": "rigd users role",
    "system_users.log": "rigd users add",
    "user_activity_monitoring.log": "a session of a user",
    "password_reset_tokens.log": "rigd users password",
}
"""Outputs that a session in this process does not leave, and what does."""


def trades_of(handle: session.SessionHandle) -> list[dict]:
    bot = handle.bot
    path = Registry(bot.home, bot.identity).path("trade_history.json")
    return json.loads(path.read_bytes(), parse_float=Decimal, parse_int=Decimal)


def outputs_of(home: Home, bot, folder) -> dict[str, list]:
    """The files of the output table that exist, by name."""
    day, number = folder.name.rsplit("_", 1)
    registry = Registry(
        home, bot.identity, day=datetime.fromisoformat(day).date(), number=int(number)
    )
    found = {}
    for output in OUTPUTS:
        if "{stamp}" in output.path_template:
            ending = output.path_template.rpartition(".")[2]
            paths = list(home.backups.glob(f"*.{ending}"))
        elif "{account}" in output.path_template:
            paths = [home.runs / output.path_template.format(account=bot.identity)]
        else:
            paths = [registry.path(output.name)]
        found[output.name] = [path for path in paths if path.exists()]
    return found


def test_a_session_leaves_the_files_of_the_table(finished) -> None:
    """Each file of the output table exists after one session, but those that others make."""
    bot = finished.bot
    absent = {
        name for name, paths in outputs_of(bot.home, bot, finished.folder).items() if not paths
    }
    assert absent <= set(LEFT_BY_OTHERS)
    assert {"open.log", "mid.log", "close.log", "status.json", "heartbeat.log"}.isdisjoint(absent)
    for name in ("start_log", "stop_log", "main_bot.log", "daily_summary.json", "ledger.ofx"):
        assert name not in absent


def test_the_log_of_dry_runs_is_written_by_dry_runs_alone(finished) -> None:
    """L27: a session that is none leaves no test_mode.log."""
    logs = finished.bot.home.bot(finished.bot.identity).logs
    assert (logs / "open.log").exists()
    assert not (logs / "test_mode.log").exists()


def test_test_stands_in_every_file(finished) -> None:
    """The demo's mark is in each output and each title; a file without content needs none."""
    bot = finished.bot
    for name, paths in outputs_of(bot.home, bot, finished.folder).items():
        for path in paths:
            content = path.read_bytes()
            assert not content or name in WITHOUT_MARK or b"TEST" in content, name
    assert "[TEST]" in finished.summary().splitlines()[0]
    assert "TEST" in finished.show(session_view.heading)
    title = (finished.folder / "report.html").read_text().split("<title>")[1].split("</title>")[0]
    assert "TEST" in title


def test_each_line_of_a_log_carries_the_mark(finished) -> None:
    """A line that is cut out of its file still says that it is no production."""
    bot = finished.bot
    logs = [
        row.name for row in OUTPUTS if row.format is Format.LINES and "session/" not in row.name
    ]
    counted = Counter()
    for name, paths in outputs_of(bot.home, bot, finished.folder).items():
        if name in logs:
            for line in (line for path in paths for line in path.read_text().splitlines()):
                assert json.loads(line)["profile"] == "TEST", name
                counted[name] += 1
    assert counted["main_bot.log"] > 10
    assert counted["open.log"] > 10


def test_nothing_else_is_written(finished) -> None:
    """What lies below runs/ is in the output table, or the link to the newest session."""
    home, bot = finished.bot.home, finished.bot
    known = {path for paths in outputs_of(home, bot, finished.folder).values() for path in paths}
    found = {path for path in home.runs.rglob("*") if path.is_file() and not path.is_symlink()}
    linked = {path for path in found if home.latest in path.parents}
    databases = {path for path in found if path.name.endswith(("-wal", "-shm"))}
    assert found - linked - databases - known == set()


def test_trade_history_is_the_fills_paired_by_hand(finished) -> None:
    """Each row's size, prices and PnL follow from the journal's fills alone."""
    fills = [entry.record for entry in finished.entries if isinstance(entry.record, FillRecorded)]
    by_symbol: dict[tuple[str, str], list[FillRecorded]] = {}
    for fill in fills:
        by_symbol.setdefault((fill.strategy, fill.symbol), []).append(fill)
    expected = {}
    for key, group in by_symbol.items():
        buys = [fill for fill in group if fill.side.sign > 0]
        sells = [fill for fill in group if fill.side.sign < 0]
        spent = sum(fill.qty * fill.price for fill in buys)
        earned = sum(fill.qty * fill.price for fill in sells)
        assert sum(f.qty for f in buys) == sum(f.qty for f in sells)
        side = "long" if group[0].side.sign > 0 else "short"
        expected[key] = (side, sum(f.qty for f in buys), earned - spent)
    rows = trades_of(finished)
    assert {(row["strategy_name"], row["ticker"]) for row in rows} == set(expected)
    for row in rows:
        side, size, pnl = expected[row["strategy_name"], row["ticker"]]
        assert (row["side"], row["size"]) == (side, size)
        assert abs(row["PnL"] - pnl) < Decimal("0.000003")
        assert row["entry_timestamp"] < row["exit_timestamp"]


def test_daily_summary_is_the_trades_added_up(finished) -> None:
    """The nine metrics of document 070, computed again from trade_history."""
    bot = finished.bot
    summary = fields(Registry(bot.home, bot.identity).path("daily_summary.json"))
    rows = trades_of(finished)
    pnls = [row["PnL"] for row in rows]
    assert summary["total_trades"] == len(rows) > 0
    assert Decimal(summary["realised_pnl"]) == sum(pnls)
    assert abs(Decimal(summary["average_pnl_per_trade"]) - sum(pnls) / len(pnls)) < Decimal("1e-6")
    assert Decimal(summary["max_gain"]) == max(pnls)
    assert Decimal(summary["max_loss"]) == min(pnls)
    for name, rate in summary["win_rate_per_strategy"].items():
        own = [row["PnL"] > 0 for row in rows if row["strategy_name"] == name]
        assert rate == (pytest.approx(sum(own) / len(own)) if own else None)
    assert summary["trade_count_vs_signals_triggered"]["trades"] == len(rows)
    held = [
        datetime.fromisoformat(row["exit_timestamp"])
        - datetime.fromisoformat(row["entry_timestamp"])
        for row in rows
    ]
    seconds = sum(each.total_seconds() for each in held) / len(held)
    assert summary["average_holding_time"] == pytest.approx(seconds, abs=1)


def test_the_books_are_the_brokers_cash(finished) -> None:
    """Account 1030 holds what the simulated broker says, and debits equal credits."""
    bot = finished.bot
    closed = finished.entries[-1].record
    registry = Registry(bot.home, bot.identity, day=SAMPLE_DAY, number=1)
    rows = list(csv.DictReader(io.StringIO(registry.path("ledger.csv").read_text())))
    cash = sum(Decimal(row["amount"]) for row in rows if row["account"] == "1030")
    assert cash == closed.closing_cash
    assert sum(Decimal(row["amount"]) for row in rows) == 0
    assert cash == Decimal(100_000) + sum(row["PnL"] for row in trades_of(finished))


SAMPLE_DAY = datetime(2012, 11, 14, tzinfo=UTC).date()


def test_the_exports_say_the_same_cash(finished) -> None:
    """OFX, beancount and JSON name the balance of the CSV."""
    bot = finished.bot
    registry = Registry(bot.home, bot.identity, day=SAMPLE_DAY, number=1)
    cash = finished.entries[-1].record.closing_cash
    assert f"<AVAILCASH>{cash}</AVAILCASH>" in registry.path("ledger.ofx").read_text()
    assert f"{cash} ~ 0 USD" in registry.path("ledger.beancount").read_text()
    assert str(cash) in registry.path("ledger.json").read_text()


def test_the_newest_session_is_linked_and_its_state_is_published(finished) -> None:
    """runs/latest, status.json and heartbeat.log of an ended session."""
    home, bot = finished.bot.home, finished.bot
    assert home.latest.resolve() == finished.folder.resolve()
    registry = Registry(home, bot.identity)
    status = fields(registry.path("status.json"))
    assert status["status"] == "CLOSED"
    assert status["pid"] == os.getpid()
    assert status["marks"] == ["TEST", "REPLAY"]
    assert status["session"] == finished.folder.name
    beats = [json.loads(line) for line in registry.path("heartbeat.log").read_text().splitlines()]
    assert beats
    assert {beat["session"] for beat in beats} == {finished.folder.name}
    kernel = fields(finished.folder / "kernel.json")
    assert (kernel["pid"], kernel["finished"]) == (os.getpid(), True)


def test_a_session_by_hand_seals_its_own_record(finished) -> None:
    """Without a launcher the handle writes the manifest, with the head of the books."""
    assert manifest.check(finished.folder) == []
    extra = manifest.read(finished.folder)["extra"]
    assert extra["session"] == finished.folder.name
    assert extra["books"][0] > 0


def test_the_first_run_provisions_the_demo(finished) -> None:
    """Key, settings and secrets exist with mode 0600, and provisioning.log says TEST."""
    home = finished.bot.home
    assert is_provisioned(home)
    made = [path for path in home.env.rglob("*") if path.is_file()]
    assert len(made) >= 7
    modes = {path.name: path.stat().st_mode & 0o777 for path in made}
    assert modes.pop("kill_access.json") == 0o400
    assert set(modes.values()) == {0o600}
    rows = [json.loads(x) for x in (home.logs / "provisioning.log").read_text().splitlines()]
    assert {row["profile"] for row in rows} == {"TEST"}
    assert "env/.env_bot.enc" in {row["file"] for row in rows}


def test_the_views_of_the_notebook_show_the_session(finished) -> None:
    """Each cell of the notebook's second half has something to show."""
    for view in (session_view.parameters, session_view.limits, session_view.funnel):
        assert finished.show(view).startswith("<")
    assert "<svg" in finished.equity()
    assert "1030" in finished.books()
    assert finished.entries[-1].hash[:8] in finished.seal()


def test_two_fresh_homes_give_the_same_bytes(finished, tmp_path) -> None:
    """Another clock, another process state, another home: same journal, trades, books, report."""
    home = demo(tmp_path / "other")
    other, _ = run(home, SAMPLE)
    names = ["journal.log", "trade_history.json", "daily_summary.json", "report.html"]
    names += ["open.log", "mid.log", "close.log", "main_bot.log", "router.log"]
    for name in names:
        assert (other.place.folder / name).read_bytes() == (finished.folder / name).read_bytes(), (
            name
        )
    bot = finished.bot
    for ending in ("csv", "json", "beancount", "ofx"):
        first = Registry(bot.home, bot.identity, day=SAMPLE_DAY, number=1).path(f"ledger.{ending}")
        second = Registry(home, bot.identity, day=SAMPLE_DAY, number=1).path(f"ledger.{ending}")
        assert first.read_bytes() == second.read_bytes(), ending
    assert dump(bot.home.bot(bot.identity).ledger_db) == dump(home.bot(bot.identity).ledger_db)


def dump(path) -> list[str]:
    """Every statement that makes the database."""
    with closing(sqlite3.connect(path)) as books:
        return list(books.iterdump())


def test_a_seal_that_stands_outlives_the_disks_refusal_after_it(tmp_path, monkeypatch) -> None:
    """The manifest was replaced, the sync of its folder failed: the record stays as sealed."""
    right = manifest.seal

    def failing(*arguments, **choices) -> str:
        right(*arguments, **choices)
        msg = "could not write manifest.json: Input/output error"
        raise StorageError(msg)

    monkeypatch.setattr(manifest, "seal", failing)
    handle = session.start(str(tmp_path / "home"), ONE_SYMBOL.to_json())
    with pytest.raises(StorageError, match=r"manifest\.json"):
        handle.wait()
    assert manifest.check(handle.folder) == []


@pytest.fixture
def paced(tmp_path):
    """A session that would take many seconds, and is stopped at the end of the test."""
    request = replace(ONE_SYMBOL, speed=600.0)
    handle = session.start(str(tmp_path / "home"), request.to_json())
    yield handle
    handle.stop("the test is over")
    handle.wait()


def test_a_running_bot_answers_at_once(paced) -> None:
    """Another cell of the same kernel gets status in less than a second, and the pid is right."""
    wait_until(lambda: paced.status().get("session"))
    before = time.perf_counter()
    status = paced.status()
    assert time.perf_counter() - before < 1.0
    assert status["pid"] == os.getpid()
    assert status["state"] in {"initialize", "started", "idle", "analyzing"}
    assert paced.bars == {} or set(paced.bars) == {"FB"}
    with pytest.raises(LogicError, match="must have ended"):
        paced.summary()


def test_starting_twice_gives_the_same_bot(paced) -> None:
    """A cell that is run again finds the session that runs (one bot, one session)."""
    assert session.start(str(paced.bot.home.root)) is paced
    assert session.start(str(paced.bot.home.root), SAMPLE.to_json()) is paced


def test_run_all_a_hundred_times_is_one_engine(paced) -> None:
    """Cells run again, and also a module loaded again, start no second engine (FAULTS K03)."""
    root = str(paced.bot.home.root)
    for _ in range(100):
        assert session.start(root) is paced
    before = dict(vars(session))
    importlib.reload(session)
    try:
        with pytest.raises(AlreadyRunning):
            session.start(root, paced.request.to_json()).wait()
    finally:
        vars(session).update(before)
    assert [thread.name for thread in threading.enumerate()].count("rigd-engine") == 1
    assert session.start(root) is paced


def test_stop_in_the_notebook_is_graceful(paced) -> None:
    """bot.stop() ends the session flat with exit code 0; the handle can then be summed up."""
    wait_until(lambda: paced.status().get("session"))
    paced.stop("enough")
    closed = paced.wait().entries[-1].record
    assert isinstance(closed, SessionClosed)
    assert (closed.exit_code, closed.flat, closed.state.value) == (0, True, "stopped")
    obeyed = [e.record for e in paced.entries if isinstance(e.record, CommandObeyed)]
    assert [(o.command, o.source, o.why) for o in obeyed] == [(Command.STOP, "notebook", "enough")]
    assert "stopped" in paced.summary()


def test_kill_in_the_notebook_has_its_own_exit_code(paced) -> None:
    """bot.kill() ends the session with exit code 5."""
    wait_until(lambda: paced.status().get("session"))
    paced.kill()
    closed = paced.wait().entries[-1].record
    assert (closed.exit_code, closed.exit_reason) == (5, "kill")


@pytest.fixture
def handlers():
    """How this process takes the two signals; asked for before a session that takes them over."""
    return {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}


@pytest.mark.parametrize(
    ("number", "command"),
    [(signal.SIGTERM, Command.SHUTDOWN), (signal.SIGINT, Command.STOP)],
)
def test_signals_become_commands(handlers, paced, number, command) -> None:
    """A signal to the kernel closes the session gracefully; the handlers are given back."""
    wait_until(lambda: paced.status().get("session"))
    signal.raise_signal(number)
    closed = paced.wait().entries[-1].record
    assert (closed.exit_code, closed.flat) == (0, True)
    (obeyed,) = [e.record for e in paced.entries if isinstance(e.record, CommandObeyed)]
    assert (obeyed.command, obeyed.source) == (command, number.name)
    assert signal.getsignal(number) == handlers[number]


def test_a_home_that_another_process_uses_is_refused(paced) -> None:
    """The owner is named, and its record stays as it was."""
    wait_until((paced.folder / "kernel.json").exists)
    kernel = (paced.folder / "kernel.json").read_bytes()
    other = session.SessionHandle(paced.bot, ONE_SYMBOL, launched=False)
    other.start()
    before = time.perf_counter()
    with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}"):
        other.wait()
    assert time.perf_counter() - before < 1.0
    assert (paced.folder / "kernel.json").read_bytes() == kernel
    assert session.start(str(paced.bot.home.root)) is paced


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"data": 1}', '{"day": "2013-02-30"}', "null", '"x"', "{"]
)
def test_a_request_that_rigd_did_not_write_changes_nothing(tmp_path, text) -> None:
    """A malformed parameter is refused before anything is made."""
    home = tmp_path / "home"
    with pytest.raises(ConfigError, match="a session request must be what rigd wrote"):
        session.start(str(home), text)
    assert listing(tmp_path) == {}


def test_a_request_that_cannot_run_changes_nothing(tmp_path) -> None:
    """On an empty home not even the demo is made for a day without a session."""
    request = replace(SAMPLE, day=datetime(2012, 12, 25, tzinfo=UTC).date())
    with pytest.raises(ConfigError, match="must be a session of the exchange"):
        session.start(str(tmp_path / "home"), request.to_json())
    assert listing(tmp_path) == {}


def test_an_error_of_the_engine_reaches_the_cell(tmp_path, monkeypatch) -> None:
    """What the engine's thread died of is raised by wait() and kept in kernel.json."""
    home = demo(tmp_path)

    def fail(*_: object) -> None:
        message = "the exchange is closed for good"
        raise LogicError(message, fix="open it")

    monkeypatch.setattr(SimExchange, "begin_session", fail)
    handle = session.start(str(home.root))
    with pytest.raises(LogicError, match="closed for good"):
        handle.wait()
    kernel = fields(handle.folder / "kernel.json")
    assert kernel["error_type"] == "LogicError"
    assert kernel["exit_code"] == 1
    assert kernel["fix"] == "open it"


def test_without_a_home_the_session_runs_in_a_new_folder(monkeypatch, tmp_path) -> None:
    """The notebook by hand uses a throw-away folder and never the checkout."""
    monkeypatch.setattr(session, "throwaway_home", lambda: tmp_path / "rigd-")
    handle = session.start("", ONE_SYMBOL.to_json()).wait()
    assert handle.bot.home.root == tmp_path / "rigd-"
    assert isinstance(handle.entries[-1].record, SessionClosed)


def test_trades_close_before_the_session_does(finished) -> None:
    """Every round trip of the sample is on record before the closing record."""
    kinds = [type(entry.record) for entry in finished.entries]
    assert kinds.count(SessionClosed) == 1
    assert kinds[-1] is SessionClosed
    assert kinds.count(TradeClosed) == len(trades_of(finished))
    assert bot_of(finished.bot.home).identity == finished.bot.identity
