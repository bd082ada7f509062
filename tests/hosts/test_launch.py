from __future__ import annotations

import getpass
import hashlib
import itertools
import json
import os
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.core.errors import (
    AlreadyRunning,
    ConfigError,
    DataError,
    ExitCode,
    LogicError,
    Problem,
    StorageError,
    TamperError,
)
from rigd.core.events import Command, CommandObeyed, SessionResumed
from rigd.core.lifecycle import BotState, may_follow
from rigd.core.values import Profile, SelfCheck
from rigd.hosts import engine_run, finishing, supervisor
from rigd.hosts.engine_run import EngineRun
from rigd.hosts.latch import read_defense, read_latch, state_text
from rigd.hosts.launch import Latched, Launcher, Progress, read_fields
from rigd.hosts.operator import clear_flags, reset_risk, switch_defense
from rigd.hosts.records import entries_of, verify_record
from rigd.ledger.book import Ledger
from rigd.risk.kill_switch import Cause, LatchState
from rigd.store import manifest
from rigd.store.backup import BackupResult
from rigd.store.control import ControlFolder
from rigd.store.locks import SessionLock
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import (
    ONE_SYMBOL,
    SAMPLE,
    Crash,
    InProcess,
    bot_of,
    demo,
    fields,
    listing,
    short_report,
)

if TYPE_CHECKING:
    from rigd.hosts.runner import Job


@pytest.fixture
def door(monkeypatch) -> InProcess:
    """Stands for papermill."""
    stand_in = InProcess()
    monkeypatch.setattr(supervisor, "run_notebook", stand_in)
    monkeypatch.setattr(finishing, "report_html", short_report)
    return stand_in


def launcher(home: Home, seen: list[Progress] | None = None) -> Launcher:
    return Launcher(home, FakeClock(), FakeIds(), (seen if seen is not None else []).append)


def die_at(monkeypatch, minute: int) -> None:
    """Let the engine's process die when a minute is complete."""
    housekeep = EngineRun._housekeep

    def dying(run: EngineRun, complete: int) -> None:
        housekeep(run, complete)
        if complete == minute:
            raise Crash

    monkeypatch.setattr(EngineRun, "_housekeep", dying)


def test_a_launched_session_is_sealed_copied_and_backed_up(launched) -> None:
    """The record holds request, notebook, session.json and manifest; a restorable zip beside it."""
    home, ended = launched
    assert (ended.exit_code, ended.message, ended.warnings) == (0, "", ())
    assert ended.closed is not None
    assert ended.closed.trades > 0
    document = fields(ended.folder / "session.json")
    assert document["exit_code"] == document["notebook_exit_code"] == 0
    assert document["profile"] == fields(ended.folder / "request.json")["profile"] == "TEST"
    assert ended.seal == manifest.read(ended.folder)["seal"]
    assert {"session.ipynb", "broker_api.log"} <= set(manifest.read(ended.folder)["files"])
    assert verify_record(ended.folder, bot_of(home).identity) == []
    assert home.latest.resolve() == ended.folder.resolve()
    (archive,) = home.backups.glob("*.zip")
    with zipfile.ZipFile(archive) as held:
        names = held.namelist()
    assert any(name.endswith("journal.log") for name in names)
    assert any(name.endswith("ledger.db") for name in names)
    assert not any("env" in name.split("/") or name.endswith(".key") for name in names)


def test_what_a_session_decrypts_is_on_record(launched) -> None:
    """K19: one row for its engine: who, which files, when, with which key; no value."""
    home, ended = launched
    rows = [json.loads(row) for row in (home.logs / "key_usage.log").read_text().splitlines()]
    (row,) = [row for row in rows if row["event"] == "decrypted"]
    held = (home.env / ".env_bot.enc").read_bytes()
    assert row["why"] == f"session {ended.folder.name}"
    assert row["by"] == getpass.getuser()
    assert {".env_bot.enc", "secrets/bot_identity.json.enc"} <= set(row["files"])
    assert row["sha256_before"][".env_bot.enc"] == hashlib.sha256(held).hexdigest()
    assert row["key_before"].encode() in held
    assert row["key_after"] == row["key_before"]


def test_the_state_file_holds_the_last_state(launched) -> None:
    """bot_state.txt is one of the sixteen names: after a normal end, idle (070)."""
    home, _ = launched
    assert (home.control / "bot_state.txt").read_text(encoding="utf-8") == "idle\n"


@pytest.mark.usefixtures("door")
def test_the_first_start_goes_through_the_states_of_the_setup(tmp_path, monkeypatch) -> None:
    """T1-T3: initialize without secrets, provisioning while they are made, then the books."""
    home = Home(tmp_path)
    seen = []
    write = Registry.write

    def watched(registry, name, content, *, writer):
        if name == "bot_state.txt":
            secrets, keys = list(home.env.glob("**/*.enc")), list(home.env.glob("keys/*"))
            made = (bool(secrets), bool(keys), bool(list(home.runs.glob("*/ledgers/*.db"))))
            seen.append((content.decode().strip(), made))
        return write(registry, name, content, writer=writer)

    monkeypatch.setattr(Registry, "write", watched)
    launcher(home).launch(ONE_SYMBOL)
    assert seen[:3] == [
        ("initialize", (False, False, False)),
        ("provisioning", (False, False, False)),
        ("bootstrapping", (True, True, False)),
    ]
    assert seen[-1] == ("idle", (True, True, True))
    values = [BotState(state) for state, _ in seen[:3]]
    assert all(may_follow(a, b) for a, b in itertools.pairwise([*values, BotState.STARTED]))
    seen.clear()
    launcher(home).launch(ONE_SYMBOL)
    assert not {"initialize", "provisioning", "bootstrapping"} & {state for state, _ in seen}


STEPS = [
    "positions",
    "books checked",
    "balances",
    "exports",
    "report",
    "status",
    "journal sealed",
    "latest",
    "notebook",
]
"""The order of a session's end up to the launcher's own record (ARCHITECTURE §3)."""


def test_the_end_is_taken_step_by_step(launched) -> None:
    """session.json has the steps before the seal, termination.json all, and each was done."""
    home, ended = launched
    sealed = fields(ended.folder / "session.json")["steps"]
    assert [step["name"] for step in sealed] == STEPS
    logs = home.bot(bot_of(home).identity).logs
    told = fields(logs / "termination.json")
    names = [step["name"] for step in told["steps"]]
    assert names == [*STEPS, "manifest sealed", "latest session", "backup"]
    assert all(step["passed"] for step in told["steps"])
    assert told["session"] == ended.folder.name


@pytest.mark.usefixtures("door")
def test_a_backup_that_fails_blocks_nothing(tmp_path) -> None:
    """R17: no room for backups: the session is closed, sealed, verified, and warned of."""
    home = demo(tmp_path)
    home.backups.write_text("in the way")
    ended = launcher(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, ended.closed.status) == (0, "CLOSED")
    assert any(warning.startswith("backup: ") for warning in ended.warnings)
    assert verify_record(ended.folder, bot_of(home).identity) == []
    logs = home.bot(bot_of(home).identity).logs
    failed = [s["name"] for s in fields(logs / "termination.json")["steps"] if not s["passed"]]
    assert failed == ["backup"]


def test_a_report_that_cannot_be_drawn_blocks_nothing(tmp_path, door, monkeypatch) -> None:
    """The steps after it are taken, the record is sealed, the warning names it."""
    home = demo(tmp_path)

    def fail(*_: object, **__: object) -> bytes:
        msg = "no chart"
        raise ValueError(msg)

    monkeypatch.setattr(finishing, "report_html", fail)
    ended = launcher(home).launch(ONE_SYMBOL)
    assert door.ran == 1
    assert ended.exit_code == 0
    assert "report: ValueError: no chart" in ended.warnings
    assert not (ended.folder / "report.html").exists()
    assert verify_record(ended.folder, bot_of(home).identity) == []


def test_the_books_are_told_in_the_end(launched) -> None:
    """What the kernel said of the books reaches the caller and the seal."""
    home, ended = launched
    assert ended.books.startswith("balanced, ")
    count = int(ended.books.split()[1])
    assert manifest.read(ended.folder)["extra"]["books"][0] == count
    assert ended.closed.closing_cash == Decimal(100_000) + ended.closed.realised_pnl
    assert entries_of(ended.folder, bot_of(home).identity) == ended.entries


@pytest.mark.usefixtures("door")
def test_progress_is_read_from_status(tmp_path) -> None:
    """The caller sees state, minute, length and trades of this very session."""
    seen: list[Progress] = []
    ended = launcher(Home(tmp_path), seen).launch(ONE_SYMBOL)
    assert seen
    assert seen[-1].minutes == 390
    assert (seen[-1].state, seen[-1].trades) == ("idle", ended.closed.trades)


def test_no_secret_reaches_the_notebook(tmp_path, door, monkeypatch) -> None:
    """Neither parameters nor environment carry the key or a password of the launcher."""
    monkeypatch.setenv("BROKER_PASSWORD", "hunter2")
    jobs = []
    door.before = jobs.append
    home = Home(tmp_path)
    launcher(home).launch(ONE_SYMBOL)
    key = (home.env / "keys" / "env.key").read_text().strip()
    handed = jobs[0].to_json() + json.dumps(dict(door.environment))
    assert "hunter2" not in handed
    assert key not in handed
    assert set(jobs[0].parameters) == {"home", "request", "launched"}


@pytest.mark.parametrize("command", [Command.STOP, Command.KILL])
def test_a_flag_that_lies_there_refuses_the_start(tmp_path, door, command) -> None:
    """Stop and kill count until someone clears them; clearing is audited; a start flag is none."""
    home = demo(tmp_path)
    flags = ControlFolder(home.control, FakeClock(), FakeIds())
    flags.raise_flag(command, "me", "maintenance", "test")
    with pytest.raises(ConfigError, match=f"control_{command}") as caught:
        launcher(home).launch(ONE_SYMBOL)
    assert caught.value.fix == "rigd flags clear"
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert door.ran == 0
    assert clear_flags(home, FakeClock(), FakeIds()) == [f"control_{command}.flag"]
    audit = (home.logs / "operator_audit.log").read_text()
    assert f"control_{command}.flag" in audit
    flags.raise_flag(Command.START, "me", "", "test")
    assert launcher(home).launch(ONE_SYMBOL).exit_code == 0


def test_a_bare_flag_refuses_too(tmp_path, door) -> None:
    """A file made by touch, with the old ending, is a stop."""
    home = demo(tmp_path)
    home.control.mkdir(parents=True)
    (home.control / "control_stop.txt").touch()
    with pytest.raises(ConfigError, match=r"control_stop\.txt"):
        launcher(home).launch(ONE_SYMBOL)
    assert door.ran == 0


def test_a_latched_kill_switch_refuses_until_it_is_reset(tmp_path, door) -> None:
    """Exit code 4 and the way out; after an audited reset the bot starts."""
    home = demo(tmp_path)
    bot = bot_of(home)
    tree = home.bot(bot.identity)
    tree.root.mkdir(parents=True)
    state = LatchState(tripped=True, cause=Cause.LOSS_LIMIT, detail="lost 6000 of 100000")
    tree.risk_state.write_bytes(state_text(state, bot.profile))
    with pytest.raises(Latched, match="lost 6000") as caught:
        launcher(home).launch(ONE_SYMBOL)
    assert caught.value.exit_code is ExitCode.HALTED
    assert "rigd risk reset" in caught.value.fix
    assert door.ran == 0
    reset_risk(bot, "the feed was wrong", FakeClock())
    assert not read_latch(tree.risk_state).tripped
    assert launcher(home).launch(ONE_SYMBOL).exit_code == 0


def test_a_loss_beyond_the_limit_halts_and_stays_halted(tmp_path, door) -> None:
    """A breach closes the session with exit code 4, and the next start is refused."""
    home = demo(tmp_path)
    losing = replace(SAMPLE, overrides=(("DAILY_LOSS_LIMIT", "0.000001"),))
    ended = launcher(home).launch(losing)
    assert (ended.exit_code, ended.closed.exit_reason, ended.closed.flat) == (4, "loss", True)
    assert read_latch(home.bot(bot_of(home).identity).risk_state).tripped
    with pytest.raises(Latched, match="loss"):
        launcher(home).launch(SAMPLE)
    assert door.ran == 1


def test_a_session_that_runs_refuses_another_and_names_it(tmp_path, door) -> None:
    """A launch, or a kernel that outlived its launcher, owns the bot; nothing is started."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    for path, what in ((tree.root / "launch.lock", "rigd session"), (tree.lock, "session x_1")):
        with (
            SessionLock(path, what=what, clock=FakeClock()),
            pytest.raises(AlreadyRunning, match=rf"{what} \(process {os.getpid()}") as caught,
        ):
            launcher(home).launch(ONE_SYMBOL)
        assert caught.value.exit_code is ExitCode.ALREADY_RUNNING
    assert door.ran == 0


BAD_REQUESTS = {
    "weekend": replace(SAMPLE, day=date(2012, 11, 17)),
    "holiday": replace(SAMPLE, day=date(2012, 12, 25)),
    "before the exchange's calendar": replace(SAMPLE, day=date(1800, 1, 2)),
    "outside the sample": replace(SAMPLE, day=date(2020, 1, 2)),
    "unknown symbol": replace(SAMPLE, symbols=("ZZZ",)),
    "unknown key": replace(SAMPLE, overrides=(("MAX_TRADE", "1"),)),
    "malformed value": replace(SAMPLE, overrides=(("MAX_TRADES", "many"),)),
    "half a change": replace(SAMPLE, overrides=(("MAX_TRADES", "2"),)),
    "another broker": replace(SAMPLE, overrides=(("BROKER_CODE", "ALPACA"),)),
    "window outside the day": replace(SAMPLE, overrides=(("START_TIME_MID", "03:00Z"),)),
}


@pytest.mark.parametrize("kind", BAD_REQUESTS)
@pytest.mark.parametrize("provisioned", [False, True])
def test_what_cannot_run_writes_nothing(tmp_path, door, kind, provisioned) -> None:
    """Bad input is refused with exit code 2 before anything is made or changed."""
    home = demo(tmp_path) if provisioned else Home(tmp_path / "new")
    before = listing(tmp_path)
    with pytest.raises((ConfigError, DataError)) as caught:
        launcher(home).launch(BAD_REQUESTS[kind])
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert listing(tmp_path) == before
    assert door.ran == 0


@pytest.mark.usefixtures("door")
def test_a_session_that_died_is_taken_up_as_it_was_asked(tmp_path, monkeypatch) -> None:
    """The same request goes on in the same folder; another one is refused and names the first."""
    home = demo(tmp_path)
    with monkeypatch.context() as patch:
        die_at(patch, 372)
        failed = launcher(home).launch(ONE_SYMBOL)
    assert (failed.exit_code, failed.closed, failed.seal) == (1, None, "")
    assert failed.message.startswith("the session did not end")
    with pytest.raises(
        ConfigError, match="unfinished and sent orders: it must be taken up as asked"
    ) as caught:
        launcher(home).launch(SAMPLE)
    assert caught.value.fix == "run again: rigd session --symbols FB"
    ended = launcher(home).launch(ONE_SYMBOL)
    assert (ended.folder, ended.exit_code) == (failed.folder, 0)
    again = launcher(home).launch(ONE_SYMBOL)
    assert again.folder.name.endswith("_2")


@pytest.mark.usefixtures("door")
def test_a_session_that_died_before_its_first_order_blocks_no_other(tmp_path, monkeypatch) -> None:
    """Nothing was sent: another request begins the next session, the first is left as it lies."""
    home = demo(tmp_path)
    with monkeypatch.context() as patch:
        die_at(patch, 2)
        failed = launcher(home).launch(ONE_SYMBOL)
    before = listing(failed.folder)
    ended = launcher(home).launch(SAMPLE)
    assert (ended.folder.name, ended.exit_code) == ("2012-11-14_2", 0)
    assert listing(failed.folder) == before


@pytest.mark.usefixtures("door")
def test_a_broker_without_the_money_of_the_books_is_not_traded_with(tmp_path) -> None:
    """A new session whose broker and books differ in cash is refused by name (FAULTS O12)."""
    home = demo(tmp_path)
    assert launcher(home).launch(SAMPLE).exit_code == 0
    (truth,) = (home.runs / "simulated_broker").glob("*.log")
    truth.unlink()
    refused = launcher(home).launch(SAMPLE)
    assert refused.exit_code != 0
    assert "books.cash: account 1030 99997.6" in refused.message


@pytest.mark.usefixtures("door")
def test_a_lost_risk_state_is_a_tripped_switch(tmp_path) -> None:
    """Deleting the latch does not release it: only an admin's reset does (SPEC §4)."""
    home = demo(tmp_path)
    assert launcher(home).launch(SAMPLE).exit_code == 0
    home.bot(bot_of(home).identity).risk_state.unlink()
    with pytest.raises(Latched, match="is gone beside lease_epoch"):
        launcher(home).launch(SAMPLE)


@pytest.mark.usefixtures("door")
def test_a_session_that_died_after_its_last_record_is_finished(tmp_path, monkeypatch) -> None:
    """Closed in the journal, but no report yet: the next run writes it, and no new session."""
    home = demo(tmp_path)

    def fail(*_: object) -> None:
        message = "no room for the report"
        raise LogicError(message, fix="make room")

    with monkeypatch.context() as patch:
        patch.setattr(finishing, "finish", fail)
        failed = launcher(home).launch(ONE_SYMBOL)
    assert failed.message == "the session did not end: no room for the report"
    assert (failed.exit_code, failed.closed) == (1, None)
    assert not (failed.folder / "report.html").exists()
    records = len(failed.entries)
    ended = launcher(home).launch(ONE_SYMBOL)
    assert ended.folder == failed.folder
    assert (ended.exit_code, len(ended.entries)) == (0, records)
    assert ended.books.startswith("balanced")
    assert (ended.folder / "report.html").exists()
    assert verify_record(ended.folder, bot_of(home).identity) == []


def test_a_notebook_that_failed_after_the_session_is_told(tmp_path, door) -> None:
    """The session counts and is sealed; the exit code and a warning tell of the notebook."""
    door.after = lambda: 1
    ended = launcher(Home(tmp_path)).launch(ONE_SYMBOL)
    assert ended.exit_code == 1
    assert "papermill exit code 1" in ended.warnings[0]
    assert fields(ended.folder / "session.json")["warnings"] == list(ended.warnings)
    assert ended.seal


@pytest.mark.usefixtures("door")
def test_a_failed_backup_does_not_block(tmp_path, monkeypatch) -> None:
    """Its reason is a warning; the session keeps exit code 0."""
    result = BackupResult(ok=False, path=None, reason="no room")
    monkeypatch.setattr(finishing, "back_up", lambda *_, **__: result)
    ended = launcher(Home(tmp_path)).launch(ONE_SYMBOL)
    assert (ended.exit_code, ended.warnings) == (0, ("backup: no room",))


def test_an_interrupt_asks_the_kernel_first_and_then_kills(tmp_path, door, monkeypatch) -> None:
    """The first Ctrl-C is a graceful SIGTERM to the kernel of this launch, the second a kill."""
    asked: list[int] = []
    monkeypatch.setattr(supervisor, "ask_kernel", lambda pid: asked.append(pid) or True)
    home = demo(tmp_path)
    found = []

    def twice() -> int:
        door.on_interrupt()
        door.on_interrupt()
        found.extend(f.file for f in ControlFolder(home.control, FakeClock(), FakeIds()).pending())
        return 0

    door.after = twice
    launcher(home).launch(ONE_SYMBOL)
    assert asked == [os.getpid()]
    assert found == ["control_kill.flag"]


@pytest.mark.usefixtures("door")
def test_the_words_of_an_earlier_kernel_do_not_count(tmp_path) -> None:
    """A kernel.json from before this launch names a process that may be anybody's by now."""
    started = launcher(demo(tmp_path))
    folder = tmp_path / "folder"
    folder.mkdir()
    started._since = datetime(2026, 1, 2, tzinfo=UTC)
    (folder / "kernel.json").write_text('{"pid": 1, "updated_at": "2026-01-01T00:00:00Z"}')
    assert started._kernel(folder) == {}
    (folder / "kernel.json").write_text('{"pid": 1, "updated_at": "2026-01-02T00:00:00.5Z"}')
    assert started._kernel(folder)["pid"] == 1


@pytest.mark.usefixtures("door")
def test_a_stop_flag_during_the_session_ends_it_well(tmp_path, monkeypatch) -> None:
    """The engine takes the flag itself; exit code 0 for stop."""
    home = demo(tmp_path)
    housekeep = EngineRun._housekeep

    def raising(run: EngineRun, minute: int) -> None:
        housekeep(run, minute)
        if minute == 30:
            run.commands._next_read = float("-inf")
            flags = ControlFolder(home.control, run._clock, FakeIds())
            flags.raise_flag(Command.STOP, "an operator", "enough for today", "test")

    monkeypatch.setattr(EngineRun, "_housekeep", raising)
    ended = launcher(home).launch(SAMPLE)
    assert (ended.exit_code, ended.closed.state.value, ended.closed.flat) == (0, "stopped", True)
    (obeyed,) = [e.record for e in ended.entries if isinstance(e.record, CommandObeyed)]
    assert (obeyed.source, obeyed.by) == ("control_stop.flag", "an operator")
    assert not (home.control / "control_stop.flag").exists()


def test_fields_of_a_file_that_is_missing_or_broken_are_none(tmp_path) -> None:
    """A file that another process replaces may be absent, and is never trusted to be JSON."""
    assert read_fields(tmp_path / "none.json") == {}
    (tmp_path / "x.json").write_text("{")
    assert read_fields(tmp_path / "x.json") == {}
    (tmp_path / "x.json").write_text("[1]")
    assert read_fields(tmp_path / "x.json") == {}
    assert read_fields(tmp_path) == {}


def test_a_session_refuses_to_begin_new_books_in_place_of_lost_ones(tmp_path, door) -> None:
    """Sealed sessions know how far the books went: without them nothing starts or is written."""
    home = Home(tmp_path)
    ended = launcher(home).launch(ONE_SYMBOL)
    assert ended.seal
    home.bot(bot_of(home).identity).ledger_db.unlink()
    ran, before = door.ran, sorted(path for path in home.runs.rglob("*") if path.is_file())
    with pytest.raises(TamperError, match="the books are gone"):
        launcher(home).launch(ONE_SYMBOL)
    assert door.ran == ran
    assert sorted(path for path in home.runs.rglob("*") if path.is_file()) == before


@pytest.mark.usefixtures("door")
def test_books_that_do_not_balance_are_no_success(tmp_path, monkeypatch) -> None:
    """Books that fail their check at the end: exit code 1, and a warning that names the account."""
    passed = SelfCheck(name="ledger", passed=True, detail="at the start")
    monkeypatch.setattr(engine_run, "ledger_check", lambda _: passed)
    monkeypatch.setattr(Ledger, "check", lambda _: [Problem("ledger.db", "1030 is off by 1")])
    ended = launcher(Home(tmp_path)).launch(ONE_SYMBOL)
    assert ended.books.startswith("NOT BALANCED")
    assert ended.exit_code == fields(ended.folder / "session.json")["exit_code"] == 1
    assert any("1030 is off by 1" in warning for warning in ended.warnings)


def supervised(home: Home) -> Launcher:
    return Launcher(home, FakeClock(), FakeIds(), lambda _: None, supervised=True)


def die_times(monkeypatch, times: int, minute: int = 372) -> None:
    """Let so many engines die once a minute is complete; the next one lives."""
    housekeep, left = EngineRun._housekeep, iter(range(times))

    def dying(run: EngineRun, complete: int) -> None:
        housekeep(run, complete)
        if complete >= minute and next(left, None) is not None:
            raise Crash

    monkeypatch.setattr(EngineRun, "_housekeep", dying)


def supervisors_words(home: Home) -> list[str]:
    """What the supervisor did about each engine that it lost."""
    rows = (home.logs / "supervisor.log").read_text().splitlines()
    return [json.loads(row)["context"].split(": ", 1)[1] for row in rows]


def test_a_supervised_engine_that_dies_is_started_again(tmp_path, door, monkeypatch) -> None:
    """Twice dead, twice taken up: the same session ends as it would have, and the log says so."""
    home = demo(tmp_path)
    die_times(monkeypatch, 2)
    ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, ended.folder.name, door.ran) == (0, "2012-11-14_1", 3)
    assert supervisors_words(home) == ["started again", "started again"]
    resumed = [entry for entry in ended.entries if isinstance(entry.record, SessionResumed)]
    assert len(resumed) == 2
    assert not home.bot(bot_of(home).identity).supervisor.exists()


def test_a_crash_loop_is_left_by_the_kill_path(tmp_path, door, monkeypatch) -> None:
    """Four deaths: the account is closed and verified flat, the switch latched, state stopped."""
    home = demo(tmp_path)
    die_times(monkeypatch, 100)
    ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, ended.closed, door.ran) == (ExitCode.HALTED, None, 4)
    assert "crash loop" in ended.message
    assert "verified flat" in ended.message
    assert supervisors_words(home) == ["started again"] * 3 + ["crash loop"]
    identity = bot_of(home).identity
    assert read_latch(home.bot(identity).risk_state).cause == "crash_loop"
    assert (home.control / "bot_state.txt").read_text() == "stopped\n"
    verdict = json.loads((home.bot(identity).root / "kill.json").read_bytes())["verdict"]
    assert verdict == "FLAT_VERIFIED"


@pytest.mark.parametrize("command", [Command.STOP, Command.KILL])
def test_a_dead_engine_with_a_flag_lying_there_is_not_started_again(
    tmp_path, door, monkeypatch, command
) -> None:
    """Nobody else can obey it any more: the account is closed instead."""
    home = demo(tmp_path)
    die_times(monkeypatch, 100)

    def raise_flag(job: Job) -> None:
        del job
        die = EngineRun._housekeep

        def flagged(run: EngineRun, complete: int) -> None:
            if complete == 372:
                folder = ControlFolder(home.control, FakeClock(), FakeIds())
                folder.raise_flag(command, "somebody", "enough", "test")
            die(run, complete)

        monkeypatch.setattr(EngineRun, "_housekeep", flagged)

    door.before = raise_flag
    ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, door.ran) == (ExitCode.KILLED, 1)
    assert f"control_{command}.flag lies there" in ended.message


def test_a_disk_that_refuses_stops_no_watch_and_no_way_out(
    tmp_path, door, monkeypatch, capsys
) -> None:
    """State file and log of the supervisor refuse: told once, and a crash loop ends flat."""
    home = demo(tmp_path)
    die_times(monkeypatch, 100)
    write, append = Registry.write, Registry.append_line

    def refuse(*_: object, **__: object) -> None:
        raise StorageError("no space left on device", errno=28)

    def writes(registry, name, *more, **named):
        return (refuse if name == "bot_state.txt" else write)(registry, name, *more, **named)

    def appends(registry, name, *more, **named):
        return (refuse if name == "supervisor.log" else append)(registry, name, *more, **named)

    monkeypatch.setattr(Registry, "write", writes)
    monkeypatch.setattr(Registry, "append_line", appends)
    ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, door.ran) == (ExitCode.HALTED, 4)
    assert "verified flat" in ended.message
    told = capsys.readouterr().err
    assert told.count("supervisor.log") == 1


def test_a_disk_that_fills_up_ends_in_error_at_once_and_once(tmp_path, door, monkeypatch) -> None:
    """Flat in error without a closing record: `error` is said before the notebook has ended.

    No second engine is started; the next session makes the record whole (FAULTS R04).
    """
    home = demo(tmp_path)
    keep_up, said = EngineRun._keep_up, []

    def full(*_: object) -> None:
        raise StorageError("no space left on device", errno=28)

    def fill(run: EngineRun) -> None:
        if run._session.next_minute >= 372:
            disk.setattr(engine_run, "save_latch", full)
            full()
        keep_up(run)

    def watched(job: Job, environment: dict, *, on_tick, **more) -> tuple[int, str]:
        ended = door(job, environment, on_tick=on_tick, **more)
        on_tick()
        said.append((home.control / "bot_state.txt").read_text())
        return ended

    with monkeypatch.context() as disk:
        disk.setattr(EngineRun, "_keep_up", fill)
        disk.setattr(supervisor, "run_notebook", watched)
        ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, ended.closed, door.ran) == (1, None, 1)
    assert said == ["error\n"]
    assert "no space left" in ended.message
    assert not (home.logs / "supervisor.log").exists()
    again = supervised(home).launch(ONE_SYMBOL)
    assert (again.folder, again.closed.state, again.closed.flat) == (ended.folder, "error", True)
    assert again.seal


@pytest.mark.usefixtures("door")
def test_a_terminal_that_is_gone_costs_no_record(tmp_path) -> None:
    """Progress cannot be shown any more: the session is watched to its end and sealed."""

    def gone(_: Progress) -> None:
        raise BrokenPipeError

    home = demo(tmp_path)
    ended = Launcher(home, FakeClock(), FakeIds(), gone, supervised=True).launch(ONE_SYMBOL)
    assert (ended.exit_code, bool(ended.seal)) == (0, True)


def test_an_engine_is_not_started_again_when_a_kill_cannot_be_ruled_out(
    tmp_path, door, monkeypatch
) -> None:
    """A control folder that cannot be read may hold a kill: the account is closed."""
    home = demo(tmp_path)
    die_times(monkeypatch, 1)
    pending = ControlFolder.pending

    def unreadable(folder: ControlFolder):
        if door.ran:
            raise StorageError("could not read the control folder: input/output error")
        return pending(folder)

    monkeypatch.setattr(ControlFolder, "pending", unreadable)
    ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, door.ran) == (ExitCode.KILLED, 1)
    assert "control folder" in ended.message


def test_an_engine_that_refuses_to_begin_is_not_started_again(tmp_path, door, monkeypatch) -> None:
    """It says why and sent nothing: trying again would change nothing."""
    home = demo(tmp_path)
    message = "no broker today"

    def fail(*_: object) -> None:
        raise ConfigError(message)

    monkeypatch.setattr("rigd.hosts.engine_run.open_market", fail)
    ended = supervised(home).launch(ONE_SYMBOL)
    assert (ended.exit_code, door.ran) == (ExitCode.BAD_INPUT, 1)
    assert message in ended.message


def test_a_loss_breach_is_no_reason_to_start_again(tmp_path, door) -> None:
    """Halted by the limit the process is not restarted; the next start is refused (X6)."""
    home = demo(tmp_path)
    request = replace(ONE_SYMBOL, overrides=(("DAILY_LOSS_LIMIT", "0.00000001"),))
    ended = supervised(home).launch(request)
    assert (ended.exit_code, door.ran) == (ExitCode.HALTED, 1)
    assert ended.closed is not None
    with pytest.raises(Latched):
        supervised(home).launch(request)
    assert door.ran == 1


@pytest.mark.usefixtures("door")
def test_the_session_after_a_kill_is_in_defense_until_an_operator_leaves(tmp_path) -> None:
    """SPEC §4, S15, S19: on disk, in status.json and disaster_mode.log; left with a reason."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)

    def shown() -> bool:
        assert launcher(home).launch(SAMPLE).exit_code == 0
        return fields(tree.root / "logs" / "status.json")["defense_mode"]

    assert shown() is False
    state = read_defense(tree.defense_state)
    killed = replace(state, killed=state.session)
    tree.defense_state.write_bytes(state_text(killed, Profile.TEST))
    assert shown() is True
    assert shown() is True
    rows = [json.loads(x) for x in (home.logs / "disaster_mode.log").read_text().splitlines()]
    told = [row["message"] for row in rows if row["event"] == "defense_mode"]
    assert [message.split(":")[0] for message in told] == ["defense mode on by after_kill"] * 2
    switch_defense(bot_of(home), "looked into it", FakeClock(), on=False)
    assert shown() is False


def test_the_notebook_of_a_session_is_pinned_by_its_digest(tmp_path) -> None:
    """H6: the request holds it, and the seal holds the request."""
    ended = launcher(demo(tmp_path)).launch(ONE_SYMBOL)
    source = (checkout() / "notebooks" / "session.ipynb").read_bytes()
    asked = fields(ended.folder / "request.json")
    assert asked["notebook_sha256"] == hashlib.sha256(source).hexdigest()
    sealed = manifest.read(ended.folder)["files"]
    assert "request.json" in sealed
