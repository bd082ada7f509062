"""The ledger of one bot: posts journal records exactly once and answers what the books say."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.errors import LedgerError, Problem, StorageError
from rigd.core.events import Entry, FillRecorded, SessionClosed, SessionStarted
from rigd.core.money import MONEY_DECIMALS, from_units, to_units
from rigd.core.orders import ExecType
from rigd.ledger import audit, chart, entries, mapping, reading, schema
from rigd.ledger.corrections import restated, reversal, reversing_legs
from rigd.ledger.entries import (
    AccountInfo,
    LegRow,
    SealedRow,
    Transaction,
    account_fields,
    chain,
    stand_apart,
)
from rigd.ledger.mapping import EventType, Rule
from rigd.ledger.opening import chart_rows, mapping_rows, opening_balance
from rigd.ledger.posting import Execution, Routes, Unmapped, compose, execution
from rigd.ledger.sealing import Sealer
from rigd.ledger.statement import OpenLot, Position, Posted, Realised, Statement, TrialRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date, datetime
    from decimal import Decimal

    from rigd.ledger.audit import State

BATCH_SIZE = 1000
"""Transactions per commit in `Ledger.post_batch`."""

_PRIMARY_CODE = 0xFF
_DISK_CODES = frozenset({
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
})
"""SQLite's errors that speak of the disk (FAULTS M15)."""

_TRADE = ExecType.TRADE
_INSERT_TXN = f"INSERT INTO transactions VALUES ({','.join('?' * 27)})"  # noqa: S608 - constants
_INSERT_SIDE = {
    table: f"INSERT INTO {table} VALUES ({','.join('?' * (len(columns) + 2))})"  # noqa: S608 - constants
    for table, columns in schema.SIDE_TABLES.items()
}
_INSERT_LEG = "INSERT INTO legs VALUES (?,?,?,?,?,?,?)"


class Ledger:
    """Double-entry books in one SQLite database, a projection of the journal.

    Parameters
    ----------
    connection
        An open database of `rigd.store.database`, in autocommit mode with foreign keys on; an
        empty one becomes a ledger.
    identity
        The bot's identity; a ledger belongs to one bot.
    account
        The broker account.
    rules
        Event type to accounts. An event without a row is queued and flagged, not posted.

    Raises
    ------
    LedgerError
        If the database belongs to another bot or account, or does not enforce foreign keys.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        identity: str,
        account: AccountInfo,
        rules: Mapping[EventType, Rule] = mapping.MAPPING,
    ) -> None:
        self._connection = connection
        self._identity = str(identity)
        self._account = account
        self._rules = rules
        self._routes = Routes(rules)
        self._sealer = Sealer(account)
        self._state: State | None = None
        with _translated():
            self._provision()

    @property
    def account(self) -> AccountInfo:
        """The broker account that the books keep."""
        return self._account

    @property
    def identity(self) -> str:
        """The bot's identity."""
        return self._identity

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last transaction, for a manifest."""
        state = self._load()
        return state.txn, state.head

    def mark(self, session_key: str) -> int:
        """Return the number of the last journal record that was taken in, 0 for none."""
        return self._load().marks.get(session_key, (0, ""))[0]

    def post(self, entry: Entry, session_key: str) -> int:
        """Take in one journal record; a record that was taken in before changes nothing.

        Parameters
        ----------
        entry
            The record in its place.
        session_key
            Which session's journal it is of.

        Returns
        -------
        int
            How many transactions were posted, durable on return.

        Raises
        ------
        LedgerError
            If the record contradicts the books (another bot, broker, currency or journal), cannot
            be held exactly, or the database refused; nothing of it is posted then.
        """
        state = self._load()
        if self._seen(state, entry, session_key):
            return 0
        record = entry.record
        if isinstance(record, FillRecorded):
            return self._commit(
                entry, session_key, lambda: self._take_fill(record, entry.at, session_key)
            )
        if isinstance(record, SessionStarted):
            return self._commit(
                entry, session_key, lambda: self._take_start(record, entry.at, session_key)
            )
        if isinstance(record, SessionClosed):
            return self._commit(entry, session_key, lambda: 0)
        state.marks[session_key] = (entry.seq, entry.hash)
        return 0

    def post_batch(self, batch: Iterable[Entry], session_key: str, size: int = BATCH_SIZE) -> int:
        """Take in many records of one session, `size` transactions to a commit.

        Parameters
        ----------
        batch
            Records in journal order.
        session_key
            Which session's journal they are of.
        size
            The most transactions of one commit.

        Returns
        -------
        int
            How many transactions were posted; the last of them is durable on return.
        """
        posted = 0
        run: list[Entry] = []
        for entry in batch:
            record = entry.record
            if isinstance(record, FillRecorded) and record.exec_type is _TRADE:
                run.append(entry)
                if len(run) < size:
                    continue
                posted += self._post_run(run, session_key)
                run = []
            elif isinstance(record, FillRecorded | SessionStarted | SessionClosed):
                posted += self._post_run(run, session_key) + self.post(entry, session_key)
                run = []
            elif not run:
                posted += self.post(entry, session_key)
        return posted + self._post_run(run, session_key)

    def balances(self) -> dict[int, Decimal]:
        """Return the balance of every account with postings, debit positive [currency]."""
        return {
            number: from_units(units, MONEY_DECIMALS)
            for number, currency, units in self._totals()
            if currency == self._account.currency
        }

    def trial_balance(self) -> list[TrialRow]:
        """Return every account's balance on its side; the two columns have the same sum."""
        return reading.trial_balance(self._totals())

    def positions(self) -> dict[str, Position]:
        """Return what is held, by symbol."""
        return reading.positions(self._load().lots)

    def lots(self) -> list[OpenLot]:
        """Return the open lots by symbol, oldest first."""
        book = self._load().lots
        with _translated():
            return reading.lots_of(self._connection, book)

    def realised(self, strategy: str | None = None, day: date | None = None) -> Realised:
        """Return what closed lots gained and what commissions cost.

        Parameters
        ----------
        strategy
            One strategy, or None for all.
        day
            One day (UTC) of booking, or None for all.

        Returns
        -------
        Realised
            Gains, commissions and the difference [currency].
        """
        with _translated():
            return reading.realised(self._connection, strategy, day)

    def transactions(self) -> list[Posted]:
        """Return every transaction with its legs, in order."""
        with _translated():
            return reading.transactions(self._connection)

    def statement(self) -> Statement:
        """Return the whole ledger as one value, for the exports."""
        return Statement(
            identity=self._identity,
            account=self._account,
            transactions=tuple(self.transactions()),
            trial=tuple(self.trial_balance()),
            lots=tuple(self.lots()),
        )

    def check(self) -> list[Problem]:
        """Read the whole ledger again and return what is wrong or waits for a person."""
        state, problems = audit.audit(
            self._connection, identity=self._identity, account=self._account
        )
        if problems:
            self._state = None
            return problems
        if self._state is None:
            self._state = state
        with _translated():
            return list(audit.open_items(self._connection))

    def canonical_dump(self) -> bytes:
        """Return the books as text that depends on the economic events alone.

        Journal marks are left out: after a crash the journal holds more records than without one,
        and the books must be the same byte for byte.

        Returns
        -------
        bytes
            One line per row: the table's name and the row as JSON.
        """
        with _translated():
            return reading.canonical_dump(self._connection)

    def close(self) -> None:
        """Forget the state and close the database."""
        self._state = None
        self._connection.close()

    def _totals(self) -> list[tuple[int, str, int]]:
        """Return account, currency and balance [10⁻⁶], read from proved books."""
        self._load()
        with _translated():
            return reading.totals(self._connection)

    def _provision(self) -> None:
        connection = self._connection
        if connection.execute("PRAGMA foreign_keys").fetchone() != (1,):
            msg = "the ledger's database must enforce foreign keys"
            raise LedgerError(msg)
        if not schema.objects(connection):
            self._create()
        if "books" not in schema.objects(connection):
            msg = f"{audit.file_name(connection)} holds other tables than a ledger's"
            raise LedgerError(msg)
        owner = audit.read_owner(connection)
        if owner != (self._identity, self._account):
            msg = f"the ledger must belong to {self._identity} {self._account}, was of {owner}"
            raise LedgerError(msg)

    def _create(self) -> None:
        account = self._account
        first = entries.genesis(self._identity, account, schema.VERSION)
        row = (1, schema.VERSION, self._identity, *account_fields(account), first)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            schema.create(self._connection)
            self._connection.execute("INSERT INTO books VALUES (?,?,?,?,?,?,?,?,?)", row)
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _load(self) -> State:
        if self._state is None:
            state, problems = audit.audit(
                self._connection, identity=self._identity, account=self._account
            )
            if problems:
                msg = f"the books are damaged, {len(problems)} problems; first: {problems[0]}"
                raise LedgerError(msg, fix="Restore the last backup and post the journal again.")
            self._state = state
        return self._state

    def _seen(self, state: State, entry: Entry, session_key: str) -> bool:
        seq, digest = state.marks.get(session_key, (0, ""))
        if entry.seq == seq and entry.hash != digest:
            msg = f"record {seq} of session {session_key} must hash to {digest}, was {entry.hash}"
            raise LedgerError(msg)
        return entry.seq <= seq

    def _commit(self, entry: Entry, session_key: str, take: Callable[[], int]) -> int:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            posted = take()
            self._append_mark(entry, session_key)
            execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            self._roll_back()
            raise _refusal(error) from error
        except BaseException:
            self._roll_back()
            raise
        self._load().marks[session_key] = (entry.seq, entry.hash)
        return posted

    def _roll_back(self) -> None:
        # After a full disk SQLite has already rolled back by itself (FAULTS M15).
        self._state = None
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _append_mark(self, entry: Entry, session_key: str) -> None:
        state = self._load()
        digest = state.sides_digest()
        self._append(
            "journal_marks", session_key, entry.seq, entry.hash, state.txn, state.head, digest
        )

    def _append(self, table: str, *values: str | int) -> None:
        state = self._load()
        item, previous = state.sides[table]
        row = (item + 1, *values)
        digest = chain(previous, *row)
        self._connection.execute(_INSERT_SIDE[table], (*row, digest))
        state.advance(table, item + 1, digest)

    def _take_start(self, record: SessionStarted, instant: datetime, session_key: str) -> int:
        self._require_ours(record.bot, self._identity, "bot")
        self._require_ours(record.broker, self._account.broker, "broker")
        self._require_ours(record.currency, self._account.currency, "currency")
        state, at = self._load(), iso(instant)
        cash = to_units(record.opening_cash, MONEY_DECIMALS)
        if not state.sides["accounts"][0]:
            for account in chart_rows(self._account, at):
                self._append("accounts", *account)
            for rule_row in mapping_rows(self._rules, at):
                self._append("mappings", *rule_row)
        if state.txn:
            totals = {of: units for number, of, units in self._totals() if number == chart.CASH}
            book = totals.get(record.currency, 0)
            self._append("cash_counts", session_key, at, record.currency, cash, book)
            return 0
        if EventType.OPENING_CASH not in self._rules:
            reason = "the mapping has no accounts for opening_cash"
            self._append("unposted", session_key, at, EventType.OPENING_CASH.value, "", reason)
            return 0
        rule = self._rules[EventType.OPENING_CASH]
        self._insert(*opening_balance(cash, at, rule, record.currency))
        return 1

    def _take_fill(self, record: FillRecorded, instant: datetime, session_key: str) -> int:
        self._require_ours(record.broker, self._account.broker, "broker")
        if record.exec_type is ExecType.TRADE:
            return self._take_trade(record, instant, session_key)
        return self._take_correction(record, instant, session_key)

    def _take_trade(self, record: FillRecorded, instant: datetime, session_key: str) -> int:
        if record.exec_key in self._keys():
            fact = execution(record)
            if self._find(
                "external_id = ? AND fitid = ?", record.exec_key, self._sealer.fitid(fact)
            ):
                return 0
            self._queue(record, instant, session_key, "another fill has the same execution key")
            return 0
        try:
            return self._take_trades([record])
        except Unmapped as error:
            self._state = None
            self._queue(record, instant, session_key, error.message)
            return 0

    def _take_correction(self, record: FillRecorded, instant: datetime, session_key: str) -> int:
        key, cause = record.exec_ref_key, record.exec_key
        if self._find("because = ? AND reverses <> 0", cause) is not None:
            return 0
        target = reading.in_force(self._connection, key)
        if target is None:
            self._queue(
                record, instant, session_key, f"it refers to {key}, which is not in the books"
            )
            return 0
        at = iso(record.ts)
        later = reading.in_force_since(self._connection, target)
        again: list[Execution] = []
        if record.exec_type is ExecType.CORRECT:
            again.append(execution(record, because=cause))
        again += [restated(posted.row, at, cause) for posted in later[1:]]
        for posted in reversed(later):
            self._reverse(posted, at, cause)
        state = self._load()
        state.lots.replace(target.symbol, reading.open_lots(self._connection, target.symbol))
        if again:
            self._post_executions(again)
        return len(later) + len(again)

    def _keys(self) -> set[str]:
        """Return the execution keys of all fills; read once, when the first fill comes."""
        state = self._load()
        if state.keys is None:
            state.keys = reading.execution_keys(self._connection)
        return state.keys

    def _post_executions(self, facts: list[Execution]) -> None:
        state = self._load()
        for fact in facts:
            legs = compose(
                fact, state.lots, self._routes, currency=self._account.currency, txn=state.txn + 1
            )
            if state.keys is not None and not fact.because:
                state.keys.add(fact.external_id)
            self._insert(fact, legs)

    def _insert(self, fact: Execution, legs: list[LegRow], reverses: int = 0) -> None:
        """Give a transaction its number and hash, and take it into the state and the tables."""
        state = self._load()
        row = self._sealer.seal(state.head, state.txn + 1, fact, legs, reverses)
        state.txn, state.head = row[0], row[-1]
        if stand_apart(row):
            self._connection.executemany(_INSERT_LEG, legs)
        self._connection.execute(_INSERT_TXN, row)

    def _reverse(self, posted: Posted, at: str, cause: str) -> None:
        legs = reversing_legs(posted.legs, self._load().txn + 1)
        self._insert(reversal(posted.row, at, cause), legs, reverses=posted.row.txn)

    def _find(self, where: str, *values: str) -> Transaction | None:
        return reading.last(self._connection, where, *values)

    def _queue(
        self, record: FillRecorded, instant: datetime, session_key: str, reason: str
    ) -> None:
        event = f"{record.exec_type.value}/{record.side.value}"
        self._append("unposted", session_key, iso(instant), event, record.exec_key, reason)

    def _post_run(self, run: list[Entry], session_key: str) -> int:
        """Post trades in one commit; when one of them needs a closer look, each on its own."""
        if not run:
            return 0
        state = self._load()
        fresh = run
        if run[0].seq <= self.mark(session_key):
            fresh = [entry for entry in run if not self._seen(state, entry, session_key)]
        if not fresh:
            return 0
        try:
            fills = [entry.record for entry in fresh if isinstance(entry.record, FillRecorded)]
            return self._commit(fresh[-1], session_key, lambda: self._take_trades(fills))
        except LedgerError:
            return sum(self.post(entry, session_key) for entry in fresh)

    def _take_trades(self, run: list[FillRecorded]) -> int:
        """Post trades at once; the state goes on from what is posted when all went well."""
        state = self._load()
        broker, currency, routes = self._account.broker, self._account.currency, self._routes
        lots, keys, seal = state.lots, self._keys(), self._sealer.seal
        txn, head = state.txn, state.head
        rows: list[SealedRow] = []
        apart: list[LegRow] = []
        for record in run:
            if record.broker != broker:
                self._require_ours(record.broker, broker, "broker")
            fact = execution(record)
            if fact.external_id in keys:
                msg = f"the execution {fact.external_id} is in the books"
                raise LedgerError(msg)
            keys.add(fact.external_id)
            txn += 1
            legs = compose(fact, lots, routes, currency=currency, txn=txn)
            row = seal(head, txn, fact, legs)
            head = row[-1]
            rows.append(row)
            if stand_apart(row):
                apart += legs
        if apart:
            self._connection.executemany(_INSERT_LEG, apart)
        self._connection.executemany(_INSERT_TXN, rows)
        state.txn, state.head = txn, head
        return len(rows)

    def _require_ours(self, found: str, expected: str, what: str) -> None:
        if found != expected:
            msg = f"the ledger's {what} must be {expected}, the record's was {found}"
            raise LedgerError(msg)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what SQLite raises into LedgerError, or StorageError where the disk is the reason."""
    try:
        yield
    except (sqlite3.Error, OverflowError) as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> LedgerError | StorageError:
    """Return what is told of SQLite's error: a disk that is full or fails is no fault of books."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _DISK_CODES:
        msg = f"the ledger's database could not be read or written: {error}"
        return StorageError(msg, fix="free disk space, check the disk, and start again")
    return LedgerError(f"the ledger's database refused: {error}")
