"""Keep every position under its exit levels, and end it on time (SPEC §3a.5-7).

Before each minute the levels of the coming bar are known: the stop (the tighter of hard stop and
trailing stop) and the target (the nearer of target and VWAP touch) rest at the broker as one group
that cancels itself. When a level moved, its order is replaced. Where the broker has trailing stops
of its own and the trail is a plain fraction, the stop is left to it with the same numbers: it is
replaced only when the trail tightens or the position grows. A broker that refuses one is not asked
for another in that symbol; the engine trails itself from the same minute on. Where no stop rests at
the broker, because it takes none or refused ours, the engine holds it: a bar that crossed the level
ends the position at market. At the time exit the group is cancelled first and the position closed
at market, so that nothing can close it twice.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from rigd.core.errors import BrokerError
from rigd.core.events import OrderIntent
from rigd.core.money import PRICE_STEP, ZERO, level_from_float
from rigd.core.orders import OrdStatus, OrdType, Purpose
from rigd.core.values import ExitReason
from rigd.engine import sending
from rigd.engine.portfolio import Track
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
    from rigd.engine.portfolio import Position
    from rigd.strategy.exits import ExitRules

MINUTE = timedelta(minutes=1)

COLLARED = "collared"
"""Note of an exit that is a limit order within the collar; the trade is flagged with it."""


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

    Reduce-only by computation (FAULTS X08): the exit order is sent when no other order of the
    symbol can fill any more, and for no more than what the broker says is held then.

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
    cl_ord_id = _leg(desk, position, f"exit/{label}")
    if desk.orders.working(symbol=position.symbol) or cl_ord_id in desk.orders:
        return
    qty = await _closable(desk, position)
    if qty > ZERO:
        await sending.send(desk, _exit(desk, position, cl_ord_id, qty, reason, None))


async def close_collared(desk: Desk, position: Position, label: int, *, urgent: bool) -> None:
    """Close a position by a limit order within the price collar; its resident stop stays.

    For closing while the market data is down (SPEC §9): the limit takes the place of the target in
    the position's own group, whose orders cancel each other, so that two of them never fill. The
    last mark is all that is known, so each attempt of an urgent closing goes one collar further.

    Parameters
    ----------
    desk
        The session's desk.
    position
        What to close.
    label
        Names the attempt: a minute.
    urgent
        Whether the price gives way a little more with every attempt.
    """
    for order in desk.working_entries():
        if order.intent.symbol == position.symbol:
            await sending.cancel(desk, order, "closing with collars")
    resting = desk.orders.working(Purpose.TARGET, position.symbol)
    current = resting[-1] if resting else None
    symbol = position.symbol
    tried = sum(
        (order.intent.note, order.intent.symbol) == (COLLARED, symbol) for order in desk.orders
    )
    collar = desk.settings.price_collar_pct * (1 + tried if urgent else 1)
    price = _collared_price(desk.exit_mark(position), collar, position.direction.sign)
    if current is not None and (current.in_doubt or _says(current, price, position.qty, None)):
        return
    cl_ord_id = _leg(desk, position, f"collar/{label}")
    if cl_ord_id in desk.orders or desk.orders.working(Purpose.EXIT, position.symbol):
        return
    qty = await _closable(desk, position)
    if qty <= ZERO:
        return
    intent = _exit(desk, position, cl_ord_id, qty, ExitReason.MANUAL, price)
    await sending.send(desk, replace(intent, replaces=current.intent.cl_ord_id if current else ""))


async def _closable(desk: Desk, position: Position) -> Decimal:
    """Return how much of a position may be closed by the broker's word [shares]; 0 for not now."""
    try:
        theirs = {each.symbol: each.qty for each in await desk.broker.positions()}
    except BrokerError as error:
        sending.record_error(desk, error, position.strategy, f"position of {position.symbol}")
        return ZERO
    await sending.drain(desk)
    if desk.portfolio.positions.get(position.symbol) is not position:
        return ZERO
    held = theirs.get(position.symbol, ZERO) * position.direction.sign
    if held != position.qty:
        desk.gap_seen = True
    return max(ZERO, min(held, position.qty))


def _collared_price(mark: Decimal, collar: Decimal, sign: int) -> Decimal:
    return max(PRICE_STEP, (mark * (1 - collar * sign)).quantize(PRICE_STEP))


def _exit(
    desk: Desk,
    position: Position,
    cl_ord_id: str,
    qty: Decimal,
    reason: ExitReason,
    limit_price: Decimal | None,
) -> OrderIntent:
    market = limit_price is None
    return OrderIntent(
        cl_ord_id=cl_ord_id,
        replaces="",
        strategy=position.strategy,
        symbol=position.symbol,
        direction=position.direction,
        side=position.direction.exit_side,
        qty=qty,
        ord_type=OrdType.MARKET if market else OrdType.LIMIT,
        limit_price=limit_price,
        stop_price=None,
        oco_group="" if market else position.entry_id,
        purpose=Purpose.EXIT if market else Purpose.TARGET,
        signal_minute=position.signal_minute,
        reference_price=desk.exit_mark(position),
        verdict_id="",
        exit_reason=reason,
        note="" if market else COLLARED,
        epoch=desk.epoch,
    )


def time_is_up(desk: Desk, position: Position, minute: int) -> bool:
    """Tell whether a position must be closed at the open of a minute."""
    return position.unwanted or minute >= desk.runner(position.strategy).plan.window.exit_minute


def stop_is_hit(desk: Desk, position: Position) -> bool:
    """Tell whether a bar since the entry crossed a stop that no broker holds.

    Parameters
    ----------
    desk
        The session's desk.
    position
        What is held.

    Returns
    -------
    bool
        False while a stop of the position rests at the broker, or may: that one decides.
    """
    if desk.orders.working(Purpose.STOP, position.symbol):
        return False
    plan = desk.runner(position.strategy).plan
    rules, sign = plan.rules, position.direction.sign
    entered, entry = _entered(desk, position), float(position.entry_price)
    track = Track()
    for bar in desk.bars.get(position.symbol, ()):
        if bar.minute >= entered:
            left = plan.window.exit_minute - bar.minute
            peak = higher(sign, entry, track.best)
            reach = average_range(track.ranges, rules.atr_period)
            stop, _ = levels(sign, entry, peak, math.nan, left, reach, rules)
            if stop > 0.0 and sign * ((bar.low if sign > 0 else bar.high) - stop) <= 0.0:
                return True
            track.best = follow(sign, track.best, bar.high, bar.low)
        if not math.isnan(rules.atr_mult):
            observe_range(track.ranges, bar, rules.atr_period)
    return False


def _entered(desk: Desk, position: Position) -> int:
    """Return the minute of a position's entry."""
    return (position.entry_time - desk.day.open) // MINUTE


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
    entered = _entered(desk, position)
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
    stop = purpose is Purpose.STOP
    ord_type = _ord_type(stop=stop, trails=trail is not None)
    if ord_type not in desk.broker.capabilities.ord_types:
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
    qty = position.qty
    if current is None and _may_be_closing(desk, position):
        qty = await _closable(desk, position)
        if qty <= ZERO:
            return
    sent = await sending.send(
        desk,
        OrderIntent(
            cl_ord_id=cl_ord_id,
            replaces=current.intent.cl_ord_id if current else "",
            strategy=position.strategy,
            symbol=position.symbol,
            direction=position.direction,
            side=position.direction.exit_side,
            qty=qty,
            ord_type=ord_type,
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


def _may_be_closing(desk: Desk, position: Position) -> bool:
    """Tell whether another order of the position's group may have filled without our knowing."""
    return any(
        order.intent.oco_group == position.entry_id and order.status is not OrdStatus.REJECTED
        for order in desk.orders
    )


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
