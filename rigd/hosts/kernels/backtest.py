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

from rigd.hosts.kernels.stepper import BAR, compiled, record_type
from rigd.market.fills import NO_TOUCH, touch
from rigd.strategy.exits import levels
from rigd.strategy.trailing import RangeState, average_range, follow, higher, observe_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rigd.core.values import Bar
    from rigd.strategy.definition import Strategy
    from rigd.strategy.exits import ExitRules

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
    turnover = 0.0
    volume = 0.0
    best = math.nan
    at = 0
    for bar in bars:
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
        turnover += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
        volume += bar.volume
        observe_range(ranges, bar, rules.atr_period)
        at += 1
    return BARS_ENDED, at - 1, bars[at - 1].close


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
    import numba  # noqa: PLC0415 - heavy, and only a compiled run needs it

    scan = compiled(make_scan(compiled(entry)))

    @numba.njit
    def scan_days(  # type: ignore[no-untyped-def] # numba infers it  # noqa: ANN202 - compiled
        bars,  # noqa: ANN001 - compiled
        starts,  # noqa: ANN001 - compiled
        ends,  # noqa: ANN001 - compiled
        states,  # noqa: ANN001 - compiled
        params,  # noqa: ANN001 - compiled
        first_minute,  # noqa: ANN001 - compiled
        until,  # noqa: ANN001 - compiled
        signals,  # noqa: ANN001 - compiled
    ):
        for day in range(len(starts)):
            first, last = starts[day], ends[day]
            scan(bars[first:last], states[day], params, first_minute, until, signals[first:last])

    return scan_days


def pack_bars(days: Sequence[Sequence[Bar]]) -> npt.NDArray[np.void]:
    """Return the bars of many days as BAR[n_bars], one after the other."""
    return np.array([bar for day in days for bar in map(tuple, day)], dtype=BAR)
