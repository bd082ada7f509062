"""Books against their limits: ``python -m tests.bench.bench_ledger`` (PERFORMANCE P8, P9).

Every figure stands beside its floor, measured in turns in the same run: one fdatasync, the same
rows put into bare tables without keys, checks, triggers or hashes, the same rows read back and
nothing done with them. The figures of beancount are its parser and checks on the ledger's own
export, without its cache. Where other work shares the cores, compare the processor times.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.values import Side
from rigd.ledger import beancount
from rigd.ledger.book import BATCH_SIZE, Ledger
from rigd.store.database import open_database
from tests.bench import goals
from tests.ledger.books import ACCOUNT, BOT, KEY, entry, fill, started

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.events import Entry, FillRecorded

TRANSACTIONS = 20_000
ROUNDS = 5
POSTS = 400
WRITTEN = ("transactions", "legs", "journal_marks")
"""The tables that posting a trade writes to."""


class Spent(NamedTuple):
    """What a call took [s]."""

    wall: float
    processor: float


def main() -> int:
    """Print every figure with its floor and its goal."""
    report("", "floor", "figure", "ratio")
    with tempfile.TemporaryDirectory(dir=goals.scratch()) as folder:
        durable_posts(Path(folder))
        path = batches(Path(folder))
        verification(Path(folder), path)
    return 0


def durable_posts(folder: Path) -> None:
    """Compare one durable post with one fdatasync into a preallocated file, in turns."""
    books = Ledger(open_database(folder / "durable.db"), identity=BOT, account=ACCOUNT)
    books.post(entry(1, started()), KEY)
    records = [entry(seq, each) for seq, each in enumerate(fills(POSTS), start=2)]
    handle = os.open(folder / "floor", os.O_CREAT | os.O_RDWR)
    os.pwrite(handle, b"\0" * (1 << 20), 0)
    os.fsync(handle)
    with closing(open_database(folder / "bare.db")) as bare:
        bare.execute("CREATE TABLE bare(n INTEGER PRIMARY KEY, row TEXT)")
        floor, commits, posts = [], [], []
        for number, record in enumerate(records):
            floor.append(spent(lambda at=256 * number: synced_write(handle, at)).wall)
            commits.append(spent(lambda: commit_row(bare)).wall)
            posts.append(spent(lambda each=record: books.post(each, KEY)).wall)
    os.close(handle)
    books.close()
    sync, commit, post = (statistics.median(times) for times in (floor, commits, posts))
    report("durable post / one fdatasync", us(sync), us(post), f"{post / sync:.2f}")
    goals.tell("P8.post", post / sync, post_us=post * 1e6, fdatasync_us=sync * 1e6)
    report("  the same / a bare commit of one row", us(commit), us(post), f"{post / commit:.2f}")
    memory = seconds_of_posting_without_sync(records)
    report("  of it without the disk", us(0), us(memory), f"{memory / sync:.2f}")


def seconds_of_posting_without_sync(records: list[Entry]) -> float:
    """Return what a post costs in memory, where nothing is synced."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    books = Ledger(connection, identity=BOT, account=ACCOUNT)
    books.post(entry(1, started()), KEY)
    posts = [spent(lambda each=each: books.post(each, KEY)).wall for each in records]
    return statistics.median(posts)


def commit_row(connection: sqlite3.Connection) -> None:
    """Commit one row as long as a transaction's, durably."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO bare(row) VALUES (?)", ("x" * 350,))
    connection.execute("COMMIT")


def batches(folder: Path) -> Path:
    """Compare posting many records with putting the same rows into bare tables, in turns."""
    records = [entry(seq, each) for seq, each in enumerate(fills(TRANSACTIONS - 1), start=2)]
    ours: list[Spent] = []
    bare: list[Spent] = []
    path = folder / "unmade"
    for number in range(ROUNDS):
        path = folder / f"large{number}.db"
        books = Ledger(open_database(path), identity=BOT, account=ACCOUNT)
        books.post(entry(1, started()), KEY)
        gc.collect()
        ours.append(spent(lambda books=books: books.post_batch(records, KEY)))
        books.close()
        bare.append(spent_on_bare_rows(path, folder / f"bare{number}.db"))
    for kind in ("wall", "processor"):
        floor, figure = (
            statistics.median(getattr(each, kind) for each in times) / len(records)
            for times in (bare, ours)
        )
        note = "" if kind == "wall" else "in processor time"
        report(
            "batch posting / bare inserts of the rows",
            rate(floor),
            rate(figure),
            f"{figure / floor:.2f}",
            note,
        )
        if kind == "wall":
            goals.tell("P8.batch", 1 / figure, bare_inserts_per_s=1 / floor)
    return path


def spent_on_bare_rows(source: Path, target: Path) -> Spent:
    """Put a ledger's rows into tables that refuse nothing, as many to a commit."""
    with closing(sqlite3.connect(source)) as made:
        rows = {name: made.execute(f"SELECT * FROM {name}").fetchall() for name in WRITTEN}  # noqa: S608 - constants
    with closing(open_database(target)) as connection:
        inserts = {}
        for name, table in rows.items():
            width = len(table[0]) if table else 1
            columns = ", ".join(f"c{number}" for number in range(width))
            connection.execute(f"CREATE TABLE {name} ({columns})")
            inserts[name] = f"INSERT INTO {name} VALUES ({','.join('?' * width)})"  # noqa: S608 - constants

        def insert() -> None:
            for begin in range(0, TRANSACTIONS, BATCH_SIZE):
                connection.execute("BEGIN IMMEDIATE")
                for name, table in rows.items():
                    connection.executemany(inserts[name], table[begin : begin + BATCH_SIZE])
                connection.execute("COMMIT")

        return spent(insert)


def verification(folder: Path, path: Path) -> None:
    """Open and verify a large ledger in turns with beancount, and with reading it alone."""
    text = folder / "large.beancount"
    with closing(Ledger(open_database(path), identity=BOT, account=ACCOUNT)) as books:
        text.write_text(beancount.render(books.statement()), encoding="utf-8")
    gc.collect()
    reads, ours, sums, theirs = [], [], [], []
    for _ in range(ROUNDS):
        reads.append(spent(lambda: read_rows(path)))
        ours.append(spent(lambda: open_and_verify(path)))
        sums.append(spent(lambda: open_and_verify(path, balances=True)))
        theirs.append(spent(lambda: load(text)))
    for kind in ("wall", "processor"):
        read, verify, total, peer = (
            statistics.median(getattr(each, kind) for each in times)
            for times in (reads, ours, sums, theirs)
        )
        note = "" if kind == "wall" else "in processor time"
        what = f"open + verify {TRANSACTIONS:,} / reading the rows"
        report(what, ms(read), ms(verify), f"{verify / read:.2f}", note)
        report("  the same and all balances", ms(read), ms(total), f"{total / read:.2f}", note)
        report("beancount's load / ours", ms(verify), ms(peer), f"{peer / verify:.1f}", note)
        if kind == "wall":
            goals.tell("P9", peer / verify, beancount_ms=peer * 1e3, ours_ms=verify * 1e3)


def read_rows(path: Path) -> None:
    """Read every transaction's row and do nothing with it."""
    with closing(open_database(path, wal_reserve=False)) as connection:
        for _ in connection.execute("SELECT * FROM transactions"):
            pass


def fills(count: int) -> list[FillRecorded]:
    """Return round trips in five symbols with a commission on each fill."""
    symbols = ("AAPL", "BAC", "GOOG", "IBM", "SPY")
    made = []
    for number in range(count):
        trade, leg = divmod(number, 2)
        record = fill(
            f"E{number:06d}",
            Side.SELL if leg else Side.BUY,
            "10",
            f"{100 + trade % 83}.{12 + leg}",
            symbol=symbols[trade % len(symbols)],
            commission="0.35",
            minute=trade // 8,
            strategy=("open", "mid", "close")[trade % 3],
        )
        made.append(record)
    return made


def open_and_verify(path: Path, *, balances: bool = False) -> None:
    """Open a ledger and prove it; read its balances too when asked."""
    books = Ledger(open_database(path, wal_reserve=False), identity=BOT, account=ACCOUNT)
    problems = books.check()
    if problems or (balances and sum(books.balances().values())):
        raise SystemExit(str(problems))
    books.close()


def load(path: Path) -> None:
    """Load a ledger with beancount, past its cache."""
    from beancount import loader  # noqa: PLC0415 - the peer, loaded when it is its turn

    _, errors, _ = loader.load_string(path.read_text(encoding="utf-8"))
    if errors:
        raise SystemExit(str(errors[0]))


def synced_write(handle: int, at: int) -> None:
    """Write 256 bytes and wait until they are on the disk."""
    os.pwrite(handle, b"x" * 256, at)
    os.fdatasync(handle)


def spent(work: Callable[[], object]) -> Spent:
    """Return how long a call takes."""
    begin, used = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - begin, time.process_time() - used)


def us(seconds: float) -> str:
    """Return a time in microseconds."""
    return f"{seconds * 1e6:.0f} us" if seconds else ""


def ms(seconds: float) -> str:
    """Return a time in milliseconds."""
    return f"{seconds * 1e3:.0f} ms"


def rate(seconds: float) -> str:
    """Return how many times a second something that takes so long can be done."""
    return f"{1 / seconds:,.0f}/s"


def report(what: str, floor: str, figure: str, ratio: str, note: str = "") -> None:
    """Print one line."""
    sys.stdout.write(f"{what:46s}{floor:>12s}{figure:>12s}{ratio:>8s}  {note}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
