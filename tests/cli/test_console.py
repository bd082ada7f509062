from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from rigd.cli import console
from rigd.core.errors import ConfigError
from rigd.store.paths import Home
from tests.hosts.homes import demo


def test_lines_end_once(capsys) -> None:
    """A text with or without a line end is one line."""
    console.say("a")
    console.say("b\n")
    console.say_next("c", "d")
    assert capsys.readouterr().out == "a\nb\nnext: c; d\n"


def test_json_is_sorted_and_takes_odd_values(capsys) -> None:
    """Dates and paths become text."""
    console.say_json({"b": date(2013, 10, 7), "a": Path("x")})
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": "x", "b": "2013-10-07"}
    assert out.index('"a"') < out.index('"b"')


def test_the_home_is_rigd_home(monkeypatch, tmp_path) -> None:
    """RIGD_HOME, absolute; without it the checkout."""
    monkeypatch.setenv("RIGD_HOME", str(tmp_path))
    assert console.open_home() == Home(tmp_path)
    monkeypatch.delenv("RIGD_HOME")
    assert (console.open_home().root / "VERSION.md").is_file()


def test_a_bot_is_opened_or_asked_for(tmp_path) -> None:
    """An empty home names the command that makes one."""
    with pytest.raises(ConfigError, match="must hold a bot") as caught:
        console.open_bot_of(Home(tmp_path))
    assert "rigd session" in caught.value.fix
    assert str(console.open_bot_of(demo(tmp_path)).identity) == "RIGD_USA_SIM_01"
