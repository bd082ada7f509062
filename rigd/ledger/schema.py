"""The tables of the books. The database itself refuses what would make them untrue.

- A transaction of two to four legs in one currency, of which the first alone moves a lot, carries
  them in its own row in ``transactions``, where a CHECK wants their sum to be zero. That is nearly
  every transaction, and a commit of one touches few pages.
- Any other one keeps its legs in ``legs``, written first, its row last. They refer to that row by a
  deferred foreign key, so a commit without it fails; a trigger lets the row in only when the legs
  sum to zero in every currency. So no unbalanced transaction can be committed in either form.
- Once the row is there, no leg can be added, changed or removed. No table takes an update or a
  delete, and ``INSERT OR REPLACE`` cannot push a row out. Corrections are reversing entries.
- ``postings`` shows every leg of either form as one row.
- Every row carries a SHA-256 over its content and the hash of the row before it.

Units (SPEC §8): money and prices 10⁻⁶ of the currency, quantities 10⁻⁹ of a share. A positive
amount is a debit, a negative one a credit.
"""

from __future__ import annotations

import sqlite3
from functools import cache

VERSION = 2

TRANSACTION_COLUMNS = (
    "txn",
    "fitid",
    "event",
    "at",
    "traded_at",
    "external_id",
    "because",
    "symbol",
    "quantity",
    "price",
    "amount",
    "commission",
    "currency",
    "strategy",
    "reverses",
    "legs",
    "hash",
)
"""What a transaction says of itself; beside them its row has the columns of its legs."""

SLOT_COLUMNS = (
    "lot",
    "lot_quantity",
    "account1",
    "amount1",
    "account2",
    "amount2",
    "account3",
    "amount3",
    "account4",
    "amount4",
)
"""Legs 1 to 4 in a transaction's own row; all zero when they stand in ``legs``."""

LEG_COLUMNS = ("txn", "leg", "account", "currency", "amount", "lot", "quantity")

SIDE_TABLES: dict[str, tuple[str, ...]] = {
    "accounts": (
        "version INTEGER",
        "number INTEGER",
        "name TEXT",
        "kind TEXT",
        "currency TEXT",
        "entity TEXT",
        "jurisdiction TEXT",
        "created TEXT",
        "updated TEXT",
    ),
    "mappings": (
        "version INTEGER",
        "event TEXT",
        "debit INTEGER",
        "credit INTEGER",
        "difference INTEGER",
        "created TEXT",
    ),
    "cash_counts": (
        "session_key TEXT",
        "at TEXT",
        "currency TEXT",
        "broker_cash INTEGER",
        "book_cash INTEGER",
    ),
    "unposted": (
        "session_key TEXT",
        "at TEXT",
        "event TEXT",
        "reference TEXT",
        "reason TEXT",
    ),
    "journal_marks": (
        "session_key TEXT",
        "seq INTEGER",
        "journal_hash TEXT",
        "txn INTEGER",
        "head TEXT",
        "sides TEXT",
    ),
}
"""Tables beside the transactions: rows numbered from 1 by `item`, each chained to the last."""

_BOOKS = """
CREATE TABLE books (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  schema_version INTEGER NOT NULL,
  identity TEXT NOT NULL,
  broker TEXT NOT NULL,
  account_id TEXT NOT NULL CHECK (length(account_id) BETWEEN 1 AND 22),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  entity TEXT NOT NULL,
  jurisdiction TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT
"""

_TRANSACTIONS = """
CREATE TABLE transactions (
  txn INTEGER PRIMARY KEY,
  fitid TEXT NOT NULL UNIQUE CHECK (length(fitid) = 64),
  event TEXT NOT NULL,
  at TEXT NOT NULL,
  traded_at TEXT NOT NULL,
  external_id TEXT NOT NULL,
  because TEXT NOT NULL,
  symbol TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  price INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  commission INTEGER NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  strategy TEXT NOT NULL,
  reverses INTEGER NOT NULL,
  legs INTEGER NOT NULL CHECK (legs >= 2),
  lot INTEGER NOT NULL,
  lot_quantity INTEGER NOT NULL,
  account1 INTEGER NOT NULL CHECK (account1 = 0 OR account1 BETWEEN 1000 AND 5999),
  amount1 INTEGER NOT NULL,
  account2 INTEGER NOT NULL CHECK (account2 = 0 OR account2 BETWEEN 1000 AND 5999),
  amount2 INTEGER NOT NULL,
  account3 INTEGER NOT NULL CHECK (account3 = 0 OR account3 BETWEEN 1000 AND 5999),
  amount3 INTEGER NOT NULL,
  account4 INTEGER NOT NULL CHECK (account4 = 0 OR account4 BETWEEN 1000 AND 5999),
  amount4 INTEGER NOT NULL,
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  CONSTRAINT legs_sum_to_zero CHECK (
    typeof(amount1 + amount2 + amount3 + amount4) = 'integer'
    AND amount1 + amount2 + amount3 + amount4 = 0
  ),
  CONSTRAINT legs_are_all_there CHECK (
    CASE WHEN account1 THEN
      account2 AND (account3 OR NOT account4)
      AND (account3 OR NOT amount3) AND (account4 OR NOT amount4)
      AND legs = 2 + (account3 <> 0) + (account4 <> 0)
    ELSE
      NOT (account2 OR account3 OR account4 OR lot OR lot_quantity)
      AND NOT (amount1 OR amount2 OR amount3 OR amount4)
    END
  )
) STRICT
"""
# An overflow would make the sum a binary fraction, which rounds: hence the type.

_LEGS = """
CREATE TABLE legs (
  txn INTEGER NOT NULL REFERENCES transactions (txn) DEFERRABLE INITIALLY DEFERRED,
  leg INTEGER NOT NULL CHECK (leg >= 1),
  account INTEGER NOT NULL CHECK (account BETWEEN 1000 AND 5999),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  amount INTEGER NOT NULL,
  lot INTEGER NOT NULL DEFAULT 0,
  quantity INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (txn, leg)
) STRICT, WITHOUT ROWID
"""

_SEAL = """
CREATE TRIGGER transactions_balance BEFORE INSERT ON transactions
WHEN NEW.account1 = 0
  OR NEW.txn IS NOT (SELECT ifnull(max(txn), 0) + 1 FROM transactions)
  OR EXISTS (SELECT 1 FROM transactions WHERE fitid = NEW.fitid)
  OR EXISTS (SELECT 1 FROM legs WHERE txn = NEW.txn)
BEGIN
  SELECT RAISE(ABORT, 'transactions are numbered without gaps')
    WHERE NEW.txn IS NOT (SELECT ifnull(max(txn), 0) + 1 FROM transactions);
  SELECT RAISE(ABORT, 'a transaction is posted once')
    WHERE EXISTS (SELECT 1 FROM transactions WHERE fitid = NEW.fitid);
  SELECT RAISE(ABORT, 'the legs of a transaction stand in one place')
    WHERE NEW.account1 <> 0;
  SELECT RAISE(ABORT, 'a transaction needs all its legs, at least two')
    WHERE (SELECT count(*) FROM legs WHERE txn = NEW.txn) IS NOT NEW.legs;
  SELECT RAISE(ABORT, 'legs must sum to zero in every currency')
    WHERE (SELECT sum(amount) <> 0 OR min(currency) <> max(currency)
           FROM legs WHERE txn = NEW.txn)
      AND EXISTS (SELECT 1 FROM legs WHERE txn = NEW.txn
                  GROUP BY currency HAVING sum(amount) <> 0);
END
"""
# The condition lets an ordinary transaction pass without running the body.

_SEALED = """
CREATE TRIGGER legs_sealed BEFORE INSERT ON legs
WHEN NEW.txn <= (SELECT ifnull(max(txn), 0) FROM transactions) BEGIN
  SELECT RAISE(ABORT, 'a posted transaction takes no more legs');
END
"""

_BOOKS_ONCE = """
CREATE TRIGGER books_once BEFORE INSERT ON books WHEN EXISTS (SELECT 1 FROM books) BEGIN
  SELECT RAISE(ABORT, 'a ledger belongs to one bot');
END
"""

_POSTINGS = """
CREATE VIEW postings AS
SELECT txn, 1 AS leg, account1 AS account, currency, amount1 AS amount, lot,
       lot_quantity AS quantity, event, at, symbol, strategy
FROM transactions WHERE account1 <> 0
UNION ALL
SELECT txn, 2, account2, currency, amount2, 0, 0, event, at, symbol, strategy
FROM transactions WHERE account2 <> 0
UNION ALL
SELECT txn, 3, account3, currency, amount3, 0, 0, event, at, symbol, strategy
FROM transactions WHERE account3 <> 0
UNION ALL
SELECT txn, 4, account4, currency, amount4, 0, 0, event, at, symbol, strategy
FROM transactions WHERE account4 <> 0
UNION ALL
SELECT l.txn, l.leg, l.account, l.currency, l.amount, l.lot, l.quantity,
       t.event, t.at, t.symbol, t.strategy
FROM legs l JOIN transactions t ON t.txn = l.txn
"""

_BALANCES = """
CREATE VIEW balances AS
SELECT account, currency, sum(amount) AS amount FROM postings GROUP BY account, currency
"""

_OPEN_LOTS = """
CREATE VIEW open_lots AS
SELECT lot, symbol, sum(quantity) AS quantity, sum(amount) AS amount,
       sum(CASE WHEN txn = lot THEN quantity ELSE 0 END) AS opened_quantity,
       sum(CASE WHEN txn = lot THEN amount ELSE 0 END) AS opened_amount
FROM postings WHERE lot <> 0 GROUP BY lot, symbol HAVING sum(quantity) <> 0
"""


def statements() -> tuple[str, ...]:
    """Return the statements that create the tables, triggers and views, in order."""
    tables = ("books", "transactions", "legs", *SIDE_TABLES)
    return tuple(
        text.strip()
        for text in (
            _BOOKS,
            _TRANSACTIONS,
            _LEGS,
            *(_side_table(name, columns) for name, columns in SIDE_TABLES.items()),
            _SEAL,
            _SEALED,
            _BOOKS_ONCE,
            *(_numbered(name) for name in SIDE_TABLES),
            *(_refusal(name, verb) for name in tables for verb in ("UPDATE", "DELETE")),
            _POSTINGS,
            _BALANCES,
            _OPEN_LOTS,
        )
    )


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database; the caller holds a transaction."""
    for statement in statements():
        connection.execute(statement)


def objects(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the SQL of every table, trigger and view, by name."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {str(name): str(sql) for name, sql in rows}


@cache
def expected_objects() -> dict[str, str]:
    """Return what `objects` finds in a database that `create` made."""
    connection = sqlite3.connect(":memory:")
    try:
        create(connection)
        return objects(connection)
    finally:
        connection.close()


def _side_table(name: str, columns: tuple[str, ...]) -> str:
    body = "".join(f"  {column} NOT NULL,\n" for column in columns)
    return (
        f"CREATE TABLE {name} (\n  item INTEGER PRIMARY KEY,\n{body}  hash TEXT NOT NULL\n) STRICT"
    )


_NUMBERED = """
CREATE TRIGGER {name}_numbered BEFORE INSERT ON {name}
WHEN NEW.item IS NOT (SELECT ifnull(max(item), 0) + 1 FROM {name}) BEGIN
  SELECT RAISE(ABORT, '{name} is append-only');
END
"""


def _numbered(name: str) -> str:
    return _NUMBERED.format(name=name)


def _refusal(name: str, verb: str) -> str:
    return (
        f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} BEGIN\n"
        f"  SELECT RAISE(ABORT, '{name} is append-only');\nEND"
    )
