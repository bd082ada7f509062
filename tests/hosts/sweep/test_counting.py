"""Every parameter set of a sweep counts in the trial register."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.core.errors import AlreadyRunning
from rigd.hosts.optimize.trials import TrialRegister, trials_in
from rigd.hosts.sweep import running
from rigd.hosts.sweep.counting import ratios
from rigd.hosts.sweep.running import SweepCancelledError
from rigd.indicators.sharpe import moments
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock


def test_a_sweep_is_counted_with_all_its_sets(made, home) -> None:
    """64 sets in one row; the totals of the strategy know them, another strategy's do not."""
    result = made().run(FakeClock(), resumed=False)
    (row,) = trials_in(home)
    assert (row.made, row.strategy, row.periods) == (64, "open", 3)
    assert row.data == result.hashes["data"]
    with TrialRegister(home, FakeClock()) as register:
        assert register.totals("open").made == 64
        assert register.totals("mid").made == 0
        found = ratios(result.outputs, result.days)
        spread = found.var() * result.days
        assert register.totals("open").spread == pytest.approx(spread)


def test_the_same_sweep_again_is_the_same_trials(made, home) -> None:
    """Another name makes no new trial; another grid does."""
    made("one").run(FakeClock(), resumed=False)
    made("two").run(FakeClock(), resumed=False)
    made("three", {"STOP_PCT_OPEN": [0.01, 0.02]}).run(FakeClock(), resumed=False)
    assert [row.made for row in trials_in(home)] == [64, 2]


def test_a_portfolio_is_other_trials_than_its_symbols_alone(made, home) -> None:
    """The same grid over one account is counted too."""
    made("one", {"STOP_PCT_OPEN": [0.01]}).run(FakeClock(), resumed=False)
    made("two", {"STOP_PCT_OPEN": [0.01]}, portfolio=True).run(FakeClock(), resumed=False)
    assert [row.made for row in trials_in(home)] == [1, 1]


def test_nobody_sees_a_result_that_was_not_counted(made, home, monkeypatch) -> None:
    """While an optimisation holds the register there is no result; the parts stay to be resumed."""
    lock = SessionLock(Registry(home).path("optimize.lock"), what="a study", clock=FakeClock())
    sweep = made("one")
    with lock, pytest.raises(AlreadyRunning):
        sweep.run(FakeClock(), resumed=False)
    assert not running.SweepFolder(home, "one").table.exists()
    monkeypatch.setattr(running, "run_here", lambda parts, _jobs: iter(list(parts)))
    assert made("one").run(FakeClock(), resumed=True).table.exists()
    assert [row.made for row in trials_in(home)] == [64]


def test_a_cancelled_sweep_shows_nothing_and_counts_nothing(made, home) -> None:
    """What nobody saw is no trial yet; it counts once it is resumed."""
    sweep = made("one")
    sweep.cancel()
    with pytest.raises(SweepCancelledError):
        sweep.run(FakeClock(), resumed=False)
    assert trials_in(home) == []


def test_the_ratio_is_that_of_the_days() -> None:
    """From sums of days as from the days themselves; 0 where nothing varies."""
    days = np.array([[1.0, -2.0, 4.0, 0.0], [2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    outputs = np.zeros((3, 6))
    outputs[:, 1], outputs[:, 5] = days.sum(axis=1), (days**2).sum(axis=1)
    want = [moments(days[0]).sharpe, 0.0, 0.0]
    assert ratios(outputs, 4).tolist() == pytest.approx(want)
    assert ratios(outputs, 1).tolist() == [0.0, 0.0, 0.0]
