"""Images of a disk that lost power, and their judge."""

from __future__ import annotations

import asyncio
from contextlib import closing

import numpy as np
import pytest

from rigd.hosts import finishing, records
from rigd.hosts.books import open_books
from rigd.hosts.crashes.boundaries import Boundary
from rigd.hosts.crashes.disk import Disk
from rigd.hosts.crashes.powerloss import Acked, Truth, acknowledged, cut_of, opened
from rigd.store.images import copy_home, lay_out
from tests.hosts.homes import ONE_SYMBOL, bot_of, demo, engine, short_report


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home after one session."""
    home = demo(tmp_path_factory.mktemp("powerloss"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "report_html", short_report)
        asyncio.run(engine(home, ONE_SYMBOL).run())
    return home


@pytest.fixture(scope="module")
def truth(home) -> Truth:
    """What the session wrote, without its calls."""
    bot = bot_of(home)
    (folder,) = home.bot(bot.identity).sessions.iterdir()
    day, number = records.day_and_number(folder)
    with closing(open_books(bot)) as books:
        heads = {posted.row.txn: posted.row.hash for posted in books.transactions()}
    return Truth(
        folders=(),
        calls=(),
        entries=records.entries_of(folder, bot.identity),
        heads=heads,
        bot=bot,
        journal=str((folder / records.JOURNAL).relative_to(home.root)),
        ledger=str(home.bot(bot.identity).ledger_db.relative_to(home.root)),
        key=records.session_key(day, number),
        genesis=records.genesis(bot.identity, day, number),
    )


def image(home, tmp_path):
    copied = tmp_path / "image"
    copy_home(home.root, copied)
    return copied


def test_a_whole_disk_has_lost_nothing(home, truth, tmp_path) -> None:
    """Everything acknowledged is there, and the journal completes the books to themselves."""
    acked = Acked(records=len(truth.entries), transactions=len(truth.heads))
    assert opened(truth, image(home, tmp_path), acked) == ([], False)


def test_a_lost_record_is_seen(home, truth, tmp_path) -> None:
    """Cut behind a record the journal is sound, and still lacks what was acknowledged."""
    root = image(home, tmp_path)
    lines = (root / truth.journal).read_bytes().splitlines(keepends=True)
    (root / truth.journal).write_bytes(b"".join(lines[:-1]))
    (root / truth.ledger).unlink()
    count = len(truth.entries)
    assert opened(truth, root, Acked(records=count - 1)) == ([], False)
    found, _ = opened(truth, root, Acked(records=count))
    assert found == [f"{count - 1} of {count} acknowledged records are there"]


def test_a_torn_record_is_counted(home, truth, tmp_path) -> None:
    """Half of the last record is cut on opening; the books must not know more than is left."""
    root = image(home, tmp_path)
    content = (root / truth.journal).read_bytes()
    (root / truth.journal).write_bytes(content[:-40])
    found, torn = opened(truth, root, Acked())
    assert torn
    assert found == ["the books know records that the journal has lost"]


def test_lost_books_are_made_again_and_seen_when_they_were_acknowledged(
    home, truth, tmp_path
) -> None:
    """Without a durable commit the journal makes them; with one they must be there."""
    root = image(home, tmp_path)
    (root / truth.ledger).unlink()
    assert opened(truth, root, Acked()) == ([], False)
    (root / truth.ledger).unlink()
    found, _ = opened(truth, root, Acked(transactions=1))
    assert found == ["0 of 1 acknowledged transactions are there"]


def test_damaged_books_are_seen(home, truth, tmp_path) -> None:
    """A row that is not what was posted is a finding, and so is a page that is lost."""
    root = image(home, tmp_path)
    content = (root / truth.ledger).read_bytes()
    (root / truth.ledger).write_bytes(content.replace(b"_SIM_01", b"_SIM_02"))
    assert opened(truth, root, Acked())[0]
    (root / truth.ledger).write_bytes(bytes(4096) + content[4096:])
    assert opened(truth, root, Acked())[0]


def test_the_power_is_cut_after_every_call() -> None:
    """All calls have the same share of the images, in order."""
    assert [cut_of(number, 6, 3) for number in range(6)] == [1, 1, 2, 2, 3, 3]
    assert [cut_of(number, 2, 100) for number in range(2)] == [1, 51]


def test_a_sync_acknowledges_what_was_written(truth, tmp_path) -> None:
    """Records count as acknowledged from the sync of the journal on, and not before."""
    line = b'{"a":1}\n'
    folder = truth.journal.rpartition("/")[0]
    calls = [
        Boundary(kind="openat", file=truth.journal),
        Boundary(kind="fsync", file=folder),
        Boundary(kind="pwrite64", file=truth.journal, content=line * 2),
        Boundary(kind="fdatasync", file=truth.journal),
        Boundary(kind="pwrite64", file=truth.journal, content=line, offset=16),
    ]
    traced = Truth(
        **{name: getattr(truth, name) for name in Truth.__slots__ if name != "calls"},
        calls=tuple(calls),
    )
    assert [acked.records for acked in acknowledged(traced, tmp_path)] == [0, 0, 0, 0, 2, 2]


def test_an_image_of_a_disk_is_what_was_drawn(tmp_path) -> None:
    """What the disk holds for sure lies in the laid-out folder."""
    disk = Disk(("runs",))
    for call in (
        Boundary(kind="openat", file="runs/a"),
        Boundary(kind="pwrite64", file="runs/a", content=b"x"),
        Boundary(kind="fsync", file="runs/a"),
        Boundary(kind="fsync", file="runs"),
    ):
        disk.see(call)
    lay_out(tmp_path / "image", *disk.by_chance(np.random.default_rng(1)))
    assert (tmp_path / "image" / "runs" / "a").read_bytes() == b"x"
