"""nbval really compares: a notebook with another seed in it fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rigd.hosts.request import SessionRequest
from tests.house.tree import ROOT
from tests.refresh_notebooks import neutral, refresh

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The session notebook, with drawn slippage, executed and stored as `make notebooks` does."""
    folder = tmp_path_factory.mktemp("notebooks")
    for name in ("session.ipynb", "conftest.py"):
        shutil.copy(ROOT / "notebooks" / name, folder)
    with_seed(folder / "session.ipynb", "1")
    refresh(folder / "session.ipynb")
    return folder


def compare(folder: Path) -> subprocess.CompletedProcess[str]:
    """Compare the notebooks of a folder as `make test` does."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")),
            *(f"--rootdir={folder}", str(folder), "--nbval", "--nbval-current-env"),
            *("--nbval-sanitize-with", str(ROOT / "tests" / "nbval.cfg")),
            *("-p", "no:cacheprovider"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def with_seed(notebook: Path, seed: str) -> None:
    """Set the seed of the simulation, which draws the slippage, in the parameters cell."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    cell = next(c for c in content["cells"] if "parameters" in c["metadata"].get("tags", []))
    drawn = (("SLIPPAGE_SIMULATION_TYPE", "randomized"), ("SLIPPAGE_STDDEV_PCT", "0.0005"))
    request = SessionRequest(overrides=(*drawn, ("SIMULATION_SEED", seed))).to_json()
    cell["source"] = ['home = ""\n', f"request = {request!r}\n", "launched = False\n"]
    notebook.write_text(json.dumps(content), encoding="utf-8")


def test_a_stored_notebook_runs_again_with_the_same_outputs(executed: Path) -> None:
    """Every cell of the notebook gives what was stored; a second refresh changes nothing (J8)."""
    before = (executed / "session.ipynb").read_bytes()
    done = compare(executed)
    assert done.returncode == 0, done.stdout
    refresh(executed / "session.ipynb")
    assert (executed / "session.ipynb").read_bytes() == before


def test_another_seed_makes_nbval_fail(executed: Path, tmp_path: Path) -> None:
    """The same notebook with another seed differs in its trades, and nbval says so (J8)."""
    for name in ("session.ipynb", "conftest.py"):
        shutil.copy(executed / name, tmp_path)
    with_seed(tmp_path / "session.ipynb", "2")
    done = compare(tmp_path)
    assert done.returncode == int(pytest.ExitCode.TESTS_FAILED), done.stdout
    assert "Cell outputs differ" in done.stdout


def test_only_the_key_may_differ() -> None:
    """What nbval overlooks is the name of a throw-away key: sixteen digits after the word key."""
    assert neutral("key 0123456789abcdef") == "key 0000000000000000"
    for text in ("PnL -2.34", "2012-11-14T14:59:00Z", "seal 0123456789abcdef", "key 42"):
        assert neutral(text) == text
