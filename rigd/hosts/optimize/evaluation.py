"""What a set of parameters earns per day: the one function that the optimiser knows of a host.

`make_evaluation` steps each symbol with the compiled naive stepper and lays MAX_TRADES, WEIGHTS and
MAX_RISK_PER_TRADE over the trades in time order; it asks no filter and ranks no pool. Another host
takes its place by giving another `Evaluate`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rigd.config.choices import SlippageType
from rigd.config.parse import override
from rigd.core.errors import DataError
from rigd.core.money import plain
from rigd.core.values import SessionDay
from rigd.hosts import wiring
from rigd.hosts.kernels.stepper import compile_stepper, pack
from rigd.strategy import router

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from rigd.config.schema import Settings
    from rigd.core.values import Bar, Window
    from rigd.hosts.kernels.stepper import CompiledStepper

BAR_MS = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Bars of some symbols over consecutive sessions.

    Parameters
    ----------
    sessions
        The sessions, ascending.
    bars
        Per symbol one array BAR[n_bars] of all its bars.
    offsets
        Per symbol int64[n_sessions + 1]: the bars of session d are ``bars[o[d]:o[d + 1]]``.
    label
        What the data is, for every title.
    digest
        SHA-256 over the data, hexadecimal.
    """

    sessions: tuple[SessionDay, ...]
    bars: Mapping[str, npt.NDArray[np.void]]
    offsets: Mapping[str, npt.NDArray[np.int64]]
    label: str
    digest: str

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.sessions)

    def between(self, first: int, end: int) -> Days:
        """Return sessions `first` to `end`, the last one not included; bars are shared."""
        return Days(
            sessions=self.sessions[first:end],
            bars=self.bars,
            offsets={name: at[first : end + 1] for name, at in self.offsets.items()},
            label=self.label,
            digest=self.digest,
        )


class Outcome(NamedTuple):
    """What parameters did, day by day.

    Parameters
    ----------
    pnl
        float64[n_days], gain of the day [fraction of the float]; 0 on days without a trade.
    trades
        int64[n_days], trades closed.
    """

    pnl: npt.NDArray[np.float64]
    trades: npt.NDArray[np.int64]


Evaluate = Callable[[Mapping[str, "Decimal"], Days], Outcome]
"""``evaluate(params, days)``: values by settings key, and over which days."""


def days_of(
    sessions: Sequence[SessionDay],
    bars: Mapping[str, Sequence[Sequence[Bar]]],
    *,
    label: str,
    digest: str,
) -> Days:
    """Return days from bars of each symbol and session.

    Parameters
    ----------
    sessions
        The sessions, ascending.
    bars
        Per symbol the regular bars of each session, possibly none.
    label, digest
        What the data is.

    Returns
    -------
    Days
        Packed for the compiled stepper.

    Raises
    ------
    DataError
        If there is no session, or a symbol has another number of days.
    """
    odd = [name for name, days in bars.items() if len(days) != len(sessions)]
    if not sessions or not bars or odd:
        msg = f"each symbol must have bars for {len(sessions)} session(s), not so: {odd or 'none'}"
        raise DataError(msg)
    packed = {name: pack(days) for name, days in sorted(bars.items())}
    return Days(
        sessions=tuple(sessions),
        bars={name: rows for name, (rows, _) in packed.items()},
        offsets={name: offsets for name, (_, offsets) in packed.items()},
        label=label,
        digest=digest,
    )


def make_evaluation(settings: Settings, strategy: str) -> Evaluate:
    """Return the evaluation of one strategy under some settings.

    Parameters
    ----------
    settings
        What the parameters are laid over. Of the simulated broker's keys, latency, the mean
        slippage and the commission count; nothing is drawn.
    strategy
        ``open``, ``mid`` or ``close``.

    Returns
    -------
    callable
        `Evaluate`; numba compiles on its first call.
    """
    base = override(settings, {"STRATEGY_OVERRIDE": strategy}, source="the optimiser")
    windows = lru_cache(maxsize=256)(partial(_windows, base))
    steppers: dict[str, CompiledStepper] = {}

    def evaluate(params: Mapping[str, Decimal], days: Days) -> Outcome:
        texts = {key: plain(value) for key, value in params.items()}
        chosen = override(base, texts, source="a trial") if texts else base
        found = []
        for window, in_window in windows(days.sessions).items():
            run = router.build(chosen, window)
            if strategy not in steppers:
                steppers[strategy] = compile_stepper(run.strategy)
            step_plan = run.step_plan(
                latency_fraction=chosen.simulated_latency_ms / BAR_MS, slippage=_slippage(chosen)
            )
            for number, name in enumerate(days.bars):
                rows = steppers[strategy](
                    days.bars[name], days.offsets[name], run.params, run.rules, step_plan
                )
                rows = rows[in_window[rows["day"]]]
                found.append((rows, np.full(len(rows), number)))
        return _outcome(chosen, found, len(days))

    return evaluate


def _windows(
    settings: Settings, sessions: Sequence[SessionDay]
) -> dict[Window, npt.NDArray[np.bool_]]:
    """Return each window of the one strategy that runs, and which days have it."""
    found: dict[Window, list[int]] = defaultdict(list)
    for number, session in enumerate(sessions):
        for planned in wiring.windows(settings, session):
            if planned.window is not None:
                found[planned.window].append(number)
    numbers = np.arange(len(sessions))
    return {window: np.isin(numbers, some) for window, some in found.items()}


def _slippage(settings: Settings) -> float:
    none = settings.slippage_simulation_type is SlippageType.NONE
    return 0.0 if none else settings.slippage_mean_pct


def _outcome(
    settings: Settings,
    found: Sequence[tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]],
    n_days: int,
) -> Outcome:
    """Return the days' gains: the first MAX_TRADES entries of each day, sized by their order."""
    pnl, counts = np.zeros(n_days), np.zeros(n_days, dtype=np.int64)
    if not found:
        return Outcome(pnl, counts)
    rows: npt.NDArray[np.void] = np.concatenate([rows for rows, _ in found])
    symbols = np.concatenate([numbers for _, numbers in found])
    rows = rows[np.lexsort((symbols, rows["entry_minute"], rows["day"]))]
    order = np.arange(len(rows)) - np.searchsorted(rows["day"], rows["day"])
    cap, most = float(settings.total_allocation), float(settings.max_risk_per_trade)
    sizes = np.array([min(float(weight) * cap, most) for weight in settings.weights])
    taken = order < min(settings.max_trades, len(sizes))
    rows, size = rows[taken], sizes[order[taken]]
    ratio = rows["exit_price"] / rows["entry_price"]
    cost = float(settings.sim_commission_pct) * (1.0 + ratio)
    np.add.at(pnl, rows["day"], size * (rows["direction"] * (ratio - 1.0) - cost))
    np.add.at(counts, rows["day"], 1)
    return Outcome(pnl, counts)
