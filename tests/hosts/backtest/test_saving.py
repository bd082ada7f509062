"""What a backtest leaves on disk, and what it leaves alone."""

from __future__ import annotations

import csv
import hashlib
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.hosts.backtest.saving import comparison_of, save
from rigd.reporting.trades import TRADE_FIELDS
from rigd.store.paths import Home
from tests.hosts.backtest.results import traded, untraded
from tests.hosts.homes import demo

if TYPE_CHECKING:
    from pathlib import Path

STANDING = (
    "backtest_slippage_comparison.json",
    "daily_summary_backtest.json",
    "trade_history_backtest.csv",
    "trade_history_backtest.json",
)


def tree(root: Path) -> dict[str, str]:
    """The digest of every file below a folder."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_documents_files_are_written(tmp_path) -> None:
    """Trades as CSV and JSON, summary and slippage, standing and in the run's own folder (B4)."""
    folder = save(traded(), Home(tmp_path), "run1")
    results = tmp_path / "runs" / "backtest_results"
    assert folder == results / "runs" / "run1"
    assert sorted(p.name for p in folder.iterdir()) == sorted((*STANDING, "plots.html"))
    for name in STANDING:
        assert (results / name).read_bytes() == (folder / name).read_bytes()


def test_a_trade_is_a_row_of_the_session_and_its_mode(tmp_path) -> None:
    """The schema is that of trade_history and ``mode=backtest``; in CSV and JSON (D17)."""
    folder = save(traded(), Home(tmp_path), "run1")
    rows = json.loads((folder / "trade_history_backtest.json").read_bytes())
    names = [field.name for field in TRADE_FIELDS]
    assert [list(row) for row in rows] == [[*names, "mode"]] * len(rows)
    assert {row["mode"] for row in rows} == {"backtest"}
    with (folder / "trade_history_backtest.csv").open(newline="") as lines:
        table = list(csv.DictReader(lines))
    assert [Decimal(row["PnL"]) for row in table] == [Decimal(str(row["PnL"])) for row in rows]
    assert len(rows) == traded().figures.trades


def test_the_summary_validates(tmp_path) -> None:
    """It has the nine metrics of 070, the figures of 050, what it is bound to, and every day."""
    folder = save(traded(), Home(tmp_path), "run1")
    summary = json.loads((folder / "daily_summary_backtest.json").read_bytes())
    assert summary["mode"] == "backtest"
    assert summary["total_trades"] == traded().figures.trades
    assert summary["figures"]["sharpe"] == traded().figures.sharpe
    assert summary["figures"]["max_drawdown"] == traded().figures.max_drawdown.money
    assert "√252" in summary["units"]["sharpe"]
    assert len(summary["days"]) == summary["sessions"] == 25
    assert summary["data_digest"] == traded().history.digest
    assert summary["funnel"][-1]["strategy"] == "total"
    assert summary["seed"] == traded().terms.settings.simulation_seed


def test_slippage_is_compared_with_none() -> None:
    """PnL with and without slippage by strategy; ours always costs, and the sums agree (B15)."""
    table = comparison_of(traded())["table"]
    total = table[-1]
    assert total["strategy"] == "total"
    for row in table:
        gap = Decimal(row["pnl_with"]) - Decimal(row["pnl_without"])
        assert Decimal(row["difference"]) == gap
    assert sum(Decimal(row["pnl_with"]) for row in table[:-1]) == Decimal(total["pnl_with"])
    assert Decimal(total["difference"]) < 0
    assert comparison_of(untraded())["table"][-1]["difference"] == "0"


def test_nothing_of_production_is_touched(tmp_path) -> None:
    """Books, flags and env stay byte for byte; no ledger and no OFX is made (B5, B18)."""
    home = demo(tmp_path)
    (home.runs / "control").mkdir(parents=True, exist_ok=True)
    before = tree(tmp_path)
    save(traded(), home, "run1")
    after = tree(tmp_path)
    assert {name: digest for name, digest in after.items() if name in before} == before
    new = after.keys() - before.keys()
    assert {name.split("/")[1] for name in new} == {"backtest_results"}
    assert not [name for name in after if name.endswith((".db", ".ofx"))]


@pytest.mark.parametrize("stamp", ["run1", "run2"])
def test_two_runs_leave_the_same_bytes(tmp_path, stamp) -> None:
    """The same backtest writes the same files, whatever its folder is called."""
    first = save(traded(), Home(tmp_path / "a"), "run1")
    again = save(traded(), Home(tmp_path / "b"), stamp)
    assert tree(first) == tree(again)
