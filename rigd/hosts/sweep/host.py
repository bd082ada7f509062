"""Run a sweep: make its grid, run its parts here or on a cluster, fold them, write the result."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.config.digest import digest
from rigd.config.parse import override
from rigd.config.schema import Settings
from rigd.core.clock import iso
from rigd.core.errors import ConfigError
from rigd.hosts.kernels.sharing import Entries
from rigd.hosts.kernels.tally import OUTPUTS
from rigd.hosts.sweep import plan as plans
from rigd.hosts.sweep.grid import Axis, require_axes
from rigd.hosts.sweep.plan import Grid, History
from rigd.hosts.sweep.pool import run_here
from rigd.hosts.sweep.result import SweepResult
from rigd.hosts.sweep.state import SweepFolder
from rigd.hosts.sweep.work import Part
from rigd.store.hashing import digest_tree
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rigd.core.ports import ControlClock

PART_COMBINATIONS = 250_000
"""Combinations of one part at most: 12 MB of outputs."""

KERNELS = "kernels"
"""The folder of compiled kernels below ``runs/cache``."""

DRAWDOWN = OUTPUTS.index("drawdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What is asked for.

    Parameters
    ----------
    strategy
        open, mid or close.
    data
        Folder of bar files.
    start, end
        The span of exchange days, both included.
    axes
        The grid.
    symbols
        Empty for every symbol of the folder.
    changes
        Settings for this sweep, as KEY, VALUE.
    entries_a_day
        Of one symbol: 1 as in a session, more for re-entry, 0 for no limit.
    bar_stamp
        Whether stamps are the starts or the ends of bars.
    """

    strategy: str
    data: str
    start: date
    end: date
    axes: tuple[Axis, ...]
    symbols: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    entries_a_day: int = 1
    bar_stamp: str = "start"

    def __post_init__(self) -> None:
        require_axes(self.strategy, self.axes)
        if self.end < self.start:
            msg = f"a sweep must not end before it starts, was {self.start} to {self.end}"
            raise ConfigError(msg)
        if self.entries_a_day < 0:
            msg = f"entries a day must not be negative, was {self.entries_a_day}"
            raise ConfigError(msg, fix="0 has no limit")

    def fields(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "start": str(self.start), "end": str(self.end)}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> SweepRequest:
        """Return the request that `fields` gave."""
        return cls(**{
            **fields,
            "start": date.fromisoformat(fields["start"]),
            "end": date.fromisoformat(fields["end"]),
            "axes": tuple(Axis(axis["key"], tuple(axis["levels"])) for axis in fields["axes"]),
            "symbols": tuple(fields["symbols"]),
            "changes": tuple((key, value) for key, value in fields["changes"]),
        })


class SweepCancelledError(ConfigError):
    """The sweep was cancelled; what is done stays and can be resumed."""


@dataclass(slots=True)
class Sweep:
    """One sweep, to be run once; `cancel` may be called from another thread.

    Parameters
    ----------
    home
        Where the results go.
    request, grid, history
        What is swept.
    settings
        With the request's changes.
    name
        The sweep's name, or that of the sweep to resume.
    jobs
        Processes of this machine.
    cluster
        Address of a Dask scheduler; blank runs here.
    """

    home: Home
    request: SweepRequest
    grid: Grid
    history: History
    settings: Settings
    name: str
    jobs: int = 1
    cluster: str = ""
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        """Combinations × symbols."""
        return len(self.grid.places) * len(self.history.series)

    def cancel(self) -> None:
        """Stop after the parts that run now; the sweep can be resumed."""
        self._cancelled.set()

    def hashes(self) -> dict[str, str]:
        """Return the hashes of configuration, code, data and grid, and the seed."""
        asked = json.dumps(self.request.fields()["axes"], sort_keys=True)
        how = f"{self.request.strategy} {self.request.entries_a_day} {asked}"
        return {
            "config": digest(self.settings),
            "code": digest_tree(Path(__file__).resolve().parents[2], "**/*.py"),
            "data": self.history.digest,
            "grid": hashlib.sha256(how.encode()).hexdigest(),
            "seed": str(self.settings.simulation_seed),
        }

    def run(
        self, clock: ControlClock, told: Callable[[int], None] = lambda _: None, *, resumed: bool
    ) -> SweepResult:
        """Run every part that is missing; return the folded result.

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
        folder.write_result(*_rows(result), result.summary())
        return result

    def spans(self) -> list[tuple[str, int, int]]:
        """Return the parts: a symbol, and the entries from one to before another."""
        groups, lines, others = self.grid.shape
        at_once = max(1, PART_COMBINATIONS // (lines * others))
        starts = range(0, groups, at_once)
        return [
            (symbol, low, min(low + at_once, groups))
            for symbol in self.history.series
            for low in starts
        ]

    def _size(self, span: tuple[str, int, int]) -> int:
        _, lines, others = self.grid.shape
        return (span[2] - span[1]) * lines * others

    def _run(self, parts: Iterable[Part]) -> Iterator[tuple[int, np.ndarray]]:
        if self.cluster:
            from rigd.hosts.sweep.cluster import run_on  # noqa: PLC0415 - an optional extra

            return run_on(self.cluster, parts)
        return run_here(parts, self.jobs)

    def _parts(
        self, spans: Sequence[tuple[str, int, int]], numbers: Sequence[int]
    ) -> Iterator[Part]:
        grid = self.grid
        for number in numbers:
            if self._cancelled.is_set():
                return
            symbol, low, high = spans[number]
            bars, offsets = self.history.series[symbol]
            yield Part(
                number=number,
                strategy=grid.strategy,
                bars=bars,
                offsets=offsets,
                classes=grid.classes,
                entries=Entries(*(array[low:high] for array in grid.entries)),
                exits=grid.exits,
                frictions=grid.frictions,
                costs=grid.costs,
                rules=grid.rules,
                cache=str(kernel_folder(self.home)),
            )

    def _fold(
        self,
        folder: SweepFolder,
        spans: Sequence[tuple[str, int, int]],
        hashes: dict[str, str],
    ) -> SweepResult:
        groups, lines, others = self.grid.shape
        totals = np.zeros((groups, lines * others, len(OUTPUTS)))
        for number, (_, low, high) in enumerate(spans):
            own = folder.read_part(number).reshape(high - low, lines * others, len(OUTPUTS))
            worst = np.maximum(totals[low:high, :, DRAWDOWN], own[:, :, DRAWDOWN])
            totals[low:high] += own
            totals[low:high, :, DRAWDOWN] = worst
        return SweepResult(
            name=self.name,
            strategy=self.grid.strategy,
            axes=self.grid.axes,
            symbols=tuple(self.history.series),
            days=len(self.history.days),
            outputs=totals.reshape(-1, len(OUTPUTS))[self.grid.places],
            hashes=hashes,
            table=folder.table,
        )


def make_sweep(
    home: Home,
    settings: Settings,
    request: SweepRequest,
    name: str,
    *,
    jobs: int = 1,
    cluster: str = "",
) -> Sweep:
    """Read the data and make the grid of a sweep; nothing is written.

    Parameters
    ----------
    home, settings
        Where the results go, and the bot's settings.
    request
        What is asked for.
    name
        The sweep's name.
    jobs, cluster
        Where it runs.

    Returns
    -------
    Sweep
        Ready to run.
    """
    changes = dict(request.changes)
    chosen = override(settings, changes, source="--set") if changes else settings
    history = plans.load(
        Path(request.data).expanduser().absolute(),
        request.start,
        request.end,
        request.symbols,
        bar_stamp=request.bar_stamp,
        trading_days=chosen.trading_days,
    )
    grid = plans.make_grid(
        chosen,
        request.strategy,
        request.axes,
        history.days,
        entries_a_day=request.entries_a_day,
    )
    return Sweep(home, request, grid, history, chosen, name, jobs, cluster)


def resumed_request(home: Home, name: str) -> SweepRequest:
    """Return what a sweep that was begun asked for; raises ConfigError when there is none."""
    return SweepRequest.from_fields(SweepFolder(home, name).read_plan()["request"])


def new_name(clock: ControlClock, request: SweepRequest) -> str:
    """Return the name of a new sweep: strategy, instant, and a few digits of what is asked for."""
    asked = hashlib.sha256(json.dumps(request.fields(), sort_keys=True).encode()).hexdigest()
    return f"{request.strategy}_{clock.now():%Y%m%dT%H%M%S%f}_{asked[:6]}"


def kernel_folder(home: Home) -> Path:
    """Return where compiled kernels lie."""
    return home.cache / KERNELS


def _rows(result: SweepResult) -> tuple[list[str], Iterator[tuple[object, ...]]]:
    columns = [*(axis.key for axis in result.axes), *OUTPUTS]
    rows = (
        (*values, *outputs)
        for values, outputs in zip(result.values(), result.outputs.tolist(), strict=True)
    )
    return columns, rows
