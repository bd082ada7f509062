"""The main page: values of their files, controls of the state, effects by requests alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from tests.widgets.world import (
    ATTACK,
    BOT,
    elements,
    empty_world,
    is_shown,
    markup,
    press,
    words,
    world,
)
from widgets.dashboard import Dashboard

if TYPE_CHECKING:
    from pathlib import Path

MONITORING = "monitoring only; official = ledger"


def test_it_shows_what_the_files_say(tmp_path: Path) -> None:
    """State, heartbeat, PnL, trades, positions, float, uptime and health of the sample session."""
    shown = words(world(tmp_path).page(Dashboard).view)
    for expected in (
        "Bot state trading window open",
        "Heartbeat 2.0 s pid 4711",
        "Session PnL +16.00 USD unrealised 3.2",
        "Trades 3 win rate 33 %",
        "Open positions 1 / 5",
        "Float used 25.0 % 500 of 2,000",
        "Risk ACTIVE kill switch armed, defense off",
        "IBM open short -10 100.5 100.18 +3.20",
        "up 1 h 02 min",
        "Broker SIM",
        "real minute bars",
    ):
        assert expected in shown


def test_pnl_stands_by_strategy_and_span(tmp_path: Path) -> None:
    """Each strategy with trades, win rate and PnL of session, day, week and month."""
    shown = words(world(tmp_path).page(Dashboard).view)
    assert "open 0-60 1 100 % +14.80 +14.80 +14.80 +14.80" in shown
    assert "mid – 1 0 % -2.00 -2.00 -2.00 -2.00" in shown
    assert "total – 3 33 % +12.80 +12.80 +12.80 +12.80" in shown


def test_figures_say_that_the_ledger_is_official(tmp_path: Path) -> None:
    """U8, G13: the label stands over the curve and over the table."""
    page = world(tmp_path).page(Dashboard)
    assert MONITORING in words(page.live)
    assert MONITORING in words(page.strategies)


def test_orders_and_funnel_come_from_the_journal(tmp_path: Path) -> None:
    """The newest order and the funnel of the hand-made session."""
    shown = words(world(tmp_path).page(Dashboard).view)
    assert "Orders newest" in shown
    assert "filled" in shown
    assert "Funnel from candidates to trades" in shown


def test_the_curve_has_one_series_for_each_strategy(tmp_path: Path) -> None:
    """U9: the whole and open, mid, close; the sums are those of the trades."""
    series = world(tmp_path).page(Dashboard).chart._series
    assert list(series) == ["total", "open", "mid", "close"]
    assert series["open"].y[-1] == 14.8
    assert series["mid"].y[-1] == -2.0
    assert series["total"].y[-1] == 16.0


def test_a_new_status_moves_the_curve(tmp_path: Path) -> None:
    """The line of the whole grows with status.json."""
    made = world(tmp_path)
    page = made.page(Dashboard)
    made.status(market_time="2013-10-07T16:21:00Z", pnl={"total": "21.5"})
    page.draw(page.read())
    assert page.chart._series["total"].y[-2:] == (16.0, 21.5)


@pytest.mark.parametrize(
    ("state", "works"),
    [
        ("stopped", ["start", "kill"]),
        ("idle", ["stop", "kill"]),
        ("trading", ["stop", "kill"]),
        ("graceful_closing_positions", ["kill"]),
        ("emergency_closing_positions", []),
    ],
)
def test_the_controls_follow_the_state(tmp_path: Path, state: str, works: list[str]) -> None:
    """What the state machine would refuse cannot be pressed."""
    made = world(tmp_path)
    made.state(state)
    page = made.page(Dashboard)
    controls = {
        "start": page.start.first,
        "stop": page.stop.first,
        "kill": page.kill.press,
    }
    assert [name for name, made in controls.items() if not made.disabled] == works


@pytest.mark.parametrize(
    ("state", "feedback"),
    [
        ("graceful_closing_positions", "Graceful closing"),
        ("emergency_closing_positions", "Hard closing"),
        ("stopped", "Stopped"),
    ],
)
def test_closing_and_stopped_are_told(tmp_path: Path, state: str, feedback: str) -> None:
    """U4, U5: the banner says graceful, hard or stopped."""
    made = world(tmp_path)
    made.state(state)
    assert words(made.page(Dashboard).banner).startswith(feedback)


def test_start_stop_and_kill_are_requests(tmp_path: Path) -> None:
    """J7, U17: each press leaves one request, after its confirmation, and nothing else."""
    made = world(tmp_path)
    made.state("stopped")
    page = made.page(Dashboard)
    press(page.start.first)
    press(page.start.second)
    made.state("trading")
    page.draw(page.read())
    press(page.stop.first)
    press(page.stop.second)
    page.kill.word.value = "KILL"
    press(page.kill.press)
    assert [action for action, _, _ in made.requests.sent] == [
        Action.START,
        Action.STOP,
        Action.KILL,
    ]
    assert "it was done" in words(page.told)


def test_a_start_at_a_real_broker_is_another_action(tmp_path: Path) -> None:
    """In LIVE the fresh password is asked for (S07)."""
    made = world(tmp_path)
    made.state("stopped")
    made.status(profile="PRODUCTION", broker="ALPACA")
    page = made.page(Dashboard)
    press(page.start.first)
    press(page.start.second)
    assert made.requests.sent[0][0] is Action.START_LIVE


def test_defense_is_switched_the_other_way(tmp_path: Path) -> None:
    """Off becomes on, and on becomes off."""
    made = world(tmp_path)
    page = made.page(Dashboard)
    press(page.defense.first)
    press(page.defense.second)
    made.status(defense_mode=True)
    page.draw(page.read())
    press(page.defense.first)
    press(page.defense.second)
    assert [payload for _, _, payload in made.requests.sent] == [{"on": "true"}, {"on": "false"}]


def test_a_tripped_kill_switch_can_be_released(tmp_path: Path) -> None:
    """The control appears with the trip, for who may."""
    made = world(tmp_path)
    page = made.page(Dashboard)
    assert not is_shown(page.reset.view)
    made.write("risk_state.json", {"tripped": True, "cause": "daily loss"})
    page.draw(page.read())
    assert is_shown(page.reset.view)
    assert "Risk KILLED daily loss" in words(page.view)
    press(page.reset.first)
    press(page.reset.second)
    assert made.requests.sent[0][0] is Action.RESET_KILL


def test_a_kill_before_the_first_session_shows_and_can_be_released(tmp_path: Path) -> None:
    """A bot that was set up and never ran has a kill switch too."""
    made = empty_world(tmp_path)
    made.state("stopped")
    made.write("risk_state.json", {"tripped": True, "cause": "killed"})
    ledger = made.home.bot(BOT).ledger_db
    ledger.parent.mkdir(parents=True)
    ledger.touch()
    page = made.page(Dashboard)
    assert "Risk KILLED killed" in words(page.view)
    assert is_shown(page.reset.view)


def test_a_released_kill_switch_is_armed_whatever_the_last_session_said(tmp_path: Path) -> None:
    """status.json of a session that was killed stays; the switch's own file is what counts."""
    made = world(tmp_path)
    made.status(kill_switch={"tripped": True, "cause": "killed"}, defense_mode=True)
    made.write("risk_state.json", {"tripped": False, "cause": ""})
    made.write("defense_state.json", {"on": False})
    made.clock.advance(60)
    page = made.page(Dashboard)
    assert "kill switch armed, defense off" in words(page.view)
    assert page.defense.first.description == "Defense on"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_who_may_not_sees_no_controls_and_forges_none(tmp_path: Path, role: Role) -> None:
    """Hidden controls that are pressed by a forged message have no effect (S02)."""
    made = world(tmp_path)
    made.session.role = role
    page = made.page(Dashboard)
    for control in (page.start, page.stop, page.defense):
        assert not is_shown(control.view)
        press(control.first)
        press(control.second)
    page.kill.word.value = "KILL"
    press(page.kill.press)
    assert made.requests.sent == []
    assert all(not allowed for _, allowed in made.session.required)


def test_trading_actions_rest_while_tests_run(tmp_path: Path) -> None:
    """U16: Start and defense are off; stopping and killing stay possible."""
    made = world(tmp_path)
    made.state("stopped")
    (made.home.control / "test_mode.flag").touch()
    page = made.page(Dashboard)
    assert page.start.first.disabled
    assert page.defense.first.disabled
    assert not page.kill.press.disabled
    assert "Trading actions are disabled" in words(page.banner)


def test_an_empty_home_has_a_dashboard(tmp_path: Path) -> None:
    """Nothing known is dashes, not an error."""
    shown = words(empty_world(tmp_path).page(Dashboard).view)
    assert "No state is known. No supervisor" in shown
    assert "no open position" in shown


def test_no_value_of_a_file_becomes_markup(tmp_path: Path) -> None:
    """S09: symbols, reasons and causes with tags are shown as text."""
    made = world(tmp_path)
    made.status(
        reason=ATTACK,
        data_label=ATTACK,
        broker=ATTACK,
        currency=ATTACK,
        positions=[{"symbol": ATTACK, "strategy": ATTACK, "qty": ATTACK}],
        strategies=[{"name": "open", "window_minutes": ATTACK}],
        kill_switch={"tripped": True, "cause": ATTACK},
    )
    page = made.page(Dashboard)
    assert ATTACK in words(page.view)
    assert not {"script", "img"} & {name for name, _ in elements(markup(page.view))}


def test_a_resting_bot_of_the_test_profile_can_be_started(tmp_path: Path) -> None:
    """Its idle waits for nothing but a person: Start runs a session of the sample."""
    made = empty_world(tmp_path)
    made.write("provisioning_status.json", {"profile": "TEST"})
    made.state("idle")
    page = made.page(Dashboard)
    assert not page.start.first.disabled
    assert made.page(Dashboard).chart._series["total"].x == ()
