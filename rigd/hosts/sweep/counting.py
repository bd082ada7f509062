"""Count a sweep's parameter sets in the trial register, before anybody sees what they earned.

Whoever picks the best of ten thousand sets has tried ten thousand times: the deflated Sharpe ratio
of every later study of the strategy knows of them. The same sweep, run again over the same data
with the same code and settings, is the same trials.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from rigd.hosts.kernels.tally import OUTPUTS
from rigd.hosts.optimize.trials import TrialRegister, Trials
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.hosts.sweep.result import SweepResult
    from rigd.store.paths import Home

_FLAT = 1e-13
"""A variance below this part of the mean square is rounding, not risk."""


def count(home: Home, clock: Clock, result: SweepResult) -> bool:
    """Count every parameter set of a finished sweep.

    Parameters
    ----------
    home
        Whose register.
    clock
        Says when.
    result
        What was tried; nobody may see it before this returns.

    Returns
    -------
    bool
        Whether they are new; False when the same sweep was counted before.

    Raises
    ------
    AlreadyRunning
        If an optimisation of this home runs; the parts of the sweep stay, it can be resumed.
    """
    found = ratios(result.outputs, result.days)
    trials = Trials(
        study=f"sweep {_mark(result.hashes)}",
        number=0,
        strategy=result.strategy,
        made=len(found),
        periods=max(result.days, 1),
        mean=float(found.mean()),
        variance=float(found.var()),
        params={axis.key: ",".join(axis.levels) for axis in result.axes},
        data=result.hashes["data"],
    )
    what = f"rigd sweep --resume {result.name}"
    lock = SessionLock(Registry(home).path("optimize.lock"), what=what, clock=clock)
    with lock, TrialRegister(home, clock) as register:
        return register.add(trials)


def ratios(outputs: np.ndarray, days: int) -> np.ndarray:
    """Return the Sharpe ratio per day of each parameter set.

    Parameters
    ----------
    outputs
        float64[n_sets, 6], `kernels.tally.OUTPUTS`; of several symbols that trade on their own the
        squares add up as those of independent ones do.
    days
        How many sessions.

    Returns
    -------
    ndarray
        float64[n_sets], mean / standard deviation (ddof 1); 0 where the days do not vary.
    """
    if days < 2:
        return np.zeros(len(outputs))
    mean = outputs[:, OUTPUTS.index("pnl")] / days
    square = outputs[:, OUTPUTS.index("square")] / days
    variance = square - mean**2
    risky = variance > _FLAT * square
    spread = np.sqrt(np.where(risky, variance, 1.0) * days / (days - 1))
    made: np.ndarray = np.where(risky, mean / spread, 0.0)
    return made


def _mark(hashes: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:12]
