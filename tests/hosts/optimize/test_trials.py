"""Every trial counts, once, and for ever."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from rigd.core.errors import ForeignWriter, TamperError
from rigd.hosts.optimize.trials import FILE, Totals, TrialRegister, Trials, trials_in
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock


def trial(number: int, mean: float = 0.1, **changes) -> Trials:
    row = Trials("study", number, "open", 1, 100, mean, 0.0, {"STRAT_OPEN_BUFFER": "0.01"}, "d")
    return row._replace(**changes)


@dataclass
class Opened:
    """A home and its register."""

    home: Home

    def register(self) -> TrialRegister:
        return TrialRegister(self.home, FakeClock())


@pytest.fixture
def place(tmp_path) -> Opened:
    return Opened(Home(tmp_path))


def test_trials_are_counted_by_strategy(place) -> None:
    """Two of open, one of mid, none of close."""
    with place.register() as register:
        for row in (trial(0), trial(1), trial(0, strategy="mid", study="other")):
            assert register.add(row)
        assert [register.totals(name).made for name in ("open", "mid", "close")] == [2, 1, 0]


def test_the_spread_is_that_of_the_ratios(place) -> None:
    """30 drawn ratios: numpy's variance of ratio × √periods; over 25 periods a 25th of it."""
    ratios = np.random.default_rng(4).normal(0.02, 0.05, 30)
    with place.register() as register:
        for number, ratio in enumerate(ratios):
            register.add(trial(number, float(ratio)))
        found = register.totals("open")
    assert found.spread == pytest.approx(np.var(ratios * 10.0), rel=1e-12)
    assert found.variance(25) == pytest.approx(found.spread / 25)


def test_a_sweep_counts_as_all_its_trials(place) -> None:
    """A row of 1000 trials with their mean and variance counts as if each had a row."""
    ratios = np.random.default_rng(4).normal(0.02, 0.1, 1000)
    alone = np.array([0.3, -0.1])
    with place.register() as register:
        for number, ratio in enumerate(alone):
            register.add(trial(number, float(ratio)))
        register.add(trial(2, float(ratios.mean()), made=1000, variance=float(np.var(ratios))))
        found = register.totals("open")
    assert found.made == 1002
    assert found.spread == pytest.approx(np.var(np.concatenate([alone, ratios]) * 10), rel=1e-12)


def test_a_deleted_study_takes_no_trial_with_it(place) -> None:
    """Everything below runs/ that belongs to studies is removed: the count stays."""
    with place.register() as register:
        for number in range(5):
            register.add(trial(number))
    studies = place.home.backtest_results / "strategy_tuning" / "studies"
    studies.mkdir()
    (studies / "study.journal").write_text("{}")
    for path in studies.iterdir():
        path.unlink()
    with place.register() as register:
        assert register.totals("open") == Totals(5, pytest.approx(0.0))


def test_the_same_trial_made_again_is_the_same(place) -> None:
    """A trial of a study that was cut off and taken up is not counted twice."""
    with place.register() as register:
        assert register.add(trial(0))
    with place.register() as register:
        assert not register.add(trial(0))
        assert register.add(trial(0, study="another"))
        assert register.totals("open").made == 2


def test_what_was_written_can_be_read(place) -> None:
    """All trials with everything that is known of them; none where there is no register."""
    assert trials_in(place.home) == []
    rows = [trial(0), trial(1, -0.2, params={"A": "1"})]
    with place.register() as register:
        for row in rows:
            register.add(row)
        register.sync()
        assert trials_in(place.home) == rows


def test_a_changed_register_is_found(place) -> None:
    """One digit in a row, and nothing is counted any more."""
    with place.register() as register:
        for number in range(3):
            register.add(trial(number))
    path = Registry(place.home).path(FILE)
    path.write_bytes(path.read_bytes().replace(b'"made":1,', b'"made":0,', 1))
    with pytest.raises(TamperError, match=r"trials\.log"):
        place.register()


def test_a_register_that_was_begun_anew_is_found(place) -> None:
    """A head that a proposal noted must be there: removed, and as long again, it is another."""
    with place.register() as register:
        for number in range(3):
            register.add(trial(number))
        head = register.head
        register.require([head, (0, "")])
    Registry(place.home).path(FILE).unlink()
    with place.register() as register:
        with pytest.raises(TamperError, match="must hold row 3"):
            register.require([head])
        for number in range(3):
            register.add(trial(number, 0.0))
        with pytest.raises(TamperError, match="must hold row 3"):
            register.require([head])


def test_the_register_has_one_writer(place) -> None:
    """Another module is refused by the table of outputs."""
    with pytest.raises(ForeignWriter):
        Registry(place.home).claim(FILE, writer="rigd.hosts.optimize.study")


def test_a_ratio_that_is_no_number_is_not_written(place) -> None:
    """NaN would make every later spread NaN."""
    with place.register() as register:
        with pytest.raises(Exception, match="finite"):
            register.add(trial(0, math.nan))
        assert register.totals("open").made == 0
