"""``rigd chaos``: run seeded days with faults; tell what failed and how to see it again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.cli.console import say, say_json, say_next
from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.simulate import mutants
from rigd.hosts.simulate.faults import MENU
from rigd.hosts.simulate.runner import Run, Summary, run_seeds
from rigd.hosts.simulate.shrink import Shrunk, shrink
from rigd.hosts.simulate.swarm import Profile, draw
from rigd.hosts.simulate.world import SimWorld
from rigd.store.files import replace
from rigd.store.hashing import digest_tree

if TYPE_CHECKING:
    from rigd.hosts.simulate.mutants import Caught

SHOWN = 10
"""How many violations are printed; the file of ``--json`` holds all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for on the command line."""

    seeds: int
    start: int
    seed: int
    jobs: int
    profile: str
    minutes: int
    trace: Path | None
    shrinks: bool
    mutants: bool
    json_file: Path | None


def run(request: Request) -> int:
    """Do what was asked for.

    Parameters
    ----------
    request
        The options.

    Returns
    -------
    int
        0 when nothing was violated and everything was tried, else 1.

    Raises
    ------
    ConfigError
        If an option makes no sense.
    """
    if request.profile not in set(Profile):
        msg = f"--profile must be one of {', '.join(Profile)}, was {request.profile}"
        raise ConfigError(msg)
    if request.seeds < 1 or request.minutes < 1 or request.jobs < 0 or request.start < 0:
        msg = "--seeds and --minutes must be at least 1, --start and --jobs at least 0"
        raise ConfigError(msg)
    if request.mutants:
        return _hunt(request)
    if request.seed >= 0:
        return _shrink(request) if request.shrinks else _one(request)
    return _many(request)


def code_digest() -> str:
    """Return what names the code that ran: the first 12 of the digest over all its files."""
    return digest_tree(Path(__file__).resolve().parents[1], "**/*.py")[:12]


def replay_line(run: Run, request: Request) -> str:
    """Return what to type to see a violation again."""
    parts = [f"rigd chaos --seed {run.seed}"]
    if request.profile != Profile.SWARM:
        parts.append(f"--profile {request.profile}")
    if request.minutes != 400:
        parts.append(f"--minutes {request.minutes}")
    return " ".join(parts)


def _many(request: Request) -> int:
    clock = SystemClock()
    begun = clock.monotonic()
    digest = code_digest()
    shown = 0

    def told(run: Run) -> None:
        nonlocal shown
        if run.violation is not None and shown < SHOWN:
            shown += 1
            line = replay_line(run, request)
            say(f"seed={run.seed} commit={digest} {run.violation} - reproduce: {line}")

    seeds = range(request.start, request.start + request.seeds)
    summary = run_seeds(seeds, Profile(request.profile), request.minutes, _jobs(request), told)
    summary.seconds = clock.monotonic() - begun
    _say_summary(summary)
    if request.json_file is not None:
        replace(request.json_file, json.dumps(_document(summary, digest), indent=1).encode())
    if summary.violations:
        say_next(f"{replay_line(summary.violations[0], request)} --shrink")
    else:
        say_next(f"rigd chaos --start {request.start + request.seeds}")
    return int(ExitCode.OK if summary.passed else ExitCode.ERROR)


def _say_summary(summary: Summary) -> None:
    rate = summary.seeds / summary.seconds if summary.seconds else 0.0
    say(
        f"{summary.seeds} seeds, {len(summary.violations)} violations, {rate:.1f} sessions/s "
        f"in {summary.seconds:.1f} s"
    )
    say(
        f"{summary.processes} processes, {summary.orders} orders, {summary.fills} executions, "
        f"{summary.trades} trades"
    )
    fired = ", ".join(f"{fault} {summary.fired[fault]}" for fault in MENU)
    say(f"faults: {fired}")
    edges = ", ".join(f"{a}>{b} {count}" for (a, b), count in sorted(summary.edges.items()))
    say(f"order edges in so many seeds: {edges}")
    say("sometimes: " + ", ".join(f"{k} {n}" for k, n in sorted(summary.sometimes.items())))
    for line in summary.untried():
        say(f"not tried: {line}")


def _document(summary: Summary, digest: str) -> dict[str, Any]:
    return {
        "code": digest,
        "profile": summary.profile.value,
        "seeds": summary.seeds,
        "seconds": round(summary.seconds, 3),
        "processes": summary.processes,
        "orders": summary.orders,
        "executions": summary.fills,
        "trades": summary.trades,
        "violations": [
            {"seed": run.seed, "violation": str(run.violation), "trace": run.digest}
            for run in summary.violations
        ],
        "faults": {fault.value: summary.fired[fault] for fault in MENU},
        "edges": {f"{a} {b}": count for (a, b), count in sorted(summary.edges.items())},
        "sometimes": dict(sorted(summary.sometimes.items())),
        "not_tried": summary.untried(),
    }


def _one(request: Request) -> int:
    options = draw(request.seed, Profile(request.profile), request.minutes)
    world = SimWorld(options, keep_trace=request.trace is not None).run()
    if request.trace is not None and world.trace.lines is not None:
        replace(request.trace, "".join(world.trace.lines).encode())
    fields: dict[str, Any] = {
        "seed": request.seed,
        "commit": code_digest(),
        "trace": world.trace.digest(),
        "events": world.trace.count,
        "day": options.day.isoformat(),
        "processes": world.processes,
        "faults": [f"{fault}:{number}" for fault, number in world.plan.schedule],
        "violation": str(world.violation) if world.violation else None,
    }
    say_json(fields)
    return int(ExitCode.ERROR if world.violation else ExitCode.OK)


def _shrink(request: Request) -> int:
    found = shrink(draw(request.seed, Profile(request.profile), request.minutes))
    if found is None:
        say(f"seed={request.seed} violates nothing")
        return int(ExitCode.OK)
    _say_shrunk(found)
    return int(ExitCode.ERROR)


def _say_shrunk(found: Shrunk) -> None:
    say(f"seed={found.options.seed} {found.violation}")
    left = [f"{fault}:{number}" for fault, number in found.schedule]
    say(f"left after {found.runs} runs: {', '.join(left) or 'no fault at all'}")
    say(f"symbols: {', '.join(found.options.symbols)}; broker: {found.options.personality}")


def _hunt(request: Request) -> int:
    outcomes = mutants.hunt_all(_jobs(request), _say_caught)
    missed = [caught.name for caught in outcomes if caught.violation is None]
    say(f"{len(outcomes) - len(missed)} of {len(outcomes)} planted bugs found")
    for name, why in mutants.ELSEWHERE:
        say(f"elsewhere  {name}: {why}")
    return int(ExitCode.ERROR if missed else ExitCode.OK)


def _say_caught(caught: Caught) -> None:
    if caught.violation is None:
        say(f"MISSED     {caught.name}: {caught.seeds} seeds")
    else:
        what = f"{caught.violation.invariant} after {caught.seeds} seeds"
        say(f"found      {caught.name}: {what} - rigd chaos --seed {caught.seed} with the bug in")


def _jobs(request: Request) -> int:
    return request.jobs or os.cpu_count() or 1
