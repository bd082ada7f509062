"""From an execution to legs that balance: pure, in whole units."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.core.clock import iso
from rigd.core.errors import LedgerError
from rigd.core.money import MONEY_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, to_units
from rigd.ledger.lots import Lot, LotBook, share
from rigd.ledger.mapping import EventType, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.core.events import FillRecorded

LegRow = tuple[int, int, int, str, int, int, int]
"""A row of ``legs``: txn, leg, account, currency, amount, lot, quantity."""

_SHARE = 10**QUANTITY_DECIMALS


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
    """

    __slots__ = ("_closing", "_mapping", "_opening")

    def __init__(self, mapping: Mapping[EventType, Rule]) -> None:
        self._mapping = mapping
        self._opening = {
            1: _route(mapping, EventType.BUY),
            -1: _route(mapping, EventType.SELL_SHORT),
        }
        self._closing = {
            1: _route(mapping, EventType.BUY_TO_COVER),
            -1: _route(mapping, EventType.SELL),
        }

    def opening(self, sign: int) -> Route:
        """Return the accounts of a fill that opens a lot."""
        return _required(self._opening[sign], "opens", sign)

    def closing(self, sign: int) -> Route:
        """Return the accounts of a fill that closes lots."""
        return _required(self._closing[sign], "closes", sign)

    def fees(self) -> int:
        """Return the account of commissions."""
        rule = self._mapping.get(EventType.COMMISSION)
        if rule is None:
            msg = "the mapping has no accounts for commission"
            raise Unmapped(msg)
        return rule.debit

    def require(self, event: str) -> None:
        """Raise Unmapped when the mapping has no row for an event."""
        if event not in self._mapping:
            msg = f"the mapping has no accounts for {event}"
            raise Unmapped(msg)


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
    quantity = to_units(fill.qty, QUANTITY_DECIMALS)
    price = to_units(fill.price, PRICE_DECIMALS)
    if quantity <= 0 or price < 0:
        msg = f"a fill needs a positive quantity and a price, was {fill.qty} at {fill.price}"
        raise LedgerError(msg)
    if not (fill.exec_key and f"{fill.exec_key}{fill.symbol}{fill.strategy}".isprintable()):
        msg = f"a fill needs an execution key and plain texts, was {fill.exec_key!r}"
        raise LedgerError(msg)
    at = iso(fill.ts)
    return Execution(
        fill.side.value,
        at,
        at,
        fill.exec_key,
        because,
        fill.symbol,
        fill.side.sign,
        quantity,
        price,
        share(price, quantity, _SHARE),
        to_units(fill.commission, MONEY_DECIMALS),
        fill.strategy,
    )


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
    sign, notional = fact.sign, fact.notional
    routes.require(fact.event)
    closed, rest = lots.fill(fact.symbol, sign, fact.quantity)
    legs: list[LegRow] = []
    difference = 0
    if closed:
        route = routes.closing(sign)
        settled = notional
        for lot, part, cost in closed:
            legs.append((
                txn,
                len(legs) + 1,
                route.inventory,
                currency,
                sign * cost,
                lot,
                sign * part,
            ))
            difference -= sign * cost
        if rest:
            settled = share(notional, fact.quantity - rest, fact.quantity)
        difference += sign * settled
        notional -= settled
    else:
        route = routes.opening(sign)
    if rest:
        route = routes.opening(sign)
        legs.append((
            txn,
            len(legs) + 1,
            route.inventory,
            currency,
            sign * notional,
            txn,
            sign * rest,
        ))
        lots.queue(fact.symbol).append(Lot(txn, sign, rest, notional))
    if difference:
        gains = routes.closing(sign).difference
        legs.append((txn, len(legs) + 1, gains, currency, difference, 0, 0))
    if fact.commission:
        legs.append((txn, len(legs) + 1, routes.fees(), currency, fact.commission, 0, 0))
    legs.append((txn, len(legs) + 1, route.cash, currency, fact.amount, 0, 0))
    return legs


def _route(mapping: Mapping[EventType, Rule], event: EventType) -> Route | None:
    rule = mapping.get(event)
    if rule is None:
        return None
    if event in {EventType.BUY, EventType.BUY_TO_COVER}:
        return Route(rule.debit, rule.credit, rule.difference)
    return Route(rule.credit, rule.debit, rule.difference)


def _required(route: Route | None, what: str, sign: int) -> Route:
    if route is None:
        side = "buy" if sign > 0 else "sale"
        msg = f"the mapping has no accounts for a {side} that {what} a position"
        raise Unmapped(msg)
    return route
