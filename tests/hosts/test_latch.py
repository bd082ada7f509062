from __future__ import annotations

from rigd.core.values import Profile
from rigd.hosts.latch import read_defense, read_latch, state_text, trip_latch
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import Cause, LatchState
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
