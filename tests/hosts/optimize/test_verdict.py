"""When a proposal may be looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rigd.hosts.optimize.evaluation import Outcome
from rigd.hosts.optimize.trials import Totals
from rigd.hosts.optimize.verdict import Evidence, approvable, evidence_of, findings
from rigd.indicators.overfitting import Overfitting
from rigd.indicators.sharpe import moments, probabilistic_sharpe

GOOD = Evidence(30, 10, 0.95, 0.5, 0.9)


def test_at_the_limits_everything_holds() -> None:
    """The limits themselves are allowed."""
    assert approvable(GOOD)
    assert len(findings(GOOD)) == len(Evidence._fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trades", 29),
        ("out_of_sample_trades", 9),
        ("deflated", 0.9499),
        ("overfitting", 0.501),
        ("out_of_sample", 0.8999),
        ("deflated", math.nan),
        ("overfitting", math.nan),
        ("out_of_sample", math.nan),
    ],
)
def test_each_rule_alone_refuses(field: str, value: float) -> None:
    """One rule that does not hold, or has no answer, is enough, and it is named."""
    found = [row for row in findings(GOOD._replace(**{field: value})) if not row.holds]
    assert len(found) == 1
    assert not approvable(GOOD._replace(**{field: value}))


def test_evidence_uses_every_trial_ever_made() -> None:
    """The same choice after 10 and after 10,000 trials: the deflated ratio falls."""
    draws = np.random.default_rng(3)
    chosen = Outcome(draws.normal(0.002, 0.01, 250), np.ones(250, dtype=np.int64))
    walk = Outcome(chosen.pnl[50:], chosen.trades[50:])
    overfitted = Overfitting(0.1, 0.0, np.zeros(1))
    few, many = (evidence_of(chosen, walk, Totals(made, 1.0), overfitted) for made in (10, 10_000))
    assert (few.trades, few.out_of_sample_trades, few.overfitting) == (250, 200, 0.1)
    assert few.deflated > many.deflated
    assert few.out_of_sample == probabilistic_sharpe(moments(walk.pnl))


def test_luck_has_at_most_its_own_spread() -> None:
    """Trials that differ by more than luck are deflated as if they differed by luck."""
    assert Totals(10, 7.0).variance(250) == 1.0 / 250
    assert Totals(10, 0.5).variance(250) == 0.5 / 250
