"""The result of a backtest: figures, funnel, frames, plots and reasons."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rigd.core.errors import ConfigError
from rigd.reporting.funnel import funnels
from tests.hosts.backtest.days import by_session
from tests.hosts.backtest.results import traded, untraded


def test_the_figures_are_recomputed_from_the_frames() -> None:
    """Win rate, averages, drawdown and Sharpe equal pandas' own to 1e-9 (B6)."""
    found = traded()
    trades, daily = found.trades, found.daily
    figures = found.figures
    assert figures.trades == len(trades) > 10
    assert figures.win_rate == pytest.approx((trades["PnL"] > 0).mean(), abs=1e-9)
    assert figures.average_pnl == pytest.approx(trades["PnL"].mean(), abs=1e-9)
    held = (trades["exit_timestamp"] - trades["entry_timestamp"]).dt.total_seconds()
    assert figures.average_duration_s == pytest.approx(held.mean(), abs=1e-9)
    equity = 100_000 + trades["PnL"].cumsum()
    peak = equity.cummax().clip(lower=100_000)
    assert figures.max_drawdown.money == pytest.approx((peak - equity).max(), abs=1e-9)
    assert figures.max_drawdown.fraction == pytest.approx(((peak - equity) / peak).max(), abs=1e-9)
    returns = daily["pnl"] / daily["opening_cash"]
    sharpe = returns.mean() / returns.std(ddof=1) * 252**0.5
    assert figures.sharpe == pytest.approx(sharpe, abs=1e-9)
    assert found.metrics["sharpe"] == figures.sharpe
    assert found.equity.iloc[-1] == pytest.approx(float(found.days[-1].closing_cash), abs=1e-6)


def test_the_funnel_is_the_sum_of_the_sessions() -> None:
    """Each count equals that of the same days' sessions added up."""
    found = traded()
    sums: dict[str, list[int]] = {}
    for day in found.days:
        entries = by_session(found.terms, found.history, day.number, day.opening_cash)
        for way in funnels(entries):
            counts = (way.candidates, way.signals, way.blocked_count, way.orders, way.trades)
            old = sums.setdefault(way.strategy, [0] * len(counts))
            sums[way.strategy] = [a + b for a, b in zip(old, counts, strict=True)]
    for way in found.funnel:
        counts = [way.candidates, way.signals, way.blocked_count, way.orders, way.trades]
        assert counts == sums[way.strategy], way.strategy


def test_why_tells_the_whole_chain_of_a_day() -> None:
    """A symbol's day is told from rank to trade; a wrong name or day says what there is."""
    found = traded()
    told = found.why("aaa")
    assert "screener     AAA: rank" in told
    assert "trade        " in told
    assert repr(told) == str(told)
    day = found.days[3].day
    assert f"session {day.isoformat()}_1" in found.why("BBB", day.isoformat())
    assert f"session {day.isoformat()}_1" in found.why("BBB", day)
    with pytest.raises(ConfigError, match="there are AAA, BBB"):
        found.why("CCC")
    with pytest.raises(ConfigError, match="no day of this backtest"):
        found.why("AAA", date(1999, 1, 4))
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        found.why("AAA", "yesterday")


def test_no_trade_explains_itself() -> None:
    """Nothing traded: the nearest move, its symbol and day, and the key that it stayed below."""
    found = untraded()
    assert found.figures.trades == 0
    assert found.figures.sharpe is None
    (reason,) = found.reasons()
    assert "none signalled; the largest move was" in reason
    assert "needed more than 0.5 (STRAT_OPEN_BUFFER)" in reason
    assert "Why nothing traded" in found.text()
    assert "Why nothing traded" in found._repr_html_()
    assert found.trades.empty
    assert traded().reasons() == []


def test_it_shows_itself() -> None:
    """In one line, as text and as HTML, with badges, figures, trades on prices and digests."""
    found = traded()
    assert repr(found).startswith("<Backtest of all, 2013-06-24 to 2013-07-29: ")
    text = found.text()
    for part in ("Funnel", "Trades ", "Settings in force", "by the session engine"):
        assert part in text or part == "by the session engine"
    page = found._repr_html_()
    for part in ("BACKTEST", "TEST", "Sharpe", "<svg", "Funnel", "Bound to", "√252"):
        assert part in page
    assert "<script" not in page


def test_it_is_bound_to_what_it_ran_on() -> None:
    """The marks carry digests, seed, span and how the days were run (data and config hash)."""
    marks = traded().marks()
    assert marks["data_digest"] == traded().history.digest
    assert len(marks["settings_digest"]) == 64
    assert sum(marks["ways"].values()) == marks["sessions"] == 25
    assert Decimal(marks["closing_cash"]) == traded().days[-1].closing_cash


def test_the_plots_are_bokehs() -> None:
    """The layout has the three figures; the page carries them and loads nothing (B7)."""
    from rigd.reporting import backtest_charts  # noqa: PLC0415 - draws with a heavy library

    assert len(backtest_charts.layout(traded().of_days).children) == 3
    page = traded().plots_html().decode()
    for name in ("equity", "drawdown", "trades"):
        assert f'data-chart="{name}"' in page
    assert "default-src 'none'" in page
    assert 'src="http' not in page.partition("<script>")[0]
