"""The naive stepper: one symbol, one strategy, bar after bar, as a session would trade it.

It is the oracle of every faster path. `walk` is plain Python on numbers, as in `definition`, so
that `hosts.kernels` compiles the very same function. Source: SPEC §3a.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.values import ExitReason
from rigd.market.fills import (
    NO_TOUCH,
    STOP_GAPPED,
    STOP_HIT,
    exit_fill,
    market_fill,
    touch,
)
from rigd.strategy.exits import ExitRules, levels
from rigd.strategy.trailing import RangeState, average_range, follow, observe_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rigd.core.values import Bar
    from rigd.strategy.definition import Strategy

STOPPED = 1
TARGET = 2
TIMED_OUT = 3

REASONS = {
    STOPPED: ExitReason.STOP_LOSS,
    TARGET: ExitReason.TARGET_HIT,
    TIMED_OUT: ExitReason.TIMEOUT,
}
"""The exit reason of each code of a trade."""

_GRID = 1e6
_SPLITTER = 134217729.0  # 2**27 + 1, Dekker (1971)


class StepPlan(NamedTuple):
    """How a strategy is stepped.

    Parameters
    ----------
    entry_end
        Entries fill on bars before this minute, else they expire.
    exit_minute
        The minute at whose open the time exit acts.
    required_bars
        Analysis bars that the symbol must have.
    shorts
        Whether a short signal may become a trade.
    latency_fraction
        Latency / bar length, 0 to 1.
    slippage
        Fraction of the price of a market fill, not negative.
    """

    entry_end: int
    exit_minute: int
    required_bars: int
    shorts: bool
    latency_fraction: float = 0.0
    slippage: float = 0.0


class Trade(NamedTuple):
    """One trade; a direction of 0 is none.

    Minutes are those of the bars: of the signal, of the entry's fill, of the exit's fill; prices
    [currency/share] on the grid of 10⁻⁶; `reason` is STOPPED, TARGET or TIMED_OUT; `stale` tells
    that the bars ended with the trade open, and the exit is the last mark.
    """

    direction: int
    signal_minute: int
    entry_minute: int
    exit_minute: int
    entry_price: float
    exit_price: float
    reason: int
    stale: bool
    day: int


Walk = Any
"""``(bars, state, ranges, params, rules, plan) -> Trade``, plain or compiled."""


def on_grid(price: float) -> float:
    """Return the double nearest to the price rounded half-even to 10⁻⁶.

    Equal to ``float(core.money.price_from_float(price))`` for every price under 2**32: the product
    with 10⁶ is rounded, so its error (exact, by Dekker's product) settles what looks like a tie.

    Parameters
    ----------
    price
        Positive and finite [currency/share].

    Returns
    -------
    float
        [currency/share].

    References
    ----------
    Dekker, A floating-point technique for extending the available precision (1971).
    """
    product = price * _GRID
    whole = math.floor(product)
    part = product - whole
    if part == 0.5:
        spread = price * _SPLITTER
        head = spread - (spread - price)
        error = (head * _GRID - product) + (price - head) * _GRID
        if error > 0.0 or (error == 0.0 and whole % 2 == 1):
            whole += 1
    elif part > 0.5:
        whole += 1
    return whole / _GRID


def make_walk(
    entry: Callable[[Any, Bar, Any], float],
    analysis_bars: Callable[[Any], float],
    vwap: Callable[[Any], float],
) -> Walk:
    """Return the stepper of one strategy.

    Parameters
    ----------
    entry, analysis_bars, vwap
        The strategy's functions, plain or compiled.

    Returns
    -------
    callable
        ``walk(bars, state, ranges, params, rules, plan) -> Trade`` over the bars of one day, with
        a new state of the strategy and a new RangeState.
    """

    def walk(
        bars: Sequence[Bar],
        state: Any,  # noqa: ANN401 - a slotted object or a record
        ranges: Any,  # noqa: ANN401 - a slotted object or a record
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> Trade:
        direction = 0
        pending = 0
        signal_minute = -1
        entry_minute = -1
        entry_price = math.nan
        peak = math.nan
        last_minute = -1
        last_close = math.nan
        for bar in bars:
            if direction == 0 and bar.minute >= plan.entry_end:
                return Trade(0, -1, -1, -1, math.nan, math.nan, 0, False, 0)
            if pending != 0:
                direction = pending
                pending = 0
                entry_minute = bar.minute
                entry_price = on_grid(
                    market_fill(
                        bar.open, bar.close, plan.latency_fraction, plan.slippage, direction
                    )
                )
                peak = entry_price
            if direction != 0:
                code, price = end_in(
                    bar,
                    direction,
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
                        direction,
                        signal_minute,
                        entry_minute,
                        bar.minute,
                        entry_price,
                        on_grid(price),
                        code,
                        False,
                        0,
                    )
                peak = follow(direction, peak, bar.high, bar.low)
            signal = entry(state, bar, params)
            observe_range(ranges, bar, rules.atr_period)
            if (
                direction == 0
                and (signal > 0.0 or (signal < 0.0 and plan.shorts))
                and analysis_bars(state) >= plan.required_bars
            ):
                pending = 1 if signal > 0.0 else -1
                signal_minute = bar.minute
            last_minute = bar.minute
            last_close = bar.close
        if direction == 0:
            return Trade(0, -1, -1, -1, math.nan, math.nan, 0, False, 0)
        return Trade(
            direction,
            signal_minute,
            entry_minute,
            last_minute,
            entry_price,
            on_grid(last_close),
            TIMED_OUT,
            True,
            0,
        )

    return walk


def end_in(
    bar: Bar,
    direction: int,
    entry_price: float,
    peak: float,
    test_open: bool,  # noqa: FBT001 - positional, so that a compiled caller can pass it
    vwap: float,
    atr: float,
    rules: ExitRules,
    plan: StepPlan,
) -> tuple[int, float]:
    """Tell whether and at what price a trade ends in a bar (SPEC §3a.5-7).

    Parameters
    ----------
    bar
        The bar, with the trade open at its start.
    direction, entry_price, peak, vwap, atr, rules
        As `exits.levels` takes them.
    test_open
        False in the bar of the entry.
    plan
        The time exit and how fills are simulated.

    Returns
    -------
    tuple of int and float
        The reason, 0 when the trade goes on, and the fill price, not yet on the grid.
    """
    if bar.minute >= plan.exit_minute:
        return TIMED_OUT, market_fill(
            bar.open, bar.close, plan.latency_fraction, plan.slippage, -direction
        )
    stop, target = levels(
        direction, entry_price, peak, vwap, plan.exit_minute - bar.minute, atr, rules
    )
    touched, level = touch(direction, bar.open, bar.high, bar.low, stop, target, test_open)
    return reason_of(touched), exit_fill(touched, level, plan.slippage, direction)


def reason_of(touched: int) -> int:
    """Return the trade's reason for an answer of `market.fills.touch`; 0 when nothing was hit."""
    if touched == NO_TOUCH:
        return 0
    if touched in (STOP_HIT, STOP_GAPPED):
        return STOPPED
    return TARGET


def walk_days(
    strategy: Strategy,
    days: Iterable[Sequence[Bar]],
    params: Any,  # noqa: ANN401 - the parameters of any strategy
    rules: ExitRules,
    plan: StepPlan,
) -> tuple[Trade, ...]:
    """Step one symbol over many days, each on its own.

    Parameters
    ----------
    strategy
        The definition.
    days
        The regular bars of each day, in time order.
    params, rules, plan
        What decides, what ends a trade, and how it is stepped.

    Returns
    -------
    tuple of Trade
        At most one a day; `day` counts from 0.
    """
    walk = make_walk(strategy.entry, strategy.analysis_bars, strategy.vwap)
    found = []
    for number, bars in enumerate(days):
        trade = walk(bars, strategy.new_state(), RangeState(), params, rules, plan)
        if trade.direction != 0:
            found.append(trade._replace(day=number))
    return tuple(found)
