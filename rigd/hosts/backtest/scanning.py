"""Where a strategy signals over all days of a history: one pass per symbol and kind of day.

Days whose windows lie alike (a half day and a full one differ) are scanned together. Compiled
where it pays, plain where numba is missing or the history is short; both give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.calendar.windows import Planned
from rigd.hosts import wiring
from rigd.hosts.kernels.backtest import (
    blank_states,
    compile_hold,
    compile_scan,
    make_scan,
    plain_hold,
)
from rigd.strategy import router
from rigd.strategy.definition import Observes
from rigd.strategy.router import RunnableStrategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rigd.config.schema import Settings
    from rigd.core.values import Bar, SessionDay
    from rigd.hosts.backtest.history import History
    from rigd.hosts.kernels.backtest import Kernel

COMPILED_FROM_BARS = 40_000
"""Below so many bars the plain functions are done before numba has compiled its own."""


class Lane(StrEnum):
    """How the strategies' functions are run."""

    AUTO = "auto"
    COMPILED = "compiled"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The windows of one kind of day: what was planned, and the strategies that run, in time."""

    planned: tuple[Planned, ...]
    strategies: tuple[RunnableStrategy, ...]


class Seen(NamedTuple):
    """What a strategy saw of one symbol on one day.

    Parameters
    ----------
    state
        The strategy's state after the last bar that was shown.
    signals
        int8, +1, -1 or 0 at each bar of the day.
    """

    state: Any
    signals: npt.NDArray[np.int8]


class Scans:
    """The scans of a history under some settings.

    Parameters
    ----------
    settings
        The bot's.
    history
        The bars.
    lane
        How to run the functions.
    seen
        What scans of the same history saw before; read and filled. Scans with the same windows and
        parameters of the entry share it, whatever else their settings say.
    """

    def __init__(
        self,
        settings: Settings,
        history: History,
        lane: Lane = Lane.AUTO,
        seen: dict[Any, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._history = history
        self.compiled = _compiles(lane, history)
        self._plans: dict[tuple[object, ...], DayPlan] = {}
        self.plans = tuple(self._plan_of(feed.session) for feed in history.feeds)
        self._seen: dict[Any, tuple[list[Any], npt.NDArray[np.int8]]] = {}
        if seen is not None:
            self._seen = seen
        self._marks = {name: self._mark(name) for name in self._names()}
        self.follow: Kernel = compile_hold() if self.compiled else plain_hold

    def seen(self, plan: RunnableStrategy, symbol: str, number: int) -> Seen:
        """Return what a strategy saw of a symbol on a day.

        Parameters
        ----------
        plan
            One of the day's strategies.
        symbol
            A symbol with bars on the day.
        number
            The day's place in the history.

        Returns
        -------
        Seen
            The same, whichever lane found it.
        """
        key = (self._marks[plan.strategy.name], symbol)
        if key not in self._seen:
            self._seen[key] = self._scan(plan.strategy.name, symbol)
        states, signals = self._seen[key]
        packed = self._history.packed(symbol)
        state = states[number]
        return Seen(state, signals[packed.starts[number] : packed.ends[number]])

    def bars(self, symbol: str, number: int) -> Any:  # noqa: ANN401 - an array or a list of bars
        """Return the bars of a day as `follow` takes them."""
        if self.compiled:
            return self._history.packed(symbol).day(number)
        return self._history.feeds[number].bars[symbol]

    def _names(self) -> set[str]:
        return {plan.strategy.name for day in self.plans for plan in day.strategies}

    def _mark(self, name: str) -> tuple[object, ...]:
        """Return all that a scan of a strategy depends on beside the bars."""
        groups = (
            (tuple(plan.params), first_minute(plan), plan.window.breakout_end, tuple(numbers))
            for plan, numbers in self._groups(name)
        )
        return (name, self.compiled, *groups)

    def _scan(self, name: str, symbol: str) -> tuple[list[Any], npt.NDArray[np.int8]]:
        packed = self._history.packed(symbol)
        states: list[Any] = [None] * len(self.plans)
        signals = np.zeros(len(packed.bars), dtype=np.int8)
        for plan, numbers in self._groups(name):
            if self.compiled:
                self._scan_compiled(
                    plan, packed.starts, packed.ends, numbers, symbol, states, signals
                )
            else:
                self._scan_plain(plan, numbers, symbol, states, signals)
        return states, signals

    def _groups(self, name: str) -> list[tuple[RunnableStrategy, list[int]]]:
        """Return the kinds of days on which a strategy runs, each with its days."""
        groups: dict[int, tuple[RunnableStrategy, list[int]]] = {}
        for number, day in enumerate(self.plans):
            for plan in day.strategies:
                if plan.strategy.name == name:
                    groups.setdefault(id(plan), (plan, []))[1].append(number)
        return list(groups.values())

    def _scan_compiled(
        self,
        plan: RunnableStrategy,
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        numbers: list[int],
        symbol: str,
        states: list[Any],
        signals: npt.NDArray[np.int8],
    ) -> None:
        records = blank_states(plan.strategy, len(numbers))
        compile_scan(plan.strategy)(
            self._history.packed(symbol).bars,
            starts[numbers],
            ends[numbers],
            records,
            plan.params,
            first_minute(plan),
            plan.window.breakout_end,
            signals,
        )
        make = plan.strategy.state
        for number, record in zip(numbers, records.tolist(), strict=True):
            states[number] = make(*record)

    def _scan_plain(
        self,
        plan: RunnableStrategy,
        numbers: list[int],
        symbol: str,
        states: list[Any],
        signals: npt.NDArray[np.int8],
    ) -> None:
        scan = make_scan(plan.strategy.entry)
        packed = self._history.packed(symbol)
        for number in numbers:
            state = states[number] = plan.strategy.new_state()
            bars: Sequence[Bar] = self._history.feeds[number].bars.get(symbol, ())
            part = signals[packed.starts[number] : packed.ends[number]]
            scan(bars, state, plan.params, first_minute(plan), plan.window.breakout_end, part)

    def _plan_of(self, day: SessionDay) -> DayPlan:
        """Return the windows of a day; days of one length and one opening hour share them."""
        key = (day.minutes, day.open.time())
        if key not in self._plans:
            planned = wiring.windows(self._settings, day)
            strategies = [
                router.build(self._settings, item.window)
                for item in planned
                if item.window is not None
            ]
            strategies.sort(key=lambda each: each.window.start)
            self._plans[key] = DayPlan(tuple(planned), tuple(strategies))
        return self._plans[key]


def first_minute(plan: RunnableStrategy) -> int:
    """Return the first minute whose bars a strategy must see."""
    return 0 if plan.strategy.observes is Observes.SESSION else plan.window.start


def _compiles(lane: Lane, history: History) -> bool:
    if lane is Lane.AUTO:
        return history.count >= COMPILED_FROM_BARS and find_spec("numba") is not None
    return lane is Lane.COMPILED
