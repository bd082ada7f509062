"""A portfolio's sweep gives at every point what sessions of the same settings give."""

from __future__ import annotations

import pickle
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from rigd.config.parse import override
from rigd.core.errors import ConfigError, DataError
from rigd.core.events import RiskTripped
from rigd.hosts.sweep import host
from rigd.hosts.sweep.grid import axes_from
from rigd.hosts.sweep.portfolio import run_set
from rigd.hosts.sweep.work import run_part
from tests.fakes.clock import FakeClock
from tests.hosts.backtest.days import by_session, real, synthetic, terms, trades_of

GRID = {
    "STOP_PCT_OPEN": [0.002, None],
    "MAX_OPEN_POSITIONS": [1, 2],
    "STRAT_OPEN_BUFFER": [0.0001, 0.0005],
    "DAILY_LOSS_LIMIT": [0.00002, 0.05],
}
SETS = [
    {"MAX_OPEN_POSITIONS": "1", "STOP_PCT_OPEN": "0.001", "TARGET_PCT_CLOSE": "0.002"},
    {"MAX_OPEN_POSITIONS": "2", "STRAT_MID_VWAP_THRESHOLD": "0.002", "TRAIL_PCT_OPEN": "0.003"},
    {"DAILY_LOSS_LIMIT": "0.00002", "STRAT_OPEN_BUFFER": "0.0001"},
    {"DAILY_LOSS_LIMIT": "0.00002", "STRAT_OPEN_BUFFER": "0.0001", "STOP_PCT_MID": "0.001"},
]
FRICTION = {
    "short_type_open": "ShortSell",
    "short_type_mid": "ShortSell",
    "max_trades": "3",
    "weights": "0.5,0.3,0.2",
    "slippage_simulation_type": "randomized",
    "slippage_mean_pct": "0.0004",
    "slippage_stddev_pct": "0.0003",
    "sim_commission_pct": "0.0001",
}


def of_sessions(run, history):
    """Return the outputs of the session engine, and whether the loss limit tripped a day."""
    cash = run.settings.sim_starting_cash
    pnl = peak = worst = square = Decimal(0)
    count = wins = 0
    held = 0.0
    tripped = False
    for number in range(len(history.feeds)):
        entries = by_session(run, history, number, cash + pnl)
        tripped |= any(isinstance(entry.record, RiskTripped) for entry in entries)
        before = pnl
        for trade in trades_of(entries):
            pnl += trade.pnl
            count, wins = count + 1, wins + (trade.pnl > 0)
            held += (trade.exit_time - trade.entry_time).total_seconds() / 60
            peak = max(peak, pnl)
            worst = max(worst, peak - pnl)
        square += (pnl - before) ** 2
    return [count, float(pnl), wins, float(worst), held, float(square)], tripped


@pytest.mark.parametrize(
    "history",
    [real(), *(synthetic(seed, 3, ("SPY", "IBM", "BAC")) for seed in (1, 2))],
    ids=["real", "synthetic 1", "synthetic 2"],
)
def test_each_set_is_what_its_sessions_earn(history) -> None:
    """Pool, caps, weights, friction and loss limit in trade order: equal to the last bit."""
    run = terms(**FRICTION)
    seen: dict[object, object] = {}
    traded, trips = 0.0, 0
    for changes in SETS:
        settings = override(run.settings, changes)
        want, tripped = of_sessions(replace(run, settings=settings), history)
        assert run_set(run, history, tuple(changes.items()), seen).tolist() == want, changes
        traded, trips = traded + want[0], trips + tripped
    assert traded > 10
    assert trips > 0


def test_sets_with_the_same_entry_share_what_was_seen() -> None:
    """Four sets, three entries of the open strategy: no fourth scan of it."""
    history, seen = synthetic(3, 3, ("SPY", "IBM")), {}
    for changes in SETS:
        run_set(terms(), history, tuple(changes.items()), seen)
    opened = {key for key in seen if key[0][0] == "open"}
    assert len(opened) == 2 * len({changes.get("STRAT_OPEN_BUFFER") for changes in SETS})


def test_combinations_come_in_the_order_of_the_grid(made, monkeypatch) -> None:
    """However they were grouped and cut into parts, each row is its own backtest."""
    monkeypatch.setattr(host, "PART_SETS", 3)
    sweep = made("one", GRID, portfolio=True)
    assert len(sweep.spans()) == 6
    result = sweep.run(FakeClock(), resumed=False)
    assert sweep.total == len(result) == 16
    history = host.opening.history_of(sweep.asked, sweep.terms)
    for number, values in enumerate(result.values()):
        changes = zip((axis.key for axis in result.axes), values, strict=True)
        want = run_set(host.opening.with_history(sweep.terms, history), history, tuple(changes))
        assert result.outputs[number].tolist() == want.tolist()
    assert result.outputs[:, 0].sum() > 16
    assert len({row.tobytes() for row in result.outputs}) > 4
    assert result.summary()["account"] == "one account for all"


def test_a_cut_sweep_resumes_to_the_same_bits(made, monkeypatch) -> None:
    """In two processes and interrupted, it ends as in one."""
    monkeypatch.setattr(host, "PART_SETS", 3)
    whole = made("whole", GRID, portfolio=True).run(FakeClock(), resumed=False)

    def interrupt(_count) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made("cut", GRID, portfolio=True).run(FakeClock(), interrupt, resumed=False)
    result = made("cut", GRID, jobs=2, portfolio=True).run(FakeClock(), resumed=True)
    assert result.outputs.tobytes() == whole.outputs.tobytes()


def test_a_part_refuses_other_bars(made) -> None:
    """A worker that finds another folder under the name says so."""
    sweep = made("one", GRID, portfolio=True)
    part = next(iter(sweep._parts(sweep.spans(), [0])))
    other = replace(pickle.loads(pickle.dumps(part)), digest="0" * 64)  # noqa: S301 - our own bytes
    with pytest.raises(DataError, match="began with"):
        run_part(other)


def test_keys_of_the_account_are_for_a_portfolio_alone(request_of) -> None:
    """MAX_OPEN_POSITIONS means nothing where each symbol trades on its own; re-entry is none."""
    axes = axes_from({"MAX_OPEN_POSITIONS": [1, 2]})
    assert request_of(axes=axes, portfolio=True).portfolio
    with pytest.raises(ConfigError, match="MAX_OPEN_POSITIONS"):
        request_of(axes=axes)
    with pytest.raises(ConfigError, match="once"):
        request_of(portfolio=True, entries_a_day=2)


def test_a_wrong_value_is_refused_before_anything_runs(made) -> None:
    """A negative number of positions."""
    with pytest.raises(ConfigError, match="MAX_OPEN_POSITIONS"):
        made("one", {"MAX_OPEN_POSITIONS": [-1]}, portfolio=True)


def test_outputs_are_of_the_account(made) -> None:
    """Two symbols that offset each other on a day square as one."""
    result = made("one", GRID, portfolio=True).run(FakeClock(), resumed=False)
    traded = result.outputs[result.outputs[:, 0] > 0]
    assert np.all(traded[:, 5] <= traded[:, 1] ** 2 + traded[:, 5])
    assert np.all(traded[:, 5] * result.days >= traded[:, 1] ** 2 - 1e-9)
