from __future__ import annotations

from contextlib import contextmanager

import pytest

from rigd.cli import lab
from rigd.core.errors import ConfigError
from rigd.hosts import supervisor


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("RIGD_HOME", str(tmp_path))
    return tmp_path


def with_parent(monkeypatch, missing: str, wait=lambda: 0) -> None:
    """Let the supervisor offer a parent that is there or missing."""

    @contextmanager
    def warm_parent(_home, _inherited):
        yield type("Parent", (), {"missing": missing, "pid": 7, "wait": staticmethod(wait)})

    monkeypatch.setattr(supervisor, "warm_parent", warm_parent)


def test_lab_hands_its_options_over(monkeypatch, home, capsys) -> None:
    """The home, the port and whether to open a browser; the exit code is the server's."""
    given = []
    monkeypatch.setattr(
        lab.host, "open_lab", lambda place, _, **options: given.append((place, options)) or 3
    )
    assert lab.lab(port=9999, browser=True) == 3
    ((place, options),) = given
    assert place.root == home
    assert (options["port"], options["browser"]) == (9999, True)
    assert "New backtest" in capsys.readouterr().out


def test_warm_lasts_until_it_is_interrupted(monkeypatch, home, capsys) -> None:
    """Ctrl-C is its normal end."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    with_parent(monkeypatch, "", interrupted)
    assert lab.warm() == 0
    assert f"runs of {home} start from process 7" in capsys.readouterr().out


def test_warm_without_a_parent_is_an_error(monkeypatch) -> None:
    """The reason is the parent's own."""
    with_parent(monkeypatch, "Address already in use")
    with pytest.raises(ConfigError, match="already in use"):
        lab.warm()


def test_run_hands_parameters_over(monkeypatch, home, capsys) -> None:
    """Each -p is one parameter; the executed copy is named."""
    given = []
    monkeypatch.setattr(
        lab.notebook, "run_named", lambda place, *asked: given.append((place.root, *asked)) or home
    )
    assert lab.run("review", ["symbol=SPY"]) == 0
    assert given == [(home, "review", (("symbol", "SPY"),))]
    assert f"executed: {home}" in capsys.readouterr().out
