"""Tests of the simulated broker's parameters and slippage."""

from __future__ import annotations

from decimal import Decimal
from statistics import fmean, pstdev
from textwrap import dedent

import pytest

from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.config.parse import parse_env
from rigd.core.draws import Draws
from rigd.core.errors import ConfigError

DRAWS = Draws(11)


def test_no_slippage_is_zero_whatever_the_mean() -> None:
    """Type none ignores mean and deviation."""
    model = SimModel(slippage_mean=0.01, slippage_stddev=0.01)
    assert model.slippage_of(DRAWS, "A") == 0.0


def test_rule_based_slippage_is_the_mean() -> None:
    """Type rule_based is the same for every order."""
    model = SimModel(slippage=SlippageKind.RULE_BASED, slippage_mean=0.002, slippage_stddev=0.5 / 3)
    assert {model.slippage_of(DRAWS, name) for name in ("A", "B")} == {0.002}


def test_randomized_slippage_has_the_mean_and_deviation() -> None:
    """Over 4000 orders mean and deviation come within 4 standard errors of 0.001 and 0.002."""
    model = SimModel(slippage=SlippageKind.RANDOMIZED, slippage_mean=0.001, slippage_stddev=0.002)
    drawn = [model.slippage_of(DRAWS, f"O{i}") for i in range(4000)]
    assert abs(fmean(drawn) - 0.001) < 4 * 0.002 / 4000**0.5
    assert abs(pstdev(drawn) - 0.002) < 4 * 0.002 / 8000**0.5
    assert min(drawn) < 0.0


def test_randomized_slippage_depends_on_order_and_part_alone() -> None:
    """Asked again it is the same; another part or seed draws anew."""
    model = SimModel(slippage=SlippageKind.RANDOMIZED, slippage_stddev=0.002)
    first = model.slippage_of(DRAWS, "A")
    assert model.slippage_of(Draws(11), "A") == first
    others = {model.slippage_of(DRAWS, "A", 1), model.slippage_of(Draws(12), "A")}
    assert first not in others
    assert len(others) == 2


def test_drawn_slippage_is_cut_at_half_the_price() -> None:
    """With a deviation of 0.49 some of 2000 draws lie beyond, and all are cut at one half."""
    model = SimModel(slippage=SlippageKind.RANDOMIZED, slippage_stddev=0.49)
    drawn = [model.slippage_of(DRAWS, f"O{i}") for i in range(2000)]
    assert (min(drawn), max(drawn)) == (-0.5, 0.5)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"latency_ms": -1}, "latency"),
        ({"latency_ms": 60_001}, "latency"),
        ({"slippage_mean": -0.1}, "slippage_mean"),
        ({"slippage_stddev": float("nan")}, "slippage_stddev"),
        ({"partial_fill_rate": 1.1}, "partial_fill_rate"),
        ({"reject_rate": -0.1}, "reject_rate"),
        ({"lost_reply_rate": 2}, "lost_reply_rate"),
        ({"refused_cancel_rate": 2}, "refused_cancel_rate"),
        ({"commission_fraction": Decimal(1)}, "commission"),
        ({"starting_cash": Decimal(-1)}, "cash"),
    ],
)
def test_number_outside_its_range_is_refused(wrong: dict[str, object], named: str) -> None:
    """Each parameter has a range, and the message names it."""
    with pytest.raises(ConfigError, match=named):
        SimModel(**wrong)


def test_latency_is_a_fraction_of_the_minute() -> None:
    """15 s are a quarter of a bar."""
    assert SimModel(latency_ms=15_000).latency_fraction == 0.25


def test_settings_become_the_model() -> None:
    """Every key of the simulation reaches the parameter of its meaning."""
    text = """
        VERSION_TAG=0.1.0
        MAX_ORDER_NOTIONAL=1000
        MAX_ORDER_QUANTITY=100
        SLIPPAGE_SIMULATION_TYPE=randomized
        SLIPPAGE_MEAN_PCT=0.001
        SLIPPAGE_STDDEV_PCT=0.002
        SIMULATED_LATENCY_MS=250
        SIM_STARTING_CASH=5000
        SIM_COMMISSION_PCT=0.0004
        SIM_PARTIAL_FILL_RATE=0.1
        SIM_REJECT_RATE=0.2
        SIM_LOST_REPLY_RATE=0.3
        SIM_NATIVE_TRAILING=true
    """
    settings = parse_env(dedent(text), source="test")
    assert SimModel.from_settings(settings) == SimModel(
        latency_ms=250,
        slippage=SlippageKind.RANDOMIZED,
        slippage_mean=0.001,
        slippage_stddev=0.002,
        commission_fraction=Decimal("0.0004"),
        partial_fill_rate=0.1,
        reject_rate=0.2,
        lost_reply_rate=0.3,
        starting_cash=Decimal(5000),
        native_trailing=True,
    )
