"""Document 070: what is shown in each of the 16 states."""

from __future__ import annotations

import pytest

from rigd.core.lifecycle import BotState
from widgets.states import VIEWS, may_kill, view_of

PAGES = {
    "initialize": "configuration",
    "provisioning": "configuration",
    "bootstrapping": "configuration",
    "registration": "registration",
    "started": "dashboard",
    "idle": "dashboard",
    "analyzing": "dashboard",
    "trading": "dashboard",
    "monitoring": "dashboard",
    "updating": "dashboard",
    "graceful_closing_positions": "dashboard",
    "emergency_closing_positions": "dashboard",
    "stopped": "dashboard",
    "shutdown": "halted",
    "shutdown_triggered": "halted",
    "error": "halted",
}
"""INVENTORY U1-U6, by hand."""


def test_every_state_has_a_view() -> None:
    """The table has the 16 states and no other."""
    assert {state.value for state in VIEWS} == set(PAGES)


@pytest.mark.parametrize(("state", "page"), PAGES.items())
def test_each_state_shows_its_page(state: str, page: str) -> None:
    """Configuration, registration, main, or the error and shutdown page."""
    assert view_of(BotState(state), testing=False).page == page


def test_closing_tells_graceful_from_hard() -> None:
    """The two closings say which one it is."""
    graceful, hard = BotState.GRACEFUL_CLOSING, BotState.EMERGENCY_CLOSING
    assert "graceful" in view_of(graceful, testing=False).banner.lower()
    assert "hard" in view_of(hard, testing=False).banner.lower()


def test_start_works_in_stopped_alone() -> None:
    """A stopped bot waits for a start by hand; tests that run forbid it."""
    starting = {state.value for state in BotState if view_of(state, testing=False).start}
    assert starting == {"stopped"}
    assert not view_of(BotState.STOPPED, testing=True).start


@pytest.mark.parametrize("state", [state for state in BotState if VIEWS[state].kill])
def test_kill_is_offered_only_where_it_is_a_legal_step(state: BotState) -> None:
    """No button that the state machine refuses; a hard closing needs no second one."""
    assert may_kill(state)


def test_halted_states_halt() -> None:
    """Neither start nor stop work there."""
    halted = [view for view in VIEWS.values() if view.halted]
    assert len(halted) == 3
    assert not any(view.start or view.stop for view in halted)


def test_without_a_state_nothing_starts_and_everything_stops() -> None:
    """Without a supervisor nobody starts the bot; an engine that runs obeys stop and kill."""
    view = view_of(None, testing=False)
    assert (view.page, view.start, view.stop, view.kill) == ("dashboard", False, True, True)
