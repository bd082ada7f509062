"""The durable image: what a crash leaves, and what a failed disk refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rigd.core.errors import StorageError
from rigd.core.events import NoteMade
from rigd.hosts.simulate.disk import Crash, Disk
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.trace import Trace
from rigd.risk.kill_switch import LatchState

NOON = datetime(2024, 3, 8, 17, 0, tzinfo=UTC)


def disk(fault: Fault | None = None, rate: float = 1.0) -> Disk:
    plan = FaultPlan(1, {} if fault is None else {fault: rate})
    return Disk("key", plan, Trace(), plan.fires)


def note(journal, text: str = "x", *, durable: bool = False):
    return journal.append(NOON, NoteMade(topic="t", text=text), durable=durable)


def test_a_process_reads_back_what_another_one_wrote() -> None:
    """From the text: records, order and hashes; the chain goes on."""
    image = disk()
    first = image.open_journal()
    written = [note(first, text) for text in "abc"]
    second = image.open_journal()
    assert list(second.entries()) == written
    assert note(second, "d").seq == 4
    assert second.head[1] != first.head[1]


def test_a_crash_of_the_process_loses_nothing_that_was_written() -> None:
    """kill -9: the system has the bytes."""
    image = disk()
    journal = image.open_journal()
    for text in "abc":
        note(journal, text)
    image.lose(power=False)
    assert len(image.entries) == image.synced == 3


def test_a_power_loss_keeps_what_was_synced_and_perhaps_more() -> None:
    """A prefix: never fewer than synced, never more than written."""
    left = set()
    for _ in range(3):
        image = disk()
        journal = image.open_journal()
        note(journal, durable=True)
        for _ in range(4):
            note(journal)
        for _ in range(len(left)):
            image.plan.pick("torn", 5)
        image.lose(power=True)
        left.add(len(image.entries))
        assert 1 <= len(image.entries) == image.synced <= 5
    assert len(left) > 1


@pytest.mark.parametrize(
    ("fault", "written", "synced"),
    [
        (Fault.CRASH_BEFORE_WRITE, 0, 0),
        (Fault.CRASH_BEFORE_SYNC, 1, 0),
        (Fault.CRASH_AFTER_WRITE, 1, 1),
    ],
)
def test_a_process_dies_before_a_write_before_its_sync_or_after_it(fault, written, synced) -> None:
    """Each leaves the image as it must."""
    image = disk(fault)
    with pytest.raises(Crash):
        note(image.open_journal(), durable=True)
    assert (len(image.entries), image.synced) == (written, synced)


@pytest.mark.parametrize(
    ("fault", "written", "word"),
    [(Fault.DISK_FULL, 0, "ENOSPC"), (Fault.SYNC_FAILS, 1, "EIO")],
)
def test_a_journal_that_failed_takes_no_more(fault, written, word) -> None:
    """R04, R05: nothing is believed durable after a failed write or sync."""
    image = disk(fault)
    journal = image.open_journal()
    with pytest.raises(StorageError, match=word):
        note(journal, durable=True)
    image.plan.on = False
    with pytest.raises(StorageError, match="takes no more"):
        note(journal)
    with pytest.raises(StorageError, match="takes no more"):
        journal.sync()
    assert (len(image.entries), image.synced) == (written, 0)


def test_the_books_die_before_and_after_a_commit_or_refuse_it() -> None:
    """Before: nothing is there; after: all is there; full: refused and rolled back."""
    for fault, rows in ((Fault.CRASH_BEFORE_COMMIT, 0), (Fault.CRASH_AFTER_COMMIT, 1)):
        image = disk(fault)
        image.plan.on = False
        image.books.execute("CREATE TABLE t(n INTEGER) STRICT")
        image.plan.on = True
        image.books.execute("BEGIN IMMEDIATE")
        image.books.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(Crash):
            image.books.execute("COMMIT")
        image.lose(power=False)
        assert image.books.execute("SELECT count(*) FROM t").fetchone() == (rows,)
        image.books.close()


def test_the_latch_is_replaced_whole() -> None:
    """What was saved last is what the next process reads."""
    image = disk()
    image.save_latch(LatchState(tripped=True, cause="x"))
    assert image.latch.tripped
