"""How many simulated sessions a second: ``python -m tests.bench chaos`` (PERFORMANCE P13).

Seeds of the swarm, as ``rigd chaos`` draws them, over two processes. The time that they need alone,
without starting the processes and their imports, is told beside it.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING

from rigd.hosts.simulate.runner import run_seeds
from rigd.hosts.simulate.swarm import Profile
from tests.bench import goals

if TYPE_CHECKING:
    from rigd.hosts.simulate.runner import Run

SEEDS = 150
JOBS = 2
MINUTES = 400
"""The longest day, as the command has it."""


def main() -> int:
    """Measure and print."""
    at: list[float] = []

    def told(run: Run) -> None:
        assert run.violation is None, run.violation
        at.append(perf_counter())

    began = perf_counter()
    run_seeds(range(SEEDS), Profile.SWARM, MINUTES, JOBS, told)
    seconds = perf_counter() - began
    steady = (len(at) - 1) / (at[-1] - at[0])
    note = f"{SEEDS} seeds, {JOBS} processes, their start included; {steady:.1f}/s after the first"
    goals.tell("P13", SEEDS / seconds, note, seconds=seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
