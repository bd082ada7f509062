"""Exit levels by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.strategy.exits import levels, rules_from
from rigd.strategy.trailing import trail_in_force
from tests.strategy.cases import OFF, PLAIN
from tests.strategy.views import view

FAR = 100
ALL = PLAIN._replace(stop_fraction=0.01, target_fraction=0.03, trail_fraction=0.02)


def near(found, expected):
    """Compare two levels, NaN with NaN."""
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("direction", "peak", "expected"),
    [
        (1, 100.0, (99.0, 103.0)),  # trail 98 < stop 99
        (1, 104.0, (101.92, 103.0)),  # trail 104 × 0.98
        (-1, 100.0, (101.0, 97.0)),  # trail 102 > stop 101
        (-1, 96.0, (97.92, 97.0)),  # trail 96 × 1.02
    ],
)
def test_tighter_of_stop_and_trail(direction, peak, expected) -> None:
    """The hard stop holds until the trail is tighter; short mirrored (SPEC §3a.5)."""
    near(levels(direction, 100.0, peak, OFF, FAR, OFF, ALL), expected)


def test_levels_that_are_off_are_nan() -> None:
    """Blank stop, target and trail give no level at all."""
    rules = PLAIN._replace(trail_fraction=OFF)
    near(levels(1, 100.0, 100.0, 105.0, FAR, 1.0, rules), (OFF, OFF))
    near(levels(-1, 100.0, 100.0, 105.0, 1, 1.0, rules), (OFF, OFF))


@pytest.mark.parametrize(
    ("direction", "vwap", "target"),
    [(1, 102.0, 102.0), (1, 105.0, 103.0), (1, OFF, 103.0), (-1, 98.0, 98.0), (-1, 95.0, 97.0)],
)
def test_nearer_of_target_and_vwap(direction, vwap, target) -> None:
    """Mid takes whichever comes first; without a VWAP the target holds (SPEC §3a.5)."""
    rules = ALL._replace(vwap_touch=True)
    assert levels(direction, 100.0, 100.0, vwap, FAR, OFF, rules)[1] == pytest.approx(target)


def test_vwap_alone_is_the_target_and_means_nothing_to_the_others() -> None:
    """With TARGET_PCT blank the touch is the target; only rules with the touch look at it."""
    assert levels(1, 100.0, 100.0, 101.5, FAR, OFF, PLAIN._replace(vwap_touch=True))[1] == 101.5
    assert math.isnan(levels(1, 100.0, 100.0, 101.5, FAR, OFF, PLAIN)[1])


@pytest.mark.parametrize(
    ("direction", "atr", "stop"),
    [
        (1, 0.5, 98.5),  # 3 ATR = 1.5 is tighter than 2 %
        (1, 1.0, 98.0),  # 3 ATR = 3 is wider
        (-1, 0.5, 101.5),
        (-1, 1.0, 102.0),
        (1, OFF, 98.0),  # warming up
    ],
)
def test_tighter_of_fraction_and_atr(direction, atr, stop) -> None:
    """The tighter candidate of the two trails wins (SPEC §3)."""
    rules = PLAIN._replace(atr_mult=3.0)
    assert levels(direction, 100.0, 100.0, OFF, FAR, atr, rules)[0] == pytest.approx(stop)


@given(
    st.floats(1.0, 1e4),
    st.floats(0.5, 2.0),
    st.floats(1e-4, 0.2),
    st.integers(1, 30),
    st.booleans(),
)
def test_short_levels_mirror_long_ones(entry, shift, trail, left, touch) -> None:
    """Distances from entry, peak and VWAP are the same on both sides."""
    rules = ALL._replace(trail_fraction=trail, vwap_touch=touch)
    rise = entry * shift * 0.01
    long = levels(1, entry, entry + rise, entry + 2 * rise, left, OFF, rules)
    in_force = trail_in_force(left, rules)
    assert long[0] == pytest.approx(max(entry * 0.99, (entry + rise) * (1 - in_force)))
    short = levels(-1, entry, entry - rise, entry - 2 * rise, left, OFF, rules)
    assert short[0] == pytest.approx(min(entry * 1.01, (entry - rise) * (1 + in_force)))
    assert long[1] - entry == pytest.approx(entry - short[1])


def test_rules_come_from_the_settings() -> None:
    """A blank setting is off; numbers pass unchanged."""
    found = rules_from(view("mid"), vwap_touch=True)
    near(found, (OFF, OFF, 0.02, 0.5, 150.0, True, OFF, 14))
    found = rules_from(
        view("open", stop_pct=0.01, target_pct=0.02, trail_atr_mult=3.0, trail_atr_period=10),
        vwap_touch=False,
    )
    assert found == (0.01, 0.02, 0.02, 0.5, 150.0, False, 3.0, 10)
