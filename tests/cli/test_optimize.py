"""``rigd optimize``."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rigd.access.directory import users_of
from rigd.cli import optimize
from rigd.core.clock import SystemClock
from rigd.hosts import supervisor
from tests.access.homes import WORDS
from tests.hosts.homes import demo

SMALL = (
    *("--symbols", "FB", "--lookback", "20"),
    *("--levels", "STRAT_OPEN_BUFFER=0.001,0.004", "--levels", "MAX_RISK_PER_TRADE=0.008"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the demo."""
    return demo(tmp_path_factory.mktemp("home"))


def test_a_study_is_run_and_judged(rigd, home) -> None:
    """INVENTORY O1: trials, verdict with each rule, and what to do next; nothing is proposed."""
    said = rigd(home, "optimize", *SMALL)
    assert said.code == 0, said.err
    for text in ("daily real, intraday synthetic", "10 trials (10 ever made on it)"):
        assert text in said.out
    for text in ("chosen: STRAT_OPEN_BUFFER=", "deflated Sharpe ratio", "approvable", "next: "):
        assert text in said.out
    assert not (home.env / "env_bot.versioned").exists()


def test_a_study_is_told_to_programs_and_proposed(rigd, home) -> None:
    """The same study again as JSON; its proposal waits, and changes nothing."""
    said = rigd(home, "optimize", *SMALL, "--json")
    assert json.loads(said.out)["register"]["trials"] == 10
    said = rigd(home, "optimize", *SMALL, "--propose", "--user", "ada")
    assert "proposal 1 by ada: nothing is changed before another person approves" in said.out
    listed = json.loads(rigd(home, "proposal", "list", "--json").out)["proposals"]
    assert [(each["status"], each["proposed_by"]) for each in listed] == [("proposed", "ada")]


def test_whoever_proposes_is_asked_before_the_search(rigd, tmp_path, monkeypatch) -> None:
    """O8: in a home with users for their password; a wrong one starts no study."""
    monkeypatch.setattr("rigd.access.passwords.COST", 4)
    home = demo(tmp_path)
    with users_of(home, SystemClock()) as users:
        users.register(users.offer_registration(), "ada", WORDS)
    searched: list[object] = []
    proposed: list[object] = []

    def search(*_, **__):
        searched.append("a study")
        return {"approvable": True}

    def propose(_bot, _study, user, _clock, *, verified):
        proposed.append((user, verified))
        return SimpleNamespace(version=1)

    monkeypatch.setattr(optimize, "run_study", search)
    monkeypatch.setattr(optimize, "propose", propose)
    for password, code, studies in (("a guess", 1, 0), (WORDS, 0, 1)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
        said = rigd(home, "optimize", *SMALL, "--json", "--propose", "--user", "ada")
        assert (said.code, len(searched)) == (code, studies), said.err
    assert proposed == [("ada", True)]


def test_an_interrupt_says_how_to_go_on(rigd, home, monkeypatch) -> None:
    """Ctrl-C ends with exit code 7; the same command goes on."""

    def cut(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(optimize, "run_study", cut)
    said = rigd(home, "optimize", *SMALL)
    assert said.code == 7
    assert "goes on where it stopped" in said.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--strategy", "night"), "open, mid, close"),
        (("--end", "yesterday"), "YYYY-MM-DD"),
        (("--levels", "STRAT_MID_VWAP_THRESHOLD=1"), "must be one of STRAT_OPEN_BUFFER"),
        (("--objectives", "luck"), "sharpe, gain, drawdown"),
    ],
)
def test_wrong_options_are_refused(rigd, home, options, told: str) -> None:
    """Exit code 2 with what would be right."""
    said = rigd(home, "optimize", *options)
    assert said.code == 2
    assert told in said.err


def test_an_unknown_parameter_of_the_notebook_is_refused_before_it_runs(
    rigd, home, monkeypatch
) -> None:
    """A typing error names the nearest parameter, and nothing is started."""
    monkeypatch.setattr(supervisor, "run_notebook", lambda *_, **__: pytest.fail("started"))
    said = rigd(home, "optimize", "--notebook", "-p", "stratgy=mid")
    assert said.code == 2
    assert "did you mean 'strategy'?" in said.err
    said = rigd(home, "optimize", "--notebook", "-p", "seed=one")
    assert "seed must be a whole number" in said.err


def test_the_notebook_is_given_its_parameters(rigd, home, monkeypatch) -> None:
    """Numbers as numbers, text as text, and the home."""
    jobs = []

    def ran(job, *_, **__):
        jobs.append(job)
        return 0, ""

    monkeypatch.setattr(supervisor, "run_notebook", ran)
    said = rigd(home, "optimize", "--notebook", "-p", "seed=3", "-p", "strategy=mid")
    assert said.code == 0, said.err
    assert jobs[0].parameters == {"seed": 3, "strategy": "mid", "home": str(home.root)}
    rigd(home, "optimize", *SMALL, "--notebook", "--propose", "--user", "ada", "-p", "symbols=IBM")
    assert jobs[1].parameters == {
        "symbols": "IBM",
        "lookback_days": 20,
        "levels": "STRAT_OPEN_BUFFER=0.001,0.004; MAX_RISK_PER_TRADE=0.008",
        "propose_as": "ada",
        "home": str(home.root),
    }
    assert jobs[0].output.startswith(str(home.backtest_results))


def test_a_timer_runs_what_is_due_once(rigd, home, monkeypatch) -> None:
    """Each strategy's study once; the second call has nothing to do and ends well."""

    def ran(job, *_, **__):
        Path(job.output).write_text("{}", encoding="utf-8")
        return 0, ""

    monkeypatch.setattr(supervisor, "run_notebook", ran)
    said = rigd(home, "optimize", "--scheduled")
    assert said.code == 0, said.err
    assert said.out.count("executed: ") == 3
    said = rigd(home, "optimize", "--scheduled")
    assert (said.code, "was made" in said.out) == (0, True)
