"""Effective limits and defense mode."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.risk.approval import Approval, approve
from rigd.risk.defense import effective_limits, limits_table, self_check, session_cap
from tests.factories import candidate, settings
from tests.risk.views import view

D = Decimal


def test_at_ease_the_limits_are_the_settings():
    """Without defense mode nothing is compressed."""
    limits = effective_limits(settings(), defense=False)
    assert (limits.total_allocation, limits.max_trades, limits.max_open_positions) == (
        D("0.02"),
        4,
        5,
    )
    assert (limits.min_price, limits.max_price, limits.min_volume) == (2, 300, 500_000.0)
    assert limits.entry["mid"].max_gap == 0.1


def test_defense_mode_replaces_the_allocation_and_rounds_counts_down():
    """INVENTORY S16, SPEC §4: 0.01; 4 x 0.66 = 2.64 -> 2; 5 x 0.66 = 3.3 -> 3."""
    limits = effective_limits(settings(), defense=True)
    assert limits.total_allocation == D("0.01")
    assert (limits.max_trades, limits.max_open_positions) == (2, 3)


def test_defense_mode_moves_filter_thresholds_towards_blocking():
    """SPEC §4: minima are divided by 0.66, maxima multiplied."""
    limits = effective_limits(settings(), defense=True)
    assert limits.max_price == D(198)
    assert round(limits.min_price, 4) == D("3.0303")
    assert limits.min_volume == pytest.approx(757_575.7576)
    entry = limits.entry["close"]
    assert entry.max_gap == pytest.approx(0.066)
    assert entry.min_market_cap == pytest.approx(454_545_454.5454)
    assert entry.max_market_cap == pytest.approx(6.6e9)


def test_one_trade_times_two_thirds_is_none():
    """INVENTORY S16: rounded down, never up, even to zero."""
    assert effective_limits(settings(MAX_TRADES="1", WEIGHTS="1"), defense=True).max_trades == 0


@pytest.mark.parametrize(("defense", "cap"), [(False, D(2000)), (True, D(1000))])
def test_the_session_cap_is_the_allocated_part_of_the_float(defense, cap):
    """SPEC §4: 100,000 x 0.02, in defense mode x 0.01."""
    assert session_cap(settings(), D(100_000), defense=defense) == cap


def test_an_account_in_debt_has_no_cap():
    """A negative float never turns into a negative cap."""
    assert session_cap(settings(), D(-5), defense=False) == 0


def test_the_table_of_a_session_in_defense_mode_shows_the_compressed_limits():
    """INVENTORY S17: DEFENSE_MODE_ACTIVE=true applies at the start, with its limits."""
    rows = dict(limits_table(settings(DEFENSE_MODE_ACTIVE="true"), D(100_000)))
    assert rows["defense_mode"] == "on"
    assert rows["session_cap"] == "1000"
    assert (rows["max_trades"], rows["max_open_positions"]) == ("2", "3")
    assert rows["max_price"] == "198"


def test_the_table_shows_limits_in_money_and_counts():
    """Worked by hand for a float of 100,000 and the defaults."""
    rows = dict(limits_table(settings(), D(100_000)))
    assert rows["defense_mode"] == "off"
    assert rows["float"] == "100000"
    assert rows["session_cap"] == "2000"
    assert rows["max_risk_per_trade"] == "2500"
    assert rows["daily_loss_limit"] == "5000"
    assert rows["max_trades"] == "4"
    assert rows["min_volume"] == "500000"
    assert rows["max_market_cap_open"] == "10000000000"
    assert rows["max_gap_close"] == "0.1"


def test_the_self_check_passes_and_says_whether_the_mode_is_on():
    """INVENTORY S13: the module answers at launch."""
    assert self_check(settings()).detail == "defense mode off"
    assert self_check(settings(DEFENSE_MODE_ACTIVE="true")).detail == "defense mode on"


def test_the_self_check_fails_when_defense_mode_would_widen_a_limit():
    """INVENTORY S13: a factor above 1 widens every filter; the launch is refused by name."""
    broken = settings().model_copy(update={"defense_mode_filter_factor": D(2)})
    check = self_check(broken)
    assert not check.passed
    assert "max_price" in check.detail
    assert "max_gap_open" in check.detail


fractions = st.decimals(min_value="0", max_value="1", places=2)


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    trades=st.integers(0, 12),
    positions=st.integers(0, 40),
    share=fractions,
    allocation=fractions,
    factor=st.decimals(min_value="0.01", max_value="1", places=2),
)
def test_defense_mode_never_widens_anything(trades, positions, share, allocation, factor):
    """FAULTS §4.5 X12: for any settings every compressed limit is at most as wide."""
    weight = D("0.05")
    chosen = settings(
        MAX_TRADES=trades,
        WEIGHTS=(weight,) * trades,
        MAX_OPEN_POSITIONS=positions,
        TOTAL_ALLOCATION=D(1),
        DEFENSE_MODE_TOTAL_ALLOCATION=allocation,
        DEFENSE_MODE_TRADE_LIMIT_PCT=share,
        DEFENSE_MODE_FILTER_FACTOR=factor,
    )
    tight = effective_limits(chosen, defense=True)
    assert tight.max_trades <= trades * share < tight.max_trades + 1
    assert tight.max_open_positions <= positions * share < tight.max_open_positions + 1
    assert tight.total_allocation == allocation
    assert self_check(chosen).passed


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    price=st.decimals(min_value="1", max_value="400", places=2),
    opened=st.floats(min_value=80, max_value=120) | st.none(),
    entries=st.integers(0, 4),
    positions=st.integers(0, 6),
)
def test_what_defense_mode_approves_is_approved_at_ease_and_never_larger(
    price, opened, entries, positions
):
    """INVENTORY E31, S16: the approvals of defense mode are a subset, each at most as large."""
    asked = candidate(reference_price=price)
    common = {
        "session_open_price": opened,
        "window_entries": entries,
        "open_positions": positions,
    }
    tight = approve(asked, view(**common, defense=True), settings())
    if isinstance(tight, Approval):
        wide = approve(asked, view(**common), settings())
        assert isinstance(wide, Approval)
        assert tight.qty <= wide.qty
