"""What a backtest does bar by bar: find signals over many days, follow one trade to its end.

Both are plain Python over the functions of `strategy` and `market.fills`; compiled they are the
same functions through numba, so that a session, a plain and a compiled backtest agree to the last
bit. What a session decides between the two (pool, filters, risk, sizes) is not here.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.hosts.kernels.stepper import BAR, compiled, over_days, record_type
from rigd.market.fills import NO_TOUCH, exit_fill, market_fill, touch
from rigd.strategy.exits import levels
from rigd.strategy.stepper import TIMED_OUT, Trade, on_grid, reason_of
from rigd.strategy.trailing import RangeState, average_range, follow, higher, observe_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rigd.core.values import Bar
    from rigd.hosts.kernels.stepper import CompiledStepper
    from rigd.strategy.definition import Strategy
    from rigd.strategy.exits import ExitRules
    from rigd.strategy.stepper import StepPlan

TIME_EXIT = 5
"""The trade ends at the open of a bar because its time is up; beside the codes of `touch`."""

BARS_ENDED = 6
"""The bars ended with the trade open; the price is the last close."""

Kernel = Any
"""A plain or compiled function."""


def make_scan(entry: Callable[[Any, Bar, Any], float]) -> Kernel:
    """Return what shows a strategy the bars of one day and notes its signals.

    Parameters
    ----------
    entry
        The strategy's entry rule, plain or compiled.

    Returns
    -------
    callable
        ``scan(bars, state, params, first_minute, until, signals)`` shows the bars of the minutes
        ``first_minute ≤ m < until`` to a new state, and writes +1, -1 or 0 into `signals`,
        int8[n_bars], at each of them.
    """

    def scan(
        bars: Sequence[Bar],
        state: Any,  # noqa: ANN401 - a slotted object or a record
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        first_minute: int,
        until: int,
        signals: npt.NDArray[np.int8],
    ) -> None:
        for at, bar in enumerate(bars):
            if bar.minute >= until:
                break
            if bar.minute >= first_minute:
                signal = entry(state, bar, params)
                if signal > 0.0:
                    signals[at] = 1
                elif signal < 0.0:
                    signals[at] = -1

    return scan


def hold(
    bars: Sequence[Bar],
    first: int,
    direction: int,
    entry_price: float,
    ranges: Any,  # noqa: ANN401 - a slotted object or a record
    rules: ExitRules,
    exit_minute: int,
) -> tuple[int, int, float]:
    """Follow one trade from the bar of its entry to the bar of its end (SPEC §3a.5-8).

    Parameters
    ----------
    bars
        The bars of what was bought or sold, of one day.
    first
        The index of the entry's bar.
    direction
        +1 long, -1 short.
    entry_price
        Average price of the entry's fills [currency/share].
    ranges
        A new RangeState.
    rules
        What ends the trade.
    exit_minute
        The minute at whose open the time exit acts.

    Returns
    -------
    tuple of int, int and float
        A code of `market.fills.touch`, TIME_EXIT or BARS_ENDED; the index of the bar; the price
        before slippage [currency/share]: the level or open that was reached, the bar's open, or
        the last close.
    """
    ranged = not math.isnan(rules.atr_mult)
    if not (ranged or rules.vwap_touch) and math.isnan(rules.trail_fraction):
        return _hold_still(bars, first, direction, entry_price, rules, exit_minute)
    turnover = 0.0
    volume = 0.0
    best = math.nan
    begin = first
    if ranged or rules.vwap_touch:
        begin = 0
    for at in range(begin, len(bars)):
        bar = bars[at]
        if at >= first:
            if bar.minute >= exit_minute:
                return TIME_EXIT, at, bar.open
            vwap = math.nan
            if volume > 0.0:
                vwap = turnover / volume
            stop, target = levels(
                direction,
                entry_price,
                higher(direction, entry_price, best),
                vwap,
                exit_minute - bar.minute,
                average_range(ranges, rules.atr_period),
                rules,
            )
            touched, price = touch(
                direction, bar.open, bar.high, bar.low, stop, target, at != first
            )
            if touched != NO_TOUCH:
                return touched, at, price
            best = follow(direction, best, bar.high, bar.low)
        if rules.vwap_touch:
            turnover += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
            volume += bar.volume
        if ranged:
            observe_range(ranges, bar, rules.atr_period)
    return BARS_ENDED, len(bars) - 1, bars[len(bars) - 1].close


def _hold_still(
    bars: Sequence[Bar],
    first: int,
    direction: int,
    entry_price: float,
    rules: ExitRules,
    exit_minute: int,
) -> tuple[int, int, float]:
    """Return what `hold` does where the levels of a trade never move."""
    nan = math.nan
    stop, target = levels(direction, entry_price, entry_price, nan, nan, nan, rules)
    bar = bars[first]
    if bar.minute < exit_minute:
        touched, price = touch(direction, bar.open, bar.high, bar.low, stop, target, False)
        if touched != NO_TOUCH:
            return touched, first, price
        first += 1
    for at in range(first, len(bars)):
        bar = bars[at]
        if bar.minute >= exit_minute:
            return TIME_EXIT, at, bar.open
        # No touch can be where neither level lies in the bar; a level that is off is NaN.
        if direction > 0:
            if not (bar.low <= stop or bar.high >= target):
                continue
        elif not (bar.high >= stop or bar.low <= target):
            continue
        touched, price = touch(direction, bar.open, bar.high, bar.low, stop, target, True)
        if touched != NO_TOUCH:
            return touched, at, price
    return BARS_ENDED, len(bars) - 1, bars[len(bars) - 1].close


def make_run(
    entry: Callable[[Any, Bar, Any], float], analysis_bars: Callable[[Any], float], held: Kernel
) -> Kernel:
    """Return the whole trade of one symbol and day: what `strategy.stepper` walks, in two parts.

    Parameters
    ----------
    entry, analysis_bars
        The strategy's functions, plain or compiled.
    held
        `hold`, plain or compiled.

    Returns
    -------
    callable
        ``run(bars, state, ranges, params, rules, plan) -> Trade``: bit-equal to the stepper's walk.
    """

    def run(
        bars: Sequence[Bar],
        state: Any,  # noqa: ANN401 - a slotted object or a record
        ranges: Any,  # noqa: ANN401 - a slotted object or a record
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> Trade:
        nothing = Trade(0, -1, -1, -1, math.nan, math.nan, 0, False, 0)
        direction = 0
        first = 0
        for bar in bars:
            first += 1
            if bar.minute >= plan.entry_end:
                return nothing
            signal = entry(state, bar, params)
            if (signal > 0.0 or (signal < 0.0 and plan.shorts)) and analysis_bars(
                state
            ) >= plan.required_bars:
                direction = 1 if signal > 0.0 else -1
                break
        if direction == 0 or first >= len(bars) or bars[first].minute >= plan.entry_end:
            return nothing
        bar = bars[first]
        price = on_grid(
            market_fill(bar.open, bar.close, plan.latency_fraction, plan.slippage, direction)
        )
        code, at, level = held(bars, first, direction, price, ranges, rules, plan.exit_minute)
        bar = bars[at]
        reason = TIMED_OUT
        if code == TIME_EXIT:
            level = market_fill(
                bar.open, bar.close, plan.latency_fraction, plan.slippage, -direction
            )
        elif code != BARS_ENDED:
            level = exit_fill(code, level, plan.slippage, direction)
            reason = reason_of(code)
        return Trade(
            direction,
            bars[first - 1].minute,
            bars[first].minute,
            bar.minute,
            price,
            on_grid(level),
            reason,
            code == BARS_ENDED,
            0,
        )

    return run


@cache
def compile_run(strategy: Strategy) -> CompiledStepper:
    """Return the compiled run of one strategy over many days of one symbol.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``(bars, offsets, params, rules, plan) -> TRADE[n]``, as `stepper.compile_stepper` has it.
    """
    run = make_run(compiled(strategy.entry), compiled(strategy.analysis_bars), compiled(hold))
    return over_days(compiled(run), strategy)


@cache
def compile_hold() -> Kernel:
    """Return `hold`, compiled: ``(bars, first, direction, entry_price, rules, exit_minute)``.

    Returns
    -------
    callable
        Over BAR[n_bars]; it makes the new RangeState itself.
    """
    followed = compiled(hold)
    ranges_type = record_type(RangeState)

    def follow_trade(
        bars: npt.NDArray[np.void],
        first: int,
        direction: int,
        entry_price: float,
        rules: ExitRules,
        exit_minute: int,
    ) -> tuple[int, int, float]:
        ranges = np.zeros(1, dtype=ranges_type)
        code, at, price = followed(
            bars, first, direction, entry_price, ranges[0], rules, exit_minute
        )
        return int(code), int(at), float(price)

    return follow_trade


def plain_hold(
    bars: Sequence[Bar],
    first: int,
    direction: int,
    entry_price: float,
    rules: ExitRules,
    exit_minute: int,
) -> tuple[int, int, float]:
    """Return what `compile_hold` does, interpreted, over the bars as tuples."""
    return hold(bars, first, direction, entry_price, RangeState(), rules, exit_minute)


def compile_scan(strategy: Strategy) -> Kernel:
    """Return the compiled scan of one strategy over many days.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``scan_days(bars, starts, ends, states, params, first_minute, until, signals)``: the bars of
        day d are ``bars[starts[d]:ends[d]]``; `states` has a zeroed record per day, `signals` is
        int8[n_bars] of zeros.
    """
    return _compiled_scan(strategy.entry)


def blank_states(strategy: Strategy, days: int) -> npt.NDArray[np.void]:
    """Return a zeroed record of the strategy's state per day."""
    return np.zeros(days, dtype=record_type(strategy.state))


@cache
def _compiled_scan(entry: Callable[[Any, Bar, Any], float]) -> Kernel:
    scan = compiled(make_scan(compiled(entry)))

    def scan_days(
        bars: npt.NDArray[np.void],
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        states: npt.NDArray[np.void],
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        first_minute: int,
        until: int,
        signals: npt.NDArray[np.int8],
    ) -> None:
        for day in range(len(starts)):
            first, last = starts[day], ends[day]
            scan(bars[first:last], states[day], params, first_minute, until, signals[first:last])

    return compiled(scan_days)


def pack_bars(days: Sequence[Sequence[Bar]]) -> npt.NDArray[np.void]:
    """Return the bars of many days as BAR[n_bars], one after the other."""
    return np.array([bar for day in days for bar in map(tuple, day)], dtype=BAR)
