"""Settings of one strategy for tests, with the defaults of SPEC §6."""

from __future__ import annotations

from rigd.config.choices import CloseMode, ShortType
from rigd.config.strategies import StrategySettings
from rigd.core.values import Window

STARTS = {"open": "open+0m", "mid": "open+150m", "close": "close-26m"}
PARTS = {"open": (20, 10, 30), "mid": (15, 10, 30), "close": (5, 3, 15)}
TRIGGERS = {"open": 0.02, "mid": 0.02, "close": 0.003}
WINDOWS = {
    name: Window(
        strategy=name,
        start=start,
        analysis_end=start + PARTS[name][0],
        breakout_end=start + sum(PARTS[name][:2]),
        end=start + sum(PARTS[name]),
        exit_minute=start + sum(PARTS[name]),
    )
    for name, start in (("open", 0), ("mid", 150), ("close", 364))
}
"""The default windows of a full day (SPEC §3a)."""


def view(name, **changes):
    """Return the settings of one strategy; keywords replace the defaults."""
    analysis, breakout, monitoring = PARTS[name]
    values = {
        "name": name,
        "enabled": True,
        "start_text": STARTS[name],
        "analysis": analysis,
        "breakout": breakout,
        "monitoring": monitoring,
        "trigger": TRIGGERS[name],
        "mode": CloseMode.MOMENTUM if name == "close" else None,
        "short_type": ShortType.DISABLED,
        "stop_pct": None,
        "target_pct": None,
        "trail_pct": 0.02,
        "trail_tightening_buffer_s": 150,
        "trail_tightening_factor": 0.5,
        "trail_atr_mult": None,
        "trail_atr_period": 14,
        "max_gap_pct": 0.1,
        "min_market_cap": 300e6,
        "max_market_cap": 10e9,
    }
    return StrategySettings(**(values | changes))


class FakeSettings:
    """The part of the settings that the router reads."""

    def __init__(self, *views, sequence=("open", "mid", "close"), override=None):
        self.strategy_sequence = sequence
        self.strategy_override = override
        self._views = {name: view(name) for name in PARTS} | {one.name: one for one in views}

    def strategy(self, name):
        """Return the view of one strategy."""
        return self._views[name]
