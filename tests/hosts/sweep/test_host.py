"""A sweep equals the router's stepper at every point, resumes to the same bits, stays small."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from rigd.calendar.exchange import session
from rigd.config.parse import override
from rigd.hosts.kernels.stepper import BAR, TRADE
from rigd.hosts.kernels.tally import Costs, tally
from rigd.hosts.wiring import windows
from rigd.strategy.router import build
from rigd.strategy.stepper import walk_days
from tests.fakes.clock import FakeClock
from tests.shared import shared_path
from tests.strategy.days import days_of

STEPS = 12
"""Combinations that are stepped one by one in plain Python."""


def stepped(settings, strategy, symbols, dates):
    """Return the outputs of one combination by the router and the interpreted stepper."""
    settings = override(settings, {"STRATEGY_OVERRIDE": strategy})
    cash = float(settings.sim_starting_cash)
    share = min(
        float(settings.total_allocation) * float(settings.weights[0]),
        float(settings.max_risk_per_trade),
    )
    lots = 1e6 if settings.fractional else 1.0
    total = np.zeros(6)
    for symbol in symbols:
        days = [days_of(symbol)[day.isoformat()] for day in dates]
        plan = build(settings, windows(settings, session(dates[0]))[0].window)
        latency = settings.simulated_latency_ms / 60_000
        step = plan.step_plan(latency_fraction=latency, slippage=0.0)
        trades = walk_days(plan.strategy, days, plan.params, plan.rules, step)
        rows = np.rec.array(np.array([tuple(trade) for trade in trades], dtype=TRADE))
        bars = np.rec.array(np.array([tuple(bar) for day in days for bar in day], dtype=BAR))
        offsets = np.cumsum([0, *(len(day) for day in days)])
        own = np.zeros(6)
        costs = Costs(cash * share, lots, float(settings.sim_commission_pct))
        tally(rows, bars, offsets, costs, own)
        worst = max(total[3], own[3])
        total += own
        total[3] = worst
    return total


def test_every_point_is_what_the_settings_alone_would_give(made, demo_settings) -> None:
    """A combination equals the router's strategy of the same settings, stepped bar by bar."""
    sweep = made()
    result = sweep.run(FakeClock(), resumed=False)
    assert len(result) == 64
    dates = [day.day for day in sweep.history.days]
    values = list(result.values())
    traded = 0.0
    for number in np.random.default_rng(1).permutation(len(values))[:STEPS]:
        keys = (axis.key for axis in result.axes)
        changes = dict(sweep.request.changes) | dict(zip(keys, values[number], strict=True))
        settings = override(demo_settings, changes)
        want = stepped(settings, "open", result.symbols, dates)
        assert result.outputs[number].tolist() == pytest.approx(want.tolist(), rel=1e-12), changes
        traded += want[0]
    assert traded > 20


def test_re_entry_with_one_entry_is_the_session_rule(made) -> None:
    """Two entries a day give at least the trades of one, and other numbers."""
    once = made("once").run(FakeClock(), resumed=False)
    again = made("again", entries_a_day=3).run(FakeClock(), resumed=False)
    assert (again.outputs[:, 0] >= once.outputs[:, 0]).all()
    assert again.outputs[:, 0].sum() > once.outputs[:, 0].sum()


@pytest.mark.system
def test_a_large_sweep_stays_within_its_memory(kernel_home, tmp_path) -> None:
    """100,000 combinations: at most 300 MB in all and 0.05 MB a combination (PERFORMANCE P4)."""
    code = (
        "import sys, rigd\n"
        "from pathlib import Path\n"
        "from rigd.store.paths import Home\n"
        "grid = {'STRAT_OPEN_BUFFER': '0.0001:0.001:0.0001', 'STOP_PCT_OPEN': '0.001:0.01:0.001',\n"
        "        'TRAIL_PCT_OPEN': '0.001:0.01:0.001', 'TARGET_PCT_OPEN': '0.001:0.01:0.001',\n"
        "        'OPEN_MONITORING_TIME': '1:10:1'}\n"
        "result = rigd.sweep('open', grid=grid, data=sys.argv[1], start='2013-10-04',\n"
        "                    end='2013-10-08', symbols='SPY,IBM', jobs=1, progress=False,\n"
        "                    home=Home(Path(sys.argv[2])))\n"
        "status = Path('/proc/self/status').read_text().splitlines()\n"
        "print(len(result), next(row for row in status if row.startswith('VmHWM')).split()[1])\n"
    )
    (tmp_path / "runs").mkdir()
    kernel_home.cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "runs" / "cache").symlink_to(kernel_home.cache)
    arguments = [sys.executable, "-c", code, str(shared_path("data")), str(tmp_path)]
    for _ in range(2):  # the first run may compile, which takes memory of its own
        told = subprocess.run(  # noqa: S603 - fixed arguments
            arguments, check=True, capture_output=True, text=True, env=dict(os.environ)
        ).stdout
    count, kilobytes = told.split()
    assert int(count) == 100_000
    assert int(kilobytes) / 1024 <= 300.0
