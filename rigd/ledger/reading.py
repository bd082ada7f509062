"""What the books say, as values: transactions with their legs, balances, lots, gains."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.clock import from_iso
from rigd.core.money import MONEY_DECIMALS, QUANTITY_DECIMALS, from_units
from rigd.core.values import Direction
from rigd.ledger import chart, schema
from rigd.ledger.entries import Leg, Transaction, legs_of, literal
from rigd.ledger.lots import Lot
from rigd.ledger.mapping import EventType
from rigd.ledger.statement import OpenLot, Position, Posted, Realised, TrialRow

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from datetime import date

    from rigd.ledger.lots import LotBook

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


def lots_of(connection: sqlite3.Connection, book: LotBook) -> list[OpenLot]:
    """Return the open lots of every symbol as values, by symbol, oldest first."""
    return [
        _open_lot(connection, symbol, lot)
        for symbol in book.symbols()
        for lot in book.queue(symbol)
    ]


def positions(book: LotBook) -> dict[str, Position]:
    """Return what is held, by symbol."""
    held = {}
    for symbol in book.symbols():
        queue = book.queue(symbol)
        quantity = sum(lot.sign * lot.open_quantity for lot in queue)
        cost = sum(lot.open_cost for lot in queue)
        held[symbol] = Position(
            from_units(quantity, QUANTITY_DECIMALS), from_units(cost, MONEY_DECIMALS)
        )
    return held


def trial_balance(balances: Iterable[tuple[int, str, int]]) -> list[TrialRow]:
    """Return balances, each on its side.

    Parameters
    ----------
    balances
        Account, currency and balance [10⁻⁶], debit positive.

    Returns
    -------
    list of TrialRow
        In the same order.
    """
    zero = Decimal(0)
    rows = []
    for number, currency, units in balances:
        amount = from_units(units, MONEY_DECIMALS)
        debit, credit = (amount, zero) if units > 0 else (zero, -amount if units else zero)
        rows.append(TrialRow(number, chart.find(number).name, currency, debit, credit))
    return rows


def realised(connection: sqlite3.Connection, strategy: str | None, day: date | None) -> Realised:
    """Return gains and commissions, of one strategy and one day (UTC) of booking or of all."""
    text = day.isoformat() if day is not None else None
    gains, fees = connection.execute(
        "SELECT ifnull(-sum(amount) FILTER (WHERE account = ?), 0),"
        " ifnull(sum(amount) FILTER (WHERE account = ?), 0) FROM postings"
        " WHERE (? IS NULL OR strategy = ?) AND (? IS NULL OR substr(at, 1, 10) = ?)",
        (chart.REALISED_GAINS, chart.BROKER_FEES, strategy, strategy, text, text),
    ).fetchone()
    return Realised(
        from_units(gains, MONEY_DECIMALS),
        from_units(fees, MONEY_DECIMALS),
        from_units(gains - fees, MONEY_DECIMALS),
    )


def canonical_dump(connection: sqlite3.Connection) -> bytes:
    """Return every row but the journal marks as text, one line each: the table, the row as JSON."""
    sides = (name for name in schema.SIDE_TABLES if name != "journal_marks")
    lines = []
    for name in ("books", *sides, "transactions", "legs"):
        order = "txn, leg" if name == "legs" else "1"
        rows = connection.execute(f"SELECT * FROM {name} ORDER BY {order}")  # noqa: S608 - constants
        lines += [f"{name} {literal(row)}\n" for row in rows]
    return "".join(lines).encode()


def _open_lot(connection: sqlite3.Connection, symbol: str, lot: Lot) -> OpenLot:
    (traded_at,) = connection.execute(
        "SELECT traded_at FROM transactions WHERE txn = ?", (lot.number,)
    ).fetchone()
    return OpenLot(
        lot.number,
        symbol,
        Direction.LONG if lot.sign > 0 else Direction.SHORT,
        from_iso(traded_at),
        from_units(lot.quantity, QUANTITY_DECIMALS),
        from_units(lot.cost, MONEY_DECIMALS),
        from_units(lot.open_quantity, QUANTITY_DECIMALS),
        from_units(lot.open_cost, MONEY_DECIMALS),
    )


def _posted(connection: sqlite3.Connection, clause: str, *values: str | int) -> Iterator[Posted]:
    for found in connection.execute(f"{_SELECT} {clause}", values):
        row, slots = Transaction._make(found[:_FIELDS]), found[_FIELDS:]
        if any(slots):
            yield Posted(row, legs_of(row.txn, row.currency, slots))
        else:
            rows = connection.execute(f"{_LEGS} WHERE txn = ? ORDER BY leg", (row.txn,))
            yield Posted(row, tuple(map(Leg._make, rows)))
