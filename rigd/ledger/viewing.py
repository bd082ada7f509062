"""The books as a page shows them: read through a connection that cannot write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.core.money import MONEY_DECIMALS, from_units
from rigd.ledger import reading
from rigd.ledger.audit import read_owner
from rigd.ledger.entries import AccountInfo
from rigd.ledger.statement import Posted, TrialRow

if TYPE_CHECKING:
    import sqlite3
    from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksView:
    """A ledger at one moment.

    Parameters
    ----------
    identity, account
        Whose books they are.
    trial
        The balance of every account that has postings.
    transactions
        With their legs, in order.
    """

    identity: str
    account: AccountInfo
    trial: tuple[TrialRow, ...]
    transactions: tuple[Posted, ...]

    @property
    def debit(self) -> Decimal:
        """The sum of the debit balances."""
        return sum((row.debit for row in self.trial), from_units(0, MONEY_DECIMALS))

    @property
    def credit(self) -> Decimal:
        """The sum of the credit balances."""
        return sum((row.credit for row in self.trial), from_units(0, MONEY_DECIMALS))


def view_of(connection: sqlite3.Connection) -> BooksView | None:
    """Return the books; None when the database holds none.

    Parameters
    ----------
    connection
        Of `rigd.store.database.open_for_reading`.

    Returns
    -------
    BooksView
        One consistent state: read in one transaction.
    """
    connection.execute("BEGIN")
    try:
        owner = read_owner(connection)
        if owner is None:
            return None
        identity, account = owner
        return BooksView(
            identity=identity,
            account=account,
            trial=tuple(reading.trial_balance(reading.totals(connection))),
            transactions=tuple(reading.transactions(connection)),
        )
    finally:
        connection.execute("ROLLBACK")
