"""What a sweep costs beside the naive loop in C, in the same run (PERFORMANCE P2 to P5).

Run ``python -m tests.bench sweep``. Both sides do the same work on the same bars on one core, are
measured in the time that the core worked for them (others may share the machine), and must give
the same outputs to the last bit, else the line says `not met`. The goals are taken against the
naive loop that reads every bar of every day, as W2 is defined; beside it stands one that leaves a
day when nothing more can happen.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from rigd.hosts.kernels.reentry import UNLIMITED, TradeRules, compile_hop
from rigd.hosts.kernels.sharing import compile_share
from tests.bench import sweep_work as work

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
SYMBOLS = 500
ALONE = 40
MEMORY_SYMBOLS = 4


def best_of(run: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the shortest time of a few rounds [s]; the first call is not counted."""
    run()
    times = []
    for _ in range(rounds):
        began = process_time()
        run()
        times.append(process_time() - began)
    return min(times)


def timed(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the time of one call [s], and its answer."""
    began = process_time()
    found = run()
    return process_time() - began, found


def line(goal: str, text: str, *, met: bool) -> bool:
    """Print one goal."""
    sys.stdout.write(f"{goal} {text}: {'met' if met else 'not met'}\n")
    sys.stdout.flush()
    return met


def shared(library, name: str, bars: np.ndarray, offsets: np.ndarray) -> tuple[bool, float]:
    """Compare one grid of 10,000; return whether the goal was met, and the time of ours [s]."""
    grid = work.grid(name)
    share = compile_share(work.MODULES[name].STRATEGY)
    classes = np.zeros(len(offsets) - 1, np.int64)
    terms = (classes, grid.entries, grid.exits, work.FRICTIONS, work.COSTS)

    def ours() -> np.ndarray:
        return share(bars, offsets, *terms).reshape(-1, 6)

    mine = best_of(ours)
    naive, want = timed(lambda: work.run_naive(library, grid, bars, offsets))
    early, same = timed(lambda: work.run_naive(library, grid, bars, offsets, early=True))
    equal = np.array_equal(ours(), want) and np.array_equal(want, same)
    met = line(
        "P2",
        f"{name}, {len(want)} sets, stop, target, trail, time: {mine * 1e3:.1f} ms, naive C "
        f"{naive * 1e3:.0f} ms = {naive / mine:.0f}x (goal 100x), C that leaves early "
        f"{early / mine:.0f}x, outputs equal {equal}",
        met=equal and naive / mine >= 100.0,
    )
    return met, mine


def hopping(library, name: str, bars: np.ndarray, offsets: np.ndarray) -> bool:
    """Compare one grid of 10,000 with unlimited re-entry."""
    grid = work.grid(name)
    hop = compile_hop(work.MODULES[name].STRATEGY)
    rules = TradeRules(UNLIMITED, np.ones(1), math.inf)
    terms = (grid.entries, grid.exits, work.FRICTIONS, work.COSTS, rules)
    classes = np.zeros(len(offsets) - 1, np.int64)

    def ours() -> np.ndarray:
        return hop(bars, offsets, classes, *terms).reshape(-1, 6)

    mine = best_of(ours, 3)
    naive, want = timed(
        lambda: work.run_naive(library, grid, bars, offsets, entries_a_day=UNLIMITED)
    )
    equal = np.array_equal(ours(), want)
    return line(
        "P3",
        f"{name}, {len(want)} sets, re-entry: {mine * 1e3:.1f} ms, naive C {naive * 1e3:.0f} ms = "
        f"{naive / mine:.0f}x (goal 12x), outputs equal {equal}",
        met=equal and naive / mine >= 12.0,
    )


def alone(library, name: str, bars: np.ndarray, offsets: np.ndarray) -> bool:
    """Compare sets that come one by one, so that nothing is shared, with the naive loop in C."""
    grid = work.grid(name)
    share = compile_share(work.MODULES[name].STRATEGY)
    classes = np.zeros(len(offsets) - 1, np.int64)
    chosen = range(0, len(grid.points), len(grid.points) // ALONE)
    terms = [work.one_set(grid, number) for number in chosen]

    def ours() -> np.ndarray:
        found = [
            share(bars, offsets, classes, *each, work.FRICTIONS, work.COSTS).reshape(-1, 6)
            for each in terms
        ]
        return np.concatenate(found)

    points = grid.points[chosen]
    mine = best_of(ours)
    naive = best_of(lambda: work.run_naive(library, grid, bars, offsets, points=points))
    equal = np.array_equal(ours(), work.run_naive(library, grid, bars, offsets, points=points))
    return line(
        "P3",
        f"{name}, {len(points)} sets one by one: {mine * 1e3:.1f} ms, naive C {naive * 1e3:.1f} ms "
        f"= {naive / mine:.2f}x (goal 0.7x), outputs equal {equal}",
        met=equal and naive / mine >= 0.7,
    )


def ruled(library, name: str, bars: np.ndarray, offsets: np.ndarray) -> bool:
    """Compare rules of trade order (caps, weights, the day's loss) with the loop without them."""
    grid = work.grid(name)
    hop = compile_hop(work.MODULES[name].STRATEGY)
    rules = TradeRules(4, np.array([0.4, 0.2, 0.2, 0.2]), 50.0)
    classes = np.zeros(len(offsets) - 1, np.int64)
    terms = (grid.entries, grid.exits, work.FRICTIONS, work.COSTS, rules)
    mine = best_of(lambda: hop(bars, offsets, classes, *terms), 3)
    naive, _ = timed(lambda: work.run_naive(library, grid, bars, offsets, entries_a_day=4))
    return line(
        "P3",
        f"{name}, {len(grid.points)} sets, rules of trade order: {mine * 1e3:.1f} ms, naive C "
        f"without the rules {naive * 1e3:.0f} ms = {naive / mine:.0f}x (goal 0.7x)",
        met=naive / mine >= 0.7,
    )


MEMORY = """
import sys
from pathlib import Path
import numpy as np
from rigd.hosts.kernels import cached
from rigd.hosts.kernels.sharing import compile_share
from tests.bench import sweep_work as work
cached.use(sys.argv[1])
grid = work.grid("open")
share = compile_share(work.MODULES["open"].STRATEGY)
for seed in range(int(sys.argv[2])):
    bars, offsets = work.year_of_bars(seed)
    classes = np.zeros(work.DAYS, np.int64)
    out = share(bars, offsets, classes, grid.entries, grid.exits, work.FRICTIONS, work.COSTS)
status = Path('/proc/self/status').read_text()
peak = next(row.split()[1] for row in status.splitlines() if row.startswith('VmHWM'))
print(out.nbytes / out[..., 0].size, int(peak) / 1024)
"""


def memory(folder: Path) -> bool:
    """Measure a process of its own: bytes a result, and its largest size."""
    arguments = [sys.executable, "-c", MEMORY, str(folder), str(MEMORY_SYMBOLS)]
    for _ in range(2):  # the first run compiles, which takes memory of its own
        told = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
    each, megabytes = (float(word) for word in told.split())
    a_set = megabytes / 10_000
    return line(
        "P4",
        f"{each:.0f} bytes a result, {megabytes:.0f} MB the process (goal 300), "
        f"{a_set:.3f} MB a combination (goal 0.05)",
        met=megabytes <= 300.0 and a_set <= 0.05,
    )


def main() -> int:
    """Measure and print; 0 when every goal was met."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bars, offsets = work.year_of_bars()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        library = work.naive_library(folder)
        outcomes = []
        for name in work.MODULES:
            met, mine = shared(library, name, bars, offsets)
            outcomes.append(met)
            outcomes.append(
                line(
                    "P5",
                    f"{name}, 500 symbol-years x 10,000 sets from one: {mine * SYMBOLS:.1f} s a "
                    "core (goal 10 s)",
                    met=mine * SYMBOLS <= 10.0,
                )
            )
            outcomes.append(hopping(library, name, bars, offsets))
            outcomes.append(alone(library, name, bars, offsets))
            outcomes.append(ruled(library, name, bars, offsets))
        outcomes.append(memory(folder / "kernels"))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
