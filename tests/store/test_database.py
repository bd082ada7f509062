"""Tests of SQLite files."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import DataError, StorageError
from rigd.store import database
from rigd.store.database import (
    CHECKPOINT_PAGES,
    backup_database,
    open_database,
    open_for_reading,
)

if TYPE_CHECKING:
    from pathlib import Path


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def with_rows(path: Path, count: int = 3) -> sqlite3.Connection:
    connection = open_database(path, wal_reserve=False)
    connection.execute("CREATE TABLE t(n INTEGER) STRICT")
    connection.executemany("INSERT INTO t VALUES(?)", [(n,) for n in range(count)])
    return connection


def test_a_database_is_opened_durable(tmp_path: Path) -> None:
    """Write-ahead log, FULL sync, foreign keys, transactions by hand."""
    with closing(open_database(tmp_path / "ledgers" / "a.db")) as connection:
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "synchronous") == 2
        assert pragma(connection, "foreign_keys") == 1
        assert connection.isolation_level is None
        assert not connection.in_transaction


def test_creation_syncs_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file's name is durable before the first commit (FAULTS M14)."""
    synced: list[str] = []
    monkeypatch.setattr(database, "sync_folder", lambda path: synced.append(path.name))
    open_database(tmp_path / "books" / "a.db", wal_reserve=False).close()
    assert synced == ["books"]


def test_the_write_ahead_log_is_grown_once_and_leaves_no_trace(tmp_path: Path) -> None:
    """Commits do not change its size, and the database holds no padding."""
    path, wal = tmp_path / "a.db", tmp_path / "a.db-wal"
    with closing(open_database(path)) as connection:
        grown = wal.stat().st_size
        assert grown >= CHECKPOINT_PAGES * 4096
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        cache = pragma(connection, "cache_size")
        connection.execute("CREATE TABLE t(n INTEGER, text TEXT)")
        for n in range(1500):
            connection.execute("INSERT INTO t VALUES(?, ?)", (n, "x" * 500))
        assert wal.stat().st_size == grown
        with closing(open_database(path)) as second:
            assert pragma(second, "cache_size") == cache
            assert wal.stat().st_size == grown
    assert path.stat().st_size < 2_000_000
    with closing(open_database(tmp_path / "b.db", wal_reserve=False)):
        assert (tmp_path / "b.db-wal").stat().st_size < 100_000


def test_a_full_disk_leaves_a_database_without_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens all the same, and what was committed before stays."""
    with_rows(tmp_path / "a.db").close()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(database, "extend", full)
    with closing(open_database(tmp_path / "a.db")) as connection:
        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_the_reserve_hides_no_frame_that_a_crash_left(tmp_path: Path) -> None:
    """Zeros are added behind the frames of the log: they are all read."""
    with closing(with_rows(tmp_path / "a.db", 50)) as alive:
        alive.execute("PRAGMA wal_autocheckpoint=0")
        alive.execute("INSERT INTO t VALUES(1000)")
        for ending in ("", "-wal"):
            content = (tmp_path / f"a.db{ending}").read_bytes()
            (tmp_path / f"b.db{ending}").write_bytes(content)
    with closing(open_database(tmp_path / "b.db")) as connection:
        assert (tmp_path / "b.db-wal").stat().st_size >= CHECKPOINT_PAGES * 4096
        assert connection.execute("SELECT count(*), max(n) FROM t").fetchone() == (51, 1000)
        assert pragma(connection, "integrity_check") == "ok"


def test_committed_rows_are_there_after_reopening(tmp_path: Path) -> None:
    """Closing and opening loses nothing."""
    with_rows(tmp_path / "a.db").close()
    with closing(open_database(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)


@pytest.mark.parametrize("content", [b"not a database, " * 20, b"\0" * 5000])
def test_a_file_that_is_no_database_is_a_data_error(tmp_path: Path, content: bytes) -> None:
    """The error names the file and where a backup lies; the file is not touched."""
    (tmp_path / "a.db").write_bytes(content)
    for opened in (open_database, open_for_reading):
        with pytest.raises(DataError, match=r"a\.db") as caught:
            opened(tmp_path / "a.db")
        assert "backups" in caught.value.fix
    assert (tmp_path / "a.db").read_bytes() == content


def test_a_reader_sees_what_is_committed_and_cannot_write(tmp_path: Path) -> None:
    """Beside a live writer and after it, nothing is changed and nothing created."""
    with (
        closing(with_rows(tmp_path / "a.db")) as writer,
        closing(open_for_reading(tmp_path / "a.db")) as reader,
    ):
        assert reader.execute("SELECT sum(n) FROM t").fetchone() == (3,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("INSERT INTO t VALUES(9)")
        writer.execute("INSERT INTO t VALUES(10)")
        assert reader.execute("SELECT sum(n) FROM t").fetchone() == (13,)
    with closing(open_for_reading(tmp_path / "a.db")) as reader:
        assert reader.execute("SELECT sum(n) FROM t").fetchone() == (13,)
    with pytest.raises(StorageError, match=r"gone\.db"):
        open_for_reading(tmp_path / "gone.db")
    assert not (tmp_path / "gone.db").exists()


def test_a_copy_of_a_database_in_use_is_whole(tmp_path: Path) -> None:
    """Everything acknowledged before is in the copy, which is one file without a log."""
    with closing(with_rows(tmp_path / "a.db", 500)) as source:
        source.execute("PRAGMA wal_autocheckpoint=0")
        source.execute("INSERT INTO t VALUES(1000)")
        backup_database(source, tmp_path / "copies" / "copy.db")
        source.execute("INSERT INTO t VALUES(2000)")
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["copy.db"]
    with closing(sqlite3.connect(tmp_path / "copies" / "copy.db")) as copy:
        assert copy.execute("SELECT count(*), max(n) FROM t").fetchone() == (501, 1000)
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_copy_never_replaces_a_file(tmp_path: Path) -> None:
    """The last good copy is not written over."""
    (tmp_path / "copy.db").write_bytes(b"good")
    with (
        closing(with_rows(tmp_path / "a.db")) as source,
        pytest.raises(StorageError, match=r"copy\.db"),
    ):
        backup_database(source, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == b"good"


def test_a_database_in_memory_is_watched() -> None:
    """The gate sees each statement and each commit; what it answers is what SQLite refuses with."""
    seen: list[str] = []

    def gate(statement: str) -> str:
        seen.append(statement)
        return "database or disk is full" if statement == "COMMIT" and len(seen) < 6 else ""

    with closing(database.open_in_memory(gate)) as connection:
        assert pragma(connection, "foreign_keys") == 1
        for _ in range(2):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE t(n INTEGER) STRICT")
            if len(seen) < 6:
                with pytest.raises(sqlite3.OperationalError, match="full"):
                    connection.execute("COMMIT")
                assert not connection.in_transaction
            else:
                connection.execute("COMMIT")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert seen.count("COMMIT") == 2
    assert seen.count("COMMITTED") == 1


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("planted", ["link", "pipe"])
def test_no_link_or_pipe_is_followed(tmp_path: Path, ending: str, planted: str) -> None:
    """SQLite would write through a link into another file; the answer names what lies there."""
    path, elsewhere = tmp_path / "books.db", tmp_path / "elsewhere.db"
    for name in (path, elsewhere):
        with closing(open_database(name)) as made:
            made.execute("CREATE TABLE t (x)")
    before = elsewhere.read_bytes()
    place = tmp_path / f"books.db{ending}"
    place.unlink(missing_ok=True)
    if planted == "link":
        place.symlink_to(elsewhere)
    else:
        os.mkfifo(place)
    with pytest.raises(StorageError, match=f"books.db{ending} must be a plain file") as caught:
        open_database(path)
    assert str(place) in caught.value.fix
    assert elsewhere.read_bytes() == before
