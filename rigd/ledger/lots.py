"""First-in, first-out lots, in whole units: what comes in at a cost goes out at that cost."""

from __future__ import annotations

from collections import deque

from rigd.core.errors import LedgerError


def share(amount: int, part: int, whole: int) -> int:
    """Return ``amount × part / whole``, rounded half-even to a whole unit.

    The only place where the books round.

    Parameters
    ----------
    amount
        What is divided, in units.
    part, whole
        The fraction; `whole` is positive.

    Returns
    -------
    int
        The nearest whole unit, ties to even.
    """
    quotient, remainder = divmod(amount * part, whole)
    twice = 2 * remainder
    return quotient + (twice > whole or (twice == whole and quotient & 1))


class Lot:
    """Shares that were opened by one transaction and not yet closed.

    Parameters
    ----------
    number
        The transaction that opened the lot.
    sign
        +1 long, -1 short.
    quantity, cost
        What was opened [10⁻⁹ shares] and for how much [10⁻⁶ currency], both not negative.
    open_quantity, open_cost
        What is left of it.
    """

    __slots__ = ("cost", "number", "open_cost", "open_quantity", "quantity", "sign")

    def __init__(
        self,
        number: int,
        sign: int,
        quantity: int,
        cost: int,
        open_quantity: int | None = None,
        open_cost: int | None = None,
    ) -> None:
        self.number = number
        self.sign = sign
        self.quantity = quantity
        self.cost = cost
        self.open_quantity = quantity if open_quantity is None else open_quantity
        self.open_cost = cost if open_cost is None else open_cost

    def take(self, quantity: int) -> int:
        """Close a part of the lot and return its cost.

        The cost that has left after q of Q shares is ``cost × q / Q`` rounded once, whatever the
        pieces were, so the last piece takes the residual and cost in equals cost out.

        Parameters
        ----------
        quantity
            How much to close [10⁻⁹ shares].

        Returns
        -------
        int
            The cost of that part [10⁻⁶ currency].

        Raises
        ------
        LedgerError
            If the lot holds less.
        """
        left = self.open_quantity - quantity
        if left < 0:
            msg = f"lot {self.number} holds {self.open_quantity} units, cannot close {quantity}"
            raise LedgerError(msg)
        cost_left = self.cost - share(self.cost, self.quantity - left, self.quantity) if left else 0
        piece = self.open_cost - cost_left
        self.open_quantity = left
        self.open_cost = cost_left
        return piece


Closed = tuple[int, int, int]
"""A part of a lot that a fill closed: the lot's number, the quantity and its cost."""


class LotBook:
    """The open lots of every symbol, oldest first."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[str, deque[Lot]] = {}

    def queue(self, symbol: str) -> deque[Lot]:
        """Return the open lots of a symbol, oldest first; all have the same sign."""
        queue = self._queues.get(symbol)
        if queue is None:
            queue = self._queues[symbol] = deque()
        return queue

    def symbols(self) -> list[str]:
        """Return the symbols that have open lots, sorted."""
        return sorted(symbol for symbol, queue in self._queues.items() if queue)

    def replace(self, symbol: str, lots: list[Lot]) -> None:
        """Take other open lots for a symbol."""
        self._queues[symbol] = deque(lots)

    def fill(self, symbol: str, sign: int, quantity: int) -> tuple[list[Closed], int]:
        """Close the oldest lots that stand against a fill.

        Parameters
        ----------
        symbol
            The exchange symbol.
        sign
            +1 for a buy, -1 for a sell.
        quantity
            Size of the fill [10⁻⁹ shares].

        Returns
        -------
        tuple of list of Closed and int
            What was closed, oldest first, and the quantity that is left to open a new lot.
        """
        queue = self.queue(symbol)
        closed: list[Closed] = []
        while quantity and queue and queue[0].sign != sign:
            lot = queue[0]
            part = min(quantity, lot.open_quantity)
            closed.append((lot.number, part, lot.take(part)))
            if not lot.open_quantity:
                queue.popleft()
            quantity -= part
        return closed, quantity
