from __future__ import annotations

import json
from pathlib import Path

import pytest

from rigd.config.sources import checkout
from rigd.core.errors import ConfigError
from rigd.hosts import notebook, supervisor
from rigd.store.paths import Home

ALL = sorted(path.stem for path in (checkout() / "notebooks").glob("*.ipynb"))


@pytest.fixture
def jobs(monkeypatch) -> list:
    """What would be run, without a process; the executed copy is written."""
    asked: list = []

    def run_notebook(job, _variables, **_options) -> tuple[int, str]:
        asked.append(job)
        Path(job.output).write_text("{}", encoding="utf-8")
        return 0, ""

    monkeypatch.setattr(supervisor, "run_notebook", run_notebook)
    return asked


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_parameter_is_refused_before_any_run(tmp_path, jobs, name) -> None:
    """For every notebook: nothing is started and nothing written, and the known ones are named."""
    with pytest.raises(ConfigError, match=f"declared in notebooks/{name}.ipynb, was nonsense"):
        notebook.run_named(Home(tmp_path), name, [("nonsense", "1")])
    assert jobs == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ALL)
def test_a_misspelt_parameter_is_corrected(name) -> None:
    """One letter too many in a declared name, and that name is offered."""
    path = notebook.find(name)
    declared = next(iter(notebook.parameters_cell(json.loads(path.read_text(encoding="utf-8")))))
    with pytest.raises(ConfigError, match=rf"did you mean {declared}\?"):
        notebook.values_of(path, [(f"{declared}x", "1")])


def test_a_run_leaves_a_copy_of_its_own(tmp_path, jobs) -> None:
    """Numbered, in runs/research; values have the kind of their defaults."""
    home = Home(tmp_path)
    pairs = [("launched", "false"), ("home", str(tmp_path))]
    first = notebook.run_named(home, "notebooks/session.ipynb", pairs)
    second = notebook.run_named(home, "session", [])
    assert [first.name, second.name] == ["session-1.ipynb", "session-2.ipynb"]
    assert first.parent == tmp_path / "runs" / "research"
    assert jobs[0].parameters == {"launched": False, "home": str(tmp_path)}


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [(True, "False", False), (1, "7", 7), (1.5, "2", 2.0), ("a", "7", "7"), (None, "x", "x")],
)
def test_a_value_has_the_kind_of_its_default(default, text, value) -> None:
    """Text stays text, a number becomes one, a switch is true or false."""
    found = notebook._value("a", text, default)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("default", "text"), [(True, "1"), (1, "many"), (1.5, "x")])
def test_a_value_of_another_kind_is_refused(default, text) -> None:
    """Before a kernel would fail on it."""
    with pytest.raises(ConfigError, match=f"a must be .*{text}"):
        notebook._value("a", text, default)


def test_a_notebook_must_be_there() -> None:
    """The nearest one is named."""
    with pytest.raises(ConfigError, match=r"did you mean review\?"):
        notebook.find("reveiw")


def test_a_run_that_fails_is_an_error(tmp_path, monkeypatch) -> None:
    """The last line of what papermill said is told."""
    monkeypatch.setattr(supervisor, "run_notebook", lambda *_, **__: (1, "a\nwent wrong\n"))
    with pytest.raises(ConfigError, match="ended with 1: went wrong"):
        notebook.run_named(Home(tmp_path), "review", [])
