"""The table of states against SPEC §5, written out here by hand."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from rigd.core import lifecycle
from rigd.core.errors import IllegalTransition, LogicError
from rigd.core.lifecycle import (
    GROUPS,
    TRANSITIONS,
    BotState,
    RiskMode,
    StateGroup,
    check_step,
    group_of,
    may_follow,
)

NAMES = [
    "initialize",
    "provisioning",
    "bootstrapping",
    "registration",
    "started",
    "idle",
    "analyzing",
    "trading",
    "monitoring",
    "updating",
    "graceful_closing_positions",
    "emergency_closing_positions",
    "stopped",
    "shutdown",
    "shutdown_triggered",
    "error",
]
"""Document 070, the values of `bot_state.txt`."""

# One row per state, one column per state in the order of NAMES; x marks a legal step. From SPEC
# §5: the chain of a first start (a step whose result exists is passed over), the circle of a
# window, `updating` from four states and back, Stop, Kill (any state but the shutdown pair), Fatal
# (any), a forced end (any), Start. §9a adds the Stop of a bot that holds nothing: stopped at once.
TABLE = """
                              in pr bo re st id an tr mo up gc ec sp sh sd er
    initialize                 .  x  x  x  x  .  .  .  .  .  .  x  x  .  x  x
    provisioning               .  .  x  .  .  .  .  .  .  .  .  x  x  .  x  x
    bootstrapping              .  .  .  x  x  .  .  .  .  .  .  x  x  .  x  x
    registration               .  .  .  .  x  .  .  .  .  .  .  x  x  .  x  x
    started                    .  .  .  .  .  x  .  .  .  .  .  x  x  .  x  x
    idle                       .  .  .  .  .  .  x  .  .  x  x  x  x  .  x  x
    analyzing                  .  .  .  .  .  .  .  x  .  x  x  x  .  .  x  x
    trading                    .  .  .  .  .  .  .  .  x  x  x  x  .  .  x  x
    monitoring                 .  .  .  .  .  x  .  .  .  x  x  x  .  .  x  x
    updating                   .  .  .  .  .  x  x  x  x  .  x  x  .  .  x  x
    graceful_closing_positions .  .  .  .  .  .  .  .  .  .  .  x  x  .  x  x
    emergency_closing_positions .  .  .  .  .  .  .  .  .  .  .  .  x  .  x  x
    stopped                    .  .  .  .  x  .  .  .  .  .  .  x  .  .  x  x
    shutdown                   .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
    shutdown_triggered         .  .  .  .  .  .  .  .  .  .  .  .  .  x  .  x
    error                      .  .  .  .  x  .  .  .  .  .  .  x  .  .  x  .
"""
MARKS = {row.split()[0]: row.split()[1:] for row in TABLE.strip().splitlines()[1:]}
LEGAL = frozenset(
    (previous, NAMES[column])
    for previous, marks in MARKS.items()
    for column, mark in enumerate(marks)
    if mark == "x"
)
PAIRS = tuple(product(NAMES, NAMES))


def walk(*names: str) -> list[str]:
    """Take every step of a path and return the states reached."""
    return [str(check_step(BotState(a), BotState(b))) for a, b in pairwise(names)]


def reachable(start: str, *, without: frozenset[str] = frozenset()) -> set[str]:
    """Return every state that a path of the code's table leads to, not entering some."""
    seen = {start}
    front = [start]
    while front:
        steps = {str(state) for state in TRANSITIONS[BotState(front.pop())]} - seen - without
        seen |= steps
        front += steps
    return seen


def test_states_are_the_sixteen_of_document_070() -> None:
    """`bot_state.txt` may hold these sixteen values and no other."""
    assert sorted(state.value for state in BotState) == sorted(NAMES)
    assert len(NAMES) == 16


@pytest.mark.parametrize("text", ["", "Idle", "idle\n", "idle ", "running", "halted", "IDLE"])
def test_text_beside_the_sixteen_is_no_state(text: str) -> None:
    """A state file with anything else names no state."""
    with pytest.raises(ValueError, match="is not a valid BotState"):
        BotState(text)


def test_answer_table_is_whole() -> None:
    """The hand-written answer has all 256 pairs and 78 legal ones (counted by hand, row by row)."""
    assert list(MARKS) == NAMES
    assert all(len(marks) == 16 for marks in MARKS.values())
    assert [marks.count("x") for marks in MARKS.values()] == [
        8, 5, 6, 5, 5, 7, 6, 6, 6, 8, 4, 3, 4, 0, 2, 3,
    ]  # fmt: skip
    assert len(LEGAL) == 78


@pytest.mark.parametrize(("previous", "state"), PAIRS)
def test_pair_is_legal_exactly_when_the_table_has_it(previous: str, state: str) -> None:
    """Each of the 256 pairs is taken or refused as SPEC §5 says; a refusal names both states."""
    pair = BotState(previous), BotState(state)
    assert may_follow(*pair) is ((previous, state) in LEGAL)
    if (previous, state) in LEGAL:
        assert check_step(*pair) is BotState(state)
        return
    with pytest.raises(IllegalTransition) as caught:
        check_step(*pair)
    assert str(caught.value).startswith(f"state {previous} may be followed by ")
    assert str(caught.value).endswith(f"; found {state}")
    assert isinstance(caught.value, LogicError)


def test_refusal_lists_what_is_allowed() -> None:
    """The message of an illegal step says which steps exist, or that none does."""
    with pytest.raises(IllegalTransition, match="followed by error, shutdown; found idle"):
        check_step(BotState.SHUTDOWN_TRIGGERED, BotState.IDLE)
    with pytest.raises(IllegalTransition, match="followed by nothing; found idle"):
        check_step(BotState.SHUTDOWN, BotState.IDLE)


def test_table_cannot_be_changed_at_run_time() -> None:
    """Neither a row nor a step can be added by a running program."""
    with pytest.raises(TypeError):
        TRANSITIONS[BotState.SHUTDOWN] = frozenset()  # type: ignore[index]
    assert all(isinstance(steps, frozenset) for steps in TRANSITIONS.values())
    with pytest.raises(TypeError):
        GROUPS[StateGroup.DOWN] = ()  # type: ignore[index]


@pytest.mark.parametrize("name", NAMES)
def test_every_state_is_reached_from_the_first(name: str) -> None:
    """No state of document 070 is dead: a path leads from `initialize` to each."""
    assert name in reachable("initialize")


def test_no_path_leads_back_to_initialize() -> None:
    """A bot is initialised once: no step enters `initialize`."""
    assert not any(BotState.INITIALIZE in steps for steps in TRANSITIONS.values())


@pytest.mark.parametrize(
    "path",
    [
        "initialize provisioning bootstrapping registration started idle",
        "initialize bootstrapping registration started idle",
        "initialize provisioning bootstrapping started idle",
        "initialize registration started idle",
        "initialize started idle",
    ],
)
def test_first_start_passes_over_what_exists(path: str) -> None:
    """A first start runs in the order of SPEC §5; steps whose result exists are passed over."""
    names = path.split()
    assert walk(*names) == names[1:]


def test_window_is_a_circle_through_three_states() -> None:
    """A session of three windows runs idle → analyzing → trading → monitoring → idle each time."""
    window = ["analyzing", "trading", "monitoring", "idle"]
    assert walk("idle", *window * 3) == window * 3
    for skipped in (("idle", "trading"), ("analyzing", "monitoring"), ("trading", "idle")):
        with pytest.raises(IllegalTransition):
            walk(*skipped)


@pytest.mark.parametrize("name", ["idle", "analyzing", "trading", "monitoring"])
def test_update_returns_to_where_it_came_from(name: str) -> None:
    """A hot update is entered from any of the four running states and left to the same one."""
    assert walk(name, "updating", name) == ["updating", name]


def test_update_is_entered_from_four_states_only() -> None:
    """Nothing is updated during set-up, closing or after the end."""
    entered = {str(state) for state in BotState if may_follow(state, BotState.UPDATING)}
    assert entered == {"idle", "analyzing", "trading", "monitoring"}


@pytest.mark.parametrize("name", ["stopped", "error"])
def test_start_runs_through_started_to_idle(name: str) -> None:
    """Start goes from `stopped` (or an acknowledged `error`) to `started`, then `idle`."""
    assert walk(name, "started", "idle") == ["started", "idle"]
    with pytest.raises(IllegalTransition):
        walk(name, "idle")


@pytest.mark.parametrize("name", ["stopped", "error"])
def test_ended_bot_runs_again_by_start_alone(name: str) -> None:
    """From `stopped` and `error` no path to trading avoids `started`."""
    ended = {"emergency_closing_positions", "stopped", "error", "shutdown_triggered", "shutdown"}
    assert reachable(name, without=frozenset({"started"})) <= ended
    assert {"idle", "trading"} <= reachable(name)


@pytest.mark.parametrize("name", ["idle", "analyzing", "trading", "monitoring", "updating"])
def test_stop_closes_gracefully_and_then_stops(name: str) -> None:
    """Stop from any running state goes through the graceful closing to `stopped`."""
    closing = ["graceful_closing_positions", "stopped"]
    assert walk(name, *closing) == closing


@pytest.mark.parametrize("name", ["analyzing", "trading", "monitoring", "updating"])
def test_running_bot_is_not_stopped_without_closing(name: str) -> None:
    """Where positions may be open, `stopped` is reached through a closing state only."""
    with pytest.raises(IllegalTransition):
        walk(name, "stopped")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NAMES
        if name not in {"shutdown", "shutdown_triggered", "emergency_closing_positions"}
    ],
)
def test_kill_reaches_stopped_from_every_state_but_the_shutdown_pair(name: str) -> None:
    """Kill Now goes through the emergency closing to `stopped`, whatever the bot was doing."""
    closing = ["emergency_closing_positions", "stopped"]
    assert walk(name, *closing) == closing


@pytest.mark.parametrize("name", ["shutdown", "shutdown_triggered"])
def test_kill_changes_nothing_during_shutdown(name: str) -> None:
    """The shutdown pair is the one place that a kill does not enter."""
    with pytest.raises(IllegalTransition):
        walk(name, "emergency_closing_positions")


def test_emergency_closing_never_becomes_graceful() -> None:
    """A kill cannot be softened: the emergency closing leads to the end alone."""
    away = frozenset({"stopped", "error"})
    found = reachable("emergency_closing_positions", without=away)
    assert found == {"emergency_closing_positions", "shutdown_triggered", "shutdown"}


@pytest.mark.parametrize("name", sorted({*NAMES} - {"shutdown", "error"}))
def test_fatal_error_is_entered_from_every_state(name: str) -> None:
    """A fatal error halts the bot wherever it is, until the process ends."""
    assert walk(name, "error") == ["error"]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"shutdown", "shutdown_triggered"}))
def test_forced_end_triggers_the_shutdown_from_every_state(name: str) -> None:
    """SIGTERM leads through `shutdown_triggered` to `shutdown`."""
    assert walk(name, "shutdown_triggered", "shutdown") == ["shutdown_triggered", "shutdown"]


def test_shutdown_is_the_end() -> None:
    """Nothing follows `shutdown`, and only `shutdown_triggered` leads to it."""
    assert reachable("shutdown") == {"shutdown"}
    before = [state for state in BotState if may_follow(state, BotState.SHUTDOWN)]
    assert before == [BotState.SHUTDOWN_TRIGGERED]


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("setup", "initialize provisioning bootstrapping registration"),
        ("ready", "started idle"),
        ("running", "analyzing trading monitoring updating"),
        ("closing", "graceful_closing_positions emergency_closing_positions"),
        ("ended", "stopped error"),
        ("down", "shutdown_triggered shutdown"),
    ],
)
def test_group_holds_the_states_of_the_event_table(group: str, names: str) -> None:
    """The six columns of SPEC §9a hold these states and no other."""
    found = {state.value for state in BotState if group_of(state) == group}
    assert found == set(names.split())
    assert {state.value for state in GROUPS[StateGroup(group)]} == found


def test_risk_modes_are_the_three_of_the_specification() -> None:
    """Beside the state there are ACTIVE, REDUCING and HALTED (SPEC §5)."""
    assert [mode.value for mode in RiskMode] == ["ACTIVE", "REDUCING", "HALTED"]


def test_every_state_has_a_row() -> None:
    """The table answers for each of the sixteen states."""
    assert set(lifecycle.TRANSITIONS) == set(BotState)
