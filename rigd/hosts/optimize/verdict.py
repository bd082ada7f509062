"""When a proposal may be looked at by a person: all of these hold, else it says which do not.

The limits were calibrated with `make honesty`: of 200 seeded random walks at most 5 % pass, of 200
series with a planted edge at least 80 %.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rigd.indicators.sharpe import deflated_sharpe, moments, probabilistic_sharpe

if TYPE_CHECKING:
    from rigd.hosts.optimize.evaluation import Outcome
    from rigd.hosts.optimize.trials import Totals
    from rigd.indicators.overfitting import Overfitting

MIN_TRADES = 30
"""Over the days of the search, and a third of it out of sample."""
MIN_DEFLATED = 0.95
"""Probability of any skill, after all trials ever made on the strategy."""
MAX_OVERFITTING = 0.5
"""Probability that the chosen trial is not above the median out of sample."""
MIN_OUT_OF_SAMPLE = 0.9
"""Probability that what the walk-forward earned out of sample has a positive mean."""


class Evidence(NamedTuple):
    """What is known of a proposal.

    Parameters
    ----------
    trades, out_of_sample_trades
        Trades of the chosen parameters over all days, and of the walk.
    deflated
        Deflated Sharpe ratio, 0 to 1.
    overfitting
        Probability of backtest overfitting, 0 to 1.
    out_of_sample
        Probabilistic Sharpe ratio of the walk against 0, 0 to 1.
    """

    trades: int
    out_of_sample_trades: int
    deflated: float
    overfitting: float
    out_of_sample: float


class Finding(NamedTuple):
    """One rule: what was found, what was asked, and whether it holds."""

    rule: str
    found: float
    limit: str
    holds: bool


def evidence_of(
    chosen: Outcome, walk: Outcome, totals: Totals, overfitted: Overfitting
) -> Evidence:
    """Return the evidence for a choice.

    Parameters
    ----------
    chosen
        What the chosen parameters did over all days.
    walk
        What the walk-forward earned.
    totals
        All trials ever made on the strategy, those of this search included.
    overfitted
        Of the search's trials.

    Returns
    -------
    Evidence
        NaN where a ratio is undefined.
    """
    days = len(chosen.pnl)
    return Evidence(
        trades=int(chosen.trades.sum()),
        out_of_sample_trades=int(walk.trades.sum()),
        deflated=deflated_sharpe(moments(chosen.pnl), totals.made, totals.variance(days)),
        overfitting=overfitted.probability,
        out_of_sample=probabilistic_sharpe(moments(walk.pnl)),
    )


def findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Return each rule with its answer.

    Parameters
    ----------
    evidence
        What is known.

    Returns
    -------
    tuple of Finding
        A proposal is approvable when all hold; NaN holds nowhere.
    """
    least = MIN_TRADES // 3
    rows = (
        ("trades", float(evidence.trades), MIN_TRADES, True),
        ("trades out of sample", float(evidence.out_of_sample_trades), least, True),
        ("deflated Sharpe ratio", evidence.deflated, MIN_DEFLATED, True),
        ("probability of overfitting", evidence.overfitting, MAX_OVERFITTING, False),
        ("probability of a gain out of sample", evidence.out_of_sample, MIN_OUT_OF_SAMPLE, True),
    )
    return tuple(_finding(*row) for row in rows)


def approvable(evidence: Evidence) -> bool:
    """Tell whether every rule holds."""
    return all(finding.holds for finding in findings(evidence))


def _finding(rule: str, found: float, limit: float, at_least: bool) -> Finding:  # noqa: FBT001 - a column of the table
    holds = found >= limit if at_least else found <= limit
    sign = "≥" if at_least else "≤"
    return Finding(rule, found, f"{sign} {limit:g}", holds and not math.isnan(found))
