"""The trial register: every trial that was ever made on a strategy, in one chained file.

The best of many trials looks good by luck alone, so a result counts only beside the number of
trials behind it. The register is append-only and lies apart from the studies: who deletes a study
deletes no trial. The same trial of the same study, made again, is the same trial.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, Self

from rigd.core.errors import TamperError
from rigd.store.chainlog import ChainLog, read_chain
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rigd.core.ports import Clock
    from rigd.store.chainlog import Head, Row
    from rigd.store.paths import Home

WRITER = "rigd.hosts.optimize.trials"
FILE = "trials.log"
GENESIS = "rigd trials"
KIND = "Trials"
RESERVE_BYTES = 256 * 1024


class Trials(NamedTuple):
    """Some trials of one study.

    Parameters
    ----------
    study, number
        Which; together they are written once.
    strategy
        On what.
    made
        How many they are: 1, or a whole sweep.
    periods
        Days that each was judged on.
    mean, variance
        Mean and variance (population) of their Sharpe ratios per day; of one, itself and 0.
    params
        The parameters of one trial, what was varied of a sweep; text by key.
    data
        Digest of the data.
    """

    study: str
    number: int
    strategy: str
    made: int
    periods: int
    mean: float
    variance: float
    params: Mapping[str, str]
    data: str


class Totals(NamedTuple):
    """All trials of a strategy.

    Parameters
    ----------
    made
        How many there were.
    spread
        Variance of their ratios × √periods: what luck spreads over, whatever their length.
    """

    made: int
    spread: float

    def variance(self, periods: int) -> float:
        """Return the variance that luck gives to the ratios of trials over so many periods.

        Parameters
        ----------
        periods
            Days that the chosen trial was judged on.

        Returns
        -------
        float
            [per period²], at most 1 / periods: without skill ratio × √periods has a variance of 1,
            less where trials are alike; what spreads wider differs in skill, and taking that for
            luck would deflate every strategy that has some.
        """
        return min(self.spread, 1.0) / periods


class _Sums:
    """Count, mean and sum of squares about it, of ratios × √periods (Chan et al., 1979)."""

    __slots__ = ("about", "count", "mean")

    def __init__(self) -> None:
        self.count, self.mean, self.about = 0, 0.0, 0.0

    def add(self, trials: Trials) -> None:
        count, mean = trials.made, trials.mean * math.sqrt(trials.periods)
        about = trials.variance * trials.periods * count
        total = self.count + count
        away = mean - self.mean
        self.about += about + away**2 * self.count * count / total
        self.mean += away * count / total
        self.count = total


class TrialRegister:
    """The register of a home, open to append; one process at a time (`optimize.lock`).

    Parameters
    ----------
    home
        Whose register.
    clock
        Says when.
    """

    def __init__(self, home: Home, clock: Clock) -> None:
        path = Registry(home).claim(FILE, writer=WRITER)
        self._clock = clock
        self._known: set[tuple[str, int]] = set()
        self._sums: dict[str, _Sums] = defaultdict(_Sums)
        self._hashes: list[str] = []
        if path.exists():
            self._log = ChainLog.open(path, GENESIS, RESERVE_BYTES)
            for row in self._log.entries():
                self._take(_trials_of(row), row.hash)
        else:
            self._log = ChainLog.create(path, GENESIS, RESERVE_BYTES)

    @property
    def head(self) -> Head:
        """Number and hash of the last row."""
        return self._log.head

    def add(self, trials: Trials) -> bool:
        """Count trials; return False when these were counted before.

        Parameters
        ----------
        trials
            What was tried. Nobody may see its result before this returns.

        Returns
        -------
        bool
            Whether a row was written; a power loss may cost the rows since `sync`, a crash none.
        """
        if (trials.study, trials.number) in self._known:
            return False
        data = trials._asdict() | {"params": dict(trials.params)}
        _, digest = self._log.append(self._clock.now(), KIND, data)
        self._take(trials, digest)
        return True

    def sync(self) -> None:
        """Make every row survive a power loss."""
        self._log.sync()

    def totals(self, strategy: str) -> Totals:
        """Return how many trials a strategy ever had, and how their ratios spread."""
        sums = self._sums[strategy]
        return Totals(sums.count, sums.about / sums.count if sums.count else 0.0)

    def require(self, heads: Iterable[Head]) -> None:
        """Do nothing when the register still holds all that it held once.

        Parameters
        ----------
        heads
            Numbers and hashes that proposals noted.

        Raises
        ------
        TamperError
            If it is shorter, or another one.
        """
        for seq, digest in heads:
            if seq > len(self._hashes) or (seq and self._hashes[seq - 1] != digest):
                msg = f"{FILE} must hold row {seq} with hash {digest[:16]}, has another or none"
                raise TamperError(msg, fix="put the register of before back from a backup")

    def close(self) -> None:
        """Sync and close."""
        self._log.close()

    def __enter__(self) -> Self:
        """Return the register."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _take(self, trials: Trials, digest: str) -> None:
        self._known.add((trials.study, trials.number))
        self._sums[trials.strategy].add(trials)
        self._hashes.append(digest)


def trials_in(home: Home) -> list[Trials]:
    """Return every trial of a home's register, oldest first; nothing is written.

    Parameters
    ----------
    home
        Whose register.

    Returns
    -------
    list of Trials
        Empty when there is no register yet.
    """
    path = Registry(home).path(FILE)
    return [_trials_of(row) for row in read_chain(path, GENESIS)] if path.exists() else []


def _trials_of(row: Row) -> Trials:
    return Trials(**row.data)
