"""`make bench` comes to its end whatever one of its stages does."""

from __future__ import annotations

import pytest

from tests.bench import __main__ as runner
from tests.bench import goals


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch) -> None:
    monkeypatch.setattr(goals, "_TOLD", [])


def test_a_stage_that_takes_too_long_is_stopped_and_said() -> None:
    """Half a second is too short for simulated days: the process is ended and the reason told."""
    assert runner.stage("chaos", 0.5, {}) == "stopped after 0 s"
    assert runner.stage("chaos", 0.0, {}) == "no time was left"


def test_a_stage_that_fails_is_a_line_and_the_others_run(monkeypatch, capfd) -> None:
    """What another stage told is kept, and the table has both."""
    whole = runner.stage

    def stage(name, seconds, notes) -> str:
        if name == "core":
            return whole("no-such-bench", seconds, notes)
        goals.take([goals_row("P12", met=True)])
        return ""

    monkeypatch.setattr(runner, "stage", stage)
    assert runner.main([]) == 1
    printed = capfd.readouterr().out
    assert "core (it ended with 2)" in printed
    table = printed[printed.index("all of them took") :]
    assert "P12             met" in table
    rows = {line.split()[0] for line in table.splitlines()[1:] if line.startswith("P")}
    assert rows == set(goals.GOALS)


def goals_row(key, *, met) -> dict[str, object]:
    """Return what a stage's process tells of one goal."""
    goal = goals.GOALS[key]
    limit = f"{goal.side} {goal.limit:g} {goal.unit}"
    return {"goal": key, "what": goal.what, "limit": limit, "value": 2.0, "met": met, "note": ""}
