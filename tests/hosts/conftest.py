"""Finished sessions that several tests of the hosts look at and leave as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.clock import SystemClock
from rigd.core.ids import SystemIds
from rigd.hosts import session, supervisor
from rigd.hosts.launch import Launcher
from rigd.store.paths import Home
from tests.hosts.homes import SAMPLE, InProcess

if TYPE_CHECKING:
    from rigd.hosts.launch import Ended


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> session.SessionHandle:
    """The built-in sample, run in this process on a home of its own."""
    home = tmp_path_factory.mktemp("finished") / "home"
    return session.start(str(home)).wait()


@pytest.fixture(scope="session")
def launched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Ended]:
    """The built-in sample, launched on an empty home."""
    home = Home(tmp_path_factory.mktemp("launched") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "run_notebook", InProcess())
        ended = Launcher(home, SystemClock(), SystemIds(), lambda _: None).launch(SAMPLE)
    return home, ended
