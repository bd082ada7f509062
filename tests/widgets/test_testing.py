"""M14, U11: all tests or one, their log, their progress and their results."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from tests.widgets.world import ATTACK, elements, is_shown, markup, press, words, world
from widgets.testing import DryRuns, named_tests

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widgets.world import World

NAMED = [
    "backtest_engine",
    "broker_trade_stub",
    "coa_consistency",
    "env_bot",
    "integration_test_runner",
    "ledger_schema",
    "logging_format",
    "main_bot",
    "screener_integration",
    "screener_random",
    "strategy_selfcheck",
]
"""The tests of documents 050 and 070."""


def told(made: World, *rows: tuple[str, str]) -> None:
    """Write rows of the log of tests, now."""
    lines = [
        json.dumps({"timestamp": f"2024-03-04T13:59:5{n}Z", "event": event, "message": text})
        for n, (event, text) in enumerate(rows)
    ]
    path = made.write("test_mode.log", "\n".join(lines) + "\n")
    now = made.clock.now().timestamp()
    os.utime(path, (now, now))


def test_each_named_test_has_its_button() -> None:
    """The tests that the documents call by name are offered."""
    assert set(NAMED) <= set(named_tests())


def test_all_or_one_is_one_request(tmp_path: Path) -> None:
    """The global flag asks once more, a single test does not; both name what is asked for."""
    made = world(tmp_path)
    page = made.page(DryRuns)
    press(page.single["env_bot"])
    press(page.everything.first)
    press(page.everything.second)
    assert [(action, payload) for action, _, payload in made.requests.sent] == [
        (Action.RUN_TESTS, {"test": "env_bot"}),
        (Action.RUN_TESTS, {"test": ""}),
    ]


@pytest.mark.parametrize("name", ["../x", "no_such_test"])
def test_a_test_that_is_not_listed_is_not_asked_for(tmp_path: Path, name: str) -> None:
    """A name comes from the list alone."""
    made = world(tmp_path)
    made.page(DryRuns)._run(name)
    assert made.requests.sent == []


def test_log_progress_and_results_are_shown(tmp_path: Path) -> None:
    """The stream, the number of events so far, and how each test ended."""
    made = world(tmp_path)
    told(
        made,
        ("test_started", "env_bot begins, its flag is used up"),
        ("test_ended", "passed: pytest ended with 0"),
        ("test_started", "main_bot begins, its flag is used up"),
        ("order_sent", "a stub order"),
    )
    page = made.page(DryRuns)
    results = words(page.results)
    assert "env_bot passed 0" in results
    assert "main_bot running 1" in results
    assert "order_sent a stub order" in words(page.stream)
    assert "main_bot begins" in words(page.banner)
    assert page.single["env_bot"].disabled


def test_a_failed_test_is_told(tmp_path: Path) -> None:
    """FAILED with its detail."""
    made = world(tmp_path)
    told(made, ("test_started", "x begins"), ("test_ended", "FAILED: pytest ended with 1"))
    page = made.page(DryRuns)
    assert "x FAILED 0" in words(page.results)
    assert "pytest ended with 1" in words(page.results)


def test_a_run_that_fell_silent_is_over(tmp_path: Path) -> None:
    """After fifteen minutes without a row nothing runs any more."""
    made = world(tmp_path)
    told(made, ("test_started", "x begins"))
    assert made.desk.facts.testing() == "x begins (running)"
    made.clock.advance(901)
    assert made.desk.facts.testing() == ""


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.OPERATOR])
def test_only_administrators_run_tests(tmp_path: Path, role: Role) -> None:
    """W9: others read log and results; a forged press is refused."""
    made = world(tmp_path)
    made.session.role = role
    page = made.page(DryRuns)
    assert not is_shown(page.control)
    press(page.single["env_bot"])
    assert made.requests.sent == []


def test_a_hostile_row_stays_text(tmp_path: Path) -> None:
    """S09: names and details of tests."""
    made = world(tmp_path)
    told(made, ("test_started", f"{ATTACK} begins"), ("test_ended", f"FAILED: {ATTACK}"))
    page = made.page(DryRuns)
    assert ATTACK in words(page.results)
    assert not {"script", "img"} & {name for name, _ in elements(markup(page.view))}
