"""Which resident order a bar reaches first, and at what price (SPEC §3a.6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rigd.broker.simulated.book import level_of
from rigd.core.orders import OrdType
from rigd.market.fills import NO_TOUCH, STOP_GAPPED, STOP_HIT, exit_fill
from rigd.market.fills import touch as reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.broker.simulated.book import Order
    from rigd.core.values import Bar


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
    stop = _nearest(orders, OrdType.STOP, highest=sells)
    limit = _nearest(orders, OrdType.LIMIT, highest=not sells)
    high, low = (bar.open, bar.open) if test_open else (bar.high, bar.low)
    direction = 1.0 if sells else -1.0
    code, price = reach(direction, bar.open, high, low, _level(stop), _level(limit), test_open)
    order = stop if code in {STOP_HIT, STOP_GAPPED} else limit
    return None if code == NO_TOUCH or order is None else Touched(order, code, price)


def _level(order: Order | None) -> float:
    level = level_of(order.request) if order else None
    return math.nan if level is None else float(level)


def _nearest(orders: Sequence[Order], ord_type: OrdType, *, highest: bool) -> Order | None:
    """Return the order of a type that prices reach first."""
    fitting = [order for order in orders if order.request.ord_type is ord_type]
    if not fitting:
        return None
    return max(fitting, key=_level) if highest else min(fitting, key=_level)
