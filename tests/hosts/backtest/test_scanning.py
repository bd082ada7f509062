"""Days whose windows lie alike are scanned together, in either lane."""

from __future__ import annotations

import pytest

from rigd.hosts.backtest.scanning import COMPILED_FROM_BARS, Lane, Scans, first_minute
from tests.hosts.backtest.days import synthetic, terms


def test_half_days_have_windows_of_their_own() -> None:
    """2013-07-03 closes at 13:00: its plan differs, and every full day shares one."""
    history = synthetic(31, 10)
    scans = Scans(terms().settings, history, Lane.PLAIN)
    half = [n for n, feed in enumerate(history.feeds) if feed.session.half_day]
    assert len(half) == 1
    full = {id(scans.plans[n]) for n in range(10) if n not in half}
    assert len(full) == 1
    assert id(scans.plans[half[0]]) not in full
    skipped = {item.strategy: item.skipped for item in scans.plans[half[0]].planned}
    assert skipped == {"open": "", "mid": "", "close": "overlaps the window of mid"}


@pytest.mark.parametrize("lane", [Lane.PLAIN, Lane.COMPILED])
def test_what_is_seen_is_what_the_rule_says(lane) -> None:
    """State and signals of each day are those of the entry rule over its minutes alone."""
    history = synthetic(32, 8)
    scans = Scans(terms().settings, history, lane)
    for number, feed in enumerate(history.feeds):
        for plan in scans.plans[number].strategies:
            seen = scans.seen(plan, "SPY", number)
            state = plan.strategy.new_state()
            signals = [
                int(plan.strategy.entry(state, bar, plan.params))
                if first_minute(plan) <= bar.minute < plan.window.breakout_end
                else 0
                for bar in feed.bars["SPY"]
            ]
            assert (seen.state, seen.signals.tolist()) == (state, signals)


def test_short_histories_are_not_compiled() -> None:
    """Compiling takes longer than a short history is worth."""
    history = synthetic(33, 3)
    assert history.count < COMPILED_FROM_BARS
    assert not Scans(terms().settings, history).compiled
    assert Scans(terms().settings, history, Lane.COMPILED).compiled
