"""A rule that knows the next bar is always caught; one that does not never is."""

from __future__ import annotations

import math

import pytest

from rigd.core.values import Bar
from rigd.strategy.look_ahead import Peek, find_peek, signals_of
from tests.strategy.cases import cases
from tests.strategy.days import flat, real_days, synthetic_days


@pytest.mark.parametrize("name", ["open", "mid", "close"])
def test_the_strategies_know_nothing_of_later_bars(name: str) -> None:
    """Two real days and three drawn ones, cut and changed after every minute."""
    case = next(iter(cases(name)))
    for bars in [*real_days()[:2], *synthetic_days(4, 3)]:
        assert find_peek(signals_of(case.strategy, case.params), bars[:30]) is None
        late = [bar for bar in bars if bar.minute in range(150, 180) or bar.minute > 360]
        assert find_peek(signals_of(case.strategy, case.params), late) is None


def peeking(bars) -> list[float]:
    """Long where the next close is higher by a per cent: never on a quiet day."""
    ends = [*bars[1:], bars[-1]]
    return [float(after.close > bar.close * 1.01) for bar, after in zip(bars, ends, strict=True)]


def test_a_rule_that_peeks_one_bar_is_always_caught() -> None:
    """On every one of 50 days, also where it signals nothing at all (flat prices)."""
    for bars in [*synthetic_days(9, 49), flat(range(40))]:
        assert find_peek(peeking, bars[:60]) is not None


def test_a_peek_is_told_with_its_place() -> None:
    """By hand: the signal of minute 0 knows minute 1, which was cut away."""
    bars = [Bar(0, 1.0, 1.0, 1.0, 1.0, 1.0), Bar(1, 2.0, 2.0, 2.0, 2.0, 1.0)]
    assert find_peek(peeking, bars) == Peek(0, 0, "cut", 1.0, 0.0)


def test_a_rule_that_needs_the_whole_day_is_caught() -> None:
    """One that asks for a bar which was cut, and one that is scaled by the day's last close."""
    bars = flat(range(10))
    asked = find_peek(lambda day: [day[9].close] * len(day), bars)
    assert asked is not None
    assert math.isnan(asked.after)
    scaled = find_peek(lambda day: [bar.close / day[-1].close for bar in day], bars)
    assert scaled is not None


def test_a_rule_that_uses_all_the_past_is_not_caught() -> None:
    """A running mean, and NaN while warming up, are causal."""

    def running(bars) -> list[float]:
        means = [sum(bar.close for bar in bars[: at + 1]) / (at + 1) for at in range(len(bars))]
        return [math.nan if at < 5 else mean for at, mean in enumerate(means)]

    assert find_peek(running, synthetic_days(3, 1)[0][:40]) is None
