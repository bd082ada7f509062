"""Which orders the simulated exchange takes: rules of form, group, position and funds.

Each rule returns code and text of a refusal, or None. The account has no leverage, long or short.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.broker.simulated.book import level_of
from rigd.core.money import ORDER_QUANTITY_DECIMALS, ZERO, money, notional, round_down
from rigd.core.orders import OrdType

if TYPE_CHECKING:
    from rigd.broker.simulated.book import Book, Order
    from rigd.core.orders import OrderRequest

MIN_NOTIONAL = Decimal(1)
"""The smallest order that opens a position [currency] (SPEC §3a.11)."""

MAX_QUANTITY = Decimal(10) ** 9
"""The largest order [shares]."""

MAX_PRICE = Decimal(10) ** 9
"""The highest level of an order [currency/share]."""

CL_ORD_ID_MAX = 32
"""The longest client order id [characters]."""

ORD_TYPES = frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP})
"""What the exchange can do always."""

_CL_ORD_ID = re.compile(rf"[A-Za-z0-9-]{{1,{CL_ORD_ID_MAX}}}\Z")


class Refusal(NamedTuple):
    """Why an order is not taken: a code for programs, a text for people."""

    code: str
    text: str


def ord_types(*, native_trailing: bool) -> frozenset[OrdType]:
    """Return what the exchange takes, trailing stops only where it is to have them."""
    return ORD_TYPES | {OrdType.TRAILING_STOP} if native_trailing else ORD_TYPES


def judge_id(cl_ord_id: str) -> Refusal | None:
    """Refuse what is no client order id."""
    if _CL_ORD_ID.match(cl_ord_id):
        return None
    return Refusal("bad_id", f"1-{CL_ORD_ID_MAX} letters, digits or hyphens expected")


def judge(
    request: OrderRequest,
    book: Book,
    commission: Decimal,
    instead_of: Order | None = None,
    *,
    native_trailing: bool = False,
) -> Refusal | None:
    """Judge an order against the account as it is.

    Parameters
    ----------
    request
        The order.
    book
        The account.
    commission
        Fraction of the notional that a fill costs.
    instead_of
        The working order that the new one replaces.
    native_trailing
        Whether the exchange has trailing stops.

    Returns
    -------
    Refusal or None
        The first rule that refuses it; None when it is taken.
    """
    return (
        _judge_form(request, ord_types(native_trailing=native_trailing))
        or _judge_group(request, book)
        or _judge_position(request, book, instead_of)
        or _judge_funds(request, book, commission, instead_of)
    )


def buying_power(book: Book, commission: Decimal, without: Order | None = None) -> Decimal:
    """Return what a new position may cost.

    Cash, less what shorts brought in and what covering them would cost, less what working entries
    may take. When an entry is taken, the gross exposure therefore stays within the equity.

    Parameters
    ----------
    book
        The account.
    commission
        Fraction of the notional that a fill costs.
    without
        A working order that is left out.

    Returns
    -------
    Decimal
        [currency]; the cash itself when nothing is short and no entry works.
    """
    free = book.cash
    for symbol, holding in book.holdings.items():
        if holding.qty < 0:
            free += 2 * holding.qty * (book.mark(symbol) or holding.avg_px)
    for order in book.working.values():
        if order.request.side.opens and order is not without:
            price = level_of(order.request) or book.mark(order.request.symbol) or ZERO
            free -= order.leaves_qty * price * (1 + commission)
    return money(free)


def _judge_form(request: OrderRequest, taken: frozenset[OrdType]) -> Refusal | None:
    if request.ord_type not in taken:
        return Refusal("bad_type", f"a {request.ord_type} order is not known here")
    if request.contract is not None:
        return Refusal("no_options", "options are not traded here")
    if request.qty > MAX_QUANTITY or request.qty != round_down(
        request.qty, ORDER_QUANTITY_DECIMALS
    ):
        text = f"at most {ORDER_QUANTITY_DECIMALS} decimals, was {request.qty}"
        return Refusal("bad_quantity", text)
    level = level_of(request)
    if level is not None and not (level.is_finite() and 0 < level < MAX_PRICE):
        return Refusal("bad_price", f"a level must be positive and finite, was {level}")
    return None


def _judge_group(request: OrderRequest, book: Book) -> Refusal | None:
    if not request.oco_group:
        return None
    if request.side.opens or request.ord_type is OrdType.MARKET:
        return Refusal("bad_group", "a group holds stops and limits that reduce a position")
    for other in book.group(request.oco_group):
        if (other.request.symbol, other.request.side) != (request.symbol, request.side):
            return Refusal("bad_group", "a group holds orders of one symbol and side")
    return None


def _judge_position(request: OrderRequest, book: Book, instead_of: Order | None) -> Refusal | None:
    towards = request.side.sign * book.held(request.symbol)
    if request.side.opens:
        if towards < 0:
            return Refusal("opposite_position", f"close the position in {request.symbol} first")
        if any(
            order.request.side.opens and order.request.side is not request.side
            for order in book.working_in(request.symbol)
        ):
            return Refusal("opposite_order", f"an entry the other way works in {request.symbol}")
        return None
    if towards >= 0:
        return Refusal("no_position", f"nothing to {request.side} in {request.symbol}")
    if request.oco_group:
        return None
    spoken_for = sum(
        order.leaves_qty
        for order in book.working_in(request.symbol)
        if not (order.request.side.opens or order.request.oco_group or order is instead_of)
    )
    free = -towards - spoken_for
    if request.qty > free:
        return Refusal("oversell", f"{free} {request.symbol} are free to {request.side}")
    return None


def _judge_funds(
    request: OrderRequest, book: Book, commission: Decimal, instead_of: Order | None
) -> Refusal | None:
    price = level_of(request) or book.mark(request.symbol)
    if not request.side.opens or price is None:
        return None
    needed = notional(price, request.qty)
    if needed < MIN_NOTIONAL:
        return Refusal("below_minimum", f"an order must be worth {MIN_NOTIONAL}, was {needed}")
    needed += money(needed * commission)
    free = buying_power(book, commission, instead_of)
    if needed > free:
        return Refusal("insufficient_funds", f"{needed} needed, {free} free")
    return None
