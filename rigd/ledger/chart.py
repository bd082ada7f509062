"""The chart of accounts: numbers, names and kinds (SPEC §7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rigd.core.errors import LedgerError

VERSION = 1
"""The version of the chart below; a changed chart is a new version."""

CASH = 1030
EQUITIES = 1111
SHORTS = 2100
CAPITAL_FLOAT = 3010
OPENING_BALANCE = 3030
REALISED_GAINS = 4010
QUALIFIED_DIVIDENDS = 4050
BROKER_FEES = 5010
INFRASTRUCTURE = 5070
DATA_PAYABLES = 2020

FIRST_CONTROL, LAST_CONTROL = 9100, 9399
"""Control accounts (exports, references, integrity): never in the balance."""


class AccountKind(StrEnum):
    """What an account is."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def debit_normal(self) -> bool:
        """Tell whether the account usually stands on the debit side."""
        return self in {AccountKind.ASSET, AccountKind.EXPENSE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of the chart.

    Parameters
    ----------
    number
        Four digits; the first one gives the kind.
    name
        What it is called.

    Raises
    ------
    LedgerError
        If the number is not one of the balance's.
    """

    number: int
    name: str

    def __post_init__(self) -> None:
        if self.number // 1000 not in _KINDS:
            msg = f"account number must be 1000-5999, was {self.number}"
            raise LedgerError(msg)

    @property
    def kind(self) -> AccountKind:
        """The kind that the first digit gives."""
        return _KINDS[self.number // 1000]


_KINDS = {
    1: AccountKind.ASSET,
    2: AccountKind.LIABILITY,
    3: AccountKind.EQUITY,
    4: AccountKind.INCOME,
    5: AccountKind.EXPENSE,
}

CHART: tuple[Account, ...] = tuple(
    Account(number=number, name=name)
    for number, name in (
        (1010, "Float injection"),
        (1020, "Float returned"),
        (CASH, "Broker cash"),
        (EQUITIES, "Broker equities"),
        (1120, "Tax reserve"),
        (1130, "Payroll reserve"),
        (2010, "Broker payables"),
        (DATA_PAYABLES, "Market data payables"),
        (SHORTS, "Short positions"),
        (CAPITAL_FLOAT, "Capital float"),
        (3020, "Daily float allocation"),
        (OPENING_BALANCE, "Opening balance"),
        (3040, "Accumulated profit"),
        (REALISED_GAINS, "Realised gains"),
        (QUALIFIED_DIVIDENDS, "Qualified dividends"),
        (4060, "Short-term gains"),
        (4070, "Long-term gains"),
        (4080, "Holdings rebalancing gain/loss"),
        (4090, "Reserve transfers"),
        (BROKER_FEES, "Broker fees"),
        (5050, "Slippage and execution losses"),
        (5060, "API time-out penalties"),
        (INFRASTRUCTURE, "Infrastructure"),
        (5080, "Tax payments"),
        (5090, "Payroll disbursements"),
    )
)
"""Every account of the balance, by number."""


def find(number: int) -> Account:
    """Return the account of a number.

    Parameters
    ----------
    number
        An account number of the chart.

    Returns
    -------
    Account
        The account.

    Raises
    ------
    LedgerError
        If the chart has no such account.
    """
    account = _BY_NUMBER.get(number)
    if account is None:
        msg = f"account must be one of the chart's {len(CHART)}, was {number}"
        raise LedgerError(msg)
    return account


_BY_NUMBER = {account.number: account for account in CHART}
