"""The contract of the filters."""

from __future__ import annotations

import math

import pytest

from rigd.core.errors import ConfigError, LogicError
from rigd.core.values import Verdict
from rigd.enhancements.contract import (
    allow,
    block,
    defense_factor,
    factor_of,
    fails_closed,
    finite_threshold,
)
from tests.enhancements.views import view
from tests.factories import settings


@pytest.mark.parametrize("answer", [1, 0, None, "yes", math.nan])
def test_an_answer_that_is_not_true_or_false_is_refused(answer):
    """INVENTORY E4: a filter says True or False, nothing else."""
    with pytest.raises(LogicError, match="True or False"):
        Verdict(allow=answer, rule="adx", reason="ok")


def test_answers_are_strict_booleans():
    """INVENTORY E4: yes is True and no is False."""
    assert allow("adx").allow is True
    assert block("adx", "adx_above_threshold").allow is False


@pytest.mark.parametrize(
    ("policy", "defense", "closed"),
    [("open", False, False), ("closed", False, True), ("open", True, True), ("closed", True, True)],
)
def test_filters_fail_closed_by_policy_or_in_defense_mode(policy, defense, closed):
    """FAULTS §3.7: open by default, closed in defense mode or by ENHANCEMENT_FAIL_POLICY."""
    chosen = settings(ENHANCEMENT_FAIL_POLICY=policy)
    assert fails_closed(view(defense=defense), chosen) is closed


def test_thresholds_shrink_in_defense_mode_only():
    """SPEC §4: DEFENSE_MODE_FILTER_FACTOR acts in defense mode."""
    chosen = settings(DEFENSE_MODE_FILTER_FACTOR="0.5")
    assert defense_factor(view(defense=False), chosen) == 1.0
    assert defense_factor(view(defense=True), chosen) == 0.5


@pytest.mark.parametrize("factor", [0.0, 1.01, -0.5, math.nan])
def test_a_factor_that_would_widen_a_filter_is_refused(factor):
    """A factor outside (0, 1] is an error even if it slipped past the settings."""
    broken = settings().model_copy(update={"defense_mode_filter_factor": factor})
    with pytest.raises(ConfigError, match="DEFENSE_MODE_FILTER_FACTOR"):
        factor_of(broken)


@pytest.mark.parametrize(("value", "good"), [(0.0, True), (25.0, True), (-1.0, False)])
def test_a_threshold_must_be_finite_and_not_negative(value, good):
    """A filter without a usable threshold refuses the launch."""
    assert (not finite_threshold("ADX_THRESHOLD", value)) is good


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_threshold_that_is_no_number_is_named(value):
    """The message names the key and what was found."""
    assert "ADX_THRESHOLD" in finite_threshold("ADX_THRESHOLD", value)
