"""How often the optimiser calls luck a skill, and a skill a skill: ``make honesty``.

Seeded random walks have no edge: of the proposals at most 5 % may reach "approvable". Walks with a
planted edge have one: at least 80 % must. The whole way is run: search, register, walk-forward,
deflated ratio, probability of overfitting.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from rigd.config.choices import OptimizerAlgorithm
from rigd.hosts.optimize.evaluation import make_evaluation
from rigd.hosts.optimize.search import Direction, Search
from rigd.hosts.optimize.space import default_space
from rigd.hosts.optimize.study import Judged, Plan, judge
from rigd.hosts.optimize.trials import TrialRegister
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.hosts.optimize.walks import EDGE, plain_settings, walk

DAYS = 500
FALSE_AT_MOST = 0.05
TRUE_AT_LEAST = 0.8


def judged(
    seed: int,
    edge: float,
    *,
    method: OptimizerAlgorithm = OptimizerAlgorithm.GRID,
    evaluate=None,
    n_days: int = DAYS,
) -> Judged:
    """One series, searched and judged with a register of its own."""
    grid = method is OptimizerAlgorithm.GRID
    plan = Plan(
        strategy="open",
        search=Search(
            method=method,
            space=default_space("open"),
            directions=(Direction.MAXIMIZE,),
            trials=0 if grid else 60,
            seed=seed,
        ),
        objectives=("sharpe",),
        name=f"honesty {seed}",
        settings=plain_settings(),
        days=walk(seed, n_days, edge),
        hashes={"data": str(seed)},
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        TrialRegister(Home(Path(folder)), FakeClock()) as register,
    ):
        found = judge(plan, evaluate or make_evaluation(plan.settings, "open"), register)
    assert found is not None
    return found


def rate(
    count: int, edge: float, method: OptimizerAlgorithm = OptimizerAlgorithm.GRID, first: int = 0
) -> float:
    """The part of so many series whose proposal reaches "approvable"."""
    evaluate = make_evaluation(plain_settings(), "open")
    found = (
        judged(seed, edge, method=method, evaluate=evaluate) for seed in range(first, first + count)
    )
    return sum(one.approvable for one in found) / count


def main(arguments: list[str]) -> int:
    """Print both rates; 1 when one is out of its limit."""
    parser = ArgumentParser(prog="python -m tests.hosts.optimize.honesty")
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--method", default="grid", choices=list(OptimizerAlgorithm))
    given = parser.parse_args(arguments)
    method = OptimizerAlgorithm(given.method)
    false, true = (rate(given.series, edge, method) for edge in (0.0, EDGE))
    good = false <= FALSE_AT_MOST and true >= TRUE_AT_LEAST
    sys.stdout.write(
        f"{given.series} random walks ({method}): {false:.1%} approvable, at most "
        f"{FALSE_AT_MOST:.0%}\n{given.series} planted edges ({method}): {true:.1%} approvable, "
        f"at least {TRUE_AT_LEAST:.0%}\n{'met' if good else 'not met'}\n"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
