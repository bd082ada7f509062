"""The ranked pool."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.errors import LogicError
from rigd.core.values import PoolEntry
from rigd.screener.pool import NO_SCORE, TOO_FEW_BARS, pool_size, rank, self_check, skip_reasons

SYMBOLS = st.text("ABC", min_size=1, max_size=3)
FINITE = st.floats(-1e9, 1e9, allow_nan=False) | st.sampled_from([0.0, -0.0, 0.01, 0.02])


def test_pool_by_hand() -> None:
    """Highest score first, ties by symbol, ranks from 1, cut at the limit."""
    scores = {"SPY": 0.01, "IBM": 0.02, "BAC": 0.01, "TWX": 0.005}
    assert rank(scores, 3) == (
        PoolEntry("IBM", 0.02, 1),
        PoolEntry("BAC", 0.01, 2),
        PoolEntry("SPY", 0.01, 3),
    )


def test_size_of_the_pool() -> None:
    """MAX_TRADES × CANDIDATE_MULTIPLIER: 4 × 5 with the defaults (SPEC §3)."""
    assert pool_size(4, 5) == 20


@settings(max_examples=200)
@given(st.dictionaries(SYMBOLS, FINITE, max_size=20), st.integers(0, 25), st.randoms())
def test_screener_random(scores, limit, shuffler) -> None:
    """Random scores: sorted, no better symbol left out, and independent of the order given."""
    pool = rank(scores, limit)
    assert len(pool) == min(limit, len(scores))
    assert [entry.rank for entry in pool] == list(range(1, len(pool) + 1))
    assert all(scores[entry.symbol] == entry.score for entry in pool)
    for better, worse in itertools.pairwise(pool):
        assert better.score > worse.score or (
            better.score == worse.score and better.symbol < worse.symbol
        )
    inside = {entry.symbol for entry in pool}
    if pool and len(pool) == limit:
        last = pool[-1]
        for symbol in scores.keys() - inside:
            assert scores[symbol] < last.score or (
                scores[symbol] == last.score and symbol > last.symbol
            )
    items = list(scores.items())
    shuffler.shuffle(items)
    assert rank(dict(items), limit) == pool


@settings(max_examples=100)
@given(
    st.dictionaries(SYMBOLS, FINITE | st.sampled_from([math.nan, math.inf, -math.inf])),
    st.dictionaries(SYMBOLS, st.integers(0, 20)),
    st.integers(0, 20),
)
def test_every_symbol_is_ranked_or_skipped(scores, seen, required) -> None:
    """What is not skipped has enough bars and a finite score, and rank takes it."""
    skipped = skip_reasons(scores, seen, required)
    kept = {symbol: score for symbol, score in scores.items() if symbol not in skipped}
    pool = rank(kept, len(kept))
    assert {entry.symbol for entry in pool} | skipped.keys() == scores.keys() | seen.keys()
    assert all(seen.get(entry.symbol, 0) >= required for entry in pool)
    assert list(skipped) == sorted(skipped)


def test_reasons_by_hand() -> None:
    """Too few bars comes first; a missing or broken score is named."""
    scores = {"A": 0.1, "B": 0.2, "C": math.nan, "D": math.nan, "E": 0.3}
    seen = {"A": 16, "B": 15, "C": 20, "D": 3, "F": 20}
    assert skip_reasons(scores, seen, 16) == {
        "B": TOO_FEW_BARS,
        "C": NO_SCORE,
        "D": TOO_FEW_BARS,
        "E": TOO_FEW_BARS,
        "F": NO_SCORE,
    }


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_not_finite_is_a_defect(score) -> None:
    """Sorting NaN would give an order that depends on chance."""
    with pytest.raises(LogicError, match="the score of IBM must be finite"):
        rank({"IBM": score}, 5)


def test_a_negative_limit_is_a_defect() -> None:
    """A slice would silently drop the last entries."""
    with pytest.raises(LogicError, match="must not be negative, was -1"):
        rank({}, -1)


@pytest.mark.parametrize(
    ("trades", "multiplier", "passed"), [(4, 5, True), (4, 0, False), (0, 5, True)]
)
def test_self_check(trades, multiplier, passed) -> None:
    """A pool without room for a candidate fails the launch, unless no trade is wanted."""
    answer = self_check(SimpleNamespace(max_trades=trades, candidate_multiplier=multiplier))
    assert (answer.name, answer.passed) == ("screener.pool", passed)
    assert f"= {trades * multiplier} candidates" in answer.detail
