"""From an execution to legs that balance: pure, in whole units."""

from __future__ import annotations

from datetime import UTC
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from rigd.core.clock import iso
from rigd.core.errors import LedgerError
from rigd.core.money import MONEY_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, to_units
from rigd.core.values import Side
from rigd.ledger.lots import Lot, LotBook, share
from rigd.ledger.mapping import EventType, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rigd.core.events import FillRecorded
    from rigd.ledger.entries import LegRow

_SHARE = 10**QUANTITY_DECIMALS
_EXACT = Context(prec=38, traps=[Inexact, InvalidOperation])
_multiply, _whole = _EXACT.multiply, _EXACT.to_integral_exact
_SCALES = {
    decimals: Decimal(10**decimals)
    for decimals in (MONEY_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS)
}
_SIDES = {side: (side.value, side.sign) for side in Side}


class Unmapped(LedgerError):  # noqa: N818 - what it is, not a failure
    """An event that the mapping has no accounts for: queued, never posted."""


class Execution(NamedTuple):
    """A fill in whole units: quantity [10⁻⁹ shares], the rest [10⁻⁶ currency].

    `sign` is +1 for what adds shares, -1 for what takes them; `notional` is price × quantity,
    rounded half-even once.
    """

    event: str
    at: str
    traded_at: str
    external_id: str
    because: str
    symbol: str
    sign: int
    quantity: int
    price: int
    notional: int
    commission: int
    strategy: str

    @property
    def amount(self) -> int:
        """The change of cash, net of the commission."""
        return -self.sign * self.notional - self.commission


class Route(NamedTuple):
    """The accounts of one kind of trade."""

    inventory: int
    cash: int
    difference: int


class Routes:
    """The mapping's rows for trades, compiled for posting.

    Parameters
    ----------
    mapping
        Event type to accounts; rows may be missing.

    Attributes
    ----------
    events
        The events that have a row.
    opening, closing
        The accounts of a fill that opens a lot and of one that closes lots, by its sign; one that
        the mapping lacks raises Unmapped.
    """

    __slots__ = ("_fees", "closing", "events", "opening")

    def __init__(self, mapping: Mapping[EventType, Rule]) -> None:
        commission = mapping.get(EventType.COMMISSION)
        self._fees = commission.debit if commission is not None else 0
        self.events = frozenset(event.value for event in mapping)
        self.opening = _Sides("a {} that opens a position")
        self.closing = _Sides("a {} that closes a position")
        for sides, sign, event in (
            (self.opening, 1, EventType.BUY),
            (self.opening, -1, EventType.SELL_SHORT),
            (self.closing, 1, EventType.BUY_TO_COVER),
            (self.closing, -1, EventType.SELL),
        ):
            route = _route(mapping, event)
            if route is not None:
                sides[sign] = route

    def fees(self) -> int:
        """Return the account of commissions."""
        return self._fees or _unmapped("commission")


class _Sides(dict[int, Route]):
    """The accounts of a buy (+1) and of a sale (-1)."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __missing__(self, sign: int) -> NoReturn:
        _unmapped(self._what.format("buy" if sign > 0 else "sale"))


def execution(fill: FillRecorded, *, because: str = "") -> Execution:
    """Return a fill in whole units.

    Parameters
    ----------
    fill
        The journal's record of it.
    because
        The correction that causes it, blank for none.

    Returns
    -------
    Execution
        The same, exactly.

    Raises
    ------
    LedgerError
        If the quantity is not positive, the price is negative, either has more decimals than the
        books hold, or a text is not printable.
    """
    quantity = _units(fill.qty, QUANTITY_DECIMALS)
    price = _units(fill.price, PRICE_DECIMALS)
    if quantity <= 0 or price < 0:
        msg = f"a fill needs a positive quantity and a price, was {fill.qty} at {fill.price}"
        raise LedgerError(msg)
    if not (fill.exec_key and f"{fill.exec_key}{fill.symbol}{fill.strategy}".isprintable()):
        msg = f"a fill needs an execution key and plain texts, was {fill.exec_key!r}"
        raise LedgerError(msg)
    ts = fill.ts
    at = _utc_text(ts) if ts.tzinfo is UTC else iso(ts)
    event, sign = _SIDES[fill.side]
    return Execution._make((
        event,
        at,
        at,
        fill.exec_key,
        because,
        fill.symbol,
        sign,
        quantity,
        price,
        share(price, quantity, _SHARE),
        _units(fill.commission, MONEY_DECIMALS),
        fill.strategy,
    ))


def compose(
    fact: Execution, lots: LotBook, routes: Routes, *, currency: str, txn: int
) -> list[LegRow]:
    """Return the legs of a fill and move the lots.

    What stands against the fill is closed first, oldest lots first; the rest opens a new lot, so a
    fill that is too large turns the position.

    Parameters
    ----------
    fact
        The fill.
    lots
        The open lots; changed.
    routes
        The accounts.
    currency
        Of the account.
    txn
        The number of the transaction.

    Returns
    -------
    list of LegRow
        At least two legs that sum to zero.
    """
    event, _, _, _, _, symbol, sign, size, _, notional, fee, _ = fact
    if event not in routes.events:
        _unmapped(event)
    queue = lots.queue(symbol)
    if queue and queue[0].sign != sign:
        route = routes.closing[sign]
        legs = _close(fact, lots, routes, currency, txn)
    else:
        route = routes.opening[sign]
        legs = [(txn, 1, route.inventory, currency, sign * notional, txn, sign * size)]
        queue.append(Lot(txn, sign, size, notional))
    if fee:
        legs.append((txn, len(legs) + 1, routes.fees(), currency, fee, 0, 0))
    legs.append((txn, len(legs) + 1, route.cash, currency, -sign * notional - fee, 0, 0))
    return legs


def _close(fact: Execution, lots: LotBook, routes: Routes, currency: str, txn: int) -> list[LegRow]:
    """Return the legs of what a fill closes and opens, and of the difference."""
    sign, size, notional = fact.sign, fact.quantity, fact.notional
    route = routes.closing[sign]
    closed, rest = lots.fill(fact.symbol, sign, size)
    legs: list[LegRow] = []
    difference = 0
    for number, (lot, part, cost) in enumerate(closed, start=1):
        legs.append((txn, number, route.inventory, currency, sign * cost, lot, sign * part))
        difference -= sign * cost
    if rest:
        settled = share(notional, size - rest, size)
        left, opening = notional - settled, routes.opening[sign]
        legs.append((
            txn,
            len(legs) + 1,
            opening.inventory,
            currency,
            sign * left,
            txn,
            sign * rest,
        ))
        lots.queue(fact.symbol).append(Lot(txn, sign, rest, left))
    else:
        settled = notional
    difference += sign * settled
    if difference:
        legs.append((txn, len(legs) + 1, route.difference, currency, difference, 0, 0))
    return legs


def _units(value: Decimal, decimals: int) -> int:
    """Return what `to_units` returns or raises, faster for the amounts that a fill has."""
    try:
        return int(_whole(_multiply(value, _SCALES[decimals])))
    except (ArithmeticError, ValueError):
        return to_units(value, decimals)


@lru_cache(maxsize=256)
def _utc_text(instant: datetime) -> str:
    """Return what `iso` returns; fills of one bar carry the same instant."""
    return iso(instant)


def _route(mapping: Mapping[EventType, Rule], event: EventType) -> Route | None:
    rule = mapping.get(event)
    if rule is None:
        return None
    if event in {EventType.BUY, EventType.BUY_TO_COVER}:
        return Route(rule.debit, rule.credit, rule.difference)
    return Route(rule.credit, rule.debit, rule.difference)


def _unmapped(what: str) -> NoReturn:
    msg = f"the mapping has no accounts for {what}"
    raise Unmapped(msg)
