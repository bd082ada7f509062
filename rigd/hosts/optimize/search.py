"""Three ways to search parameters, through Optuna with its journal storage: seeded, resumable.

Each trial's draws depend on the seed and on how many trials are complete, not on the process; so a
search that was cut off and taken up again makes the same trials. CMA-ES is not offered: its sampler
keeps its state as a pickle inside the journal, and nothing here unpickles a file (FAULTS S13).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.config.choices import OptimizerAlgorithm
from rigd.core.errors import ConfigError
from rigd.hosts.optimize.space import Space, grid_size
from rigd.store.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rigd.hosts.optimize.space import Axis, Params

WRITER = "rigd.hosts.optimize.search"
POPULATION = 16
"""Of the genetic search: six generations in 100 trials."""
STARTUP_TRIALS = 12
"""Drawn at random before the Bayesian search has something to learn from."""


class Direction(StrEnum):
    """Whether more or less is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Tried(NamedTuple):
    """One complete trial: its number from 0, parameters, and the value of each objective."""

    number: int
    params: Params
    values: tuple[float, ...]


Objective = Callable[[int, "Params"], tuple[float, ...]]
"""``objective(number, params)``: one finite value for each direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched, and how.

    Parameters
    ----------
    method
        Grid, Bayesian (TPE) or genetic (NSGA-II).
    space
        The parameters.
    directions
        One for each objective.
    trials
        How many; 0 for a whole grid, which is the only number a grid takes beside fewer.
    seed
        Of every draw.

    Raises
    ------
    ConfigError
        If a method other than a grid is given no number of trials.
    """

    method: OptimizerAlgorithm
    space: Space
    directions: tuple[Direction, ...]
    trials: int
    seed: int

    def __post_init__(self) -> None:
        if self.trials < 0 or (self.method is not OptimizerAlgorithm.GRID and not self.trials):
            msg = f"a {self.method} search must be given its number of trials, was {self.trials}"
            raise ConfigError(msg, fix="rigd optimize --trials 100")

    @property
    def size(self) -> int:
        """How many trials it makes."""
        if self.method is not OptimizerAlgorithm.GRID:
            return self.trials
        size = grid_size(self.space)
        return min(self.trials, size) if self.trials else size


def run_search(
    search: Search,
    objective: Objective,
    *,
    name: str,
    path: Path | None,
    on_trial: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - names for callers
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Tried]:
    """Make the trials that are not complete yet; return all of them, oldest first.

    Parameters
    ----------
    search
        What and how.
    objective
        What a set of parameters is worth; called once for each trial.
    name
        Of the study in the journal.
    path
        Optuna's journal; None keeps the study in memory.
    on_trial
        Called with how many of how many trials are complete.
    cancelled
        Asked before each trial.

    Returns
    -------
    list of Tried
        Fewer than `search.size` when it was cancelled.
    """
    study = _open(search, name, path)
    known = [_tried(search, number, trial) for number, trial in enumerate(_complete(study))]
    points = islice(_grid_places(search.space), len(known), search.size)
    on_trial(len(known), search.size)
    while len(known) < search.size and not cancelled():
        number = len(known)
        study.sampler = _sampler(search, number)
        if search.method is OptimizerAlgorithm.GRID:
            study.enqueue_trial(next(points))
        trial = study.ask()
        places = {
            axis.key: trial.suggest_int(axis.key, 0, _last(search, axis)) for axis in search.space
        }
        params = _params(search, places)
        values = objective(number, params)
        study.tell(trial, list(values))
        known.append(Tried(number, params, values))
        on_trial(len(known), search.size)
    return known


def best_of(tried: Sequence[Tried], directions: Sequence[Direction]) -> list[Tried]:
    """Return the trials that no other one beats, the best by the first objective first.

    Parameters
    ----------
    tried
        Complete trials.
    directions
        One for each objective.

    Returns
    -------
    list of Tried
        The Pareto front; of one objective all that share the best value. Ties are in the order
        of the trials.
    """
    signs = [1.0 if each is Direction.MAXIMIZE else -1.0 for each in directions]
    scores = [tuple(s * v for s, v in zip(signs, t.values, strict=True)) for t in tried]
    front = [
        (score, trial)
        for score, trial in zip(scores, tried, strict=True)
        if not any(_beats(other, score) for other in scores)
    ]
    return [trial for _, trial in sorted(front, key=lambda pair: [-part for part in pair[0]])]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _open(search: Search, name: str, path: Path | None) -> Any:  # noqa: ANN401 - optuna is imported here alone
    import optuna  # noqa: PLC0415 - half a second of imports
    from optuna.storages import InMemoryStorage, JournalStorage  # noqa: PLC0415 - with optuna
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415 - with optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if path is None:
        storage: Any = InMemoryStorage()
    else:
        make_folder(path.parent)
        storage = JournalStorage(JournalFileBackend(str(path)))
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=[direction.value for direction in search.directions],
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(_state("RUNNING"), _state("WAITING"))):
        if trial.state == _state("WAITING"):
            study.tell(study.ask().number, state=_state("FAIL"))
        else:
            study.tell(trial.number, state=_state("FAIL"))
    return study


def _complete(study: Any) -> Sequence[Any]:  # noqa: ANN401 - of optuna
    found: Sequence[Any] = study.get_trials(deepcopy=False, states=(_state("COMPLETE"),))
    return found


def _state(name: str) -> Any:  # noqa: ANN401 - of optuna
    from optuna.trial import TrialState  # noqa: PLC0415 - with optuna

    return TrialState[name]


def _sampler(search: Search, number: int) -> Any:  # noqa: ANN401 - of optuna
    """Return a sampler whose draws depend on the seed and the trial's number alone."""
    from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler  # noqa: PLC0415 - with optuna

    seed = seed_of(search.seed, number)
    if search.method is OptimizerAlgorithm.BAYESIAN:
        return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    if search.method is OptimizerAlgorithm.GENETIC:
        return NSGAIISampler(seed=seed, population_size=POPULATION)
    return RandomSampler(seed=seed)


def seed_of(seed: int, number: int) -> int:
    """Return the seed of one trial's draws."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{number}".encode()).digest()[:4])


def _last(search: Search, axis: Axis) -> int:
    """Return the last place on an axis: of its levels in a grid, else of its steps."""
    return len(axis.levels) - 1 if search.method is OptimizerAlgorithm.GRID else axis.steps


def _params(search: Search, places: Mapping[str, int]) -> Params:
    in_grid = search.method is OptimizerAlgorithm.GRID
    return {
        axis.key: axis.levels[places[axis.key]] if in_grid else axis.value(places[axis.key])
        for axis in search.space
    }


def _grid_places(space: Space) -> Iterator[dict[str, int]]:
    keys = [axis.key for axis in space]
    for places in itertools.product(*(range(len(axis.levels)) for axis in space)):
        yield dict(zip(keys, places, strict=True))


def _tried(search: Search, number: int, trial: Any) -> Tried:  # noqa: ANN401 - of optuna
    return Tried(number, _params(search, trial.params), tuple(trial.values))
