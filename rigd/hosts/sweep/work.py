"""One part of a sweep: some entries of the grid over one symbol, as a worker gets it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from rigd.hosts.kernels import cached
from rigd.hosts.kernels.reentry import TradeRules, compile_hop
from rigd.hosts.kernels.sharing import Entries, Exits, Frictions, compile_share
from rigd.hosts.kernels.tally import Costs
from rigd.hosts.sweep.portfolio import PortfolioPart, run_portfolio_part
from rigd.strategy.router import MODULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part.

    Parameters
    ----------
    number
        Its place in the sweep.
    strategy
        open, mid or close.
    bars, offsets, classes
        One symbol's days, as the kernels take them.
    entries, exits, frictions, costs
        The part's entries and the whole grid's exits.
    rules
        The rules of trade order; None for one trade a day.
    cache
        The folder of compiled kernels; blank for none.
    """

    number: int
    strategy: str
    bars: np.ndarray
    offsets: np.ndarray
    classes: np.ndarray
    entries: Entries
    exits: Exits
    frictions: Frictions
    costs: Costs
    rules: TradeRules | None
    cache: str


def run_part(part: Part | PortfolioPart) -> tuple[int, np.ndarray]:
    """Run one part in this process.

    Parameters
    ----------
    part
        What to run.

    Returns
    -------
    tuple of int and ndarray
        The part's number, and float64[entries, stops × trails × times, targets × touches, 6], or
        float64[sets, 6] of a portfolio.
    """
    if isinstance(part, PortfolioPart):
        return run_portfolio_part(part)
    cached.use(part.cache)
    terms = (part.entries, part.exits, part.frictions, part.costs)
    series = (part.bars, part.offsets, part.classes)
    if part.rules is None:
        return part.number, _share(part.strategy)(*series, *terms)
    return part.number, _hop(part.strategy)(*series, *terms, part.rules)


@cache
def _share(strategy: str) -> Any:  # noqa: ANN401 - a plain function over arrays
    return compile_share(_definition(strategy))


@cache
def _hop(strategy: str) -> Any:  # noqa: ANN401 - a plain function over arrays
    return compile_hop(_definition(strategy))


def _definition(strategy: str) -> Any:  # noqa: ANN401 - a strategy's definition
    from importlib import import_module  # noqa: PLC0415 - one strategy alone is imported

    return import_module(MODULES[strategy]).STRATEGY
