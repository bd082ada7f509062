"""nbval on each committed notebook can fail: something changed, and it does (JUPYTER §4)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from rigd.config.sources import checkout
from rigd.hosts.request import SessionRequest
from rigd.hosts.runner import parameters_cell
from rigd.market.sample import SAMPLE_SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

NOTEBOOKS = sorted(path.name for path in (checkout() / "notebooks").glob("*.ipynb"))
PANEL = [
    name
    for name in NOTEBOOKS
    if "import pages, panel" in (checkout() / "notebooks" / name).read_text(encoding="utf-8")
]
"""The control panel and its deep links: Voila runs them, they compute nothing."""
RUNS = [name for name in NOTEBOOKS if name not in PANEL]
IGNORED = "nbval-ignore-output"
ANOTHER_DRAW = SessionRequest(
    overrides=(("SIMULATION_SEED", "2"), ("SLIPPAGE_STDDEV_PCT", "0.001"))
)
CHANGES: dict[str, tuple[str, object]] = {
    "session.ipynb": ("request", ANOTHER_DRAW.to_json()),
    "review.ipynb": ("symbol", SAMPLE_SYMBOLS[-1]),
    "backtest.ipynb": ("strategy", "open"),
    "optimize.ipynb": ("strategy", "mid"),
    "sweep.ipynb": ("by", "drawdown"),
    "operating.ipynb": ("config", "/nowhere"),
    "tune.ipynb": ("home", "/nowhere"),
}
"""The parameter that is changed, and to what; a notebook that declares a seed needs no line."""


def changed_parameter(name: str) -> tuple[str, object]:
    """Return a parameter of a notebook and another value for it."""
    if name in CHANGES:
        return CHANGES[name]
    content = json.loads((checkout() / "notebooks" / name).read_text(encoding="utf-8"))
    for parameter, default in parameters_cell(content).items():
        if "seed" in parameter and isinstance(default, int):
            return parameter, default + 1
    pytest.fail(f"notebooks/{name} declares no seed: say in CHANGES which parameter is changed")


def compare(path: Path) -> tuple[int, str]:
    """Let nbval run and compare a copy, as `make test` does."""
    root = checkout()
    command = [sys.executable, "-m", "pytest", str(path), "--nbval"]
    command += ["--nbval-current-env", "--nbval-sanitize-with", str(root / "tests" / "nbval.cfg")]
    command += ["-p", "no:cacheprovider", "-q"]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command, cwd=root, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(params=NOTEBOOKS)
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a committed notebook, beside no other."""
    source = checkout() / "notebooks" / request.param
    shutil.copy(source, tmp_path)
    return tmp_path / request.param


def change(path: Path, wanted: Callable[[Any], bool], edit: Callable[[Any], None]) -> None:
    """Change the first wanted code cell of a copy."""
    notebook = nbformat.read(path, as_version=4)
    edit(next(cell for cell in notebook.cells if cell.cell_type == "code" and wanted(cell)))
    nbformat.write(notebook, path)


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    found: list[str] = cell.metadata.get("tags", [])
    return found


def shown(cell: Any) -> list[tuple[Any, str]]:
    """Where the compared texts of a cell with digits lie: holder and key."""
    if IGNORED in tags(cell):
        return []
    holders = [
        (output.data, kind)
        for output in cell.outputs
        if "data" in output
        for kind in ("text/html", "text/plain")
        if kind in output.data
    ]
    holders += [(output, "text") for output in cell.outputs if output.output_type == "stream"]
    return [(holder, key) for holder, key in holders if re.search(r"\d", holder[key])]


def test_the_committed_notebook_agrees(copied: Path) -> None:
    """Run again, every compared output is the stored one."""
    code, told = compare(copied)
    assert code == 0, told


@pytest.mark.parametrize("copied", RUNS, indirect=True)
def test_another_input_is_found(copied: Path) -> None:
    """With another seed or input in the parameters cell the outputs differ and nbval fails."""
    name, value = changed_parameter(copied.name)

    def reseed(cell: Any) -> None:
        assert re.search(rf"^{name} = ", cell.source, re.MULTILINE)
        cell.source = f"{cell.source}\n{name} = {value!r}"

    change(copied, lambda cell: "parameters" in tags(cell), reseed)
    code, told = compare(copied)
    assert code == 1, told
    assert re.search(r"Cell outputs differ|Cell execution caused an exception", told)


@pytest.mark.parametrize("copied", RUNS, indirect=True)
def test_a_changed_stored_number_is_found(copied: Path) -> None:
    """One digit of a stored output changed, and nbval fails on that cell alone."""

    def falsify(cell: Any) -> None:
        holder, key = shown(cell)[0]
        holder[key] = re.sub(r"\d", lambda digit: str(9 - int(digit[0])), holder[key], count=1)

    change(copied, lambda cell: bool(shown(cell)), falsify)
    code, told = compare(copied)
    assert code == 1, told
    assert "1 failed" in told


@pytest.mark.parametrize("copied", PANEL, indirect=True)
def test_a_page_that_is_gone_is_found(copied: Path) -> None:
    """A stored list of the panel's pages with another name in it fails."""
    text = copied.read_text(encoding="utf-8")
    assert "'books'" in text
    copied.write_text(text.replace("'books'", "'notes'"), encoding="utf-8")
    code, told = compare(copied)
    assert code == 1, told
    assert "1 failed" in told
