"""The kill switch."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.core.errors import ConfigError, DataError, LogicError
from rigd.risk.kill_switch import (
    Cause,
    KillSwitch,
    LatchState,
    Trip,
    reset,
    self_check,
    trip,
    unreadable,
    worst,
)
from tests.factories import settings

D = Decimal
EQUITY = D(100_000)
DAY = date(2013, 10, 7)
NOON = datetime(2013, 10, 7, 16, 0, tzinfo=UTC)


def switch(state=None, *, equity=EQUITY, day=DAY, session=1):
    """Return a switch that trips at 5 % of the equity: 5,000."""
    return KillSwitch(
        limit_fraction=D("0.05"),
        equity=equity,
        day=day,
        session=session,
        state=state or LatchState(),
    )


def observe(watch, pnl, *, stale=False):
    """Show the switch a PnL at noon."""
    return watch.observe(
        pnl=None if pnl is None else D(pnl), stale=stale, at=NOON, day=watch.state.day
    )


@pytest.mark.parametrize(
    ("pnl", "trips"), [("-4999.99", False), ("-5000", True), ("-5000.01", True), ("9999", False)]
)
def test_it_trips_when_the_loss_reaches_the_limit(pnl, trips):
    """INVENTORY S1, SPEC §4: 5 % of 100,000 is 5,000, realised plus unrealised."""
    watch = switch()
    trip = observe(watch, pnl)
    assert watch.tripped is trips
    assert (trip is not None) is trips


def test_the_trip_says_why_with_the_numbers():
    """INVENTORY S1: cause, day's PnL and limit go to the journal."""
    assert observe(switch(), "-5000.25") == Trip(
        cause=Cause.LOSS_LIMIT,
        detail="day's PnL -5000.25 reached -5000",
        day_pnl="-5000.25",
        limit=D(5000),
    )


@pytest.mark.parametrize("pnl", ["NaN", "sNaN", "Infinity", "-Infinity", None])
def test_an_unknown_pnl_trips(pnl):
    """INVENTORY S1, FAULTS M20, X05: NaN, infinite or no PnL is a breach."""
    watch = switch()
    trip = observe(watch, pnl)
    assert watch.tripped
    assert trip is not None
    assert (trip.cause, trip.day_pnl) == (Cause.PNL_UNKNOWN, "unknown")


def test_stale_marks_of_all_held_symbols_trip():
    """SPEC §4: a PnL made of stale marks is not known."""
    trip = observe(switch(), "0", stale=True)
    assert trip is not None
    assert trip.cause is Cause.MARKS_STALE


def test_the_pnl_of_another_day_is_not_known():
    """A switch of one exchange day does not judge by the numbers of another."""
    watch = switch()
    trip = watch.observe(pnl=D(0), stale=False, at=NOON, day=DAY + timedelta(days=1))
    assert trip is not None
    assert trip.cause is Cause.PNL_UNKNOWN


def test_it_trips_once_and_stays_tripped_when_the_loss_recovers():
    """SPEC §4: latched until an admin resets it."""
    watch = switch()
    assert observe(watch, "-6000") is not None
    assert observe(watch, "100") is None
    assert observe(watch, "-7000") is None
    assert watch.tripped
    assert (watch.state.cause, watch.state.pnl, watch.state.at) == (
        "daily_loss_limit",
        "-6000",
        NOON,
    )


def stored(watch):
    """Return the state as it comes back from a file."""
    return LatchState.from_json(json.loads(json.dumps(watch.state.to_json())))


def test_a_restart_keeps_the_latch():
    """INVENTORY S1: a tripped switch is tripped again in the next process, session and day."""
    watch = switch()
    observe(watch, "-6000")
    assert stored(watch) == watch.state
    assert switch(stored(watch)).tripped
    assert switch(stored(watch), session=2).tripped
    assert switch(stored(watch), day=DAY + timedelta(days=1)).tripped


def test_a_resumed_session_counts_its_loss_once():
    """INVENTORY S1: after a crash the same session's PnL is seen again, not added twice."""
    first = switch()
    observe(first, "-3000")
    again = switch(stored(first))
    assert observe(again, "-3000") is None
    assert observe(again, "-5000") is not None


def test_a_second_session_of_the_day_goes_on_counting():
    """INVENTORY S1: the counter of the exchange day outlives a restart: -3,000 then -2,000 trip."""
    first = switch()
    observe(first, "-3000")
    second = switch(stored(first), session=2, equity=D(97_000))
    assert second.limit == D(4850)
    assert observe(second, "-1849.99") is None
    trip = observe(second, "-1850")
    assert trip is not None
    assert trip.day_pnl == "-4850"


def test_a_higher_equity_later_in_the_day_does_not_widen_the_limit():
    """The smallest equity at a session start of the day counts."""
    first = switch()
    assert switch(stored(first), session=2, equity=D(900_000)).limit == D(5000)


def test_a_new_day_begins_at_zero():
    """SPEC §4: counted per exchange day, against that day's equity."""
    first = switch()
    observe(first, "-4000")
    tomorrow = switch(stored(first), day=DAY + timedelta(days=1), session=1, equity=D(96_000))
    assert tomorrow.limit == D(4800)
    assert observe(tomorrow, "-4000") is None


def test_an_admin_with_a_reason_releases_it():
    """SPEC §4: the reset is recorded with who and why, and the next observation is free."""
    watch = switch()
    observe(watch, "NaN")
    state = reset(watch.state, by="admin", reason="feed repaired")
    assert (state.tripped, state.reset_by, state.reset_reason) == (False, "admin", "feed repaired")
    released = switch(state)
    assert not released.tripped
    assert observe(released, "-10") is None


def test_a_reset_does_not_forgive_the_losses_of_the_day():
    """A day over its limit trips again at once, in this session and in the next of the day."""
    watch = switch()
    observe(watch, "-6000")
    state = reset(watch.state, by="admin", reason="looked into it")
    assert observe(switch(state), "-6000") is not None
    assert observe(switch(state, session=2), "0") is not None


def test_a_reset_may_forget_the_day_on_purpose():
    """With `forget_day` the day counts from the reset on, in this session and in the next."""
    watch = switch()
    observe(watch, "-6000")
    state = reset(watch.state, by="admin", reason="loss accepted", forget_day=True)
    same, following = switch(state), switch(state, session=2)
    assert observe(same, "-6000") is None
    assert observe(same, "-11000") is not None
    assert observe(following, "0") is None
    assert observe(following, "-5000") is not None


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("admin", ""), ("admin", "  ")])
def test_a_reset_without_name_or_reason_is_refused(by, reason):
    """SPEC §4: only a named admin with a reason."""
    with pytest.raises(ConfigError, match="reason"):
        reset(LatchState(tripped=True), by=by, reason=reason)


def test_a_reset_of_what_is_not_tripped_is_refused():
    """There is nothing to release."""
    with pytest.raises(ConfigError, match="not tripped"):
        reset(LatchState(), by="admin", reason="x")


GOOD = LatchState(day=DAY, session=1, equity=D(100_000)).to_json()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "tripped",
        {},
        GOOD | {"tripped": "no"},
        GOOD | {"tripped": 0},
        GOOD | {"carried": "NaN"},
        GOOD | {"carried": 5.0},
        GOOD | {"latest": "lots"},
        GOOD | {"equity": "Infinity"},
        GOOD | {"day": "yesterday"},
        GOOD | {"at": "2013-10-07T16:00:00"},
        GOOD | {"cause": None},
        GOOD | {"session": "1"},
        GOOD | {"extra": 1},
    ],
    ids=str,
)
def test_a_state_that_cannot_be_read_is_tripped(data):
    """FAULTS §3.7: a damaged latch file is a closed latch."""
    state = LatchState.from_json(data)
    assert (state.tripped, state.cause) == (True, "state_unreadable")
    assert state.detail
    assert switch(state).tripped


def test_a_good_state_comes_back_as_it_was():
    """Writing and reading lose nothing."""
    state = LatchState.from_json(GOOD)
    assert not state.tripped
    assert state.equity == D(100_000)
    assert unreadable("x").tripped


def test_a_state_with_an_infinite_amount_does_not_exist():
    """Amounts are finite."""
    with pytest.raises(DataError, match="finite"):
        LatchState(carried=D("Infinity"))


@pytest.mark.parametrize("fraction", [D(0), D("-0.05"), D("1.01"), D("NaN")])
def test_a_limit_that_is_no_fraction_is_refused(fraction):
    """A limit of zero, above one or NaN is a mistake in the settings."""
    with pytest.raises(ConfigError, match="DAILY_LOSS_LIMIT"):
        KillSwitch(limit_fraction=fraction, equity=D(1), day=DAY, session=1, state=LatchState())


@pytest.mark.parametrize("equity", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_an_equity_that_is_no_amount_is_refused(equity):
    """Without an equity there is no limit, so no session starts."""
    with pytest.raises(ConfigError, match="equity"):
        switch(equity=equity)


def test_a_naive_instant_is_refused():
    """Every instant is in UTC."""
    with pytest.raises(LogicError, match="UTC"):
        switch().observe(pnl=None, stale=False, at=datetime(2013, 10, 7))  # noqa: DTZ001 - the point


amounts = st.decimals(min_value=-8000, max_value=8000, places=2) | st.sampled_from([
    D("NaN"),
    D("-5000"),
    D("-4999.999999"),
    None,
])


@hypothesis_settings(max_examples=200, deadline=None)
@given(path=st.lists(amounts, max_size=12), restarts=st.sets(st.integers(0, 11)))
def test_it_trips_if_and_only_if_some_pnl_reached_the_limit_or_is_unknown(path, restarts):
    """FAULTS §4.5 X04, X05: for any path, with restarts anywhere in it, and only once."""
    watch, trips = switch(), 0
    for step, pnl in enumerate(path):
        if step in restarts:
            watch = switch(stored(watch))
        trips += watch.observe(pnl=pnl, stale=False, at=NOON) is not None
    breached = any(pnl is None or pnl.is_nan() or pnl <= -5000 for pnl in path)
    assert watch.tripped is breached
    assert trips == breached


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    days=st.lists(
        st.lists(
            st.lists(st.decimals(min_value=-3000, max_value=1500, places=2), max_size=4),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_the_loss_of_a_day_is_summed_over_its_sessions(days):
    """INVENTORY S8 (DAILY_LOSS_LIMIT): sessions add up within a day and not over days."""
    state, breached = LatchState(), False
    for number, sessions in enumerate(days):
        before = D(0)
        for session, path in enumerate(sessions, start=1):
            watch = switch(state, day=DAY + timedelta(days=number), session=session)
            for pnl in path:
                watch.observe(pnl=pnl, stale=False, at=NOON)
                breached = breached or before + pnl <= -5000
            before += path[-1] if path else 0
            state = stored(watch)
    assert state.tripped is breached


def test_the_self_check_passes_with_the_defaults():
    """INVENTORY S13: the switch trips in a dry run before the session begins."""
    check = self_check(settings())
    assert (check.passed, check.detail) == (True, "trips at 0.05 of the equity")


def test_the_self_check_fails_when_the_guard_never_trips(monkeypatch):
    """INVENTORY S14: a broken switch refuses the launch and says what it got wrong."""
    monkeypatch.setattr(KillSwitch, "observe", lambda *_, **__: None)
    check = self_check(settings())
    assert not check.passed
    assert "NaN" in check.detail


def test_another_limit_counts_from_now_on_and_opens_no_latch() -> None:
    """A hot change of DAILY_LOSS_LIMIT: the same equity, another part of it; a trip stays."""
    kill = switch()
    before = kill.limit
    kill.set_limit(D("0.01"))
    assert kill.limit == EQUITY / 100 != before
    assert kill.observe(pnl=-EQUITY / 100, stale=False, at=NOON) is not None
    kill.set_limit(D(1))
    assert kill.tripped
    for bad in ("0", "-0.1", "1.1", "NaN"):
        with pytest.raises(ConfigError):
            kill.set_limit(D(bad))


def test_a_kill_from_outside_trips_and_keeps_the_days_counter() -> None:
    """The latch closes with its cause; what the day has lost so far still counts."""
    before = LatchState(day=date(2024, 3, 4), session=2, latest=Decimal(-7), equity=Decimal(1000))
    at = datetime(2024, 3, 4, 15, tzinfo=UTC)
    after = trip(before, cause=Cause.KILLED, detail="fire", at=at)
    assert (after.tripped, after.cause, after.detail, after.at) == (True, "killed", "fire", at)
    assert (after.day, after.session, after.latest, after.equity) == (
        before.day,
        before.session,
        before.latest,
        before.equity,
    )
    assert LatchState.from_json(after.to_json()) == after
    assert trip(after, cause=Cause.CRASH_LOOP, detail="again", at=at) == after


@pytest.mark.parametrize(
    ("ours", "theirs", "worse"),
    [
        ("-100", "-90", "-100"),
        ("-90", "-100", "-100"),
        ("5", "7", "5"),
        ("-90", None, "-90"),
        (None, "-90", None),
        ("NaN", "-90", "NaN"),
        ("-90", "NaN", "NaN"),
        ("-90", "-Infinity", "-Infinity"),
    ],
)
def test_the_worse_of_our_count_and_the_brokers_counts(ours, theirs, worse):
    """FAULTS X04, X05: the lower one; what is no number stays none; ours when theirs is silent."""
    found = worst(*(None if text is None else D(text) for text in (ours, theirs)))
    assert str(found) == str(None if worse is None else D(worse))


def test_the_days_pnl_is_that_of_all_its_sessions():
    """SPEC §4: counted per exchange day."""
    first = switch()
    observe(first, "-700")
    second = switch(first.state, session=2)
    observe(second, "200")
    assert second.day_pnl == D(-500)
