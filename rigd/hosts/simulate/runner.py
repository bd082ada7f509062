"""Run many seeds, on several cores, and tell what was found and what was never tried."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rigd.core.orders import OrdStatus
from rigd.hosts.simulate.account import EDGES, EVIDENCE, SELDOM
from rigd.hosts.simulate.faults import MENU, Fault
from rigd.hosts.simulate.oracle import Violation
from rigd.hosts.simulate.swarm import Profile, draw
from rigd.hosts.simulate.world import SimWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


BATCH = 25
"""Seeds that a worker takes at a time."""

ENOUGH_SEEDS = 1000
"""From so many seeds of the swarm on, what was never tried is a failure."""

ENOUGH_FOR_EDGES = 5000
"""From so many seeds on each edge of the order machine must have been walked."""

PER_THOUSAND = 100
"""How often each fault must happen in a thousand seeds (FAULTS §5.5)."""

CRASHES_IN = (
    "initialize",
    "idle",
    "analyzing",
    "trading",
    "monitoring",
    "graceful_closing_positions",
    "emergency_closing_positions",
)
"""The states of the bot in which a process must have died."""

KILLS_IN = ("idle", "analyzing", "trading", "monitoring", "graceful_closing_positions")
"""The states of the bot in which a kill must have been asked for."""

DOUBTS_BY = (*(word for word in EVIDENCE if word != "ack"), "fill")
"""How unknown outcomes must have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one seed."""

    seed: int
    digest: str
    violation: Violation | None
    fired: Counter[Fault]
    edges: frozenset[tuple[OrdStatus, OrdStatus]]
    sometimes: Counter[str]
    processes: int
    orders: int
    fills: int
    trades: int


@dataclass(slots=True, kw_only=True)
class Summary:
    """What became of many seeds."""

    profile: Profile
    seeds: int = 0
    violations: list[Run] = field(default_factory=list)
    fired: Counter[Fault] = field(default_factory=Counter)
    edges: Counter[tuple[OrdStatus, OrdStatus]] = field(default_factory=Counter)
    sometimes: Counter[str] = field(default_factory=Counter)
    processes: int = 0
    orders: int = 0
    fills: int = 0
    trades: int = 0
    seconds: float = 0.0

    def take(self, run: Run) -> None:
        """Add one seed."""
        self.seeds += 1
        if run.violation is not None:
            self.violations.append(run)
        self.fired.update(run.fired)
        self.edges.update(run.edges)
        self.sometimes.update(run.sometimes)
        self.processes += run.processes
        self.orders += run.orders
        self.fills += run.fills
        self.trades += run.trades

    def untried(self) -> list[str]:
        """Return what must have happened and did not; nothing is asked of few or calm seeds."""
        if self.seeds < ENOUGH_SEEDS or self.profile is not Profile.SWARM:
            return []
        least = PER_THOUSAND * self.seeds // 1000
        faults = [
            f"fault {fault}: {self.fired[fault]} times, {least} wanted"
            for fault in MENU
            if self.fired[fault] < least
        ]
        edges = [
            f"edge {frm} to {to}" for frm, to in sorted(EDGES - SELDOM) if not self.edges[frm, to]
        ]
        if self.seeds < ENOUGH_FOR_EDGES:
            edges = []
        wanted = (
            *(f"crash in {state}" for state in CRASHES_IN),
            *(f"kill in {state}" for state in KILLS_IN),
            *(f"doubt ended by {word}" for word in DOUBTS_BY),
        )
        return [*faults, *edges, *(word for word in wanted if not self.sometimes[word])]

    @property
    def passed(self) -> bool:
        """Tell whether nothing was violated and everything was tried."""
        return not self.violations and not self.untried()


def run_seed(seed: int, profile: Profile, minutes: int) -> Run:
    """Run one seed.

    Parameters
    ----------
    seed, profile, minutes
        As `swarm.draw` takes them.

    Returns
    -------
    Run
        What became of it.
    """
    return run_of(SimWorld(draw(seed, profile, minutes)).run())


def run_of(world: SimWorld) -> Run:
    """Return what became of a world that was run."""
    account = world.oracle.account
    sometimes = world.phases.copy()
    sometimes.update(f"doubt ended by {word}" for word in account.resolved)
    return Run(
        seed=world.options.seed,
        digest=world.trace.digest(),
        violation=world.violation,
        fired=world.plan.fired,
        edges=frozenset(account.edges),
        sometimes=sometimes,
        processes=world.processes,
        orders=len(world.venue.orders),
        fills=len(world.venue.fills),
        trades=account.closed.trades if account.closed is not None else 0,
    )


def run_seeds(
    seeds: range,
    profile: Profile,
    minutes: int,
    jobs: int,
    told: Callable[[Run], None] = lambda _: None,
) -> Summary:
    """Run many seeds.

    Parameters
    ----------
    seeds, profile, minutes
        Which.
    jobs
        How many processes share them.
    told
        Called with each seed's outcome, in the order of the seeds.

    Returns
    -------
    Summary
        The same whatever the number of processes.
    """
    summary = Summary(profile=profile)
    for run in _runs(seeds, profile, minutes, jobs):
        summary.take(run)
        told(run)
    return summary


def _runs(seeds: range, profile: Profile, minutes: int, jobs: int) -> Iterator[Run]:
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    if jobs <= 1 or len(batches) <= 1:
        for batch in batches:
            yield from _batch(batch, profile, minutes)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        count = len(batches)
        for runs in pool.map(_batch, batches, [profile] * count, [minutes] * count):
            yield from runs


def _batch(seeds: range, profile: Profile, minutes: int) -> list[Run]:
    return [run_seed(seed, profile, minutes) for seed in seeds]
