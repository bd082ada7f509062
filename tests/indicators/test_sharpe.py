"""The Sharpe ratio and its probabilities, against the published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rigd.core.errors import DataError
from rigd.indicators.sharpe import (
    Moments,
    annual_sharpe,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
)

HEDGE_FUND = Moments(24, 0.458, -2.448, 10.164)
"""Monthly, Bailey and Lopez de Prado (2012), section 4."""

DEFLATED = Moments(1250, 2.5 / math.sqrt(250), -3.0, 10.0)
"""Daily, five years, annual ratio 2.5: Bailey and Lopez de Prado (2014), numerical example."""


def test_a_ratio_by_hand() -> None:
    """Returns 1, 2, 3 %: mean 2 %, deviation 1 % (ddof 1), so 2 a period and 2 √252 a year."""
    assert moments([0.01, 0.02, 0.03]).sharpe == pytest.approx(2.0, rel=1e-14)
    assert annual_sharpe([0.01, 0.02, 0.03]) == pytest.approx(2.0 * math.sqrt(252), rel=1e-14)
    assert annual_sharpe([0.01, 0.02, 0.03], 12) == pytest.approx(2.0 * math.sqrt(12), rel=1e-14)


def test_moments_equal_those_of_scipy() -> None:
    """Skewness and kurtosis are the population's, as scipy computes them."""
    returns = np.random.default_rng(3).standard_t(4, 500) * 0.01 + 0.001
    found = moments(returns)
    assert found.periods == 500
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-12)
    assert found.skewness == pytest.approx(stats.skew(returns), rel=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-12)


def test_the_published_probability_of_a_short_skewed_record() -> None:
    """0.913 with its skew and tails, 0.982 as if it were normal (2012, section 4)."""
    assert probabilistic_sharpe(HEDGE_FUND) == pytest.approx(0.913, abs=5e-4)
    normal = HEDGE_FUND._replace(skewness=0.0, kurtosis=3.0)
    assert probabilistic_sharpe(normal) == pytest.approx(0.982, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_published_minimum_track_records(periods: int, years: float) -> None:
    """Normal returns, annual ratio 2 against 1 at 95 %: 2.73, 2.83 and 3.24 years (2012)."""
    found = Moments(100, 2.0 / math.sqrt(periods), 0.0, 3.0)
    needed = minimum_track_record(found, 1.0 / math.sqrt(periods)) / periods
    assert needed == pytest.approx(years, abs=0.006)


def test_the_minimum_track_record_is_where_the_probability_arrives() -> None:
    """With exactly so many returns the probability is the confidence that was asked for."""
    needed = minimum_track_record(HEDGE_FUND, 0.1, 0.9)
    error = 1 + 2.448 * 0.458 + 9.164 / 4 * 0.458**2
    score = (0.458 - 0.1) * math.sqrt((needed - 1) / error)
    assert stats.norm.cdf(score) == pytest.approx(0.9, rel=1e-12)


def test_a_ratio_below_its_benchmark_never_arrives() -> None:
    """No length of record makes a ratio believable that is not above the benchmark."""
    assert minimum_track_record(HEDGE_FUND, 0.458) == math.inf


def test_the_published_deflated_ratio() -> None:
    """100 trials with variance 1/2 a year: best expected 0.1132, deflated 0.9004 (2014)."""
    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(DEFLATED, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)


def test_the_published_number_of_trials_that_may_be_made() -> None:
    """The 95 % are reached with 46 trials, and with 88 for normal returns, not more (2014)."""
    normal = DEFLATED._replace(skewness=0.0, kurtosis=3.0)
    for found, most in ((DEFLATED, 46), (normal, 88)):
        assert deflated_sharpe(found, most, 0.5 / 250) == pytest.approx(0.95, abs=1e-3)
        assert deflated_sharpe(found, 2 * most, 0.5 / 250) < 0.95


def test_the_expected_maximum_is_that_of_drawn_trials() -> None:
    """The mean of the best of 50 draws, over 20,000 experiments, is the formula's within 2 %."""
    best = np.random.default_rng(5).normal(0.0, 0.1, (20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(50, 0.01) == pytest.approx(best, rel=0.02)


def test_one_trial_is_not_deflated() -> None:
    """With one trial there is no choice: the deflated ratio is the probabilistic one."""
    assert expected_maximum_sharpe(1, 0.3) == 0.0
    assert deflated_sharpe(DEFLATED, 1, 0.3) == probabilistic_sharpe(DEFLATED)


def test_returns_that_do_not_vary_have_no_ratio() -> None:
    """Neither days without a trade nor a constant gain has a ratio: NaN, never infinite."""
    for flat in ([0.0, 0.0, 0.0], [0.1, 0.1, 0.1]):
        found = moments(flat)
        assert math.isnan(found.sharpe)
        assert math.isnan(probabilistic_sharpe(found))
        assert math.isnan(minimum_track_record(found))
        assert math.isnan(deflated_sharpe(found, 10, 0.1))


@pytest.mark.parametrize("returns", [[], [0.1], [[0.1, 0.2]], [0.1, math.nan], [0.1, math.inf]])
def test_returns_that_are_no_column_of_numbers_are_refused(returns) -> None:
    """Too few, the wrong shape and NaN are refused, not averaged over."""
    with pytest.raises(DataError, match="returns must be"):
        moments(returns)


@pytest.mark.parametrize(("trials", "variance"), [(0, 0.1), (3, -0.1), (3, math.nan)])
def test_trials_that_cannot_be_are_refused(trials: int, variance: float) -> None:
    """No trial, and a variance that is none, are refused."""
    with pytest.raises(DataError, match="trials must be 1 or more"):
        expected_maximum_sharpe(trials, variance)
