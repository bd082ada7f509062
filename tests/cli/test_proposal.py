"""``rigd proposal``."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_optimize import SMALL
from tests.hosts.homes import demo


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
    assert "proposal 1 of open: proposed [not approvable], by ada" in listed
    shown = rigd(home, "proposal", "show", "1").out
    for text in ("TRAIL_PCT_OPEN: (blank) -> ", "NO   deflated Sharpe ratio", "proposed by ada"):
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
    assert told["history"][1]["reason"] == "too few days"
    assert told["content"]["version"] == 1
