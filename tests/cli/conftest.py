"""The command line as a person types it, and one launched session to ask about."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rigd.cli import app
from rigd.core.clock import SystemClock
from rigd.core.ids import SystemIds
from rigd.hosts import finishing, supervisor
from rigd.hosts.launch import Launcher
from rigd.store.paths import Home
from tests.hosts.homes import SAMPLE, InProcess, short_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def launched_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one launched session of the built-in sample; nobody changes it."""
    home = Home(tmp_path_factory.mktemp("launched") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "run_notebook", InProcess())
        Launcher(home, SystemClock(), SystemIds(), lambda _: None).launch(SAMPLE)
    return home


@pytest.fixture
def door(monkeypatch) -> InProcess:
    """Stands for papermill."""
    stand_in = InProcess()
    monkeypatch.setattr(supervisor, "run_notebook", stand_in)
    monkeypatch.setattr(finishing, "report_html", short_report)
    return stand_in


@pytest.fixture
def rigd(monkeypatch, capsys) -> Callable[..., Said]:
    """Run ``rigd`` with arguments on a home, in this process."""

    def run(home: Path | Home, *arguments: str) -> Said:
        root = home.root if isinstance(home, Home) else home
        monkeypatch.setenv("RIGD_HOME", str(root))
        monkeypatch.setattr(sys, "argv", ["rigd", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        told = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else int(code is not None), told.out, told.err)

    return run
