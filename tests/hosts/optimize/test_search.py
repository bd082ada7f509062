"""Searches find what they should, make the same trials again, and can be cut off."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from rigd.config.choices import OptimizerAlgorithm
from rigd.core.errors import ConfigError
from rigd.hosts.optimize.search import Direction, Search, Tried, best_of, run_search
from rigd.hosts.optimize.space import Axis, Target, default_space, grid_size

GRID, BAYESIAN, GENETIC = OptimizerAlgorithm
UP, DOWN = Direction


def toy_space() -> tuple[Axis, ...]:
    """Two parameters from -5 to 5 in steps of 0.1, and the levels -5, -2, 1, 5 of a grid."""
    levels = tuple(Decimal(level) for level in (-5, -2, 1, 5))
    return tuple(
        Axis(key=key, target=Target.RISK_SIZE, levels=levels, step=Decimal("0.1"))
        for key in ("X", "Y")
    )


def toy(_: int, params) -> tuple[float, ...]:
    """A bowl upside down: its top, 0, lies at X = 1.5 and Y = -2."""
    return (-(float(params["X"] - Decimal("1.5")) ** 2) - float(params["Y"] + 2) ** 2,)


def of(method, trials: int = 100, seed: int = 7, directions=(UP,)) -> Search:
    return Search(method=method, space=toy_space(), directions=directions, trials=trials, seed=seed)


def test_a_grid_tries_the_product_of_its_levels_once_each() -> None:
    """INVENTORY O2: 6 x 5 x 3 trials of the default space, every combination once, in order."""
    space = default_space("open")
    search = Search(method=GRID, space=space, directions=(UP,), trials=0, seed=1)
    found = run_search(search, lambda number, _: (float(number),), name="g", path=None)
    assert len(found) == grid_size(space) == 6 * 5 * 3
    tried = [tuple(trial.params.values()) for trial in found]
    assert tried == list(itertools.product(*(axis.levels for axis in space)))


@pytest.mark.parametrize("method", [BAYESIAN, GENETIC])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_known_optimum_is_found_in_a_hundred_trials(method, seed: int) -> None:
    """INVENTORY O3, O4: within 0.5 of the top of a bowl that is 10 wide, for each seed."""
    found = run_search(of(method, seed=seed), toy, name="t", path=None)
    assert len(found) == 100
    best = best_of(found, [UP])[0]
    assert abs(best.params["X"] - Decimal("1.5")) <= Decimal("0.5")
    assert abs(best.params["Y"] + 2) <= Decimal("0.5")


@pytest.mark.parametrize("method", [BAYESIAN, GENETIC])
def test_a_seed_makes_the_trials(method) -> None:
    """The same seed makes the same trials, another one others."""
    first, same, other = (
        run_search(of(method, 40, seed), toy, name="t", path=None) for seed in (5, 5, 6)
    )
    assert first == same
    assert first != other


@pytest.mark.parametrize("method", [GRID, BAYESIAN, GENETIC])
def test_a_search_that_was_cut_off_goes_on_as_if_it_never_was(method, tmp_path) -> None:
    """Cancelled after 9 trials, killed inside the tenth, taken up: the trials are the same."""
    search = of(method, 0 if method is GRID else 40)
    whole = run_search(search, toy, name="t", path=None)
    path = tmp_path / "deep" / "study.journal"
    seen: list[int] = []

    def counted(number: int, params) -> tuple[float, ...]:
        seen.append(number)
        return toy(number, params)

    part = run_search(search, counted, name="t", path=path, cancelled=lambda: len(seen) == 9)
    assert part == whole[:9]

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_search(search, killed, name="t", path=path)
    rest = run_search(search, counted, name="t", path=path)
    assert rest == whole
    assert seen == list(range(len(whole)))


def test_a_search_that_is_complete_tries_nothing(tmp_path) -> None:
    """Run again it returns what it found, without a call of the objective."""
    path = tmp_path / "study.journal"
    first = run_search(of(BAYESIAN, 15), toy, name="t", path=path)
    again = run_search(of(BAYESIAN, 15), lambda *_: pytest.fail("tried"), name="t", path=path)
    assert again == first


def test_progress_tells_how_many_of_how_many() -> None:
    """From 0 of 16 to 16 of 16, one call a trial."""
    told: list[tuple[int, int]] = []
    run_search(of(GRID, 0), toy, name="t", path=None, on_trial=lambda *at: told.append(at))
    assert told == [(done, 16) for done in range(17)]


@pytest.mark.parametrize("method", [BAYESIAN, GENETIC])
def test_two_objectives_give_a_front(method) -> None:
    """Nearer to -2 or nearer to 2 in X: the front holds trials from both sides, none is beaten."""

    def both(_: int, params) -> tuple[float, ...]:
        return float(params["X"] + 2) ** 2, -(float(params["X"] - 2) ** 2)

    found = run_search(of(method, 60, directions=(DOWN, UP)), both, name="t", path=None)
    front = best_of(found, (DOWN, UP))
    assert 3 <= len(front) < len(found)
    assert all(-2 <= trial.params["X"] <= 2 for trial in front)
    assert front[0].values[0] == min(trial.values[0] for trial in found)


def test_what_nobody_beats_is_best() -> None:
    """By hand: (1, 3), (2, 2), (3, 1) beat (1, 1); equal ones both stay, in order."""
    values = [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0), (2.0, 2.0), (3.0, 1.0)]
    tried = [Tried(number, {}, value) for number, value in enumerate(values)]
    assert [trial.number for trial in best_of(tried, (UP, UP))] == [2, 4, 3, 1]
    assert [trial.number for trial in best_of(tried, (DOWN, DOWN))] == [0]


@pytest.mark.parametrize(("method", "trials"), [(BAYESIAN, 0), (GENETIC, 0), (GRID, -1)])
def test_a_search_without_an_end_is_refused(method, trials: int) -> None:
    """Only a grid knows by itself how many trials it makes."""
    with pytest.raises(ConfigError, match="number of trials"):
        of(method, trials)


def test_a_grid_may_be_cut_short() -> None:
    """Fewer trials than combinations make the first ones alone; more make all."""
    assert (of(GRID, 5).size, of(GRID, 500).size) == (5, 16)
