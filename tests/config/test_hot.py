"""Tests of what may change while a session runs."""

from __future__ import annotations

import pytest

from rigd.config.digest import digest
from rigd.config.hot import as_recorded, changed, changed_by, changes, needs_start
from rigd.core.errors import DataError
from tests.config.settings import made


def test_changed_keys_are_named() -> None:
    """Only keys whose value differs are named."""
    new = made(max_trades="1", weights="1", start_time_mid="open+140m", max_price="300.0")
    assert changed(made(), new) == ("MAX_TRADES", "WEIGHTS", "START_TIME_MID")


def test_some_changes_wait_for_the_next_start() -> None:
    """A window cannot move under a running session; a limit can."""
    new = made(max_trades="1", weights="1", start_time_mid="open+140m")
    assert needs_start(made(), new) == ("START_TIME_MID",)
    assert needs_start(made(), made()) == ()


def test_the_short_side_waits_for_the_next_start() -> None:
    """The bars of inverse ETFs are chosen with the plan: a running session has none of them."""
    new = made(
        short_type_open="InverseETF", short_type_mid="ShortSell", short_type_close="ShortSell"
    )
    assert needs_start(made(), new) == ("SHORT_TYPE_OPEN", "SHORT_TYPE_MID", "SHORT_TYPE_CLOSE")


def test_recorded_settings_read_back_as_they_were() -> None:
    """Keys and texts of a journal give the same settings; another digest is refused."""
    settings = made(bsm_volatility="", trail_pct_mid="0.015", start_time_mid="12:00 ET")
    items = settings.public_items()
    assert as_recorded(items, digest(settings)) == settings
    with pytest.raises(DataError, match="must have the digest"):
        as_recorded(items, digest(made()))


def test_a_recorded_change_gives_the_settings_after_it() -> None:
    """Old settings and the changed keys give the new ones, proven by their digest."""
    old, new = made(), made(max_trades="1", weights="1")
    change = changes(old, new)
    assert change == (("MAX_TRADES", "4", "1"), ("WEIGHTS", "0.4,0.2,0.2,0.2", "1"))
    assert changed_by(old, change, digest(new)) == new
    with pytest.raises(DataError, match="must have the digest"):
        changed_by(old, change, digest(old))
