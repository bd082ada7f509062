"""People: commands as flags, and a clock that moves for those who take time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rigd.core.events import Command
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.trace import Trace
from rigd.hosts.simulate.users import SimClock, Users

NOON = datetime(2024, 3, 8, 17, 0, tzinfo=UTC)


def users(*faults: Fault) -> tuple[Users, list[str]]:
    told: list[str] = []
    plan = FaultPlan(1, dict.fromkeys(faults, 1.0))
    return Users(plan, Trace(), told.append), told


@pytest.mark.parametrize(
    ("fault", "command"),
    [
        (Fault.USER_STOP, Command.STOP),
        (Fault.USER_KILL, Command.KILL),
        (Fault.USER_SHUTDOWN, Command.SHUTDOWN),
    ],
)
def test_a_command_lies_there_until_it_is_obeyed(fault, command) -> None:
    """Read as often as one likes, consumed once."""
    people, told = users(fault)
    assert people.read() is None
    people.act()
    seen = people.read()
    assert seen is not None
    assert (seen.command, told) == (command, [command])
    people.consume(seen)
    assert people.read() is None


def test_a_command_may_come_twice_and_with_its_opposite() -> None:
    """The strongest is read first; a start while a session runs is refused."""
    people, told = users(Fault.USER_KILL, Fault.USER_TWICE, Fault.USER_CONTRADICTS)
    people.act()
    assert told == ["kill", "kill", "start"]
    for _ in range(2):
        seen = people.read()
        assert seen is not None
        assert seen.command is Command.KILL
        people.consume(seen)
    rest = people.read()
    assert rest is not None
    assert (rest.command, bool(rest.refused)) == (Command.START, True)


def test_the_clock_moves_for_those_who_take_time() -> None:
    """Wall and monotonic time together; it never goes back."""
    clock = SimClock(NOON)
    clock.sleep(1.5)
    assert (clock.now(), clock.monotonic()) == (NOON + timedelta(seconds=1.5), 1.5)


def test_a_change_of_mind_is_a_kill_a_minute_later() -> None:
    """A stop that is being obeyed is followed by a kill."""
    people, told = users(Fault.USER_STOP, Fault.USER_CONTRADICTS)
    people.act()
    assert told == ["stop", "start"]
    people.act()
    assert told[2] == "kill"


def test_the_wall_clock_may_jump_and_no_time_has_passed() -> None:
    """FAULTS T02: what measures durations does not see it."""
    clock = SimClock(NOON)
    clock.jump(3600)
    assert clock.now() == NOON + timedelta(hours=1)
    clock.jump(-86_400)
    assert clock.now() == NOON - timedelta(hours=23)
    assert clock.monotonic() == 0.0
