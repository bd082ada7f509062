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


_RAISE = math.inf


class Hostile:
    """What strategies do wrong; about the same bar the same in every process.

    Parameters
    ----------
    plan
        What goes wrong.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._said: dict[tuple[str, Bar], float] = {}
        self._at_all = any(plan.has(fault) for fault in HOSTILE)

    def put_in(self, runners: list[Runner]) -> None:
        """Let the strategies of a session misbehave as far as the plan has it.

        Parameters
        ----------
        runners
            The session's; their plans are replaced.
        """
        if self._at_all:
            for runner in runners:
                strategy = self._spoilt(runner.plan.strategy)
                runner.plan = replace(runner.plan, strategy=strategy)

    def _spoilt(self, strategy: Strategy) -> Strategy:
        rule, name = strategy.entry, strategy.name

        def entry(state: Any, bar: Bar, params: Any) -> float:  # noqa: ANN401 - each has its own
            signal = rule(state, bar, params)
            said = self._said.get((name, bar))
            if said is None:
                said = self._said[name, bar] = self._say(bar, signal)
            if said == _RAISE:
                msg = "a strategy of a hostile author"
                raise ZeroDivisionError(msg)
            return said

        return replace(strategy, entry=entry)

    def _say(self, bar: Bar, signal: float) -> float:
        plan = self._plan
        if plan.fires(Fault.STRATEGY_RAISES):
            return _RAISE
        if plan.fires(Fault.STRATEGY_NAN):
            return math.nan
        if plan.fires(Fault.STRATEGY_FLIPS):
            return 1.0 if bar.minute % 2 else -1.0
        return 1.0 if plan.fires(Fault.STRATEGY_ENDLESS) else signal
