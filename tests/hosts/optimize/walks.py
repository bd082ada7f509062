"""Seeded series for the searches: random walks, and walks with a planted edge.

Inside a minute the extremes are those of a Brownian bridge, so that a level is hit as often as a
continuous price would hit it: on a walk no rule earns anything, also not by the way bars are made.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from rigd.calendar.exchange import sessions
from rigd.config.parse import override
from rigd.core.values import Bar
from rigd.hosts.optimize.evaluation import Days, days_of
from tests.config.settings import made

MINUTES = 62
VOLATILITY = 0.0015
"""Of a minute; 3 % of a day of 390."""
EDGE = 0.00025
"""Drift of a minute after the twentieth, up or down: a breakout of the range is followed."""
FLAT_OF_COST = {
    "SLIPPAGE_SIMULATION_TYPE": "none",
    "SIM_COMMISSION_PCT": "0",
    "SHORT_TYPE_OPEN": "ShortSell",
}
SESSIONS = sessions(date(2008, 1, 2), date(2012, 12, 31))


def plain_settings(**changes: str):
    """Settings without costs, both sides traded."""
    return override(made(), {**FLAT_OF_COST, **changes})


def walk(seed: int, n_days: int, edge: float = 0.0) -> Days:
    """Days of one symbol's first hour; with an edge each day drifts up or down after minute 20."""
    draws = np.random.default_rng(seed)
    move = draws.normal(0.0, VOLATILITY, (n_days, MINUTES))
    side = np.where(draws.random(n_days) < 0.5, edge, -edge)
    move[:, 20:] += side[:, None]
    close = np.cumsum(move.reshape(-1)).reshape(n_days, MINUTES)
    opened = close - move
    up, down = 1.0 - draws.random((2, n_days, MINUTES))
    high = (opened + close + _reach(move, up)) / 2.0
    low = (opened + close - _reach(move, down)) / 2.0
    prices = 100.0 * np.exp(np.stack([opened, high, low, close], axis=2))
    bars = [[Bar(minute, *row, 100.0) for minute, row in enumerate(day)] for day in prices.tolist()]
    return days_of(SESSIONS[:n_days], {"WALK": bars}, label="a walk", digest=f"{seed:064x}")


def _reach(move: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    return np.sqrt(move**2 - 2.0 * VOLATILITY**2 * np.log(uniform))
