"""Strategies that misbehave say the same of the same bar."""

from __future__ import annotations

import math

import pytest

from rigd.core.values import Bar
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.hostile import Hostile
from tests.engine.world import Table

BARS = [Bar(minute, 10.0, 11.0, 9.0, 10.0 + minute / 100, 1.0) for minute in range(40)]


def signals(fault: Fault | None, rate: float = 1.0, hostile: Hostile | None = None) -> list[float]:
    hostile = hostile or Hostile(FaultPlan(1, {} if fault is None else {fault: rate}))
    runner = Table().desk.runner("open")
    hostile.put_in([runner])
    state = runner.plan.strategy.new_state()
    return [runner.plan.strategy.entry(state, bar, runner.plan.params) for bar in BARS]


def test_each_kind_misbehaves_in_its_way() -> None:
    """Each tick, the opposite each tick, NaN, an exception; none without a fault."""
    assert set(signals(Fault.STRATEGY_ENDLESS)) == {1.0}
    assert signals(Fault.STRATEGY_FLIPS)[:4] == [-1.0, 1.0, -1.0, 1.0]
    assert all(math.isnan(signal) for signal in signals(Fault.STRATEGY_NAN))
    with pytest.raises(ZeroDivisionError):
        signals(Fault.STRATEGY_RAISES)
    assert 0.0 in signals(None)


def test_a_bar_gets_the_same_answer_in_every_process() -> None:
    """A session that is run again sees the same signals, though the fault is a matter of chance."""
    hostile = Hostile(FaultPlan(1, {Fault.STRATEGY_ENDLESS: 0.5}))
    first = signals(None, hostile=hostile)
    assert first == signals(None, hostile=hostile)
    assert 1.0 in first
    assert 0.0 in first
