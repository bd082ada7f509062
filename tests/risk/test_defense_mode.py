"""When defense mode begins, that it lasts, and how it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.core.errors import ConfigError, DataError
from rigd.risk.defense_mode import DefenseMode, DefenseState, Trigger, leave, self_check
from tests.factories import settings

D = Decimal
NOON = datetime(2013, 10, 7, 16, 0, tzinfo=UTC)
LIMIT = D(5000)


def mode(state: DefenseState | None = None, session: str = "2013-10-07_1", **overrides):
    """Defense mode of a session with a lowest win rate of 0.35."""
    return DefenseMode(
        settings=settings(**overrides), session=session, state=state or DefenseState(), at=NOON
    )


def pnls(text: str) -> list[Decimal]:
    """One trade per letter: W wins 1, L loses 1, Z is zero."""
    return [D({"W": 1, "L": -1, "Z": 0}[letter]) for letter in text]


def observe(watch, pnl="0", trades=""):
    return watch.observe(day_pnl=D(pnl), limit=LIMIT, pnls=pnls(trades))


@pytest.mark.parametrize(
    ("pnl", "met"), [("-2499.99", False), ("-2500", False), ("-2500.01", True), ("9", False)]
)
def test_a_loss_past_half_of_the_limit_is_a_trigger(pnl, met) -> None:
    """S15, SPEC §4: half of 5,000 must be passed, not only reached."""
    found = observe(mode(), pnl)
    assert (found is not None) is met
    if found:
        assert found == (Trigger.DRAWDOWN, "day's PnL -2500.01 passed -2500")


@pytest.mark.parametrize(
    ("trades", "met"),
    [
        ("L" * 9, False),
        ("L" * 10, True),
        ("WWW" + "L" * 7, True),
        ("WWWW" + "L" * 6, False),
        ("Z" * 7 + "WWW", True),
        ("L" * 20 + "W" * 7 + "L" * 13, False),
        ("W" * 20 + "W" * 6 + "L" * 14, True),
    ],
)
def test_too_few_wins_of_the_last_twenty_are_a_trigger(trades, met) -> None:
    """S15, SPEC §4: under 0.35 of the last 20, of at least 10; a trade of zero did not win."""
    found = observe(mode(), "0", trades)
    assert (found is not None) is met
    if found:
        assert found[0] is Trigger.WIN_RATE


def test_the_trades_of_earlier_sessions_count() -> None:
    """Six losses yesterday and four today are ten; a resumed session counts its own once."""
    first = mode()
    observe(first, "0", "L" * 6)
    again = mode(first.state)
    assert observe(again, "0", "L" * 6) is None
    second = mode(again.state, "2013-10-08_1")
    assert observe(second, "0", "L" * 3) is None
    assert observe(second, "0", "L" * 4) == (
        Trigger.WIN_RATE,
        "0 of the last 10 trades won, at least 0.35 must",
    )


def test_the_settings_switch_it_on_at_the_start() -> None:
    """S15, S17: DEFENSE_MODE_ACTIVE is the session's flag."""
    watch = mode(defense_mode_active="true")
    assert watch.on
    assert (watch.state.trigger, watch.state.at) == ("settings", NOON)


def test_the_session_after_a_kill_begins_in_it() -> None:
    """SPEC §4: not the killed session taken up again, but the next one."""
    killed = mode()
    killed.note_kill()
    assert not killed.on
    assert not mode(killed.state).on
    after = mode(killed.state, "2013-10-07_2")
    assert after.on
    assert (after.state.trigger, after.state.detail) == (
        "after_kill",
        "session 2013-10-07_1 was killed",
    )


def test_once_on_it_stays_on_over_sessions_and_is_entered_once() -> None:
    """S19: nothing but an operator ends it; the first trigger is the one on record."""
    watch = mode()
    assert watch.enter(Trigger.DRAWDOWN, "lost", NOON)
    assert not watch.enter(Trigger.WIN_RATE, "lost", NOON)
    assert observe(watch, "-5000", "L" * 20) is None
    later = mode(stored(watch.state), "2013-10-08_1")
    assert later.on
    assert later.state.trigger == "drawdown"


def stored(state: DefenseState) -> DefenseState:
    """The state as it comes back from a file."""
    return DefenseState.from_json(json.loads(json.dumps(state.to_json())))


@given(
    on=st.booleans(),
    text=st.text(max_size=9),
    outcomes=st.text("WL", max_size=30),
    at=st.none() | st.just(NOON),
)
@hypothesis_settings(max_examples=50)
def test_the_state_survives_its_file(on, text, outcomes, at) -> None:
    """Every field comes back."""
    state = DefenseState(on=on, trigger=text, detail=text, at=at, carried=outcomes, killed=text)
    assert stored(state) == state


@pytest.mark.parametrize(
    "change",
    [
        {"on": "yes"},
        {"on": None},
        {"trigger": 3},
        {"carried": "WX"},
        {"at": "soon"},
        {"colour": "red"},
    ],
)
def test_a_state_that_cannot_be_read_is_on(change) -> None:
    """Safety checks fail closed (FAULTS §3.7)."""
    found = DefenseState.from_json(DefenseState().to_json() | change)
    assert (found.on, found.trigger) == (True, "state_unreadable")
    assert DefenseState.from_json([]).on


def test_an_outcome_is_won_or_lost() -> None:
    """Anything else is refused."""
    with pytest.raises(DataError):
        DefenseState(carried="WD")


def test_an_operator_leaves_it_with_a_reason_and_counting_begins_anew() -> None:
    """S19: who and why are kept; the losses that led here no longer count."""
    watch = mode()
    observe(watch, "0", "L" * 10)
    watch.enter(Trigger.WIN_RATE, "few wins", NOON)
    state = leave(watch.state, by=" ann ", reason=" mended ")
    assert (state.on, state.left_by, state.left_reason) == (False, "ann", "mended")
    assert observe(mode(state, "2013-10-08_1"), "0", "L" * 9) is None


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("ann", " ")])
def test_leaving_without_name_or_reason_is_refused(by, reason) -> None:
    """S19: reset without note refused."""
    with pytest.raises(ConfigError, match="reason"):
        leave(DefenseState(on=True), by=by, reason=reason)


def test_what_is_not_on_cannot_be_left() -> None:
    """There is nothing to leave."""
    with pytest.raises(ConfigError, match="not on"):
        leave(DefenseState(), by="ann", reason="x")


@pytest.mark.parametrize("rate", ["0", "0.35", "1"])
def test_the_self_check_passes_with_any_win_rate(rate) -> None:
    """S13: it names the trigger in force."""
    found = self_check(settings(defense_mode_min_win_rate=rate))
    assert found.passed
    assert found.detail == f"win rate of {rate} in 10 to 20 trades"
    assert self_check(settings(defense_mode_active="true")).passed


def test_the_self_check_fails_when_a_trigger_is_dead(monkeypatch) -> None:
    """S13: a trigger that is never met refuses the launch."""
    monkeypatch.setattr("rigd.risk.defense_mode.LOSS_PART", D(10))
    found = self_check(settings())
    assert not found.passed
    assert found.detail == "wrong answer to more than half"
