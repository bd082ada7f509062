"""Many seeds: nothing is violated, and what was never tried is told."""

from __future__ import annotations

from collections import Counter

from rigd.core.orders import OrdStatus
from rigd.hosts.simulate.account import EDGES
from rigd.hosts.simulate.faults import MENU, Fault
from rigd.hosts.simulate.runner import (
    CRASHES_IN,
    DOUBTS_BY,
    KILLS_IN,
    Summary,
    run_seed,
    run_seeds,
)
from rigd.hosts.simulate.swarm import Profile

SEEDS = range(120)


def test_a_swarm_of_seeds_violates_nothing() -> None:
    """The commit tier in small: I-01 to I-17, V-1 to V-4 over whole days with faults."""
    told = []
    summary = run_seeds(SEEDS, Profile.SWARM, 400, 1, told.append)
    assert [str(run.violation) for run in summary.violations] == []
    assert [run.seed for run in told] == list(SEEDS)
    assert summary.seeds == len(SEEDS)
    assert summary.fills > 200
    assert len([fault for fault in MENU if summary.fired[fault]]) > 45


def test_calm_days_violate_nothing() -> None:
    """No faults: each day trades, ends CLOSED and takes one process."""
    summary = run_seeds(range(10), Profile.CALM, 400, 1)
    assert not summary.violations
    assert summary.processes == 10
    assert summary.trades >= 10
    assert not summary.fired


def test_a_seed_is_the_same_whoever_runs_it() -> None:
    """In one process or in two."""
    one = [run_seed(seed, Profile.LITE, 120) for seed in range(30)]
    told = []
    run_seeds(range(30), Profile.LITE, 120, 2, told.append)
    assert [run.digest for run in told] == [run.digest for run in one]


def whole() -> Summary:
    """Five thousand seeds in which everything was tried."""
    wanted = (
        *(f"crash in {state}" for state in CRASHES_IN),
        *(f"kill in {state}" for state in KILLS_IN),
        *(f"doubt ended by {word}" for word in DOUBTS_BY),
    )
    return Summary(
        profile=Profile.SWARM,
        seeds=5000,
        fired=Counter(dict.fromkeys(MENU, 500)),
        edges=Counter(dict.fromkeys(EDGES, 1)),
        sometimes=Counter(dict.fromkeys(wanted, 1)),
    )


def test_what_was_never_tried_is_a_failure() -> None:
    """FAULTS §5.5: a fault too seldom, an edge never, a state in which nothing died."""
    summary = whole()
    assert (summary.untried(), summary.passed) == ([], True)
    summary.fired[Fault.BUST] = 499
    del summary.edges[OrdStatus.NEW, OrdStatus.FILLED]
    del summary.sometimes["crash in idle"]
    assert summary.untried() == [
        "fault bust: 499 times, 500 wanted",
        "edge NEW to FILLED",
        "crash in idle",
    ]
    assert not summary.passed
    summary.seeds = 1000
    assert summary.untried() == ["crash in idle"]


def test_of_few_or_calm_seeds_nothing_is_asked() -> None:
    """Only a swarm of a thousand seeds must have tried everything."""
    assert Summary(profile=Profile.SWARM, seeds=999).untried() == []
    assert Summary(profile=Profile.CALM, seeds=5000).untried() == []
