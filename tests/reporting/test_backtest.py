"""Figures of a backtest worked by hand, and the forms of what it leaves.

Two days: 1000 at the open, trades of +30 and -50 in 60 s and 180 s; then 980, no trade; then 980,
one trade of +20 in 120 s. Equity 1000, 1030, 980, 1000: the largest fall is 50, 50/1030 of the
peak. Average PnL 0, average duration 120 s, 2 of 3 won.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rigd.core.values import Profile
from rigd.reporting.backtest import (
    BACKTEST_FIELDS,
    DayOf,
    backtest_rows,
    backtest_summary,
    equity,
    figures,
    funnel_fields,
    sharpe,
    slippage_comparison,
    write_backtest,
)
from rigd.reporting.funnel import Funnel, added_up
from rigd.reporting.trades import TRADE_FIELDS
from tests.fakes.outputs import FakeOutputs
from tests.hosts.backtest.results import traded
from tests.reporting.test_comparison import OURS

OPENED = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def day(number: int, cash: str, *trades: tuple[str, int]) -> DayOf:
    """A day with trades of some PnL that were held for some seconds."""
    opened = OPENED + number * DAY
    closed = []
    for count, (pnl, held) in enumerate(trades):
        entered = opened + timedelta(minutes=10 * count)
        left = entered + timedelta(seconds=held)
        trade = replace(OURS, pnl=Decimal(pnl), entry_time=entered, exit_time=left)
        closed.append((left, trade))
    head = traded().of_days[0].started
    return DayOf(
        day=opened.date(),
        opened=opened,
        closed=opened + timedelta(hours=6.5),
        currency="USD",
        started=replace(head, day=opened.date(), profile=Profile.TEST) if trades else None,
        opening_cash=Decimal(cash),
        pnl=sum((Decimal(pnl) for pnl, _ in trades), Decimal(0)),
        trades=tuple(closed),
    )


DAYS = (day(0, "1000", ("30", 60), ("-50", 180)), day(1, "980"), day(2, "980", ("20", 120)))
WAY = Funnel(
    strategy="open",
    candidates=9,
    skipped=1,
    with_signal=3,
    signals=4,
    blocked=(),
    orders=3,
    filled=3,
    fills=6,
    trades=3,
)


def test_the_figures_are_those_worked_by_hand() -> None:
    """Win rate, averages and drawdown as in the module's docstring."""
    found = figures(DAYS)
    assert (found.trades, found.win_rate, found.average_pnl) == (3, 2 / 3, 0.0)
    assert (found.average_duration_s, found.pnl) == (120.0, 0.0)
    assert found.max_drawdown == (50.0, pytest.approx(50 / 1030))
    assert [value for _, value in equity(DAYS)] == [1000, 1030, 980, 1000]


def test_the_sharpe_ratio_is_annualised_over_all_days() -> None:
    """Mean over sample deviation × √252, days without a trade included; else None."""
    returns = [-20 / 1000, 0.0, 20 / 980]
    expected = statistics.mean(returns) / statistics.stdev(returns) * math.sqrt(252)
    assert figures(DAYS).sharpe == pytest.approx(expected, abs=1e-12)
    assert sharpe([0.1]) is None
    assert sharpe([0.1, 0.1]) is None


def test_without_trades_nothing_is_defined() -> None:
    """No trade: no rate, no averages, no drawdown, no ratio."""
    found = figures((day(0, "1000"), day(1, "1000")))
    assert (found.win_rate, found.average_pnl, found.average_duration_s) == (None, None, None)
    assert (found.max_drawdown, found.sharpe) == ((0.0, 0.0), None)
    assert equity(()) == []


def test_rows_are_the_sessions_rows_and_a_mode() -> None:
    """The schema differs from that of a session in the field ``mode`` alone (D17)."""
    assert BACKTEST_FIELDS[:-1] == TRADE_FIELDS
    rows = backtest_rows(DAYS)
    assert len(rows) == 3
    assert {row["mode"] for row in rows} == {"backtest"}
    assert rows[0].keys() == {field.name for field in BACKTEST_FIELDS}


def test_the_summary_holds_metrics_figures_and_days() -> None:
    """Exact decimals, no float; the marks stand at its top."""
    summary = backtest_summary(DAYS, (WAY, added_up([WAY])), {"bot": "B"}, ("why",))
    assert (summary["mode"], summary["bot"], summary["realised_pnl"]) == ("backtest", "B", "0")
    assert summary["figures"]["max_drawdown"] == Decimal("50.0")
    assert summary["win_rate_per_strategy"] == {"open": Decimal("0.666667")}
    assert [each["pnl"] for each in summary["days"]] == ["-20", "0", "20"]
    assert summary["reasons"] == ["why"]
    assert funnel_fields(WAY)["signals"] == 4


def test_slippage_is_the_difference_of_two_runs() -> None:
    """By strategy and in total, with, without and the difference."""
    clean = (day(0, "1000", ("31", 60), ("-48", 180)), day(1, "983"), day(2, "983", ("21", 120)))
    table = slippage_comparison(DAYS, clean, {})["table"]
    assert [row["strategy"] for row in table] == ["open", "total"]
    assert (table[1]["pnl_with"], table[1]["pnl_without"]) == ("0", "4")
    assert table[1]["difference"] == "-4"


def test_the_files_are_written_twice() -> None:
    """Each standing file and the run's own copy hold the same bytes."""
    outputs = FakeOutputs()
    write_backtest(outputs, DAYS, {"a": 1}, {"b": 2})
    names = [name for name in outputs.files if not name.startswith("backtest/")]
    assert len(names) == 4
    for name in names:
        assert outputs.files[name] == outputs.files[f"backtest/{name}"]
    assert json.loads(outputs.files["daily_summary_backtest.json"]) == {"a": 1}
