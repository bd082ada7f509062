"""The table of emergencies against a copy of the specification's own tables.

`emergencies_9.csv` and `emergencies_9a.csv` are the tables of SPEC §9 and §9a, copied by hand.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from rigd.core.emergencies import (
    MATRIX,
    WAYS_OUT,
    Closing,
    Effect,
    Emergency,
    response_to,
)
from rigd.core.errors import ExitCode
from rigd.core.lifecycle import BotState, RiskMode, StateGroup, group_of, may_follow

HERE = Path(__file__).parent

E, S = Effect, BotState


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ANSWERS = {row["event"]: row for row in table("emergencies_9a.csv")}
DETECTION = {row["event"]: row for row in table("emergencies_9.csv")}
CELLS = [(event, group) for event in ANSWERS for group in StateGroup]

NAMES = {
    "loss > DAILY_LOSS_LIMIT": [Emergency.LOSS_BREACH],
    "broker API down, or repeated rejects": [Emergency.BROKER_DOWN],
    "market data down": [Emergency.DATA_DOWN],
    ".env_bot cannot be decrypted": [Emergency.UNDECRYPTABLE],
    "logic error": [Emergency.CRITICAL_ERROR, Emergency.PLAIN_ERROR],
    "defense mode": [Emergency.DEFENSE_ON],
    "validation fails": [Emergency.INVALID_ORDER],
    "manual stop / kill": [Emergency.STOP, Emergency.KILL],
    "system file missing or changed": [Emergency.FILE_FAILS],
}

MEANING: dict[str, tuple[Closing | None, set[Effect]]] = {
    "recorded": (None, {E.RECORD}),
    "stored": (None, {E.RECORD}),
    "latched": (None, {E.RECORD, E.LATCH}),
    "none": (None, set()),
    "stays": (None, set()),
    "alert": (None, {E.RECORD, E.ALERT}),
    "HALTED, latched → stopped": (Closing.LOSS, {E.RECORD, E.ALERT, E.LATCH}),
    "emergency close → stopped, latched": (Closing.LOSS, {E.RECORD, E.ALERT, E.LATCH}),
    "becomes emergency, latched": (Closing.LOSS, {E.RECORD, E.ALERT, E.LATCH}),
    "self-check fails": (None, {E.RECORD, E.REFUSE}),
    "REDUCING, stays": (None, {E.RECORD, E.ALERT, E.SUSPEND}),
    "REDUCING, stays; resumes after reconciliation": (None, {E.RECORD, E.ALERT, E.SUSPEND}),
    "keeps trying, alerts each minute": (None, {E.RECORD, E.ALERT}),
    "start of a window refused": (None, {E.RECORD, E.ALERT, E.REFUSE}),
    "collared graceful close → stopped": (Closing.DATA, {E.RECORD, E.ALERT, E.COLLAR}),
    "goes on with collars": (None, {E.RECORD, E.ALERT, E.COLLAR}),
    "launch blocked → error": (Closing.FATAL, {E.RECORD, E.ALERT, E.REFUSE}),
    "old settings kept, alert": (None, {E.RECORD, E.ALERT, E.REFUSE}),
    "old settings kept": (None, {E.RECORD, E.REFUSE}),
    "start refused": (None, {E.RECORD, E.REFUSE}),
    "error": (Closing.FATAL, {E.RECORD, E.ALERT}),
    "emergency close → error": (Closing.FATAL, {E.RECORD, E.ALERT}),
    "becomes emergency → error": (Closing.FATAL, {E.RECORD, E.ALERT}),
    "that strategy off, state stays": (None, {E.RECORD, E.STRATEGY_OFF}),
    "limits compressed": (None, {E.RECORD, E.COMPRESS}),
    "LogicError": (None, {E.RAISE}),
    "order blocked": (None, {E.REFUSE}),
    "order blocked unless it closes": (None, {E.REFUSE}),
    "stopped": (Closing.STOP, {E.RECORD}),
    "graceful close → stopped": (Closing.STOP, {E.RECORD}),
    "flat verified → stopped": (Closing.KILL, {E.RECORD, E.ALERT}),
    "emergency close → stopped": (Closing.KILL, {E.RECORD, E.ALERT}),
    "becomes emergency": (Closing.KILL, {E.RECORD, E.ALERT}),
    "flat verified again": (Closing.KILL, {E.RECORD, E.ALERT}),
    "alert, pinned code goes on, no reload": (None, {E.RECORD, E.ALERT, E.REFUSE}),
}
"""What each phrase of the specification demands, written here by hand."""


def test_the_table_has_every_row_of_the_specification_and_the_forced_end() -> None:
    """SPEC §9a has 11 events and 6 groups; SIGTERM (SPEC §5) is the twelfth row of the code."""
    assert [event.value for event in MATRIX] == [*ANSWERS, "forced end"]
    assert list(MATRIX) == list(Emergency)
    assert len(ANSWERS) == 11
    assert all(list(row.cells) == list(StateGroup) for row in MATRIX.values())


@pytest.mark.parametrize(("event", "group"), CELLS)
def test_each_cell_says_and_does_what_the_specification_says(event, group) -> None:
    """66 cells: the words are the copied ones, closing and effects those written by hand."""
    cell = MATRIX[Emergency(event)].cells[group]
    assert cell.words == ANSWERS[event][group.value]
    closing, effects = MEANING[cell.words]
    assert (cell.closing, cell.effects) == (closing, frozenset(effects))


@pytest.mark.parametrize("name", DETECTION)
def test_detection_scope_and_new_start_are_data(name) -> None:
    """SPEC §9: who finds it, what it concerns, and whether a new start is needed."""
    row = DETECTION[name]
    for event in NAMES[name]:
        found = MATRIX[event]
        assert (found.found_by, found.scope) == (row["found by"], row["scope"])
        if name == "logic error":
            assert (found.new_start == "yes") is (event is Emergency.CRITICAL_ERROR)
        else:
            assert found.new_start == row["new start needed"]
            assert found.response.split()[0] in row["response"]


@pytest.mark.parametrize("state", BotState)
def test_the_answer_goes_by_the_group_of_the_state(state) -> None:
    """Every one of the 16 states has an answer to every event."""
    for event in Emergency:
        assert response_to(event, state) is MATRIX[event].cells[group_of(state)]


@pytest.mark.parametrize("closing", Closing)
def test_each_way_out_is_a_path_of_the_state_table(closing) -> None:
    """The closing state may be entered from every running state, its end from there."""
    way = WAYS_OUT[closing]
    for state in (S.ANALYZING, S.TRADING, S.MONITORING, S.UPDATING):
        assert may_follow(state, way.state)
    assert may_follow(way.state, way.ends)
    for group in way.at_once:
        assert all(may_follow(state, way.ends) for state in BotState if group_of(state) is group)


def test_urgent_closings_halt_and_have_their_exit_codes() -> None:
    """SPEC §5: HALTED for kill, latch and fatal errors; exit codes of the command line."""
    halted = {closing for closing in Closing if WAYS_OUT[closing].mode is RiskMode.HALTED}
    assert halted == {Closing.LOSS, Closing.KILL, Closing.FATAL}
    codes = {closing.value: WAYS_OUT[closing].exit_code for closing in Closing}
    assert codes == {
        "stop": ExitCode.OK,
        "data": ExitCode.HALTED,
        "shutdown": ExitCode.OK,
        "loss": ExitCode.HALTED,
        "kill": ExitCode.KILLED,
        "fatal": ExitCode.ERROR,
    }


def test_the_strongest_closing_is_the_last() -> None:
    """Stop < data < shutdown < loss < kill < fatal; every one is stronger than none."""
    order = [Closing(name) for name in ("stop", "data", "shutdown", "loss", "kill", "fatal")]
    for place, closing in enumerate(order):
        assert closing.is_stronger(None)
        assert [closing.is_stronger(other) for other in order] == [
            place > other for other in range(6)
        ]
