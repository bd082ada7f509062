"""The durable image of one bot: its journal, its books and its latch, and what a crash leaves."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

from rigd.core.errors import StorageError
from rigd.core.events import Entry, from_fields, to_text
from rigd.hosts.simulate.faults import Fault
from rigd.risk.kill_switch import LatchState
from rigd.store.database import open_in_memory
from rigd.store.journal import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from rigd.core.events import Record
    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.hosts.simulate.trace import Trace


class Crash(BaseException):
    """The process dies here; nothing of it catches this."""


class Disk:
    """What outlives a process.

    Parameters
    ----------
    session_key
        The session's key: the first link of the journal's chain.
    plan
        What goes wrong.
    trace
        Where events are noted.
    may_crash
        Tells whether the process may die here, and counts it.
    """

    def __init__(
        self,
        session_key: str,
        plan: FaultPlan,
        trace: Trace,
        may_crash: Callable[[Fault], bool],
    ) -> None:
        self._key = session_key
        self.plan = plan
        self.trace = trace
        self.may_crash = may_crash
        self.entries: list[Entry] = []
        """Every record that was written, oldest first."""
        self._read = 0
        self.synced = 0
        """How many of them survive a power loss."""
        self.latch = LatchState()
        self.books = open_in_memory(self._gate)

    def open_journal(self) -> SimJournal:
        """Return the journal as a new process reads it: from its text."""
        self.entries[self._read :] = [_read_back(entry) for entry in self.entries[self._read :]]
        self._read = len(self.entries)
        journal = SimJournal(self, self._key)
        journal.take_up(self.entries)
        return journal

    def lose(self, *, power: bool) -> None:
        """Lose what a crash loses: with the power, some of what was not synced.

        Parameters
        ----------
        power
            Whether the machine went down, not the process alone.
        """
        self.books.rollback()
        if power:
            unsynced = len(self.entries) - self.synced
            kept = self.synced + self.plan.pick("torn", unsynced + 1)
            del self.entries[kept:]
            self._read = min(self._read, kept)
            self.trace.add("power loss", f"{kept} of {kept + unsynced} records left")
        self.synced = len(self.entries)

    def save_latch(self, state: LatchState) -> None:
        """Replace the latch's file; whole or not at all."""
        self.latch = state

    def _gate(self, statement: str) -> str:
        """Let a statement of the books pass, die before or after it, or refuse it."""
        if statement == "COMMIT":
            if self.may_crash(Fault.CRASH_BEFORE_COMMIT):
                raise Crash
            if self.plan.fires(Fault.BOOKS_FULL):
                return "database or disk is full"
        elif statement == "COMMITTED" and self.may_crash(Fault.CRASH_AFTER_COMMIT):
            raise Crash
        return ""


class SimJournal(MemoryJournal):
    """The journal's file as one process sees it.

    Parameters
    ----------
    disk
        Where it lies.
    session_key
        The first link of its chain.
    """

    __slots__ = ("_disk", "_failure", "on_append")

    def __init__(self, disk: Disk, session_key: str) -> None:
        super().__init__(session_key)
        self._disk = disk
        self._failure = ""
        self.on_append: Callable[[Entry], None] | None = None

    def take_up(self, entries: Sequence[Entry]) -> None:
        """Go on after the records that the file holds."""
        self._entries = list(entries)
        if entries:
            self._hash = entries[-1].hash

    def append(self, at: datetime, record: Record, *, durable: bool = False) -> Entry:
        """Write one record, unless the process dies or the disk fails.

        Parameters
        ----------
        at, record
            What is written.
        durable
            Whether it is synced.

        Returns
        -------
        Entry
            The record in its place.

        Raises
        ------
        Crash
            If the process dies here.
        """
        disk = self._disk
        self._require_usable()
        if disk.may_crash(Fault.CRASH_BEFORE_WRITE):
            raise Crash
        if disk.plan.fires(Fault.DISK_FULL):
            self._fail("write to", errno.ENOSPC)
        entry = super().append(at, record, durable=durable)
        disk.entries.append(entry)
        disk.trace.add("record", f"{entry.seq} {type(record).__name__} {entry.hash}")
        if durable:
            self._sync()
        if disk.may_crash(Fault.CRASH_AFTER_WRITE):
            raise Crash
        if self.on_append is not None:
            self.on_append(entry)
        return entry

    def sync(self) -> None:
        """Make everything written so far survive a power loss, unless the disk fails."""
        self._require_usable()
        if self._disk.synced < len(self._disk.entries):
            self._sync()

    def _sync(self) -> None:
        disk = self._disk
        if disk.may_crash(Fault.CRASH_BEFORE_SYNC):
            raise Crash
        if disk.plan.fires(Fault.SYNC_FAILS):
            self._fail("sync", errno.EIO)
        disk.synced = len(disk.entries)

    def _fail(self, action: str, number: int) -> None:
        self._failure = f"could not {action} journal.log: {errno.errorcode[number]}"
        raise StorageError(self._failure, errno=number)

    def _require_usable(self) -> None:
        """Refuse once a write or a sync has failed, as the file does."""
        if self._failure:
            msg = f"journal.log takes no more since it {self._failure}"
            raise StorageError(msg)


def _read_back(entry: Entry) -> Entry:
    kind = type(entry.record).__name__
    values = json.loads(to_text(entry.record))
    return Entry(entry.seq, entry.at, from_fields(kind, values), entry.hash)
