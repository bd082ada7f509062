"""The two kinds of sweep, each symbol on its own or all in one account, and how one is made."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rigd.config.parse import override
from rigd.hosts.backtest import opening
from rigd.hosts.backtest.played import Terms
from rigd.hosts.backtest.request import BacktestRequest
from rigd.hosts.kernels.sharing import Entries
from rigd.hosts.kernels.tally import OUTPUTS
from rigd.hosts.sweep import plan as plans
from rigd.hosts.sweep.grid import keys_of
from rigd.hosts.sweep.plan import Grid, History
from rigd.hosts.sweep.portfolio import PortfolioPart
from rigd.hosts.sweep.request import SweepRequest
from rigd.hosts.sweep.result import SweepResult
from rigd.hosts.sweep.running import Span, Sweep
from rigd.hosts.sweep.state import SweepFolder
from rigd.hosts.sweep.work import Part
from rigd.market.feed import FILES_LABEL
from rigd.market.sample import LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.config.schema import Settings
    from rigd.store.paths import Home

PART_COMBINATIONS = 250_000
"""Combinations of one part at most: 12 MB of outputs."""

PART_SETS = 64
"""Sets of one part of a portfolio's sweep at most: each is a whole backtest."""

KERNELS = "kernels"
"""The folder of compiled kernels below ``runs/cache``."""

DRAWDOWN = OUTPUTS.index("drawdown")


@dataclass(slots=True, kw_only=True)
class PathSweep(Sweep):
    """A sweep in which each symbol trades on its own: entries and first hits are shared.

    Parameters
    ----------
    grid, history
        What is swept.
    """

    grid: Grid
    history: History

    def spans(self) -> list[Span]:
        """Return the parts: a symbol, and the entries from one to before another."""
        groups, lines, others = self.grid.shape
        at_once = max(1, PART_COMBINATIONS // (lines * others))
        starts = range(0, groups, at_once)
        return [
            (symbol, low, min(low + at_once, groups))
            for symbol in self.history.series
            for low in starts
        ]

    def _size(self, span: Span) -> int:
        _, lines, others = self.grid.shape
        return (span[2] - span[1]) * lines * others

    def _part(self, number: int, span: Span) -> Part:
        grid = self.grid
        symbol, low, high = span
        bars, offsets = self.history.series[symbol]
        return Part(
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
        self, folder: SweepFolder, spans: Sequence[Span], hashes: dict[str, str]
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
            label=FILES_LABEL if self.request.data else LABEL,
        )


@dataclass(slots=True, kw_only=True)
class PortfolioSweep(Sweep):
    """A sweep in which all symbols share one account, as in a session.

    Parameters
    ----------
    asked, terms
        The backtest that every set is.
    symbols
        What has bars.
    days
        How many sessions.
    sets
        Per combination in the order of the axes, the settings that differ.
    order
        The numbers of the combinations as they run: those with the same entry one after another.
    groups
        How many combinations each entry has.
    """

    asked: BacktestRequest
    terms: Terms
    symbols: tuple[str, ...]
    days: int
    sets: tuple[tuple[tuple[str, str], ...], ...]
    order: np.ndarray
    groups: tuple[int, ...]

    def spans(self) -> list[Span]:
        """Return the parts: sets of one entry, from one to before another in `order`."""
        found, begin = [], 0
        for count in self.groups:
            end = begin + count
            found += [("", low, min(low + PART_SETS, end)) for low in range(begin, end, PART_SETS)]
            begin = end
        return found

    def _size(self, span: Span) -> int:
        return span[2] - span[1]

    def _part(self, number: int, span: Span) -> PortfolioPart:
        _, low, high = span
        return PortfolioPart(
            number=number,
            request=self.asked,
            terms=self.terms,
            digest=self.data,
            changes=tuple(self.sets[at] for at in self.order[low:high].tolist()),
            cache=str(kernel_folder(self.home)),
        )

    def _fold(
        self, folder: SweepFolder, spans: Sequence[Span], hashes: dict[str, str]
    ) -> SweepResult:
        outputs = np.empty((len(self.sets), len(OUTPUTS)))
        for number, (_, low, high) in enumerate(spans):
            outputs[self.order[low:high]] = folder.read_part(number)
        return SweepResult(
            name=self.name,
            strategy=self.request.strategy,
            axes=self.request.axes,
            symbols=self.symbols,
            days=self.days,
            outputs=outputs,
            hashes=hashes,
            table=folder.table,
            label=FILES_LABEL if self.request.data else LABEL,
            portfolio=True,
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
    if request.portfolio:
        return _portfolio_sweep(home, chosen, request, name, jobs=jobs, cluster=cluster)
    history = _history_of(chosen, request)
    grid = plans.make_grid(
        chosen,
        request.strategy,
        request.axes,
        history.days,
        entries_a_day=request.entries_a_day,
    )
    return PathSweep(
        home=home,
        request=request,
        settings=chosen,
        name=name,
        data=history.digest,
        jobs=jobs,
        cluster=cluster,
        grid=grid,
        history=history,
    )


def resumed_request(home: Home, name: str) -> SweepRequest:
    """Return what a sweep that was begun asked for; raises ConfigError when there is none."""
    return SweepRequest.from_fields(SweepFolder(home, name).read_plan()["request"])


def kernel_folder(home: Home) -> Path:
    """Return where compiled kernels lie."""
    return home.cache / KERNELS


def _history_of(settings: Settings, request: SweepRequest) -> History:
    if request.data:
        return plans.load(
            Path(request.data).expanduser().absolute(),
            request.start,
            request.end,
            request.symbols,
            bar_stamp=request.bar_stamp,
            trading_days=settings.trading_days,
        )
    asked = BacktestRequest(start=request.start, end=request.end, symbols=request.symbols)
    sample = opening.sample_of(asked, tuple(settings.trading_days))
    return plans.history_of(
        [feed.session for feed in sample.feeds],
        {symbol: [feed.bars.get(symbol, ()) for feed in sample.feeds] for symbol in sample.symbols},
    )


def _portfolio_sweep(
    home: Home, settings: Settings, request: SweepRequest, name: str, *, jobs: int, cluster: str
) -> PortfolioSweep:
    asked = BacktestRequest(
        strategy=request.strategy,
        data=str(Path(request.data).expanduser().absolute()) if request.data else "",
        start=request.start,
        end=request.end,
        symbols=request.symbols,
        bar_stamp=request.bar_stamp,
    )
    terms = replace(opening.terms_of(home, asked), settings=asked.settings(settings))
    history = opening.history_of(asked, terms)
    keys = [axis.key for axis in request.axes]
    sets = tuple(
        tuple(zip(keys, values, strict=True))
        for values in itertools.product(*(axis.levels for axis in request.axes))
    )
    for changes in sets:
        override(terms.settings, dict(changes), source="--grid")
    entry = keys_of(request.strategy).entry
    marks = [tuple(value for key, value in changes if key in entry) for changes in sets]
    first = {mark: number for number, mark in enumerate(dict.fromkeys(marks))}
    kinds = np.array([first[mark] for mark in marks])
    return PortfolioSweep(
        home=home,
        request=request,
        settings=terms.settings,
        name=name,
        data=history.digest,
        jobs=jobs,
        cluster=cluster,
        asked=asked,
        terms=terms,
        symbols=history.symbols,
        days=len(history.feeds),
        sets=sets,
        order=np.argsort(kinds, kind="stable"),
        groups=tuple(np.bincount(kinds).tolist()),
    )
