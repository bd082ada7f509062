"""The bot as the resident supervisor has it, with real sessions in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import AlreadyRunning, ConfigError, StorageError
from rigd.core.events import Command, SessionStarted
from rigd.core.lifecycle import BotState
from rigd.hosts import supervisor
from rigd.hosts.bot_state import BotStateFile, read_state
from rigd.hosts.latch import read_latch
from rigd.hosts.launch import Launcher
from rigd.hosts.records import entries_of
from rigd.hosts.up import trader
from rigd.hosts.up.trader import BotTrader
from rigd.store.control import ControlFolder
from rigd.store.lease import Beat, Phase
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import ONE_SYMBOL, InProcess, bot_of
from tests.hosts.test_launch import die_at

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    """A trader over a home."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.clock = FakeClock()
        self.state = BotStateFile(self.home)
        self.trader = BotTrader(self.home, self.clock, FakeIds(), self.state)
        self.flags = ControlFolder(self.home.control, self.clock, FakeIds())


@pytest.fixture(autouse=True)
def door(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    found = InProcess()
    monkeypatch.setattr(supervisor, "run_notebook", found)
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.trader.set_up()
    return found


def test_an_empty_home_is_set_up_through_its_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1, T2, T3: initialize, provisioning, bootstrapping; a second time nothing."""
    desk, seen = Desk(tmp_path), []
    monkeypatch.setattr(desk.state, "step", seen.append)
    desk.trader.set_up()
    assert seen == [BotState.INITIALIZE, BotState.PROVISIONING, BotState.BOOTSTRAPPING]
    desk.trader.set_up()
    assert len(seen) == 3
    assert desk.trader.is_simulated


def test_whoever_owns_the_launch_keeps_every_other_launcher_out(desk: Desk) -> None:
    """`rigd session` is refused while the supervisor owns the bot (T22)."""
    desk.trader.own()
    with pytest.raises(AlreadyRunning, match="rigd up"):
        Launcher(desk.home, desk.clock, FakeIds(), lambda _: None).launch(ONE_SYMBOL)
    desk.trader.release()


def test_a_session_ends_with_the_bot_idle(desk: Desk) -> None:
    """Its true result is told."""
    desk.trader.own()
    done = desk.trader.run(ONE_SYMBOL)
    assert (done.state, done.exit_code, done.text) == (BotState.IDLE, 0, "session_end")
    assert done.session.endswith("_1")
    assert desk.trader.unfinished() is None
    desk.trader.release()


def test_a_session_that_died_with_orders_is_taken_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked of it is known; run again, it ends, and nothing is left unfinished."""
    with monkeypatch.context() as patch:
        die_at(patch, 372)
        Launcher(desk.home, desk.clock, FakeIds(), lambda _: None).launch(ONE_SYMBOL)
    assert desk.trader.unfinished() == ONE_SYMBOL
    desk.trader.own()
    done = desk.trader.run(ONE_SYMBOL)
    assert (done.state, done.session[-2:]) == (BotState.IDLE, "_1")
    assert desk.trader.unfinished() is None
    desk.trader.release()


def test_what_cannot_be_launched_is_an_error_with_its_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot stands still until somebody looked into it."""

    def refuse(*_: object) -> None:
        msg = "the settings must be well formed"
        raise ConfigError(msg, fix="rigd config check")

    monkeypatch.setattr(Launcher, "launch", refuse)
    done = desk.trader.run(ONE_SYMBOL)
    assert (done.state, done.exit_code) == (BotState.ERROR, 2)
    assert done.text == "the settings must be well formed; next: rigd config check"


def test_supervisor_and_engine_are_of_one_build(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULTS K10: after an update nothing is launched until the supervisor was started anew."""
    assert desk.trader.forbids_start() == ""
    monkeypatch.setattr(trader, "code_digest", lambda: "another build")
    assert "code was changed" in desk.trader.forbids_start()
    monkeypatch.setattr(Launcher, "launch", lambda *_: pytest.fail("launched"))
    done = desk.trader.run(ONE_SYMBOL)
    assert (done.state, done.text) == (BotState.ERROR, trader.OTHER_CODE)


def test_the_digest_is_the_one_that_a_session_records(desk: Desk) -> None:
    """The first record of a session and the supervisor name the same code."""
    desk.trader.own()
    desk.trader.run(ONE_SYMBOL)
    bot = bot_of(desk.home)
    (folder,) = desk.home.bot(bot.identity).sessions.glob("*_*")
    started = entries_of(folder, bot.identity)[0].record
    assert isinstance(started, SessionStarted)
    assert started.code_digest == trader.code_digest()
    desk.trader.release()


@pytest.mark.parametrize("kill", [False, True])
def test_an_account_without_positions_is_seen_flat(desk: Desk, *, kill: bool) -> None:
    """Stopped; a kill latches, a stop does not."""
    desk.trader.own()
    done = desk.trader.close("asked", kill=kill)
    assert done.state is BotState.STOPPED
    assert "flat" in done.text
    bot = bot_of(desk.home)
    assert read_latch(desk.home.bot(bot.identity).risk_state).tripped is kill
    assert bool(desk.trader.forbids_start()) is kill
    desk.trader.release()


def test_the_way_out_of_a_session_grows_stronger(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop flag, SIGTERM to the engine's own process, kill flag (JUPYTER §7)."""
    asked: list[int] = []
    monkeypatch.setattr("rigd.hosts.up.trader.ask_kernel", asked.append)
    desk.trader.ask_to_stop("down")
    assert [(seen.command, seen.by) for seen in desk.flags.pending()] == [(Command.STOP, "rigd up")]
    desk.trader.signal_kernel()
    assert asked == []
    tree = desk.home.bot(bot_of(desk.home).identity)
    beat = Beat(tree.lease, desk.clock, life_s=10.0)
    beat.beat(Phase.TRADING)
    assert desk.trader.engine_lives
    desk.trader.signal_kernel()
    assert len(asked) == 1
    desk.trader.ask_to_kill("down")
    assert desk.flags.pending()[0].command is Command.KILL


def test_the_state_of_a_session_is_published_by_its_owner(desk: Desk) -> None:
    """One writer: the launcher writes through the supervisor's object (T22)."""
    desk.trader.own()
    desk.state.write("idle")
    desk.trader.run(ONE_SYMBOL)
    assert (desk.state.state, read_state(desk.home)) == (BotState.IDLE, BotState.IDLE)
    desk.trader.release()


@pytest.mark.parametrize("command", [Command.STOP, Command.KILL])
def test_a_stop_before_the_session_began_is_no_error(
    desk: Desk, door: InProcess, command: Command
) -> None:
    """Nothing was started; the flag lies there for the supervisor to obey."""
    desk.trader.own()
    desk.flags.raise_flag(command, "ada", "changed my mind", "panel")
    done = desk.trader.run(ONE_SYMBOL)
    assert (done.state, done.exit_code, done.session) == (BotState.IDLE, 0, "")
    assert door.ran == 0
    assert [seen.command for seen in desk.flags.pending()] == [command]
    desk.trader.release()


def test_a_refused_start_says_how_the_kill_switch_is_released(desk: Desk) -> None:
    """Found, expected, and what to do next."""
    desk.trader.own()
    desk.trader.close("asked", kill=True)
    assert "next: look into the loss, then: rigd risk reset" in desk.trader.forbids_start()
    desk.trader.release()


def test_a_first_start_that_was_cut_short_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up between two logs: the next start completes them, each with one row."""
    desk, real, rows = Desk(tmp_path), Registry.append_line, []

    def full(self: Registry, name: str, line: str, *, writer: str) -> None:
        if name.startswith("init_"):
            rows.append(name)
            if len(rows) == 3:
                raise StorageError("no space left on device")
        real(self, name, line, writer=writer)

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "append_line", full)
        with pytest.raises(StorageError):
            desk.trader.set_up()
    again = Desk(tmp_path)
    again.trader.set_up()
    assert read_state(again.home) is BotState.BOOTSTRAPPING
    logs = sorted(again.home.logs.glob("init_*.log"))
    assert [len(path.read_text().splitlines()) for path in logs] == [1, 1, 1, 1]
