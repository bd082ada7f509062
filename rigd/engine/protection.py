"""Keep every position under its exit levels, and end it on time (SPEC §3a.5-7).

Before each minute the levels of the coming bar are known: the stop (the tighter of hard stop and
trailing stop) and the target (the nearer of target and VWAP touch) rest at the broker as one group
that cancels itself. When a level moved, its order is replaced. At the time exit the group is
cancelled first and the position closed at market, so that nothing can close it twice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rigd.core.events import OrderIntent
from rigd.core.money import level_from_float
from rigd.core.orders import OrdType, Purpose
from rigd.core.values import ExitReason
from rigd.engine import sending
from rigd.strategy.exits import RangeState, average_range, levels, observe_range

if TYPE_CHECKING:
    from decimal import Decimal

    from rigd.engine.desk import Desk, Runner
    from rigd.engine.orders import Order
    from rigd.engine.portfolio import Position


async def protect(desk: Desk, position: Position, minute: int) -> None:
    """Rest the levels that hold in a minute at the broker.

    Parameters
    ----------
    desk
        The session's desk.
    position
        An open position.
    minute
        The minute whose bar the levels act on.
    """
    runner = _runner(desk, position)
    if position.qty <= 0 or _exit_orders(desk, position):
        return
    stop, target = _levels(desk, runner, position, minute)
    await _rest(desk, position, Purpose.STOP, stop, minute)
    await _rest(desk, position, Purpose.TARGET, target, minute)


async def protect_all(desk: Desk, minute: int) -> None:
    """Rest the levels of a minute for every open position."""
    for position in list(desk.portfolio.positions.values()):
        await protect(desk, position, minute)


async def close_position(
    desk: Desk, position: Position, minute: int, reason: ExitReason, note: str = ""
) -> None:
    """Close a position at market: its resting orders first, then one exit order.

    Reduce-only by computation: the exit order is sent when no other order of the position can
    fill any more, for exactly what is held then.
    """
    for order in desk.orders.working(symbol=position.symbol):
        if order.intent.purpose is not Purpose.EXIT:
            await sending.cancel(desk, order, f"closing: {reason}")
    still_working = desk.orders.working(symbol=position.symbol)
    if still_working or position.qty <= 0 or position.symbol not in desk.portfolio.positions:
        return
    position.exit_attempts += 1
    await sending.send(
        desk,
        OrderIntent(
            cl_ord_id=desk.order_id(
                position.strategy, position.symbol, position.signal_minute, f"exit/{minute}"
            ),
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
            reference_price=desk.mark(position.symbol),
            verdict_id="",
            exit_reason=reason,
            note=note,
            epoch=desk.epoch,
        ),
    )


def exit_minute(desk: Desk, position: Position) -> int:
    """Return the minute at whose open a position's time exit acts."""
    return _runner(desk, position).plan.window.exit_minute


def time_is_up(desk: Desk, position: Position, minute: int) -> bool:
    """Tell whether a position must be closed at the open of a minute."""
    return minute >= exit_minute(desk, position)


def _runner(desk: Desk, position: Position) -> Runner:
    return next(runner for runner in desk.runners if runner.name == position.strategy)


def _exit_orders(desk: Desk, position: Position) -> list[Order]:
    return desk.orders.working(Purpose.EXIT, position.symbol)


def _levels(desk: Desk, runner: Runner, position: Position, minute: int) -> tuple[float, float]:
    rules = runner.plan.rules
    vwap = session_vwap(desk, position.symbol, minute) if rules.vwap_touch else math.nan
    atr = (
        math.nan
        if math.isnan(rules.atr_mult)
        else _atr(desk, position.symbol, minute, rules.atr_period)
    )
    return levels(
        position.direction.sign,
        float(position.entry_price),
        _peak(desk, position, minute),
        vwap,
        runner.plan.window.exit_minute - minute,
        atr,
        rules,
    )


def _peak(desk: Desk, position: Position, minute: int) -> float:
    """Return the best price since entry from bars that are complete before `minute`."""
    entered = int((position.entry_time - desk.day.open).total_seconds()) // 60
    best = float(position.entry_price)
    for bar in reversed(desk.bars[position.symbol]):
        if bar.minute < entered:
            break
        if bar.minute < minute:
            best = max(best, bar.high) if position.direction.sign > 0 else min(best, bar.low)
    return best


def session_vwap(desk: Desk, symbol: str, minute: int) -> float:
    """Return the session's VWAP of the bars before a minute; NaN without volume."""
    turnover = volume = 0.0
    for bar in desk.bars.get(symbol, ()):
        if bar.minute >= minute:
            break
        turnover += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
        volume += bar.volume
    return turnover / volume if volume > 0.0 else math.nan


def _atr(desk: Desk, symbol: str, minute: int, period: int) -> float:
    state = RangeState()
    for bar in desk.bars.get(symbol, ()):
        if bar.minute >= minute:
            break
        observe_range(state, bar, period)
    return average_range(state, period)


async def _rest(
    desk: Desk, position: Position, purpose: Purpose, level: float, minute: int
) -> None:
    resting = [
        order
        for order in desk.orders.working(purpose, position.symbol)
        if order.intent.signal_minute == position.signal_minute
    ]
    current = resting[-1] if resting else None
    if not math.isfinite(level):
        if current is not None:
            await sending.cancel(desk, current, "level switched off")
        return
    price = level_from_float(level)
    if current is not None and (current.in_doubt or _says(current, price, position.qty)):
        return
    await _send_level(desk, position, purpose, price, minute, current)


def _says(order: Order, price: Decimal, qty: Decimal) -> bool:
    intent = order.intent
    resting_price = intent.stop_price if intent.ord_type is OrdType.STOP else intent.limit_price
    return resting_price == price and order.leaves_qty == qty


async def _send_level(
    desk: Desk,
    position: Position,
    purpose: Purpose,
    price: Decimal,
    minute: int,
    current: Order | None,
) -> None:
    stop = purpose is Purpose.STOP
    cl_ord_id = desk.order_id(
        position.strategy, position.symbol, position.signal_minute, f"{purpose}/{minute}"
    )
    if cl_ord_id in desk.orders:
        return
    await sending.send(
        desk,
        OrderIntent(
            cl_ord_id=cl_ord_id,
            replaces=current.intent.cl_ord_id if current else "",
            strategy=position.strategy,
            symbol=position.symbol,
            direction=position.direction,
            side=position.direction.exit_side,
            qty=position.qty,
            ord_type=OrdType.STOP if stop else OrdType.LIMIT,
            limit_price=None if stop else price,
            stop_price=price if stop else None,
            oco_group=position.entry_id,
            purpose=purpose,
            signal_minute=position.signal_minute,
            reference_price=desk.mark(position.symbol),
            verdict_id="",
            exit_reason=ExitReason.STOP_LOSS if stop else ExitReason.TARGET_HIT,
            note="",
            epoch=desk.epoch,
        ),
    )
