"""What the optimiser may change."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.config.schema import Settings
from rigd.core.errors import ConfigError
from rigd.core.values import STRATEGIES
from rigd.hosts.optimize.space import Axis, Target, default_space, grid_size, with_levels

OF_090 = {"entry buffer", "exit buffer", "VWAP threshold", "risk size"}


def test_the_default_space_is_what_the_document_names() -> None:
    """INVENTORY O5: exactly entry and exit buffer, VWAP threshold and risk size."""
    spaces = {name: default_space(name) for name in STRATEGIES}
    assert {axis.target.value for space in spaces.values() for axis in space} == OF_090
    assert {name: [axis.key for axis in space] for name, space in spaces.items()} == {
        "open": ["STRAT_OPEN_BUFFER", "TRAIL_PCT_OPEN", "MAX_RISK_PER_TRADE"],
        "mid": ["STRAT_MID_VWAP_THRESHOLD", "TRAIL_PCT_MID", "MAX_RISK_PER_TRADE"],
        "close": ["STRAT_CLOSE_THRESHOLD", "TRAIL_PCT_CLOSE", "MAX_RISK_PER_TRADE"],
    }
    assert spaces["mid"][0].target is Target.VWAP_THRESHOLD


def test_every_key_is_a_setting() -> None:
    """A searched key can be set by `rigd config set`."""
    keys = {axis.key.lower() for name in STRATEGIES for axis in default_space(name)}
    assert keys <= set(Settings.model_fields)


def test_other_levels_are_taken_in_order() -> None:
    """Levels of an axis are replaced, sorted and without doubles; the other axes stay."""
    space = default_space("open")
    other = with_levels(space, {"STRAT_OPEN_BUFFER": ["0.003", "0.001", "0.003"]})
    assert other[0].levels == (Decimal("0.001"), Decimal("0.003"))
    assert other[1:] == space[1:]
    assert grid_size(other) == 2 * 5 * 3


def test_a_step_that_does_not_fit_other_levels_is_replaced() -> None:
    """Between 0.00011 and 0.00021 there are no whole steps of 0.0001: a hundredth of the span."""
    other = with_levels(default_space("open"), {"STRAT_OPEN_BUFFER": ["0.00011", "0.000222"]})
    assert other[0].step == Decimal("0.00000112")
    assert other[0].value(other[0].steps) == Decimal("0.000222")


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"STRAT_MID_VWAP_THRESHOLD": ["0.1"]}, "must be one of STRAT_OPEN_BUFFER"),
        ({"STRAT_OPEN_BUFFER": ["much"]}, "must be a number"),
        ({"STRAT_OPEN_BUFFER": ["nan"]}, "must be a number"),
    ],
)
def test_levels_that_cannot_be_are_refused(levels, said: str) -> None:
    """A key that is not searched and a level that is no number are refused by name."""
    with pytest.raises(ConfigError, match=said):
        with_levels(default_space("open"), levels)


def test_an_unknown_strategy_is_refused() -> None:
    """There are three strategies."""
    with pytest.raises(ConfigError, match="open, mid, close"):
        default_space("night")


@pytest.mark.parametrize(("levels", "step"), [((), 1), ((2, 1), 1), ((0, 1), 0), ((0, 1), 2)])
def test_an_axis_must_ascend_and_its_steps_must_end(levels, step: int) -> None:
    """An axis without levels, falling ones, and steps that miss the last level are refused."""
    values = tuple(Decimal(level) for level in levels)
    with pytest.raises(ConfigError):
        Axis(key="X", target=Target.RISK_SIZE, levels=values, step=Decimal(step))
