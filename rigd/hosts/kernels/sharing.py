"""A whole grid at a small fraction of naive stepping: entries found once, first hits shared.

An entry depends on the entry's parameters alone, so it is found once for each of them. Each level
of each exit rule has one first hit per entry. What remains for a combination is to take the earlier
of two hits, day by day, and to sum: `accumulate`, a loop without branches over all combinations.
Bit-equal to the naive stepper and `tally.tally`. Source: ARCHITECTURE §4, PERFORMANCE P2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.hosts.kernels.cached import keep
from rigd.hosts.kernels.first_hits import (
    BLOCKED,
    NEVER,
    hit_stops,
    hit_targets,
    hit_tightened,
    hit_trails,
    index_at,
    key_of,
    timed_exit,
)
from rigd.hosts.kernels.stepper import compiled, record_type
from rigd.hosts.kernels.tally import WIN, Costs, profit, quantity_of
from rigd.market.fills import NO_TOUCH, exit_fill, market_fill, touch
from rigd.strategy.stepper import on_grid
from rigd.strategy.trailing import RangeState, average_range, observe_range

if TYPE_CHECKING:
    from rigd.strategy.definition import Strategy

DAYS_AT_ONCE = 4
"""Days that one pass over the combinations takes, so that sums are loaded and stored once."""

LANES = 16
"""The longer side is filled up to a multiple of this."""

MIN_WIDTH = 48
"""Below this length the compiler's test for overlapping arrays falls back to a slow loop."""

TRAIL = np.dtype([
    *(
        (name, np.float64)
        for name in ("trail_fraction", "tighten_factor", "tighten_buffer_s", "atr_mult")
    ),
    ("atr_period", np.int64),
])
"""One trailing stop, with the field names of `strategy.trailing.TrailRules`."""


class Entries(NamedTuple):
    """The distinct entries of a grid: E sets of parameters, X time exits, C lengths of a session.

    Parameters
    ----------
    params
        Records[E, C] with the fields of the strategy's parameters.
    starts, signal_ends
        int64[E, C]: the first minute that the strategy must see, and the end of the breakout part,
        from which on it gives no signal.
    required
        int64[E]: analysis bars that the symbol must have.
    shorts
        bool[E]: whether a short signal may become a trade.
    entry_ends, exit_minutes
        int64[E, X, C], as `StepPlan` has them; an `entry_end` of -1 where the window does not fit.
    """

    params: np.ndarray
    starts: np.ndarray
    signal_ends: np.ndarray
    required: np.ndarray
    shorts: np.ndarray
    entry_ends: np.ndarray
    exit_minutes: np.ndarray


class Exits(NamedTuple):
    """The exits of a grid, beside the time exits.

    Parameters
    ----------
    stops, targets
        float64, ascending, NaN (off) last: fractions of the entry price.
    trails
        TRAIL[R], by family.
    families
        int64[F + 1]: trails ``[f[i], f[i + 1])`` differ in `trail_fraction` alone, which ascends,
        NaN last.
    tightens
        bool[F]: whether a family tightens at all.
    range_rows
        int64[F]: the row of the average true ranges of a family; row 0 is NaN.
    touches
        bool[V]: without and with the touch of the VWAP.
    """

    stops: np.ndarray
    targets: np.ndarray
    trails: np.ndarray
    families: np.ndarray
    tightens: np.ndarray
    range_rows: np.ndarray
    touches: np.ndarray


class Frictions(NamedTuple):
    """How market orders fill: latency / bar length, and slippage as a fraction of the price."""

    latency_fraction: float
    slippage: float


def accumulate(
    pnl: np.ndarray,
    peak: np.ndarray,
    drop: np.ndarray,
    square: np.ndarray,
    extra: np.ndarray,
    wide_keys: np.ndarray,
    wide_gains: np.ndarray,
    wide_extras: np.ndarray,
    slim_keys: np.ndarray,
    slim_gains: np.ndarray,
    slim_extras: np.ndarray,
) -> None:
    """Add four days to the sums of every combination of a wide side and a slim one.

    Parameters
    ----------
    pnl, peak, drop, square, extra
        float64[slim, wide] and int64[slim, wide]; changed: Σ PnL, its peak, its largest fall, Σ
        squares, and wins × WIN + minutes.
    wide_keys, wide_gains, wide_extras
        int64, float64, int64[4, wide]: when each level of the one side ends the day's trade, with
        which PnL and with which addition to `extra`.
    slim_keys, slim_gains, slim_extras
        The other side, [4, slim].
    """
    for row in range(slim_keys.shape[1]):
        key0, gain0, extra0 = slim_keys[0, row], slim_gains[0, row], slim_extras[0, row]
        key1, gain1, extra1 = slim_keys[1, row], slim_gains[1, row], slim_extras[1, row]
        key2, gain2, extra2 = slim_keys[2, row], slim_gains[2, row], slim_extras[2, row]
        key3, gain3, extra3 = slim_keys[3, row], slim_gains[3, row], slim_extras[3, row]
        for at in range(wide_keys.shape[1]):
            total, top, fall = pnl[row, at], peak[row, at], drop[row, at]
            squares, others = square[row, at], extra[row, at]
            first = wide_keys[0, at] < key0
            gain = wide_gains[0, at] if first else gain0
            others += wide_extras[0, at] if first else extra0
            total += gain
            squares += gain * gain
            top = total if total > top else top  # noqa: FURB136 - one instruction this way
            down = top - total
            fall = down if down > fall else fall  # noqa: FURB136 - one instruction this way
            first = wide_keys[1, at] < key1
            gain = wide_gains[1, at] if first else gain1
            others += wide_extras[1, at] if first else extra1
            total += gain
            squares += gain * gain
            top = total if total > top else top  # noqa: FURB136 - one instruction this way
            down = top - total
            fall = down if down > fall else fall  # noqa: FURB136 - one instruction this way
            first = wide_keys[2, at] < key2
            gain = wide_gains[2, at] if first else gain2
            others += wide_extras[2, at] if first else extra2
            total += gain
            squares += gain * gain
            top = total if total > top else top  # noqa: FURB136 - one instruction this way
            down = top - total
            fall = down if down > fall else fall  # noqa: FURB136 - one instruction this way
            first = wide_keys[3, at] < key3
            gain = wide_gains[3, at] if first else gain3
            others += wide_extras[3, at] if first else extra3
            total += gain
            squares += gain * gain
            top = total if total > top else top  # noqa: FURB136 - one instruction this way
            down = top - total
            fall = down if down > fall else fall  # noqa: FURB136 - one instruction this way
            pnl[row, at], peak[row, at], drop[row, at] = total, top, fall
            square[row, at], extra[row, at] = squares, others


def settle(
    keys: np.ndarray,
    prices: np.ndarray,
    direction: int,
    entry_minute: int,
    entry_price: float,
    quantity: float,
    commission: float,
    gains: np.ndarray,
    extras: np.ndarray,
) -> None:
    """Write what each hit is worth: its PnL, and its addition to wins × WIN + minutes.

    Parameters
    ----------
    keys, prices
        As the passes of `first_hits` write them.
    direction, entry_minute, entry_price, quantity, commission
        Of the trade.
    gains, extras
        float64[n] and int64[n]; written, 0 for what is never hit.
    """
    for number in range(len(keys)):
        gains[number] = 0.0
        extras[number] = 0
        if keys[number] != NEVER:
            gain = profit(direction, entry_price, prices[number], quantity, commission)
            gains[number] = gain
            extras[number] = (keys[number] >> 3) - entry_minute + (WIN if gain > 0.0 else 0)


def merge_stops(
    keys: np.ndarray,
    gains: np.ndarray,
    extras: np.ndarray,
    other_keys: np.ndarray,
    other_gains: np.ndarray,
    other_extras: np.ndarray,
    out_keys: np.ndarray,
    out_gains: np.ndarray,
    out_extras: np.ndarray,
) -> None:
    """Write the earlier end of each hard stop and each trail; of two in one place the tighter.

    Parameters
    ----------
    keys, gains, extras
        [S], the hard stops.
    other_keys, other_gains, other_extras
        [L], the trails of every time exit, with the time exit.
    out_keys, out_gains, out_extras
        [≥ S × L], written in the order stop, trail, time exit.
    """
    count = len(other_keys)
    for number in range(len(keys)):
        key, gain, extra = keys[number], gains[number], extras[number]
        base = number * count
        for at in range(count):
            tighter = other_gains[at] > gain
            later = other_keys[at] > key
            own = later | ((other_keys[at] == key) & (not tighter))
            out_keys[base + at] = key if own else other_keys[at]
            out_gains[base + at] = gain if own else other_gains[at]
            out_extras[base + at] = extra if own else other_extras[at]


def wilder_ranges(
    bars: np.ndarray, offsets: np.ndarray, periods: np.ndarray, state: np.ndarray, out: np.ndarray
) -> None:
    """Write the average true range before each bar, per period, each day on its own.

    Parameters
    ----------
    bars, offsets
        As `stepper.pack` returns them.
    periods
        int64[P] [bars].
    state
        Records[1] with the fields of RangeState.
    out
        float64[P + 1, n_bars], written; row 0 is NaN.
    """
    out[0, :] = math.nan
    for number in range(len(periods)):
        for day in range(len(offsets) - 1):
            state[0].seen = 0.0
            state[0].previous = 0.0
            state[0].average = 0.0
            for index in range(offsets[day], offsets[day + 1]):
                out[number + 1, index] = average_range(state[0], periods[number])
                observe_range(state[0], bars[index], periods[number])


def hit_all_trails(
    bars: np.ndarray,
    first: int,
    until: int,
    direction: int,
    untils: np.ndarray,
    exit_minutes: np.ndarray,
    exits: Exits,
    peaks: np.ndarray,
    ranges: np.ndarray,
    slippage: float,
    keys: np.ndarray,
    prices: np.ndarray,
) -> None:
    """Find where each trail ends a trade before each time exit.

    Parameters
    ----------
    bars, first, until, direction, slippage
        As `first_hits.hit_stops` takes them.
    untils, exit_minutes
        int64[X]: bar and minute of each time exit.
    exits
        The grid's.
    peaks
        float64[≥ n_bars], work space; the entry price stands at `first`.
    ranges
        float64[P + 1, n_bars], of the day.
    keys, prices
        [X, R], written.
    """
    known = first + 1
    for family in range(len(exits.tightens)):
        low, high = exits.families[family], exits.families[family + 1]
        trails = exits.trails[low:high]
        row = ranges[exits.range_rows[family]]
        known = hit_trails(
            bars,
            first,
            until,
            direction,
            known,
            peaks,
            row,
            trails,
            slippage,
            keys[0, low:high],
            prices[0, low:high],
        )
        for exit_ in range(1, len(untils)):
            keys[exit_, low:high] = keys[0, low:high]
            prices[exit_, low:high] = prices[0, low:high]
        if exits.tightens[family]:
            for exit_ in range(len(untils)):
                known = hit_tightened(
                    bars,
                    first,
                    untils[exit_],
                    direction,
                    exit_minutes[exit_],
                    known,
                    peaks,
                    row,
                    trails,
                    slippage,
                    keys[exit_, low:high],
                    prices[exit_, low:high],
                )


def make_share(entry: Any, analysis_bars: Any, vwap: Any) -> Any:  # noqa: ANN401 - numba dispatchers
    """Return the sharing sweep of one strategy.

    Parameters
    ----------
    entry, analysis_bars, vwap
        The strategy's functions, plain or compiled.

    Returns
    -------
    callable
        ``share(bars, offsets, classes, entries, exits, frictions, costs, ranges, blank, out)``; see
        `compile_share`.
    """

    def share(
        bars: np.ndarray,
        offsets: np.ndarray,
        classes: np.ndarray,
        entries: Entries,
        exits: Exits,
        frictions: Frictions,
        costs: Costs,
        ranges: np.ndarray,
        blank: np.ndarray,
        out: np.ndarray,
    ) -> None:
        n_exits = entries.entry_ends.shape[1]
        n_stops, n_trails = len(exits.stops), len(exits.trails)
        n_touches = len(exits.touches)
        n_targets = len(exits.targets)
        n_lines = n_trails * n_exits
        n_first, n_second = n_stops * n_lines, n_targets * n_touches
        first_is_wide = n_first >= n_second
        width = max(n_first, n_second, MIN_WIDTH)
        width = (width + LANES - 1) // LANES * LANES
        depth = min(n_first, n_second)
        touching = exits.touches[n_touches - 1]

        stop_keys, stop_extras = np.empty(n_stops, np.int64), np.empty(n_stops, np.int64)
        stop_prices, stop_gains = np.empty(n_stops), np.empty(n_stops)
        target_keys, target_extras = np.empty(n_targets, np.int64), np.empty(n_targets, np.int64)
        target_prices, target_gains = np.empty(n_targets), np.empty(n_targets)
        trail_keys = np.empty((n_exits, n_trails), np.int64)
        trail_prices = np.empty((n_exits, n_trails))
        trail_extras = np.empty(n_trails, np.int64)
        trail_gains = np.empty(n_trails)
        line_keys, line_extras = np.empty(n_lines, np.int64), np.empty(n_lines, np.int64)
        line_gains = np.empty(n_lines)
        vwap_key, vwap_extra = np.empty(1, np.int64), np.empty(1, np.int64)
        vwap_price, vwap_gain = np.empty(1), np.empty(1)
        untils = np.empty(n_exits, np.int64)
        valid = np.empty(n_exits, np.bool_)
        counts = np.empty(n_exits, np.int64)
        longest = 1
        for day in range(len(offsets) - 1):
            longest = max(longest, offsets[day + 1] - offsets[day])
        peaks = np.empty(longest)

        wide_keys = np.full((DAYS_AT_ONCE, width), BLOCKED, np.int64)
        wide_gains = np.zeros((DAYS_AT_ONCE, width))
        wide_extras = np.zeros((DAYS_AT_ONCE, width), np.int64)
        slim_keys = np.full((DAYS_AT_ONCE, depth), BLOCKED, np.int64)
        slim_gains = np.zeros((DAYS_AT_ONCE, depth))
        slim_extras = np.zeros((DAYS_AT_ONCE, depth), np.int64)
        pnl, peak = np.empty((depth, width)), np.empty((depth, width))
        drop, square = np.empty((depth, width)), np.empty((depth, width))
        extra = np.empty((depth, width), np.int64)

        for group in range(len(entries.required)):
            pnl[:] = 0.0
            peak[:] = 0.0
            drop[:] = 0.0
            square[:] = 0.0
            extra[:] = 0
            counts[:] = 0
            slot = 0
            for day in range(len(offsets) - 1):
                kind = classes[day]
                ends = entries.entry_ends[group, :, kind]
                last_end = -1
                for exit_ in range(n_exits):
                    last_end = max(last_end, ends[exit_])
                low = offsets[day]
                own = bars[low : offsets[day + 1]]
                params = entries.params[group, kind]
                blank[1] = blank[0]
                state = blank[1]
                direction = 0
                at = index_at(own, entries.starts[group, kind])
                search_end = min(last_end, entries.signal_ends[group, kind])
                while at < len(own) and own[at].minute < search_end:
                    signal = entry(state, own[at], params)
                    at += 1
                    if (signal > 0.0 or (signal < 0.0 and entries.shorts[group])) and analysis_bars(
                        state
                    ) >= entries.required[group]:
                        direction = 1 if signal > 0.0 else -1
                        break
                if direction == 0 or at >= len(own) or own[at].minute >= last_end:
                    continue
                first = at
                entry_minute = own[first].minute
                entry_price = on_grid(
                    market_fill(
                        own[first].open,
                        own[first].close,
                        frictions.latency_fraction,
                        frictions.slippage,
                        direction,
                    )
                )
                quantity = quantity_of(own[first - 1].close, costs.stake, costs.lots)

                exit_minutes = entries.exit_minutes[group, :, kind]
                until = first
                for exit_ in range(n_exits):
                    untils[exit_], _, _, _ = timed_exit(
                        own,
                        first,
                        exit_minutes[exit_],
                        direction,
                        frictions.latency_fraction,
                        frictions.slippage,
                    )
                    valid[exit_] = entry_minute < ends[exit_]
                    if valid[exit_]:
                        counts[exit_] += 1
                        until = max(until, untils[exit_])
                hit_stops(
                    own,
                    first,
                    until,
                    direction,
                    entry_price,
                    exits.stops,
                    frictions.slippage,
                    stop_keys,
                    stop_prices,
                )
                settle(
                    stop_keys,
                    stop_prices,
                    direction,
                    entry_minute,
                    entry_price,
                    quantity,
                    costs.commission,
                    stop_gains,
                    stop_extras,
                )
                hit_targets(
                    own,
                    first,
                    until,
                    direction,
                    entry_price,
                    exits.targets,
                    frictions.slippage,
                    target_keys,
                    target_prices,
                )
                settle(
                    target_keys,
                    target_prices,
                    direction,
                    entry_minute,
                    entry_price,
                    quantity,
                    costs.commission,
                    target_gains,
                    target_extras,
                )
                peaks[first] = entry_price
                hit_all_trails(
                    own,
                    first,
                    until,
                    direction,
                    untils,
                    exit_minutes,
                    exits,
                    peaks,
                    ranges[:, low : low + len(own)],
                    frictions.slippage,
                    trail_keys,
                    trail_prices,
                )
                for exit_ in range(n_exits):
                    settle(
                        trail_keys[exit_],
                        trail_prices[exit_],
                        direction,
                        entry_minute,
                        entry_price,
                        quantity,
                        costs.commission,
                        trail_gains,
                        trail_extras,
                    )
                    _, time_key, time_minute, time_price = timed_exit(
                        own,
                        first,
                        exit_minutes[exit_],
                        direction,
                        frictions.latency_fraction,
                        frictions.slippage,
                    )
                    time_gain = profit(
                        direction, entry_price, time_price, quantity, costs.commission
                    )
                    time_extra = time_minute - entry_minute + (WIN if time_gain > 0.0 else 0)
                    if not valid[exit_]:
                        time_key, time_gain, time_extra = BLOCKED, 0.0, 0
                    for trail in range(n_trails):
                        line = trail * n_exits + exit_
                        timed = time_key < trail_keys[exit_, trail]
                        line_keys[line] = time_key if timed else trail_keys[exit_, trail]
                        line_gains[line] = time_gain if timed else trail_gains[trail]
                        line_extras[line] = time_extra if timed else trail_extras[trail]

                vwap_key[0] = NEVER
                vwap_price[0] = 0.0
                if touching:
                    for index in range(first, until):
                        bar = own[index]
                        touched, price = touch(
                            direction,
                            bar.open,
                            bar.high,
                            bar.low,
                            math.nan,
                            vwap(state),
                            index != first,
                        )
                        if touched != NO_TOUCH:
                            vwap_key[0] = key_of(bar.minute, touched)
                            vwap_price[0] = on_grid(
                                exit_fill(touched, price, frictions.slippage, direction)
                            )
                            break
                        entry(state, bar, params)
                settle(
                    vwap_key,
                    vwap_price,
                    direction,
                    entry_minute,
                    entry_price,
                    quantity,
                    costs.commission,
                    vwap_gain,
                    vwap_extra,
                )

                first_keys = wide_keys[slot] if first_is_wide else slim_keys[slot]
                first_gains = wide_gains[slot] if first_is_wide else slim_gains[slot]
                first_extras = wide_extras[slot] if first_is_wide else slim_extras[slot]
                second_keys = slim_keys[slot] if first_is_wide else wide_keys[slot]
                second_gains = slim_gains[slot] if first_is_wide else wide_gains[slot]
                second_extras = slim_extras[slot] if first_is_wide else wide_extras[slot]
                merge_stops(
                    stop_keys,
                    stop_gains,
                    stop_extras,
                    line_keys,
                    line_gains,
                    line_extras,
                    first_keys,
                    first_gains,
                    first_extras,
                )
                for target in range(n_targets):
                    for touch_ in range(n_touches):
                        at = target * n_touches + touch_
                        key, gain = target_keys[target], target_gains[target]
                        added = target_extras[target]
                        if exits.touches[touch_] and (
                            vwap_key[0] < key or (vwap_key[0] == key and vwap_gain[0] < gain)
                        ):
                            key, gain, added = vwap_key[0], vwap_gain[0], vwap_extra[0]
                        second_keys[at], second_gains[at], second_extras[at] = key, gain, added

                slot += 1
                if slot == DAYS_AT_ONCE:
                    accumulate(
                        pnl,
                        peak,
                        drop,
                        square,
                        extra,
                        wide_keys,
                        wide_gains,
                        wide_extras,
                        slim_keys,
                        slim_gains,
                        slim_extras,
                    )
                    slot = 0
            if slot > 0:
                wide_keys[slot:] = BLOCKED
                wide_gains[slot:] = 0.0
                wide_extras[slot:] = 0
                slim_keys[slot:] = BLOCKED
                slim_gains[slot:] = 0.0
                slim_extras[slot:] = 0
                accumulate(
                    pnl,
                    peak,
                    drop,
                    square,
                    extra,
                    wide_keys,
                    wide_gains,
                    wide_extras,
                    slim_keys,
                    slim_gains,
                    slim_extras,
                )
                wide_keys[:] = BLOCKED
                slim_keys[:] = BLOCKED
            for one in range(n_first):
                for two in range(n_second):
                    row, at = (two, one) if first_is_wide else (one, two)
                    cell = out[group, one, two]
                    cell[0] = counts[one % n_exits]
                    cell[1] = pnl[row, at]
                    cell[2] = extra[row, at] // WIN
                    cell[3] = drop[row, at]
                    cell[4] = extra[row, at] % WIN
                    cell[5] = square[row, at]

    return share


def compile_share(strategy: Strategy) -> Any:  # noqa: ANN401 - a plain function over arrays
    """Return the sharing sweep of one strategy; numba compiles it on its first call.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``share(bars, offsets, classes, entries, exits, frictions, costs)`` over the arrays of
        `stepper.pack` and int64[n_days], which of the C lengths each day has, returns
        float64[E, S × R × X, T × V, 6]: OUTPUTS for every combination of entry, stop, trail and
        time exit, target and touch.
    """
    share = compiled_share(strategy)
    state_type, ranges_of = record_type(strategy.state), range_maker()

    def run(
        bars: np.ndarray,
        offsets: np.ndarray,
        classes: np.ndarray,
        entries: Entries,
        exits: Exits,
        frictions: Frictions,
        costs: Costs,
    ) -> np.ndarray:
        ranges = ranges_of(bars, offsets, exits)
        _, n_exits, _ = entries.entry_ends.shape
        first = len(exits.stops) * len(exits.trails) * n_exits
        out = np.empty((len(entries.required), first, len(exits.targets) * len(exits.touches), 6))
        blank = np.zeros(2, state_type)
        share(bars, offsets, classes, entries, exits, frictions, costs, ranges, blank, out)
        return out

    return run


def compiled_share(strategy: Strategy) -> Any:  # noqa: ANN401 - a numba dispatcher
    """Return the compiled kernel itself, with every function that it names compiled."""
    kernel = compiled(
        make_share(
            compiled(strategy.entry), compiled(strategy.analysis_bars), compiled(strategy.vwap)
        )
    )
    return keep(kernel, f"share_{strategy.name}")


def range_maker() -> Any:  # noqa: ANN401 - a plain function over arrays
    """Return a function that gives the average true ranges of a grid.

    Returns
    -------
    callable
        ``ranges_of(bars, offsets, exits)`` returns float64[P + 1, n_bars] as `wilder_ranges` writes
        it; asked again for the same bars and periods, the same array.
    """
    wilder = keep(compiled(wilder_ranges), "ranges")
    range_type = record_type(RangeState)
    last: list[Any] = [None, (), None]

    def ranges_of(bars: np.ndarray, offsets: np.ndarray, exits: Exits) -> np.ndarray:
        periods = range_periods(exits)
        if last[0] is not bars or last[1] != tuple(periods):
            ranges = np.empty((len(periods) + 1, len(bars)))
            wilder(bars, offsets, periods, np.zeros(1, range_type), ranges)
            last[:] = [bars, tuple(periods), ranges]
        found: np.ndarray = last[2]
        return found

    return ranges_of


def range_periods(exits: Exits) -> np.ndarray:
    """Return the periods whose average true ranges the exits need, in the order of their rows."""
    rows = int(exits.range_rows.max(initial=0))
    periods = np.zeros(rows, np.int64)
    for family, row in enumerate(exits.range_rows):
        if row > 0:
            periods[row - 1] = exits.trails[exits.families[family]]["atr_period"]
    return periods
