"""The steps of a session's end are recorded one by one."""

from __future__ import annotations

import pytest

from rigd.core.errors import StorageError
from rigd.hosts.steps import Step, Steps, from_fields


def test_a_step_gives_its_answer_and_is_recorded() -> None:
    """Name and outcome, in the order taken."""
    steps = Steps()
    assert steps.take("first", lambda: 7, instead=0) == 7
    steps.note("second", passed=True, detail="flat")
    assert steps.taken == [
        Step(name="first", passed=True),
        Step(name="second", passed=True, detail="flat"),
    ]
    assert steps.warnings == ()


@pytest.mark.parametrize("error", [StorageError("full", errno=28), KeyError("x"), OSError("disk")])
def test_a_failed_step_is_a_warning_and_the_next_is_taken(error) -> None:
    """Whatever a step raises stays its own."""
    steps = Steps()

    def fail() -> str:
        raise error

    assert steps.take("report", fail, instead="none") == "none"
    assert steps.take("backup", lambda: "done", instead="none") == "done"
    assert [step.passed for step in steps.taken] == [False, True]
    (warning,) = steps.warnings
    assert warning.startswith(f"report: {type(error).__name__}")


def test_no_memory_stops_everything() -> None:
    """A process without memory does not go on taking steps."""
    steps = Steps()

    def fail() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        steps.take("report", fail, instead=None)


def test_steps_travel_between_processes() -> None:
    """The kernel's steps reach the launcher through JSON; anything else is no step."""
    steps = Steps()
    steps.note("positions", passed=True, detail="flat")
    steps.note("report", passed=False, detail="no")
    assert from_fields(steps.as_fields()) == steps.taken
    assert from_fields(None) == []
    assert from_fields([{"name": "x"}, 3]) == []
