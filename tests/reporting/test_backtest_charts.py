"""The interactive plots of a backtest."""

from __future__ import annotations

from rigd.reporting import backtest_charts
from tests.fakes.outputs import FakeOutputs
from tests.hosts.backtest.results import traded, untraded


def test_the_same_days_give_the_same_page() -> None:
    """Bokeh's running numbers do not reach the page."""
    page = backtest_charts.plots_html("A backtest", traded().of_days)
    assert page == backtest_charts.plots_html("A backtest", traded().of_days)
    assert b"<title>A backtest</title>" in page


def test_the_trades_are_drawn() -> None:
    """Each trade is a point: gains and losses, with what it was."""
    _, _, plot = backtest_charts.figures(traded().of_days)
    data = plot.renderers[0].data_source.data
    assert len(data["pnl"]) == traded().figures.trades
    assert {text.split()[0] for text in data["what"]} <= {"open", "mid", "close"}


def test_a_backtest_without_trades_is_drawn_too() -> None:
    """An empty plot is a plot."""
    curve, below, plot = backtest_charts.figures(untraded().of_days)
    assert plot.renderers[0].data_source.data["pnl"] == []
    assert below.height < curve.height


def test_the_page_is_written_by_its_owner() -> None:
    """`plots.html` goes into the run's folder."""
    outputs = FakeOutputs()
    backtest_charts.write_plots(outputs, b"x")
    assert outputs.files == {"backtest_plots.html": b"x"}
