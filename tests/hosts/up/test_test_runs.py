"""Runs of tests: one at a time, with nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.hosts.up.test_runs import TestRuns
from rigd.store.paths import Home
from tests.hosts.up.test_panel import FakeChild

if TYPE_CHECKING:
    from pathlib import Path


def test_one_run_goes_on_at_a_time(tmp_path: Path) -> None:
    """The next begins when it has ended; the supervisor's end ends it."""
    given: list[dict[str, str]] = []
    children: list[FakeChild] = []

    def start(variables: dict[str, str]) -> FakeChild:
        given.append(variables)
        children.append(FakeChild(len(children)))
        return children[-1]

    runs = TestRuns(Home(tmp_path), {"PATH": "/bin", "ENV_BOT_KEY": "x"}, start)
    assert [runs.begin(), runs.begin()] == [True, False]
    children[0].code = 0
    assert runs.begin()
    assert given == [{"PATH": "/bin", "RIGD_HOME": str(tmp_path)}] * 2
    runs.end()
    assert [child.ended for child in children] == [False, True]
