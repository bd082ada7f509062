"""The naive stepper of a strategy whose short side buys an inverse ETF.

The signal is the symbol's own; what follows a short signal is a long trade of the fund, from the
fund's own bars: entry, levels, VWAP touch, average true range, time exit. A short signal counts
only on a minute in which the fund has a bar; until then the symbol is asked again. Plain Python on
numbers, as in `stepper`, so that `hosts.kernels` compiles the very same functions. Source: SPEC §3,
"Short side".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rigd.market.fills import market_fill
from rigd.strategy.stepper import TIMED_OUT, Trade, end_in, on_grid
from rigd.strategy.trailing import RangeState, average_range, follow, observe_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rigd.core.values import Bar
    from rigd.strategy.definition import Strategy
    from rigd.strategy.exits import ExitRules
    from rigd.strategy.stepper import StepPlan

Part = Any
"""A plain or compiled function of one part of the walk."""


def make_search(
    entry: Callable[[Any, Bar, Any], float], analysis_bars: Callable[[Any], float]
) -> Part:
    """Return what finds the signal that a session would act on.

    Parameters
    ----------
    entry, analysis_bars
        The strategy's functions, plain or compiled.

    Returns
    -------
    callable
        ``search(bars, fund, state, params, plan) -> (direction, minute)`` over the symbol's and the
        fund's bars of one day; a direction of 0 is none.
    """

    def search(
        bars: Sequence[Bar],
        fund: Sequence[Bar],
        state: Any,  # noqa: ANN401 - a slotted object or a record
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        plan: StepPlan,
    ) -> tuple[int, int]:
        at = 0
        for bar in bars:
            if bar.minute >= plan.entry_end:
                return 0, -1
            signal = entry(state, bar, params)
            while at < len(fund) and fund[at].minute < bar.minute:
                at += 1
            if analysis_bars(state) < plan.required_bars:
                continue
            if signal > 0.0:
                return 1, bar.minute
            if signal < 0.0 and at < len(fund) and fund[at].minute == bar.minute:
                return -1, bar.minute
        return 0, -1

    return search


def make_hold(entry: Callable[[Any, Bar, Any], float], vwap: Callable[[Any], float]) -> Part:
    """Return what follows a long trade from its signal to its end.

    Parameters
    ----------
    entry, vwap
        The strategy's functions, plain or compiled; `entry` is called for the VWAP alone.

    Returns
    -------
    callable
        ``hold(bars, signal_minute, state, ranges, params, rules, plan) -> Trade`` over the bars of
        what was bought, with a new state and a new RangeState.
    """

    def hold(
        bars: Sequence[Bar],
        signal_minute: int,
        state: Any,  # noqa: ANN401 - a slotted object or a record
        ranges: Any,  # noqa: ANN401 - a slotted object or a record
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> Trade:
        entry_minute = -1
        entry_price = math.nan
        peak = math.nan
        last_minute = -1
        last_close = math.nan
        for bar in bars:
            if entry_minute < 0 and bar.minute > signal_minute:
                if bar.minute >= plan.entry_end:
                    return Trade(0, -1, -1, -1, math.nan, math.nan, 0, False, 0)
                entry_minute = bar.minute
                entry_price = on_grid(
                    market_fill(bar.open, bar.close, plan.latency_fraction, plan.slippage, 1)
                )
                peak = entry_price
            if entry_minute >= 0:
                code, price = end_in(
                    bar,
                    1,
                    entry_price,
                    peak,
                    bar.minute != entry_minute,
                    vwap(state),
                    average_range(ranges, rules.atr_period),
                    rules,
                    plan,
                )
                if code != 0:
                    return Trade(
                        1,
                        signal_minute,
                        entry_minute,
                        bar.minute,
                        entry_price,
                        on_grid(price),
                        code,
                        False,
                        0,
                    )
                peak = follow(1, peak, bar.high, bar.low)
            entry(state, bar, params)
            observe_range(ranges, bar, rules.atr_period)
            last_minute = bar.minute
            last_close = bar.close
        if entry_minute < 0:
            return Trade(0, -1, -1, -1, math.nan, math.nan, 0, False, 0)
        return Trade(
            1,
            signal_minute,
            entry_minute,
            last_minute,
            entry_price,
            on_grid(last_close),
            TIMED_OUT,
            True,
            0,
        )

    return hold


def walk_pairs(
    strategy: Strategy,
    days: Iterable[tuple[Sequence[Bar], Sequence[Bar]]],
    params: Any,  # noqa: ANN401 - the parameters of any strategy
    rules: ExitRules,
    plan: StepPlan,
) -> tuple[tuple[Trade, bool], ...]:
    """Step one symbol with its fund over many days, each on its own.

    Parameters
    ----------
    strategy
        The definition.
    days
        Per day the regular bars of the symbol and of its fund, in time order.
    params, rules, plan
        What decides, what ends a trade, and how it is stepped.

    Returns
    -------
    tuple of (Trade, bool)
        At most one a day, always long, and whether it is the fund's; `day` counts from 0.
    """
    search = make_search(strategy.entry, strategy.analysis_bars)
    hold = make_hold(strategy.entry, strategy.vwap)
    found = []
    for number, (bars, fund) in enumerate(days):
        direction, minute = search(bars, fund, strategy.new_state(), params, plan)
        if direction == 0:
            continue
        bought = bars if direction > 0 else fund
        trade = hold(bought, minute, strategy.new_state(), RangeState(), params, rules, plan)
        if trade.direction != 0:
            found.append((trade._replace(day=number), direction < 0))
    return tuple(found)
