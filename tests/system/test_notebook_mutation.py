"""nbval on the committed notebook can fail: one stored number changed, and it does (JUPYTER §4)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from rigd.config.sources import checkout
from rigd.hosts.request import SessionRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

NOTEBOOK = "session.ipynb"


def compare(folder: Path) -> tuple[int, str]:
    """Let nbval run and compare the copy that lies in a folder, as `make test` does."""
    root = checkout()
    command = [sys.executable, "-m", "pytest", str(folder / NOTEBOOK), "--nbval"]
    command += ["--nbval-current-env", "--nbval-sanitize-with", str(root / "tests" / "nbval.cfg")]
    command += ["-p", "no:cacheprovider", "-q"]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command, cwd=root, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of the committed notebook."""
    source = checkout() / "notebooks" / NOTEBOOK
    cells = nbformat.read(source, as_version=4).cells
    if not any(cell.get("outputs") for cell in cells):
        pytest.skip("notebooks/session.ipynb has no stored outputs yet: make notebooks")
    shutil.copy(source, tmp_path)
    return tmp_path


def change(folder: Path, cell_id: str, edit: Callable[[Any], None]) -> None:
    """Change one cell of the copy."""
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    edit(cell)
    nbformat.write(notebook, folder / NOTEBOOK)


def test_the_committed_notebook_agrees(copied: Path) -> None:
    """Run again, every compared output is the stored one."""
    code, told = compare(copied)
    assert code == 0, told


def test_another_seed_is_found(copied: Path) -> None:
    """With another seed in the parameters cell the numbers differ and nbval fails."""

    def reseed(cell: Any) -> None:
        request = SessionRequest(
            overrides=(("SIMULATION_SEED", "2"), ("SLIPPAGE_STDDEV_PCT", "0.001"))
        )
        cell.source = f"{cell.source}\nrequest = {request.to_json()!r}"

    change(copied, "parameters", reseed)
    code, told = compare(copied)
    assert code == 1, told


def test_a_changed_stored_number_is_found(copied: Path) -> None:
    """One digit of the stored trades changed, and nbval fails on that cell alone."""

    def falsify(cell: Any) -> None:
        data = cell.outputs[0].data
        kind = "text/html" if "text/html" in data else "text/plain"
        data[kind] = re.sub(
            r"\d(?=\.\d\d)", lambda digit: str(9 - int(digit[0])), data[kind], count=1
        )

    change(copied, "trades", falsify)
    code, told = compare(copied)
    assert code == 1, told
    assert "1 failed" in told
