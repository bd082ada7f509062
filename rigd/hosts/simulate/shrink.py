"""Make a failing seed small: leave out faults while the same invariant still fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rigd.hosts.simulate.oracle import Violation
from rigd.hosts.simulate.swarm import Options
from rigd.hosts.simulate.world import SimWorld

if TYPE_CHECKING:
    from rigd.hosts.simulate.faults import Fault

MOST_RUNS = 400
"""After so many attempts the smallest so far is good enough."""

Occurrence = tuple["Fault", int]
"""A fault, and the number of its chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The smallest run that still fails.

    Parameters
    ----------
    options
        The seed with the faults that are left.
    dropped
        Occurrences of them that do not happen.
    schedule
        What still happens, in its order.
    violation
        What fails.
    runs
        How many attempts it took.
    """

    options: Options
    dropped: frozenset[Occurrence]
    schedule: tuple[Occurrence, ...]
    violation: Violation
    runs: int


def shrink(options: Options) -> Shrunk | None:
    """Return the smallest run of a seed that violates what the seed violates; None if it holds.

    Parameters
    ----------
    options
        The seed.

    Returns
    -------
    Shrunk or None
        First whole kinds of faults are left out, then symbols, then single occurrences.
    """
    first = SimWorld(options).run()
    if first.violation is None:
        return None
    search = _Search(first.violation.invariant, options, first)
    search.drop_kinds()
    search.drop_symbols()
    search.drop_occurrences()
    best = search.best
    assert best.violation is not None  # noqa: S101 - only failing runs are kept
    return Shrunk(
        options=search.options,
        dropped=search.dropped,
        schedule=tuple(best.plan.schedule),
        violation=best.violation,
        runs=search.runs,
    )


class _Search:
    def __init__(self, invariant: str, options: Options, first: SimWorld) -> None:
        self._invariant = invariant
        self.options = options
        self.dropped: frozenset[Occurrence] = frozenset()
        self.best = first
        self.runs = 1

    def drop_kinds(self) -> None:
        for fault in list(self.options.rates):
            rates = {name: rate for name, rate in self.options.rates.items() if name != fault}
            self._attempt(replace(self.options, rates=rates), self.dropped)

    def drop_symbols(self) -> None:
        while len(self.options.symbols) > 1:
            fewer = replace(self.options, symbols=self.options.symbols[:-1])
            if not self._attempt(fewer, self.dropped):
                return

    def drop_occurrences(self) -> None:
        size = len(self.best.plan.schedule)
        while size >= 1:
            start = 0
            while start < len(self.best.plan.schedule):
                part = self.best.plan.schedule[start : start + size]
                if not self._attempt(self.options, self.dropped | frozenset(part)):
                    start += size
            size //= 2

    def _attempt(self, options: Options, dropped: frozenset[Occurrence]) -> bool:
        """Keep a smaller run when it still fails in the same way."""
        if self.runs >= MOST_RUNS:
            return False
        self.runs += 1
        world = SimWorld(options, dropped=dropped).run()
        if world.violation is None or world.violation.invariant != self._invariant:
            return False
        self.options, self.dropped, self.best = options, dropped, world
        return True
