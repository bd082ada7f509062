"""Tests of the output table and its guard."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from string import Formatter

import pytest

import rigd.store
from rigd.core.errors import ForeignWriter, LogicError
from rigd.core.values import BotIdentity
from rigd.store.paths import Home
from rigd.store.registry import BY_NAME, COPIED, OUTPUTS, Format, Output, Registry, output

BOT = BotIdentity(entity_code="DEMO", jurisdiction_code="US", broker_code="SIM", bot_id="01")
DAY = date(2013, 10, 7)
TREE = "runs/DEMO_US_SIM_01"

DOCUMENT_070 = {
    # name: (path, shown in the logs page, the documents' owner), INVENTORY L1-L8 and L13-L29, L31
    "main_bot.log": ("runs/logs/main_bot.log", True, "main_bot"),
    "system_logs.log": ("runs/logs/system_logs.log", True, "status_bot"),
    "heartbeat.log": ("runs/logs/heartbeat.log", True, "watchdog_bot"),
    "router.log": ("runs/logs/router.log", True, "strategy_router"),
    "screener.log": ("runs/logs/screener.log", True, "finnhub_screener"),
    "kill_switch.log": ("runs/logs/kill_switch.log", True, "kill_switch"),
    "provisioning.log": ("runs/logs/provisioning.log", True, "provisioning_runner"),
    "provisioning_status.json": (
        "runs/logs/provisioning_status.json",
        True,
        "provisioning_runner",
    ),
    "start_log": ("runs/logs/start_log", True, "main"),
    "stop_log": ("runs/logs/stop_log", True, "main"),
    "open.log": (f"{TREE}/logs/open.log", True, "main"),
    "mid.log": (f"{TREE}/logs/mid.log", True, "main"),
    "close.log": (f"{TREE}/logs/close.log", True, "main"),
    "unresolved_orders.log": (f"{TREE}/logs/unresolved_orders.log", True, "orders_bot"),
    "error_tracebacks.log": (f"{TREE}/logs/error_tracebacks.log", True, "error_handler"),
    "daily_summary.json": (f"{TREE}/logs/daily_summary.json", True, "daily_summary"),
    "status.json": (f"{TREE}/logs/status.json", False, "status_bot"),
    "trade_history.csv": (f"{TREE}/trades/trade_history.csv", False, "trade_logger"),
    "trade_history.json": (f"{TREE}/trades/trade_history.json", False, "trade_logger"),
    "disaster_mode.log": ("runs/logs/disaster_mode.log", True, "risk_bot"),
    "init_system_logs.log": ("runs/logs/init_system_logs.log", False, "init_system_logs"),
    "init_system_users.log": ("runs/logs/init_system_users.log", False, "init_system_users"),
    "init_user_activity_monitoring.log": (
        "runs/logs/init_user_activity_monitoring.log",
        False,
        "init_user_activity_monitoring",
    ),
    "init_password_reset_tokens.log": (
        "runs/logs/init_password_reset_tokens.log",
        False,
        "init_password_reset_tokens",
    ),
    "ledger.db": (f"{TREE}/ledgers/DEMO_US_SIM_01_BOT_ledger.db", False, "accounting_api"),
}


def registry(root: Path) -> Registry:
    return Registry(Home(root), BOT, day=DAY, number=1)


@pytest.mark.parametrize("name", DOCUMENT_070)
def test_the_documents_files_lie_where_they_say(name: str) -> None:
    """Path, owner's script and place in the logs page are those of document 070."""
    row = output(name)
    path = registry(Path("home")).path(name).relative_to("home").as_posix()
    assert (path, row.shown, row.alias) == DOCUMENT_070[name]


def test_the_logs_page_shows_the_documents_logs_and_no_other_file() -> None:
    """L26, L28-L30: status, trades, summaries and backups are absent from the logs page."""
    documents = {name for name, (_, shown, _) in DOCUMENT_070.items() if shown}
    documents |= {"auth_web.log", "security_users.log", "system_users.log"}  # L9-L11
    documents |= {"user_activity_monitoring.log", "password_reset_tokens.log"}  # L12, L15
    ours = {
        "alerts.log",
        "launches.log",
        "operator_audit.log",
        "supervisor.log",
        "broker_api.log",
        "test_mode.log",
        "trading_bot.log",
    }
    assert {row.name for row in OUTPUTS if row.shown} == documents | ours


def test_names_and_paths_are_unique() -> None:
    """Two rows never share a name or a file."""
    assert len({row.name for row in OUTPUTS}) == len(OUTPUTS)
    assert len({row.path_template for row in OUTPUTS}) == len(OUTPUTS)


@pytest.mark.parametrize("row", OUTPUTS, ids=[row.name for row in OUTPUTS])
def test_each_file_has_exactly_one_writer(row: Output) -> None:
    """The writer is one module of rigd, and the documents' script stands beside it."""
    assert re.fullmatch(r"rigd(\.[a-z_]+)+", row.writer)
    assert re.fullmatch(r"[a-z_]+", row.alias)
    assert not row.path_template.startswith("/")
    assert ".." not in row.path_template


@pytest.mark.parametrize("row", OUTPUTS, ids=[row.name for row in OUTPUTS])
def test_bot_files_lie_in_the_bots_tree(row: Output) -> None:
    """A path is made of bot and session, date, stamp and account, and of nothing else."""
    fields = {field for _, field, _, _ in Formatter().parse(row.path_template) if field}
    assert fields <= {"bot", "session", "date", "stamp", "account"}
    assert "session" not in fields or "bot" in fields


def test_a_session_keeps_its_own_part_of_the_standing_files() -> None:
    """Each copy has the owner and the format of what it is a copy of."""
    for name in COPIED:
        copy, standing = BY_NAME[f"session/{name}"], BY_NAME[name]
        assert copy.path_template == "{bot}/sessions/{session}/" + name
        assert (copy.writer, copy.format) == (standing.writer, standing.format)


def test_the_session_folder_holds_its_record() -> None:
    """The executed notebook, the journal, the report and the manifest lie together."""
    door = registry(Path("home"))
    for name in ("session.ipynb", "journal.log", "report.html", "session.json", "manifest.json"):
        assert door.path(name) == Path("home", TREE, "sessions", "2013-10-07_1", name)


def test_an_owner_writes_and_a_foreign_module_does_not(tmp_path: Path) -> None:
    """The guard acts at run time, before anything is written."""
    door = registry(tmp_path)
    path = door.write("status.json", b"{}", writer="rigd.reporting.status")
    assert path.read_bytes() == b"{}"
    with pytest.raises(ForeignWriter, match=r"rigd\.reporting\.status alone, not by rigd\.engine"):
        door.write("status.json", b"[]", writer="rigd.engine.session")
    with pytest.raises(ForeignWriter):
        door.append_line("open.log", "x", writer="rigd.reporting.status")
    with pytest.raises(ForeignWriter):
        door.claim("journal.log", writer="rigd.reporting.logs")
    assert path.read_bytes() == b"{}"
    assert not door.path("open.log").exists()


def test_every_row_refuses_every_other_writer() -> None:
    """No file opens for a module that owns another one."""
    door = registry(Path("home"))
    writers = {row.writer for row in OUTPUTS}
    for row in OUTPUTS:
        for writer in sorted(writers - {row.writer}):
            with pytest.raises(ForeignWriter):
                door.claim(row.name, writer=writer)


def test_lines_go_to_one_open_log(tmp_path: Path) -> None:
    """Appending and the open log share one handle, closed with the registry."""
    with registry(tmp_path) as door:
        log = door.open_log("open.log", writer="rigd.reporting.logs")
        log.write("one")
        door.append_line("open.log", "two", writer="rigd.reporting.logs")
        assert door.open_log("open.log", writer="rigd.reporting.logs") is log
        assert door.read("open.log") == b"one\ntwo\n"
    with pytest.raises(LogicError):
        log.write("late")
    with registry(tmp_path) as door:
        door.append_line("open.log", "three", writer="rigd.reporting.logs")
        assert door.read("open.log") == b"one\ntwo\nthree\n"


def test_logs_rotate_at_the_size_given(tmp_path: Path) -> None:
    """The registry hands its limits to the logs that it opens."""
    with Registry(Home(tmp_path), max_bytes=10, kept=1) as door:
        for n in range(3):
            door.append_line("main_bot.log", f"line {n}", writer="rigd.reporting.logs")
    assert (tmp_path / "runs/logs/main_bot.log.1").read_text() == "line 1\n"


def test_a_sessions_own_part_is_never_rotated(tmp_path: Path) -> None:
    """What is sealed with a session's record holds every line, however large it grows."""
    with Registry(Home(tmp_path), BOT, day=DAY, number=1, max_bytes=10, kept=1) as door:
        for n in range(3):
            for name in ("broker_api.log", "session/broker_api.log"):
                door.append_line(name, f"line {n}", writer="rigd.reporting.broker_api")
        assert door.read("session/broker_api.log") == b"line 0\nline 1\nline 2\n"
        assert door.read("broker_api.log") == b"line 2\n"


def test_only_logs_are_appended_to(tmp_path: Path) -> None:
    """A JSON file is replaced as a whole."""
    with pytest.raises(LogicError, match="only a log"):
        registry(tmp_path).append_line("status.json", "{}", writer="rigd.reporting.status")


def test_reading_what_was_never_written_is_blank(tmp_path: Path) -> None:
    """A first session finds no earlier lines."""
    assert registry(tmp_path).read("open.log") == b""


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A file that is not in the table cannot be written."""
    with pytest.raises(LogicError, match=r"nearest is 'status\.json'"):
        registry(Path("home")).path("statuss.json")
    with pytest.raises(LogicError, match="output table"):
        output("zzzzzzzzzz")


def test_a_path_that_needs_more_than_is_known_is_refused() -> None:
    """Without a bot or a session their files have no place."""
    assert Registry(Home(Path("h"))).path("main_bot.log") == Path("h/runs/logs/main_bot.log")
    with pytest.raises(LogicError, match="needs a bot"):
        Registry(Home(Path("h"))).path("open.log")
    with pytest.raises(LogicError, match="needs a session"):
        Registry(Home(Path("h")), BOT).path("journal.log")


def test_formats_fit_the_names() -> None:
    """What is JSON, CSV, HTML or a notebook says so in its name."""
    kinds = {".json": Format.JSON, ".csv": Format.CSV, ".html": Format.HTML, ".db": Format.DATABASE}
    for row in OUTPUTS:
        ending = Path(row.path_template).suffix
        assert row.format is kinds.get(ending, row.format), row.name
        if row.format in {Format.LINES, Format.CHAIN}:
            assert ending == ".log" or row.name in {"start_log", "stop_log"}


def test_the_package_loads_nothing_heavy() -> None:
    """Importing every module of store loads neither numpy nor pandas nor a network client."""
    folder = Path(rigd.store.__file__).parent
    modules = sorted(f"rigd.store.{path.stem}" for path in folder.glob("[a-z]*.py"))
    heavy = ("numpy", "pandas", "numba", "scipy", "bokeh", "pydantic", "httpx", "papermill")
    program = (
        f"import sys, {', '.join(modules)}; "
        f"sys.exit(', '.join(name for name in {heavy!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_the_files_of_a_universe_lie_among_the_screeners(tmp_path: Path) -> None:
    """The published file has the name of SPEC §3; a build's stages lie in a folder of its stamp."""
    door = Registry(Home(tmp_path), stamp="S")
    screeners = tmp_path / "runs" / "screeners"
    assert door.path("symbol_universe.json") == screeners / "symbol_universe.json"
    assert door.path("universe_raw.json") == screeners / "builds" / "S" / "raw.json"
    assert door.path("archived_universe.json") == screeners / "archive" / "symbol_universe_S.json"
    assert output("blocklist.txt").writer == "rigd.screener.blocklist"
    with pytest.raises(LogicError, match="needs a stamp"):
        registry(tmp_path).path("universe_raw.json")
