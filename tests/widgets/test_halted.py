"""U6: error and shutdown halt further operations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from tests.widgets.world import is_shown, press, words, world
from widgets.halted import Halted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("state", ["shutdown", "shutdown_triggered", "error"])
def test_buttons_are_disabled(tmp_path: Path, state: str) -> None:
    """Start and Stop are off, and forged presses of them do nothing."""
    made = world(tmp_path)
    made.state(state)
    page = made.page(Halted)
    assert page.start.first.disabled
    assert page.stop.first.disabled
    for control in (page.start, page.stop):
        press(control.first)
        press(control.second)
    assert made.requests.sent == []
    assert "halted" in words(page.banner)


def test_an_error_shows_its_cause_and_can_be_acknowledged(tmp_path: Path) -> None:
    """The last errors stand there; to start again a person says that they know the cause."""
    made = world(tmp_path)
    made.state("error")
    made.write(
        "error_tracebacks.log", json.dumps({"level": "ERROR", "message": "disk is full"}) + "\n"
    )
    page = made.page(Halted)
    assert "disk is full" in words(page.troubles)
    press(page.again.first)
    press(page.again.second)
    assert made.requests.sent == [(Action.START, "the error was acknowledged", {})]


def test_the_supervisors_reason_stands_before_the_last_sessions(tmp_path: Path) -> None:
    """A start that failed has no session: why it stands still is what the supervisor noted."""
    made = world(tmp_path)
    made.state("error")
    made.status(reason="session_end")
    made.write("resident.json", {"rest": "error", "reason": "the settings must be well formed"})
    shown = words(made.page(Halted).cause)
    assert "reason the settings must be well formed" in shown
    assert "session_end" not in shown


def test_positions_can_still_be_closed_in_error(tmp_path: Path) -> None:
    """Kill is a legal step from error and stays possible."""
    made = world(tmp_path)
    made.state("error")
    page = made.page(Halted)
    page.kill.word.value = "KILL"
    press(page.kill.press)
    assert [action for action, _, _ in made.requests.sent] == [Action.KILL]


def test_a_viewer_has_no_control(tmp_path: Path) -> None:
    """Nothing is offered, and a forged press is refused."""
    made = world(tmp_path)
    made.state("error")
    made.session.role = Role.VIEWER
    page = made.page(Halted)
    assert not any(is_shown(c.view) for c in (page.start, page.again, page.kill))
    press(page.again.first)
    press(page.again.second)
    assert made.requests.sent == []
