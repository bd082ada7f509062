"""Turn a grid into arrays: the same settings, windows and exit rules that a session would have.

Every value goes through the settings' own validation and `strategy.router.build`; nothing of a
strategy is read here. Slippage is its mean (SLIPPAGE_MEAN_PCT): a draw per order cannot be shared.
The short side is a short sale or nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rigd.broker.simulated.model import SimModel
from rigd.calendar.exchange import sessions, trades_on
from rigd.config.parse import override
from rigd.core.errors import ConfigError, DataError
from rigd.core.values import SessionDay
from rigd.hosts.kernels.axes import TrailRow, exits_of
from rigd.hosts.kernels.reentry import UNLIMITED, TradeRules
from rigd.hosts.kernels.sharing import Entries, Exits, Frictions
from rigd.hosts.kernels.stepper import pack
from rigd.hosts.kernels.tally import Costs
from rigd.hosts.sweep.grid import Axis, keys_of
from rigd.hosts.wiring import windows
from rigd.market.files import BarFolder
from rigd.market.stamps import BarStamp
from rigd.strategy.definition import Observes
from rigd.strategy.router import VWAP_TOUCH, RunnableStrategy, build

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.core.values import Bar


class Series(NamedTuple):
    """One symbol's days as the kernels take them."""

    bars: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The bars of a sweep.

    Parameters
    ----------
    days
        The sessions that have bars, ascending.
    series
        Per symbol, in alphabetical order; a day without bars is empty.
    """

    days: tuple[SessionDay, ...]
    series: Mapping[str, Series]

    @property
    def digest(self) -> str:
        """SHA-256 over days, symbols and bars, hexadecimal."""
        whole = hashlib.sha256("".join(f"{day.day} {day.minutes}\n" for day in self.days).encode())
        for symbol, series in self.series.items():
            whole.update(f"{symbol} {len(series.bars)}\n".encode())
            whole.update(series.offsets.tobytes())
            whole.update(series.bars.tobytes())
        return whole.hexdigest()


def load(
    folder: Path,
    first: date,
    last: date,
    symbols: Sequence[str],
    *,
    bar_stamp: str,
    trading_days: Sequence[str],
) -> History:
    """Read the sessions of a span from a folder of bar files.

    Parameters
    ----------
    folder
        As `rigd.market.files` describes it.
    first, last
        The span, both included.
    symbols
        What to read; empty reads every symbol of the folder.
    bar_stamp
        Whether stamps are the starts or the ends of bars.
    trading_days
        The weekdays that count.

    Returns
    -------
    History
        Every session of the span with a bar.

    Raises
    ------
    DataError
        If no session of the span has a bar, or a file is malformed.
    """
    source = BarFolder(folder, symbols, BarStamp(bar_stamp))
    known = {day for symbol in source.symbols for day in source.days(symbol)}
    span = [
        day
        for day in sessions(first, last)
        if day.day in known and trades_on(day.day, trading_days)
    ]
    if not span:
        there = ", ".join(str(day) for day in sorted(known)[:3])
        msg = f"no session from {first} to {last} has bars in {folder}; there are {there} …"
        raise DataError(msg, fix="choose a span in which the folder has bars")
    of_days = [source.day(day).bars for day in span]
    return history_of(
        span, {symbol: [day.get(symbol, ()) for day in of_days] for symbol in source.symbols}
    )


def history_of(days: Sequence[SessionDay], bars: Mapping[str, Sequence[Sequence[Bar]]]) -> History:
    """Return the bars of some days and symbols; per symbol one sequence of bars a day."""
    series = {symbol: Series(*pack(bars[symbol])) for symbol in sorted(bars)}
    return History(days=tuple(days), series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid as the kernels take it, and where each combination lies in their result.

    Parameters
    ----------
    strategy, axes
        What is swept.
    classes
        int64[n_days]: which kind of session each day is.
    entries, exits, frictions, costs, rules
        As the kernels take them; rules are None for one trade a day.
    places
        int64[n_combinations]: per combination, in the order of the axes with the last one running
        fastest, its place in the flattened result [entries, lines, others].
    """

    strategy: str
    axes: tuple[Axis, ...]
    classes: np.ndarray
    entries: Entries
    exits: Exits
    frictions: Frictions
    costs: Costs
    rules: TradeRules | None
    places: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Entries, stops × trails × time exits, targets × touches."""
        _, n_times, _ = self.entries.entry_ends.shape
        lines = len(self.exits.stops) * len(self.exits.trails) * n_times
        return len(self.entries.required), lines, len(self.exits.targets) * len(self.exits.touches)


def make_grid(
    settings: Settings,
    strategy: str,
    axes: Sequence[Axis],
    days: Sequence[SessionDay],
    *,
    entries_a_day: int,
) -> Grid:
    """Return the arrays of a grid.

    Parameters
    ----------
    settings
        The bot's; a key that is no axis keeps its value.
    strategy
        open, mid or close.
    axes
        Checked by `grid.require_axes`.
    days
        The sessions.
    entries_a_day
        Of one symbol: 1 as in a session, more for re-entry, 0 for no limit.

    Returns
    -------
    Grid
        Ready for the kernels.

    Raises
    ------
    ConfigError
        If a value or a combination breaks a rule of the settings.
    """
    maker = _Maker(override(settings, {"STRATEGY_OVERRIDE": strategy}), strategy, axes, days)
    entries, classes = maker.entries()
    exits, places = maker.exits()
    model = SimModel.from_settings(settings)
    drawn = settings.slippage_simulation_type != "none"
    slippage = float(settings.slippage_mean_pct) if drawn else 0.0
    sizes = _notionals(settings)
    once = entries_a_day == 1
    lots = 1e6 if settings.fractional else 1.0
    return Grid(
        strategy=strategy,
        axes=tuple(axes),
        classes=classes,
        entries=entries,
        exits=exits,
        frictions=Frictions(model.latency_fraction, slippage),
        costs=Costs(sizes[0] if once else 1.0, lots, float(settings.sim_commission_pct)),
        rules=None if once else _rules(settings, sizes, entries_a_day),
        places=places,
    )


def _notionals(settings: Settings) -> list[float]:
    """Return each entry's notional: its weight of the cap, at most the risk of one trade."""
    cash = settings.sim_starting_cash
    cap, most = cash * settings.total_allocation, cash * settings.max_risk_per_trade
    return [float(min(cap * weight, most)) for weight in settings.weights]


def _rules(settings: Settings, sizes: Sequence[float], entries_a_day: int) -> TradeRules:
    limit = float(settings.sim_starting_cash * settings.daily_loss_limit)
    return TradeRules(entries_a_day or UNLIMITED, np.array(sizes), limit)


class _Maker:
    """Walks the axes by what they change."""

    def __init__(
        self,
        settings: Settings,
        strategy: str,
        axes: Sequence[Axis],
        days: Sequence[SessionDay],
    ) -> None:
        self._settings = settings
        self._strategy = strategy
        self._axes = tuple(axes)
        self._keys = keys_of(strategy)
        kinds = [(day.minutes, day.open.time()) for day in days]
        self._kinds = dict(zip(kinds, days, strict=True))
        order = list(self._kinds)
        self._classes = np.array([order.index(kind) for kind in kinds], dtype=np.int64)

    def entries(self) -> tuple[Entries, np.ndarray]:
        """Return the entries with their time exits, and the class of each day."""
        chosen = [axis for axis in self._axes if axis.key in self._keys.entry]
        times = [axis for axis in self._axes if axis.key == self._keys.time]
        rows = [
            [self._of_kinds({**entry, **time}) for time in _changes(times)]
            for entry in _changes(chosen)
        ]
        some = next((each for row in rows for time in row for each in time if each), None)
        if some is None:
            msg = f"the window of {self._strategy} fits into no session of the sweep"
            raise ConfigError(msg, fix="choose other times")
        sees_all = some.strategy.observes is Observes.SESSION
        shape = (len(rows), len(self._kinds))
        fields = [
            (name, np.int64 if isinstance(value, int) else np.float64)
            for name, value in zip(some.params._fields, some.params, strict=True)
        ]
        params = np.zeros(shape, dtype=np.dtype(fields))
        starts, ends = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        entry_ends = np.full((len(rows), len(rows[0]), len(self._kinds)), -1, np.int64)
        exit_minutes = np.zeros_like(entry_ends)
        required, shorts = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
        for group, row in enumerate(rows):
            for time, kinds in enumerate(row):
                for kind, plan in enumerate(kinds):
                    if plan is None:
                        continue
                    params[group, kind] = tuple(plan.params)
                    starts[group, kind] = 0 if sees_all else plan.window.start
                    ends[group, kind] = plan.window.breakout_end
                    entry_ends[group, time, kind] = plan.entry_end
                    exit_minutes[group, time, kind] = plan.window.exit_minute
                    required[group], shorts[group] = plan.required_bars, plan.sells_short
        made = Entries(params, starts, ends, required, shorts, entry_ends, exit_minutes)
        return made, self._classes

    def exits(self) -> tuple[Exits, np.ndarray]:
        """Return the exits, and the place of each combination."""
        keys = self._keys
        stops = [self._view(change).stop_pct for change in _changes(self._only(keys.stop))]
        targets = [self._view(change).target_pct for change in _changes(self._only(keys.target))]
        chosen = [axis for axis in self._axes if axis.key in keys.trail]
        trails = [self._trail(change) for change in _changes(chosen)]
        touches = [self._strategy in VWAP_TOUCH]
        made, places = exits_of(
            [_or_off(stop) for stop in stops],
            [_or_off(target) for target in targets],
            trails,
            touches,
        )
        group = self._index(keys.entry)
        time, stop = self._index((keys.time,)), places.stops[self._index((keys.stop,))]
        trail, target = places.trails[self._index(keys.trail)], self._index((keys.target,))
        n_times = math.prod(len(axis.levels) for axis in self._only(keys.time))
        line = (stop * len(trails) + trail) * n_times + time
        lines, others = len(stops) * len(trails) * n_times, len(targets)
        return made, (group * lines + line) * others + places.targets[target]

    def _only(self, key: str) -> list[Axis]:
        return [axis for axis in self._axes if axis.key == key]

    def _index(self, keys: Sequence[str]) -> np.ndarray:
        """Return per combination the number of its values among the axes of some keys."""
        shape = tuple(len(axis.levels) for axis in self._axes)
        index = np.zeros(math.prod(shape), np.int64)
        for number, axis in enumerate(self._axes):
            if axis.key in keys:
                own = np.arange(len(axis.levels)).reshape([
                    -1 if other == number else 1 for other in range(len(shape))
                ])
                index = index * len(axis.levels) + np.broadcast_to(own, shape).reshape(-1)
        return index

    def _of_kinds(self, change: Mapping[str, str]) -> list[RunnableStrategy | None]:
        settings = override(self._settings, change, source="--grid") if change else self._settings
        found: list[RunnableStrategy | None] = []
        for day in self._kinds.values():
            window = windows(settings, day)[0].window
            found.append(None if window is None else build(settings, window))
        return found

    def _view(self, change: Mapping[str, str]):  # type: ignore[no-untyped-def] # noqa: ANN202 - a view of config
        settings = override(self._settings, change, source="--grid") if change else self._settings
        return settings.strategy(self._strategy)

    def _trail(self, change: Mapping[str, str]) -> TrailRow:
        view = self._view(change)
        return TrailRow(
            view.trail_pct,
            view.trail_tightening_factor,
            float(view.trail_tightening_buffer_s),
            _or_off(view.trail_atr_mult),
            view.trail_atr_period,
        )


def _changes(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Return every combination of some axes as changes of settings; one without any axis."""
    combinations = itertools.product(*(axis.levels for axis in axes))
    return [dict(zip((axis.key for axis in axes), values, strict=True)) for values in combinations]


def _or_off(value: float | None) -> float:
    return math.nan if value is None else value
