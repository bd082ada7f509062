"""Tests of what may change while a session runs."""

from __future__ import annotations

from rigd.config.hot import changed, needs_start
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
