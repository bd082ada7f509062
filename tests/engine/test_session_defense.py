"""Defense mode in the session: entered by its triggers, recorded, kept, and biting."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.core.events import (
    AlertRaised,
    Command,
    DefenseChanged,
    EmergencyMet,
    OrderIntent,
    SessionStarted,
)
from rigd.core.orders import Purpose
from rigd.core.values import Reference
from rigd.reporting.logs import session_logs
from rigd.risk.defense_mode import DefenseState, Trigger
from tests.engine.test_session import FRIDAY, SYMBOLS, assert_sound, world
from tests.engine.world import real_bars

if TYPE_CHECKING:
    from tests.engine.world import World


KNOWN = {
    symbol: Reference(
        previous_close=bars[0].open, previous_volume=10_000_000.0, market_cap=1_000_000_000.0
    )
    for symbol, bars in real_bars(FRIDAY, *SYMBOLS).items()
}
"""What was known of the symbols: defense mode blocks what is not known."""


def changes(run: World) -> list[DefenseChanged]:
    return run.journal.records(DefenseChanged)


def entries(run: World) -> list[OrderIntent]:
    return [each for each in run.intents if each.purpose is Purpose.ENTRY]


def drawdown(limit: str = "1") -> World:
    """A day whose loss passes half of the limit and never the whole."""
    return world(FRIDAY, daily_loss_limit=limit)


def deepest(run: World) -> Decimal:
    """The deepest loss of the day, seen minute by minute."""
    worst = Decimal(0)

    def look(_minute: int) -> None:
        nonlocal worst
        worst = min(worst, run.session.desk.kill_switch.day_pnl)

    run.run(look)
    return worst


@pytest.fixture(scope="module")
def lossy() -> World:
    """A limit of 1.5 times the day's deepest loss: past its half, short of the whole."""
    loss = -deepest(world(FRIDAY))
    assert loss > 0
    fraction = (loss * Decimal("1.5") / 100_000).quantize(Decimal("0.00000001"))
    return drawdown(str(fraction)).run()


def test_a_drawdown_enters_defense_mode_in_the_middle_of_a_session(lossy) -> None:
    """S15, X11: recorded with trigger and limits, saved first, no restart, trading goes on."""
    (change,) = changes(lossy)
    assert (change.on, change.trigger) == (True, "drawdown")
    limits = dict(change.limits)
    assert (limits["defense_mode"], limits["max_trades"]) == ("on", "1")
    place = lossy.kinds().index("DefenseChanged")
    assert [state.on for count, state in lossy.saved_defense if count <= place][-1]
    assert lossy.session.desk.defense
    (met,) = [each for each in lossy.journal.records(EmergencyMet) if "defense" in each.event]
    assert met.response == "limits compressed"
    assert lossy.session.closed.exit_code == 0
    assert_sound(lossy)


def test_the_limits_bite_from_then_on() -> None:
    """S16: by hand at minute 5: one entry per window (3 x 0.66 = 1.98), half the money."""
    run, free = (replace(world(FRIDAY), references=KNOWN) for _ in range(2))
    free.run()

    def enter(minute: int) -> None:
        if minute == 5:
            run.session.enter_defense(Trigger.OPERATOR, "by hand")

    run.run(enter)
    assert [each.trigger for each in changes(run)] == ["operator"]
    per_window = Counter(each.strategy for each in entries(run))
    assert max(per_window.values()) == 1
    assert max(Counter(each.strategy for each in entries(free)).values()) > 1
    spent = {each.cl_ord_id: each.qty * each.reference_price for each in entries(free)}
    for each in entries(run):
        part = each.qty * each.reference_price / spent[each.cl_ord_id]
        assert round(part, 4) == Decimal("0.5")


def test_the_change_stands_in_the_disaster_log(lossy) -> None:
    """S18: one row with the trigger."""
    log = session_logs(lossy.journal.entries())["disaster_mode.log"].decode()
    rows = [json.loads(line) for line in log.splitlines()]
    (row,) = [each for each in rows if each["event"] == "defense_mode"]
    assert row["message"].startswith("defense mode on by drawdown")
    assert row["details"]["limits"]["max_trades"] == "1"


def test_the_next_session_stays_in_defense(lossy) -> None:
    """S19: another session under the saved state begins compressed and says so."""
    after = world(FRIDAY)
    after.defense = DefenseState.from_json(
        lossy.saved_defense[-1][1].to_json() | {"session": "2013-10-03_1"}
    )
    after.run()
    (started,) = after.journal.records(SessionStarted)
    limits = dict(started.limits)
    assert (limits["defense_mode"], limits["max_trades"]) == ("on", "1")
    assert started.session_cap == Decimal(1000)
    assert [each.trigger for each in changes(after)] == ["drawdown"]
    assert len(entries(after)) <= 3


def test_defense_survives_a_crash_at_any_point(lossy) -> None:
    """Cut off anywhere around the change it is on afterwards, and recorded once."""
    place = lossy.kinds().index("DefenseChanged")
    marks = [*lossy.journal.marks, len(lossy.log.rows)]
    for count in range(place - 2, place + 4):
        run = lossy.again(count, marks[count]).run()
        assert len(changes(run)) == 1, count
        assert run.session.desk.defense
        assert [each.cl_ord_id for each in entries(run)] == [
            each.cl_ord_id for each in entries(lossy)
        ]
        assert_sound(run)


def test_a_low_win_rate_enters_defense_mode() -> None:
    """S15: nine losses of earlier sessions and the first lost trade of this one."""
    run = world(FRIDAY)
    run.defense = DefenseState(session="2013-10-03_1", carried="L" * 19)
    run.run()
    (change,) = changes(run)
    assert change.trigger == "win_rate"
    assert_sound(run)


def test_a_flag_of_the_settings_is_recorded_at_the_start() -> None:
    """S15, S17: DEFENSE_MODE_ACTIVE, with the effective limits in the record."""
    run = world(FRIDAY, defense_mode_active="true").run()
    (change,) = changes(run)
    assert (change.trigger, dict(change.limits)["total_allocation"]) == ("settings", "0.01")
    assert run.kinds().index("DefenseChanged") < run.kinds().index("StateChanged")


@pytest.mark.parametrize("command", [Command.KILL, Command.STOP])
def test_the_session_after_a_kill_begins_in_defense(command) -> None:
    """SPEC §4: after a kill, not after a stop."""
    killed = world(FRIDAY)
    killed.run(killed.ask_at(25, command))
    assert changes(killed) == []
    after = world(FRIDAY)
    state = killed.saved_defense[-1][1].to_json()
    after.defense = DefenseState.from_json({
        name: value.replace("_1", "_0") if isinstance(value, str) else value
        for name, value in state.items()
    })
    after.run()
    found = [each.trigger for each in changes(after)]
    assert found == (["after_kill"] if command is Command.KILL else [])
    assert bool(killed.journal.records(AlertRaised)) is (command is Command.KILL)
