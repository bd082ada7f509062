"""Put a backtest's results under ``runs/backtest_results/``: files of its own, nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.config.parse import override
from rigd.hosts.backtest import result as results
from rigd.reporting import backtest as records
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.hosts.backtest.result import BacktestResult
    from rigd.store.paths import Home

NO_SLIPPAGE = {"SLIPPAGE_SIMULATION_TYPE": "none"}


def comparison_of(result: BacktestResult) -> dict[str, object]:
    """Return what slippage cost: the same backtest run again without it (document 090).

    Parameters
    ----------
    result
        The backtest.

    Returns
    -------
    dict
        The table of backtest_slippage_comparison.json.
    """
    settings = override(result.terms.settings, NO_SLIPPAGE, source="slippage comparison")
    clean = results.run(result.request, replace(result.terms, settings=settings), result.history)
    return records.slippage_comparison(result.of_days, clean.of_days, result.marks())


def save(result: BacktestResult, home: Home, stamp: str) -> Path:
    """Write the files of a backtest.

    Parameters
    ----------
    result
        The backtest.
    home
        Whose ``runs/``; no file outside ``backtest_results/`` is touched.
    stamp
        The run's own folder below ``backtest_results/runs/``.

    Returns
    -------
    Path
        The run's folder.
    """
    from rigd.reporting import backtest_charts  # noqa: PLC0415 - draws with a heavy library

    registry = Registry(home, stamp=stamp)
    records.write_backtest(registry, result.of_days, result.summary(), comparison_of(result))
    backtest_charts.write_plots(registry, result.plots_html())
    return registry.path("backtest/daily_summary_backtest.json").parent
