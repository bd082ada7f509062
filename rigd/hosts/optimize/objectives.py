"""What a search may look for: one table, each row a figure of the days' gains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.core.errors import ConfigError
from rigd.hosts.optimize.search import Direction
from rigd.indicators.sharpe import annual_sharpe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.hosts.optimize.evaluation import Outcome


class Figure(NamedTuple):
    """One objective: what is computed, and whether more or less of it is better."""

    of: Callable[[Outcome], float]
    direction: Direction


def sharpe(outcome: Outcome) -> float:
    """Return the annual Sharpe ratio of the days (252 a year); 0 when they do not vary."""
    found = annual_sharpe(outcome.pnl)
    return 0.0 if math.isnan(found) else found


def gain(outcome: Outcome) -> float:
    """Return the sum of the days' gains [fraction of the float]."""
    return float(outcome.pnl.sum())


def drawdown(outcome: Outcome) -> float:
    """Return the deepest fall of the summed gains from their peak [fraction], 0 or more."""
    level = np.cumsum(np.concatenate([[0.0], outcome.pnl]))
    return float((np.maximum.accumulate(level) - level).max())


OBJECTIVES = {
    "sharpe": Figure(sharpe, Direction.MAXIMIZE),
    "gain": Figure(gain, Direction.MAXIMIZE),
    "drawdown": Figure(drawdown, Direction.MINIMIZE),
}
"""Every objective by name."""


def figures(names: Sequence[str]) -> tuple[Figure, ...]:
    """Return objectives by name.

    Parameters
    ----------
    names
        Some of OBJECTIVES, each once; the first decides between trials that nobody beats.

    Returns
    -------
    tuple of Figure
        In the order of the names.

    Raises
    ------
    ConfigError
        If there is none, or one is unknown or named twice.
    """
    if not names or len(set(names)) < len(names) or not set(names) <= OBJECTIVES.keys():
        msg = f"objectives must be some of {', '.join(OBJECTIVES)}, were {', '.join(names)}"
        raise ConfigError(msg, fix="rigd optimize --objectives sharpe,drawdown")
    return tuple(OBJECTIVES[name] for name in names)
