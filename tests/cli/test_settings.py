from __future__ import annotations

import json

import pytest

from rigd.core.errors import ExitCode
from tests.config.broken_files import ALL, BASE
from tests.hosts.homes import demo, listing


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path / "home")


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_broken_file_is_told_with_every_line(rigd, home, tmp_path, case) -> None:
    """Each problem with file, line and key; exit code 2."""
    path = tmp_path / "broken"
    path.write_bytes(case.text.encode("utf-8"))
    said = rigd(home, "config", "check", str(path))
    assert said.code == ExitCode.BAD_INPUT
    for line, key, words in case.expected:
        where = f"{path}:{line}" if line else str(path)
        assert where in said.err
        assert key in said.err
        assert words in said.err


def test_a_good_file_is_told_to_be_good(rigd, home, tmp_path) -> None:
    """With the number of settings and their digest."""
    path = tmp_path / "good"
    path.write_text(BASE)
    said = rigd(home, "config", "check", str(path))
    assert said.code == 0
    assert f"{path}: valid, " in said.out


def test_a_missing_file_and_one_that_is_no_text(rigd, home, tmp_path) -> None:
    """Both are bad input, not a crash."""
    assert "must exist" in rigd(home, "config", "check", str(tmp_path / "none")).err
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert rigd(home, "config", "check", str(tmp_path / "binary")).code == ExitCode.BAD_INPUT
    assert rigd(home, "config", "check", str(tmp_path)).code == ExitCode.BAD_INPUT


def test_the_bots_own_settings_are_shown(rigd, home) -> None:
    """Identity, profile, source and every key; nothing secret, nothing written."""
    before = listing(home.root)
    said = rigd(home, "config", "show")
    assert said.out.splitlines()[0] == "RIGD_USA_SIM_01 [TEST] from env/.env_bot.enc"
    assert "MAX_ORDER_NOTIONAL" in said.out
    key = (home.env / "keys" / "env.key").read_text().strip()
    assert key not in said.out
    shown = json.loads(rigd(home, "config", "show", "--json").out)
    assert shown["source"] == "env/.env_bot.enc"
    assert shown["settings"]["BROKER_CODE"] == "SIM"
    assert rigd(home, "config", "check").out.startswith("env/.env_bot.enc: valid")
    assert listing(home.root) == before


def test_settings_are_changed_on_the_command_line(rigd, home) -> None:
    """Keys that belong together in one command; old and new are shown, and what comes next."""
    said = rigd(home, "config", "set", "MAX_TRADES=1", "WEIGHTS=1", "--reason", "a quiet day")
    assert said.code == 0
    assert "MAX_TRADES: 4 -> 1" in said.out
    assert "generation 2" in said.out
    assert "next: rigd config show" in said.out
    shown = json.loads(rigd(home, "config", "show", "--json").out)
    assert shown["settings"]["MAX_TRADES"] == "1"
    assert "nothing to change" in rigd(home, "config", "set", "MAX_TRADES=1").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("MAX_TRADES=1",), "WEIGHTS"),
        (("MAX_TRADES",), "expected KEY=VALUE"),
        (("MAX_PRICE=1", "MAX_PRICE=2"), "must be set once"),
    ],
)
def test_a_change_that_is_not_valid_exits_with_2(rigd, home, arguments, told) -> None:
    """Bad input: told on standard error, and not one byte of the home differs."""
    before = listing(home.env)
    said = rigd(home, "config", "set", *arguments)
    assert said.code == ExitCode.BAD_INPUT
    assert told in said.err
    assert listing(home.env) == before
