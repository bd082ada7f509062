from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.cli import kill as command
from rigd.core.errors import ExitCode
from tests.hosts.homes import ONE_SYMBOL, demo, run

if TYPE_CHECKING:
    from rigd.store.paths import Home


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose session is over: its account is flat."""
    home = demo(tmp_path_factory.mktemp("ended") / "home")
    run(home, ONE_SYMBOL)
    return home


def test_a_flat_account_is_verified_and_the_next_steps_are_told(rigd, ended) -> None:
    """Exit code 0, in a sentence; then how to begin again."""
    said = rigd(ended, "kill", "--reason", "a test")
    assert (said.code, said.err) == (0, "")
    assert "RIGD_USA_SIM_01 is flat, verified with the broker" in said.out
    last = said.out.splitlines()[-1]
    assert last.startswith("next: rigd flags clear")
    assert "rigd risk reset" in last


def test_a_program_reads_one_object(rigd, ended) -> None:
    """Verdict, seconds, closes and what could not be written."""
    said = rigd(ended, "kill", "--json")
    told = json.loads(said.out)
    assert (told["verdict"], told["closes"], told["unwritten"]) == ("FLAT_VERIFIED", [], [])


def test_a_home_without_a_bot_is_bad_input(rigd, tmp_path) -> None:
    """It says how to get one and writes nothing."""
    said = rigd(tmp_path, "kill")
    assert said.code == ExitCode.BAD_INPUT
    assert "must hold a bot, found none" in said.err
    assert list(tmp_path.iterdir()) == []


def test_another_bot_is_refused(rigd, ended) -> None:
    """The home's own is named."""
    said = rigd(ended, "kill", "--bot", "RIGD_USA_SIM_99")
    assert said.code == ExitCode.BAD_INPUT
    assert "RIGD_USA_SIM_01" in said.err


def test_what_is_not_verified_is_no_success(rigd, ended, tmp_path) -> None:
    """Exit code 1, KILL_PENDING, the contact; a truth file that is gone verifies nothing."""
    log = ended.sim_broker("RIGD_USA_SIM_01")
    aside = log.rename(tmp_path / "aside.log")
    try:
        said = rigd(ended, "kill", "--patience", "0.2")
    finally:
        aside.rename(log)
    assert said.code == ExitCode.ERROR
    assert "KILL_PENDING: NOT verified flat" in said.err
    assert "by hand: " in said.err
    assert said.out.startswith("next: rigd kill again")


def test_an_interrupt_says_that_nothing_is_verified(rigd, ended, monkeypatch) -> None:
    """Ctrl-C ends the waiting, not the danger."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command.Kill, "run", interrupted)
    said = rigd(ended, "kill")
    assert said.code == ExitCode.INTERRUPTED
    assert "NOT verified flat" in said.err


@pytest.mark.parametrize("patience", ["nan", "-1", "inf", "soon"])
def test_a_patience_that_is_no_time_is_bad_input(patience, capsys) -> None:
    """Nothing is raised by a mistyped option."""
    with pytest.raises(SystemExit) as refused:
        command.main([f"--patience={patience}"])
    assert refused.value.code == ExitCode.BAD_INPUT
    assert "--patience" in capsys.readouterr().err
