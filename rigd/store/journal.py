"""The journal: records of `core.events` in a chained log, or in memory for simulations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.events import Entry, from_fields, to_text
from rigd.store.chainlog import (
    RESERVE_BYTES,
    ChainLog,
    genesis_hash,
    json_text,
    link_text,
    read_chain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from rigd.core.events import Record
    from rigd.core.values import BotIdentity
    from rigd.store.chainlog import Head, Row


def genesis(identity: BotIdentity, day: date, number: int) -> str:
    """Return what a session's journal is chained to: its bot, day and number."""
    return f"journal|{identity}|{day.isoformat()}|{number}"


class FileJournal:
    """The journal of a session that trades: implements ``core.ports.Journal``.

    Parameters
    ----------
    log
        The file, just created or opened.

    Raises
    ------
    DataError
        If a record that the log holds is of no known kind.
    """

    __slots__ = ("_entries", "_log")

    def __init__(self, log: ChainLog) -> None:
        self._log = log
        self._entries = [_entry(row) for row in log.entries()] if log.head[0] else []

    @property
    def head(self) -> Head:
        """Number and hash of the last entry."""
        return self._log.head

    @property
    def log(self) -> ChainLog:
        """The file below."""
        return self._log

    def append(self, at: datetime, record: Record, *, durable: bool = False) -> Entry:
        """Write one record; with `durable` it and all before it survive a power loss."""
        kind = type(record).__name__
        text = json_text(len(self._entries) + 1, kind, partial(to_text, record))
        seq, digest = self._log.append_text(at, kind, text, durable=durable)
        entry = Entry(seq, at, record, digest)
        self._entries.append(entry)
        return entry

    def sync(self) -> None:
        """Make everything appended so far survive a power loss; free when nothing is new."""
        self._log.sync()

    def entries(self) -> Sequence[Entry]:
        """Return every entry so far, oldest first."""
        return tuple(self._entries)

    def seal(self) -> None:
        """Finish the file: it loses its reserve and takes no more."""
        self._log.seal()

    def close(self) -> None:
        """Sync and close the file."""
        self._log.close()


class MemoryJournal:
    """A journal without a file: the same entries and hashes, durable in nothing.

    Parameters
    ----------
    session_key
        What a file of the same session would be created with.
    """

    __slots__ = ("_entries", "_hash")

    def __init__(self, session_key: str = "") -> None:
        self._entries: list[Entry] = []
        self._hash = genesis_hash(session_key)

    @property
    def head(self) -> Head:
        """Number and hash of the last entry."""
        return len(self._entries), self._hash

    def append(self, at: datetime, record: Record, *, durable: bool = False) -> Entry:  # noqa: ARG002 - of the port; memory is never durable
        """Keep one record."""
        seq = len(self._entries) + 1
        kind = type(record).__name__
        text = json_text(seq, kind, partial(to_text, record))
        _, self._hash = link_text(self._hash, seq, iso(at), kind, text)
        entry = Entry(seq, at, record, self._hash)
        self._entries.append(entry)
        return entry

    def sync(self) -> None:
        """Do nothing."""

    def entries(self) -> Sequence[Entry]:
        """Return every entry so far, oldest first."""
        return tuple(self._entries)


def open_journal(path: Path, session_key: str, reserve_bytes: int = RESERVE_BYTES) -> FileJournal:
    """Open the journal of a session, or create it when there is none.

    Parameters
    ----------
    path
        The file.
    session_key
        Which session it is; part of every hash.
    reserve_bytes
        Preallocated room [bytes].

    Returns
    -------
    FileJournal
        With every entry that the file holds.

    Raises
    ------
    TamperError
        If a record does not fit the chain; names file and record.
    StorageError
        If the disk refuses.
    """
    make = ChainLog.open if path.exists() else ChainLog.create
    return FileJournal(make(path, session_key, reserve_bytes))


def read_journal(path: Path, session_key: str) -> list[Entry]:
    """Return the entries of a journal, verified, without writing.

    Parameters
    ----------
    path
        The file.
    session_key
        Which session it is.

    Returns
    -------
    list of Entry
        Oldest first.

    Raises
    ------
    TamperError
        If a record does not fit the chain; names file and record.
    StorageError
        If the file cannot be read.
    """
    return [_entry(row) for row in read_chain(path, session_key)]


def _entry(row: Row) -> Entry:
    return Entry(row.seq, row.at, from_fields(row.kind, row.data), row.hash)
