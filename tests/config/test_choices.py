"""Tests of the closed choices."""

from __future__ import annotations

import pytest

from rigd.config import choices


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (choices.LogFormat, "json csv"),
        (choices.BrokerCode, "SIM ALPACA IBKR TRADIER"),
        (choices.CloseMode, "momentum fade"),
        (choices.ShortType, "disabled ShortSell InverseETF LongPut"),
        (choices.AlertChannel, "email slack sms pagerduty"),
        (choices.OptimizerAlgorithm, "grid bayesian genetic"),
        (choices.SlippageType, "none rule_based randomized"),
    ],
)
def test_choices_are_those_of_the_specification(kind: type, values: str) -> None:
    """The values are spelled as in SPEC §6."""
    assert [member.value for member in kind] == values.split()
