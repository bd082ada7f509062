"""Tests of the view of one strategy."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.config.settings import made


def test_a_view_is_frozen() -> None:
    """A strategy cannot change its settings."""
    view = made().strategy("open")
    with pytest.raises(FrozenInstanceError):
        view.analysis = 1


def test_a_view_reaches_every_key_of_its_strategy() -> None:
    """Changing any key of a strategy changes its view, and no other strategy's."""
    changes = {
        "strat_close_enabled": "false",
        "start_time_close": "close-40m",
        "close_analysis_time": "6",
        "close_breakout_time": "4",
        "close_monitoring_time": "16",
        "strat_close_threshold": "0.004",
        "strat_close_mode": "fade",
        "short_type_close": "ShortSell",
        "stop_pct_close": "0.01",
        "target_pct_close": "0.02",
        "trail_pct_close": "0.03",
        "max_gap_pct_close": "0.2",
        "min_market_cap_close": "1e6",
        "max_market_cap_close": "1e12",
    }
    base = made()
    for key, value in changes.items():
        found = made(**{key: value})
        assert found.strategy("close") != base.strategy("close"), key
        assert found.strategy("mid") == base.strategy("mid")
        assert found.strategy("open") == base.strategy("open")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trading_trailing_stop_pct", "0.03"),
        ("trail_tightening_buffer_s", "60"),
        ("trail_tightening_factor", "0.4"),
        ("trail_atr_mult", "2"),
        ("trail_atr_period", "10"),
    ],
)
def test_common_keys_reach_every_view(key: str, value: str) -> None:
    """The trailing stop's common keys are in each view."""
    for name in ("open", "mid", "close"):
        assert made(**{key: value}).strategy(name) != made().strategy(name)
