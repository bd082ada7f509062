"""The exits of a grid in the order that the kernels need, and where each combination lies in it."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.hosts.kernels.sharing import TRAIL, Exits

if TYPE_CHECKING:
    from collections.abc import Sequence


class TrailRow(NamedTuple):
    """One trailing stop, in the order of TRAIL; NaN is off."""

    trail_fraction: float
    tighten_factor: float
    tighten_buffer_s: float
    atr_mult: float
    atr_period: int

    @property
    def family(self) -> tuple[float, ...]:
        """What the trails of one family share; equal for equal families, also with NaN."""
        mult = -math.inf if math.isnan(self.atr_mult) else self.atr_mult
        period = 0 if math.isnan(self.atr_mult) else self.atr_period
        return (self.tighten_factor, self.tighten_buffer_s, mult, period)

    @property
    def tightens(self) -> bool:
        """Whether it shrinks before the time exit: at the earliest one minute before."""
        return (
            self.tighten_factor < 1.0
            and self.tighten_buffer_s >= 60.0
            and not math.isnan(self.trail_fraction)
        )


class Places(NamedTuple):
    """Where each value, in the order it was given, lies on the axis of the kernel."""

    stops: np.ndarray
    targets: np.ndarray
    trails: np.ndarray
    touches: np.ndarray


def exits_of(
    stops: Sequence[float],
    targets: Sequence[float],
    trails: Sequence[TrailRow],
    touches: Sequence[bool],
) -> tuple[Exits, Places]:
    """Return the exits of a grid as the kernels take them.

    Parameters
    ----------
    stops, targets
        Fractions of the entry price, each once; NaN is off.
    trails
        Each once.
    touches
        Without and with the touch of the VWAP, each at most once.

    Returns
    -------
    tuple of Exits and Places
        The axes, sorted, and where each given value lies on its axis.
    """
    order = sorted(range(len(trails)), key=lambda n: (trails[n].family, _off_last(trails[n][0])))
    rows = [trails[number] for number in order]
    families = [list(group) for _, group in itertools.groupby(rows, key=lambda row: row.family)]
    periods: list[int] = []
    for family in families:
        period = family[0].atr_period
        if not math.isnan(family[0].atr_mult) and period not in periods:
            periods.append(period)
    exits = Exits(
        stops=np.array(sorted(stops, key=_off_last)),
        targets=np.array(sorted(targets, key=_off_last)),
        trails=np.array([tuple(row) for row in rows], dtype=TRAIL),
        families=np.cumsum([0, *(len(family) for family in families)]),
        tightens=np.array([any(row.tightens for row in family) for family in families]),
        range_rows=np.array([
            0 if math.isnan(family[0].atr_mult) else periods.index(family[0].atr_period) + 1
            for family in families
        ]),
        touches=np.array(sorted(touches)),
    )
    places = Places(
        stops=_ranks(stops),
        targets=_ranks(targets),
        trails=np.argsort(order),
        touches=_ranks(touches),
    )
    return exits, places


def _off_last(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _ranks(values: Sequence[float]) -> np.ndarray:
    order = sorted(range(len(values)), key=lambda number: _off_last(values[number]))
    return np.argsort(order)
