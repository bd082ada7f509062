"""The last door before the broker."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.random import Generator, default_rng

from rigd.core.errors import ConfigError, DataError
from rigd.core.money import price_from_float
from rigd.core.values import Side
from rigd.risk import last_door
from rigd.risk.last_door import DoorLimits, LastDoor, door_limits, self_check
from tests.factories import settings

D = Decimal
START = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
LIMITS = DoorLimits(
    max_quantity=D(100), max_notional=D(5_000), collar=D("0.05"), volume_share=D("0.01")
)


def seconds(number):
    """Return the instant so many seconds after the start."""
    return START + timedelta(seconds=number)


def ask(door, **overrides):
    """Ask the door about 10 shares at 100 of SPY with signals to spare."""
    values = {
        "symbol": "SPY",
        "qty": D(10),
        "price": D(100),
        "reference": D(100),
        "signals": 1_000,
        "now": START,
    }
    return door.admit(**(values | overrides))


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"qty": D("100.000001"), "price": D(10), "reference": D(10)}, "max_quantity"),
        ({"qty": D("50.000001")}, "max_notional"),
        ({"qty": D(50), "price": D(99), "reference": D("100.01")}, "max_notional"),
        ({"price": D("105.01")}, "price_collar"),
        ({"price": D("94.99")}, "price_collar"),
        ({"volume": 999.9}, "volume_share"),
        ({"volume": 0.0}, "volume_share"),
        ({"volume": float("nan")}, "volume_share"),
        ({"previous": D("83.33")}, "price_spike"),
        ({"previous": D("125.01")}, "price_spike"),
        ({"previous": D(1)}, "price_spike"),
        ({"previous": D(10_000)}, "price_spike"),
        ({"previous": D(0)}, "not_a_number"),
        ({"previous": D("NaN")}, "not_a_number"),
        ({"signals": 0}, "orders_exceed_signals"),
        ({"qty": D("NaN")}, "not_a_number"),
        ({"qty": D(0)}, "not_a_number"),
        ({"qty": D(-1)}, "not_a_number"),
        ({"price": D("Infinity")}, "not_a_number"),
        ({"price": D("sNaN")}, "not_a_number"),
        ({"reference": D(0)}, "not_a_number"),
        ({"now": datetime(2013, 10, 7)}, "check_failed"),  # noqa: DTZ001 - a naive time is the point
        ({"price": None}, "check_failed"),
    ],
    ids=str,
)
def test_each_cap_turns_away_with_its_reason(order, reason):
    """FAULTS X01, X02, T05: quantity, notional, collar, volume, spikes, numbers that are none."""
    answer = ask(LastDoor(LIMITS), **order)
    assert (answer.allow, answer.verdict.rule, answer.verdict.reason) == (
        False,
        "last_door",
        reason,
    )


@pytest.mark.parametrize(
    "order",
    [
        {"qty": D(100), "price": D(10), "reference": D(10)},
        {"qty": D(50)},
        {"price": D(105)},
        {"price": D(95)},
        {"volume": 1_000.0},
        {"volume": None},
        {"previous": D("83.34")},
        {"previous": D(125)},
        {"signals": 1},
    ],
    ids=str,
)
def test_an_order_on_a_cap_passes(order):
    """SPEC §4: 100 shares, 5,000 and 5 % are inside; so are 1 % of a day and a move by 20 %."""
    assert ask(LastDoor(LIMITS), **order).allow


def test_five_orders_pass_in_a_second_and_the_sixth_does_not():
    """SPEC §4: 5/s; the next second begins with a free door."""
    door = LastDoor(LIMITS)
    answers = [ask(door, symbol=f"S{n}", now=seconds(n / 10)) for n in range(6)]
    assert [answer.allow for answer in answers] == [True] * 5 + [False]
    assert (answers[5].verdict.reason, answers[5].halt) == ("second_rate", False)
    assert ask(door, symbol="S6", now=seconds(1)).allow


def test_sixty_orders_pass_in_a_minute_and_the_next_does_not():
    """SPEC §4: 60/min; after a minute the first one no longer counts."""
    door = LastDoor(LIMITS)
    answers = [ask(door, symbol=f"S{n}", now=seconds(n * 0.9)) for n in range(61)]
    assert [answer.allow for answer in answers] == [True] * 60 + [False]
    assert answers[60].verdict.reason == "minute_rate"
    assert ask(door, symbol="S61", now=seconds(60)).allow


def test_the_two_hundredth_order_is_the_last_and_the_next_halts():
    """SPEC §4, FAULTS §4.5 X03: 200 a session; asking for more is a runaway and halts."""
    door = LastDoor(LIMITS)
    answers = [ask(door, symbol=f"S{n}", now=seconds(n * 2)) for n in range(201)]
    assert all(answer.allow for answer in answers[:200])
    assert (answers[200].allow, answers[200].halt) == (False, True)
    assert answers[200].verdict.reason == "session_rate"
    assert door.sent == 200


def test_a_symbol_is_ordered_three_times_a_minute_at_most():
    """SPEC §4: repeated orders in one symbol 3/min; others are free."""
    door = LastDoor(LIMITS)
    answers = [ask(door, now=seconds(n * 2)) for n in range(4)]
    assert [answer.allow for answer in answers] == [True, True, True, False]
    assert answers[3].verdict.reason == "symbol_rate"
    assert ask(door, symbol="IBM", now=seconds(8)).allow
    assert ask(door, now=seconds(60)).allow


def test_more_orders_than_signals_halt():
    """SPEC §4, FAULTS §4.5 X03: orders sent <= signals; one more is a runaway."""
    door = LastDoor(LIMITS)
    assert ask(door, signals=1).allow
    answer = ask(door, symbol="IBM", signals=1)
    assert (answer.allow, answer.halt) == (False, True)
    assert (answer.verdict.reason, answer.verdict.measured) == ("orders_exceed_signals", "2 > 1")


def test_an_order_turned_away_does_not_count():
    """Only orders sent count towards the rates."""
    door = LastDoor(LIMITS)
    for _ in range(10):
        assert not ask(door, qty=D(1_000)).allow
    assert door.sent == 0
    assert ask(door).allow


@pytest.mark.parametrize("side", [Side.SELL, Side.BUY_TO_COVER])
def test_an_exit_is_never_throttled_nor_counted(side):
    """SPEC §4: only risk-increasing orders are judged, even past every cap and rate."""
    door = LastDoor(LIMITS)
    for number in range(300):
        answer = ask(
            door, side=side, qty=D(10_000), price=D(1), signals=0, now=seconds(number / 50)
        )
        assert (answer.allow, answer.verdict.reason) == (True, "not_applicable")
    assert door.sent == 0
    assert ask(door).allow


def test_a_short_sale_is_judged():
    """A short sale increases risk."""
    assert not ask(LastDoor(LIMITS), side=Side.SELL_SHORT, qty=D(1_000)).allow


def test_a_restored_door_goes_on_counting():
    """A restart inside a session forgets no order: rates, symbol and session go on."""
    door = LastDoor(LIMITS)
    door.restore([(seconds(n), "SPY") for n in range(3)])
    assert door.sent == 3
    assert ask(door, now=seconds(5)).verdict.reason == "symbol_rate"
    door.restore((seconds(n), f"S{n}") for n in range(200))
    assert ask(door, now=seconds(900)).halt
    door.restore([])
    assert ask(door, now=seconds(5)).allow


def test_orders_of_the_future_still_count():
    """A clock that went back never frees a rate."""
    door = LastDoor(LIMITS)
    door.restore([(seconds(100 + n), f"S{n}") for n in range(5)])
    assert ask(door, now=seconds(0)).verdict.reason == "second_rate"


@pytest.mark.parametrize("name", ["max_quantity", "max_notional", "collar", "volume_share"])
@pytest.mark.parametrize("value", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_a_door_without_a_cap_does_not_exist(name, value):
    """Caps must be positive and finite."""
    caps = {"max_quantity": D(1), "max_notional": D(1), "collar": D(1), "volume_share": D(1)}
    caps[name] = value
    with pytest.raises(ConfigError, match=name):
        DoorLimits(**caps)


def test_the_caps_come_from_the_settings():
    """MAX_ORDER_QUANTITY, _NOTIONAL and _ADV_PCT, PRICE_COLLAR_PCT, apart from strategy keys."""
    chosen = settings(MAX_ORDER_QUANTITY="100", MAX_ORDER_NOTIONAL="5000")
    assert door_limits(chosen) == LIMITS


attempts = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", "D", "E", "F"]),
        st.decimals(min_value="0.000001", max_value="300", places=6),
        st.decimals(min_value="1", max_value="300", places=2),
        st.decimals(min_value="0.9", max_value="1.1", places=3),
        st.floats(min_value=0, max_value=8),
        st.floats(min_value=0, max_value=20_000),
        st.decimals(min_value="0.6", max_value="1.6", places=3),
    ),
    max_size=120,
)


@hypothesis_settings(max_examples=80, deadline=None)
@given(orders=attempts, signals=st.integers(0, 120))
def test_no_sequence_of_orders_gets_past_a_cap_or_a_rate(orders, signals):
    """INVENTORY S8, FAULTS §4.5 X01, X03: counted apart, nothing beyond any cap is let through."""
    door, sent, at = LastDoor(LIMITS), [], 0.0
    for symbol, qty, price, ratio, wait, volume, leap in orders:
        at += wait
        reference = price * ratio
        answer = door.admit(
            symbol=symbol,
            qty=qty,
            price=price,
            reference=reference,
            signals=signals,
            now=seconds(at),
            volume=volume,
            previous=reference * leap,
        )
        if answer.allow:
            assert qty <= 100
            assert float(qty) <= volume / 100
            assert D("0.8") <= 1 / leap <= D("1.2")
            assert qty * price <= 5_000
            assert D("0.95") <= price / reference <= D("1.05")
            sent.append((seconds(at), symbol))
    assert len(sent) <= signals
    for first, _ in sent:
        window = [name for when, name in sent if first <= when < first + timedelta(minutes=1)]
        second = [name for when, name in sent if first <= when < first + timedelta(seconds=1)]
        assert len(second) <= 5
        assert len(window) <= 60
        assert max(map(window.count, window)) <= 3


def test_a_strategy_that_fires_each_tick_gets_five_orders_in_the_first_second():
    """FAULTS §4.5 X03: a buggy loop over many symbols, 100 ticks a second."""
    door = LastDoor(LIMITS)
    passed = sum(
        ask(door, symbol=f"S{n}", signals=n + 1, now=seconds(n / 100)).allow for n in range(100)
    )
    assert passed == 5


def spoilt(rng: Generator, price: float) -> float:
    """A wrong price: no number, no price, a leap of 100 times, cents for dollars, a spike."""
    return rng.choice([
        float("nan"),
        float("inf"),
        float("-inf"),
        0.0,
        -price,
        price * 100,
        price / 100,
        price * rng.uniform(1.21, 50),
        price * rng.uniform(0.01, 0.79),
    ])


def test_of_a_hundred_thousand_ticks_no_bad_one_gets_an_order():
    """FAULTS §4.3 T05: each tick asks for an order; the bad ones get none, the good ones do."""
    rng, price, passed = default_rng(1), 50.0, 0
    for _ in range(100_000):
        previous, price = price, price * rng.uniform(0.99, 1.01)
        bad = rng.random() < 0.5
        told = spoilt(rng, price) if bad else price
        try:
            reference = price_from_float(told)
        except DataError:
            assert bad
            continue
        assert reference.is_finite()
        answer = ask(
            LastDoor(LIMITS),
            qty=D("0.5"),
            price=reference,
            reference=reference,
            previous=price_from_float(previous),
        )
        assert answer.allow is not bad
        passed += answer.allow
        price = min(max(price, 20.0), 80.0)
    assert 45_000 < passed < 55_000


def test_the_self_check_passes_with_the_defaults():
    """INVENTORY S13: the door refuses what it must before the session begins."""
    assert self_check(settings()).passed


@pytest.mark.parametrize("method", ["_check_order", "_check_runaway", "_check_volume"])
def test_the_self_check_fails_when_a_check_is_broken(monkeypatch, method):
    """INVENTORY S13, S14: a door that lets everything through refuses the launch."""
    monkeypatch.setattr(LastDoor, method, lambda *_: None)
    check = self_check(settings())
    assert not check.passed
    assert check.detail.startswith("let through")


def test_running_out_of_memory_passes_through(monkeypatch):
    """A fatal error stops the session, it is no verdict."""

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(last_door, "notional", fail)
    with pytest.raises(MemoryError):
        ask(LastDoor(LIMITS))


def test_other_caps_count_from_now_on_and_counters_stay() -> None:
    """A hot change of the caps: the next order meets the new ones, the session's count goes on."""
    door = LastDoor(LIMITS)
    assert ask(door).allow
    before = door.sent
    door.set_limits(replace(LIMITS, max_quantity=D(1)))
    assert not ask(door).allow
    door.set_limits(LIMITS)
    assert ask(door, now=seconds(300)).allow
    assert door.sent == before + 1
