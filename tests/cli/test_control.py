from __future__ import annotations

import json

import pytest

from rigd.core.errors import ExitCode
from rigd.hosts.latch import state_text
from rigd.risk.kill_switch import Cause, LatchState
from tests.hosts.homes import bot_of, demo, fields, listing


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path)


@pytest.mark.parametrize("command", ["start", "stop", "kill"])
def test_a_raised_flag_says_who_and_why(rigd, home, command) -> None:
    """The file appears in runs/control, signed, with the reason."""
    said = rigd(home, "flags", "raise", command, "--reason", "lunch")
    assert said.code == 0
    flag = fields(home.control / f"control_{command}.flag")
    assert (flag["command"], flag["why"], flag["source"]) == (command, "lunch", "rigd flags")
    assert flag["by"]
    assert f"control_{command}.flag" in said.out
    assert said.out.splitlines()[-1].startswith("next: ")


def test_another_flag_does_not_exist(rigd, home) -> None:
    """The three that do are named."""
    said = rigd(home, "flags", "raise", "pause")
    assert said.code == ExitCode.BAD_INPUT
    assert "start, stop, kill" in said.err
    assert not home.control.exists()


def test_cleared_flags_are_named_and_audited(rigd, home) -> None:
    """What lay there is told; when nothing did, that is told."""
    rigd(home, "flags", "raise", "stop")
    said = rigd(home, "flags", "clear")
    assert "removed control_stop.flag" in said.out
    assert "nothing" in rigd(home, "flags", "clear").out
    rows = [json.loads(x) for x in (home.logs / "operator_audit.log").read_text().splitlines()]
    assert [row["files"] for row in rows] == [["control_stop.flag"], []]
    assert {row["profile"] for row in rows} == {"TEST"}


def test_flags_can_be_cleared_before_there_is_a_bot(rigd, tmp_path) -> None:
    """A flag that lies in a bare folder does not need a bot to be removed."""
    (tmp_path / "runs" / "control").mkdir(parents=True)
    (tmp_path / "runs" / "control" / "control_stop.txt").touch()
    assert "removed control_stop.txt" in rigd(tmp_path, "flags", "clear").out


def test_a_latched_switch_is_shown_and_reset(rigd, home) -> None:
    """Cause and detail, then the release with a reason; without a reason, bad input."""
    bot = bot_of(home)
    tree = home.bot(bot.identity)
    tree.root.mkdir(parents=True)
    state = LatchState(tripped=True, cause=Cause.LOSS_LIMIT, detail="lost 6000")
    tree.risk_state.write_bytes(state_text(state, bot.profile))
    said = rigd(home, "risk", "show")
    assert "LATCHED: daily_loss_limit: lost 6000" in said.out
    assert said.out.splitlines()[-1].startswith("next: rigd risk reset")
    assert rigd(home, "risk", "reset").code == ExitCode.BAD_INPUT
    assert rigd(home, "risk", "reset", "--reason", " ").code == ExitCode.BAD_INPUT
    assert "LATCHED" in rigd(home, "risk", "show").out
    said = rigd(home, "risk", "reset", "--reason", "a bad tick")
    assert said.code == 0
    assert "released" in said.out
    assert "not tripped" in rigd(home, "risk", "show").out


def test_looking_writes_nothing(rigd, home) -> None:
    """risk show leaves the home as it is."""
    before = listing(home.root)
    assert rigd(home, "risk", "show").out.startswith("kill switch of RIGD_USA_SIM_01: not tripped")
    assert listing(home.root) == before


def test_defense_mode_is_shown_begun_and_left(rigd, home) -> None:
    """Off, on by hand with the reason, off again; without a reason, bad input."""
    assert "defense mode of RIGD_USA_SIM_01: off" in rigd(home, "defense", "show").out
    assert rigd(home, "defense", "on").code == ExitCode.BAD_INPUT
    assert rigd(home, "defense", "on", "--reason", "odd quotes").code == 0
    said = rigd(home, "defense", "show")
    assert "ON: operator:" in said.out
    assert "odd quotes" in said.out
    assert said.out.splitlines()[-1].startswith("next: rigd defense off")
    assert rigd(home, "defense", "off", "--reason", " ").code == ExitCode.BAD_INPUT
    assert rigd(home, "defense", "off", "--reason", "quotes are fine").code == 0
    assert ": off" in rigd(home, "defense", "show").out


def test_what_a_person_wrote_is_shown_on_one_line(rigd, home) -> None:
    """No reason forges a line or reaches the terminal as an escape sequence."""
    rigd(home, "defense", "on", "--reason", "a\nkill switch: not tripped\x1b[2J")
    tree = home.bot(bot_of(home).identity)
    state = LatchState(tripped=True, cause=Cause.KILLED, detail="b\n\x1b[2J")
    tree.risk_state.write_bytes(state_text(state, bot_of(home).profile))
    said = [rigd(home, command, "show").out for command in ("defense", "risk")]
    said += [rigd(home, "session").err]
    for text in said:
        assert "\x1b" not in text
        assert len(text.splitlines()) == 2
