"""The ranked pool over random universes (document 070, test_screener_random)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rigd.core.errors import LogicError
from rigd.screener.pool import NO_SCORE, TOO_FEW_BARS, pool_size, rank, skip_reasons
from tests.flags import run_by_hand


def universe(number: int) -> dict[str, float]:
    """Between 1 and 40 symbols with scores, some of them equal."""
    draws = np.random.default_rng(number)
    names = [f"S{i:02d}" for i in draws.permutation(40)[: draws.integers(1, 41)]]
    return {name: float(score) for name, score in zip(names, draws.integers(0, 9, 40) / 4)}  # noqa: B905 - as many scores as names


@pytest.mark.parametrize("number", range(60))
def test_the_pool_is_the_best_of_the_universe(number: int) -> None:
    """No symbol outside the pool beats one inside; equal scores go by name; ranks count from 1."""
    scores = universe(number)
    limit = number % 13
    pool = rank(scores, limit)
    assert len(pool) == min(limit, len(scores))
    assert [entry.rank for entry in pool] == list(range(1, len(pool) + 1))
    inside = {entry.symbol for entry in pool}
    for entry in pool:
        for symbol in scores.keys() - inside:
            assert (-entry.score, entry.symbol) < (-scores[symbol], symbol)
    order = [(-entry.score, entry.symbol) for entry in pool]
    assert order == sorted(order)


@pytest.mark.parametrize("number", range(20))
def test_the_order_of_the_universe_does_not_matter(number: int) -> None:
    """The same scores in another order give the same pool."""
    scores = universe(number)
    turned = dict(reversed(scores.items()))
    assert rank(scores, 12) == rank(turned, 12)


@pytest.mark.parametrize("number", range(20))
def test_what_cannot_be_ranked_is_named(number: int) -> None:
    """A symbol with too few bars or no finite score is skipped with its reason, and no other."""
    scores = universe(number)
    draws = np.random.default_rng(number + 1000)
    seen = {symbol: int(draws.integers(0, 21)) for symbol in scores}
    broken = {symbol for symbol in scores if draws.random() < 0.2}
    given = {s: math.nan if s in broken else score for s, score in scores.items()}
    skipped = skip_reasons(given, seen, required=16)
    for symbol in scores:
        if seen[symbol] < 16:
            assert skipped[symbol] == TOO_FEW_BARS
        elif symbol in broken:
            assert skipped[symbol] == NO_SCORE
        else:
            assert symbol not in skipped


def test_the_pool_holds_trades_times_multiplier() -> None:
    """MAX_TRADES 4 with CANDIDATE_MULTIPLIER 3 gives a pool of 12 (SPEC §3)."""
    assert pool_size(4, 3) == 12


def test_a_score_that_is_no_number_never_gets_a_rank() -> None:
    """Ranking a score that is not finite is refused."""
    with pytest.raises(LogicError):
        rank({"AAA": math.nan}, 1)


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
