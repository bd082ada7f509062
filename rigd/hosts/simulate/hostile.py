"""Strategies that misbehave: put in the place of a session's own, one fault each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rigd.hosts.simulate.faults import Fault

if TYPE_CHECKING:
    from rigd.core.values import Bar
    from rigd.engine.desk import Runner
    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.strategy.definition import Strategy

HOSTILE = (
    Fault.STRATEGY_RAISES,
    Fault.STRATEGY_ENDLESS,
    Fault.STRATEGY_NAN,
    Fault.STRATEGY_FLIPS,
)


def put_in(runners: list[Runner], plan: FaultPlan) -> None:
    """Let the strategies of a session misbehave as far as the plan has it.

    Parameters
    ----------
    runners
        The session's; their plans are replaced.
    plan
        What goes wrong.
    """
    if any(plan.has(fault) for fault in HOSTILE):
        for runner in runners:
            strategy = _spoilt(runner.plan.strategy, plan)
            runner.plan = replace(runner.plan, strategy=strategy)


def _spoilt(strategy: Strategy, plan: FaultPlan) -> Strategy:
    rule = strategy.entry

    def entry(state: Any, bar: Bar, params: Any) -> float:  # noqa: ANN401 - each strategy has its own
        signal = rule(state, bar, params)
        if plan.fires(Fault.STRATEGY_RAISES):
            msg = "a strategy of a hostile author"
            raise ZeroDivisionError(msg)
        if plan.fires(Fault.STRATEGY_NAN):
            return math.nan
        if plan.fires(Fault.STRATEGY_FLIPS):
            return 1.0 if bar.minute % 2 else -1.0
        return 1.0 if plan.fires(Fault.STRATEGY_ENDLESS) else signal

    return replace(strategy, entry=entry)
