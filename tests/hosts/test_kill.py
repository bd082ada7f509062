"""Tests of the kill with everything else broken, in this process where that can be shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import StorageError
from rigd.core.values import BotIdentity, Profile
from rigd.hosts import kill as kills
from rigd.hosts.kill import CLOSE_S, OBEY_S, WHAT, Kill, Killed, Verdict
from rigd.hosts.kill_access import KillAccess, leave_access
from rigd.hosts.latch import read_latch
from rigd.hosts.sim_market import open_market
from rigd.risk.kill_switch import Cause
from rigd.store.control import ControlFolder
from rigd.store.lease import Beat, Phase, Process, boot, born
from rigd.store.locks import SessionLock
from rigd.store.paths import Home
from tests.broker.market import DAY, OPENS, minute_of, order
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
ACCESS = KillAccess(identity=BOT, profile=Profile.TEST)
FLAT = (50.0, 50.0, 50.0, 50.0)


@pytest.fixture
def home(tmp_path) -> Home:
    """A home whose account holds 100 AAA and has a stop of them; nobody runs."""
    found = Home(tmp_path)
    (tmp_path / "env").mkdir()
    leave_access(found, ACCESS)
    found.bot(BOT).sessions.mkdir(parents=True)
    market = open_market(found, ACCESS)
    market.link.begin_session(DAY, 1, OPENS)
    market.link.submit(order("E"))
    market.link.open_bar(minute_of(0, AAA=FLAT))
    market.link.submit(replace(order("S", stop="40"), side=order("S").side.__class__("sell")))
    market.close()
    return found


def killed(home: Home, patience_s: float | None = 60.0, **more: object) -> Killed:
    """Kill the home's bot; what it told is in `more["tell"]` when that is given."""
    values = {"tell": lambda _: None, "why": "a test", **more}
    clock = values.pop("clock", None) or FakeClock()
    access = values.pop("access", ACCESS)
    return Kill(home, access, clock, FakeIds(), **values).run(patience_s)


def left_at_broker(home: Home) -> tuple[int, int]:
    """How many positions and open orders the account has."""
    market = open_market(home, ACCESS)
    found = len(market.link.positions()), len(market.link.open_orders())
    market.close()
    return found


def result(home: Home) -> dict:
    return json.loads((home.bot(BOT).root / "kill.json").read_bytes())


@contextmanager
def owner(
    home: Home,
    phase: Phase | None,
    clock: FakeClock,
    lock: Path | None = None,
    what: str = "session 2026-11-20_1",
) -> Iterator[Process]:
    """Another process that holds a lock, the session's; it beats once when a phase is given."""
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from rigd.core.clock import SystemClock\nfrom rigd.store.locks import SessionLock\n"
        "SessionLock(Path(sys.argv[1]), what=sys.argv[2], clock=SystemClock()).acquire()\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    tree = home.bot(BOT)
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program, str(lock or tree.lock), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        process = Process(pid=child.pid, born=born(child.pid) or 0, boot=boot())
        if phase is not None:
            beat(tree.lease, clock, phase, process)
        yield process
        child.kill()


def beat(path: Path, clock: FakeClock, phase: Phase, process: Process) -> None:
    made = Beat(path, clock, life_s=10.0)
    made._owner = process
    made.beat(phase)


def test_orders_are_cancelled_positions_closed_and_the_account_seen_flat(home) -> None:
    """The whole way with nobody in it: verified, and every trace that it leaves."""
    found = killed(home)
    assert found.verdict is Verdict.FLAT
    assert (found.closing.cancels, len(found.closing.closes)) == (1, 1)
    assert found.unwritten == ()
    assert left_at_broker(home) == (0, 0)
    latch = read_latch(home.bot(BOT).risk_state)
    assert (latch.tripped, latch.cause, latch.detail) == (True, "killed", "a test")
    assert (home.control / "control_kill.flag").exists()
    assert (home.control / "bot_state.txt").read_text() == "stopped\n"
    assert (result(home)["verdict"], result(home)["why"]) == ("FLAT_VERIFIED", "a test")
    row = json.loads((home.logs / "operator_audit.log").read_text())
    assert (row["event"], row["verdict"]) == ("kill", "FLAT_VERIFIED")


def test_a_bot_that_never_traded_has_nothing_to_close(tmp_path) -> None:
    """No account and no journal: there is no broker to ask."""
    home = Home(tmp_path)
    home.bot(BOT).sessions.mkdir(parents=True)
    found = killed(home)
    assert found.verdict is Verdict.FLAT
    assert found.closing.rounds == 0
    assert not home.sim_broker(str(BOT)).exists()


def test_an_account_whose_truth_is_gone_is_never_called_flat(tmp_path) -> None:
    """A session left a journal, so orders may stand: nothing can be verified."""
    home = Home(tmp_path)
    journal = home.bot(BOT).session(DAY, 1) / "journal.log"
    journal.parent.mkdir(parents=True)
    journal.touch()
    found = killed(home, patience_s=3.0)
    assert found.verdict is Verdict.PENDING
    assert "truth file must exist" in found.closing.problem


def test_an_account_that_is_flat_needs_no_market(home) -> None:
    """After its session's end nothing can be sent, and nothing need be."""
    killed(home)
    market = open_market(home, ACCESS)
    market.link.end_session()
    market.close()
    assert killed(home).verdict is Verdict.FLAT


def test_a_closed_market_keeps_it_pending(home) -> None:
    """A position that cannot be closed now is no flat account: it says why and who can."""
    market = open_market(home, ACCESS)
    market.link.end_session()
    market.close()
    told: list[str] = []
    found = killed(home, patience_s=3.0, tell=told.append)
    assert found.verdict is Verdict.PENDING
    assert "market_closed" in found.closing.problem
    assert told
    assert told[0].startswith("KILL_PENDING")
    assert (home.control / "bot_state.txt").read_text() == "emergency_closing_positions\n"


def test_a_broker_that_rigd_cannot_reach_yet_stays_pending_with_its_contact(home) -> None:
    """The broker's own site is named."""
    other = replace(ACCESS, identity=replace(BOT, broker_code="ALPACA"))
    told: list[str] = []
    found = killed(home, patience_s=1.0, access=other, tell=told.append)
    assert found.verdict is Verdict.PENDING
    assert "https://app.alpaca.markets" in told[0]


def test_a_hung_engine_is_ended_at_once(home) -> None:
    """Its beat is late: it is dead before the first order goes out."""
    clock = FakeClock()
    with owner(home, Phase.TRADING, clock) as engine:
        clock.advance(10.0)
        found = killed(home, clock=clock)
        assert not engine.lives
    assert found.verdict is Verdict.FLAT
    assert left_at_broker(home) == (0, 0)


def test_an_engine_that_beats_but_does_not_take_the_flag_is_ended_after_two_seconds(
    home, monkeypatch
) -> None:
    """A beat is no obedience."""
    clock = FakeClock()
    with owner(home, Phase.TRADING, clock) as engine:
        keeps_beating(clock, monkeypatch, home, engine)
        began = clock.monotonic()
        found = killed(home, clock=clock)
        assert not engine.lives
        assert found.verdict is Verdict.FLAT
        assert OBEY_S <= clock.monotonic() - began < OBEY_S + 2.0


def test_an_engine_that_took_the_flag_may_close_by_itself(home, monkeypatch) -> None:
    """It is given its time while it beats, and ended when it is not done by then."""
    clock = FakeClock()
    flags = ControlFolder(home.control, clock, FakeIds())

    def take() -> None:
        seen = flags.read()
        if seen is not None:
            flags.consume(seen)

    with owner(home, Phase.TRADING, clock) as engine:
        keeps_beating(clock, monkeypatch, home, engine, take)
        began = clock.monotonic()
        found = killed(home, clock=clock)
        assert not engine.lives
        assert found.verdict is Verdict.FLAT
        assert CLOSE_S <= clock.monotonic() - began < CLOSE_S + 2.0


def keeps_beating(
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    home: Home,
    engine: Process,
    also: Callable[[], None] = lambda: None,
) -> None:
    """Let an engine beat whenever the kill waits."""
    pause = clock.sleep

    def beating(seconds: float) -> None:
        pause(seconds)
        also()
        beat(home.bot(BOT).lease, clock, Phase.TRADING, engine)

    monkeypatch.setattr(clock, "sleep", beating)


def test_an_owner_that_cannot_be_ended_keeps_it_pending(home, monkeypatch) -> None:
    """Nobody closes an account that somebody else may still send to."""
    clock = FakeClock()
    monkeypatch.setattr(kills.supervisor, "end_process", lambda _: False)
    told: list[str] = []
    with owner(home, None, clock):
        found = killed(home, patience_s=90.0, clock=clock, tell=told.append)
    assert found.verdict is Verdict.PENDING
    assert "cannot be ended" in told[0]
    assert left_at_broker(home) == (1, 1)


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"pid": 1, "started": "", "what": "x"}'])
def test_an_owner_whose_record_is_damaged_is_ended_too(home, content) -> None:
    """A lock that hangs is found by the system's own word where its file does not name it."""
    clock = FakeClock()
    with owner(home, Phase.TRADING, clock) as engine:
        home.bot(BOT).lock.write_bytes(content)
        clock.advance(10.0)
        found = killed(home, clock=clock)
        assert not engine.lives
    assert found.verdict is Verdict.FLAT
    assert left_at_broker(home) == (0, 0)


def test_an_engine_whose_lock_was_deleted_is_ended_before_the_account_is_closed(home) -> None:
    """A lock file that somebody removed gives the lock away, not the account."""
    clock = FakeClock()
    with owner(home, Phase.TRADING, clock) as engine:
        home.bot(BOT).lock.unlink()
        clock.advance(10.0)
        found = killed(home, clock=clock)
        assert not engine.lives
    assert found.verdict is Verdict.FLAT


def test_another_kill_is_waited_for(home) -> None:
    """Two people kill at once: one closes, the other waits and verifies, and ends nobody."""
    clock = FakeClock()
    other = SessionLock(home.bot(BOT).lock, what=WHAT, clock=clock)
    other.acquire()
    pause, waits = clock.sleep, []

    def until_released(seconds: float) -> None:
        pause(seconds)
        waits.append(seconds)
        if len(waits) == 5:
            other.release()

    clock.sleep = until_released  # type: ignore[method-assign]
    assert killed(home, clock=clock).verdict is Verdict.FLAT
    assert len(waits) == 5


def test_what_cannot_be_written_is_told_and_stops_nothing(home, monkeypatch) -> None:
    """Flag, latch, result, state and audit refuse: the account is closed all the same."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kills, "trip_latch", full)
    monkeypatch.setattr(kills, "audit", full)
    monkeypatch.setattr(kills.ControlFolder, "raise_flag", full)
    monkeypatch.setattr(kills.Registry, "write", full)
    monkeypatch.setattr(kills.BotStateFile, "write", full)
    found = killed(home)
    assert found.verdict is Verdict.FLAT
    assert left_at_broker(home) == (0, 0)
    named = {text.split(":")[0] for text in found.unwritten}
    files = {"kill.json", "operator_audit.log", "bot_state.txt"}
    assert named == {"kill flag", "kill switch", "defense mode", *files}


@pytest.mark.parametrize("latched", [False, True])
def test_a_launcher_that_nothing_on_disk_holds_back_is_ended(home, monkeypatch, latched) -> None:
    """Without flag and latch a supervisor would start the engine again; one of them is enough."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kills.ControlFolder, "raise_flag", full)
    if not latched:
        monkeypatch.setattr(kills, "trip_latch", full)
    told: list[str] = []
    clock = FakeClock()
    with owner(home, None, clock, home.bot(BOT).launch_lock, "rigd session") as launcher:
        found = killed(home, clock=clock, tell=told.append)
        assert launcher.lives is latched
    assert found.verdict is Verdict.FLAT
    assert [text for text in told if "is ended" in text] == told
    assert bool(told) is not latched


def test_a_supervisor_whose_state_file_refuses_closes_all_the_same(home) -> None:
    """What the launcher publishes for the kill may fail too."""

    def full(_: str) -> None:
        raise StorageError("could not write bot_state.txt: no space left on device")

    found = killed(home, publish=full)
    assert found.verdict is Verdict.FLAT
    assert any(text.startswith("bot_state.txt") for text in found.unwritten)


def test_a_terminal_that_is_gone_stops_no_kill(home) -> None:
    """An alert that nobody can read is no reason to leave a position open."""
    clock = FakeClock()
    other = SessionLock(home.bot(BOT).lock, what=WHAT, clock=clock)
    other.acquire()
    tries = []

    def gone(text: str) -> None:
        tries.append(text)
        other.release()
        raise BrokenPipeError

    assert killed(home, clock=clock, tell=gone).verdict is Verdict.FLAT
    assert len(tries) == 1


def test_who_keeps_it_pending_is_named(home) -> None:
    """A person who must help needs to know whom to ask for what."""
    clock = FakeClock()
    other = SessionLock(home.bot(BOT).lock, what=WHAT, clock=clock)
    with other:
        found = killed(home, patience_s=5.0, clock=clock)
    assert found.verdict is Verdict.PENDING
    assert f"{WHAT} (process {os.getpid()}" in found.closing.problem


def test_an_engine_that_cannot_be_asked_is_ended(home, monkeypatch) -> None:
    """Where no flag can be written a beating engine would never know: it is not waited for."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kills.ControlFolder, "raise_flag", full)
    clock = FakeClock()
    with owner(home, Phase.TRADING, clock) as engine:
        began = clock.monotonic()
        assert killed(home, clock=clock).verdict is Verdict.FLAT
        assert not engine.lives
        assert clock.monotonic() - began < 1.0


def test_a_supervisor_publishes_the_state_itself(home) -> None:
    """Its launch lock is its own; the words come in their order."""
    said: list[str] = []
    found = killed(home, publish=said.append, cause=Cause.CRASH_LOOP)
    assert found.verdict is Verdict.FLAT
    assert said == ["emergency_closing_positions", "stopped"]
    assert read_latch(home.bot(BOT).risk_state).cause == "crash_loop"
    assert not (home.control / "bot_state.txt").exists()


def test_beside_a_launcher_the_state_is_the_launchers(home) -> None:
    """The file has one writer: while a launcher lives, the kill leaves it alone."""
    clock = FakeClock()
    with SessionLock(home.bot(BOT).launch_lock, what="rigd session", clock=clock):
        assert killed(home, clock=clock).verdict is Verdict.FLAT
    assert not (home.control / "bot_state.txt").exists()


def test_a_tampered_truth_file_is_never_called_flat(home) -> None:
    """What cannot be believed verifies nothing."""
    log = home.sim_broker(str(BOT))
    content = bytearray(log.read_bytes())
    content[200] ^= 1
    log.write_bytes(bytes(content))
    found = killed(home, patience_s=2.0)
    assert found.verdict is Verdict.PENDING
    assert "hash" in found.closing.problem or "record" in found.closing.problem


def test_the_day_goes_on_counting(home) -> None:
    """The latch keeps the day's counters that the engine left."""
    killed(home)
    assert read_latch(home.bot(BOT).risk_state).carried == Decimal(0)


def test_what_was_asked_stands_in_the_brokers_log(home) -> None:
    """L35: each cancel and close of a kill, as every other request to the broker."""
    found = killed(home)
    text = (home.bot(BOT).root / "logs" / "broker_api.log").read_text()
    rows = [row for row in map(json.loads, text.splitlines()) if row["session"] == "kill"]
    sent = [row for row in rows if row["event"] == "api_request"]
    calls = [row["details"]["call"] for row in sent]
    assert calls.count("cancel") == found.closing.cancels > 0
    assert [
        row["details"]["body"]["order"]["cl_ord_id"]
        for row in sent
        if row["details"]["call"] == "submit"
    ] == found.closing.closes
    assert found.unwritten == ()


def test_a_log_of_the_broker_that_refuses_stops_no_kill(home) -> None:
    """A folder lies in its place: told, and the account is closed all the same."""
    (home.bot(BOT).root / "logs" / "broker_api.log").mkdir(parents=True)
    found = killed(home)
    assert found.verdict is Verdict.FLAT
    assert left_at_broker(home) == (0, 0)
    assert [text.split(":")[0] for text in found.unwritten] == ["broker_api.log"]
