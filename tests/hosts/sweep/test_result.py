"""What a result shows: rows, the best, a heat map, a table for a notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.sweep.grid import Axis
from rigd.hosts.sweep.result import SweepResult

OUTPUTS = np.array([
    [20, 10.0, 12, 5.0, 100, 9.0],
    [20, 30.0, 10, 4.0, 90, 9.0],
    [3, 90.0, 3, 0.0, 9, 9.0],
    [0, 0.0, 0, 0.0, 0, 0.0],
])


@pytest.fixture
def result():
    """Return two stops by two targets."""
    axes = (Axis("STOP_PCT_OPEN", ("0.01", "")), Axis("TARGET_PCT_OPEN", ("0.02", "0.03")))
    return SweepResult(
        name="one",
        strategy="open",
        axes=axes,
        symbols=("AAA",),
        days=5,
        outputs=OUTPUTS,
        hashes={},
        table=Path("x"),
    )


def test_every_combination_is_a_row(result) -> None:
    """The last key runs fastest; rates follow from the sums."""
    frame = result.frame()
    assert frame["STOP_PCT_OPEN"].tolist() == ["0.01", "0.01", "", ""]
    assert frame["win_rate"].tolist()[:3] == [0.6, 0.5, 1.0]
    assert np.isnan(frame["mean_pnl"].iloc[3])


def test_the_best_have_enough_trades(result) -> None:
    """Three trades with a PnL of 90 are no evidence; a smaller drawdown is better."""
    assert result.ranking().tolist() == [1, 0]
    assert result.ranking("win_rate").tolist() == [0, 1]
    assert result.ranking("drawdown", least_trades=1).tolist() == [2, 1, 0]
    assert result.best(1)["TARGET_PCT_OPEN"].tolist() == ["0.03"]
    with pytest.raises(ConfigError):
        result.ranking("profit")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_heat_map_over_two_keys(result, swapped) -> None:
    """Each cell holds the value of its pair, whichever key runs across."""
    keys = ["STOP_PCT_OPEN", "TARGET_PCT_OPEN"]
    plot = result.heat_map(*(keys[::-1] if swapped else keys))
    data = plot.renderers[0].data_source.data
    cells = dict(zip(zip(data["x"], data["y"], strict=True), data["value"], strict=True))
    pair = ("0.03", "0.01") if swapped else ("0.01", "0.03")
    assert cells[pair] == 30.0
    with pytest.raises(ConfigError):
        result.heat_map("STOP_PCT_OPEN", "STOP_PCT_OPEN")
    with pytest.raises(ConfigError):
        result.heat_map("STOP_PCT_OPEN", "OTHER")


def test_a_notebook_shows_the_best(result) -> None:
    """A table with the keys, off where a level is off, and the title."""
    shown = result._repr_html_()
    assert "open: 4 combinations, 1 symbols, 5 days" in shown
    assert shown.count("<tr>") == 3
    assert result.summary()["best"][0]["pnl"] == 30.0


def test_the_record_has_the_map_as_text(result) -> None:
    """Blank keys take those of the grid that vary; each mean stands in its cell, without script."""
    shown = result.heat_svg()
    assert shown == result.heat_svg("STOP_PCT_OPEN", "TARGET_PCT_OPEN")
    assert "<script" not in shown
    for value in ("10.00", "30.00", "90.00", "0.00"):
        assert f">{value}</text>" in shown
    with pytest.raises(ConfigError, match="keys of the grid"):
        result.heat_svg("STOP_PCT_MID")


def test_a_grid_of_one_key_has_no_map(result) -> None:
    """It says so in words."""
    one = replace(result, axes=(Axis("STOP_PCT_OPEN", ("0.01", "", "0.02", "0.03")),))
    assert "needs two keys" in one.heat_svg()


def test_the_heading_says_what_luck_does(result) -> None:
    """How many sets, how the symbols trade, on what data."""
    shown = replace(result, label="made up", portfolio=True).heading()
    for text in ("best of 4 sets", "counts as a trial", "one account for all", "made up"):
        assert text in shown


def test_the_best_are_shown_with_off_in_words(result) -> None:
    """Ranked, and only with enough trades."""
    shown = result.best_html()
    assert shown.index(">30.00<") < shown.index(">10.00<")
    assert ">3.00<" not in shown
    none = replace(result, outputs=np.zeros((4, 6))).best_html()
    assert "so none is ranked" in none


def test_the_best_are_levels_of_an_optimisation(result) -> None:
    """Only keys that an optimisation searches, each value once, ascending."""
    axes = (Axis("TRAIL_PCT_OPEN", ("0.02", "0.003")), Axis("STOP_PCT_OPEN", ("", "0.03")))
    best = replace(result, axes=axes, outputs=np.full((4, 6), 20.0))
    assert best.levels_of_best() == "TRAIL_PCT_OPEN=0.003,0.02"
    assert result.levels_of_best() == ""


def test_the_home_is_where_runs_lies(result) -> None:
    """The folder above ``runs/``."""
    table = Path("/a/home/runs/backtest_results/strategy_tuning/sweeps/one/result.csv")
    assert replace(result, table=table).home == "/a/home"
