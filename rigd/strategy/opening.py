"""The strategy ``open``: breakout of the opening range.

Source: SPEC §3 and §3a.1-2. The range is the high and low of the analysis bars alone; a close of
a breakout bar strictly beyond it by more than STRAT_OPEN_BUFFER is a signal.
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

NAME = "open"


class OpenParams(NamedTuple):
    """Parameters: the parts of the window [minutes since the open] and the buffer [fraction]."""

    analysis_start: int
    analysis_end: int
    breakout_end: int
    buffer: float


@dataclass(slots=True)
class OpenState:
    """What is kept of one symbol.

    `bars` counts analysis bars, `asked` breakout bars; prices [currency/share]; `long_reach` and
    `short_reach` are the largest closes beyond the range so far [fraction].
    """

    bars: float = 0.0
    asked: float = 0.0
    range_high: float = 0.0
    range_low: float = 0.0
    long_reach: float = 0.0
    short_reach: float = 0.0


def params_from(view: StrategySettings, window: Window) -> OpenParams:
    """Return the parameters for one session."""
    return OpenParams(window.start, window.analysis_end, window.breakout_end, view.trigger)


def entry(state: OpenState, bar: Bar, params: OpenParams) -> float:
    """Observe one bar and tell whether its close breaks out of the range.

    Parameters
    ----------
    state
        Of the symbol; changed in place.
    bar
        The next bar.
    params
        Of the session.

    Returns
    -------
    float
        +1 long, -1 short, 0 none.
    """
    if bar.minute < params.analysis_start or bar.minute >= params.breakout_end:
        return 0.0
    if bar.minute < params.analysis_end:
        if state.bars == 0.0 or bar.high > state.range_high:
            state.range_high = bar.high
        if state.bars == 0.0 or bar.low < state.range_low:
            state.range_low = bar.low
        state.bars += 1.0
        return 0.0
    if state.bars == 0.0:
        return 0.0
    above = bar.close / state.range_high - 1.0
    below = 1.0 - bar.close / state.range_low
    if state.asked == 0.0 or above > state.long_reach:
        state.long_reach = above
    if state.asked == 0.0 or below > state.short_reach:
        state.short_reach = below
    state.asked += 1.0
    if bar.close > state.range_high * (1.0 + params.buffer):
        return 1.0
    if bar.close < state.range_low * (1.0 - params.buffer):
        return -1.0
    return 0.0


def score(state: OpenState, params: OpenParams) -> float:  # noqa: ARG001 - one signature for all
    """Return range high / range low - 1; NaN without an analysis bar."""
    if state.bars == 0.0:
        return math.nan
    return state.range_high / state.range_low - 1.0


def reach(
    state: OpenState,
    params: OpenParams,  # noqa: ARG001 - one signature for all strategies
    shorts: bool = True,  # noqa: FBT001, FBT002 - one signature for all strategies
) -> float:
    """Return the largest close beyond the range so far, as a fraction of its edge.

    Parameters
    ----------
    state, params
        Of the symbol and the session.
    shorts
        Whether the short side counts.

    Returns
    -------
    float
        To be compared with the buffer; negative inside the range; NaN before the first breakout
        bar.
    """
    if state.asked == 0.0:
        return math.nan
    return max(state.long_reach, state.short_reach) if shorts else state.long_reach


def analysis_bars(state: OpenState) -> float:
    """Return how many bars of the analysis part were seen."""
    return state.bars


def vwap(state: OpenState) -> float:  # noqa: ARG001 - one signature for all strategies
    """Return NaN: this strategy keeps no VWAP."""
    return math.nan


STRATEGY = ShippedStrategy(
    name=NAME,
    observes=Observes.WINDOW,
    fills_in_breakout=False,
    state=OpenState,
    entry=entry,
    score=score,
    reach=reach,
    analysis_bars=analysis_bars,
    vwap=vwap,
)

self_check = STRATEGY.self_check
simulate = STRATEGY.simulate
