"""A backtest and a session of the same day give the same trades, to the last place."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from datetime import timedelta
from importlib import import_module

import pytest

from rigd.core.events import FillRecorded
from rigd.hosts import wiring
from rigd.hosts.backtest.host import Host, Way
from rigd.hosts.backtest.scanning import Lane
from rigd.hosts.kernels.backtest import compile_run
from rigd.hosts.kernels.stepper import pack
from rigd.hosts.kernels.stepper import trades_of as trades_of_rows
from rigd.reporting.funnel import funnels
from rigd.strategy import router
from rigd.strategy.router import MODULES
from tests.hosts.backtest.days import (
    CASES,
    CASH,
    by_session,
    in_order,
    judged,
    real,
    synthetic,
    terms,
    trades_of,
)
from tests.house.tree import imported, modules

PAIR = ("SPY", "SH", "QQQ", "DDD")
"""SH is the shipped inverse of SPY; DDD has none."""


def compare(label, history, lane=Lane.PLAIN) -> tuple[Counter, int]:
    """Compare every day with its session; return how days were run, and how many trades."""
    run = terms(**CASES[label])
    host = Host(run, history, lane)
    ways, trades, cash = Counter(), 0, CASH
    for number in range(len(history.feeds)):
        day = host.day(number, cash)
        entries = by_session(run, history, number, cash)
        assert in_order(day.trades) == trades_of(entries), day.day
        assert day.closing_cash == entries[-1].record.closing_cash
        if day.way is not Way.QUIET:
            assert judged(day.entries) == judged(entries), day.day
            assert funnels(day.entries) == funnels(entries)
            assert executions(day.entries) == executions(entries)
        else:
            screened = {w.strategy: (w.candidates, w.skipped) for w in day.screened}
            ways_there = funnels(entries)
            assert ways_there[-1].signals == 0
            for way in ways_there[:-1]:
                assert screened.get(way.strategy, (0, 0)) == (way.candidates, way.skipped)
        ways[day.way] += 1
        trades += len(day.trades)
        cash = day.closing_cash
    return ways, trades


def executions(entries) -> list[tuple[object, ...]]:
    """Every execution of a journal: what, when, at what price, how many, at what cost."""
    fills = [e.record for e in entries if isinstance(e.record, FillRecorded)]
    return sorted((f.ts, f.symbol, f.side, f.price, f.qty, f.commission) for f in fills)


@pytest.mark.parametrize("label", CASES)
def test_real_days_trade_as_their_sessions(label) -> None:
    """All real days, symbols together: trades, verdicts, funnel and cash are the session's."""
    ways, trades = compare(label, real())
    assert ways[Way.CANDIDATES] > 20
    assert trades > 15


@pytest.mark.parametrize("label", CASES)
@pytest.mark.parametrize(("seed", "count", "symbols"), [(1, 140, PAIR[:1]), (2, 30, PAIR)])
def test_synthetic_days_trade_as_their_sessions(label, seed, count, symbols) -> None:
    """510 seeded days with jumps, gaps and cut ends, one symbol and several: the same trades."""
    ways, trades = compare(label, synthetic(seed, count, symbols))
    assert ways[Way.CANDIDATES] > 10
    assert trades > 8


def test_compiled_and_plain_give_the_same() -> None:
    """Compiled by numba, every day is what it is interpreted."""
    history = synthetic(3, 25, PAIR)
    run = terms(**CASES["both sides, levels and friction"])
    compiled = Host(run, history, Lane.COMPILED).run(CASH)
    assert compiled == Host(run, history, Lane.PLAIN).run(CASH)
    assert sum(len(day.trades) for day in compiled) > 20


def test_days_that_may_be_rare_are_played_by_the_session() -> None:
    """A loss limit within reach, a broker that refuses, funds that run out: the engine decides."""
    history = synthetic(4, 6)
    assert {day.way for day in Host(terms(sim_reject_rate="0.5"), history).run(CASH)} == {
        Way.SESSION
    }
    tight = terms(daily_loss_limit="0.0000001")
    days = Host(tight, history).run(CASH)
    assert any(day.tripped for day in days)
    for number, day in enumerate(days):
        entries = by_session(tight, history, number, day.opening_cash)
        assert in_order(day.trades) == trades_of(entries)
    rich = terms(total_allocation="1")
    for number, day in enumerate(Host(rich, history).run(CASH)):
        assert day.way is not Way.CANDIDATES or not day.trades
        entries = by_session(rich, history, number, day.opening_cash)
        assert in_order(day.trades) == trades_of(entries)


def test_cash_runs_on_from_day_to_day() -> None:
    """A day begins with what the day before left."""
    days = Host(terms(), synthetic(5, 12)).run(CASH)
    assert days[0].opening_cash == CASH
    for before, after in itertools.pairwise(days):
        assert after.opening_cash == before.closing_cash
    assert days[-1].closing_cash - CASH == sum(t.pnl for day in days for t in day.trades)


@pytest.mark.parametrize("name", MODULES)
def test_each_strategy_simulates(name) -> None:
    """``simulate`` of every strategy gives the trades of its compiled run, day by day (B3)."""
    module = import_module(MODULES[name])
    settings = terms(strategy_override=name, **{f"short_type_{name}": "ShortSell"}).settings
    history = synthetic(71, 30)
    full = [feed for feed in history.feeds if not feed.session.half_day]
    (planned,) = wiring.windows(settings, full[0].session)
    plan = router.build(settings, planned.window)
    days = [feed.bars["SPY"] for feed in full]
    step = plan.step_plan(slippage=0.0002)
    found = module.simulate(days, plan.params, plan.rules, step)
    compiled = compile_run(plan.strategy)(*pack(days), plan.params, plan.rules, step)
    assert found == trades_of_rows(compiled)
    assert len(found) > 3


def test_slippage_is_none_ruled_or_drawn() -> None:
    """Three modes: the open, the mean beyond it, draws around the mean by the seed (B12, B14)."""
    history = synthetic(72, 40, PAIR)
    mean, spread = 0.001, 0.0004

    def slips(kind: str, seed: str = "5") -> list[float]:
        run = terms(
            slippage_simulation_type=kind,
            slippage_mean_pct=str(mean),
            slippage_stddev_pct=str(spread),
            simulation_seed=seed,
            max_trades="4",
            weights="0.25,0.25,0.25,0.25",
            adx_filter_enabled="false",
        )
        days = Host(run, history, Lane.PLAIN).run(CASH)
        return [
            float(trade.entry_price) / opens_at(history, day, trade) - 1.0
            for day in days
            for trade in day.trades
        ]

    assert max(map(abs, slips("none"))) < 1e-4 * 0.001
    assert slips("rule_based") == pytest.approx([mean] * len(slips("rule_based")), abs=1e-6)
    drawn = slips("randomized")
    assert drawn == slips("randomized") != slips("randomized", "6")
    count = len(drawn)
    assert count > 50
    assert statistics.mean(drawn) == pytest.approx(mean, abs=4 * spread / count**0.5)
    assert statistics.stdev(drawn) == pytest.approx(spread, rel=4 / (2 * count) ** 0.5)


def test_latency_takes_the_price_of_later() -> None:
    """With 30 s the fill lies half way from the bar's open to its close (B13)."""
    history = synthetic(73, 20)
    days = Host(terms(simulated_latency_ms="30000"), history, Lane.PLAIN).run(CASH)
    fills = [(day, trade) for day in days for trade in day.trades]
    assert len(fills) > 5
    for day, trade in fills:
        bar = bar_at(history, day, trade)
        assert float(trade.entry_price) == pytest.approx((bar.open + bar.close) / 2, abs=2e-6)


def bar_at(history, day, trade):
    """The bar in which a trade was entered."""
    feed = history.feeds[day.number]
    minute = (trade.entry_time - feed.session.open) // timedelta(minutes=1)
    return next(bar for bar in feed.bars[trade.symbol] if bar.minute == minute)


def opens_at(history, day, trade) -> float:
    """The open of that bar."""
    return bar_at(history, day, trade).open


def test_no_live_path_knows_a_simulation() -> None:
    """Engine, books and real adapters import neither the slippage model nor the backtest (B16)."""
    live = [
        name
        for name in modules("rigd")
        if name.startswith(("rigd/engine/", "rigd/ledger/", "rigd/risk/", "rigd/broker/adapters/"))
        and not name.endswith("/sim.py")
    ]
    assert live
    for name in live:
        known = imported(name)
        assert not [m for m in known if m.startswith(("rigd.broker.simulated", "rigd.hosts"))], name
