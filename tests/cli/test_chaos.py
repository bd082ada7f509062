"""``rigd chaos``: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rigd.cli import chaos
from rigd.core.errors import ExitCode
from rigd.hosts.simulate.mutants import MUTANTS
from rigd.hosts.simulate.runner import run_seed
from rigd.hosts.simulate.swarm import Profile


def request(**choices: object) -> chaos.Request:
    values: dict[str, object] = {
        "seeds": 3,
        "start": 0,
        "seed": -1,
        "jobs": 1,
        "profile": "calm",
        "minutes": 60,
        "trace": None,
        "shrinks": False,
        "mutants": False,
        "json_file": None,
    }
    return chaos.Request(**(values | choices))


def test_seeds_that_hold_end_with_0_and_figures(rigd, tmp_path) -> None:
    """Seeds, violations, speed, and how often each fault happened."""
    file = tmp_path / "out.json"
    said = rigd(
        tmp_path, "chaos", "--seeds", "3", "--jobs", "1", "--profile", "lite", "--json", str(file)
    )
    assert said.code == 0
    assert "3 seeds, 0 violations" in said.out
    assert "sessions/s" in said.out
    document = json.loads(file.read_text())
    assert (document["seeds"], document["violations"], document["not_tried"]) == (3, [], [])
    assert len(document["faults"]) > 50


def test_a_seed_that_fails_prints_the_command_that_replays_it(capsys) -> None:
    """FAULTS §5.1: seed, code, invariant, instant and what to type."""
    bug = next(mutant for mutant in MUTANTS if mutant.name == "intent not synced before send")
    with bug.planted():
        code = chaos.run(request(seeds=1, start=0, minutes=400))
        assert chaos.run(request(seed=0, minutes=400)) == ExitCode.ERROR
        assert chaos.run(request(seed=0, minutes=400, shrinks=True)) == ExitCode.ERROR
    told = capsys.readouterr().out
    assert code == ExitCode.ERROR
    assert f"seed=0 commit={chaos.code_digest()} invariant=I-01 at t=" in told
    assert "reproduce: rigd chaos --seed 0 --profile calm" in told
    assert "left after" in told
    assert "no fault at all" in told


def test_one_seed_prints_its_hash_and_writes_its_trace(tmp_path, capsys) -> None:
    """The same hash as the run among many; one line an event."""
    file = tmp_path / "t.txt"
    assert chaos.run(request(seed=2, trace=file)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["trace"] == run_seed(2, Profile.CALM, 60).digest
    assert len(file.read_text().splitlines()) == told["events"]
    assert told["violation"] is None


def test_a_seed_that_holds_has_nothing_to_shrink(capsys) -> None:
    """It says so and ends with 0."""
    assert chaos.run(request(seed=2, shrinks=True)) == 0
    assert "violates nothing" in capsys.readouterr().out


def test_planted_bugs_are_hunted_and_a_missed_one_is_a_failure(monkeypatch, capsys) -> None:
    """Each is found or missed; those that something else shows are named."""
    found = next(mutant for mutant in MUTANTS if mutant.name == "journal after send")
    harmless = type(found)(
        name="harmless", owner=found.owner, attribute=found.attribute, bug=lambda right: right
    )
    monkeypatch.setattr(chaos.mutants, "MUTANTS", (found, harmless))
    hunt = chaos.mutants.hunt
    monkeypatch.setattr(chaos.mutants, "hunt", lambda mutant: hunt(mutant, 2))
    assert chaos.run(request(mutants=True)) == ExitCode.ERROR
    told = capsys.readouterr().out
    assert "found      journal after send: I-01" in told
    assert "MISSED     harmless: 2 seeds" in told
    assert "1 of 2 planted bugs found" in told
    assert "elsewhere  lockf instead of flock" in told


@pytest.mark.parametrize(
    "arguments", [("--profile", "wild"), ("--seeds", "0"), ("--minutes", "0"), ("--jobs", "-1")]
)
def test_an_option_that_makes_no_sense_is_refused(rigd, tmp_path, arguments) -> None:
    """Bad input, before anything runs."""
    assert rigd(tmp_path, "chaos", *arguments).code == ExitCode.BAD_INPUT


def test_the_code_is_named_by_its_files() -> None:
    """Twelve characters of a digest."""
    assert len(chaos.code_digest()) == 12
    assert Path(chaos.__file__).name == "chaos.py"
