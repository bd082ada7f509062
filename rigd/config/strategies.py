"""The settings of one strategy, as the strategy's router reads them."""

from __future__ import annotations

from dataclasses import dataclass

from rigd.config.choices import CloseMode, ShortType

TRIGGER_KEYS = {
    "open": "STRAT_OPEN_BUFFER",
    "mid": "STRAT_MID_VWAP_THRESHOLD",
    "close": "STRAT_CLOSE_THRESHOLD",
}
"""The key of each strategy's trigger: how far a price must go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySettings:
    """Every key that concerns one strategy.

    Parameters
    ----------
    name, enabled
        Its name in STRATEGY_SEQUENCE and whether it runs.
    start_text, analysis, breakout, monitoring
        START_TIME_* as written; the three parts of the window [minutes].
    trigger
        STRAT_OPEN_BUFFER, STRAT_MID_VWAP_THRESHOLD or STRAT_CLOSE_THRESHOLD [fraction].
    mode
        STRAT_CLOSE_MODE; None for open and mid.
    short_type
        How the short side is taken.
    stop_pct, target_pct
        Hard stop and target [fraction of the entry]; None = off.
    trail_pct
        TRAIL_PCT_*, else TRADING_TRAILING_STOP_PCT [fraction of the peak].
    trail_tightening_buffer_s, trail_tightening_factor
        From how long before the time exit [s] the trail shrinks, and by which factor.
    trail_atr_mult, trail_atr_period
        The ATR form of the trail; a None multiple = off; period [bars].
    max_gap_pct, min_market_cap, max_market_cap
        Limits of its candidates [fraction, USD, USD].
    """

    name: str
    enabled: bool
    start_text: str
    analysis: int
    breakout: int
    monitoring: int
    trigger: float
    mode: CloseMode | None
    short_type: ShortType
    stop_pct: float | None
    target_pct: float | None
    trail_pct: float
    trail_tightening_buffer_s: int
    trail_tightening_factor: float
    trail_atr_mult: float | None
    trail_atr_period: int
    max_gap_pct: float
    min_market_cap: float
    max_market_cap: float
