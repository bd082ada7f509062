"""Prove a ledger file without changing it: name the file and the record of every change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from rigd.core.errors import LedgerError, Problem
from rigd.core.values import SelfCheck
from rigd.ledger import audit

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.ledger.book import Ledger


def verify(
    source: sqlite3.Connection | Path, *, expected_head: tuple[int, str] | None = None
) -> list[Problem]:
    """Prove a ledger: its pages, schema, chains, balance and lots.

    Parameters
    ----------
    source
        An open database or the path of one; a path is opened for reading only.
    expected_head
        Number and hash of a transaction that the books must hold, from a manifest; it finds a
        ledger that was cut off cleanly.

    Returns
    -------
    list of Problem
        What is wrong, each with the file and the record; empty for sound books.
    """
    if isinstance(source, sqlite3.Connection):
        return _verify(source, expected_head)
    where = source.name
    if not source.is_file():
        return [Problem(where, "the ledger must be there, was missing")]
    try:
        uri = f"file:{quote(str(source.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            return _verify(connection, expected_head)
    except sqlite3.Error as error:
        return [Problem(where, f"the database cannot be opened: {error}")]


def self_check(ledger: Ledger) -> SelfCheck:
    """Check the books at launch: pages, schema, chart, chains, balance, lots, nothing waiting."""
    try:
        problems = ledger.check()
    except LedgerError as error:
        return SelfCheck(name="ledger", passed=False, detail=str(error))
    number, _ = ledger.head if not problems else (0, "")
    detail = str(problems[0]) if problems else f"{number} transactions balance"
    return SelfCheck(name="ledger", passed=not problems, detail=detail)


def _verify(connection: sqlite3.Connection, expected_head: tuple[int, str] | None) -> list[Problem]:
    where = "ledger"
    try:
        where = audit.file_name(connection)
        pages = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        owner = audit.read_owner(connection)
    except (sqlite3.Error, LedgerError, TypeError, ValueError) as error:
        return [Problem(where, f"the database cannot be read: {error}")]
    problems = [Problem(where, text, "pages") for text in pages if text != "ok"]
    if owner is None:
        return [*problems, Problem(where, "the books must name their owner", "books")]
    identity, account = owner
    _, damage = audit.audit(connection, identity=identity, account=account, every_mark=True)
    problems += damage
    if expected_head is not None and not problems:
        problems += _missing_head(connection, where, expected_head)
    return problems


def _missing_head(
    connection: sqlite3.Connection, where: str, expected: tuple[int, str]
) -> list[Problem]:
    number, digest = expected
    row = connection.execute("SELECT hash FROM transactions WHERE txn = ?", (number,)).fetchone()
    if number == 0 or (row is not None and row[0] == digest):
        return []
    found = "missing" if row is None else str(row[0])
    return [Problem(f"{where}:transaction {number}", f"its hash must be {digest}, was {found}")]
