"""The blocks that a backtest shows in a notebook."""

from __future__ import annotations

from rigd.reporting import backtest_view as view
from tests.hosts.backtest.results import traded, untraded


def test_the_figures_say_how_they_are_meant() -> None:
    """Each figure with its unit; the annualisation is stated; a dash where none is defined."""
    shown = view.figures_block(traded().of_days)
    for part in ("Win rate", "Maximum drawdown", "Average duration", "√252", "USD"):
        assert part in shown
    assert "–" in view.figures_block(untraded().of_days)


def test_the_funnel_shows_what_blocked_and_why_nothing_traded() -> None:
    """One row per strategy and the total; reasons only where they are given."""
    table = view.funnel_table(traded().funnel)
    assert [row[0] for row in table.rows] == ["open", "mid", "close", "total"]
    blocked = view.blocked_table(traded().funnel)
    assert sum(int(row[4]) for row in blocked.rows) == int(table.rows[-1][4])
    assert "Why nothing traded" not in view.funnel_block(traded().funnel)
    assert "<li>because &lt;b&gt;" in view.funnel_block(traded().funnel, ["because <b>"])


def test_only_the_newest_trades_are_listed() -> None:
    """The title says how many there are."""
    whole = view.trades_table(traded().of_days)
    part = view.trades_table(traded().of_days, 3)
    assert part.rows == whole.rows[-3:]
    assert part.title == f"Trades, the last 3 of {len(whole.rows)}"


def test_equity_and_prices_are_inline_drawings() -> None:
    """Two curves, and at most so many price charts, without script or reference."""
    curves = view.equity_block(traded().of_days)
    assert curves.count("<svg") == 2
    assert "Below the peak" in curves
    prices = traded().prices()
    assert 1 <= prices.count("<svg") <= 4
    assert "<script" not in curves + prices
    assert "no trade was made" in untraded().prices()


def test_a_title_escapes_what_it_shows() -> None:
    """Facts and marks cannot break out of the page."""
    shown = view.heading("<b>", [("a", "<i>")], ["<u>"])
    for tag in ("<b>", "<i>", "<u>"):
        assert tag not in shown


def test_slippage_is_a_table() -> None:
    """One row per strategy."""
    row = dict.fromkeys(
        ("trades_with", "trades_without", "pnl_with", "pnl_without", "difference"), "1"
    )
    assert "open" in view.comparison_block([{"strategy": "open", **row}])
    assert "Code" in view.digests_block([("Code", "abc")])
