"""Sizing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.core.values import Verdict
from rigd.risk.defense import effective_limits
from rigd.risk.sizing import Size, quantity_decimals, self_check, size_of, slice_of
from tests.factories import candidate, settings
from tests.risk.views import view

D = Decimal


def limits(**overrides):
    """Return the limits at ease."""
    return effective_limits(settings(**overrides), defense=False)


@pytest.mark.parametrize(("entries", "slice_"), [(0, 800), (1, 400), (2, 400), (3, 400), (4, 0)])
def test_the_ith_entry_gets_its_weight_of_the_cap(entries, slice_):
    """INVENTORY S9, SPEC §4: cap 2,000 x 0.4, 0.2, 0.2, 0.2; a fifth entry gets nothing."""
    assert slice_of(view(window_entries=entries), limits()) == slice_


def test_a_slice_is_never_more_than_the_risk_per_trade():
    """SPEC §4: 100,000 x MAX_RISK_PER_TRADE 0.005 = 500 < 800."""
    assert slice_of(view(), limits(MAX_RISK_PER_TRADE="0.005")) == 500


def test_a_slice_is_never_more_than_what_exposure_leaves():
    """SPEC §3a.11: cap 2,000 less 1,700 open or working leaves 300."""
    assert slice_of(view(window_exposure=D(1700)), limits()) == 300


def test_a_used_up_cap_leaves_nothing():
    """SPEC §3a.11: no entry when the window already holds its cap."""
    answer = size_of(candidate(), view(window_exposure=D(2000), window_entries=1), limits())
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.rule, answer.reason) == (False, "sizing", "session_cap_used")


def test_the_cap_in_the_view_never_exceeds_the_allocation_in_force():
    """A cap fixed before defense mode began does not outlive it: 100,000 x 0.01 x 0.4 = 400."""
    tight = effective_limits(settings(), defense=True)
    assert slice_of(view(session_cap=D(2000)), tight) == 400


def test_whole_shares_are_rounded_down():
    """SPEC §3a.11: 800 / 90.01 = 8.887... -> 8 shares for 720.08."""
    answer = size_of(candidate(reference_price=D("90.01")), view(), limits(FRACTIONAL="false"))
    assert answer == Size(qty=D(8), notional=D("720.08"), slice_=D(800))


def test_parts_of_a_share_are_rounded_down_to_six_places():
    """SPEC §3a.11: 800 / 90.01 = 8.88790134... -> 8.887901."""
    answer = size_of(candidate(reference_price=D("90.01")), view(), limits())
    assert isinstance(answer, Size)
    assert answer.qty == D("8.887901")


@pytest.mark.parametrize(
    ("wanted", "supported", "places", "decimals"),
    [
        ("true", True, 6, 6),
        ("true", True, 9, 6),
        ("true", True, 2, 2),
        ("true", False, 6, 0),
        ("false", True, 6, 0),
    ],
)
def test_parts_of_a_share_need_the_setting_and_the_broker(wanted, supported, places, decimals):
    """SPEC §4: whole shares unless FRACTIONAL and the broker takes them; 6 places at most."""
    seen = view(fractional=supported, quantity_decimals=places)
    assert quantity_decimals(seen, limits(FRACTIONAL=wanted)) == decimals


@pytest.mark.parametrize(
    ("price", "minimum"), [(D("800.01"), D(1)), (D(500), D("500.01"))], ids=["qty", "notional"]
)
def test_less_than_the_brokers_minimum_is_turned_down(price, minimum):
    """SPEC §3a.11: no whole share, or one worth less than the minimum: next candidate."""
    seen = view(min_notional=minimum)
    answer = size_of(candidate(reference_price=price), seen, limits(FRACTIONAL="false"))
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.reason) == (False, "below_minimum")


def test_exactly_the_brokers_minimum_is_enough():
    """A notional equal to the minimum is not below it."""
    seen = view(min_notional=D(500))
    assert isinstance(
        size_of(candidate(reference_price=D(500)), seen, limits(FRACTIONAL="false")), Size
    )


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    price=st.decimals(min_value="0.000001", max_value="100000", places=6),
    amount=st.decimals(min_value="0", max_value="100000000", places=6),
    exposure=st.decimals(min_value="0", max_value="3000000", places=6),
    entries=st.integers(0, 5),
    fractional=st.booleans(),
)
def test_no_size_is_worth_more_than_its_slice(price, amount, exposure, entries, fractional):
    """INVENTORY S8: for any price, float and exposure the size costs at most every cap."""
    seen = view(
        float_amount=amount,
        session_cap=amount * D("0.02"),
        window_exposure=exposure,
        window_entries=entries,
        fractional=fractional,
    )
    answer = size_of(candidate(reference_price=price), seen, limits())
    if isinstance(answer, Size):
        exact = answer.qty * price
        assert exact <= amount * D("0.025")
        assert exact + exposure <= amount * D("0.02")
        assert exact <= amount * D("0.02") * (D("0.4"), D("0.2"), D("0.2"), D("0.2"))[entries]
        assert answer.qty > 0
        assert answer.notional >= 1


@pytest.mark.parametrize(
    "weights", [(D("0.5"),), (D("0.6"), D("0.6")), (D("1.2"), D("-0.2"))], ids=str
)
def test_the_self_check_fails_on_weights_that_do_not_fit(weights):
    """INVENTORY S9: one weight per trade, none negative, sum at most 1."""
    broken = settings().model_copy(update={"weights": weights, "max_trades": 2})
    check = self_check(broken)
    assert not check.passed
    assert "WEIGHTS" in check.detail


def test_the_self_check_passes_with_the_defaults():
    """INVENTORY S13: the module answers at launch."""
    assert self_check(settings()).passed
