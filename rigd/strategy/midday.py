"""The strategy ``mid``: reversion to the session's VWAP.

Source: SPEC §3 and §3a.1-2. The VWAP runs over the typical prices (H+L+C)/3 from the open, the
signal bar included; a close strictly farther from it than STRAT_MID_VWAP_THRESHOLD is a signal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rigd.strategy.definition import Observes
from rigd.strategy.shipped import ShippedStrategy

if TYPE_CHECKING:
    from rigd.config.strategies import StrategySettings
    from rigd.core.values import Bar, Window

NAME = "mid"


class MidParams(NamedTuple):
    """Parameters: the window's parts [minutes since the open] and the threshold [fraction]."""

    analysis_start: int
    analysis_end: int
    breakout_end: int
    threshold: float


@dataclass(slots=True)
class MidState:
    """What is kept of one symbol.

    `notional` and `traded` are Σ typical price × volume and Σ volume since the open; `bars` counts
    analysis bars, `asked` breakout bars; `score_close` and `score_vwap` are the last close and the
    VWAP in the analysis part; `long_reach` and `short_reach` the largest distances from the VWAP
    so far [fraction].
    """

    notional: float = 0.0
    traded: float = 0.0
    bars: float = 0.0
    asked: float = 0.0
    score_close: float = 0.0
    score_vwap: float = 0.0
    long_reach: float = 0.0
    short_reach: float = 0.0


def params_from(view: StrategySettings, window: Window) -> MidParams:
    """Return the parameters for one session."""
    return MidParams(window.start, window.analysis_end, window.breakout_end, view.trigger)


def entry(state: MidState, bar: Bar, params: MidParams) -> float:
    """Observe one bar and tell whether its close lies far enough from the VWAP.

    Parameters
    ----------
    state
        Of the symbol; changed in place.
    bar
        The next bar of the session.
    params
        Of the session.

    Returns
    -------
    float
        +1 long (below the VWAP), -1 short (above it), 0 none.
    """
    state.notional += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
    state.traded += bar.volume
    if bar.minute < params.analysis_start or bar.minute >= params.breakout_end:
        return 0.0
    if state.traded == 0.0:
        return 0.0
    level = state.notional / state.traded
    if bar.minute < params.analysis_end:
        state.bars += 1.0
        state.score_close = bar.close
        state.score_vwap = level
        return 0.0
    below = 1.0 - bar.close / level
    if state.asked == 0.0 or below > state.long_reach:
        state.long_reach = below
    if state.asked == 0.0 or -below > state.short_reach:
        state.short_reach = -below
    state.asked += 1.0
    if bar.close < level * (1.0 - params.threshold):
        return 1.0
    if bar.close > level * (1.0 + params.threshold):
        return -1.0
    return 0.0


def score(state: MidState, params: MidParams) -> float:  # noqa: ARG001 - one signature for all
    """Return |last close / VWAP - 1| at the end of analysis; NaN without an analysis bar."""
    if state.bars == 0.0:
        return math.nan
    return abs(state.score_close / state.score_vwap - 1.0)


def reach(
    state: MidState,
    params: MidParams,  # noqa: ARG001 - one signature for all strategies
    shorts: bool = True,  # noqa: FBT001, FBT002 - one signature for all strategies
) -> float:
    """Return the largest distance from the VWAP so far, as a fraction of it.

    Parameters
    ----------
    state, params
        Of the symbol and the session.
    shorts
        Whether distances above the VWAP count, which lead to short trades.

    Returns
    -------
    float
        To be compared with the threshold; NaN before the first breakout bar.
    """
    if state.asked == 0.0:
        return math.nan
    return max(state.long_reach, state.short_reach) if shorts else state.long_reach


def analysis_bars(state: MidState) -> float:
    """Return how many bars of the analysis part were seen."""
    return state.bars


def vwap(state: MidState) -> float:
    """Return the session's VWAP so far [currency/share]; NaN before the first trade."""
    if state.traded == 0.0:
        return math.nan
    return state.notional / state.traded


STRATEGY = ShippedStrategy(
    name=NAME,
    observes=Observes.SESSION,
    fills_in_breakout=False,
    state=MidState,
    entry=entry,
    score=score,
    reach=reach,
    analysis_bars=analysis_bars,
    vwap=vwap,
)

self_check = STRATEGY.self_check
simulate = STRATEGY.simulate
