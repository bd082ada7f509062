"""One small backtest of seeded days, for the tests of what comes of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rigd.hosts.backtest import result
from rigd.hosts.backtest.request import BacktestRequest
from rigd.hosts.backtest.scanning import Lane
from tests.hosts.backtest.days import synthetic, terms

if TYPE_CHECKING:
    from rigd.hosts.backtest.result import BacktestResult

SLIPPED = {
    "slippage_simulation_type": "rule_based",
    "slippage_mean_pct": "0.0005",
    "sim_commission_pct": "0.0001",
    "short_type_open": "ShortSell",
}


@cache
def traded() -> BacktestResult:
    """A backtest of all strategies that trades."""
    return made("all", **SLIPPED)


@cache
def untraded() -> BacktestResult:
    """A backtest whose threshold nothing reaches."""
    return made("open", strat_open_buffer="0.5")


def made(strategy: str, **overrides: str) -> BacktestResult:
    """A backtest of 25 seeded days of two symbols."""
    history = synthetic(61, 25, ("AAA", "BBB"))
    days = [feed.session.day for feed in history.feeds]
    request = BacktestRequest(strategy=strategy, start=days[0], end=days[-1])
    if strategy != "all":
        overrides["strategy_override"] = strategy
    return result.run(request, terms(**overrides), history, lane=Lane.PLAIN)
