"""Tests of the journal: the file, the one in memory, and what both must do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import DataError, LogicError, TamperError
from rigd.core.events import (
    BarsDropped,
    NoteMade,
    PoolRanked,
    RiskTripped,
    SliceDone,
    WindowClosed,
)
from rigd.core.values import PoolEntry
from rigd.store.chainlog import ChainLog, verify_chain
from rigd.store.journal import FileJournal, MemoryJournal, open_journal, read_journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rigd.core.events import Record

AT = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
KEY = f"DEMO_US_SIM_01|{date(2024, 3, 4)}|1"
RESERVE = 16384
RECORDS: tuple[Record, ...] = (
    NoteMade(topic="vix", text="13.5 of 2024-03-01"),
    BarsDropped(symbol="SPY", source="spy.csv", kept=390, dropped=12),
    PoolRanked(
        strategy="open",
        minute=30,
        pool=(PoolEntry("SPY", 0.125, 1), PoolEntry("IBM", -0.5, 2)),
        skipped=(("BAC", "price_below_minimum"),),
    ),
    RiskTripped(cause="loss", detail="σ", day_pnl="NaN", limit=Decimal("-500.00")),
    WindowClosed(strategy="open", minute=120, signals=2, entries=1),
)

Journal = FileJournal | MemoryJournal


@pytest.fixture(params=["file", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    """Both journals meet the same contract."""
    if request.param == "memory":
        return MemoryJournal(KEY)
    return open_journal(tmp_path / "journal.log", KEY, RESERVE)


def fill(journal: Journal) -> None:
    for minute, record in enumerate(RECORDS):
        journal.append(AT + timedelta(minutes=minute), record)


def test_entries_are_numbered_stamped_and_chained(journal: Journal) -> None:
    """An entry carries its number from 1, its instant, the record itself and a hash."""
    fill(journal)
    entries = journal.entries()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.record for entry in entries] == list(RECORDS)
    assert entries[2].at == AT + timedelta(minutes=2)
    assert len({entry.hash for entry in entries}) == 5
    assert journal.head == (5, entries[-1].hash)


def test_append_returns_the_entry(journal: Journal) -> None:
    """What is returned is what `entries` shows."""
    entry = journal.append(AT, SliceDone(minute=3), durable=True)
    assert list(journal.entries()) == [entry]
    journal.sync()


def test_a_list_of_entries_does_not_grow_under_its_reader(journal: Journal) -> None:
    """`entries` is a view of the moment."""
    before = journal.entries()
    fill(journal)
    assert len(before) == 0


def test_a_refused_record_changes_nothing(journal: Journal) -> None:
    """NaN in a record is refused and the chain goes on."""
    fill(journal)
    bad = PoolRanked(
        strategy="open", minute=1, pool=(PoolEntry("SPY", float("nan"), 1),), skipped=()
    )
    with pytest.raises(DataError):
        journal.append(AT, bad)
    assert journal.append(AT, SliceDone(minute=4)).seq == 6


def test_a_naive_instant_is_refused(journal: Journal) -> None:
    """Journal stamps are UTC."""
    with pytest.raises(LogicError):
        journal.append(datetime(2024, 3, 4), SliceDone(minute=1))  # noqa: DTZ001 - the case


def test_file_and_memory_give_the_same_hashes(tmp_path: Path) -> None:
    """A simulated session has the journal that the real one would have written."""
    file, memory = open_journal(tmp_path / "j.log", KEY, RESERVE), MemoryJournal(KEY)
    fill(file)
    fill(memory)
    assert file.entries() == memory.entries()
    assert file.head == memory.head


def test_a_reopened_journal_has_the_same_entries_and_goes_on(tmp_path: Path) -> None:
    """Closing and opening in the middle gives the file of an undisturbed run."""
    whole, parted = tmp_path / "whole.log", tmp_path / "parted.log"
    for path in (whole, parted):
        journal = open_journal(path, KEY, RESERVE)
        fill(journal)
        if path == parted:
            journal.close()
            journal = open_journal(path, KEY, RESERVE)
            assert [entry.record for entry in journal.entries()] == list(RECORDS)
        journal.append(AT, SliceDone(minute=9))
        journal.seal()
        journal.close()
    assert whole.read_bytes() == parted.read_bytes()
    assert verify_chain(whole, KEY, journal.head) == []


def test_reading_leaves_the_file_alone(tmp_path: Path) -> None:
    """Reports read a journal in use, also with a torn tail, and change no byte."""
    path = tmp_path / "journal.log"
    journal = open_journal(path, KEY, RESERVE)
    fill(journal)
    end = RESERVE - journal.log.room
    content = path.read_bytes()
    path.write_bytes(content[: end - 30] + bytes(RESERVE - end + 30))
    torn = path.read_bytes()
    assert [entry.record for entry in read_journal(path, KEY)] == list(RECORDS[:-1])
    assert path.read_bytes() == torn


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def test_another_sessions_journal_is_refused(tmp_path: Path) -> None:
    """The session key is part of every hash."""
    path = tmp_path / "journal.log"
    fill(open_journal(path, KEY, RESERVE))
    with pytest.raises(TamperError, match=r"journal\.log:record 1"):
        open_journal(path, KEY + "2", RESERVE)


def test_a_changed_journal_is_refused(tmp_path: Path) -> None:
    """Replay never starts from a changed record."""
    path = tmp_path / "journal.log"
    fill(open_journal(path, KEY, RESERVE))
    _rewrite(path, lambda content: content.replace(b"13.5 of", b"18.5 of"))
    with pytest.raises(TamperError, match=r"journal\.log:record 1"):
        open_journal(path, KEY, RESERVE)
    with pytest.raises(TamperError):
        read_journal(path, KEY)


def test_a_record_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    """A log that is no journal cannot be replayed as one."""
    log = ChainLog.create(tmp_path / "journal.log", KEY, RESERVE)
    log.append(AT, "Surprise", {})
    with pytest.raises(DataError, match="Surprise"):
        FileJournal(log)
