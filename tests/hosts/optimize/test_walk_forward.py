"""A walk chooses on the past alone."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.optimize.evaluation import Outcome
from rigd.hosts.optimize.walk_forward import Fold, folds, walk_forward


def test_folds_by_hand() -> None:
    """22 days in 4 folds: four parts of 4 days earn, the 6 before them choose first."""
    assert folds(22) == (Fold(0, 6, 10), Fold(0, 10, 14), Fold(0, 14, 18), Fold(0, 18, 22))
    assert folds(22, rolling=True)[-1] == Fold(12, 18, 22)


@pytest.mark.parametrize(("days", "count"), [(9, 4), (100, 0), (3, 1)])
def test_too_few_days_are_refused(days: int, count: int) -> None:
    """A fold must have two days to earn and two to choose."""
    with pytest.raises(ConfigError, match="days or more"):
        folds(days, count)


def test_a_walk_earns_what_the_past_chose() -> None:
    """By hand: X earns 1 a day until day 6 and -1 after it, Y the other way round."""
    table = {"X": [1.0] * 6 + [-1.0] * 4, "Y": [-1.0] * 6 + [1.0] * 4}
    asked = []

    def choose(fold: Fold):
        asked.append(fold)
        return {max(table, key=lambda name: sum(table[name][fold.first : fold.cut])): 1}

    def earn(params, fold: Fold) -> Outcome:
        pnl = np.array(table[next(iter(params))][fold.cut : fold.end])
        return Outcome(pnl, np.ones(len(pnl), dtype=np.int64))

    plan = folds(10, 4, rolling=True)
    walk = walk_forward(plan, choose, earn)
    assert tuple(asked) == plan
    assert [next(iter(step.params)) for step in walk.steps] == ["X", "X", "X", "Y"]
    assert walk.outcome.pnl.tolist() == [1.0] * 4 + [-1.0] * 2 + [1.0] * 2
    assert walk.outcome.trades.sum() == 8
