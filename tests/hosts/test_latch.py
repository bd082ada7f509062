from __future__ import annotations

import errno
import os

import pytest

from rigd.core.errors import StorageError
from rigd.core.values import Profile
from rigd.hosts.latch import (
    begin_states,
    note_kill,
    read_defense,
    read_latch,
    save_latch,
    state_text,
    trip_latch,
)
from rigd.risk.defense_mode import DefenseMode, DefenseState
from rigd.risk.kill_switch import Cause, LatchState
from rigd.store.registry import Registry
from tests.fakes.clock import START
from tests.hosts.homes import bot_of, demo


def trip(home, cause: Cause, why: str) -> LatchState:
    identity = bot_of(home).identity
    trip_latch(home, identity, Profile.TEST, cause=cause, why=why, at=START)
    return read_latch(home.bot(identity).risk_state)


def test_a_kill_latches_a_switch_that_never_tripped(tmp_path) -> None:
    """The next session finds the switch tripped, with the kill's reason."""
    state = trip(demo(tmp_path), Cause.KILLED, "fire in the house")
    assert (state.tripped, state.cause, state.detail) == (True, "killed", "fire in the house")
    assert state.at == START


def test_a_switch_that_is_tripped_keeps_its_cause(tmp_path) -> None:
    """The first cause is the one that a person must look into."""
    home = demo(tmp_path)
    trip(home, Cause.CRASH_LOOP, "first")
    assert trip(home, Cause.KILLED, "second").detail == "first"


def test_a_broken_latch_stays_tripped_by_a_kill(tmp_path) -> None:
    """A latch that cannot be read is closed already; it is written anew, readable and closed."""
    home = demo(tmp_path)
    path = home.bot(bot_of(home).identity).risk_state
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{broken")
    state = trip(home, Cause.KILLED, "now")
    assert (state.tripped, state.cause) == (True, "state_unreadable")


def test_a_full_disk_keeps_no_switch_from_tripping(tmp_path, monkeypatch) -> None:
    """The file is written over where it lies, as no new one can be made."""
    home = demo(tmp_path)
    identity = bot_of(home).identity
    path = home.bot(identity).risk_state
    path.parent.mkdir(parents=True)
    path.write_bytes(state_text(LatchState(detail="x" * 500), Profile.TEST))

    def full(*_: object, **__: object) -> None:
        raise StorageError("could not write it: no space left on device", errno=errno.ENOSPC)

    monkeypatch.setattr(Registry, "write", full)
    state = trip(home, Cause.KILLED, "fire")
    assert (state.tripped, state.cause, state.detail) == (True, "killed", "fire")
    with Registry(home, identity) as registry, pytest.raises(StorageError):
        save_latch(registry, LatchState(), b"{}")


@pytest.mark.parametrize("left", ["lease_epoch", "sessions/2013-10-07_1/journal.log"])
def test_a_state_that_is_lost_after_a_session_began_is_no_fresh_one(tmp_path, left) -> None:
    """Deleting both files releases nothing, sealed sessions or not."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    assert not read_latch(tree.risk_state).tripped
    path = tree.root / left
    path.parent.mkdir(parents=True)
    path.touch()
    assert read_latch(tree.risk_state).cause == "state_unreadable"
    assert read_defense(tree.defense_state).on


def test_the_first_states_are_there_before_anything_shows_that_a_session_ran(tmp_path) -> None:
    """A start that is cut right after them begins as fresh as it was."""
    home = demo(tmp_path)
    bot = bot_of(home)
    tree = home.bot(bot.identity)
    with Registry(home, bot.identity) as registry:
        begin_states(tree, bot.profile, registry, test_mode=False)
    (tree.root / "lease_epoch").touch()
    assert read_latch(tree.risk_state) == LatchState()
    assert read_defense(tree.defense_state) == DefenseState()


def test_the_session_after_a_kill_from_outside_begins_in_defense_mode(tmp_path) -> None:
    """SPEC §4: whether the last session had ended or not, and also when there was none."""
    home = demo(tmp_path)
    bot = bot_of(home)
    path = home.bot(bot.identity).defense_state
    for before in ("", "2013-10-07_1"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(state_text(DefenseState(session=before), bot.profile))
        note_kill(home, bot.identity, bot.profile)
        mode = DefenseMode(
            settings=bot.settings, session="2013-10-08_1", state=read_defense(path), at=START
        )
        assert (mode.on, mode.state.trigger) == (True, "after_kill")


def test_the_text_carries_the_profile(tmp_path) -> None:
    """The file says whose it is, and reads back as the same state."""
    path = tmp_path / "risk_state.json"
    state = LatchState(tripped=True, cause="killed")
    path.write_bytes(state_text(state, Profile.TEST))
    assert b'"profile": "TEST"' in path.read_bytes()
    assert read_latch(path) == state


def test_the_text_of_a_dry_run_says_so(tmp_path) -> None:
    """Both files carry the mark of TEST_MODE and read back as the same state."""
    latch, defense = LatchState(), DefenseState(on=True, trigger="operator")
    for state, read in ((latch, read_latch), (defense, read_defense)):
        path = tmp_path / "state.json"
        path.write_bytes(state_text(state, Profile.TEST, test_mode=True))
        assert b'"test_mode": true' in path.read_bytes()
        assert read(path) == state


def test_a_pipe_in_the_latchs_place_is_a_closed_latch(tmp_path) -> None:
    """Nothing is waited for: what cannot be read is closed."""
    path = tmp_path / "risk_state.json"
    os.mkfifo(path)
    latch = read_latch(path)
    assert latch.tripped
    assert "plain file" in latch.detail
