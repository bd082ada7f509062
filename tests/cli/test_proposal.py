"""``rigd proposal``."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.access.users import ACCOUNT_TRIES
from rigd.core.clock import SystemClock
from rigd.store.registry import Registry
from tests.access.homes import WORDS
from tests.cli.test_optimize import SMALL
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo
from tests.hosts.up.test_authority import propose


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the demo; the tests of this module follow one another on it."""
    return demo(tmp_path_factory.mktemp("home"))


def test_without_proposals_it_says_so(rigd, home) -> None:
    """Nothing was proposed, and how to do it."""
    said = rigd(home, "proposal", "list")
    assert (said.code, said.out.splitlines()[0]) == (0, "no proposal yet")


def test_a_proposal_is_listed_shown_and_refused(rigd, home) -> None:
    """Proposed by ada on too few days: bob may look at it and cannot approve it."""
    rigd(home, "optimize", *SMALL, "--propose", "--user", "ada")
    listed = rigd(home, "proposal", "list").out
    assert "proposal 1 of open: proposed [not approvable], by ada (unverified)" in listed
    shown = rigd(home, "proposal", "show", "1").out
    for text in (
        "TRAIL_PCT_OPEN: (blank) -> ",
        "NO   deflated Sharpe ratio",
        "proposed by ada (unverified)",
    ):
        assert text in shown
    refused = rigd(home, "proposal", "approve", "1", "--user", "bob", "--reason", "looks good")
    assert refused.code == 2
    assert "is not approvable" in refused.err


def test_the_proposer_is_refused(rigd, home) -> None:
    """Equal names are refused, before anything else is looked at."""
    said = rigd(home, "proposal", "approve", "1", "--user", "Ada", "--reason", "mine")
    assert said.code == 1
    assert "another person than the proposer" in said.err


def test_without_approval_nothing_is_activated_or_undone(rigd, home) -> None:
    """Both name where the proposal stands."""
    for command in (("activate", "1"), ("rollback", "1", "--reason", "x")):
        said = rigd(home, "proposal", *command, "--user", "bob")
        assert said.code == 2
        assert "is proposed and cannot be" in said.err


def test_a_rejection_stays(rigd, home) -> None:
    """Rejected by bob with his reason; told to programs with its history."""
    said = rigd(home, "proposal", "reject", "1", "--user", "bob", "--reason", "too few days")
    assert "rejected" in said.out
    told = json.loads(rigd(home, "proposal", "show", "1", "--json").out)
    assert [row["action"] for row in told["history"]] == ["proposed", "rejected"]
    assert told["unverified"] == ["proposed", "rejected"]
    assert told["history"][1]["reason"] == "too few days"
    assert told["content"]["version"] == 1
    assert not home.users.exists()


@pytest.fixture
def staffed(tmp_path, monkeypatch):
    """A home with the proposal of a name alone, and with users of whom dan is disabled."""
    monkeypatch.setattr("rigd.access.passwords.COST", 4)
    home = demo(tmp_path)
    propose(SimpleNamespace(home=home, clock=FakeClock()), monkeypatch)
    with users_of(home, SystemClock()) as users:
        users.register(users.offer_registration(), "ada", WORDS)
        users.add("bob", Role.OPERATOR, WORDS, by="ada")
        users.add("vic", Role.VIEWER, WORDS, by="ada")
        users.add("dan", Role.OPERATOR, WORDS, by="ada")
        users.set_enabled("dan", enabled=False, by="ada")
    return home


@pytest.fixture
def typed(rigd, staffed, monkeypatch):
    """Run `rigd proposal` for version 1 with a password in a pipe."""

    def run(command: str, user: str, password: str = WORDS):
        monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
        why = () if command == "activate" else ("--reason", "looked at it")
        return rigd(staffed, "proposal", command, "1", "--user", user, *why)

    return run


def rows_of(home, name: str) -> list[dict]:
    return [json.loads(line) for line in (home.logs / name).read_text().splitlines()]


def test_a_proven_operator_approves_and_another_activates(typed, staffed, rigd) -> None:
    """O8, GP11: each step is a person's with their password; the whole way, and back."""
    before = bot_of(staffed).settings
    said = typed("approve", "bob")
    assert said.code == 0, said.err
    assert "by quant (unverified), approved by bob, hash" in said.out
    assert typed("activate", "bob").code == 1
    assert bot_of(staffed).settings == before
    assert typed("activate", "ada").code == 0
    assert bot_of(staffed).settings != before
    assert typed("rollback", "vic").code == 1
    assert bot_of(staffed).settings != before
    assert typed("rollback", "bob").code == 0
    assert bot_of(staffed).settings == before
    told = json.loads(rigd(staffed, "proposal", "show", "1", "--json").out)
    assert told["unverified"] == ["proposed"]
    with users_of(staffed, SystemClock()) as users:
        assert users._db.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


@pytest.mark.parametrize(
    ("user", "password", "log", "event"),
    [
        ("bob", "not the password", "auth_web.log", "login_refused"),
        ("bob", "", "auth_web.log", "login_refused"),
        ("dan", WORDS, "auth_web.log", "login_refused"),
        ("eve", WORDS, "auth_web.log", "login_refused"),
        ("vic", WORDS, "user_activity_monitoring.log", "refused"),
    ],
)
def test_whoever_is_not_proven_or_may_not_changes_nothing(
    typed, staffed, user, password, log, event
) -> None:
    """Wrong password, disabled, unknown, viewer: refused with a row, and the log stays as it is."""
    path = Registry(staffed, bot_of(staffed).identity).path("proposals.log")
    before = path.read_bytes()
    for command in ("approve", "reject"):
        assert typed(command, user, password).code == 1
    assert path.read_bytes() == before
    assert [row["event"] for row in rows_of(staffed, log)].count(event) == 2


def test_guesses_lock_the_approver_out(typed) -> None:
    """S05: the tries at the console are counted as those at the panel."""
    for _ in range(ACCOUNT_TRIES):
        assert typed("approve", "bob", "a guess").code == 1
    said = typed("approve", "bob")
    assert (said.code, "too many attempts" in said.err) == (1, True)
