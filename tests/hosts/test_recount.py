"""A session's PnL, counted a second time."""

from __future__ import annotations

from rigd.hosts.recount import recount_session
from tests.hosts.homes import bot_of


def test_a_session_of_the_sample_agrees_to_the_cent(launched) -> None:
    """Every symbol that traded, long and stopped, limit and timed out: no difference."""
    found = recount_session(bot_of(launched[0]))
    assert sum(row.trades for row in found) == 5
    assert all(row.agrees for row in found)
    assert sum(row.counted for row in found) < 0
