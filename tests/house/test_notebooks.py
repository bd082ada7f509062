"""Committed notebooks are thin hosts with small outputs."""

from __future__ import annotations

import ast
import json

import pytest

from tests.house.tree import ROOT, repository_files, text

NOTEBOOKS = [name for name in repository_files() if name.endswith(".ipynb")]
MOST_BYTES = 200_000
IGNORED = "nbval-ignore-output"
HELPER_LINES = 10
"""A display helper is at most so long."""


def cells(name: str) -> list[dict[str, object]]:
    """The code cells of a notebook."""
    return [cell for cell in json.loads(text(name))["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, object]) -> str:
    """The source of a cell."""
    lines = cell["source"]
    return lines if isinstance(lines, str) else "".join(lines)


def tags(cell: dict[str, object]) -> list[str]:
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])


def python(cell: dict[str, object]) -> ast.Module:
    """The syntax tree of a cell, without lines that IPython alone knows."""
    lines = source(cell).splitlines()
    return ast.parse("\n".join(line for line in lines if not line.startswith(("%", "!"))))


def test_there_is_a_session_notebook() -> None:
    """The notebook that hosts a session is committed."""
    assert "notebooks/session.ipynb" in NOTEBOOKS


def test_notebooks_lie_in_their_folder() -> None:
    """No notebook lies outside notebooks/; executed copies stay in runs/."""
    assert [name for name in NOTEBOOKS if not name.startswith("notebooks/")] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_holds_no_logic(name: str) -> None:
    """No class, and no function beyond a display helper of a few lines (J3)."""
    for cell in cells(name):
        for node in ast.walk(python(cell)):
            assert not isinstance(node, ast.ClassDef), source(cell)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < HELPER_LINES, source(cell)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_takes_parameters_and_was_given_none(name: str) -> None:
    """One cell is tagged parameters, and no injected cell was committed."""
    found = [tag for cell in cells(name) for tag in tags(cell)]
    assert found.count("parameters") == 1
    assert "injected-parameters" not in found
    assert "papermill" not in json.loads(text(name))["metadata"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_was_executed_in_order(name: str) -> None:
    """Each compared code cell was executed, top to bottom: a stripped notebook checks nothing."""
    counts = [cell["execution_count"] for cell in cells(name) if IGNORED not in tags(cell)]
    assert None not in counts, "run `make notebooks`"
    assert counts == sorted(counts)
    assert any(cell["outputs"] for cell in cells(name)), "no output to compare"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_stores_no_error(name: str) -> None:
    """No committed output is an error or a warning."""
    for cell in cells(name):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", source(cell)
            assert output.get("name") != "stderr", source(cell)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small_and_has_fixed_marks(name: str) -> None:
    """Under 200 KB, named cells, no execution times, no widget state, nothing in ignored cells."""
    assert (ROOT / name).stat().st_size < MOST_BYTES
    notebook = json.loads(text(name))
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    assert "widgets" not in notebook["metadata"]
    for cell in cells(name):
        assert "execution" not in cell["metadata"]
        if IGNORED in tags(cell):
            assert cell["outputs"] == []


def test_the_session_notebook_names_its_kernel() -> None:
    """The kernelspec is rigd-bot, and its spec keeps the kernel alive without its parent (J2)."""
    notebook = json.loads(text("notebooks/session.ipynb"))
    assert notebook["metadata"]["kernelspec"]["name"] == "rigd-bot"
    spec = json.loads(text("env/jupyter/kernels/rigd-bot/kernel.json"))
    assert "--IPKernelApp.parent_handle=0" in spec["argv"]
