"""Beancount text of the books: money to the last millionth, and units beside it.

Shares are counted in their own commodities between two accounts that cancel, so both the money and
the shares of every transaction balance exactly, without a tolerance. The text ends with a balance
assertion for every account and every holding.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.clock import from_iso
from rigd.core.money import MONEY_DECIMALS, QUANTITY_DECIMALS, from_units, plain
from rigd.ledger.chart import AccountKind
from rigd.ledger.chart_versions import TEMPLATE, ChartVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.ledger.statement import Posted, Statement

_ROOTS = {
    AccountKind.ASSET: "Assets",
    AccountKind.LIABILITY: "Liabilities",
    AccountKind.EQUITY: "Equity",
    AccountKind.INCOME: "Income",
    AccountKind.EXPENSE: "Expenses",
}
_HELD, _CONTRA = "Assets:Units", "Equity:Units"
_EARLIEST = "1970-01-01"


def render(statement: Statement) -> str:
    """Return the books as a beancount file that ``bean-check`` passes.

    Parameters
    ----------
    statement
        The whole ledger.

    Returns
    -------
    str
        The text; the same statement gives the same text.
    """
    return "\n".join([*_header(statement), *_transactions(statement), *_assertions(statement), ""])


def account_name(number: int, chart: ChartVersion = TEMPLATE) -> str:
    """Return the beancount name of an account, such as ``Assets:A1030-Broker-cash``."""
    account = chart.find(number)
    words = "".join(c if c.isalnum() else "-" for c in account.name).split("-")
    return f"{_ROOTS[account.kind]}:A{number}-{'-'.join(word for word in words if word)}"


def _header(statement: Statement) -> Iterator[str]:
    yield f"; books of {statement.identity}, account {statement.account.account_id}"
    yield f'option "title" {json.dumps(statement.identity)}'
    yield f'option "operating_currency" "{statement.account.currency}"'
    yield 'option "tolerance_multiplier" "0"'
    yield ""
    for account in statement.chart.accounts:
        yield f"{_EARLIEST} open {account_name(account.number, statement.chart)}"
    yield f"{_EARLIEST} open {_HELD}"
    yield f"{_EARLIEST} open {_CONTRA}"


def _transactions(statement: Statement) -> Iterator[str]:
    for posted in statement.transactions:
        yield ""
        yield from _transaction(posted, statement.chart)


def _transaction(posted: Posted, chart: ChartVersion) -> Iterator[str]:
    row = posted.row
    quantity = plain(from_units(row.quantity, QUANTITY_DECIMALS))
    told = f"{row.event} {quantity} {row.symbol}" if row.symbol else row.event
    payee = f"{json.dumps(row.strategy, ensure_ascii=False)} " if row.strategy else ""
    yield f"{row.at[:10]} * {payee}{json.dumps(told, ensure_ascii=False)}"
    yield f'  fitid: "{row.fitid}"'
    yield f'  at: "{row.at}"'
    if row.reverses:
        yield f"  reverses: {row.reverses}"
    for leg in posted.legs:
        amount = plain(from_units(leg.amount, MONEY_DECIMALS))
        yield f"  {account_name(leg.account, chart)}  {amount} {leg.currency}"
    if row.symbol:
        commodity = _commodity(row.symbol)
        opposite = plain(from_units(-row.quantity, QUANTITY_DECIMALS))
        yield f"  {_HELD}  {quantity} {commodity}"
        yield f"  {_CONTRA}  {opposite} {commodity}"


def _assertions(statement: Statement) -> Iterator[str]:
    if not statement.transactions:
        return
    day = _after(statement)
    yield ""
    for row in statement.trial:
        amount, name = plain(row.debit - row.credit), account_name(row.account, statement.chart)
        yield f"{day} balance {name}  {amount} ~ 0 {row.currency}"
    held: dict[str, Decimal] = dict.fromkeys(statement.symbols, Decimal(0))
    for lot in statement.lots:
        held[lot.symbol] += lot.direction.sign * lot.open_quantity
    for symbol, quantity in held.items():
        yield f"{day} balance {_HELD}  {plain(quantity)} ~ 0 {_commodity(symbol)}"


def _after(statement: Statement) -> date:
    last = max(posted.row.at for posted in statement.transactions)
    return from_iso(last).date() + timedelta(days=1)


def _commodity(symbol: str) -> str:
    """Return a commodity name: beancount wants at least two characters, a letter or digit last."""
    return symbol if len(symbol) > 1 and symbol[-1].isalnum() else f"{symbol}.X"
