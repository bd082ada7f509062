"""Bootstrapping leaves the books and the logs of the first start, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.hosts.bootstrap import bootstrap
from rigd.hosts.panel import downloads
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo
from tests.hosts.up.test_trader import Desk

if TYPE_CHECKING:
    from pathlib import Path

INIT = (
    "init_system_logs.log",
    "init_system_users.log",
    "init_user_activity_monitoring.log",
    "init_password_reset_tokens.log",
)


@pytest.mark.parametrize("name", INIT)
def test_each_log_of_the_bootstrap_has_its_row_and_is_not_shown(tmp_path: Path, name: str) -> None:
    """L16-L19: written at the bootstrap, absent from the page and from its downloads."""
    home = demo(tmp_path)
    bootstrap(bot_of(home), FakeClock())
    row = json.loads((home.logs / name).read_text())
    assert row == {
        "timestamp": "2024-03-04T14:00:00Z",
        "event": "bootstrapped",
        "begins": name.removeprefix("init_"),
    }
    with pytest.raises(LookupError):
        downloads.log(home, name)


def test_the_first_start_leaves_them_once_and_makes_the_books(tmp_path: Path) -> None:
    """A second start of the same home writes nothing there."""
    desk = Desk(tmp_path)
    for _ in range(2):
        desk.trader.set_up()
    lines = [len((Home(tmp_path).logs / name).read_text().splitlines()) for name in INIT]
    assert lines == [1, 1, 1, 1]
    assert len(Home(tmp_path).books()) == 1
