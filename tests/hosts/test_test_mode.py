"""TEST_MODE: a dry run from its flag, ephemeral, apart from everything that is live (070)."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256

import pytest

from rigd.core.errors import AlreadyRunning, ConfigError
from rigd.core.events import (
    AlertRaised,
    CandidateJudged,
    NoteMade,
    OrderIntent,
    SessionStarted,
    StateChanged,
    WindowPlanned,
)
from rigd.hosts import finishing, session, supervisor, universe
from rigd.hosts.kill_access import NAME
from rigd.hosts.launch import Launcher
from rigd.hosts.plan import make_plan
from rigd.hosts.request import SessionRequest
from rigd.hosts.test_mode import begin, latched
from rigd.store.control import TEST_FLAG, ControlFolder
from rigd.store.database import open_for_reading
from rigd.store.locks import SessionLock
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.providers import FakeProvider, whole
from tests.hosts.homes import (
    ONE_SYMBOL,
    SAMPLE,
    Crash,
    InProcess,
    WatchingClock,
    bot_of,
    demo,
    engine,
    fields,
    listing,
    short_report,
)

SUNDAY = date(2013, 2, 24)
DRY = replace(SAMPLE, test_mode=True)


def flags_of(home) -> ControlFolder:
    return ControlFolder(home.control, FakeClock(), FakeIds())


def launcher(home) -> Launcher:
    return Launcher(home, FakeClock(), FakeIds(), lambda _: None)


def rows_of(home) -> list[dict]:
    path = home.bot(bot_of(home).identity).logs / "test_mode.log"
    return [json.loads(line) for line in path.read_text().splitlines()]


def untouched(home) -> dict[str, bytes]:
    """Everything live but the audit log of tests, the flags and the locks."""
    spared = ("runs/test_mode", "runs/control/test_mode")
    return {
        name: content
        for name, content in listing(home.root).items()
        if not name.startswith(spared) and not name.endswith((".lock", "test_mode.log"))
    }


def refuse_network(patch: pytest.MonkeyPatch) -> list[str]:
    """Let no socket of this process reach anybody; return what was tried."""
    tried: list[str] = []

    def refuse(*words: object, **_: object) -> None:
        tried.append(repr(words))
        raise OSError(101, "Network is unreachable")

    for name in ("connect", "connect_ex", "sendto"):
        patch.setattr(socket.socket, name, refuse)
    patch.setattr(socket, "getaddrinfo", refuse)
    return tried


@pytest.fixture(scope="module")
def tried() -> list[str]:
    """What the dry run tried of the network."""
    return []


@pytest.fixture(scope="module")
def dry(tmp_path_factory, tried):
    """A live session, then a dry run of the whole bot without a network, launched from its flag."""
    home = demo(tmp_path_factory.mktemp("dry"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "run_notebook", InProcess())
        live = launcher(home).launch(ONE_SYMBOL)
        before = untouched(home)
        flags_of(home).raise_test("", "a test", "pytest")
        attempts = refuse_network(patch)
        ended = launcher(home).launch(SAMPLE)
        tried += attempts
    return home, live, before, ended


def test_the_flag_starts_a_dry_run_of_everything(dry) -> None:
    """M1: session, books, report and seal, with outputs under runs/test_mode alone."""
    home, _, _, ended = dry
    assert ended.exit_code == 0
    assert ended.entries[0].record.test_mode is True
    assert ended.folder.is_relative_to(home.root / "runs" / "test_mode")
    for name in ("journal.log", "report.html", "manifest.json", "trade_history.json"):
        assert (ended.folder / name).is_file()
    assert ended.books.startswith("balanced")


def test_live_data_is_as_it_was(dry) -> None:
    """M10, FAULTS I-19: every live file before equals every live file after, byte by byte."""
    home, live, before, _ = dry
    assert untouched(home) == before
    assert live.entries[0].record.test_mode is False
    assert home.latest.resolve() == live.folder.resolve()


def test_windows_are_one_minute_and_follow_one_another(dry) -> None:
    """M5, M6: analysis and monitoring last one minute; open, mid and close run at once, in turn."""
    _, _, _, ended = dry
    windows = [e.record for e in ended.entries if isinstance(e.record, WindowPlanned)]
    assert [window.strategy for window in windows] == ["open", "mid", "close"]
    assert {window.analysis_end - window.start for window in windows} == {1}
    assert {window.end - window.breakout_end for window in windows} == {1}
    assert windows[0].start == 0
    assert [w.start for w in windows[1:]] == [w.end for w in windows[:-1]]
    steps = [e.record.reason for e in ended.entries if isinstance(e.record, StateChanged)]
    told = [step.split()[1].rstrip(":") for step in steps if "analysis" in step]
    assert told == ["open", "mid", "close"]


def test_candidates_are_filtered_by_price_alone(dry) -> None:
    """M4: volume, gap, market value and fundamentals never block; a price limit still does."""
    _, _, _, ended = dry
    judged = [e.record for e in ended.entries if isinstance(e.record, CandidateJudged)]
    assert judged
    rules = {row.rule for row in judged if row.outcome == "blocked"}
    assert not rules & {"volume", "gap", "market_cap", "fundamentals"}
    settings = dict(ended.entries[0].record.settings)
    assert settings["MIN_VOLUME_THRESHOLD"] == settings["MIN_MARKET_CAP_OPEN"] == "0"
    assert (settings["MIN_PRICE"], settings["MAX_PRICE"]) == ("2", "1000")


def test_limits_are_those_of_a_stub_account_and_say_so(dry) -> None:
    """M8, M9: the broker is the stub, its account starts anew, and the record labels it."""
    _, live, _, ended = dry
    started = ended.entries[0].record
    assert isinstance(started, SessionStarted)
    assert (started.broker, started.opening_cash) == ("SIM", Decimal(100_000))
    assert live.closed.closing_cash != Decimal(100_000)
    (note,) = [
        e.record.text
        for e in ended.entries
        if isinstance(e.record, NoteMade) and e.record.topic == "test_mode"
    ]
    assert "limits apply to the stub account alone" in note


def test_without_a_network_it_passes_all_the_same(dry, tried, monkeypatch) -> None:
    """M8: orders go to the stub; no name was looked up and no address called."""
    _, _, _, ended = dry
    assert ended.exit_code == 0
    assert tried == []
    attempts = refuse_network(monkeypatch)
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("127.0.0.1", 9))
    assert attempts


def test_notifications_are_suppressed(dry) -> None:
    """M11: no channel is known to a dry run and no event asks for a message."""
    _, _, _, ended = dry
    settings = dict(ended.entries[0].record.settings)
    assert settings["CRITICAL_ALERT_CHANNEL"] == settings["ROUTINE_ALERT_CHANNEL"] == ""
    names = ("NOTIFY_ON_FILL", "NOTIFY_ON_EXIT", "NOTIFY_ON_FAILURE")
    assert {settings[name] for name in names} == {"false"}


def test_trades_carry_the_mark(dry) -> None:
    """M12: each row of the dry run's trade_history says test_mode, no row of the live one does."""
    _, live, _, ended = dry
    rows = json.loads((ended.folder / "trade_history.json").read_bytes())
    assert rows
    assert {row["test_mode"] for row in rows} == {True}
    lived = json.loads((live.folder / "trade_history.json").read_bytes())
    assert {row["test_mode"] for row in lived} <= {False}


def test_the_audit_log_tells_start_end_and_every_event(dry) -> None:
    """M13: test_mode.log has start and end in wall time and a row for each event between."""
    home, _, _, ended = dry
    rows = rows_of(home)
    assert (rows[0]["event"], rows[-1]["event"]) == ("test_started", "test_ended")
    assert rows[-1]["message"].startswith("passed: ")
    told = [row["seq"] for row in rows if "seq" in row]
    quiet = {"SliceDone"}
    assert told == [e.seq for e in ended.entries if type(e.record).__name__ not in quiet]
    assert {row["test"] for row in rows} == {"full"}
    assert sum(row["event"] == "api_call" for row in rows) >= sum(
        isinstance(e.record, OrderIntent) for e in ended.entries
    )


SILENT = (".lock", "-shm", "lease_epoch", "lease.json", "bot_state.txt", ".zip")
"""Files without words of their own; their folder says what they are."""


def test_a_dry_run_validates_a_copy_of_the_actual_books(dry) -> None:
    """G19: with the bot's own account and settings; the ledger's bytes stay, no copy is left."""
    home, _, before, _ = dry
    (row,) = [row for row in rows_of(home) if row["event"] == "books_checked"]
    told = re.fullmatch(
        r"a copy of the actual books checks out: (\d+) transactions", row["message"]
    )
    ledger = home.bot(bot_of(home).identity).ledger_db
    with closing(open_for_reading(ledger)) as books:
        (posted,) = books.execute("SELECT count(*) FROM transactions").fetchone()
    assert told
    assert int(told[1]) == posted > 0
    name = str(ledger.relative_to(home.root))
    assert sha256(ledger.read_bytes()).digest() == sha256(before[name]).digest()
    assert not [path for path in home.dry.runs.rglob("*") if ".books-" in path.name]


def test_a_dry_run_over_broken_books_fails_and_leaves_them(tmp_path, monkeypatch) -> None:
    """G19: the trouble of the actual books is told by the dry run; nothing of them is mended."""
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    home = demo(tmp_path)
    launcher(home).launch(ONE_SYMBOL)
    ledger = home.bot(bot_of(home).identity).ledger_db
    with closing(sqlite3.connect(ledger)) as books:
        for (name,) in books.execute(
            "SELECT name FROM sqlite_master WHERE type='trigger'"
        ).fetchall():
            books.execute(f'DROP TRIGGER "{name}"')
        books.execute("UPDATE transactions SET price = price + 1 WHERE txn = 2")
        books.commit()
    broken = ledger.read_bytes()
    flags_of(home).raise_test("", "a test", "pytest")
    ended = launcher(home).launch(ONE_SYMBOL)
    assert ended.exit_code != 0
    assert ended.closed is None
    assert ledger.read_bytes() == broken


def test_every_output_says_that_it_is_a_dry_run(dry) -> None:
    """M17: each file that a dry run leaves carries TEST_MODE, beside lying in its folder."""
    home, _, _, _ = dry
    unmarked = [
        name
        for name, content in listing(home.dry.runs).items()
        if content
        and not name.endswith(SILENT)
        and not name.startswith("simulated_broker")
        and b"TEST_MODE" not in content
        and b"test_mode" not in content
    ]
    assert unmarked == []


def test_one_run_per_flag(dry, monkeypatch) -> None:
    """M15, M16: the flag is gone after the run, and the next session is a live one."""
    home, _, _, _ = dry
    assert not (home.control / TEST_FLAG).exists()
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    monkeypatch.setattr(finishing, "report_html", short_report)
    again = launcher(home).launch(ONE_SYMBOL)
    assert again.entries[0].record.test_mode is False


def test_a_dry_run_that_dies_leaves_no_flag_and_no_mode(tmp_path, monkeypatch) -> None:
    """M15, M16: killed inside; the flag is absent, the restart is live and resumes nothing."""
    home = demo(tmp_path)
    monkeypatch.setattr(finishing, "report_html", short_report)
    door = InProcess()

    def die(_job) -> None:
        raise Crash

    door.before = die
    monkeypatch.setattr(supervisor, "run_notebook", door)
    flags_of(home).raise_test("", "a test", "pytest")
    with pytest.raises(Crash):
        launcher(home).launch(ONE_SYMBOL)
    assert flags_of(home).tests() == ()
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    again = launcher(home).launch(ONE_SYMBOL)
    assert again.entries[0].record.test_mode is False
    assert again.folder.name.endswith("_1")


def test_a_dry_run_runs_on_any_day(tmp_path) -> None:
    """M7: on a Sunday, and outside TRADING_DAYS, on the bars of the next session; live refuses."""
    settings = bot_of(demo(tmp_path)).settings.model_copy(update={"trading_days": ("fri",)})
    plan = make_plan(settings, SessionRequest(day=SUNDAY, test_mode=True))
    assert plan.day.day == date(2013, 2, 25)
    with pytest.raises(ConfigError, match="must be a session"):
        make_plan(settings, SessionRequest(day=SUNDAY))
    with pytest.raises(ConfigError, match="TRADING_DAYS"):
        make_plan(settings, SessionRequest(day=date(2013, 2, 25)))


def test_flags_of_single_tests_come_first(tmp_path) -> None:
    """M3: with both there, the session is refused in favour of the single test; both stay."""
    home = demo(tmp_path)
    flags = flags_of(home)
    flags.raise_test("", "a", "pytest")
    flags.raise_test("env_bot", "a", "pytest")
    with pytest.raises(ConfigError, match=r"test_mode_env_bot\.flag") as refused:
        launcher(home).launch(SAMPLE)
    assert refused.value.fix.startswith("rigd test env_bot")
    assert flags.tests() == ("env_bot", "")


@pytest.mark.parametrize("name", ["", "env_bot"])
def test_a_flag_that_appears_during_a_session_changes_nothing(tmp_path, monkeypatch, name) -> None:
    """FAULTS K11: refused, removed and alerted; the session stays live to its end."""
    monkeypatch.setattr(finishing, "report_html", short_report)
    home = demo(tmp_path)
    waits = []

    def raise_it() -> None:
        waits.append(1)
        if len(waits) == 150:
            flags_of(home).raise_test(name, "somebody", "pytest")

    ran = engine(home, replace(ONE_SYMBOL, speed=600.0), WatchingClock(raise_it))
    asyncio.run(ran.run())
    (alert,) = [e.record for e in ran.entries() if isinstance(e.record, AlertRaised)]
    assert (alert.event, alert.critical, "refused" in alert.text) == ("test_mode", False, True)
    assert flags_of(home).tests() == ()
    assert not home.dry.runs.exists()
    rows = json.loads((ran.place.folder / "trade_history.json").read_bytes())
    assert rows
    assert {row["test_mode"] for row in rows} == {False}
    assert "refused" in (ran.place.folder / "main_bot.log").read_text()


def test_a_dry_run_beside_a_live_session_is_refused(tmp_path, monkeypatch) -> None:
    """The bot's locks are those of the live tree: one session of a bot at a time."""
    home = demo(tmp_path)
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    flags_of(home).raise_test("", "a", "pytest")
    tree = home.bot(bot_of(home).identity)
    with (
        SessionLock(tree.lock, what="session x_1", clock=FakeClock()),
        pytest.raises(AlreadyRunning, match="x_1"),
    ):
        launcher(home).launch(SAMPLE)
    assert not home.dry.runs.exists()


def test_the_notebook_by_hand_latches_the_flag_too(tmp_path, monkeypatch) -> None:
    """A session that no launcher starts reads the flag itself, once."""
    monkeypatch.setattr(finishing, "report_html", short_report)
    home = demo(tmp_path)
    flags_of(home).raise_test("", "a", "pytest")
    handle = session.start(str(home.root), ONE_SYMBOL.to_json()).wait()
    assert handle.folder.is_relative_to(home.dry.runs)
    assert fields(handle.folder / "manifest.json")["extra"]["test_mode"] is True
    again = session.start(str(home.root), ONE_SYMBOL.to_json()).wait()
    assert not again.folder.is_relative_to(home.dry.runs)


def test_the_next_dry_run_removes_the_one_before(tmp_path) -> None:
    """Ephemeral: begin empties the folder and uses the flag up, and touches nothing else."""
    home = demo(tmp_path)
    (home.dry.runs / "old").mkdir(parents=True)
    flags = flags_of(home)
    flags.raise_test("", "a", "pytest")
    before = untouched(home)
    assert latched(flags, SAMPLE) == DRY
    assert begin(home, flags) == home.dry
    assert not home.dry.runs.exists()
    assert latched(flags, SAMPLE) == SAMPLE
    assert untouched(home) == before


def test_a_supervised_dry_run_leaves_live_data_as_it_was(dry, monkeypatch) -> None:
    """Beat, lease and kill access of its engine lie among its own outputs."""
    home, _, _, _ = dry
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    before = untouched(home)
    flags_of(home).raise_test("", "a test", "pytest")
    watched = Launcher(home, FakeClock(), FakeIds(), lambda _: None, supervised=True)
    ended = watched.launch(replace(ONE_SYMBOL, symbols=("IBM",)))
    assert (ended.exit_code, ended.entries[0].record.test_mode) == (0, True)
    assert untouched(home) == before
    tree = home.dry.bot(bot_of(home).identity)
    assert tree.lease.is_file()
    assert (home.dry.runs / NAME).is_file()


def test_a_dry_run_takes_the_published_universe(dry, monkeypatch) -> None:
    """Universe and blocklist are inputs: those of the home, not of the run's own folder."""
    home, _, _, _ = dry
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    provider = FakeProvider("fake", {"IBM": whole()}, dated=date(2012, 11, 13))
    universe.build(bot_of(home), [provider], FakeClock(), day=date(2012, 11, 13))
    request = universe.applied(home, replace(SAMPLE, universe="latest"))
    flags_of(home).raise_test("", "a test", "pytest")
    ended = launcher(home).launch(request)
    assert ended.exit_code == 0
    started = ended.entries[0].record
    assert (started.test_mode, started.symbols) == (True, ("IBM",))
