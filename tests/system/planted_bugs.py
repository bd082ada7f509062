"""Plant one bug in the product and run a command of rigd: ``BUG COMMAND…`` (FAULTS §5.5)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rigd.cli.app import main
from rigd.engine import sending
from rigd.ledger.book import Ledger
from rigd.store import chainlog, database, files, locks, registry
from rigd.store.chainlog import ChainLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def synchronous_normal() -> None:
    """Commits of the books are not synced."""
    configure = database._configure

    def loose(connection: Any) -> None:
        configure(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    vars(database)["_configure"] = loose


def folders_not_synced() -> None:
    """New names are left to chance."""
    for module in (files, chainlog, database):
        vars(module)["sync_folder"] = lambda _folder: None


def journal_not_synced() -> None:
    """A durable record is only written."""
    vars_of_class: Any = ChainLog
    vars_of_class.sync = lambda _log: None


def sync_believed() -> None:
    """A failed sync of the journal is tried again and believed."""
    sync: Callable[[ChainLog], None] = ChainLog.sync

    def believe(log: ChainLog) -> None:
        try:
            sync(log)
        except files.StorageError:
            log._usable, log._dirty = True, False

    vars_of_class: Any = ChainLog
    vars_of_class.sync = believe


def state_in_place() -> None:
    """State files are written where they lie."""

    def in_place(path: Path, content: bytes, mode: int = 0o644, *, mark: str = "") -> None:
        del mark
        files.make_folder(path.parent)
        path.touch(mode)
        descriptor = files.os.open(path, files.os.O_WRONLY | files.os.O_TRUNC)
        files.write_all(descriptor, content, 0)
        files.os.fsync(descriptor)
        files.os.close(descriptor)

    for module in (registry, locks):
        vars(module)["replace"] = in_place


def journal_after_send() -> None:
    """An order leaves before its intent is on record."""
    send = sending.send

    async def late(desk: Any, intent: Any) -> Any:
        record = desk.recorder.record
        desk.recorder.record = lambda what, **_: record(what, durable=False)
        try:
            return await send(desk, intent)
        finally:
            desk.recorder.record = record

    vars(sending)["send"] = late


def posting_in_halves() -> None:
    """The mark of a posting is committed apart from the posting."""
    append = Ledger._append_mark

    def apart(ledger: Ledger, *arguments: Any) -> None:
        ledger._connection.execute("COMMIT")
        ledger._connection.execute("BEGIN IMMEDIATE")
        append(ledger, *arguments)

    vars_of_class: Any = Ledger
    vars_of_class._append_mark = apart


BUGS = {
    bug.__name__: bug
    for bug in (
        synchronous_normal,
        folders_not_synced,
        journal_not_synced,
        sync_believed,
        state_in_place,
        journal_after_send,
        posting_in_halves,
    )
}
"""Every bug, by the name that the command line takes."""


if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    main()
