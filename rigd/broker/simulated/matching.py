"""Which resident order a bar reaches first, and at what price (SPEC §3a.6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.money import level_from_float
from rigd.core.orders import OrdType
from rigd.market.fills import NO_TOUCH, STOP_GAPPED, STOP_HIT, exit_fill, trail_behind
from rigd.market.fills import touch as reach

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from rigd.broker.simulated.book import Order
    from rigd.core.values import Bar


STOPS = frozenset({OrdType.STOP, OrdType.TRAILING_STOP})
"""What fills at market when its level is reached; a trailing stop where it has come to."""

LIMITS = frozenset({OrdType.LIMIT})


class Touched(NamedTuple):
    """A resident order that a bar reached; `code` and `price` as `market.fills.touch` gave them."""

    order: Order
    code: int
    price: float

    def fill_price(self, slippage: float) -> float:
        """Return the price [currency/share]; stops, which fill at market, slip, limits do not."""
        return exit_fill(self.code, self.price, slippage, -self.order.request.side.sign)


def touched(orders: Sequence[Order], bar: Bar, *, test_open: bool) -> Touched | None:
    """Return the order that a bar reaches first.

    Parameters
    ----------
    orders
        One resident order, or the working orders of a group; one symbol and side.
    bar
        The symbol's bar.
    test_open
        True to look at the bar's open alone, False to look at its range alone.

    Returns
    -------
    Touched or None
        A stop before a limit; None when the bar reaches none of them.
    """
    sells = orders[0].request.side.sign < 0
    stop = _nearest(orders, STOPS, highest=sells)
    limit = _nearest(orders, LIMITS, highest=not sells)
    high, low = (bar.open, bar.open) if test_open else (bar.high, bar.low)
    direction = 1.0 if sells else -1.0
    code, price = reach(direction, bar.open, high, low, _level(stop), _level(limit), test_open)
    order = stop if code in {STOP_HIT, STOP_GAPPED} else limit
    return None if code == NO_TOUCH or order is None else Touched(order, code, price)


def trailed_level(order: Order, bar: Bar) -> Decimal | None:
    """Return where a trailing stop moves when a bar is complete.

    Parameters
    ----------
    order
        A working order.
    bar
        The bar that it lived through.

    Returns
    -------
    Decimal or None
        The tighter level [currency/share]; None when it stays, or is no trailing stop.
    """
    request, level = order.request, order.level
    if request.trail_fraction is None or level is None:
        return None
    direction = -request.side.sign
    peak = bar.high if direction > 0 else bar.low
    moved = trail_behind(direction, peak, float(request.trail_fraction))
    tighter = direction * (moved - float(level)) > 0.0
    return level_from_float(moved) if tighter else None


def _level(order: Order | None) -> float:
    level = order.level if order else None
    return math.nan if level is None else float(level)


def _nearest(
    orders: Sequence[Order], ord_types: frozenset[OrdType], *, highest: bool
) -> Order | None:
    """Return the order of some types that prices reach first."""
    fitting = [order for order in orders if order.request.ord_type in ord_types]
    if not fitting:
        return None
    return max(fitting, key=_level) if highest else min(fitting, key=_level)
