from __future__ import annotations

import json
import sys
import types
from importlib import import_module
from pathlib import Path

import pytest

from rigd.config.sources import checkout
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import runner
from rigd.hosts.runner import Job, declared_parameters, main


def notebook(*sources: str | list[str], tag: str = "parameters") -> dict:
    return {
        "cells": [
            {"cell_type": "code", "metadata": {"tags": [tag]}, "source": source}
            for source in sources
        ]
    }


@pytest.fixture
def papermill(monkeypatch) -> list[tuple]:
    """Papermill's door, without papermill: what it was asked to run."""
    asked: list[tuple] = []
    module = types.ModuleType("papermill")
    module.execute_notebook = lambda *names, **options: asked.append((names, options))
    reading = types.ModuleType("papermill.iorw")
    reading.load_notebook_node = lambda path: json.loads(Path(path).read_text(encoding="utf-8"))
    monkeypatch.setitem(sys.modules, "papermill", module)
    monkeypatch.setitem(sys.modules, "papermill.iorw", reading)
    return asked


def job(tmp_path, **parameters) -> Job:
    source = tmp_path / "session.ipynb"
    source.write_text(json.dumps(notebook('home = ""\nspeed = 0')))
    return Job(
        notebook=str(source),
        output=str(tmp_path / "out.ipynb"),
        folder=str(tmp_path),
        parameters=parameters,
    )


def test_the_parameters_cell_declares_its_names() -> None:
    """Simple assignments count, as text or as a list of lines; comments do not."""
    assert declared_parameters(notebook('home = ""  # where\nspeed = 0')) == {"home", "speed"}
    assert declared_parameters(notebook(["home = 1\n", "# speed = 2\n"])) == {"home"}
    assert declared_parameters(notebook("a.b = 1\nc[0] = 2\nd: int = 3\nimport e")) == set()


@pytest.mark.parametrize("cells", [(), ("a = 1", "b = 2")])
def test_there_is_exactly_one_parameters_cell(cells) -> None:
    """None or two are refused: nobody would know which one counts."""
    with pytest.raises(ConfigError, match=f"exactly one parameters cell, found {len(cells)}"):
        declared_parameters(notebook(*cells))
    with pytest.raises(ConfigError, match="found 0"):
        declared_parameters(notebook("a = 1", tag="other"))


def test_the_session_notebook_declares_what_the_launcher_hands_over() -> None:
    """Home, request and whether it was launched: no more, no less."""
    path = checkout() / "notebooks" / "session.ipynb"
    declared = declared_parameters(json.loads(path.read_text(encoding="utf-8")))
    assert declared == {"home", "request", "launched"}


def test_a_declared_job_is_executed_as_it_stands(tmp_path, papermill) -> None:
    """The kernel is ours, it runs in the session's folder, and its sockets are files."""
    runner.execute(job(tmp_path, home="x", speed=2))
    ((names, options),) = papermill
    assert names == (str(tmp_path / "session.ipynb"), str(tmp_path / "out.ipynb"))
    assert options["parameters"] == {"home": "x", "speed": 2}
    assert (options["kernel_name"], options["cwd"]) == ("rigd-bot", str(tmp_path))
    assert options["config"]["KernelManager"]["transport"] == "ipc"
    assert "execution_timeout" not in options


HOSTILE = (
    "homes",
    "__import__('os').system('true') #",
    "home; import os",
    "home\nimport os",
    "home = 1\nx",
    "",
    "class",
    "__builtins__",
    "a.b",
    "speed ",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_an_undeclared_parameter_is_refused(tmp_path, papermill, name) -> None:
    """Papermill would inject the name as code; nothing is run."""
    with pytest.raises(ConfigError, match="parameters must be declared"):
        runner.execute(job(tmp_path, home="x", **{name: "1"}))
    assert papermill == []


def test_a_job_comes_as_one_argument(tmp_path, papermill, capsys) -> None:
    """Exit code 0 when it ran; 2 with the reason on standard error when it was refused."""
    assert main([job(tmp_path, home="x").to_json()]) == ExitCode.OK
    assert len(papermill) == 1
    assert main([job(tmp_path, other="x").to_json()]) == ExitCode.BAD_INPUT
    assert "was other" in capsys.readouterr().err
    assert len(papermill) == 1


def test_a_job_survives_its_text(tmp_path) -> None:
    """Quotes, newlines and other scripts in a value come back as they were."""
    asked = job(tmp_path, home="a'b\"c\\d\ne ü")
    assert Job(**json.loads(asked.to_json())) == asked


def test_the_grammar_of_addresses_is_left_out(monkeypatch) -> None:
    """Importing it takes a second and no notebook needs it; one that was imported stays (W5)."""
    monkeypatch.delitem(sys.modules, "rfc3987_syntax", raising=False)
    runner.skip_grammar()
    with pytest.raises(ImportError):
        import_module("rfc3987_syntax")
    loaded = types.ModuleType("rfc3987_syntax")
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", loaded)
    runner.skip_grammar()
    assert import_module("rfc3987_syntax") is loaded


@pytest.mark.usefixtures("papermill")
def test_a_refused_run_has_its_exit_code(tmp_path, capsys) -> None:
    """What rigd refuses is told on stderr and sets the exit code, forked or started."""
    assert runner.run(job(tmp_path, home="x")) == 0
    assert runner.run(job(tmp_path, hom="x")) == int(ExitCode.BAD_INPUT)
    assert "hom" in capsys.readouterr().err
