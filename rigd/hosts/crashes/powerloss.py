"""Power loss at any instant of a session: images of the disk, opened by the code of production.

One undisturbed session is traced call by call. Images are drawn of what a disk may hold that lost
power after any call; journal and ledger are opened there as after any start. What was acknowledged
as durable must be there, everything that is there must be sound, and the journal's records must
complete the books to what they are in the undisturbed session.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rigd.core.errors import RigdError
from rigd.core.events import Entry, FillRecorded
from rigd.hosts import records
from rigd.hosts.books import make_books, open_books
from rigd.hosts.bot import Bot, open_bot
from rigd.hosts.crashes.boundaries import SYNCS, WRITES, Boundary
from rigd.hosts.crashes.disk import Disk
from rigd.hosts.crashes.evidence import session_folders
from rigd.hosts.crashes.processes import Stage, spread_over, version_file
from rigd.hosts.crashes.sessions import session_of
from rigd.store.images import drop_home, lay_out
from rigd.store.journal import open_journal
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.ledger.book import Ledger

WORKERS: Final = 2
PART: Final = 50
"""Images that a process judges at a time."""
SEED: Final = 20131007


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the undisturbed session wrote.

    Parameters
    ----------
    folders
        What was there before it began.
    calls
        Its calls, in order.
    entries
        Its journal.
    heads
        Hash of the ledger's transaction by number.
    bot
        Whose session.
    journal, ledger
        Where they lie below the home.
    key, genesis
        The session in the books, and what its journal is chained to.
    """

    folders: tuple[str, ...]
    calls: tuple[Boundary, ...]
    entries: tuple[Entry, ...]
    heads: dict[int, str]
    bot: Bot
    journal: str
    ledger: str
    key: str
    genesis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked:
    """What must survive a power loss after some calls.

    Parameters
    ----------
    records
        Records of the journal that were synced.
    transactions
        Transactions of the ledger whose commit had returned.
    """

    records: int = 0
    transactions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What became of all images.

    Parameters
    ----------
    images
        How many were opened.
    calls
        The session's calls, after which the power was cut.
    torn
        In how many the journal's end was torn.
    wrongs
        What was wrong, with the image's number.
    seconds
        How long it took [s].
    """

    images: int
    calls: int
    torn: int
    wrongs: tuple[str, ...]
    seconds: float


class PowerLoss:
    """Draws and judges images of one traced session.

    Parameters
    ----------
    truth
        The trace.
    folder
        An empty folder to work in.
    """

    def __init__(self, truth: Truth, folder: Path) -> None:
        self._truth = truth
        self._folder = folder
        self.acked = acknowledged(truth, folder / "acked")

    def judge(self, numbers: Sequence[int], images: int) -> dict[str, Any]:
        """Draw and open some of the images.

        Parameters
        ----------
        numbers
            Their numbers, from 0, ascending.
        images
            How many there are in all, spread over the calls.

        Returns
        -------
        dict of str to Any
            ``done``, ``torn`` and ``wrongs``.
        """
        truth, torn, wrongs = self._truth, 0, []
        disk, seen = Disk(truth.folders), 0
        for number in numbers:
            cut = cut_of(number, images, len(truth.calls))
            while seen < cut:
                disk.see(truth.calls[seen])
                seen += 1
            root = self._folder / f"image-{number}"
            lay_out(root, *disk.by_chance(np.random.default_rng([SEED, number])))
            found, was_torn = opened(truth, root, self.acked[cut])
            drop_home(root)
            torn += was_torn
            wrongs += [f"image {number}, after call {cut}: {wrong}" for wrong in found]
        return {"done": len(numbers), "torn": torn, "wrongs": wrongs}


def lose_power(
    truth: Truth, folder: Path, images: int, clock: ControlClock, on_part: Callable[[int], None]
) -> Losses:
    """Draw, open and judge images.

    Parameters
    ----------
    truth
        The traced session.
    folder
        An empty folder to work in.
    images
        How many, spread over all calls.
    clock
        Measures how long it takes.
    on_part
        Called with the number of images that are done.

    Returns
    -------
    Losses
        What became of them.
    """
    began = clock.monotonic()
    loss = PowerLoss(truth, folder)
    parts = [range(first, min(first + PART, images)) for first in range(0, images, PART)]
    torn, done = 0, 0
    wrongs: list[str] = []
    for answer in spread_over(WORKERS, parts, partial(loss.judge, images=images)):
        torn += answer["torn"]
        done += answer["done"]
        wrongs += answer["wrongs"]
        on_part(done)
    return Losses(
        images=done,
        calls=len(truth.calls),
        torn=torn,
        wrongs=tuple(wrongs),
        seconds=clock.monotonic() - began,
    )


def cut_of(number: int, images: int, calls: int) -> int:
    """Return after how many calls the power is cut in an image; all calls have the same share."""
    return 1 + number * calls // images


def trace(session: str, folder: Path) -> Truth:
    """Run a session once and keep every call that it makes.

    Parameters
    ----------
    session
        A name of `SESSIONS`.
    folder
        An empty folder to work in.

    Returns
    -------
    Truth
        Calls, journal and books.
    """
    stage = Stage(session_of(session), folder / "template")
    home = stage.home(folder / "home")
    calls: list[Boundary] = []
    with stage.broker(home) as port:
        folders = tuple(str(f.relative_to(home)) for f in home.rglob("*") if f.is_dir())
        stage.run(home, port, on_call=calls.append).require_good()
    bot = open_bot(Home(home), version_file())
    (session_folder,) = session_folders(home)
    day, number = records.day_and_number(session_folder)
    with closing(open_books(bot)) as ledger:
        heads = {posted.row.txn: posted.row.hash for posted in ledger.transactions()}
    ledger_path = bot.home.bot(bot.identity).ledger_db
    return Truth(
        folders=folders,
        calls=tuple(calls),
        entries=records.entries_of(session_folder, bot.identity),
        heads=heads,
        bot=bot,
        journal=str((session_folder / records.JOURNAL).relative_to(home)),
        ledger=str(ledger_path.relative_to(home)),
        key=records.session_key(day, number),
        genesis=records.genesis(bot.identity, day, number),
    )


def opened(truth: Truth, root: Path, acked: Acked) -> tuple[list[str], bool]:
    """Open an image as a start would; return what is wrong, and whether the journal was torn."""
    wrongs: list[str] = []
    entries: Sequence[Entry] = ()
    torn = False
    try:
        if (root / truth.journal).exists():
            journal = open_journal(root / truth.journal, truth.genesis)
            entries, torn = journal.entries(), journal.log.torn_bytes > 0
            journal.close()
        if len(entries) < acked.records:
            wrongs.append(f"{len(entries)} of {acked.records} acknowledged records are there")
        if tuple(entries) != truth.entries[: len(entries)]:
            wrongs.append("the journal holds other records than were written")
        wrongs += _books(truth, root, entries, acked)
    except RigdError as error:
        wrongs.append(f"{type(error).__name__}: {error}")
    return wrongs, torn


def _books(truth: Truth, root: Path, entries: Sequence[Entry], acked: Acked) -> list[str]:
    path = root / truth.ledger
    if not path.parent.exists():
        return [] if not acked.transactions else ["the books' folder is gone"]
    wrongs = []
    with closing(make_books(replace(truth.bot, home=Home(root)))) as book:
        wrongs += [f"the books: {problem}" for problem in book.check()]
        wrongs += _head(truth, book, acked.transactions)
        if book.mark(truth.key) > len(entries):
            wrongs.append("the books know records that the journal has lost")
            return wrongs
        book.post_batch(entries, truth.key)
        wrongs += [f"completed, the books: {problem}" for problem in book.check()]
        fills = [e.record.exec_key for e in entries if isinstance(e.record, FillRecorded)]
        booked = [t.row.external_id for t in book.transactions() if t.row.symbol]
        if booked != fills:
            wrongs.append(f"completed, the books hold {len(booked)} fills of {len(fills)}")
        wrongs += _head(truth, book, 0)
    return wrongs


def _head(truth: Truth, book: Ledger, least: int) -> list[str]:
    number, digest = book.head
    if number < least:
        return [f"{number} of {least} acknowledged transactions are there"]
    if number and truth.heads.get(number) != digest:
        return [f"transaction {number} is another one than was posted"]
    return []


def acknowledged(truth: Truth, folder: Path) -> list[Acked]:
    """Return for each number of calls what was acknowledged when they had happened.

    A sync of the journal acknowledges what it made durable. A commit of the books has returned when
    the process goes on to another file; how many transactions there are then is asked of the
    ledger itself, on a disk that has lost nothing.

    Parameters
    ----------
    truth
        The traced session.
    folder
        Where to lay out disks.

    Returns
    -------
    list of Acked
        By the number of calls that happened, from 0.
    """
    disk, last, written = Disk(truth.folders), Acked(), False
    found = [last]
    for number, call in enumerate(truth.calls):
        of_books = call.file.startswith(truth.ledger)
        if written and not of_books:
            root = folder / str(number)
            lay_out(root, *disk.whole())
            last = replace(last, transactions=_posted(truth, root))
            drop_home(root)
        written = of_books and (written or call.kind in WRITES)
        disk.see(call)
        if call.kind in SYNCS and call.file == truth.journal:
            held = disk.for_sure(truth.journal) or b""
            last = replace(last, records=held.count(b"\n"))
        found.append(last)
    return found


def _posted(truth: Truth, root: Path) -> int:
    with closing(make_books(replace(truth.bot, home=Home(root)))) as book:
        return book.head[0]
