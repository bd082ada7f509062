"""Keep every position under its exit levels, and end it on time (SPEC §3a.5-7).

Before each minute the levels of the coming bar are known: the stop (the tighter of hard stop and
trailing stop) and the target (the nearer of target and VWAP touch) rest at the broker as one group
that cancels itself. When a level moved, its order is replaced. Where the broker has trailing stops
of its own and the trail is a plain fraction, the stop is left to it with the same numbers: it is
replaced only when the trail tightens or the position grows. A broker that refuses one is not asked
for another in that symbol; the engine trails itself from the same minute on. At the time exit the
group is cancelled first and the position closed at market, so that nothing can close it twice.
"""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from rigd.core.events import OrderIntent
from rigd.core.money import level_from_float
from rigd.core.orders import OrdStatus, OrdType, Purpose
from rigd.core.values import ExitReason
from rigd.engine import sending
from rigd.strategy.exits import levels
from rigd.strategy.trailing import (
    average_range,
    follow,
    follows_fraction_alone,
    higher,
    observe_range,
    trail_in_force,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from rigd.engine.desk import Desk
    from rigd.engine.orders import Order
    from rigd.engine.portfolio import Position, Track
    from rigd.strategy.exits import ExitRules

MINUTE = timedelta(minutes=1)


async def protect_all(desk: Desk, minute: int, *, opened: bool = False) -> None:
    """Rest the levels of a minute at the broker for every open position.

    Parameters
    ----------
    desk
        The session's desk.
    minute
        The minute whose bar the levels act on.
    opened
        Whether the minute's open has passed. What filled at that open is protected then and not
        before, also when the minute is run again after a crash: the order keeps its id.
    """
    for position in list(desk.portfolio.positions.values()):
        grown = (position.grown_at - desk.day.open) // MINUTE >= minute
        if (opened or not grown) and not position.unwanted:
            await _protect(desk, position, minute, f"{minute}/open" if opened else f"{minute}")


async def drop_remainders(desk: Desk) -> None:
    """Cancel what still works of an entry whose position was closed before it filled in full."""
    for order in desk.orders.working(Purpose.ENTRY):
        if order.cum_qty and order.intent.symbol not in desk.portfolio.positions:
            await sending.cancel(desk, order, "its position is closed")


async def close_position(desk: Desk, position: Position, label: int, reason: ExitReason) -> None:
    """Close a position at market: its other orders first, then one exit order.

    Reduce-only by computation: the exit order is sent when no other order of the symbol can fill
    any more, for exactly what is held then.

    Parameters
    ----------
    desk
        The session's desk.
    position
        What to close.
    label
        Names the attempt, part of the order's id: the minute at whose open it acts. An attempt is
        made once.
    reason
        Why.
    """
    for order in desk.orders.working(symbol=position.symbol):
        if order.intent.purpose is not Purpose.EXIT:
            await sending.cancel(desk, order, f"closing: {reason}")
    if desk.portfolio.positions.get(position.symbol) is not position:
        return
    cl_ord_id = _leg(desk, position, f"exit/{label}")
    if desk.orders.working(symbol=position.symbol) or cl_ord_id in desk.orders:
        return
    await sending.send(
        desk,
        OrderIntent(
            cl_ord_id=cl_ord_id,
            replaces="",
            strategy=position.strategy,
            symbol=position.symbol,
            direction=position.direction,
            side=position.direction.exit_side,
            qty=position.qty,
            ord_type=OrdType.MARKET,
            limit_price=None,
            stop_price=None,
            oco_group="",
            purpose=Purpose.EXIT,
            signal_minute=position.signal_minute,
            reference_price=desk.exit_mark(position),
            verdict_id="",
            exit_reason=reason,
            note="",
            epoch=desk.epoch,
        ),
    )


def time_is_up(desk: Desk, position: Position, minute: int) -> bool:
    """Tell whether a position must be closed at the open of a minute."""
    return position.unwanted or minute >= desk.runner(position.strategy).plan.window.exit_minute


async def _protect(desk: Desk, position: Position, minute: int, label: str) -> None:
    if desk.orders.working(Purpose.EXIT, position.symbol):
        return
    stop, target = _levels(desk, position, minute)
    trail = _native_trail(desk, position, minute)
    await _rest(desk, position, Purpose.STOP, stop, label, trail)
    await _rest(desk, position, Purpose.TARGET, target, label)


def _native_trail(desk: Desk, position: Position, minute: int) -> Decimal | None:
    """Return the fraction that the broker trails by itself; None where the engine trails."""
    plan = desk.runner(position.strategy).plan
    if not (desk.broker.capabilities.native_trailing and follows_fraction_alone(plan.rules)):
        return None
    if any(_is_refused_trail(order) for order in desk.orders.of(position.symbol)):
        return None
    return level_from_float(trail_in_force(plan.window.exit_minute - minute, plan.rules))


def _is_refused_trail(order: Order) -> bool:
    refused = order.status is OrdStatus.REJECTED
    return refused and order.intent.ord_type is OrdType.TRAILING_STOP


def _levels(desk: Desk, position: Position, minute: int) -> tuple[float, float]:
    plan = desk.runner(position.strategy).plan
    rules = plan.rules
    track = _up_to_date(desk, position, rules)
    sign = position.direction.sign
    entry = float(position.entry_price)
    return levels(
        sign,
        entry,
        higher(sign, entry, track.best),
        track.turnover / track.volume if rules.vwap_touch and track.volume > 0.0 else math.nan,
        plan.window.exit_minute - minute,
        average_range(track.ranges, rules.atr_period),
        rules,
    )


def _up_to_date(desk: Desk, position: Position, rules: ExitRules) -> Track:
    """Return the position's track with every bar that is complete."""
    track, bars = position.track, desk.bars.get(position.symbol, [])
    if track.seen == len(bars):
        return track
    entered = (position.entry_time - desk.day.open) // MINUTE
    ranged = not math.isnan(rules.atr_mult)
    sign = position.direction.sign
    for bar in islice(bars, track.seen, None):
        if bar.minute >= entered:
            track.best = follow(sign, track.best, bar.high, bar.low)
        if rules.vwap_touch:
            track.turnover += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
            track.volume += bar.volume
        if ranged:
            observe_range(track.ranges, bar, rules.atr_period)
    track.seen = len(bars)
    return track


async def _rest(
    desk: Desk,
    position: Position,
    purpose: Purpose,
    level: float,
    label: str,
    trail: Decimal | None = None,
) -> None:
    """Make the broker hold one order at a level, replacing the one that it has.

    With `trail` the broker moves the level by itself from there on.
    """
    resting = desk.orders.working(purpose, position.symbol)
    current = resting[-1] if resting else None
    if not math.isfinite(level) or level <= 0.0:
        if current is not None:
            await sending.cancel(desk, current, "level switched off")
        return
    price = level_from_float(level)
    if current is not None and (current.in_doubt or _says(current, price, position.qty, trail)):
        return
    leg = purpose if trail is None else "trail"
    cl_ord_id = _leg(desk, position, f"{leg}/{label}")
    if cl_ord_id in desk.orders or desk.portfolio.positions.get(position.symbol) is not position:
        return
    if current is not None and not desk.broker.capabilities.native_replace:
        await sending.cancel(desk, current, "level moved, and this broker replaces no orders")
        if current.working or desk.portfolio.positions.get(position.symbol) is not position:
            return
        current = None
    stop = purpose is Purpose.STOP
    sent = await sending.send(
        desk,
        OrderIntent(
            cl_ord_id=cl_ord_id,
            replaces=current.intent.cl_ord_id if current else "",
            strategy=position.strategy,
            symbol=position.symbol,
            direction=position.direction,
            side=position.direction.exit_side,
            qty=position.qty,
            ord_type=_ord_type(stop=stop, trails=trail is not None),
            limit_price=None if stop else price,
            stop_price=price if stop else None,
            trail_fraction=trail,
            oco_group=position.entry_id,
            purpose=purpose,
            signal_minute=position.signal_minute,
            reference_price=desk.exit_mark(position),
            verdict_id="",
            exit_reason=ExitReason.STOP_LOSS if stop else ExitReason.TARGET_HIT,
            note="",
            epoch=desk.epoch,
        ),
    )
    if _is_refused_trail(sent):
        await _rest(desk, position, purpose, level, label)


def _ord_type(*, stop: bool, trails: bool) -> OrdType:
    if not stop:
        return OrdType.LIMIT
    return OrdType.TRAILING_STOP if trails else OrdType.STOP


def _says(order: Order, price: Decimal, qty: Decimal, trail: Decimal | None) -> bool:
    """Tell whether an order rests where it should; where it trails to is the broker's business."""
    intent = order.intent
    if trail is not None or intent.trail_fraction is not None:
        return intent.trail_fraction == trail and order.leaves_qty == qty
    resting_price = intent.stop_price if intent.ord_type is OrdType.STOP else intent.limit_price
    return resting_price == price and order.leaves_qty == qty


def _leg(desk: Desk, position: Position, leg: str) -> str:
    return desk.order_id(position.strategy, position.symbol, position.signal_minute, leg)
