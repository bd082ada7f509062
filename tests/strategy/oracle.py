"""An independent reading of SPEC §3a for one symbol on one day, in pandas and Decimal.

It shares no code with the product: it looks at the whole day at once, finds the signal from
columns, then walks from the entry. Slow and plain on purpose.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pandas as pd


def rounded(price):
    """Round to six places, half to even."""
    return float(Decimal(price).quantize(Decimal("0.000001"), ROUND_HALF_EVEN))


def day_table(bars):
    """Return the day's columns with the session's VWAP after each bar."""
    table = pd.DataFrame(list(bars), columns=["minute", "open", "high", "low", "close", "volume"])
    typical = (table["high"] + table["low"] + table["close"]) / 3.0
    table["vwap"] = (typical * table["volume"]).cumsum() / table["volume"].cumsum()
    return Columns(table)


def signal(name, table, params, plan):
    """Return (row, +1 or -1) of the first signal, or None."""
    sides = signals(name, table, params, plan)
    return None if sides is None or sides.empty else (int(sides.index[0]), int(sides.iloc[0]))


def signals(name, table, params, plan):
    """Return +1 or -1 at the row of every signal; None with too few bars."""
    start, end, stop_looking = params[0], params[1], params[2]
    analysis = table[(table.minute >= start) & (table.minute < end)]
    if len(analysis) < 0.8 * (end - start) or len(analysis) == 0:
        return None
    if name == "close":
        move = analysis.close.iloc[-1] / analysis.open.iloc[0] - 1.0
        side = (move >= params.threshold) * 1 - (move <= -params.threshold) * 1
        side = int(side * params.mode)
        asked = table[(table.minute >= end - 1) & (table.minute < stop_looking - 1)]
        sides = pd.Series(side, index=asked.index)
    else:
        asked = table[(table.minute >= end) & (table.minute < stop_looking)]
        if name == "open":
            up = asked.close > analysis.high.max() * (1.0 + params.buffer)
            down = asked.close < analysis.low.min() * (1.0 - params.buffer)
        else:
            up = asked.close < asked.vwap * (1.0 - params.threshold)
            down = asked.close > asked.vwap * (1.0 + params.threshold)
        sides = up * 1 - down * 1
    if not plan.shorts:
        sides = sides[sides > 0]
    return sides[sides != 0]


def average_true_range(table, period):
    """Return Wilder's ATR after each bar, as a list; None while warming up."""
    out, value, total = [], None, 0.0
    for i in range(len(table)):
        high, low = table.high[i], table.low[i]
        spread = high - low
        if i:
            before = table.close[i - 1]
            spread = max(spread, abs(high - before), abs(low - before))
        if i < period:
            total += spread
            value = total / period if i == period - 1 else None
        else:
            value = value + (spread - value) / period
        out.append(value)
    return out


class Columns:
    """The columns of a day as plain lists, which are faster to walk than a frame."""

    def __init__(self, table):
        self.table = table
        for name in table.columns:
            setattr(self, name, table[name].tolist())

    def __len__(self):
        return len(self.minute)


def trade(name, table, params, rules, plan):
    """Return (direction, signal, entry, exit minute, prices, reason, stale) or None."""
    found = signal(name, table.table, params, plan)
    if found is None:
        return None
    row, side = found
    return held(table, int(table.minute[row]), side, rules, plan)


def trade_with_fund(name, table, fund, params, rules, plan):
    """Return (trade, whether it is the fund's): a short signal buys the fund that has a bar."""
    sides = signals(name, table.table, params, plan)
    if sides is None:
        return None
    for row, side in sides.items():
        minute = int(table.minute[row])
        if side == 1 or minute in fund.minute:
            found = held(table if side == 1 else fund, minute, 1, rules, plan)
            return None if found is None else (found, bool(side == -1))
    return None


def held(table, signal_minute, side, rules, plan):
    """Return the trade that a signal of a minute leads to in a table, or None."""
    first = sum(minute <= signal_minute for minute in table.minute)
    if first >= len(table) or table.minute[first] >= plan.entry_end:
        return None
    entry = rounded(_market(table, first, side, plan))
    ranges = average_true_range(table, int(rules.atr_period)) if rules.atr_mult > 0 else None
    head = (side, signal_minute, int(table.minute[first]))
    best = entry
    for i in range(first, len(table)):
        minute = int(table.minute[i])
        if minute >= plan.exit_minute:
            price = _market(table, i, -side, plan)
            return (*head, minute, entry, rounded(price), "timeout", False)
        left = (plan.exit_minute - minute) * 60
        ended = _levels_in_bar(table, i, i > first, side, entry, best, left, ranges, rules, plan)
        if ended:
            return (*head, minute, entry, rounded(ended[1]), ended[0], False)
        best = max(best, table.high[i]) if side == 1 else min(best, table.low[i])
    last = len(table) - 1
    return (*head, int(table.minute[last]), entry, rounded(table.close[last]), "timeout", True)


def _market(table, i, sign, plan):
    """Return the fill of a market order in row i: sign +1 buys, -1 sells."""
    price = table.open[i] + (table.close[i] - table.open[i]) * plan.latency_fraction
    return price * (1.0 + plan.slippage if sign == 1 else 1.0 - plan.slippage)


def _levels_in_bar(table, i, gaps, side, entry, best, seconds_left, ranges, rules, plan):
    trail = rules.trail_fraction
    if seconds_left <= rules.tighten_buffer_s:
        trail = min(trail, max(0.0005, trail * rules.tighten_factor))
    stops, targets = [], []
    if side == 1:
        stops.append(best * (1.0 - trail))
        if rules.stop_fraction > 0:
            stops.append(entry * (1.0 - rules.stop_fraction))
        if ranges is not None and ranges[i - 1] is not None:
            stops.append(best - rules.atr_mult * ranges[i - 1])
        if rules.target_fraction > 0:
            targets.append(entry * (1.0 + rules.target_fraction))
        if rules.vwap_touch:
            targets.append(table.vwap[i - 1])
        stop, target = max(stops), min(targets, default=float("inf"))
        if gaps and table.open[i] <= stop:
            return "stop_loss", table.open[i] * (1.0 - plan.slippage)
        if gaps and table.open[i] >= target:
            return "target_hit", table.open[i]
        if table.low[i] <= stop:
            return "stop_loss", stop * (1.0 - plan.slippage)
        return ("target_hit", target) if table.high[i] >= target else None
    stops.append(best * (1.0 + trail))
    if rules.stop_fraction > 0:
        stops.append(entry * (1.0 + rules.stop_fraction))
    if ranges is not None and ranges[i - 1] is not None:
        stops.append(best + rules.atr_mult * ranges[i - 1])
    if rules.target_fraction > 0:
        targets.append(entry * (1.0 - rules.target_fraction))
    if rules.vwap_touch:
        targets.append(table.vwap[i - 1])
    stop, target = min(stops), max(targets, default=float("-inf"))
    if gaps and table.open[i] >= stop:
        return "stop_loss", table.open[i] * (1.0 + plan.slippage)
    if gaps and table.open[i] <= target:
        return "target_hit", table.open[i]
    if table.high[i] >= stop:
        return "stop_loss", stop * (1.0 + plan.slippage)
    return ("target_hit", target) if table.low[i] <= target else None
