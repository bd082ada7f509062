"""What the tables say, as values: transactions with their legs, balances, open lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.ledger import schema
from rigd.ledger.entries import Leg, Transaction, legs_of
from rigd.ledger.lots import Lot
from rigd.ledger.mapping import EventType
from rigd.ledger.statement import Posted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_FIELDS = len(schema.TRANSACTION_COLUMNS)
_COLUMNS = ", ".join((*schema.TRANSACTION_COLUMNS, *schema.SLOT_COLUMNS))
_SELECT = f"SELECT {_COLUMNS} FROM transactions"  # noqa: S608 - constants
_LEGS = f"SELECT {', '.join(schema.LEG_COLUMNS)} FROM legs"  # noqa: S608 - constants
_IN_FORCE = "reverses = 0 AND txn NOT IN (SELECT reverses FROM transactions)"
_TRADES = (
    EventType.BUY.value,
    EventType.SELL.value,
    EventType.SELL_SHORT.value,
    EventType.BUY_TO_COVER.value,
)


def transactions(connection: sqlite3.Connection) -> list[Posted]:
    """Return every transaction with its legs, in order."""
    return list(_posted(connection, "ORDER BY txn"))


def last(connection: sqlite3.Connection, where: str, *values: str) -> Transaction | None:
    """Return the last transaction that meets a condition, None for none."""
    clause = f"WHERE {where} ORDER BY txn DESC LIMIT 1"
    return next((posted.row for posted in _posted(connection, clause, *values)), None)


def in_force(connection: sqlite3.Connection, key: str) -> Transaction | None:
    """Return the transaction in force for an execution, following its corrections.

    Parameters
    ----------
    connection
        The ledger's database.
    key
        The execution key of a fill or of a correction.

    Returns
    -------
    Transaction or None
        None when the books know no such execution or it was undone.
    """
    seen: set[str] = set()
    trade = f"external_id = ? AND event IN (?,?,?,?) AND {_IN_FORCE}"
    while key not in seen:
        seen.add(key)
        found = last(connection, trade, key, *_TRADES)
        if found is not None:
            return found
        reversal = last(connection, "external_id = ? AND reverses <> 0", key)
        key = reversal.because if reversal is not None else key
    return None


def in_force_since(connection: sqlite3.Connection, first: Transaction) -> list[Posted]:
    """Return the fills of a symbol that are in force, from one of them on."""
    clause = f"WHERE symbol = ? AND txn >= ? AND {_IN_FORCE} ORDER BY txn"
    return list(_posted(connection, clause, first.symbol, first.txn))


def execution_keys(connection: sqlite3.Connection) -> set[str]:
    """Return the execution keys of all fills."""
    rows = connection.execute(
        "SELECT external_id FROM transactions WHERE because = '' AND symbol <> ''"
    )
    return {key for (key,) in rows}


def totals(connection: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """Return account, currency and balance [10⁻⁶] of every account with postings."""
    return connection.execute(
        "SELECT account, currency, amount FROM balances ORDER BY account, currency"
    ).fetchall()


def open_lots(connection: sqlite3.Connection, symbol: str) -> list[Lot]:
    """Return the open lots of a symbol, oldest first."""
    rows = connection.execute(
        "SELECT lot, quantity, amount, opened_quantity, opened_amount FROM open_lots"
        " WHERE symbol = ? ORDER BY lot",
        (symbol,),
    )
    return [
        Lot(lot, 1 if quantity > 0 else -1, abs(first), abs(cost), abs(quantity), abs(amount))
        for lot, quantity, amount, first, cost in rows
    ]


def _posted(connection: sqlite3.Connection, clause: str, *values: str | int) -> Iterator[Posted]:
    for found in connection.execute(f"{_SELECT} {clause}", values):
        row, slots = Transaction._make(found[:_FIELDS]), found[_FIELDS:]
        if any(slots):
            yield Posted(row, legs_of(row.txn, row.currency, slots))
        else:
            rows = connection.execute(f"{_LEGS} WHERE txn = ? ORDER BY leg", (row.txn,))
            yield Posted(row, tuple(map(Leg._make, rows)))
