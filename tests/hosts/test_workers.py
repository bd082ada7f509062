"""The documents' reporting workers in one launched session: each is there, and writes its own."""

from __future__ import annotations

import json
import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rigd.core.clock import SystemClock
from rigd.core.errors import ForeignWriter
from rigd.core.ids import SystemIds
from rigd.hosts import finishing, supervisor
from rigd.hosts.launch import Launcher
from rigd.store.paths import Home
from rigd.store.registry import Registry
from rigd.store.rotation import rotate
from tests.hosts.homes import ONE_SYMBOL, InProcess, bot_of, listing, short_report

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = {
    "daily_summary": (
        "rigd.reporting.summary",
        {"daily_summary.json", "session/daily_summary.json", "session_summary.json"},
    ),
    "report_router": ("rigd.store.manifest", {"manifest.json"}),
    "session_report": ("rigd.reporting.report", {"report.html"}),
    "status_logger": (
        "rigd.reporting.status",
        {"status.json", "session/status.json", "system_logs.log"},
    ),
    "trade_logger": (
        "rigd.reporting.trades",
        {"trade_history.json", "session/trade_history.json"},
    ),
}
"""Worker of document 070: the module that has its duty, and what it writes in a session."""


class Launched(NamedTuple):
    """A home after one session, and who claimed which file while it ran."""

    home: Home
    registry: Registry
    claims: set[tuple[str, str]]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    home = Home(tmp_path_factory.mktemp("workers") / "home")
    claims: set[tuple[str, str]] = set()
    claim = Registry.claim

    def noted(self: Registry, name: str, *, writer: str) -> Path:
        path = claim(self, name, writer=writer)
        claims.add((writer, name))
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "claim", noted)
        patch.setattr(supervisor, "run_notebook", InProcess())
        patch.setattr(finishing, "report_html", short_report)
        ended = Launcher(home, SystemClock(), SystemIds(), lambda _: None).launch(ONE_SYMBOL)
    session = ended.entries[0].record
    registry = Registry(home, bot_of(home).identity, day=session.day, number=session.number)
    return Launched(home, registry, claims)


@pytest.mark.parametrize("worker", WRITTEN)
def test_a_worker_writes_its_files_and_no_other(launched: Launched, worker: str) -> None:
    """P6: it can be imported, it ran, and all that it claimed are its own files."""
    module, names = WRITTEN[worker]
    assert import_module(module)
    assert {name for writer, name in launched.claims if writer == module} <= names
    for name in names:
        assert launched.registry.path(name).stat().st_size > 0
        with pytest.raises(ForeignWriter):
            launched.registry.write(name, b"", writer="rigd.hosts.launch")


def test_the_watcher_of_the_status_writes_its_two_files(launched: Launched) -> None:
    """P5: status.json says how the session ended, system_logs.log each change on the way there."""
    status = json.loads(launched.registry.read("status.json"))
    assert (status["status"], status["state"], status["trades"] > 0) == ("CLOSED", "idle", True)
    rows = [json.loads(line) for line in launched.registry.read("system_logs.log").splitlines()]
    events = [row["event"] for row in rows]
    assert (events[0], events[-1]) == ("session_started", "session_closed")
    assert events.count("state_changed") >= 3
    owners = {
        writer for writer, name in launched.claims if name in {"status.json", "system_logs.log"}
    }
    assert owners == {"rigd.reporting.status"}


def test_the_worker_of_backups_leaves_one_archive(launched: Launched) -> None:
    """P6, auto_backup: one file in runs/backups, with the session's record and the books."""
    (archive,) = [path for path in launched.home.backups.iterdir() if path.suffix == ".zip"]
    names = set(zipfile.ZipFile(archive).namelist())
    assert {"ledger.db", "session/journal.log", "session/report.html"} <= names
    assert [path.name for path in launched.home.backups.iterdir()] == [archive.name]


def test_the_worker_of_rotation_moves_its_log_alone(launched: Launched) -> None:
    """P6, log_rotation: the log becomes its older file; every other file is as it was."""
    before = listing(launched.home.root)
    rotate(launched.registry.path("router.log"))
    after = listing(launched.home.root)
    assert after.pop("runs/logs/router.log.1") == before.pop("runs/logs/router.log")
    assert after == before
