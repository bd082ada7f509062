"""The ticker blocklist."""

from __future__ import annotations

import pytest

from rigd.enhancements.ticker_blocklist import TickerBlocklist
from tests.enhancements.views import view
from tests.factories import candidate, settings

FILTER = TickerBlocklist()


@pytest.mark.parametrize("strategy", ["open", "mid", "close"])
def test_a_symbol_with_a_fill_is_blocked_for_every_strategy(strategy):
    """SPEC §3a.3: one entry per symbol and session over all strategies."""
    asked = candidate(strategy=strategy)
    verdict = FILTER.check(asked, view(traded=frozenset({"SPY"})), settings())
    assert FILTER.applies_to(strategy)
    assert (verdict.allow, verdict.reason) == (False, "already_traded")
    assert "SPY" in verdict.measured


def test_other_symbols_and_a_new_session_are_free():
    """INVENTORY E27: the list is of this session's fills, so the next one begins empty."""
    assert FILTER.check(candidate(), view(traded=frozenset({"IBM"})), settings()).allow
    assert FILTER.check(candidate(), view(), settings()).allow


def test_the_list_is_nothing_but_the_fills_it_is_shown():
    """INVENTORY E27: asking leaves no trace, so rejects do not count and restarts lose nothing."""
    assert FILTER.check(candidate(), view(), settings()).allow
    assert FILTER.check(candidate(), view(), settings()).allow
    fresh = TickerBlocklist()
    assert not fresh.check(candidate(), view(traded=frozenset({"SPY"})), settings()).allow


def test_the_self_check_passes():
    """INVENTORY E30: the filter answers at launch."""
    check = FILTER.self_check(settings())
    assert (check.name, check.passed) == ("enhancements.ticker_blocklist", True)
