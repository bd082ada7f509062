"""Made days: true bars, and what the feed shows of them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from rigd.hosts.simulate import days
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.swarm import draw

OPTIONS = replace(draw(3), minutes=60)
DAY = days.exchange_day(OPTIONS.day)
BARS = days.true_bars(OPTIONS, DAY)


def feed(fault: Fault | None = None, rate: float = 0.2, quiet_from: int = 40) -> days.ChaosFeed:
    plan = FaultPlan(1, {} if fault is None else {fault: rate})
    return days.ChaosFeed(DAY, BARS, plan, quiet_from)


def shown(chaos: days.ChaosFeed):
    return {
        (symbol, slice_.minute): bar
        for slice_ in chaos.slices()
        for symbol, bar in slice_.bars.items()
    }


TRUE = {(symbol, bar.minute): bar for symbol, row in BARS.items() for bar in row}


def test_true_bars_are_sound_and_follow_one_another() -> None:
    """Each opens where the last one closed, lies between low and high, and moves."""
    for row in BARS.values():
        assert len(row) == 60
        assert all(bar.sound for bar in row)
        assert all(bar.open == last.close for last, bar in pairwise(row))
        assert len({bar.close for bar in row}) > 30
    assert days.true_bars(OPTIONS, DAY) == BARS


def test_without_faults_the_feed_shows_what_is() -> None:
    """Nothing is changed."""
    assert shown(feed()) == TRUE


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (Fault.BAR_NAN, lambda bar, _: math.isnan(bar.close)),
        (Fault.BAR_ZERO, lambda bar, _: bar.close == 0.0),
        (Fault.BAR_NEGATIVE, lambda bar, _: bar.close < 0.0),
        (Fault.BAR_CROSSED, lambda bar, _: bar.low > bar.high),
        (Fault.BAR_SPIKE, lambda bar, true: bar.close == true.close * 1.5),
        (Fault.BAR_REPEATED, lambda bar, true: bar[1:] != true[1:] and bar.minute == true.minute),
    ],
)
def test_each_fault_of_the_data_spoils_bars_in_its_way(fault, seen) -> None:
    """Some bars before the quiet minutes, none in them; broken ones are not sound."""
    told = shown(feed(fault))
    spoilt = {key: bar for key, bar in told.items() if repr(bar) != repr(TRUE[key])}
    assert spoilt
    assert all(minute < 40 for _, minute in spoilt)
    assert all(seen(bar, TRUE[key]) for key, bar in spoilt.items())
    if fault not in {Fault.BAR_SPIKE, Fault.BAR_REPEATED}:
        assert not any(bar.sound for bar in spoilt.values())


@pytest.mark.parametrize("fault", [Fault.BAR_MISSING, Fault.BARS_STOP])
def test_bars_are_missing_one_by_one_or_for_a_while(fault) -> None:
    """What is there is true; what is missing is early."""
    told = shown(feed(fault))
    missing = TRUE.keys() - told.keys()
    assert missing
    assert all(minute < 40 for _, minute in missing) or fault is Fault.BARS_STOP
    assert all(TRUE[key] == bar for key, bar in told.items())


def test_what_was_shown_once_is_shown_again() -> None:
    """A bot that is started again reads the same bars, from any minute on."""
    chaos = feed(Fault.BAR_MISSING)
    first = shown(chaos)
    assert shown(chaos) == first
    late = {s.minute for s in chaos.slices(30)}
    assert min(late) >= 30


def test_the_close_that_was_shown_is_remembered() -> None:
    """The oracle asks what the bot could know: NaN for a bar that was missing or unsound."""
    chaos = feed(Fault.BAR_NAN)
    told = shown(chaos)
    for (symbol, minute), bar in told.items():
        close = chaos.shown_close(symbol, minute)
        assert close == bar.close if bar.sound else math.isnan(close)
