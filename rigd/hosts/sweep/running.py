"""Let the parts of a sweep run, here or on a cluster: resume what was cut off, fold, write."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.config.digest import digest
from rigd.config.schema import Settings
from rigd.core.clock import iso
from rigd.core.errors import ConfigError
from rigd.hosts.kernels.tally import OUTPUTS
from rigd.hosts.sweep import counting
from rigd.hosts.sweep.pool import run_here
from rigd.hosts.sweep.request import SweepRequest
from rigd.hosts.sweep.state import SweepFolder
from rigd.store.hashing import digest_tree
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np

    from rigd.core.ports import ControlClock
    from rigd.hosts.sweep.portfolio import PortfolioPart
    from rigd.hosts.sweep.result import SweepResult
    from rigd.hosts.sweep.work import Part


class SweepCancelledError(ConfigError):
    """The sweep was cancelled; what is done stays and can be resumed."""


Span = tuple[str, int, int]
"""A part: a symbol, blank for all, and its numbers from one to before another."""


@dataclass(slots=True, kw_only=True)
class Sweep(ABC):
    """One sweep, to be run once; `cancel` may be called from another thread.

    Parameters
    ----------
    home
        Where the results go.
    request
        What is swept.
    settings
        With the request's changes.
    name
        The sweep's name, or that of the sweep to resume.
    data
        Digest of the bars.
    jobs
        Processes of this machine.
    cluster
        Address of a Dask scheduler; blank runs here.
    """

    home: Home
    request: SweepRequest
    settings: Settings
    name: str
    data: str
    jobs: int = 1
    cluster: str = ""
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        """Parameter sets, times the symbols where each trades on its own."""
        return sum(self._size(span) for span in self.spans())

    def cancel(self) -> None:
        """Stop after the parts that run now; the sweep can be resumed."""
        self._cancelled.set()

    def hashes(self) -> dict[str, str]:
        """Return the hashes of configuration, code, data and grid, and the seed."""
        return {
            "config": digest(self.settings),
            "code": digest_tree(Path(__file__).resolve().parents[2], "**/*.py"),
            "data": self.data,
            "grid": hashlib.sha256(self.request.how.encode()).hexdigest(),
            "seed": str(self.settings.simulation_seed),
        }

    def run(
        self, clock: ControlClock, told: Callable[[int], None] = lambda _: None, *, resumed: bool
    ) -> SweepResult:
        """Run every part that is missing; count the sets, then return the folded result.

        Parameters
        ----------
        clock
            For the plan's stamp.
        told
            Called with the number of combinations × symbols of each part that is done.
        resumed
            Whether parts of this name may exist already.

        Returns
        -------
        SweepResult
            The same to the last bit however often it was cut off, and wherever it ran.

        Raises
        ------
        SweepCancelledError
            If `cancel` was called before the end.
        AlreadyRunning
            If an optimisation holds the trial register; what is done stays.
        """
        folder, hashes = SweepFolder(self.home, self.name), self.hashes()
        if resumed:
            folder.require_same(hashes)
        else:
            begun = {"request": self.request.fields(), "hashes": hashes, "utc": iso(clock.now())}
            folder.write_plan(begun)
        spans = self.spans()
        missing = []
        for number, span in enumerate(spans):
            if resumed and folder.has_part(number):
                told(self._size(span))
            else:
                missing.append(number)
        for number, outputs in self._run(self._parts(spans, missing)):
            folder.write_part(number, outputs)
            told(self._size(spans[number]))
        if not all(folder.has_part(number) for number in missing):
            msg = f"sweep {self.name} was cancelled; what is done stays"
            raise SweepCancelledError(msg, fix=f"rigd sweep --resume {self.name}")
        result = self._fold(folder, spans, hashes)
        counting.count(self.home, clock, result)
        folder.write_result(*_rows(result), result.summary())
        return result

    @abstractmethod
    def spans(self) -> list[Span]:
        """Return the parts."""

    @abstractmethod
    def _size(self, span: Span) -> int: ...

    @abstractmethod
    def _part(self, number: int, span: Span) -> Part | PortfolioPart: ...

    @abstractmethod
    def _fold(
        self, folder: SweepFolder, spans: Sequence[Span], hashes: dict[str, str]
    ) -> SweepResult: ...

    def _run(self, parts: Iterable[Part | PortfolioPart]) -> Iterator[tuple[int, np.ndarray]]:
        if self.cluster:
            from rigd.hosts.sweep.cluster import run_on  # noqa: PLC0415 - an optional extra

            return run_on(self.cluster, parts)
        return run_here(parts, self.jobs)

    def _parts(
        self, spans: Sequence[Span], numbers: Sequence[int]
    ) -> Iterator[Part | PortfolioPart]:
        for number in numbers:
            if self._cancelled.is_set():
                return
            yield self._part(number, spans[number])


def _rows(result: SweepResult) -> tuple[list[str], Iterator[tuple[object, ...]]]:
    columns = [*(axis.key for axis in result.axes), *OUTPUTS]
    rows = (
        (*values, *outputs)
        for values, outputs in zip(result.values(), result.outputs.tolist(), strict=True)
    )
    return columns, rows
