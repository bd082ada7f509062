"""Tests of the reader of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.config.sources import checkout, environment, replace_environment, rigd_home


def test_home_is_the_checkout_unless_named(tmp_path: Path) -> None:
    """RIGD_HOME names the folder; unset or blank means the checkout."""
    assert rigd_home({"RIGD_HOME": str(tmp_path)}) == tmp_path
    assert rigd_home({}) == rigd_home({"RIGD_HOME": " "}) == checkout()
    assert (checkout() / "rigd" / "config" / "sources.py").is_file()


def test_a_relative_home_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative RIGD_HOME counts from the working folder."""
    monkeypatch.chdir(tmp_path)
    assert rigd_home({"RIGD_HOME": "here"}) == tmp_path / "here"


def test_the_environment_is_a_read_only_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read once does not change, and cannot be changed."""
    monkeypatch.setenv("RIGD_HOME", "/somewhere")
    found = environment()
    assert rigd_home() == Path("/somewhere")
    monkeypatch.setenv("RIGD_HOME", "/elsewhere")
    assert found["RIGD_HOME"] == "/somewhere"
    with pytest.raises(TypeError):
        found["RIGD_HOME"] = "x"


def test_an_environment_is_replaced_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has what its run was given, and nothing of its parent's."""
    held: dict[str, str] = {"OLD": "1", "KEPT": "2"}
    monkeypatch.setattr("rigd.config.sources.os.environ", held)
    replace_environment({"KEPT": "3"})
    assert held == {"KEPT": "3"}
