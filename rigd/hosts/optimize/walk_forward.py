"""Walk-forward: choose on some days, earn on the next ones, again and again.

What is chosen in a fold was found on the days before it alone; the earnings of all folds together
are what the way of choosing would have earned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.core.errors import ConfigError
from rigd.hosts.optimize.evaluation import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.hosts.optimize.space import Params

FOLDS = 4
"""Of a walk; the first fold is chosen on the first fifth of the days."""


class Fold(NamedTuple):
    """Days `first` to `cut` choose, days `cut` to `end` earn; the last ones are not included."""

    first: int
    cut: int
    end: int


class Step(NamedTuple):
    """A fold, what was chosen in it, and what that earned on its later days."""

    fold: Fold
    params: Params
    outcome: Outcome


class Walk(NamedTuple):
    """All folds, and the days that earned, in order."""

    steps: tuple[Step, ...]
    outcome: Outcome


def folds(n_days: int, count: int = FOLDS, *, rolling: bool = False) -> tuple[Fold, ...]:
    """Return the folds of a walk.

    Parameters
    ----------
    n_days
        How many days there are.
    count
        How many folds.
    rolling
        Whether each fold chooses on as many days as the first; else on all the days before it.

    Returns
    -------
    tuple of Fold
        Earning parts of equal length that end with the last day; the days left over choose in the
        first fold.

    Raises
    ------
    ConfigError
        If there are too few days for so many folds of two days.
    """
    length = n_days // (count + 1) if count > 0 else 0
    if length < 2:
        msg = f"a walk of {count} folds must have {2 * (abs(count) + 1)} days or more, had {n_days}"
        raise ConfigError(msg, fix="give more days: --lookback 30, or a folder with more of them")
    cuts = [n_days - length * (count - number) for number in range(count)]
    choosing = cuts[0]
    return tuple(Fold(cut - choosing if rolling else 0, cut, cut + length) for cut in cuts)


def walk_forward(
    plan: tuple[Fold, ...],
    choose: Callable[[Fold], Params],
    earn: Callable[[Params, Fold], Outcome],
) -> Walk:
    """Walk through the folds.

    Parameters
    ----------
    plan
        The folds, in time order.
    choose
        Parameters from a fold's choosing days alone.
    earn
        What parameters do on a fold's earning days.

    Returns
    -------
    Walk
        What was chosen and earned.
    """
    steps = []
    for fold in plan:
        params = choose(fold)
        steps.append(Step(fold, params, earn(params, fold)))
    pnl = np.concatenate([step.outcome.pnl for step in steps])
    trades = np.concatenate([step.outcome.trades for step in steps])
    return Walk(tuple(steps), Outcome(pnl, trades))
