"""``rigd crashmatrix`` and ``rigd powerloss``: cut sessions at every boundary, judge the rest."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.cli.console import CLOCK, say, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.crashes.matrix import Matrix, moment_of, moments_of
from rigd.hosts.crashes.powerloss import lose_power, trace
from rigd.store.files import replace
from rigd.store.images import workplace

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.hosts.crashes.matrix import Case, Outcome
    from rigd.hosts.crashes.powerloss import Losses

SHOWN = 20
"""How many violations are printed."""

PARTS = 10
"""How often progress is told."""


def crashmatrix(*, session: str, inject: str, sample: int, at: str, out: str) -> int:
    """Cut a session at every boundary; return the process's exit code.

    Parameters
    ----------
    session, inject, sample, at, out
        The options as typed.

    Returns
    -------
    int
        0 only without a violation.

    Raises
    ------
    ConfigError
        If an option is malformed.
    """
    injections = [name.strip() for name in inject.split(",") if name.strip()]
    if sample < 0:
        msg = f"--sample must be 0 (all) or more, was {sample}"
        raise ConfigError(msg)
    with workplace() as folder:
        matrix = Matrix(session, folder)
        moments = moments_of(matrix.boundaries, injections, sample)
        if at:
            moments = [moment_of(matrix.boundaries, at)]
        _told(f"session {session}: {len(matrix.boundaries)} boundaries, {len(moments)} moments")
        outcome = matrix.run(moments, _progress(len(moments)))
    for line in matrix_lines(outcome):
        say(line)
    _leave(out, matrix_fields(outcome))
    say_next("rigd powerloss")
    return int(ExitCode.ERROR) if outcome.violations else int(ExitCode.OK)


def powerloss(*, session: str, images: int, out: str) -> int:
    """Open images of disks that lost power; return the process's exit code.

    Parameters
    ----------
    session, images, out
        The options as typed.

    Returns
    -------
    int
        0 only when nothing acknowledged was lost and everything is sound.

    Raises
    ------
    ConfigError
        If an option is malformed.
    """
    if images < 1:
        msg = f"--images must be at least 1, was {images}"
        raise ConfigError(msg)
    with workplace() as folder:
        truth = trace(session, folder / "traced")
        _told(f"session {session}: {len(truth.calls)} calls traced, {images} images")
        losses = lose_power(truth, folder / "images", images, CLOCK, _progress(images))
    for line in loss_lines(losses):
        say(line)
    _leave(out, loss_fields(losses))
    say_next("rigd crashmatrix")
    return int(ExitCode.ERROR) if losses.wrongs else int(ExitCode.OK)


def matrix_lines(outcome: Outcome) -> list[str]:
    """Return what is printed of a matrix."""
    kinds: Counter[str] = Counter()
    for name, count in outcome.boundaries.items():
        kinds[name.partition(" ")[0]] += count
    faults = Counter(str(case.moment.fault) for case in outcome.cases)
    times = outcome.recoveries
    died = sum(case.died for case in outcome.cases)
    lines = [
        f"boundaries {outcome.boundaries.total()}: {_counted(kinds)}",
        f"at stake: {_counted(Counter(outcome.at_stake))}",
        f"moments {len(outcome.cases)}: {_counted(faults)}; {died} processes ended by them",
        f"violations {len(outcome.violations)}",
    ]
    if times:
        lines.insert(3, f"recovery: p50 {times[len(times) // 2]:.2f} s, max {times[-1]:.2f} s")
    lines += [
        f"  {case.moment.fault} at {case.moment.nth} ({case.boundary}): {'; '.join(case.wrongs)};"
        f" again: rigd crashmatrix --session {outcome.session}"
        f" --at {case.moment.fault}:{case.moment.nth}"
        for case in outcome.violations[:SHOWN]
    ]
    return [*lines, f"{outcome.seconds:.0f} s"]


def matrix_fields(outcome: Outcome) -> dict[str, Any]:
    """Return a matrix as one JSON object, with every boundary listed and counted."""
    times = outcome.recoveries
    return {
        "session": outcome.session,
        "boundaries": dict(sorted(outcome.boundaries.items())),
        "boundary_count": outcome.boundaries.total(),
        "at_stake": outcome.at_stake,
        "moments": len(outcome.cases),
        "violations": [
            {
                "fault": str(case.moment.fault),
                "nth": case.moment.nth,
                "boundary": case.boundary,
                "wrongs": list(case.wrongs),
            }
            for case in outcome.violations
        ],
        "recovery_p50_s": times[len(times) // 2] if times else None,
        "recovery_max_s": times[-1] if times else None,
        "seconds": outcome.seconds,
    }


def loss_lines(losses: Losses) -> list[str]:
    """Return what is printed of power losses."""
    return [
        f"images {losses.images}: power cut over {losses.calls} calls, {losses.torn} torn journals",
        f"violations {len(losses.wrongs)}",
        *(f"  {wrong}" for wrong in losses.wrongs[:SHOWN]),
        f"{losses.seconds:.0f} s, {losses.images / max(losses.seconds, 0.001):.0f} images/s",
    ]


def loss_fields(losses: Losses) -> dict[str, Any]:
    """Return power losses as one JSON object."""
    return {
        "images": losses.images,
        "calls": losses.calls,
        "torn": losses.torn,
        "violations": list(losses.wrongs),
        "seconds": losses.seconds,
    }


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _progress(total: int) -> Callable[[Case | int], None]:
    """Return what is called with each part that is done, and tells a few of them."""
    step, done = max(1, total // PARTS), 0
    told = 0

    def show(part: Case | int) -> None:
        nonlocal done, told
        done = part if isinstance(part, int) else done + 1
        if done // step > told:
            told = done // step
            _told(f"{done} of {total}")

    return show


def _told(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _leave(out: str, fields: dict[str, Any]) -> None:
    if out:
        content = json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
        replace(Path(out).expanduser().absolute(), content)
