"""The books as one value, from which every export is made."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.ledger.chart_versions import TEMPLATE, ChartVersion
from rigd.ledger.entries import AccountInfo, Leg, Transaction

if TYPE_CHECKING:
    from datetime import datetime

    from rigd.core.values import Direction


class Posted(NamedTuple):
    """A transaction and its legs."""

    row: Transaction
    legs: tuple[Leg, ...]


class TrialRow(NamedTuple):
    """An account's balance, on its debit or its credit side [currency]."""

    account: int
    name: str
    currency: str
    debit: Decimal
    credit: Decimal


class Position(NamedTuple):
    """What is held of a symbol: shares, negative when short, and their cost or proceeds."""

    quantity: Decimal
    cost: Decimal


class OpenLot(NamedTuple):
    """Shares bought or sold short together and not yet closed [shares, currency]."""

    number: int
    symbol: str
    direction: Direction
    traded_at: datetime
    quantity: Decimal
    cost: Decimal
    open_quantity: Decimal
    open_cost: Decimal


class Realised(NamedTuple):
    """Gains of closed lots, commissions, and what is left of the gains after them [currency]."""

    gains: Decimal
    commissions: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A ledger from its first transaction to its last.

    Parameters
    ----------
    identity, account
        Whose books they are.
    transactions
        In order.
    trial
        The balance of every account.
    lots
        The open lots by symbol, oldest first.
    chart
        The version of the chart that says how accounts are called.
    """

    identity: str
    account: AccountInfo
    transactions: tuple[Posted, ...]
    trial: tuple[TrialRow, ...]
    lots: tuple[OpenLot, ...]
    chart: ChartVersion = TEMPLATE

    @property
    def symbols(self) -> list[str]:
        """Every symbol that was ever traded, sorted."""
        return sorted({posted.row.symbol for posted in self.transactions if posted.row.symbol})

    def balance(self, account: int) -> Decimal:
        """Return the balance of an account in the ledger's currency, debit positive."""
        return sum(
            (
                row.debit - row.credit
                for row in self.trial
                if row.account == account and row.currency == self.account.currency
            ),
            Decimal(0),
        )
