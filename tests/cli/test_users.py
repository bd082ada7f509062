"""rigd users: at the console of the machine."""

from __future__ import annotations

import io
import json
import sys

import pytest

from rigd.core.errors import ExitCode
from tests.access.homes import WORDS

OTHER = "quite another sentence entirely"


@pytest.fixture
def typed(rigd, tmp_path, monkeypatch):
    """Run a command with a password in a pipe."""

    def run(*arguments: str, password: str = WORDS):
        monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
        return rigd(tmp_path, "users", *arguments)

    return run


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    """bcrypt at its lowest cost."""
    monkeypatch.setattr("rigd.access.passwords.COST", 4)


def test_the_first_user_is_an_admin_and_then_others_follow(typed, tmp_path) -> None:
    """W6 at the console; every change has its row in the logs of access."""
    said = typed("list")
    assert "no users yet" in said.out
    assert typed("add", "bob").code == ExitCode.BAD_INPUT
    assert typed("add", "ada", "--role", "admin").code == 0
    assert typed("add", "bob").code == 0
    assert typed("role", "bob", "operator").code == 0
    assert typed("disable", "bob").code == 0
    listed = json.loads(typed("list", "--json").out)
    assert [(u["name"], u["role"], u["enabled"]) for u in listed] == [
        ("ada", "admin", True),
        ("bob", "operator", False),
    ]
    assert typed("enable", "bob").code == 0
    assert typed("password", "bob", password=OTHER).code == 0
    assert typed("remove", "bob").code == 0
    lines = (tmp_path / "runs/logs/system_users.log").read_text().splitlines()
    rows = [json.loads(line)["event"] for line in lines]
    assert rows == ["registered", "added", "removed"]
    assert (tmp_path / "env/databases/SYSTEM_USERS.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "Ada", "--role", "admin"), ExitCode.BAD_INPUT, "a-z"),
        (("add", "bob", "--role", "king"), ExitCode.BAD_INPUT, "viewer, auditor, operator, admin"),
        (("role", "eve", "viewer"), ExitCode.ERROR, "no user 'eve'"),
        (("remove", "eve"), ExitCode.ERROR, "no user 'eve'"),
    ],
)
def test_what_cannot_be_done_is_told(typed, arguments, code, said) -> None:
    """With what to do instead, and nothing was changed."""
    if arguments[0] != "add" or arguments[1] == "bob":
        typed("add", "ada", "--role", "admin")
    ended = typed(*arguments)
    assert (ended.code, said in ended.err) == (code, True), ended.err
