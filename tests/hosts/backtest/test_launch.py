"""A backtest in a notebook by papermill: its parameters, its folder, and what it refuses."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts import supervisor
from rigd.hosts.backtest import launch
from rigd.hosts.backtest.request import BacktestRequest
from rigd.hosts.runner import Job, declared_parameters, execute
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.hosts.backtest.papermill import NOTEBOOK, Stand, defaults

REQUEST = BacktestRequest(
    strategy="open",
    start=date(2012, 11, 12),
    end=date(2012, 11, 13),
    symbols=("FB",),
    overrides=(("MAX_TRADES", "1"), ("WEIGHTS", "1")),
)


@pytest.fixture
def stand(monkeypatch) -> Stand:
    """In the place of papermill."""
    there = Stand()
    monkeypatch.setattr(supervisor, "run_notebook", there)
    return there


def test_a_run_has_its_own_folder(tmp_path, stand) -> None:
    """Executed copy and files lie together, named by the instant; the next one has another name."""
    home, clock = Home(tmp_path), FakeClock()
    first = launch.run(home, REQUEST, clock)
    again = launch.run(home, REQUEST, clock)
    assert first.folder.parent == tmp_path / "runs" / "backtest_results" / "runs"
    assert (first.folder.name, again.folder.name) == (
        "20240304T140000Z",
        "20240304T140000Z_2",
    )
    assert first.notebook.exists()
    assert first.summary["strategy"] == "open"
    assert first.summary["overrides"] == {"MAX_TRADES": "1", "WEIGHTS": "1"}
    assert stand.jobs[0].parameters["changes"] == "MAX_TRADES=1; WEIGHTS=1"


def test_wrong_settings_are_refused_before_anything_runs(tmp_path, stand) -> None:
    """A misspelt key names the nearest, and no process is started and no folder made."""
    wrong = BacktestRequest(overrides=(("MAX_TRADS", "1"),))
    with pytest.raises(ConfigError, match="did you mean MAX_TRADES"):
        launch.run(Home(tmp_path), wrong, FakeClock())
    assert stand.jobs == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("stand")
def test_a_notebook_that_fails_says_why(tmp_path) -> None:
    """The last line that it printed is told, and where the executed part lies."""
    late = BacktestRequest(start=date(2020, 1, 2), end=date(2020, 1, 3))
    with pytest.raises(ConfigError, match="no session from 2020-01-02") as refused:
        launch.run(Home(tmp_path), late, FakeClock())
    assert "backtest.ipynb" in refused.value.fix


def test_every_parameter_is_declared_and_an_unknown_one_refused(tmp_path) -> None:
    """The notebook declares what is handed over; another name is refused before it runs (J5)."""
    given = launch.parameters_of(Home(tmp_path), REQUEST, "s", "")
    assert given.keys() <= defaults().keys()
    job = Job(
        notebook=str(NOTEBOOK),
        output=str(tmp_path / "out.ipynb"),
        folder=str(tmp_path),
        parameters={**given, "strategi": "open"},
    )
    with pytest.raises(ConfigError, match="strategi"):
        execute(job)
    assert not (tmp_path / "out.ipynb").exists()
    assert declared_parameters({"cells": [{"metadata": {"tags": ["parameters"]}, "source": "a=1"}]})
