"""Read the whole ledger once: prove the chain, the balance and the lots, and return its state."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING

from rigd.core.errors import Problem
from rigd.ledger import chart, entries, schema
from rigd.ledger.entries import (
    NO_SLOTS,
    AccountInfo,
    Leg,
    account_fields,
    chain,
    legs_of,
    literal,
    seal,
)
from rigd.ledger.fifo import FifoWalk
from rigd.ledger.lots import LotBook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROBLEMS_MAX = 100
_SIDES = tuple(name for name in schema.SIDE_TABLES if name != "journal_marks")
_FIELDS = len(schema.TRANSACTION_COLUMNS) - 1
_CURRENCY = schema.TRANSACTION_COLUMNS.index("currency")
_COLUMNS = ", ".join((*schema.TRANSACTION_COLUMNS[:-1], *schema.SLOT_COLUMNS))
_TRANSACTION = f"SELECT {_COLUMNS}, hash FROM transactions WHERE txn = ?"  # noqa: S608 - constants
_LEGS = f"SELECT {', '.join(schema.LEG_COLUMNS)} FROM legs"  # noqa: S608 - constants
_PLAIN = "account1 <> 0 AND reverses = 0 AND amount1 + amount2 + amount3 + amount4 = 0"
_ROWS = (
    f"SELECT txn, hash, symbol, {_PLAIN}, lot, lot_quantity, amount1, json_array({_COLUMNS})"  # noqa: S608 - constants
    " FROM transactions ORDER BY txn"
)
"""What the walk over all transactions reads; SQLite makes the text that is hashed."""
_DETAILS = (
    "SELECT account1, reverses, amount1 + amount2 + amount3 + amount4"
    " FROM transactions WHERE txn = ?"
)


@dataclass(slots=True, kw_only=True)
class State:
    """What posting needs to know of the books; everything in it can be read again.

    Parameters
    ----------
    txn, head
        Number and hash of the last transaction; 0 and the genesis hash in an empty ledger.
    lots
        Open lots by symbol.
    sides
        Number and hash of the last row of each table beside the transactions.
    marks
        Number and hash of the last journal record posted, by session.
    keys
        Execution keys of all fills; None until posting needs them.
    """

    txn: int = 0
    head: str
    lots: LotBook = field(default_factory=LotBook)
    sides: dict[str, tuple[int, str]] = field(default_factory=dict)
    marks: dict[str, tuple[int, str]] = field(default_factory=dict)
    keys: set[str] | None = None

    _digest: str = ""

    def advance(self, table: str, item: int, digest: str) -> None:
        """Take in a new last row of a table beside the transactions."""
        self.sides[table] = (item, digest)
        if table != "journal_marks":
            self._digest = ""

    def sides_digest(self) -> str:
        """Return a hash over the heads of the tables beside the transactions."""
        if not self._digest:
            self._digest = chain("", *(self.sides[name] for name in _SIDES))
        return self._digest


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
            *schema_problems(connection, where),
            *_owner_problems(connection, where, identity, account, first),
        ]
        if not problems:
            problems += _replay(connection, where, state)
            problems += _side_problems(connection, where, first, state, every_mark=every_mark)
        if not problems:
            problems += chart_problems(connection, where, filled=state.txn > 0)
            problems += _mark_problems(connection, where, state)
    except (sqlite3.Error, TypeError, ValueError) as error:
        problems = [*_diagnose(connection, where, first)] or [
            Problem(where, f"the database cannot be read: {error}")
        ]
    return state, problems[:_PROBLEMS_MAX]


def schema_problems(connection: sqlite3.Connection, where: str) -> Iterator[Problem]:
    """Yield every table, index and trigger that is not the one of this version."""
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
    groups, move = _groups(connection), FifoWalk(state.lots).move
    head = first = state.head
    txn, suspects = 0, 0
    unsound: list[Problem] = []
    for number, stored, symbol, plain, lot, part, amount, row in connection.execute(_ROWS):
        txn += 1
        if plain:
            head = sha256(f"{head}{row}".encode()).hexdigest()
            sound = not lot or move(txn, 0, symbol, lot, part, amount)
        else:
            account, reverses, total = connection.execute(_DETAILS, (number,)).fetchone()
            legs = [] if account else next(groups, [])
            text = "" if account else literal([leg[1:] for leg in legs])
            head = seal(head, row, text)
            amiss = not account and not (_balanced(legs) and {leg.txn for leg in legs} == {txn})
            suspects += amiss or bool(total)
            moves = [(leg.lot, leg.quantity, leg.amount) for leg in legs if leg.lot]
            moves += [(lot, part, amount)] if lot else []
            sound = all([move(txn, reverses, symbol, *each) for each in moves])  # noqa: C419 - every leg moves its lot
        if head != stored or number != txn:
            unknown = _at(where, txn, "does not follow from the one before it")
            return list(_diagnose(connection, where, first)) or [unknown]
        if not sound:
            unsound.append(_at(where, txn, "its lots must close first in, first out"))
    state.txn, state.head = txn, head
    damage = list(_diagnose(connection, where, first)) if suspects or next(groups, []) else []
    return damage or unsound


def _groups(connection: sqlite3.Connection) -> Iterator[list[Leg]]:
    """Yield the legs that stand in the table of legs, by transaction."""
    legs = map(Leg._make, connection.execute(f"{_LEGS} ORDER BY txn, leg"))
    for _, group in groupby(legs, key=lambda leg: leg.txn):
        yield list(group)


def _balanced(group: Sequence[Leg]) -> bool:
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
        found = connection.execute(_TRANSACTION, (txn,)).fetchone()
        apart = connection.execute(f"{_LEGS} WHERE txn = ? ORDER BY leg", (txn,)).fetchall()
    except sqlite3.Error as error:
        return previous, f"cannot be read: {error}"
    if found is None:
        return previous, "is missing"
    *row, stored = found
    count, slots = row[_FIELDS - 1], tuple(row[_FIELDS:])
    try:
        own = () if slots == NO_SLOTS else legs_of(txn, row[_CURRENCY], slots)
        group = [*own, *map(Leg._make, apart)]
        text = literal([leg[1:] for leg in apart]) if apart else ""
        digest = seal(previous, literal(row), text)
    except (TypeError, ValueError) as error:
        return str(stored), f"holds a value of another type: {error}"
    if len(group) != count or (own and apart):
        return str(stored), f"must have {count} legs in one place, had {len(group)}"
    if digest != stored:
        return str(stored), "does not match its hash: it was changed, moved or follows a change"
    if not _balanced(group):
        return str(stored), "its legs do not sum to zero"
    return str(stored), ""


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
        state.advance(name, item, head)
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


def chart_problems(
    connection: sqlite3.Connection, where: str, *, filled: bool
) -> Iterator[Problem]:
    """Yield that the accounts are not those of the code; `filled` books must have some."""
    rows = connection.execute(
        "SELECT number, name, kind FROM accounts WHERE version = ? ORDER BY item", (chart.VERSION,)
    ).fetchall()
    expected = [(account.number, account.name, account.kind.value) for account in chart.CHART]
    if (rows or filled) and rows != expected:
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
