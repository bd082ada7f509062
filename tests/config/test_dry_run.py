"""What a dry run changes of the settings."""

from __future__ import annotations

import pytest

from rigd.config.dry_run import FIXED, OF_EACH, dry_run
from rigd.config.parse import KNOWN
from rigd.core.values import STRATEGIES
from tests.config.settings import made


def test_every_change_is_of_a_known_key_with_a_reason() -> None:
    """The tables name keys of the schema and say why."""
    keys = [key for key, _, _ in FIXED]
    keys += [text.format(name.upper()) for text, _, _ in OF_EACH for name in STRATEGIES]
    assert set(keys) <= set(KNOWN)
    assert len(keys) == len(set(keys))
    assert all(why for _, _, why in (*FIXED, *OF_EACH))


@pytest.mark.parametrize("sequence", ["open,mid,close", "close,open", "mid"])
def test_all_three_follow_one_another_from_the_open_on(sequence: str) -> None:
    """The order of STRATEGY_SEQUENCE, missing ones last; no gap and no overlap (M6)."""
    settings = dry_run(made(strategy_sequence=sequence, strat_mid_enabled="false"))
    named = sequence.split(",")
    assert settings.strategy_sequence[: len(named)] == tuple(named)
    assert set(settings.strategy_sequence) == set(STRATEGIES)
    start = 0
    for name in settings.strategy_sequence:
        view = settings.strategy(name)
        assert view.enabled
        assert (view.start_text, view.analysis, view.monitoring) == (f"open+{start}m", 1, 1)
        start += 1 + view.breakout + 1


def test_long_windows_are_cut_to_fit() -> None:
    """Whatever the breakout part is, three windows fit the shortest session (M5)."""
    settings = dry_run(made(open_breakout_time="390", mid_breakout_time="390"))
    views = [settings.strategy(name) for name in settings.strategy_sequence]
    assert sum(view.analysis + view.breakout + view.monitoring for view in views) < 210


def test_limits_and_prices_stay() -> None:
    """A dry run keeps price filter, sizes, loss limit and exits: they are what it rehearses."""
    kept = {"min_price": "5", "max_price": "99", "daily_loss_limit": "0.01", "stop_pct_mid": "0.02"}
    before = made(**kept)
    after = dry_run(before)
    for name in (*kept, "max_trades", "weights", "max_order_notional"):
        assert getattr(after, name) == getattr(before, name)
