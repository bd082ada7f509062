"""What a sweep costs beside the naive loop in C, in the same run (PERFORMANCE P2 to P5).

Run ``python -m tests.bench sweep``. Both sides do the same work on the same bars on one core, are
measured in the time that the core worked for them (others may share the machine), and must give
the same outputs to the last bit: P2.equal counts those that differ. The goals are taken against
the naive loop that reads every bar of every day, as W2 is defined; beside it stands one that leaves
a day when nothing more can happen. vectorbt runs 100 sets, and the grid is taken for 100 times as
much. Processes and workers are measured by the wall on what cores are free: both sides in turns.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.hosts.kernels import cached
from rigd.hosts.kernels.reentry import UNLIMITED, TradeRules, compile_hop
from rigd.hosts.kernels.sharing import compile_share
from rigd.hosts.sweep.cluster import run_on
from rigd.hosts.sweep.pool import run_here
from rigd.hosts.sweep.work import Part
from tests.bench import goals
from tests.bench import sweep_work as work
from tests.bench.peer import Peer, PeerAbsentError
from tests.bench.peers import work as peer_work

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Iterator

KERNELS = "kernels"
"""The folder of what was compiled, so that each kernel is compiled once for all processes."""

SETS = 10_000
SCALING_ROUNDS = 2
PARTS, LEAD = 120, 30
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


class Grid(NamedTuple):
    """One strategy's grid over one symbol-year, and the naive loop in C."""

    library: ctypes.CDLL
    name: str
    bars: np.ndarray
    offsets: np.ndarray

    @property
    def work(self) -> work.Work:
        """The combinations."""
        return work.grid(self.name)

    @property
    def series(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bars, offsets and the class of each day, as the kernels take them."""
        return self.bars, self.offsets, np.zeros(len(self.offsets) - 1, np.int64)

    def naive(self, **changes: Any) -> np.ndarray:
        """Run the loop in C over it."""
        return work.run_naive(self.library, self.work, self.bars, self.offsets, **changes)


def shared(grid: Grid) -> float:
    """Compare one grid of 10,000; return the time of ours [s]."""
    share = compile_share(work.MODULES[grid.name].STRATEGY)
    asked = grid.work
    terms = (asked.entries, asked.exits, work.FRICTIONS, work.COSTS)

    def ours() -> np.ndarray:
        return share(*grid.series, *terms).reshape(-1, 6)

    mine = best_of(ours)
    naive, want = timed(grid.naive)
    early, same = timed(lambda: grid.naive(early=True))
    apart = unlike(ours(), want) + unlike(want, same)
    note = f"{grid.name}: {len(want)} sets with stop, target, trail and time exit"
    goals.tell("P2.equal", apart, note)
    goals.tell(
        "P2.c",
        naive / mine,
        f"{note}; {early / mine:.0f} times C that leaves a day early",
        ours_ms=mine * 1e3,
        c_ms=naive * 1e3,
    )
    whole = mine * SYMBOLS
    goals.tell("P5.core", whole, f"{grid.name}: {SYMBOLS} times one symbol-year", one_ms=mine * 1e3)
    return mine


def hopping(grid: Grid) -> None:
    """Compare one grid of 10,000 with unlimited re-entry."""
    hop = compile_hop(work.MODULES[grid.name].STRATEGY)
    asked = grid.work
    rules = TradeRules(UNLIMITED, np.ones(1), math.inf)
    terms = (asked.entries, asked.exits, work.FRICTIONS, work.COSTS, rules)

    def ours() -> np.ndarray:
        return hop(*grid.series, *terms).reshape(-1, 6)

    mine = best_of(ours, 3)
    naive, want = timed(lambda: grid.naive(entries_a_day=UNLIMITED))
    goals.tell("P2.equal", unlike(ours(), want), f"{grid.name}: {len(want)} sets with re-entry")
    told = {"ours_ms": mine * 1e3, "c_ms": naive * 1e3}
    goals.tell("P3.reentry", naive / mine, f"{grid.name}: no limit of entries a day", **told)


def alone(grid: Grid) -> None:
    """Compare sets that come one by one, so that nothing is shared, with the naive loop in C."""
    share = compile_share(work.MODULES[grid.name].STRATEGY)
    asked = grid.work
    chosen = range(0, len(asked.points), len(asked.points) // ALONE)
    terms = [work.one_set(asked, number) for number in chosen]
    points = asked.points[chosen]

    def ours() -> np.ndarray:
        found = [
            share(*grid.series, *each, work.FRICTIONS, work.COSTS).reshape(-1, 6) for each in terms
        ]
        return np.concatenate(found)

    mine = best_of(ours)
    naive = best_of(lambda: grid.naive(points=points))
    note = f"{grid.name}: {len(points)} sets one by one"
    goals.tell("P2.equal", unlike(ours(), grid.naive(points=points)), note)
    told = {"ours_ms": mine * 1e3, "c_ms": naive * 1e3}
    goals.tell("P3.unshared", naive / mine, note, **told)


def ruled(grid: Grid) -> None:
    """Compare rules of trade order (caps, weights, the day's loss) with the loop without them."""
    hop = compile_hop(work.MODULES[grid.name].STRATEGY)
    asked = grid.work
    rules = TradeRules(4, np.array([0.4, 0.2, 0.2, 0.2]), 50.0)
    terms = (asked.entries, asked.exits, work.FRICTIONS, work.COSTS, rules)
    mine = best_of(lambda: hop(*grid.series, *terms), 3)
    naive, _ = timed(lambda: grid.naive(entries_a_day=4))
    note = f"{grid.name}: caps, weights and loss limit; C without them"
    goals.tell("P3.unshared", naive / mine, note, ours_ms=mine * 1e3, c_ms=naive * 1e3)


def unlike(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Return how many combinations have an output that differs in any bit."""
    return int((ours != theirs).any(axis=1).sum())


def against_vectorbt(folder: Path, ours: dict[str, float]) -> None:
    """Compare 100 sets of vectorbt, taken 100 times, with the slowest of our grids."""
    rules = peer_work.Rules()
    count = len(peer_work.sets(rules))
    try:
        with Peer.on_bars("from_signals_grid", peer_work.year(), rules, folder) as peer:
            peer.run()
            seconds = min(peer.run() for _ in range(2))
            version = peer.version
    except PeerAbsentError as why:
        goals.absent("P2.from_signals", f"peer not available: {why}")
        return
    name = max(ours, key=ours.__getitem__)
    goals.tell(
        "P2.from_signals",
        seconds / count * SETS / ours[name],
        f"{version}, {count} sets of W2 without trails; ours: {name}, the slowest of the three",
        peer_s_a_100=seconds,
        ours_ms=ours[name] * 1e3,
    )


def scaling(folder: Path) -> None:
    """Compare one process with two, and with two workers of a Dask cluster, on the same parts."""
    parts = list(parts_of(folder / KERNELS))
    ways: dict[str, Callable[[], Iterator[object]]] = {
        "one": lambda: run_here(parts, 1),
        "P5.processes": lambda: run_here(parts, 2),
    }
    with ExitStack() as open_:
        try:
            from distributed import LocalCluster  # noqa: PLC0415 - an optional extra, and heavy

            workers = open_.enter_context(
                LocalCluster(  # type: ignore[no-untyped-call] # dask has no types
                    n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
                )
            )
            ways["P5.cluster"] = lambda: run_on(workers.scheduler_address, parts)
        except (ImportError, OSError, RuntimeError) as why:
            goals.absent("P5.cluster", f"no Dask cluster here: {why}")
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(SCALING_ROUNDS):
            for name, way in ways.items():
                taken[name].append(seconds_a_part(way()))
    best = {name: min(times) for name, times in taken.items()}
    cores = len(os.sched_getaffinity(0))
    for name in ways.keys() - {"one"}:
        note = f"a symbol-year x {SETS:,} sets once all run, {cores} cores"
        note += f", load {os.getloadavg()[0]:.1f}"
        told = {"one_ms": best["one"] * 1e3, "two_ms": best[name] * 1e3}
        goals.tell(name, best["one"] / best[name], note, **told)


def seconds_a_part(ended: Iterator[object]) -> float:
    """Return the time between two parts' ends [s], without the first: processes start then."""
    at = [perf_counter() for _ in ended]
    return (at[-1] - at[LEAD]) / (len(at) - 1 - LEAD)


def parts_of(cache: Path) -> Iterator[Part]:
    """Return symbol-years with the whole grid of `open`, as a sweep hands them to its workers."""
    asked = work.grid("open")
    years = [work.year_of_bars(seed) for seed in range(MEMORY_SYMBOLS)]
    for number in range(PARTS):
        bars, offsets = years[number % len(years)]
        yield Part(
            number=number,
            strategy="open",
            bars=bars,
            offsets=offsets,
            classes=np.zeros(len(offsets) - 1, np.int64),
            entries=asked.entries,
            exits=asked.exits,
            frictions=work.FRICTIONS,
            costs=work.COSTS,
            rules=None,
            cache=str(cache),
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


def memory(folder: Path) -> None:
    """Measure a process of its own: bytes a result, and its largest size."""
    arguments = [sys.executable, "-c", MEMORY, str(folder), str(MEMORY_SYMBOLS)]
    for _ in range(2):  # the first run compiles, which takes memory of its own
        told = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
    each, megabytes = (float(word) for word in told.split())
    goals.tell("P4.process", megabytes, f"{MEMORY_SYMBOLS} symbol-years")
    goals.tell("P4.combination", megabytes / SETS, f"{each:.0f} bytes a result")


def main() -> None:
    """Measure and print."""
    bars, offsets = work.year_of_bars()
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cached.use(str(folder / KERNELS))
        os.sched_setaffinity(0, {max(cores)})
        library = work.naive_library(folder)
        ours = {}
        for name in work.MODULES:
            grid = Grid(library, name, bars, offsets)
            ours[name] = shared(grid)
            hopping(grid)
            alone(grid)
            ruled(grid)
        memory(folder / KERNELS)
        os.sched_setaffinity(0, cores)
        against_vectorbt(folder, ours)
        scaling(folder)


if __name__ == "__main__":
    main()
