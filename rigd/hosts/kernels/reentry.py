"""Several trades of one symbol a day: the naive stepper with re-entry, and the grid that hops.

After an exit the next signal may enter again. Rules that are read in trade order stand on top: how
many entries a day, which weight the i-th one has, and the day's loss after which none follows. They
cut a day's list of trades, so they need no table of their own: an index of the next signal leads
from each exit to the next entry, and one first hit per signal bar and level serves all combinations
that come by. Bit-equal to `again` and `tally_in_order`. Source: SPEC §3a and §4, PERFORMANCE P3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.hosts.kernels.cached import keep
from rigd.hosts.kernels.first_hits import (
    LAST,
    NEVER,
    hit_stops,
    hit_targets,
    index_at,
    key_of,
    timed_exit,
)
from rigd.hosts.kernels.sharing import (
    Entries,
    Exits,
    Frictions,
    hit_all_trails,
    range_maker,
)
from rigd.hosts.kernels.stepper import TRADE, compiled, record_type
from rigd.hosts.kernels.tally import Costs, profit, quantity_of
from rigd.market.fills import NO_TOUCH, exit_fill, market_fill, touch
from rigd.strategy.stepper import TIMED_OUT, end_in, on_grid
from rigd.strategy.trailing import RangeState, average_range, follow, observe_range

if TYPE_CHECKING:
    from rigd.strategy.definition import Strategy
    from rigd.strategy.exits import ExitRules
    from rigd.strategy.stepper import StepPlan

UNLIMITED = 1 << 30
"""More entries than a day has minutes."""


class TradeRules(NamedTuple):
    """What is read in trade order, day by day.

    Parameters
    ----------
    max_trades
        Entries a day (MAX_TRADES); UNLIMITED has no limit.
    weights
        float64[n]: the i-th entry of a day has ``stake × weights[i]``, later ones the last weight.
    loss_limit
        After a day's realised loss of so much no entry follows (DAILY_LOSS_LIMIT × equity)
        [currency]; infinite is off.
    """

    max_trades: int
    weights: np.ndarray
    loss_limit: float


def make_again(entry: Any, analysis_bars: Any, vwap: Any) -> Any:  # noqa: ANN401 - plain or compiled
    """Return the naive stepper with re-entry of one strategy.

    Parameters
    ----------
    entry, analysis_bars, vwap
        The strategy's functions, plain or compiled.

    Returns
    -------
    callable
        ``again(bars, state, ranges, params, rules, plan, day, trades) -> count`` writes the trades
        of one day into TRADE rows; the first one is that of `strategy.stepper.make_walk`.
    """

    def again(
        bars: Any,  # noqa: ANN401 - a list of bars or records
        state: Any,  # noqa: ANN401 - a slotted object or a record
        ranges: Any,  # noqa: ANN401 - a slotted object or a record
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
        day: int,
        trades: Any,  # noqa: ANN401 - records
    ) -> int:
        count = 0
        direction = 0
        pending = 0
        peak = math.nan
        for bar in bars:
            if direction == 0 and bar.minute >= plan.entry_end:
                return count
            if pending != 0:
                direction = pending
                pending = 0
                entry_price = on_grid(
                    market_fill(
                        bar.open, bar.close, plan.latency_fraction, plan.slippage, direction
                    )
                )
                peak = entry_price
                trades[count].direction = direction
                trades[count].entry_minute = bar.minute
                trades[count].entry_price = entry_price
            if direction != 0:
                code, price = end_in(
                    bar,
                    direction,
                    trades[count].entry_price,
                    peak,
                    bar.minute != trades[count].entry_minute,
                    vwap(state),
                    average_range(ranges, rules.atr_period),
                    rules,
                    plan,
                )
                trades[count].exit_minute = bar.minute
                trades[count].reason = code
                trades[count].day = day
                if code != 0:
                    trades[count].exit_price = on_grid(price)
                    direction = 0
                    count += 1
                else:
                    trades[count].exit_price = bar.close
                    peak = follow(direction, peak, bar.high, bar.low)
            signal = entry(state, bar, params)
            observe_range(ranges, bar, rules.atr_period)
            if (
                direction == 0
                and (signal > 0.0 or (signal < 0.0 and plan.shorts))
                and analysis_bars(state) >= plan.required_bars
            ):
                pending = 1 if signal > 0.0 else -1
                trades[count].signal_minute = bar.minute
        if direction != 0:
            trades[count].exit_price = on_grid(trades[count].exit_price)
            trades[count].reason = TIMED_OUT
            trades[count].stale = True
            count += 1
        return count

    return again


def tally_in_order(
    trades: np.ndarray,
    bars: np.ndarray,
    offsets: np.ndarray,
    costs: Costs,
    rules: TradeRules,
    out: np.ndarray,
) -> None:
    """Sum the trades of one combination by the rules of trade order.

    Parameters
    ----------
    trades
        TRADE[n_trades], in time order; several a day.
    bars, offsets
        As `stepper.pack` returns them.
    costs, rules
        Size, commission and the rules.
    out
        float64[6], `tally.OUTPUTS`; written.
    """
    pnl = 0.0
    peak = 0.0
    today = -1
    entries = 0
    of_day = 0.0
    out[:] = 0.0
    for trade in trades:
        if trade.day != today:
            out[5] += of_day * of_day
            today, entries, of_day = trade.day, 0, 0.0
        if entries >= rules.max_trades or of_day <= -rules.loss_limit:
            continue
        index = offsets[trade.day]
        while bars[index].minute != trade.signal_minute:
            index += 1
        weight = rules.weights[min(entries, len(rules.weights) - 1)]
        quantity = quantity_of(bars[index].close, costs.stake * weight, costs.lots)
        gain = profit(
            trade.direction, trade.entry_price, trade.exit_price, quantity, costs.commission
        )
        entries += 1
        pnl += gain
        of_day += gain
        peak = max(peak, pnl)
        out[0] += 1.0
        out[2] += 1.0 if gain > 0.0 else 0.0
        out[3] = max(out[3], peak - pnl)
        out[4] += trade.exit_minute - trade.entry_minute
    out[1] = pnl
    out[5] += of_day * of_day


def make_hop(entry: Any, analysis_bars: Any, vwap: Any) -> Any:  # noqa: ANN401 - numba dispatchers
    """Return the grid with re-entry of one strategy.

    Parameters
    ----------
    entry, analysis_bars, vwap
        The strategy's functions, plain or compiled.

    Returns
    -------
    callable
        ``hop(...)``; see `compile_hop`.
    """

    def hop(
        bars: np.ndarray,
        offsets: np.ndarray,
        classes: np.ndarray,
        entries: Entries,
        exits: Exits,
        frictions: Frictions,
        costs: Costs,
        rules: TradeRules,
        times: np.ndarray,
        time_of: np.ndarray,
        ranges: np.ndarray,
        blank: np.ndarray,
        sums: np.ndarray,
        out: np.ndarray,
    ) -> None:
        n_groups, n_exits, _ = entries.entry_ends.shape
        n_stops, n_trails = len(exits.stops), len(exits.trails)
        n_targets, n_touches = len(exits.targets), len(exits.touches)
        n_times = times.shape[1]
        touching = exits.touches[n_touches - 1]
        longest = 1
        for day in range(len(offsets) - 1):
            longest = max(longest, offsets[day + 1] - offsets[day])
        slots = 2 * longest
        built = np.empty(slots, np.bool_)
        prices_in = np.empty(slots)
        stop_keys, stop_prices = np.empty((slots, n_stops), np.int64), np.empty((slots, n_stops))
        target_keys = np.empty((slots, n_targets), np.int64)
        target_prices = np.empty((slots, n_targets))
        trail_keys = np.empty((slots, n_times, n_trails), np.int64)
        trail_prices = np.empty((slots, n_times, n_trails))
        time_keys, time_minutes = (
            np.empty((slots, n_times), np.int64),
            np.empty((slots, n_times), np.int64),
        )
        time_prices = np.empty((slots, n_times))
        vwap_keys, vwap_prices = np.empty(slots, np.int64), np.empty(slots)
        untils = np.empty(n_times, np.int64)
        peaks, vwaps = np.empty(longest), np.empty(longest)
        signals, following = np.empty(longest, np.int64), np.empty(longest + 1, np.int64)
        index_of = np.empty(4096, np.int64)
        for day in range(len(offsets) - 1):
            kind = classes[day]
            low = offsets[day]
            own = bars[low : offsets[day + 1]]
            count = len(own)
            if count == 0:
                continue
            built[:] = False
            day_ranges = ranges[:, low : low + count]
            for index in range(count):
                index_of[own[index].minute] = index
            blank[1] = blank[0]
            for index in range(count):
                vwaps[index] = vwap(blank[1])
                entry(blank[1], own[index], entries.params[0, kind])
            for group in range(n_groups):
                params = entries.params[group, kind]
                blank[1] = blank[0]
                state = blank[1]
                begin = index_at(own, entries.starts[group, kind])
                end = index_at(own, entries.signal_ends[group, kind])
                following[end:] = count
                for index in range(begin, end):
                    signal = entry(state, own[index], params)
                    known = analysis_bars(state) >= entries.required[group]
                    signals[index] = 0
                    if known and signal > 0.0:
                        signals[index] = 1
                    elif known and signal < 0.0 and entries.shorts[group]:
                        signals[index] = -1
                for back in range(end):
                    index = end - 1 - back
                    here = index >= begin and signals[index] != 0
                    following[index] = index if here else following[index + 1]
                if following[0] >= count:
                    continue
                for exit_ in range(n_exits):
                    entry_end = entries.entry_ends[group, exit_, kind]
                    time = time_of[group, exit_, kind]
                    for stop in range(n_stops):
                        for trail in range(n_trails):
                            line = (stop * n_trails + trail) * n_exits + exit_
                            for target in range(n_targets):
                                for touch_ in range(n_touches):
                                    cell = sums[group, line, target * n_touches + touch_]
                                    at = following[0]
                                    done = 0
                                    of_day = 0.0
                                    while at + 1 < count:
                                        first = at + 1
                                        if own[first].minute >= entry_end:
                                            break
                                        if done >= rules.max_trades or of_day <= -rules.loss_limit:
                                            break
                                        direction = signals[at]
                                        slot = 2 * at + (1 if direction < 0 else 0)
                                        if not built[slot]:
                                            built[slot] = True
                                            entry_price = on_grid(
                                                market_fill(
                                                    own[first].open,
                                                    own[first].close,
                                                    frictions.latency_fraction,
                                                    frictions.slippage,
                                                    direction,
                                                )
                                            )
                                            prices_in[slot] = entry_price
                                            until = first
                                            for other in range(n_times):
                                                (
                                                    untils[other],
                                                    time_keys[slot, other],
                                                    time_minutes[slot, other],
                                                    time_prices[slot, other],
                                                ) = timed_exit(
                                                    own,
                                                    first,
                                                    times[kind, other],
                                                    direction,
                                                    frictions.latency_fraction,
                                                    frictions.slippage,
                                                )
                                                until = max(until, untils[other])
                                            hit_stops(
                                                own,
                                                first,
                                                until,
                                                direction,
                                                entry_price,
                                                exits.stops,
                                                frictions.slippage,
                                                stop_keys[slot],
                                                stop_prices[slot],
                                            )
                                            hit_targets(
                                                own,
                                                first,
                                                until,
                                                direction,
                                                entry_price,
                                                exits.targets,
                                                frictions.slippage,
                                                target_keys[slot],
                                                target_prices[slot],
                                            )
                                            peaks[first] = entry_price
                                            hit_all_trails(
                                                own,
                                                first,
                                                until,
                                                direction,
                                                untils,
                                                times[kind],
                                                exits,
                                                peaks,
                                                day_ranges,
                                                frictions.slippage,
                                                trail_keys[slot],
                                                trail_prices[slot],
                                            )
                                            vwap_keys[slot] = NEVER
                                            if touching:
                                                vwap_keys[slot], vwap_prices[slot] = hit_vwap(
                                                    own,
                                                    first,
                                                    until,
                                                    direction,
                                                    vwaps,
                                                    frictions.slippage,
                                                )
                                        key = time_keys[slot, time]
                                        minute = time_minutes[slot, time]
                                        price = time_prices[slot, time]
                                        if stop_keys[slot, stop] < key:
                                            key = stop_keys[slot, stop]
                                            price = stop_prices[slot, stop]
                                        other_key = trail_keys[slot, time, trail]
                                        other_price = trail_prices[slot, time, trail]
                                        if other_key < key or (
                                            other_key == key
                                            and direction * other_price > direction * price
                                        ):
                                            key, price = other_key, other_price
                                        near_key = target_keys[slot, target]
                                        near_price = target_prices[slot, target]
                                        if exits.touches[touch_] and (
                                            vwap_keys[slot] < near_key
                                            or (
                                                vwap_keys[slot] == near_key
                                                and direction * vwap_prices[slot]
                                                < direction * near_price
                                            )
                                        ):
                                            near_key = vwap_keys[slot]
                                            near_price = vwap_prices[slot]
                                        if near_key < key:
                                            key, price = near_key, near_price
                                        if key < LAST:
                                            minute = key >> 3
                                        weight = rules.weights[min(done, len(rules.weights) - 1)]
                                        quantity = quantity_of(
                                            own[at].close, costs.stake * weight, costs.lots
                                        )
                                        gain = profit(
                                            direction,
                                            prices_in[slot],
                                            price,
                                            quantity,
                                            costs.commission,
                                        )
                                        done += 1
                                        of_day += gain
                                        cell[0] += 1.0
                                        cell[1] += gain
                                        cell[2] += 1.0 if gain > 0.0 else 0.0
                                        cell[6] = max(cell[6], cell[1])
                                        cell[3] = max(cell[3], cell[6] - cell[1])
                                        cell[4] += minute - own[first].minute
                                        if key >= LAST:
                                            break
                                        at = following[index_of[minute]]
                                    cell[5] += of_day * of_day
        out[:] = sums[:, :, :, :6]

    return hop


def hit_vwap(
    bars: np.ndarray, first: int, until: int, direction: int, vwaps: np.ndarray, slippage: float
) -> tuple[int, float]:
    """Find where the touch of the VWAP ends a trade.

    Parameters
    ----------
    bars, first, until, direction, slippage
        As `first_hits.hit_stops` takes them.
    vwaps
        float64[≥ n_bars]: the session's VWAP before each bar [currency/share].

    Returns
    -------
    tuple of int and float
        NEVER or `first_hits.key_of`, and the fill [currency/share].
    """
    for index in range(first, until):
        bar = bars[index]
        touched, price = touch(
            direction, bar.open, bar.high, bar.low, math.nan, vwaps[index], index != first
        )
        if touched != NO_TOUCH:
            fill = on_grid(exit_fill(touched, price, slippage, direction))
            return key_of(bar.minute, touched), fill
    return NEVER, 0.0


def compile_again(strategy: Strategy) -> Any:  # noqa: ANN401 - a plain function over arrays
    """Return the naive stepper with re-entry of one strategy, compiled on its first call.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``step(bars, offsets, params, rules, plan)`` over the arrays of `stepper.pack` returns
        TRADE[n], all trades in time order.
    """
    again = compiled(
        make_again(
            compiled(strategy.entry), compiled(strategy.analysis_bars), compiled(strategy.vwap)
        )
    )
    state_type, ranges_type = record_type(strategy.state), record_type(RangeState)

    def step(
        bars: np.ndarray,
        offsets: np.ndarray,
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> np.ndarray:
        found = [np.zeros(0, TRADE)]
        for day in range(len(offsets) - 1):
            own = bars[offsets[day] : offsets[day + 1]]
            rows = np.zeros(len(own) + 1, TRADE)
            state, ranges = np.zeros(1, state_type), np.zeros(1, ranges_type)
            count = again(own, state[0], ranges[0], params, rules, plan, day, rows)
            found.append(rows[:count])
        return np.concatenate(found)

    return step


def compile_hop(strategy: Strategy) -> Any:  # noqa: ANN401 - a plain function over arrays
    """Return the grid with re-entry of one strategy; numba compiles it on its first call.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``hop(bars, offsets, classes, entries, exits, frictions, costs, rules)``: as
        `sharing.compile_share`, with the rules of trade order.
    """
    hop = compiled_hop(strategy)
    state_type, ranges_of = record_type(strategy.state), range_maker()

    def run(
        bars: np.ndarray,
        offsets: np.ndarray,
        classes: np.ndarray,
        entries: Entries,
        exits: Exits,
        frictions: Frictions,
        costs: Costs,
        rules: TradeRules,
    ) -> np.ndarray:
        ranges = ranges_of(bars, offsets, exits)
        _, n_exits, _ = entries.entry_ends.shape
        first = len(exits.stops) * len(exits.trails) * n_exits
        shape = (len(entries.required), first, len(exits.targets) * len(exits.touches))
        out, sums = np.empty((*shape, 6)), np.zeros((*shape, 7))
        times, time_of = distinct_times(entries.exit_minutes)
        blank = np.zeros(2, state_type)
        hop(
            bars,
            offsets,
            classes,
            entries,
            exits,
            frictions,
            costs,
            rules,
            times,
            time_of,
            ranges,
            blank,
            sums,
            out,
        )
        return out

    return run


def compiled_hop(strategy: Strategy) -> Any:  # noqa: ANN401 - a numba dispatcher
    """Return the compiled kernel itself, with every function that it names compiled."""
    kernel = compiled(
        make_hop(
            compiled(strategy.entry), compiled(strategy.analysis_bars), compiled(strategy.vwap)
        )
    )
    return keep(kernel, f"hop_{strategy.name}")


def distinct_times(exit_minutes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct time exits of each length of a session, and which one each entry has.

    Parameters
    ----------
    exit_minutes
        int64[E, X, C].

    Returns
    -------
    tuple of two ndarrays
        int64[C, U], filled up by the last one, and int64[E, X, C].
    """
    found = [np.unique(exit_minutes[:, :, kind]) for kind in range(exit_minutes.shape[2])]
    longest = max(len(each) for each in found)
    times = np.array([np.pad(each, (0, longest - len(each)), mode="edge") for each in found])
    which = [np.searchsorted(each, exit_minutes[:, :, kind]) for kind, each in enumerate(found)]
    return times, np.stack(which, axis=2)
