from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path

import pytest

from rigd.access.roles import Action
from rigd.cli import console
from rigd.core.errors import ConfigError
from rigd.store.paths import Home
from tests.access.homes import WORDS
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


def test_a_password_is_asked_for_at_a_terminal(monkeypatch) -> None:
    """Without an echo: a new one twice, and again when mistyped; one to prove a name once."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return next(words)

    monkeypatch.setattr(console.getpass, "getpass", answer)
    monkeypatch.setattr(sys, "stdin", Terminal())
    words = iter([WORDS, "another"])
    with pytest.raises(ConfigError, match="they differ"):
        console.read_password(new=True)
    words = iter([WORDS, WORDS])
    assert console.read_password(new=True) == WORDS
    asked.clear()
    words = iter([WORDS])
    assert console.read_password(whose="bob") == WORDS
    assert asked == ["password of bob: "]


def test_without_users_a_name_is_not_proven(monkeypatch, tmp_path) -> None:
    """Nothing is asked, and no database of users is made by asking."""
    monkeypatch.setattr(sys, "stdin", None)
    assert console.proved(Home(tmp_path), "ada", Action.PROPOSE) == ("ada", False)
    assert not Home(tmp_path).users.exists()
