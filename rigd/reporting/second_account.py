"""The second accounting: our executions counted again by vectorbt, for its statistics and plots.

`Portfolio.from_orders` knows nothing of our books; what it earns from the same executions must be
what we booked. This is the only module that imports vectorbt, and only when it is asked: the import
takes seconds. Its licence (Apache-2.0 with Commons Clause) is told in the README.
"""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.core.errors import DataError
from rigd.core.events import FillRecorded, TradeClosed
from rigd.core.money import ZERO
from rigd.core.orders import ExecType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rigd.core.events import Entry

TOLERANCE = Decimal("0.000001")
"""By how much a sum of floats may differ from the exact one, a trade [currency]."""


class Execution(NamedTuple):
    """One execution: bought is positive, sold negative [shares, currency/share, currency]."""

    symbol: str
    at: datetime
    quantity: Decimal
    price: Decimal
    commission: Decimal


class Recount(NamedTuple):
    """PnL by symbol, as booked and as vectorbt counts it [currency]."""

    symbol: str
    booked: Decimal
    trades: int
    counted: Decimal

    @property
    def difference(self) -> Decimal:
        """What vectorbt counts more."""
        return self.counted - self.booked

    @property
    def agrees(self) -> bool:
        """Whether the difference is that of floats alone."""
        return abs(self.difference) <= TOLERANCE * max(1, self.trades)


def executions_of(entries: Iterable[Entry]) -> list[Execution]:
    """Return the executions that a journal recorded.

    Parameters
    ----------
    entries
        The journal of one session.

    Returns
    -------
    list of Execution
        In the journal's order.

    Raises
    ------
    DataError
        If one was corrected or taken back: such a session is counted by the books alone.
    """
    fills = [entry.record for entry in entries if isinstance(entry.record, FillRecorded)]
    for fill in fills:
        if fill.exec_type is not ExecType.TRADE:
            msg = f"an execution must be a trade to be counted again, {fill.exec_key} is a "
            raise DataError(f"{msg}{fill.exec_type}", fix="rigd ledger check")
    return [
        Execution(
            symbol=fill.symbol,
            at=fill.ts,
            quantity=fill.side.sign * fill.qty,
            price=fill.price,
            commission=fill.commission,
        )
        for fill in fills
    ]


def booked_of(entries: Iterable[Entry]) -> dict[str, tuple[Decimal, int]]:
    """Return the PnL and the number of round trips by symbol, as a journal recorded them."""
    found: dict[str, tuple[Decimal, int]] = {}
    for entry in entries:
        if isinstance(entry.record, TradeClosed):
            pnl, trades = found.get(entry.record.symbol, (ZERO, 0))
            found[entry.record.symbol] = (pnl + entry.record.pnl, trades + 1)
    return found


def portfolio(executions: Sequence[Execution], cash: Decimal) -> Any:  # noqa: ANN401 - of vectorbt
    """Return vectorbt's portfolio of some executions, for its statistics and plots.

    Parameters
    ----------
    executions
        In the order in which they happened; one row of the portfolio each, so that two in one
        minute stay two. Between them a symbol is valued at its last price.
    cash
        What the account held before the first [currency].

    Returns
    -------
    vectorbt.Portfolio
        A column for each symbol, ungrouped: ``.total_profit()``, ``.stats()``, ``.plot()``.

    Raises
    ------
    DataError
        If there is no execution, or vectorbt refuses one.
    """
    if not executions:
        msg = "there must be an execution to count, found none"
        raise DataError(msg, fix="choose a session that traded: rigd review")
    vectorbt, pandas = _libraries()
    symbols = sorted({execution.symbol for execution in executions})
    shape = (len(executions), len(symbols))
    size, price, fees = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    for row, execution in enumerate(executions):
        column = symbols.index(execution.symbol)
        size[row, column] = float(execution.quantity)
        price[row, column] = float(execution.price)
        fees[row, column] = float(execution.commission)
    index = pandas.Index([execution.at for execution in executions])
    close = pandas.DataFrame(price, index=index, columns=symbols).ffill().bfill()
    try:
        return vectorbt.Portfolio.from_orders(
            close,
            size=size,
            price=price,
            fixed_fees=fees,
            size_type="amount",
            direction="both",
            init_cash=float(cash),
            allow_partial=False,
            raise_reject=True,
            freq="1min",
        )
    except vectorbt.portfolio.enums.RejectedOrderError as error:
        msg = f"vectorbt must take every execution, it refused one: {error}"
        raise DataError(msg) from error


def recount(
    executions: Sequence[Execution], booked: Mapping[str, tuple[Decimal, int]], cash: Decimal
) -> list[Recount]:
    """Count the PnL of closed positions again, symbol by symbol.

    Parameters
    ----------
    executions
        In the order in which they happened.
    booked
        What we booked: PnL and round trips by symbol.
    cash
        What the account held before the first [currency].

    Returns
    -------
    list of Recount
        One a symbol, in alphabetical order.

    Raises
    ------
    DataError
        If a position is open at the end: its PnL is not booked yet.
    """
    left: dict[str, Decimal] = {}
    for execution in executions:
        left[execution.symbol] = left.get(execution.symbol, ZERO) + execution.quantity
    still = sorted(symbol for symbol, quantity in left.items() if quantity)
    if still:
        msg = f"every position must be closed to compare, open are {', '.join(still)}"
        raise DataError(msg)
    profits = portfolio(executions, cash).total_profit()
    return [
        Recount(symbol, *booked.get(symbol, (ZERO, 0)), _exact(profits.get(symbol, 0.0)))
        for symbol in sorted({*left, *booked})
    ]


def _exact(amount: float) -> Decimal:
    return Decimal(f"{float(amount):.9f}")


def _libraries() -> tuple[Any, Any]:
    """Import vectorbt and pandas; what they warn of while they are imported is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd  # noqa: PLC0415 - seconds of imports
        import vectorbt as vbt  # noqa: PLC0415 - seconds of imports
    return vbt, pd
