"""What a strategy is: one entry rule on one bar at a time, a score, and parameters.

The functions of a strategy are plain Python on numbers and call nothing but each other, so that
the same objects run interpreted (a state is a slotted object, a bar a tuple) and compiled (both
are records with the same field names). A state is born with zeros in all fields.
Source: SPEC §3 and §3a.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from rigd.core.values import Bar

ANALYSIS_PERCENT = 80
"""A symbol with a smaller share of its analysis bars is skipped (SPEC §3a.1)."""


class Observes(StrEnum):
    """From which bar on the strategy must see every bar of a symbol."""

    SESSION = "session"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One strategy definition.

    Parameters
    ----------
    name
        The name in the data: open, mid or close.
    observes
        SESSION when the state needs every bar since the open, WINDOW when only the window's.
    fills_in_breakout
        Whether an entry must fill inside the breakout part; else before the end of monitoring.
    state
        The class of the state: a slotted dataclass of floats, all 0.0 at birth.
    entry
        ``entry(state, bar, params) -> float``: observes the bar, then answers > 0 for long, < 0
        for short, 0 for nothing, on the bar whose close carries the signal. Called once for each
        bar in time order, in and after a trade too; bars that do not concern it are ignored.
    score
        ``score(state, params) -> float``: the fitness at the end of analysis, unchanged by later
        bars; NaN when nothing was seen.
    reach
        ``reach(state, params, shorts) -> float``: the largest move towards a signal so far, in
        the quantity of the threshold; NaN before the first bar that may carry a signal.
    analysis_bars
        ``analysis_bars(state) -> float``: how many bars of the analysis part were seen.
    vwap
        ``vwap(state) -> float``: the session's VWAP so far; NaN when the strategy keeps none.
    """

    name: str
    observes: Observes
    fills_in_breakout: bool
    state: type
    entry: Callable[[Any, Bar, Any], float]
    score: Callable[[Any, Any], float]
    reach: Callable[[Any, Any, bool], float]
    analysis_bars: Callable[[Any], float]
    vwap: Callable[[Any], float]

    @property
    def state_fields(self) -> tuple[str, ...]:
        """The names of the state's fields, all of them numbers, in order."""
        return tuple(field.name for field in fields(self.state))

    def new_state(self) -> Any:  # noqa: ANN401 - each strategy has its own class of state
        """Return the state of one symbol at the start of a session."""
        return self.state()


def required_bars(analysis_minutes: int) -> int:
    """Return how many analysis bars a symbol must have to be ranked.

    Parameters
    ----------
    analysis_minutes
        Length of the analysis part [minutes].

    Returns
    -------
    int
        The smallest count that is not under 80 % of the minutes (SPEC §3a.1).
    """
    return -(-analysis_minutes * ANALYSIS_PERCENT // 100)
