"""The resident supervisor, look by look, with a clock that the tests move."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action
from rigd.core.errors import StorageError
from rigd.core.events import Command
from rigd.core.lifecycle import BotState
from rigd.hosts.bot_state import read_state
from rigd.hosts.request import SessionRequest
from rigd.hosts.up.memory import read_known
from rigd.hosts.up.trader import Outcome
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.hosts.up.desks import FLAT, House

if TYPE_CHECKING:
    from pathlib import Path

STOPPED = Outcome(state=BotState.STOPPED, exit_code=0, session="2013-10-07_1", text="stop")
BROKEN = Outcome(state=BotState.ERROR, exit_code=1, session="2013-10-07_1", text="it died")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def planned(tmp_path: Path) -> House:
    """A house whose Start arms the schedule."""
    return House(tmp_path, at_once=False)


# Coming up.


def test_without_users_it_waits_for_the_first_one(house: House) -> None:
    """T4, T5, T6: registration; then started and idle, and no strategy runs."""
    house.users = []
    house.begin()
    house.look()
    assert read_state(house.home) is BotState.REGISTRATION
    house.users = ["ada"]
    house.look()
    assert house.states == ["initialize", "registration", "started", "idle"]
    assert house.trader.calls == []


def test_a_bot_with_real_money_is_never_idle_before_somebody_started_it(planned: House) -> None:
    """After the registration it is stopped: a manual start is required (T13)."""
    planned.begin()
    planned.look()
    assert planned.states == ["initialize", "stopped"]


@pytest.mark.parametrize("rest", [STOPPED, BROKEN])
def test_stopped_and_error_outlive_a_restart(house: House, rest: Outcome) -> None:
    """Left by a Start alone, also when the machine started again."""
    house.begin()
    house.trader.ends = rest
    house.flags.raise_flag(Command.START, "ada", "", "cli")
    house.look()
    house.work()
    house.start()
    house.begin()
    house.look()
    assert read_state(house.home) is rest.state
    assert house.trader.calls == ["run"]


def test_an_unfinished_session_is_taken_up_again(house: House) -> None:
    """K09: the one that sent orders goes on, in recovery, before anything else."""
    house.trader.left = SessionRequest(symbols=("SPY",))
    house.begin()
    house.work()
    assert house.trader.calls == ["run again"]
    assert [row.get("trigger") for row in house.launches()] == ["recovery", None]


def test_a_bot_at_rest_with_an_unfinished_session_is_closed(house: House) -> None:
    """After a stop or an error nothing trades on: the account is closed and verified."""
    house.memory.change(rest="stopped")
    house.trader.left = SessionRequest(symbols=("SPY",))
    house.begin()
    house.work()
    assert house.trader.calls == ["close"]
    assert read_state(house.home) is BotState.STOPPED


@pytest.mark.parametrize(
    ("raised", "call"),
    [(Command.STOP, "close"), (Command.KILL, "kill")],
)
def test_a_stop_or_kill_that_lies_there_after_a_reboot_ends_flat(
    house: House, raised: Command, call: str
) -> None:
    """K12: obeyed at any age, before an unfinished session is; then its flag is gone."""
    house.flags.raise_flag(raised, "ada", "", "cli")
    house.clock.advance(86_400.0)
    house.trader.left = SessionRequest(symbols=("SPY",))
    house.begin()
    house.work()
    assert house.trader.calls == [call]
    assert read_state(house.home) is BotState.STOPPED
    assert house.files() == []


def test_an_engine_that_lives_obeys_its_flags_itself(house: House) -> None:
    """It is watched to its end, whatever lies there."""
    house.flags.raise_flag(Command.STOP, "ada", "", "cli")
    house.trader.left, house.trader.engine_lives = SessionRequest(), True
    house.begin()
    house.worker.go()
    assert house.trader.calls == ["run again"]


@pytest.mark.parametrize("name", ["control_start.flag", "control_start.txt"])
@pytest.mark.parametrize("content", ["", "signed"])
def test_an_old_start_starts_nothing(house: House, name: str, content: str) -> None:
    """K12: 0 starts from flags that lay there when the machine came up."""
    if content:
        house.flags.raise_flag(Command.START, "ada", "", "cli")
        (house.home.control / "control_start.flag").rename(house.home.control / name)
    else:
        (house.home.control / name).touch()
    house.clock = FakeClock(datetime(2099, 1, 1, tzinfo=UTC))
    house.start()
    house.begin()
    house.look()
    assert house.trader.calls == []
    assert house.files() == []
    assert [row["event"] for row in house.audit()] == ["start_refused"]


# Start.


def test_start_runs_a_session_of_the_sample_now(house: House) -> None:
    """C1, T18: the flag is used once; the session is recorded with its true result."""
    house.begin()
    number = house.requests.send(house.ada, Action.START, why="morning")
    house.look()
    assert house.files() == []
    assert (answer := house.requests.answer(number)) is not None
    assert answer.done
    house.work()
    assert house.trader.calls == ["run"]
    assert read_state(house.home) is BotState.IDLE
    begun, ended = house.launches()
    assert (begun["event"], begun["trigger"], begun["by"]) == ("begun", "start", "ada")
    assert (ended["session"], ended["state"], ended["exit_code"]) == ("2013-10-07_1", "idle", 0)
    house.look()
    assert house.trader.calls == ["run"]


def test_each_effect_has_one_row_of_the_audit(house: House) -> None:
    """I-21: one for the start, and a refused one has its own and no effect."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.requests.send(house.ada, Action.START)
    house.look()
    rows = house.audit()
    assert [(row["event"], row["by"]) for row in rows] == [
        ("start_obeyed", "ada"),
        ("start_refused", "ada"),
    ]
    assert "runs" in str(rows[1]["reason"])


def test_whoever_lost_the_right_starts_nothing(house: House) -> None:
    """The database is asked again at the moment of the effect (I-21)."""
    house.begin()
    number = house.requests.send(house.ada, Action.START)
    house.may = house.refuse
    house.look()
    answer = house.requests.answer(number)
    assert answer is not None
    assert (answer.done, answer.text) == (False, "the session has ended")
    assert house.trader.calls == []


def test_a_start_at_a_real_broker_asks_for_its_own_right(planned: House) -> None:
    """START_LIVE, which asks for the password again."""
    asked = []
    planned.trader.is_simulated = False
    planned.may = lambda digest, action: asked.append((digest, action)) or "ada"
    planned.begin()
    planned.requests.send(planned.ada, Action.START_LIVE)
    planned.look()
    assert asked == [("ad" * 32, Action.START_LIVE)]
    assert read_known(planned.home).armed


def test_a_latched_kill_switch_keeps_every_start_away(house: House) -> None:
    """Until an admin released it."""
    house.begin()
    house.trader.forbidden = "the kill switch is latched"
    number = house.requests.send(house.ada, Action.START)
    house.look()
    answer = house.requests.answer(number)
    assert answer is not None
    assert answer.text == "the kill switch is latched"
    assert house.trader.calls == []


def test_a_start_after_an_error_says_what_was_found(house: House) -> None:
    """T16, SPEC §5: error is left by a Start with an acknowledgement."""
    house.memory.change(rest="error")
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    assert read_state(house.home) is BotState.ERROR
    house.requests.send(house.ada, Action.START, why="the disk was full, is not any more")
    house.look()
    assert house.states[-2:] == ["started", "idle"]


# Stop and kill.


@pytest.mark.parametrize(
    ("action", "call", "states"),
    [
        (Action.STOP, "close", ["graceful_closing_positions", "stopped"]),
        (Action.KILL, "kill", ["emergency_closing_positions", "stopped"]),
    ],
)
def test_without_a_session_the_account_is_closed_and_then_stopped(
    house: House, action: Action, call: str, states: list[str]
) -> None:
    """T13: `stopped` is said after the broker was seen flat; then no flag lies there."""
    house.begin()
    number = house.requests.send(house.ada, action)
    house.look()
    assert read_state(house.home) is not BotState.STOPPED
    house.work()
    assert house.trader.calls == [call]
    assert house.states[-2:] == states
    assert house.files() == []
    house.look()
    assert (answer := house.requests.answer(number)) is not None
    assert answer.done


def test_an_account_that_is_not_flat_is_an_error(house: House) -> None:
    """Never `stopped` while the broker may hold something (I-13)."""
    house.begin()
    house.trader.closes = replace(BROKEN, text="NOT verified flat")
    house.requests.send(house.ada, Action.KILL)
    house.look()
    house.work()
    assert house.states[-2:] == ["emergency_closing_positions", "error"]
    house.look(58.0)
    assert house.trader.calls == ["kill"]
    house.trader.closes = FLAT
    house.look(2.0)
    house.work()
    assert house.states[-2:] == ["emergency_closing_positions", "stopped"]
    assert house.files() == []


@pytest.mark.parametrize("name", ["control_stop.txt", "control_kill.txt", "control_kill.flag"])
def test_a_bare_flag_is_obeyed(house: House, name: str) -> None:
    """C7: the older forms, without a signature."""
    house.begin()
    (house.home.control / name).touch()
    house.look()
    house.work()
    assert read_state(house.home) is BotState.STOPPED
    assert not (house.home.control / name).exists()


def test_all_three_at_once_are_a_kill(house: House) -> None:
    """C8: kill precedes stop precedes start, and the start is used up."""
    house.begin()
    for action in (Action.START, Action.STOP, Action.KILL):
        house.requests.send(house.ada, action)
    house.look()
    house.work()
    house.look()
    assert house.trader.calls == ["kill"]
    assert read_state(house.home) is BotState.STOPPED


def test_during_a_session_stop_and_kill_are_the_engines(house: House) -> None:
    """The supervisor leaves the flag alone, and notes that it was taken."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    number = house.requests.send(house.ada, Action.STOP)
    house.look()
    assert house.files() == ["control_stop.flag"]
    house.flags.clear()
    house.look()
    assert (answer := house.requests.answer(number)) is not None
    assert answer.text == "stop was taken"
    assert [row["event"] for row in house.audit()] == ["start_obeyed", "stop_taken"]


@pytest.mark.parametrize(("action", "call"), [(Action.STOP, "close"), (Action.KILL, "kill")])
def test_a_stop_while_the_session_starts_ends_stopped(
    house: House, action: Action, call: str
) -> None:
    """The launch found the flag and began nothing: the account is closed, and nothing is wrong."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.requests.send(house.ada, action)
    house.look()
    house.trader.ends = Outcome(state=BotState.IDLE, exit_code=0, session="", text="not begun")
    house.work()
    house.work()
    assert house.trader.calls == ["run", call]
    assert read_state(house.home) is BotState.STOPPED
    assert house.files() == []


def test_a_stop_of_a_stopped_bot_changes_nothing(house: House) -> None:
    """SPEC §9a: none."""
    house.memory.change(rest="stopped")
    house.begin()
    house.requests.send(house.ada, Action.STOP)
    house.look()
    assert (house.trader.calls, house.files()) == ([], [])


# Going down.


def test_asked_to_end_without_a_session_it_ends(house: House) -> None:
    """T14, T15: shutdown_triggered, shutdown; nothing is closed that is closed."""
    house.begin()
    house.resident.ask_to_end()
    house.look()
    assert house.states[-2:] == ["shutdown_triggered", "shutdown"]
    assert house.resident.over


def test_asked_to_end_in_a_session_it_asks_stronger_and_stronger(house: House) -> None:
    """JUPYTER §7: stop flag, SIGTERM to the kernel, kill flag; each in its time."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.resident.ask_to_end()
    for expected, seconds in ((1, 59.0), (2, 1.0), (2, 14.0), (3, 1.0)):
        house.look(seconds)
        assert len(house.trader.calls) == expected
    assert house.trader.calls == ["stop flag", "SIGTERM", "kill flag"]
    assert not house.resident.over
    house.trader.ends = STOPPED
    house.work()
    house.look()
    assert house.resident.over


def test_asked_twice_it_kills(house: House) -> None:
    """Whoever presses Ctrl-C again does not want to wait."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.resident.ask_to_end()
    house.resident.ask_to_end()
    assert house.trader.calls == ["stop flag", "kill flag"]


def test_its_own_stop_is_nobodys_stop(planned: House) -> None:
    """A bot that was armed goes on by schedule when its machine is back; a person's stop stays."""
    planned.clock = FakeClock(datetime(2024, 7, 2, 13, 26, tzinfo=UTC))
    planned.start()
    planned.begin()
    planned.requests.send(planned.ada, Action.START)
    planned.look()
    planned.resident.ask_to_end()
    planned.trader.ends = STOPPED
    planned.work()
    planned.look()
    assert planned.resident.over
    planned.start()
    planned.begin()
    assert planned.states[-3:] == ["initialize", "started", "idle"]
    assert read_known(planned.home).armed


# Requests.


def test_a_request_is_done_once_and_answered(house: House) -> None:
    """By somebody who may at that moment."""
    house.begin()
    number = house.requests.send(house.ada, Action.EDIT_SETTINGS, payload={"MAX_TRADES": "3"})
    house.look()
    house.look()
    assert [dict(request.payload) for request in house.done] == [{"MAX_TRADES": "3"}]
    answer = house.requests.answer(number)
    assert answer is not None
    assert (answer.done, answer.text) == (True, "done")


def test_a_refused_request_has_no_effect_and_one_row(house: House) -> None:
    """The role that was taken away, and another's name, are refused alike."""
    house.begin()
    first = house.requests.send(house.ada, Action.RESET_KILL)
    house.may = house.refuse
    house.look()
    house.may = lambda *_: "eve"
    second = house.requests.send(house.ada, Action.RESET_KILL)
    house.look()
    assert house.done == []
    assert [row["event"] for row in house.audit()] == ["request_refused"] * 2
    answers = [house.requests.answer(number) for number in (first, second)]
    assert [answer is not None and answer.done for answer in answers] == [False, False]


def test_a_forged_request_has_no_effect_and_one_row(house: House) -> None:
    """Whoever can write a file has no authority by it, and no name."""
    house.begin()
    fields = dict.fromkeys(("by", "session", "why", "box", "issued", "expires", "mac"), "x")
    fields |= {"id": "a" * 32, "action": "reset_kill"}
    (house.home.control / f"request_{'a' * 32}.json").write_text(json.dumps(fields))
    house.look()
    assert house.done == []
    (row,) = house.audit()
    assert (row["event"], row["by"]) == ("request_refused", "file")


def test_a_test_flag_runs_its_test_for_somebody_who_may(house: House) -> None:
    """C5, C6, W9: the test's own runner uses the flag up."""
    house.begin()
    house.requests.send(house.ada, Action.RUN_TESTS, payload={"test": "env_bot"})
    house.look()
    assert house.tests_begun == 1
    house.flags.take_tests()
    house.requests.send(house.ada, Action.RUN_TESTS, payload={"test": "env_bot"})
    house.may = house.refuse
    house.look()
    assert (house.tests_begun, house.files()) == (1, [])
    assert [row["event"] for row in house.audit()] == ["test_obeyed", "test_refused"]


def test_the_flag_of_the_whole_dry_run_launches_it(house: House) -> None:
    """M1: the launcher latches the mode from the flag, which lies there until then."""
    house.begin()
    house.requests.send(house.ada, Action.RUN_TESTS)
    house.look()
    assert house.files() == ["test_mode.flag"]
    house.flags.take_tests()
    house.work()
    assert house.trader.calls == ["run"]


def test_a_test_flag_does_not_outlive_a_restart(house: House) -> None:
    """M15, M16: what lay there is taken away and runs nothing."""
    house.flags.raise_test("", "ada", "panel")
    house.begin()
    house.look()
    assert (house.trader.calls, house.files()) == ([], [])


def test_the_command_line_runs_its_own_tests(house: House) -> None:
    """`rigd test` raises the flag and takes it; nobody else runs it too."""
    house.begin()
    house.flags.raise_test("env_bot", "root", "rigd test")
    house.look()
    assert house.tests_begun == 0


# The schedule.


def test_a_week_with_a_holiday_and_a_half_day(planned: House) -> None:
    """J9: Monday 1 to Monday 8 July 2024, minute by minute; each session with its true result.

    Wednesday closes at 13:00 New York, Thursday is Independence Day. Tuesday's session fails, and
    nothing begins before somebody looked into it, on Wednesday at noon.
    """
    planned.clock = FakeClock(datetime(2024, 7, 1, 12, 0, tzinfo=UTC))
    planned.start()
    planned.begin()
    planned.requests.send(planned.ada, Action.START)
    planned.look(0.0)
    begun: list[str] = []
    for minute in range(7 * 24 * 60 + 120):
        planned.look(60.0)
        if planned.worker.busy:
            begun.append(f"{planned.clock.now():%a %H:%M}")
            planned.trader.ends = BROKEN if begun[-1].startswith("Tue") else IDLE_RUN
            planned.work()
        if minute == 2 * 24 * 60:
            planned.requests.send(planned.ada, Action.START, why="mended")
            planned.look(0.0)
    assert begun == ["Mon 13:25", "Tue 13:25", "Wed 13:25", "Fri 13:25", "Mon 13:25"]
    ended = [row["state"] for row in planned.launches() if row["event"] == "ended"]
    assert ended == ["idle", "error", "idle", "idle", "idle"]
    days = [row["day"] for row in planned.launches() if row["event"] == "begun"]
    assert days == ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05", "2024-07-08"]


IDLE_RUN = Outcome(state=BotState.IDLE, exit_code=0, session="s", text="")


def test_a_day_that_nobody_launched_is_recorded_as_missed(planned: House) -> None:
    """The machine was off from Tuesday night to Thursday: Wednesday is missed, not made up."""
    planned.clock = FakeClock(datetime(2024, 7, 1, 20, 0, tzinfo=UTC))
    planned.start()
    planned.begin()
    planned.requests.send(planned.ada, Action.START)
    planned.look()
    assert read_known(planned.home).next_at == "2024-07-02T13:25:00Z"
    planned.clock.advance(3 * 86_400.0)
    planned.start()
    planned.begin()
    planned.look()
    assert planned.trader.calls == []
    missed = [row["day"] for row in planned.launches() if row["event"] == "missed"]
    assert missed == ["2024-07-01", "2024-07-02", "2024-07-03"]
    assert read_known(planned.home).next_day == "2024-07-05"


def test_days_before_the_start_are_nobodys_to_miss(planned: House) -> None:
    """A bot that was stopped for a month has missed nothing when it is started again."""
    planned.memory.change(done="2024-01-02", rest="stopped")
    planned.begin()
    planned.requests.send(planned.ada, Action.START)
    planned.look()
    planned.look()
    assert [row for row in planned.launches() if row["event"] == "missed"] == []


def test_a_stop_disarms_the_schedule(planned: House) -> None:
    """No session begins before somebody starts the bot again."""
    planned.begin()
    planned.requests.send(planned.ada, Action.START)
    planned.look()
    planned.requests.send(planned.ada, Action.STOP)
    planned.look()
    planned.work()
    assert not read_known(planned.home).armed
    planned.clock.advance(86_400.0)
    planned.look()
    assert planned.trader.calls == ["close"]


# What is seldom, and must be right.


def test_a_dry_run_leaves_a_stopped_bot_stopped(house: House) -> None:
    """Its result is nobody's Start (M16)."""
    house.memory.change(rest="stopped", reason="a person's stop")
    house.begin()
    house.requests.send(house.ada, Action.RUN_TESTS)
    house.look()
    house.flags.take_tests()
    house.work()
    assert read_state(house.home) is BotState.STOPPED
    assert read_known(house.home).rest == "stopped"


def test_a_kill_that_comes_while_a_session_is_refused_is_obeyed_at_once(house: House) -> None:
    """The launch failed for the flag that lies there; nobody waits for the kill."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.requests.send(house.ada, Action.KILL)
    house.trader.ends = BROKEN
    house.work()
    assert house.worker.busy
    house.work()
    assert house.trader.calls == ["run", "kill"]


def test_a_kill_after_a_stop_still_latches(house: House) -> None:
    """A kill flag that a graceful end did not answer is obeyed after it."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.requests.send(house.ada, Action.KILL)
    house.trader.ends = STOPPED
    house.work()
    house.work()
    assert house.trader.calls == ["run", "kill"]


def test_a_start_waits_while_a_stopped_session_is_put_away(house: House) -> None:
    """The account is flat and `stopped` is shown: the press of Start counts, it is not refused."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.state.write("stopped")
    house.requests.send(house.ada, Action.START)
    house.look()
    assert house.trader.calls == []
    house.trader.ends = STOPPED
    house.work()
    house.work()
    assert house.trader.calls == ["run", "run"]


def test_what_was_left_unfinished_is_finished_before_the_next_session(house: House) -> None:
    """Start closes the old record, and then runs what was asked for."""
    house.memory.change(rest="stopped")
    house.begin()
    house.trader.left = SessionRequest(symbols=("SPY",))
    house.requests.send(house.ada, Action.START)
    house.look()
    house.worker.go()
    house.trader.left = None
    house.look()
    house.work()
    assert house.trader.calls == ["run again", "run"]
    triggers = [row["trigger"] for row in house.launches() if row["event"] == "begun"]
    assert triggers == ["recovery", "start"]


def test_the_day_is_not_used_up_by_the_rest_of_another(planned: House) -> None:
    """The schedule finishes what was left, and launches the day all the same."""
    planned.clock = FakeClock(datetime(2024, 7, 2, 13, 26, tzinfo=UTC))
    planned.start()
    planned.begin()
    planned.trader.left = SessionRequest(symbols=("SPY",))
    planned.requests.send(planned.ada, Action.START)
    planned.look()
    planned.worker.go()
    planned.trader.left = None
    planned.look()
    planned.look()
    planned.work()
    assert planned.trader.calls == ["run again", "run"]


def test_after_a_defect_nothing_begins_by_itself(planned: House) -> None:
    """Error, disarmed, also over a restart; a session that runs is left alone."""
    planned.begin()
    planned.requests.send(planned.ada, Action.START)
    planned.look()
    planned.resident.fail("RuntimeError: a defect")
    assert read_state(planned.home) is BotState.ERROR
    planned.start()
    planned.begin()
    assert read_state(planned.home) is BotState.ERROR
    assert not read_known(planned.home).armed


def test_a_defect_does_not_touch_a_session_that_runs(house: House) -> None:
    """The engine does not need the looks of its supervisor."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.resident.fail("RuntimeError: a defect")
    house.work()
    assert read_state(house.home) is BotState.IDLE


def test_its_own_flag_does_not_outlive_it(house: House) -> None:
    """A stop that the supervisor raised for its own end would stop the next one."""
    house.begin()
    house.requests.send(house.ada, Action.START)
    house.look()
    house.resident.ask_to_end()
    house.flags.raise_flag(Command.STOP, "rigd up", "end", "rigd up")
    house.trader.ends = replace(BROKEN, session="")
    house.work()
    house.look()
    assert house.resident.over
    assert house.files() == []
    assert read_known(house.home).rest == "idle"


def test_keys_are_looked_after_while_no_session_runs(house: House) -> None:
    """Once a second; never beside a session."""
    house.begin()
    house.look()
    assert house.kept_keys == 1
    house.look(0.1)
    house.requests.send(house.ada, Action.START)
    house.look()
    house.look()
    assert house.kept_keys == 1


def test_an_end_that_the_disk_refuses_is_published_when_it_does_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State, memory and record are caught up on; the same end, once, and nothing begins."""
    house.begin()
    house.trader.ends = BROKEN
    house.flags.raise_flag(Command.START, "ada", "", "cli")
    house.look()
    house.worker.go()
    with monkeypatch.context() as full:
        for name in ("write", "append_line"):
            full.setattr(Registry, name, refuse)
        for _ in range(3):
            with suppress(StorageError):  # as the supervisor's outermost loop
                house.look()
        assert read_state(house.home) is BotState.IDLE
        assert any("it died" in text for text in house.told)
    house.look()
    house.look()
    assert read_state(house.home) is BotState.ERROR
    assert read_known(house.home).rest == "error"
    assert [row["event"] for row in house.launches()] == ["begun", "ended"]
    assert house.trader.calls == ["run"]


@pytest.mark.parametrize(("command", "does"), [(Command.STOP, "close"), (Command.KILL, "kill")])
def test_a_full_disk_keeps_no_way_out_closed(
    house: House, monkeypatch: pytest.MonkeyPatch, command: Command, does: str
) -> None:
    """Stop and kill are obeyed while neither state nor audit can be written."""
    house.begin()
    house.flags.raise_flag(command, "ada", "now", "cli")
    with monkeypatch.context() as full:
        for name in ("write", "append_line"):
            full.setattr(Registry, name, refuse)
        with suppress(StorageError):
            house.look()
        house.worker.go()
        assert house.trader.calls == [does]


def refuse(*_: object, **__: object) -> None:
    raise StorageError("no space left on device", errno=28)
