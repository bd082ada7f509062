"""Books against their limits: ``python -m tests.bench.bench_ledger`` (PERFORMANCE P8, P9).

Every ratio has both sides in the same run, measured in turns. The figures of beancount are its
parser and checks on the ledger's own export, without its cache.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.values import Side
from rigd.ledger import beancount
from rigd.ledger.book import Ledger
from rigd.store.database import open_database
from tests.ledger.books import ACCOUNT, BOT, KEY, entry, fill, started

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.events import Entry, FillRecorded

TRANSACTIONS = 20_000
ROUNDS = 5
POSTS = 400


def main() -> int:
    """Print every figure and its goal."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        durable_posts(Path(folder))
        batches_and_verification(Path(folder))
    return 0


def durable_posts(folder: Path) -> None:
    """Compare one durable post with one fdatasync into a preallocated file, in turns."""
    books = Ledger(open_database(folder / "durable.db"), identity=BOT, account=ACCOUNT)
    books.post(entry(1, started()), KEY)
    records = [entry(seq, each) for seq, each in enumerate(fills(POSTS), start=2)]
    handle = os.open(folder / "floor", os.O_CREAT | os.O_RDWR)
    os.pwrite(handle, b"\0" * (1 << 20), 0)
    os.fsync(handle)
    floor, posts = [], []
    for number, record in enumerate(records):
        floor.append(seconds(lambda at=256 * number: synced_write(handle, at)))
        posts.append(seconds(lambda each=record: books.post(each, KEY)))
    os.close(handle)
    books.close()
    low, high = statistics.median(floor), statistics.median(posts)
    report("fdatasync floor, p50", f"{low * 1e6:.0f} us")
    report("durable post, p50", f"{high * 1e6:.0f} us")
    report("durable post / floor", f"{high / low:.2f}", "P8: at most 1.6")
    cpu = seconds_of_posting_without_sync(records)
    report("durable post without the disk, p50", f"{cpu * 1e6:.0f} us")


def seconds_of_posting_without_sync(records: list[Entry]) -> float:
    """Return what a post costs in memory, where nothing is synced."""
    import sqlite3  # noqa: PLC0415 - only this figure needs it

    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    books = Ledger(connection, identity=BOT, account=ACCOUNT)
    books.post(entry(1, started()), KEY)
    return statistics.median(seconds(lambda each=each: books.post(each, KEY)) for each in records)


def batches_and_verification(folder: Path) -> None:
    """Open and verify a large ledger in turns with beancount."""
    path, text = folder / "large.db", folder / "large.beancount"
    post_in_batches(path, text)
    gc.collect()
    ours, sums, theirs = [], [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: open_and_verify(path)))
        sums.append(seconds(lambda: open_and_verify(path, balances=True)))
        theirs.append(seconds(lambda: load(text)))
    low, high = statistics.median(ours), statistics.median(theirs)
    report(f"open + verify, {TRANSACTIONS:,} transactions", f"{low * 1e3:.0f} ms")
    report("the same and all balances", f"{statistics.median(sums) * 1e3:.0f} ms")
    report("beancount load of the same", f"{high * 1e3:.0f} ms")
    report("beancount / ours", f"{high / low:.1f}", "P9: at least 30")


def post_in_batches(path: Path, text: Path) -> None:
    """Post a large ledger in batches and export it."""
    books = Ledger(open_database(path), identity=BOT, account=ACCOUNT)
    books.post(entry(1, started()), KEY)
    records = [entry(seq, each) for seq, each in enumerate(fills(TRANSACTIONS - 1), start=2)]
    spent = seconds(lambda: books.post_batch(records, KEY))
    report("batch posting", f"{len(records) / spent:,.0f} a second", "P8: at least 90,000")
    text.write_text(beancount.render(books.statement()), encoding="utf-8")
    books.close()


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


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes [s]."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def report(what: str, value: str, goal: str = "") -> None:
    """Print one line."""
    sys.stdout.write(f"{what:52s}{value:>18s}  {goal}\n")


if __name__ == "__main__":
    sys.exit(main())
