"""Parameter sets for the three strategies, shared by the tests of every host."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from rigd.strategy import closing, midday, opening
from rigd.strategy.exits import ExitRules
from rigd.strategy.stepper import StepPlan

OFF = math.nan
PLAIN = ExitRules(OFF, OFF, 0.02, 0.5, 150.0, False, OFF, 14)

OPEN_PLAN = StepPlan(60, 60, 16, shorts=True)
MID_PLAN = StepPlan(205, 205, 12, shorts=True)
CLOSE_PLAN = StepPlan(372, 387, 4, shorts=True)


class Case(NamedTuple):
    """One strategy with all its numbers."""

    strategy: object
    params: tuple
    rules: ExitRules
    plan: StepPlan


EXITS = [
    PLAIN,
    PLAIN._replace(stop_fraction=0.002, target_fraction=0.003),
    PLAIN._replace(trail_fraction=0.0025, tighten_factor=0.25),
    PLAIN._replace(trail_fraction=0.001, target_fraction=0.0015, tighten_factor=0.1),
    PLAIN._replace(trail_fraction=0.01, atr_mult=3.0),
    PLAIN._replace(trail_fraction=0.004, atr_mult=1.5, atr_period=5, stop_fraction=0.005),
]
"""Plain, stop and target, tight trail, tighter trail with a target, ATR trail, all of them."""

FRICTIONS = [(0.0, 0.0), (1 / 240, 0.0003)]
"""Latency fraction and slippage."""


def cases(name):
    """Return a few dozen parameter sets of one strategy; thresholds small enough to trade."""
    triggers = {
        "open": [0.0, 0.0003, 0.002],
        "mid": [0.0005, 0.0015, 0.004],
        "close": [5e-5, 0.0005, 0.002],
    }[name]
    grid = itertools.product(triggers, EXITS, FRICTIONS)
    for number, (trigger, rules, friction) in enumerate(grid):
        yield _case(name, trigger, rules, friction, number)


def _case(name, trigger, rules, friction, number):
    latency_fraction, slippage = friction
    shorts = number % 5 != 0
    friction_of = {"latency_fraction": latency_fraction, "slippage": slippage, "shorts": shorts}
    if name == "open":
        params = opening.OpenParams(0, 20, 30, trigger)
        return Case(opening.STRATEGY, params, rules, OPEN_PLAN._replace(**friction_of))
    if name == "mid":
        params = midday.MidParams(150, 165, 175, trigger)
        touch = rules._replace(vwap_touch=True)
        return Case(midday.STRATEGY, params, touch, MID_PLAN._replace(**friction_of))
    mode = closing.FADE if number % 3 == 0 else closing.MOMENTUM
    params = closing.CloseParams(364, 369, 372, trigger, mode)
    return Case(closing.STRATEGY, params, rules, CLOSE_PLAN._replace(**friction_of))
