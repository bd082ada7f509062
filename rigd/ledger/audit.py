"""Read the whole ledger once: prove the chain, the balance and the lots, and return its state."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from rigd.core.errors import Problem
from rigd.ledger import chart, entries, schema
from rigd.ledger.entries import AccountInfo, Leg, account_fields, chain, literal, seal
from rigd.ledger.lots import Lot, LotBook

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBLEMS_MAX = 100
_SIDES = tuple(name for name in schema.SIDE_TABLES if name != "journal_marks")
_TRANSACTIONS = f"SELECT {', '.join(schema.TRANSACTION_COLUMNS)} FROM transactions"  # noqa: S608 - constants
_LEGS = f"SELECT {', '.join(schema.LEG_COLUMNS)} FROM legs"  # noqa: S608 - constants

_BODY = f"json_array({', '.join(schema.TRANSACTION_COLUMNS[:-1])})"
_LEG_TEXT = f"json_group_array(json_array({', '.join(schema.LEG_COLUMNS[1:])}))"
_BODIES = f"SELECT txn, hash, {_BODY} FROM transactions ORDER BY txn"  # noqa: S608 - constants
_LEG_TEXTS = (
    f"SELECT txn, {_LEG_TEXT}, sum(amount)"  # noqa: S608 - constants
    " FROM (SELECT * FROM legs ORDER BY txn, leg) GROUP BY txn ORDER BY txn"
)
_TOTALS = "SELECT account, currency, sum(amount) FROM legs GROUP BY account, currency"
_MOVES = (
    "SELECT l.txn, l.lot, l.quantity, l.amount, t.symbol, t.reverses"
    " FROM legs l CROSS JOIN transactions t ON t.txn = l.txn WHERE l.lot <> 0 ORDER BY l.txn, l.leg"
)

Move = tuple[int, int, int, int, str, int]
"""A leg of an inventory account: txn, lot, quantity, amount, symbol, reverses."""


@dataclass(slots=True, kw_only=True)
class State:
    """What posting needs to know of the books; everything in it can be read again.

    Parameters
    ----------
    txn, head
        Number and hash of the last transaction; 0 and the genesis hash in an empty ledger.
    totals
        Balance by account and currency, debit positive [10⁻⁶].
    lots
        Open lots by symbol.
    sides
        Number and hash of the last row of each table beside the transactions.
    marks
        Number and hash of the last journal record posted, by session.
    """

    txn: int = 0
    head: str
    totals: dict[tuple[int, str], int] = field(default_factory=dict)
    lots: LotBook = field(default_factory=LotBook)
    sides: dict[str, tuple[int, str]] = field(default_factory=dict)
    marks: dict[str, tuple[int, str]] = field(default_factory=dict)

    def sides_digest(self) -> str:
        """Return a hash over the heads of the tables beside the transactions."""
        return chain("", *(self.sides[name] for name in _SIDES))


def file_name(connection: sqlite3.Connection) -> str:
    """Return the name of the database file, ``memory`` when it has none."""
    rows = connection.execute("PRAGMA database_list").fetchall()
    path = next((str(row[2]) for row in rows if row[1] == "main" and row[2]), "")
    return PurePath(path).name or "memory"


def read_owner(connection: sqlite3.Connection) -> tuple[str, AccountInfo] | None:
    """Return whose books these are; None when the database holds no ledger."""
    row = connection.execute(
        "SELECT identity, broker, account_id, currency, entity, jurisdiction FROM books"
    ).fetchone()
    if row is None:
        return None
    identity, broker, account_id, currency, entity, jurisdiction = row
    account = AccountInfo(
        broker=broker,
        account_id=account_id,
        currency=currency,
        entity=entity,
        jurisdiction=jurisdiction,
    )
    return str(identity), account


def audit(
    connection: sqlite3.Connection, *, identity: str, account: AccountInfo, every_mark: bool = False
) -> tuple[State, list[Problem]]:
    """Prove the books and return their state.

    Proved are: the schema, the owner, every hash, that every transaction balances in every
    currency, that lots close first in, first out at their cost, that the chart is the one of the
    code, and that no row was cut off the end.

    Parameters
    ----------
    connection
        The ledger's database.
    identity, account
        Whose books they must be.
    every_mark
        Whether to prove the chain of all journal marks, or of the last one alone.

    Returns
    -------
    tuple of State and list of Problem
        The state as far as it could be proved, and what is wrong, worst first.
    """
    where, first = "ledger", entries.genesis(identity, account, schema.VERSION)
    state = State(head=first)
    try:
        where = file_name(connection)
        problems = [
            *_schema_problems(connection, where),
            *_owner_problems(connection, where, identity, account, first),
        ]
        if not problems:
            problems += _replay(connection, where, state)
            problems += _side_problems(connection, where, first, state, every_mark=every_mark)
        if not problems:
            problems += _chart_problems(connection, where)
            problems += _mark_problems(connection, where, state)
    except (sqlite3.Error, TypeError, ValueError) as error:
        problems = [*_diagnose(connection, where, first)] or [
            Problem(where, f"the database cannot be read: {error}")
        ]
    return state, problems[:_PROBLEMS_MAX]


def _schema_problems(connection: sqlite3.Connection, where: str) -> Iterator[Problem]:
    found, expected = schema.objects(connection), schema.expected_objects()
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            yield Problem(where, "the schema must be the one of this version", name)


def _owner_problems(
    connection: sqlite3.Connection, where: str, identity: str, account: AccountInfo, first: str
) -> Iterator[Problem]:
    rows = connection.execute("SELECT * FROM books").fetchall()
    if rows != [(1, schema.VERSION, identity, *account_fields(account), first)]:
        yield Problem(
            where, f"the books must belong to {identity}, their owner was {rows}", "books"
        )


def _replay(connection: sqlite3.Connection, where: str, state: State) -> list[Problem]:
    """Walk all transactions in order; the fast path of a ledger that is sound."""
    legs = connection.execute(_LEG_TEXTS)
    head = first = state.head
    txn = 0
    for number, stored, body in connection.execute(_BODIES):
        txn += 1
        found, text, balance = legs.fetchone() or (0, "", 0)
        head = seal(head, body, text)
        if head != stored or not number == found == txn or balance:
            return list(_diagnose(connection, where, first))
    if legs.fetchone() is not None:
        return list(_diagnose(connection, where, first))
    state.txn, state.head = txn, head
    state.totals.update({
        (account, currency): amount for account, currency, amount in connection.execute(_TOTALS)
    })
    if len({currency for _, currency in state.totals}) > 1:
        problems = list(_diagnose(connection, where, first))
        if problems:
            return problems
    return _walk_lots(connection, where, state.lots)


def _walk_lots(connection: sqlite3.Connection, where: str, lots: LotBook) -> list[Problem]:
    """Apply the legs of the inventory accounts in order; name those that are not FIFO."""
    every: dict[int, Lot] = {}
    return [
        _at(where, move[0], f"lot {move[1]} must close first in, first out")
        for move in connection.execute(_MOVES)
        if not _move_lot(move, every, lots)
    ]


def _move_lot(move: Move, every: dict[int, Lot], lots: LotBook) -> bool:
    """Apply one leg of an inventory account; False when the lots do not allow it."""
    txn, number, quantity, amount, symbol, reverses = move
    queue = lots.queue(symbol)
    sign = 1 if quantity > 0 else -1
    if reverses:
        return _undo(reverses, every, lots, symbol, number, sign * quantity, sign * amount)
    if number == txn:
        if queue and queue[0].sign != sign:
            return False
        every[number] = lot = Lot(number, sign, sign * quantity, sign * amount)
        queue.append(lot)
        return True
    if not queue or queue[0].number != number or queue[0].sign == sign:
        return False
    lot = queue[0]
    if sign * quantity > lot.open_quantity or lot.take(sign * quantity) != sign * amount:
        return False
    if not lot.open_quantity:
        queue.popleft()
    return True


def _undo(
    reversed_txn: int,
    every: dict[int, Lot],
    lots: LotBook,
    symbol: str,
    number: int,
    quantity: int,
    amount: int,
) -> bool:
    lot = every.get(number)
    if lot is None:
        return False
    others = [other for other in lots.queue(symbol) if other is not lot]
    if number == reversed_txn:
        lots.replace(symbol, others)
        return quantity == lot.open_quantity and amount == lot.open_cost
    lot.open_quantity += quantity
    lot.open_cost += amount
    lots.replace(symbol, sorted([*others, lot], key=lambda each: each.number))
    return lot.open_quantity <= lot.quantity


def _balanced(group: list[Leg]) -> bool:
    sums: dict[str, int] = {}
    for leg in group:
        sums[leg.currency] = sums.get(leg.currency, 0) + leg.amount
    return not any(sums.values())


def _diagnose(connection: sqlite3.Connection, where: str, first: str) -> Iterator[Problem]:
    """Name every damaged record; each link is judged on its own, from the hash that is stored."""
    try:
        (last,) = connection.execute("SELECT ifnull(max(txn), 0) FROM transactions").fetchone()
        count = connection.execute(
            "SELECT count(*) FROM legs WHERE txn NOT IN (SELECT txn FROM transactions)"
        ).fetchone()[0]
    except sqlite3.Error as error:
        yield Problem(where, f"the database cannot be read: {error}")
        return
    previous = first
    for txn in range(1, last + 1):
        previous, message = _examine(connection, txn, previous)
        if message:
            yield _at(where, txn, message)
    if count:
        yield Problem(where, f"{count} legs belong to no transaction", "legs")


def _examine(connection: sqlite3.Connection, txn: int, previous: str) -> tuple[str, str]:
    """Return the stored hash of a transaction and what is wrong with it, blank for nothing."""
    try:
        row = connection.execute(f"{_TRANSACTIONS} WHERE txn = ?", (txn,)).fetchone()
        found = connection.execute(f"{_LEGS} WHERE txn = ? ORDER BY leg", (txn,)).fetchall()
    except sqlite3.Error as error:
        return previous, f"cannot be read: {error}"
    if row is None:
        return previous, "is missing"
    group = [Leg(*leg) for leg in found]
    if len(group) != row[15]:
        return str(row[16]), f"must have {row[15]} legs, had {len(group)}"
    try:
        digest = seal(previous, literal(row[:-1]), literal([leg[1:] for leg in group]))
    except TypeError as error:
        return str(row[16]), f"holds a value of another type: {error}"
    if digest != row[16]:
        return str(row[16]), "does not match its hash: it was changed, moved or follows a change"
    if not _balanced(group):
        return str(row[16]), "its legs do not sum to zero"
    return str(row[16]), ""


def _at(where: str, txn: int, message: str) -> Problem:
    return Problem(f"{where}:transaction {txn}", message)


def _side_problems(
    connection: sqlite3.Connection, where: str, first: str, state: State, *, every_mark: bool
) -> list[Problem]:
    problems: list[Problem] = []
    for name in schema.SIDE_TABLES:
        item, head, start = 0, first, ""
        if name == "journal_marks" and not every_mark:
            item, head, start = _before_last_mark(connection, first)
        sql = f"SELECT * FROM {name} {start} ORDER BY item"  # noqa: S608 - constants
        for row in connection.execute(sql):
            item += 1
            head = chain(head, *row[:-1])
            if row[0] != item or row[-1] != head:
                problems.append(
                    Problem(f"{where}:{name} {item}", "does not match its hash: it was changed")
                )
                break
        state.sides[name] = (item, head)
    for key, seq, digest in connection.execute(
        "SELECT session_key, max(seq), journal_hash FROM journal_marks GROUP BY session_key"
    ):
        state.marks[key] = (seq, digest)
    return problems


def _before_last_mark(connection: sqlite3.Connection, first: str) -> tuple[int, str, str]:
    rows = connection.execute(
        "SELECT item, hash FROM journal_marks ORDER BY item DESC LIMIT 2"
    ).fetchall()
    if len(rows) < 2:
        return 0, first, ""
    item = int(rows[1][0])
    return item, str(rows[1][1]), f"WHERE item > {item}"


def _chart_problems(connection: sqlite3.Connection, where: str) -> Iterator[Problem]:
    rows = connection.execute(
        "SELECT number, name, kind FROM accounts WHERE version = ? ORDER BY item", (chart.VERSION,)
    ).fetchall()
    expected = [(account.number, account.name, account.kind.value) for account in chart.CHART]
    posted = connection.execute("SELECT count(*) FROM transactions").fetchone()[0]
    if (rows or posted) and rows != expected:
        yield Problem(where, f"the chart must be version {chart.VERSION} of the code", "accounts")


def _mark_problems(connection: sqlite3.Connection, where: str, state: State) -> Iterator[Problem]:
    row = connection.execute(
        "SELECT txn, head, sides FROM journal_marks ORDER BY item DESC LIMIT 1"
    ).fetchone()
    expected = (state.txn, state.head, state.sides_digest())
    if row is None:
        if state.txn or any(state.sides[name][0] for name in _SIDES):
            yield Problem(where, "the last journal mark is missing", "journal_marks")
    elif row != expected:
        yield Problem(
            where, f"the books must end at transaction {row[0]}, ended at {state.txn}", "end"
        )


def open_items(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield what waits for a person: unposted events, and cash that differs from the broker's."""
    where = file_name(connection)
    for item, event, reference, reason in connection.execute(
        "SELECT item, event, reference, reason FROM unposted ORDER BY item"
    ):
        yield Problem(f"{where}:unposted {item}", f"{event} {reference} waits: {reason}")
    row = connection.execute(
        "SELECT item, session_key, broker_cash, book_cash FROM cash_counts"
        " ORDER BY item DESC LIMIT 1"
    ).fetchone()
    if row is not None and row[2] != row[3]:
        yield Problem(
            f"{where}:cash_counts {row[0]}",
            f"the broker's cash must equal account {chart.CASH} at the start of {row[1]}:"
            f" {row[2]} and {row[3]} millionths",
        )
