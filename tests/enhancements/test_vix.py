"""The VIX filter."""

from __future__ import annotations

import math
from datetime import date

import pytest

from rigd.core.errors import DataError
from rigd.core.values import Reading
from rigd.enhancements.vix import VixFilter
from tests.enhancements.views import DAY, view
from tests.factories import candidate, settings

FILTER = VixFilter()
CLOSE = candidate(strategy="close")
FRIDAY = date(2013, 10, 4)


@pytest.mark.parametrize(("value", "allowed"), [(14.99, False), (15.0, True), (15.01, True)])
def test_vix_below_the_threshold_blocks_and_an_equal_one_allows(value, allowed):
    """INVENTORY E29, SPEC §3a.9: 14.99 blocks, 15 allows at STRAT_CLOSE_VIX_THRESHOLD 15."""
    verdict = FILTER.check(CLOSE, view(vix=Reading(value, FRIDAY)), settings())
    assert verdict.allow is allowed
    assert verdict.reason == ("ok" if allowed else "vix_below_threshold")


def test_the_log_text_shows_value_threshold_and_date():
    """SPEC §3a.9: the VIX is shown with its date."""
    verdict = FILTER.check(CLOSE, view(vix=Reading(14.2, FRIDAY)), settings())
    assert verdict.measured == "VIX 14.20 < 15 (close of 2013-10-04)"


@pytest.mark.parametrize(
    ("policy", "defense", "allowed"),
    [("open", False, True), ("closed", False, False), ("open", True, False)],
)
def test_no_vix_follows_the_fail_policy_and_is_shown(policy, defense, allowed):
    """SPEC §3a.9: no VIX follows ENHANCEMENT_FAIL_POLICY; the reason says so either way."""
    chosen = settings(ENHANCEMENT_FAIL_POLICY=policy)
    verdict = FILTER.check(CLOSE, view(vix=None, defense=defense), chosen)
    assert (verdict.allow, verdict.reason) == (allowed, "no_vix")
    assert "2013-10-07" in verdict.measured


@pytest.mark.parametrize(
    "reading",
    [
        Reading(20.0, DAY),
        Reading(20.0, date(2013, 10, 8)),
        Reading(math.nan, FRIDAY),
        Reading(0.0, FRIDAY),
    ],
)
def test_a_reading_of_the_day_itself_or_no_number_is_an_error(reading):
    """SPEC §3a.9: the VIX is the last row dated before the session day."""
    with pytest.raises(DataError, match="dated before"):
        FILTER.check(CLOSE, view(vix=reading), settings())


def test_defense_mode_raises_the_threshold():
    """SPEC §4: 15 / 0.66 = 22.7273; 20 passes at ease and is blocked in defense mode."""
    seen = Reading(20.0, FRIDAY)
    assert FILTER.check(CLOSE, view(vix=seen), settings()).allow
    verdict = FILTER.check(CLOSE, view(vix=seen, defense=True), settings())
    assert not verdict.allow
    assert verdict.measured.startswith("VIX 20.00 < 22.7273")


def test_only_close_is_asked():
    """SPEC §3: the VIX belongs to the close strategy."""
    assert [name for name in ("open", "mid", "close") if FILTER.applies_to(name)] == ["close"]


@pytest.mark.parametrize(("threshold", "passed"), [(15.0, True), (math.nan, False), (-1.0, False)])
def test_the_self_check_judges_the_threshold(threshold, passed):
    """INVENTORY E30: a threshold that is no number refuses the launch."""
    chosen = settings().model_copy(update={"strat_close_vix_threshold": threshold})
    assert FILTER.self_check(chosen).passed is passed
