from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.market import fills

NAN = math.nan
INF = math.inf
OFF = (NAN, INF, -INF)

# direction, open, high, low, stop, target, test_open -> code, price; worked by hand
TOUCHES = [
    # long, nothing reached
    (1, 100.0, 101.0, 99.0, 98.0, 102.0, True, 0, NAN),
    # long, low at the stop and below it
    (1, 100.0, 101.0, 98.0, 98.0, 102.0, True, 1, 98.0),
    (1, 100.0, 101.0, 97.0, 98.0, 102.0, True, 1, 98.0),
    # long, high at the target and above it
    (1, 100.0, 102.0, 99.0, 98.0, 102.0, True, 2, 102.0),
    (1, 100.0, 103.0, 99.0, 98.0, 102.0, True, 2, 102.0),
    # long, both inside the bar: the stop comes first
    (1, 100.0, 103.0, 97.0, 98.0, 102.0, True, 1, 98.0),
    # long, the open beyond the stop fills at the open
    (1, 97.5, 103.0, 97.0, 98.0, 102.0, True, 3, 97.5),
    # long, the open beyond the target fills at the open, although the low reaches the stop
    (1, 102.5, 103.0, 97.0, 98.0, 102.0, True, 4, 102.5),
    # long, an open exactly at a level trades there
    (1, 98.0, 99.0, 97.0, 98.0, 102.0, True, 3, 98.0),
    (1, 102.0, 103.0, 97.0, 98.0, 102.0, True, 4, 102.0),
    # long, the open beyond a level without its test: the level itself
    (1, 97.5, 99.0, 97.0, 98.0, 102.0, False, 1, 98.0),
    (1, 102.5, 103.0, 99.0, 98.0, 102.0, False, 2, 102.0),
    # short, nothing reached
    (-1, 100.0, 101.0, 99.0, 102.0, 98.0, True, 0, NAN),
    # short, high at the stop and above it
    (-1, 100.0, 102.0, 99.0, 102.0, 98.0, True, 1, 102.0),
    (-1, 100.0, 103.0, 99.0, 102.0, 98.0, True, 1, 102.0),
    # short, low at the target and below it
    (-1, 100.0, 101.0, 98.0, 102.0, 98.0, True, 2, 98.0),
    (-1, 100.0, 101.0, 97.0, 102.0, 98.0, True, 2, 98.0),
    # short, both inside the bar: the stop comes first
    (-1, 100.0, 103.0, 97.0, 102.0, 98.0, True, 1, 102.0),
    # short, gaps
    (-1, 102.5, 103.0, 97.0, 102.0, 98.0, True, 3, 102.5),
    (-1, 97.5, 103.0, 97.0, 102.0, 98.0, True, 4, 97.5),
    (-1, 102.5, 103.0, 99.0, 102.0, 98.0, False, 1, 102.0),
    (-1, 97.5, 99.0, 97.0, 102.0, 98.0, False, 2, 98.0),
]


def same(found: float, expected: float) -> bool:
    return found == expected or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize(("row"), TOUCHES)
def test_touch_follows_the_order_of_spec_3a_6(row) -> None:
    """Open before level, stop before target, long and short (SPEC §3a.6)."""
    *arguments, code, price = row
    found_code, found_price = fills.touch(*arguments)
    assert found_code == code
    assert same(found_price, price)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("stop", OFF)
@pytest.mark.parametrize("target", OFF)
def test_a_level_that_is_nan_or_infinite_is_off(direction, stop, target) -> None:
    """No bar reaches a level that is off, whichever way it is written."""
    code, price = fills.touch(direction, 100.0, 1e9, 1e-9, stop, target, True)
    assert code == fills.NO_TOUCH
    assert math.isnan(price)


@pytest.mark.parametrize("off", OFF)
def test_one_level_works_while_the_other_is_off(off) -> None:
    """A stop alone and a target alone act as if the other did not exist."""
    assert fills.touch(1, 100.0, 103.0, 97.0, 98.0, off, True) == (1, 98.0)
    assert fills.touch(1, 100.0, 103.0, 97.0, off, 102.0, True) == (2, 102.0)
    assert fills.touch(-1, 100.0, 103.0, 97.0, 102.0, off, True) == (1, 102.0)
    assert fills.touch(-1, 100.0, 103.0, 97.0, off, 98.0, True) == (2, 98.0)


@pytest.mark.parametrize(
    ("open_", "close", "latency", "slippage", "sign", "price"),
    [
        (100.0, 104.0, 0.0, 0.0, 1, 100.0),
        (100.0, 104.0, 0.25, 0.0, 1, 101.0),
        (100.0, 104.0, 0.25, 0.0, -1, 101.0),
        (100.0, 104.0, 1.0, 0.0, 1, 104.0),
        (100.0, 96.0, 0.5, 0.0, 1, 98.0),
        (100.0, 100.0, 0.5, 0.01, 1, 101.0),
        (100.0, 100.0, 0.5, 0.01, -1, 99.0),
        (100.0, 104.0, 0.25, 0.01, 1, 102.01),
        (100.0, 104.0, 0.25, 0.01, -1, 99.99),
    ],
)
def test_market_fill_is_on_the_line_then_slips_against_us(
    open_, close, latency, slippage, sign, price
) -> None:
    """Latency moves along open to close, slippage then makes it worse (SPEC §3a.4)."""
    assert fills.market_fill(open_, close, latency, slippage, sign) == pytest.approx(
        price, rel=1e-12
    )


@pytest.mark.parametrize(
    ("code", "direction", "price"),
    [(1, 1, 99.0), (3, 1, 99.0), (2, 1, 100.0), (4, 1, 100.0), (1, -1, 101.0), (3, -1, 101.0)],
)
def test_stops_slip_and_targets_do_not(code, direction, price) -> None:
    """A stop is a market order and slips, a target is a limit and does not (SPEC §3a.4)."""
    assert fills.exit_fill(code, 100.0, 0.01, direction) == pytest.approx(price, rel=1e-12)


@settings(deadline=None)
@given(
    st.lists(st.integers(9_000, 11_000), min_size=4, max_size=4),
    st.integers(9_000, 11_000),
    st.integers(9_000, 11_000),
    st.booleans(),
)
def test_short_is_long_in_the_mirror(prices, stop, target, test_open) -> None:
    """Reflecting every price at 200 turns a long position into a short one."""
    low, *rest, high = sorted(prices)
    bar_open = rest[0]
    code, price = fills.touch(1, bar_open, high, low, stop, target, test_open)
    mirror = fills.touch(
        -1,
        20_000 - bar_open,
        20_000 - low,
        20_000 - high,
        20_000 - stop,
        20_000 - target,
        test_open,
    )
    assert mirror[0] == code
    assert same(mirror[1], 20_000 - price)


def test_compiled_and_interpreted_agree() -> None:
    """The same functions compile with numba and give the same answers."""
    numba = pytest.importorskip("numba")
    compiled = numba.njit(fills.touch)
    for *arguments, _, _ in TOUCHES:
        found = compiled(*map(float, arguments[:-1]), arguments[-1])
        expected = fills.touch(*arguments)
        assert found[0] == expected[0]
        assert same(found[1], expected[1])
    assert numba.njit(fills.market_fill)(100.0, 104.0, 0.25, 0.01, 1.0) == fills.market_fill(
        100.0, 104.0, 0.25, 0.01, 1.0
    )
    assert numba.njit(fills.exit_fill)(1, 100.0, 0.01, 1.0) == fills.exit_fill(1, 100.0, 0.01, 1.0)


@pytest.mark.parametrize(
    ("direction", "level"), [(1.0, 98.0), (-1.0, 102.0)], ids=["long", "short"]
)
def test_trail_lies_behind_its_peak(direction, level) -> None:
    """2 % under the peak of a long, over the trough of a short; NaN stays off."""
    assert fills.trail_behind(direction, 100.0, 0.02) == pytest.approx(level, abs=1e-12)
    assert math.isnan(fills.trail_behind(direction, 100.0, math.nan))
