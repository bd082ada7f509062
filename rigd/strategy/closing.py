"""The strategy ``close``: momentum or fade at the end of the day.

Source: SPEC §3 and §3a.1-2. The move is the last close over the first open of the analysis part,
minus 1, fixed at the end of analysis. It counts when it reaches STRAT_CLOSE_THRESHOLD, and is
decided on after the last analysis bar and each breakout bar but the last.
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

NAME = "close"

MOMENTUM = 1.0
FADE = -1.0


class CloseParams(NamedTuple):
    """Parameters: the window's parts [minutes since the open], threshold [fraction] and mode.

    `mode` is MOMENTUM or FADE.
    """

    analysis_start: int
    analysis_end: int
    breakout_end: int
    threshold: float
    mode: float


@dataclass(slots=True)
class CloseState:
    """What is kept of one symbol.

    `bars` counts analysis bars, `asked` the bars that could carry a signal; `first_open` and
    `last_close` belong to the analysis part [currency/share].
    """

    bars: float = 0.0
    asked: float = 0.0
    first_open: float = 0.0
    last_close: float = 0.0


def params_from(view: StrategySettings, window: Window) -> CloseParams:
    """Return the parameters for one session."""
    return CloseParams(
        window.start,
        window.analysis_end,
        window.breakout_end,
        view.trigger,
        FADE if view.mode == "fade" else MOMENTUM,
    )


def entry(state: CloseState, bar: Bar, params: CloseParams) -> float:
    """Observe one bar and tell whether the move of the analysis part asks for a trade.

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
    if bar.minute < params.analysis_start or bar.minute >= params.breakout_end - 1:
        return 0.0
    if bar.minute < params.analysis_end:
        if state.bars == 0.0:
            state.first_open = bar.open
        state.last_close = bar.close
        state.bars += 1.0
    if state.bars == 0.0 or bar.minute < params.analysis_end - 1:
        return 0.0
    state.asked += 1.0
    move = state.last_close / state.first_open - 1.0
    if move >= params.threshold:
        return params.mode
    if move <= -params.threshold:
        return -params.mode
    return 0.0


def score(state: CloseState, params: CloseParams) -> float:  # noqa: ARG001 - one signature for all
    """Return the size of the move; NaN without an analysis bar."""
    if state.bars == 0.0:
        return math.nan
    return abs(state.last_close / state.first_open - 1.0)


def reach(
    state: CloseState,
    params: CloseParams,
    shorts: bool = True,  # noqa: FBT001, FBT002 - one signature for all strategies
) -> float:
    """Return the move of the analysis part, as a fraction of its first open.

    Parameters
    ----------
    state, params
        Of the symbol and the session.
    shorts
        Whether a move that leads to a short trade counts.

    Returns
    -------
    float
        To be compared with the threshold; NaN before the first bar that may carry a signal.
    """
    if state.asked == 0.0:
        return math.nan
    move = (state.last_close / state.first_open - 1.0) * params.mode
    return abs(move) if shorts else move


def analysis_bars(state: CloseState) -> float:
    """Return how many bars of the analysis part were seen."""
    return state.bars


def vwap(state: CloseState) -> float:  # noqa: ARG001 - one signature for all strategies
    """Return NaN: this strategy keeps no VWAP."""
    return math.nan


STRATEGY = ShippedStrategy(
    name=NAME,
    observes=Observes.WINDOW,
    fills_in_breakout=True,
    state=CloseState,
    entry=entry,
    score=score,
    reach=reach,
    analysis_bars=analysis_bars,
    vwap=vwap,
)

self_check = STRATEGY.self_check
simulate = STRATEGY.simulate
