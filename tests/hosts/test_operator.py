from __future__ import annotations

import getpass
import json

import pytest

from rigd.core.errors import AlreadyRunning, ConfigError, StorageError
from rigd.core.events import Command
from rigd.hosts import build_check, operator
from rigd.hosts.latch import read_defense, read_latch, state_text
from rigd.risk.kill_switch import Cause, LatchState
from rigd.store.control import ControlFolder
from rigd.store.locks import SessionLock
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import bot_of, demo, listing

LATCHED = LatchState(tripped=True, cause=Cause.LOSS_LIMIT, detail="lost 6000")


@pytest.fixture
def bot(tmp_path):
    """The demo bot."""
    return bot_of(demo(tmp_path))


def latch(bot) -> None:
    tree = bot.home.bot(bot.identity)
    tree.root.mkdir(parents=True, exist_ok=True)
    tree.risk_state.write_bytes(state_text(LATCHED, bot.profile))


def audit(home: Home) -> list[dict]:
    lines = (home.logs / "operator_audit.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_cleared_flags_are_gone_and_audited(tmp_path) -> None:
    """Who, when and which; clearing nothing is on record too."""
    home = Home(tmp_path)
    flags = ControlFolder(home.control, FakeClock(), FakeIds())
    flags.raise_flag(Command.STOP, "me", "", "test")
    flags.raise_flag(Command.KILL, "me", "", "test")
    removed = operator.clear_flags(home, FakeClock(), FakeIds(), profile="TEST")
    assert sorted(removed) == ["control_kill.flag", "control_stop.flag"]
    assert not list(home.control.glob("*.flag"))
    assert operator.clear_flags(home, FakeClock(), FakeIds()) == []
    first, second = audit(home)
    assert (first["event"], first["by"], first["profile"]) == (
        "flags_cleared",
        operator.name(),
        "TEST",
    )
    assert first["timestamp"] == "2024-03-04T14:00:00Z"
    assert sorted(first["files"]) == sorted(removed)
    assert second["files"] == []


def test_a_reset_releases_the_switch_and_says_who_and_why(bot) -> None:
    """The latch is open, the day's counter starts anew, and the audit log has cause and reason."""
    latch(bot)
    said = operator.reset_risk(bot, "a bad tick", FakeClock())
    assert "daily_loss_limit" in said
    state = read_latch(bot.home.bot(bot.identity).risk_state)
    assert not state.tripped
    assert (state.reset_reason, state.reset_by) == ("a bad tick", operator.name())
    (row,) = audit(bot.home)
    assert (row["event"], row["cause"], row["reason"]) == (
        "risk_reset",
        "daily_loss_limit",
        "a bad tick",
    )
    assert (row["bot"], row["profile"]) == ("RIGD_USA_SIM_01", "TEST")


def test_a_switch_that_did_not_trip_needs_no_reset(bot) -> None:
    """Nothing is changed and nothing is audited."""
    assert "not tripped" in operator.reset_risk(bot, "why not", FakeClock())
    assert not (bot.home.logs / "operator_audit.log").exists()


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_reset_needs_a_reason(bot, reason) -> None:
    """Without one nothing happens."""
    latch(bot)
    before = listing(bot.home.root)
    with pytest.raises(ConfigError, match="must give a reason"):
        operator.reset_risk(bot, reason, FakeClock())
    assert listing(bot.home.root) == before


def test_a_running_session_is_not_reset(bot) -> None:
    """The owner of the bot is named; the latch stays."""
    latch(bot)
    tree = bot.home.bot(bot.identity)
    with (
        SessionLock(tree.lock, what="session x_1", clock=FakeClock()),
        pytest.raises(AlreadyRunning, match="session x_1"),
    ):
        operator.reset_risk(bot, "now", FakeClock())
    assert read_latch(tree.risk_state).tripped


def test_an_unknown_user_has_a_name_all_the_same(monkeypatch) -> None:
    """In a container without a user entry the audit still works."""

    def fail() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", fail)
    assert operator.name() == "unknown"


def defense(bot):
    return read_defense(bot.home.bot(bot.identity).defense_state)


def test_defense_mode_is_begun_and_left_by_hand_and_audited(bot) -> None:
    """S15, S19: who, why and the trigger; kept for the next session."""
    assert operator.switch_defense(bot, "odd quotes", FakeClock(), on=True) == "defense mode is on"
    state = defense(bot)
    assert (state.on, state.trigger) == (True, "operator")
    assert state.detail == f"{operator.name()}: odd quotes"
    said = operator.switch_defense(bot, "quotes are fine", FakeClock(), on=False)
    assert said == "defense mode is off (operator)"
    state = defense(bot)
    assert (state.on, state.left_by, state.left_reason) == (
        False,
        operator.name(),
        "quotes are fine",
    )
    rows = audit(bot.home)
    assert [(row["event"], row["trigger"], row["reason"]) for row in rows] == [
        ("defense_entered", "operator", "odd quotes"),
        ("defense_left", "operator", "quotes are fine"),
    ]


@pytest.mark.parametrize("on", [True, False])
def test_a_change_of_defense_mode_needs_a_reason(bot, on) -> None:
    """S19: reset without note refused; nothing is written."""
    before = listing(bot.home.root)
    with pytest.raises(ConfigError, match="reason"):
        operator.switch_defense(bot, "  ", FakeClock(), on=on)
    assert listing(bot.home.root) == before


def test_what_is_so_already_is_not_changed(bot) -> None:
    """Leaving what is off changes nothing and audits nothing."""
    assert "already" in operator.switch_defense(bot, "why not", FakeClock(), on=False)
    assert not bot.home.bot(bot.identity).defense_state.exists()


def test_a_broken_file_is_defense_mode_and_an_operator_can_leave_it(bot) -> None:
    """Fails closed; the reason of the operator opens it again."""
    tree = bot.home.bot(bot.identity)
    tree.root.mkdir(parents=True, exist_ok=True)
    tree.defense_state.write_bytes(b"{")
    assert (defense(bot).on, defense(bot).trigger) == (True, "state_unreadable")
    operator.switch_defense(bot, "restored", FakeClock(), on=False)
    assert not defense(bot).on


def test_defense_mode_is_not_changed_while_a_session_runs(bot) -> None:
    """The session owns its state."""
    tree = bot.home.bot(bot.identity)
    tree.root.mkdir(parents=True, exist_ok=True)
    with (
        SessionLock(tree.lock, what="a session", clock=FakeClock()),
        pytest.raises(AlreadyRunning),
    ):
        operator.switch_defense(bot, "why not", FakeClock(), on=True)


def test_a_sealed_build_is_audited(tmp_path) -> None:
    """Who, when and why; a build without a reason is not sealed."""
    clock = FakeClock()
    assert operator.seal_build(Home(tmp_path), "first build", clock)
    assert audit(Home(tmp_path))[-1] == {
        "timestamp": "2024-03-04T14:00:00Z",
        "event": "build_sealed",
        "by": getpass.getuser(),
        "reason": "first build",
        "profile": "",
    }
    with pytest.raises(ConfigError, match="reason"):
        operator.seal_build(Home(tmp_path), " ", clock)


def refusing(*_: object, **__: object) -> None:
    """An audit log that takes no row."""
    raise StorageError("could not write operator_audit.log: no space left on device")


def test_what_cannot_be_audited_is_not_done(bot, monkeypatch) -> None:
    """No effect without its row: flags stay, no build is sealed, the table keeps its version."""
    home = bot.home
    ControlFolder(home.control, FakeClock(), FakeIds()).raise_flag(Command.KILL, "me", "", "test")
    latch(bot)
    manifest = home.env / build_check.MANIFEST
    manifest.unlink(missing_ok=True)
    before = listing(home.root)
    monkeypatch.setattr(operator, "audit", refusing)
    acts = (
        lambda: operator.clear_flags(home, FakeClock(), FakeIds()),
        lambda: operator.seal_build(home, "because", FakeClock()),
        lambda: operator.change_mapping(bot, {"SPY": "SDS"}, "because", FakeClock()),
        lambda: operator.reset_risk(bot, "because", FakeClock()),
    )
    for act in acts:
        with pytest.raises(StorageError):
            act()
    lock = str(bot.home.bot(bot.identity).lock.relative_to(home.root))
    assert listing(home.root) == before | {lock: b""}
    assert not manifest.exists()
