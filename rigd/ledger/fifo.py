"""Prove that lots were closed first in, first out at their cost: a walk over what moved them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.ledger.lots import Lot

if TYPE_CHECKING:
    from rigd.ledger.lots import LotBook


class FifoWalk:
    """Applies the legs that move lots, in the order of the books.

    Parameters
    ----------
    lots
        Takes the open lots; empty at first.
    """

    __slots__ = ("_every", "_lots", "_queue")

    def __init__(self, lots: LotBook) -> None:
        self._lots, self._queue = lots, lots.queue
        self._every: dict[int, Lot] = {}

    def move(
        self, txn: int, reverses: int, symbol: str, number: int, quantity: int, amount: int
    ) -> bool:
        """Apply one leg of an inventory account and tell whether it follows the rule.

        Parameters
        ----------
        txn, reverses
            The leg's transaction and the one that this takes back, 0 for none.
        symbol
            What is held.
        number
            The transaction that opened the lot.
        quantity, amount
            Shares [10⁻⁹] and cost [10⁻⁶], positive for what comes in.

        Returns
        -------
        bool
            True when it opens a lot on the side of the others, closes the oldest one at its cost,
            or takes such a leg back.
        """
        sign = 1 if quantity > 0 else -1
        size, cost = sign * quantity, sign * amount
        if reverses:
            return self._undo(reverses, symbol, number, size, cost)
        queue = self._queue(symbol)
        oldest = queue[0] if queue else None
        if number == txn:
            self._every[number] = opened = Lot(number, sign, size, cost)
            queue.append(opened)
            return oldest is None or oldest.sign == sign
        if oldest is None or oldest.number != number or oldest.sign == sign:
            return False
        if oldest.open_quantity < size:
            return False
        sound = oldest.take(size) == cost
        if not oldest.open_quantity:
            queue.popleft()
        return sound

    def _undo(
        self, reversed_txn: int, symbol: str, number: int, quantity: int, amount: int
    ) -> bool:
        lot = self._every.get(number)
        if lot is None:
            return False
        others = [other for other in self._lots.queue(symbol) if other is not lot]
        if number == reversed_txn:
            self._lots.replace(symbol, others)
            return quantity == lot.open_quantity and amount == lot.open_cost
        lot.open_quantity += quantity
        lot.open_cost += amount
        self._lots.replace(symbol, sorted([*others, lot], key=lambda each: each.number))
        return lot.open_quantity <= lot.quantity
