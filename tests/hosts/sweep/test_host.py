"""A sweep equals the router's stepper at every point, resumes to the same bits, stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from rigd.calendar.exchange import session
from rigd.config.parse import override
from rigd.core.errors import ConfigError
from rigd.hosts.kernels.stepper import BAR, TRADE
from rigd.hosts.kernels.tally import Costs, tally
from rigd.hosts.sweep import host
from rigd.hosts.sweep.host import SweepCancelledError, SweepRequest, resumed_request
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


def test_a_sweep_that_was_cancelled_resumes_to_the_same_bits(made, home, monkeypatch) -> None:
    """Cancelled after each part in turn: what is done stays, and the result is identical."""
    monkeypatch.setattr(host, "PART_COMBINATIONS", 16)
    whole = made("whole").run(FakeClock(), resumed=False)
    sweep = made("cut")
    assert len(sweep.spans()) == 12
    rounds = 0
    result = None
    while result is None:
        sweep = made("cut")
        assert resumed_request(home, "cut") == sweep.request if rounds else True
        done = []

        def told(count, sweep=sweep, done=done, rounds=rounds) -> None:
            done.append(count)
            if len(done) > 2 * rounds:
                sweep.cancel()

        fix = ""
        try:
            result = sweep.run(FakeClock(), told, resumed=rounds > 0)
        except SweepCancelledError as cancelled:
            fix = cancelled.fix
        assert (result is None) == ("rigd sweep --resume cut" in fix)
        rounds += 1
    assert rounds > 3
    assert result.outputs.tobytes() == whole.outputs.tobytes()
    csv_of = [(each.folder / "result.csv").read_bytes() for each in (whole, result)]
    assert csv_of[0] == csv_of[1]


def test_an_interrupted_pool_resumes_to_the_same_bits(made, monkeypatch) -> None:
    """Two processes, an interrupt in the middle: nothing is lost, and the result is identical."""
    monkeypatch.setattr(host, "PART_COMBINATIONS", 16)
    whole = made("whole").run(FakeClock(), resumed=False)

    def interrupt(_count) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made("cut", jobs=2).run(FakeClock(), interrupt, resumed=False)
    result = made("cut", jobs=2).run(FakeClock(), resumed=True)
    assert result.outputs.tobytes() == whole.outputs.tobytes()


def test_a_sweep_is_not_resumed_with_something_else(made) -> None:
    """Another grid under the same name is refused, and says what differs."""
    made("one").run(FakeClock(), resumed=False)
    other = made("one", {"STRAT_OPEN_BUFFER": [0.0001]}, entries_a_day=1)
    with pytest.raises(ConfigError, match="grid"):
        other.run(FakeClock(), resumed=True)
    with pytest.raises(ConfigError, match="was begun"):
        made("none").run(FakeClock(), resumed=True)


def test_the_result_names_its_hashes(made) -> None:
    """The summary on disk carries the hashes of settings, code, data and grid, and the seed."""
    result = made().run(FakeClock(), resumed=False)
    summary = json.loads((result.folder / "result.json").read_text(encoding="utf-8"))
    assert set(summary["hashes"]) == {"config", "code", "data", "grid", "seed"}
    assert summary["combinations"] == 64
    rows = (result.folder / "result.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 65
    assert rows[0].startswith("STRAT_OPEN_BUFFER,OPEN_ANALYSIS_TIME,")


def test_re_entry_with_one_entry_is_the_session_rule(made) -> None:
    """Two entries a day give at least the trades of one, and other numbers."""
    once = made("once").run(FakeClock(), resumed=False)
    again = made("again", entries_a_day=3).run(FakeClock(), resumed=False)
    assert (again.outputs[:, 0] >= once.outputs[:, 0]).all()
    assert again.outputs[:, 0].sum() > once.outputs[:, 0].sum()


def test_a_request_survives_json(request_of) -> None:
    """What is resumed is what was asked for."""
    asked = request_of()
    assert SweepRequest.from_fields(json.loads(json.dumps(asked.fields()))) == asked


def test_a_span_must_not_run_backwards(request_of) -> None:
    """Nor can a symbol have a negative number of entries."""
    with pytest.raises(ConfigError):
        request_of(start=request_of().end, end=request_of().start)
    with pytest.raises(ConfigError):
        request_of(entries_a_day=-1)


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
