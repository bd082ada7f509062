"""The ranked pool: the candidates of a window, best first.

Source: SPEC §3 (ranked pool) and §3a.1. The screener sorts scores and filters nothing by broker
or capital; a symbol that has too few bars or no score is skipped with a reason.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rigd.core.errors import LogicError
from rigd.core.values import PoolEntry, SelfCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.config.schema import Settings

TOO_FEW_BARS = "too_few_analysis_bars"
NO_SCORE = "score_not_finite"


def pool_size(max_trades: int, candidate_multiplier: int) -> int:
    """Return how many candidates a pool holds: MAX_TRADES × CANDIDATE_MULTIPLIER."""
    return max_trades * candidate_multiplier


def skip_reasons(
    scores: Mapping[str, float], bars_seen: Mapping[str, float], required: int
) -> dict[str, str]:
    """Return the symbols that cannot be ranked, each with its reason.

    Parameters
    ----------
    scores
        The strategy's score of each symbol at the end of analysis.
    bars_seen
        How many analysis bars each symbol had; a symbol that is absent had none.
    required
        How many it needs: 80 % of the analysis part (SPEC §3a.1).

    Returns
    -------
    dict of str to str
        Symbol → reason code, in the order of the symbols.
    """
    skipped = {}
    for symbol in sorted(scores.keys() | bars_seen.keys()):
        if bars_seen.get(symbol, 0) < required:
            skipped[symbol] = TOO_FEW_BARS
        elif not math.isfinite(scores.get(symbol, math.nan)):
            skipped[symbol] = NO_SCORE
    return skipped


def rank(scores: Mapping[str, float], limit: int) -> tuple[PoolEntry, ...]:
    """Return the best candidates, highest score first, ties in the order of the symbols.

    Parameters
    ----------
    scores
        A finite score per symbol; those of `skip_reasons` are left out before.
    limit
        The size of the pool.

    Returns
    -------
    tuple of PoolEntry
        At most `limit`, ranks from 1.

    Raises
    ------
    LogicError
        If a score is not finite or the limit is negative.
    """
    if limit < 0:
        msg = f"the pool's size must not be negative, was {limit}"
        raise LogicError(msg)
    for symbol, score in scores.items():
        if not math.isfinite(score):
            msg = f"the score of {symbol} must be finite, was {score}"
            raise LogicError(msg)
    best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    return tuple(
        PoolEntry(symbol=symbol, score=score, rank=number)
        for number, (symbol, score) in enumerate(best, start=1)
    )


def self_check(settings: Settings) -> SelfCheck:
    """Tell whether the pool can hold a candidate.

    Parameters
    ----------
    settings
        MAX_TRADES and CANDIDATE_MULTIPLIER.

    Returns
    -------
    SelfCheck
        Failed when the pool would be empty though trades are allowed.
    """
    size = pool_size(settings.max_trades, settings.candidate_multiplier)
    return SelfCheck(
        name="screener.pool",
        passed=size > 0 or settings.max_trades == 0,
        detail=f"MAX_TRADES {settings.max_trades} × CANDIDATE_MULTIPLIER "
        f"{settings.candidate_multiplier} = {size} candidates",
    )
