from __future__ import annotations

import shutil
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from rigd.core.errors import LedgerError
from rigd.hosts import books, finishing
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.hosts.homes import bot_of

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def ended(finished, tmp_path):
    """A copy of a finished home, to be finished again: bot, registry and the handle."""
    shutil.copytree(finished.bot.home.root, tmp_path / "home", symlinks=True)
    bot = bot_of(Home(tmp_path / "home"))
    with Registry(bot.home, bot.identity, day=date(2012, 11, 14), number=1) as registry:
        yield bot, registry, finished


def finish(bot, registry, handle) -> finishing.Finished:
    with closing(books.open_books(bot)) as ledger:
        return finishing.finish(registry, ledger, handle.entries, handle.bars)


def test_finishing_writes_report_and_exports(ended) -> None:
    """Gone files come back as they were; the books are told with their head."""
    _, registry, _ = ended
    names = ("report.html", "ledger.ofx", "ledger.beancount", "ledger.csv", "ledger.json")
    before = {name: registry.path(name).read_bytes() for name in names}
    for name in names:
        registry.path(name).unlink()
    done = finish(*ended)
    assert {name: registry.path(name).read_bytes() for name in names} == before
    assert (done.balanced, done.warnings) == (True, ())
    assert done.books == f"balanced, {done.head[0]} transactions"
    assert dict(done.facts)["transactions"] == str(done.head[0])
    assert len(done.head[1]) == 64


@pytest.mark.parametrize("error", [LedgerError("cannot be told"), ImportError("no ofxtools")])
def test_an_export_that_fails_is_a_warning(ended, monkeypatch, error) -> None:
    """The others are written, the session is not lost."""
    _, registry, _ = ended

    def fail(_: object) -> bytes:
        raise error

    monkeypatch.setitem(books.FORMATS, "ofx", fail)
    registry.path("ledger.ofx").unlink()
    registry.path("ledger.csv").unlink()
    done = finish(*ended)
    assert done.warnings == (f"export ofx: {error}",)
    assert not registry.path("ledger.ofx").exists()
    assert registry.path("ledger.csv").exists()


def test_books_that_do_not_check_out_are_said_so(ended, monkeypatch) -> None:
    """NOT BALANCED in capitals, with each problem as a warning."""
    bot, registry, handle = ended
    with closing(books.open_books(bot)) as ledger:
        problem = LedgerError("1030 is off by 1")
        monkeypatch.setattr(type(ledger), "check", lambda _: [problem])
        done = finishing.finish(registry, ledger, handle.entries, handle.bars)
    assert not done.balanced
    assert done.books.startswith("NOT BALANCED")
    assert "books: 1030 is off by 1" in done.warnings


def test_a_backup_holds_session_and_books(ended) -> None:
    """A zip beside the others, and no reason to complain."""
    bot, _, handle = ended
    folder = bot.home.bot(bot.identity).sessions / handle.folder.name
    assert finishing.back_up_session(bot, folder, AT) == ""
    (archive,) = bot.home.backups.glob("*.zip")
    with zipfile.ZipFile(archive) as held:
        assert any(name.endswith("report.html") for name in held.namelist())


def test_as_many_backups_are_kept_as_backup_keep_says(ended) -> None:
    """L30: the newest BACKUP_KEEP and the last of each month; the default is 30."""
    bot, _, handle = ended
    assert bot.settings.backup_keep == 30
    folder = bot.home.bot(bot.identity).sessions / handle.folder.name
    bot.home.backups.mkdir(parents=True, exist_ok=True)
    for month, day in ((11, 28), (11, 29), (12, 30), (12, 31)):
        stamp = f"2025{month:02d}{day:02d}T210000Z"
        name = f"{bot.identity}_2025-{month:02d}-{day:02d}_1_{stamp}.zip"
        (bot.home.backups / name).write_bytes(b"")
    settings = bot.settings.model_copy(update={"backup_keep": 1})
    assert finishing.back_up_session(replace(bot, settings=settings), folder, AT) == ""
    stamps = sorted(path.stem.rpartition("_")[2] for path in bot.home.backups.glob("*.zip"))
    assert stamps == ["20251129T210000Z", "20251231T210000Z", "20260102T030405Z"]


def test_a_backup_that_fails_says_why_and_raises_nothing(ended) -> None:
    """The place of the backups is a file: the reason comes back as text."""
    bot, _, handle = ended
    folder = bot.home.bot(bot.identity).sessions / handle.folder.name
    bot.home.backups.write_text("in the way")
    assert finishing.back_up_session(bot, folder, AT)


def test_each_step_of_the_end_is_recorded_in_order(ended) -> None:
    """Positions, books, balances, exports, report: all done."""
    done = finish(*ended)
    assert [step.name for step in done.steps] == [
        "positions",
        "books checked",
        "balances",
        "exports",
        "report",
    ]
    assert all(step.passed for step in done.steps)


@pytest.mark.parametrize(
    ("broken", "step"),
    [
        ("report_html", "report"),
        ("write_report", "report"),
    ],
)
def test_a_step_that_fails_does_not_stop_the_next(ended, monkeypatch, broken, step) -> None:
    """The report cannot be drawn or written: it is a warning, and books and exports are there."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(broken)

    monkeypatch.setattr(finishing, broken, fail)
    done = finish(*ended)
    failed = [each.name for each in done.steps if not each.passed]
    assert failed == [step]
    assert done.warnings == (f"report: ZeroDivisionError: {broken}",)
    assert done.balanced


def test_books_that_cannot_be_checked_are_not_called_balanced(ended, monkeypatch) -> None:
    """The check itself fails: said so, and the report is still written."""
    bot, registry, handle = ended
    registry.path("report.html").unlink()

    def fail(_: object) -> None:
        msg = "unreadable"
        raise LedgerError(msg)

    with closing(books.open_books(bot)) as ledger:
        monkeypatch.setattr(type(ledger), "check", fail)
        done = finishing.finish(registry, ledger, handle.entries, handle.bars)
    assert not done.balanced
    assert registry.path("report.html").exists()
    assert [step.name for step in done.steps if not step.passed] == ["books checked"]
