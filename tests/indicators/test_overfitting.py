"""The probability of backtest overfitting, against a second implementation and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from rigd.core.errors import DataError
from rigd.indicators.overfitting import overfitting


def by_the_book(table: np.ndarray, blocks: int) -> tuple[float, list[float]]:
    """The steps of Bailey et al. (2015), section 3.2, one after the other on whole columns."""
    parts = np.split(table, blocks)
    logits = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        within = inside.mean(axis=0) / inside.std(axis=0, ddof=1)
        beyond = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        best = int(within.argmax())
        rank = sorted(beyond).index(beyond[best]) + 1
        omega = rank / (table.shape[1] + 1)
        logits.append(math.log(omega / (1 - omega)))
    return float(np.mean([value <= 0 for value in logits])), logits


def test_it_equals_the_steps_of_the_paper() -> None:
    """All splits of 20 drawn tables have the logits of a plain implementation."""
    draws = np.random.default_rng(11)
    for _ in range(20):
        table = draws.normal(0.0002, 0.01, (60, 7))
        probability, logits = by_the_book(table, 6)
        found = overfitting(table, 6)
        assert found.logits == pytest.approx(logits, abs=1e-12)
        assert found.probability == probability


def test_two_trials_that_swap_are_overfitted_for_certain() -> None:
    """By hand: each wins its own half, so the winner inside is always the last outside."""
    up, down = [0.02, 0.01], [-0.02, -0.01]
    found = overfitting(np.array([up + down, down + up]).T, 2)
    assert found.probability == 1.0
    assert found.loss_probability == 1.0
    assert found.logits.tolist() == pytest.approx([math.log(0.5)] * 2)


def test_a_trial_that_always_wins_is_not_overfitted() -> None:
    """By hand: best of three in every half, rank 3 of 4, so the logit is ln 3."""
    draws = np.random.default_rng(2).normal(0.0, 0.01, (40, 3))
    draws[:, 1] += 0.05
    found = overfitting(draws, 4)
    assert (found.probability, found.loss_probability) == (0.0, 0.0)
    assert found.logits.tolist() == pytest.approx([math.log(3.0)] * 6)


def test_noise_is_overfitted_half_of_the_time() -> None:
    """Over 40 tables of noise the mean probability lies between 0.4 and 0.6."""
    draws = np.random.default_rng(8)
    found = [overfitting(draws.normal(0.0, 0.01, (100, 20))).probability for _ in range(40)]
    assert 0.4 < np.mean(found) < 0.6


def test_trials_that_are_the_same_have_the_median_rank() -> None:
    """Copies of one trial are neither above nor below the median: nothing was chosen."""
    column = np.random.default_rng(1).normal(0.01, 0.01, 40)
    found = overfitting(np.stack([column] * 5, axis=1), 4)
    assert found.logits.tolist() == pytest.approx([0.0] * 6)
    assert found.probability == 1.0


def test_a_trial_that_never_trades_counts_as_zero() -> None:
    """Against two losers the one that never traded is chosen and is the best outside."""
    losers = np.random.default_rng(1).normal(-0.05, 0.01, (40, 2))
    found = overfitting(np.column_stack([losers, np.zeros(40)]), 4)
    assert (found.probability, found.loss_probability) == (0.0, 0.0)


def test_one_trial_has_no_probability() -> None:
    """Where there was no choice there is nothing to overfit: NaN."""
    assert math.isnan(overfitting(np.ones((20, 1)), 4).probability)


def test_the_oldest_periods_are_left_over() -> None:
    """Of 43 periods in 4 blocks the first three play no part."""
    table = np.random.default_rng(6).normal(0.0, 0.01, (43, 4))
    assert overfitting(table, 4).logits.tolist() == overfitting(table[3:], 4).logits.tolist()


@pytest.mark.parametrize(
    ("table", "blocks"),
    [
        (np.zeros(10), 2),
        (np.zeros((10, 2)), 3),
        (np.zeros((10, 2)), 0),
        (np.zeros((7, 2)), 4),
        (np.full((10, 2), math.nan), 2),
    ],
)
def test_tables_that_cannot_be_judged_are_refused(table, blocks: int) -> None:
    """A column, an odd number of blocks, blocks of one period and NaN are refused."""
    with pytest.raises(DataError):
        overfitting(table, blocks)
