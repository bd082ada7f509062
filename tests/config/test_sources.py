"""Tests of the reader of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.config.sources import checkout, environment, rigd_home


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
