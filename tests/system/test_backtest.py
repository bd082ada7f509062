"""One backtest by `rigd backtest`: papermill, the kernel `rigd-bot`, the record it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.shared import shared_path
from tests.system.processes import run_rigd

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system


def test_a_backtest_runs_in_a_notebooks_kernel(tmp_path: Path) -> None:
    """The executed notebook, the documents' files and the plots lie together (J5, B8)."""
    ran = run_rigd(
        tmp_path,
        "backtest",
        *("--strategy", "mid", "--start", "2013-10-04", "--end", "2013-10-08"),
        *("--data", str(shared_path("data")), "--symbols", "SPY,IBM,BAC", "--data_source=CSV"),
    )
    assert ran.code == 0, ran.err
    (folder,) = (tmp_path / "runs" / "backtest_results" / "runs").iterdir()
    notebook = nbformat.read(folder / "backtest.ipynb", as_version=4)
    assert notebook.metadata.kernelspec.name == "rigd-bot"
    assert notebook.metadata.papermill.parameters.strategy == "mid"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [o for c in code for o in c.outputs if o.output_type == "error"] == []
    assert any("<svg" in str(o.get("data", {})) for c in code for o in c.outputs)
    summary = json.loads((folder / "daily_summary_backtest.json").read_bytes())
    assert summary["total_trades"] > 2
    names = {path.name for path in folder.iterdir()}
    assert {"trade_history_backtest.csv", "trade_history_backtest.json", "plots.html"} <= names
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["backtest_results"]


def test_an_unknown_setting_is_refused_before_the_run(tmp_path: Path) -> None:
    """Nothing was started or written, and the nearest name is told."""
    ran = run_rigd(tmp_path, "backtest", "--set", "STRAT_OPEN_BUFER=1")
    assert ran.code == 2
    assert "did you mean STRAT_OPEN_BUFFER?" in ran.out + ran.err
    assert not (tmp_path / "runs").exists()
