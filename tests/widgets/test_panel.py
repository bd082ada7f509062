"""A notebook of the panel: blank until its kernel is bound to a log-in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import ipywidgets

from rigd.core.clock import SystemClock
from rigd.core.errors import AccessError
from rigd.store.paths import Home
from tests.house.test_imports import loaded_by
from tests.house.tree import imported, modules
from tests.widgets.world import FakeSession, words, world
from widgets import panel

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def somebody() -> FakeSession:
    """The log-in of this kernel."""
    return FakeSession()


def test_the_panel_comes_with_the_log_in(tmp_path: Path) -> None:
    """Found, the log-in is shown its page."""
    world(tmp_path)
    place = ipywidgets.Box()

    async def run() -> None:
        await panel.fill(place, somebody, Home(tmp_path), SystemClock(), "logs")

    asyncio.run(run())
    assert len(place.children) == 1
    assert "trading console" in words(place)


def test_without_a_log_in_there_is_nothing_to_see(tmp_path: Path) -> None:
    """S03: a kernel that nobody is bound to fails closed."""
    world(tmp_path)
    place = ipywidgets.Box()

    async def nobody() -> FakeSession:
        raise AccessError("this kernel must be bound to a log-in, was not")

    asyncio.run(panel.fill(place, nobody, Home(tmp_path), SystemClock(), ""))
    assert words(place) == "this kernel must be bound to a log-in, was not"


def test_a_notebook_ends_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`open` returns its place, before anybody logged in."""
    monkeypatch.setattr(panel, "rigd_home", lambda: tmp_path)
    monkeypatch.setattr(panel, "of_kernel_later", lambda _home, _clock: somebody())

    async def run() -> str:
        return words(panel.open().children[1])

    assert asyncio.run(run()) == "Connecting to the session…"


UNREACHABLE = ("engine", "strategy", "broker", "risk", "screener", "enhancements", "hosts", "cli")


def test_the_panel_loads_no_engine() -> None:
    """J7: what a page's kernel holds after the panel was imported has nothing that trades."""
    loaded = loaded_by("import widgets.panel, widgets.pages")
    assert "widgets.dashboard" in loaded
    trading = tuple(f"rigd.{name}" for name in UNREACHABLE)
    assert [name for name in loaded if name.startswith(trading)] == []


def test_the_panel_starts_no_process() -> None:
    """U17: no module of the pages can start one, nor write a file by itself."""
    found = [
        (module, name)
        for module in modules("widgets")
        for name in imported(module)
        if name.split(".")[0] in {"subprocess", "multiprocessing", "os", "shutil", "socket"}
    ]
    assert found == []


def test_a_session_needs_no_panel() -> None:
    """U18: engine, enhancements and sessions run without a user interface."""
    loaded = loaded_by("import rigd.hosts.session, rigd.enhancements.chain, rigd.engine.session")
    assert not {"widgets", "voila", "anywidget"} & loaded
