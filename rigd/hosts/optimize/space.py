"""What the optimiser may change: per strategy the four targets of document 090, and no more."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.config.strategies import TRIGGER_KEYS
from rigd.core.errors import ConfigError
from rigd.core.values import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Params = dict[str, Decimal]
"""Values by settings key."""


class Target(StrEnum):
    """What document 090 lets the optimiser look for."""

    ENTRY_BUFFER = "entry buffer"
    EXIT_BUFFER = "exit buffer"
    VWAP_THRESHOLD = "VWAP threshold"
    RISK_SIZE = "risk size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One parameter.

    Parameters
    ----------
    key
        The settings key.
    target
        What it is.
    levels
        The values of a grid, ascending.
    step
        Between two values of the other methods, from the first level to the last.

    Raises
    ------
    ConfigError
        If there is no level, they do not ascend, or the step does not lead to the last.
    """

    key: str
    target: Target
    levels: tuple[Decimal, ...]
    step: Decimal

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in itertools.pairwise(self.levels))
        if not self.levels or not rising:
            msg = f"{self.key}: levels must ascend, were {', '.join(map(str, self.levels))}"
            raise ConfigError(msg)
        if self.step <= 0 or (self.levels[-1] - self.levels[0]) % self.step:
            msg = f"{self.key}: steps of {self.step} must lead from the first level to the last"
            raise ConfigError(msg)

    @property
    def steps(self) -> int:
        """How many steps lead from the first level to the last."""
        return int((self.levels[-1] - self.levels[0]) / self.step)

    def value(self, steps: int) -> Decimal:
        """Return the value so many steps above the first level."""
        return self.levels[0] + steps * self.step


Space = tuple[Axis, ...]


def _axis(key: str, target: Target, levels: str, step: str) -> Axis:
    values = tuple(Decimal(level) for level in levels.split())
    return Axis(key=key, target=target, levels=values, step=Decimal(step))


_TRIGGERS = {
    "open": (Target.ENTRY_BUFFER, "0.0005 0.001 0.002 0.004 0.008 0.02", "0.0001"),
    "mid": (Target.VWAP_THRESHOLD, "0.001 0.002 0.004 0.008 0.014 0.02", "0.0001"),
    "close": (Target.ENTRY_BUFFER, "0.0005 0.001 0.002 0.003 0.005 0.01", "0.0001"),
}
_TRAIL = "0.002 0.004 0.008 0.014 0.02"
_RISK = "0.002 0.005 0.008"


def default_space(strategy: str) -> Space:
    """Return the parameters that are searched unless others are named.

    Parameters
    ----------
    strategy
        ``open``, ``mid`` or ``close``.

    Returns
    -------
    tuple of Axis
        The trigger (entry buffer, or VWAP threshold of mid), the trailing stop (exit buffer) and
        MAX_RISK_PER_TRADE (risk size).

    Raises
    ------
    ConfigError
        If there is no such strategy.
    """
    if strategy not in STRATEGIES:
        msg = f"strategy must be one of {', '.join(STRATEGIES)}, was {strategy!r}"
        raise ConfigError(msg)
    target, levels, step = _TRIGGERS[strategy]
    return (
        _axis(TRIGGER_KEYS[strategy], target, levels, step),
        _axis(f"TRAIL_PCT_{strategy.upper()}", Target.EXIT_BUFFER, _TRAIL, "0.001"),
        _axis("MAX_RISK_PER_TRADE", Target.RISK_SIZE, _RISK, "0.001"),
    )


def with_levels(space: Space, levels: Mapping[str, Sequence[str]]) -> Space:
    """Return a space with other levels of some of its axes.

    Parameters
    ----------
    space
        The space to begin with.
    levels
        Values by key, as text; one level holds the key fixed.

    Returns
    -------
    tuple of Axis
        The same axes; the step is that of before where it fits, else a hundredth of the span.

    Raises
    ------
    ConfigError
        If a key is no axis of the space, or a level is no number.
    """
    known = [axis.key for axis in space]
    odd = sorted(levels.keys() - set(known))
    if odd:
        msg = f"a searched key must be one of {', '.join(known)}, was {', '.join(odd)}"
        raise ConfigError(msg, fix="search what document 090 names; set other keys by --set")
    return tuple(_replaced(axis, levels.get(axis.key, ())) for axis in space)


def grid_size(space: Space) -> int:
    """Return how many combinations a grid has: the product of the axes' levels."""
    size = 1
    for axis in space:
        size *= len(axis.levels)
    return size


def _replaced(axis: Axis, texts: Sequence[str]) -> Axis:
    if not texts:
        return axis
    try:
        values = tuple(sorted({Decimal(text) for text in texts}))
        finite = all(value.is_finite() for value in values)
    except ArithmeticError:
        finite, values = False, ()
    if not finite:
        msg = f"{axis.key}: a level must be a number, was {', '.join(texts)}"
        raise ConfigError(msg)
    span = values[-1] - values[0]
    step = axis.step if not span % axis.step else span / 100
    return Axis(key=axis.key, target=axis.target, levels=values, step=step)
