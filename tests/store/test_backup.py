"""Tests of backups."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import zipfile
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from rigd.core.errors import DataError
from rigd.core.values import BotIdentity
from rigd.store import backup, files
from rigd.store.backup import BackupResult, back_up, check_backup, kept
from rigd.store.database import open_database
from rigd.store.paths import Home

BOT = BotIdentity(entity_code="DEMO", jurisdiction_code="US", broker_code="SIM", bot_id="01")
AT = datetime(2024, 3, 4, 21, 5, tzinfo=UTC)


class Bot:
    """A home with one finished session and books that are open."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.folder = self.home.bot(BOT).session(date(2024, 3, 4), 1)
        (self.folder / "plots").mkdir(parents=True)
        (self.folder / "journal.log").write_bytes(b"record\n")
        (self.folder / "plots" / "equity.svg").write_bytes(b"<svg/>")
        self.books = open_database(self.home.bot(BOT).ledger_db, wal_reserve=False)
        self.books.execute("CREATE TABLE t(n INTEGER)")
        self.books.execute("INSERT INTO t VALUES(42)")

    def back_up(self, at: datetime = AT, keep: int = 30) -> BackupResult:
        return back_up(self.home, BOT, self.folder, at, keep=keep)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.home.backups.iterdir())


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    made = Bot(tmp_path)
    with closing(made.books):
        yield made  # type: ignore[misc]


def test_a_backup_holds_the_session_and_the_open_books(bot: Bot, tmp_path: Path) -> None:
    """Every file with its digest, and the books with what is only in their log so far."""
    result = bot.back_up()
    assert result.ok, result.reason
    assert result.path is not None
    assert bot.files() == ["DEMO_US_SIM_01_2024-03-04_1_20240304T210500Z.zip"]
    assert stat.S_IMODE(result.path.stat().st_mode) == 0o600
    with zipfile.ZipFile(result.path) as held:
        assert held.read("session/journal.log") == b"record\n"
        listed = json.loads(held.read("backup.json"))
        (tmp_path / "restored.db").write_bytes(held.read("ledger.db"))
    assert sorted(listed["files"]) == [
        "ledger.db",
        "session/journal.log",
        "session/plots/equity.svg",
    ]
    digest = hashlib.sha256(b"<svg/>").hexdigest()
    assert listed["files"]["session/plots/equity.svg"] == {"size": 6, "sha256": digest}
    with closing(sqlite3.connect(tmp_path / "restored.db")) as books:
        assert books.execute("SELECT n FROM t").fetchone() == (42,)


def test_the_same_session_gives_the_same_archive(bot: Bot) -> None:
    """Neither order nor time stamps of the machine are in it."""
    first = bot.back_up().path
    assert first is not None
    before = first.read_bytes()
    (bot.folder / "journal.log").touch()
    second = bot.back_up().path
    assert second == first
    assert first.read_bytes() == before


def test_a_session_without_books_is_backed_up(tmp_path: Path) -> None:
    """Before the first posting there is no ledger file."""
    folder = tmp_path / "s" / "2024-03-04_1"
    folder.mkdir(parents=True)
    (folder / "journal.log").write_bytes(b"x")
    assert back_up(Home(tmp_path), BOT, folder, AT).ok


def test_a_folder_in_the_way_is_a_result_not_an_exception(bot: Bot) -> None:
    """A target that cannot be written never stops the reports (document 090)."""
    bot.home.backups.write_bytes(b"")
    result = bot.back_up()
    assert (result.ok, result.path) == (False, None)
    assert "backups" in result.reason


def test_an_empty_session_is_a_result_not_an_exception(bot: Bot, tmp_path: Path) -> None:
    """There is nothing to keep."""
    result = back_up(bot.home, BOT, tmp_path / "gone", AT)
    assert not result.ok
    assert bot.files() == []


def test_broken_books_are_a_result_not_an_exception(bot: Bot) -> None:
    """Books that are no database are said to be so, and no archive is left."""
    bot.books.close()
    bot.home.bot(BOT).ledger_db.write_bytes(b"garbage " * 100)
    result = bot.back_up()
    assert not result.ok
    assert "database" in result.reason
    assert bot.files() == []


@pytest.mark.parametrize("step", ["write", "sync", "rename"])
def test_a_failed_backup_leaves_the_last_good_one(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever fails, the old archive stands and no half one lies beside it (FAULTS R11)."""
    good = bot.back_up().path
    assert good is not None
    before = good.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        if step == "write":
            broken.setattr(zipfile.ZipFile, "writestr", full)
        elif step == "sync":
            broken.setattr(backup, "sync_file", full)
        else:
            broken.setattr(Path, "replace", full)
        result = bot.back_up()
    assert not result.ok
    assert "No space left" in result.reason
    assert good.read_bytes() == before
    assert bot.files() == [good.name]


def test_an_archive_that_does_not_restore_is_refused(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed, missing or unlisted file is found when the archive is read back."""
    good = bot.back_up().path
    assert good is not None
    for change in ("changed", "missing", "unlisted"):
        bad = tmp_path / f"{change}.zip"
        with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
            for name in old.namelist():
                if change == "missing" and name == "session/journal.log":
                    continue
                extra = b"!" if change == "changed" and name == "session/journal.log" else b""
                new.writestr(name, old.read(name) + extra)
            if change == "unlisted":
                new.writestr("session/more", b"")
        with pytest.raises(DataError, match="session/"):
            check_backup(bad, tmp_path)
    monkeypatch.setattr(backup, "_sha256", lambda content: str(len(content) % 2) + str(id(content)))
    assert not bot.back_up(AT + timedelta(days=1)).ok


def test_the_newest_and_the_last_of_each_month_are_kept(bot: Bot) -> None:
    """After 70 days with 5 kept: the newest five and the last of January and February."""
    days = [datetime(2024, 1, 1, 21, tzinfo=UTC) + timedelta(days=n) for n in range(70)]
    bot.home.backups.mkdir(parents=True)
    for day in days[:-1]:
        name = f"DEMO_US_SIM_01_{day:%Y-%m-%d}_1_{day:%Y%m%dT%H%M%SZ}.zip"
        (bot.home.backups / name).write_bytes(b"")
    others = ["DEMO_US_SIM_02_2024-01-01_1_20240101T210000Z.zip", "notes.txt"]
    for name in others:
        (bot.home.backups / name).write_bytes(b"")
    assert bot.back_up(days[-1], keep=5).ok
    stamps = [name.split("_")[-1] for name in bot.files() if name.startswith("DEMO_US_SIM_01")]
    assert sorted(stamps) == [
        "20240131T210000Z.zip",
        "20240229T210000Z.zip",
        "20240306T210000Z.zip",
        "20240307T210000Z.zip",
        "20240308T210000Z.zip",
        "20240309T210000Z.zip",
        "20240310T210000Z.zip",
    ]
    assert set(others) <= set(bot.files())


def test_retention_counts_by_time_not_by_name() -> None:
    """A session of an earlier day that ran later is newer."""
    old, new = "B_2024-03-09_1_20240310T010000Z.zip", "B_2024-03-01_1_20240311T010000Z.zip"
    assert kept([old, new], 1) == {new}
    assert kept([old, new], 0) == {new}
    assert kept([], 3) == set()


def test_old_archives_that_cannot_be_removed_are_told(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new backup stands, with a reason."""

    def denied(path: Path) -> bool:
        raise files.StorageError(f"could not remove {path.name}: denied")

    bot.home.backups.mkdir(parents=True)
    (bot.home.backups / "DEMO_US_SIM_01_2024-03-01_1_20240301T210000Z.zip").write_bytes(b"")
    monkeypatch.setattr(backup, "remove", denied)
    result = bot.back_up(keep=1)
    assert result.ok
    assert "denied" in result.reason
