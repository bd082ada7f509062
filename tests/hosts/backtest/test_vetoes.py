"""The filters over causal arrays answer at every bar as the live filters do."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from rigd.core.money import price_from_float
from rigd.core.values import Candidate, Direction
from rigd.enhancements.chain import build_chain, decide
from rigd.enhancements.contract import FilterView
from rigd.hosts.backtest.vetoes import adx_values, band_values, causal_chain
from tests.hosts.backtest.days import synthetic, terms


def view_at(feed, bars, *, defense) -> FilterView:
    """What a filter sees when the last of some bars carries a signal."""
    return FilterView(
        bars=bars,
        vix=feed.vix(feed.session.day),
        traded=frozenset(),
        defense=defense,
        day=feed.session.day,
        session=feed.session,
        now=feed.session.open + timedelta(minutes=bars[-1].minute + 1),
    )


@pytest.mark.parametrize("defense", [False, True])
@pytest.mark.parametrize("strategy", ["open", "mid", "close"])
def test_every_bar_gets_the_live_answer(strategy, defense) -> None:
    """Bar by bar, long and short, in defense mode and out of it, the verdicts are equal."""
    run, history = terms(), synthetic(41, 3)
    live, arrays = build_chain(run.settings, run.sources), causal_chain(run, history)
    asked = 0
    for number, feed in enumerate(history.feeds):
        bars = feed.bars["SPY"]
        for seen in range(1, len(bars) + 1, 1 if strategy == "mid" else 40):
            for direction in Direction:
                candidate = Candidate(
                    strategy=strategy,
                    symbol="SPY",
                    direction=direction,
                    minute=bars[seen - 1].minute,
                    pool_rank=1,
                    fallback_level=0,
                    reference_price=price_from_float(bars[seen - 1].close),
                )
                view = view_at(feed, bars[:seen], defense=defense)
                expected = decide(candidate, view, run.settings, live)
                assert decide(candidate, view, run.settings, arrays.at(number)) == expected
                asked += 1
    assert asked > 40


def test_arrays_know_nothing_of_later_bars() -> None:
    """Cut off after any bar, the values until then stay what they were."""
    bars = synthetic(42, 1).feeds[0].bars["SPY"]
    whole, bands = adx_values(bars), band_values(bars)
    for cut in (30, 100, len(bars) - 1):
        assert np.array_equal(adx_values(bars[:cut]), whole[:cut], equal_nan=True)
        assert np.array_equal(band_values(bars[:cut]), bands[:cut], equal_nan=True)
