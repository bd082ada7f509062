"""The fundamentals guard."""

from __future__ import annotations

import math
from datetime import date

import pytest

from rigd.core.errors import DataError, NetworkError
from rigd.enhancements.chain import build_chain, decide
from rigd.enhancements.contract import Sources
from rigd.enhancements.fundamentals import FundamentalsGuard
from tests.enhancements.views import DAY, view
from tests.factories import candidate, settings
from tests.fakes.sources import FakeFundamentals, sound


def asked(chosen=None, *, defense=False, **metrics):
    """Ask about SPY with some metrics."""
    guard = FundamentalsGuard(Sources(fundamentals=FakeFundamentals(**metrics)))
    return guard.check(candidate(), view(defense=defense), chosen or settings())


@pytest.mark.parametrize(
    ("metric", "value", "reason"),
    [
        ("pe_ratio", 50, "ok"),
        ("pe_ratio", 50.1, "pe_above_maximum"),
        ("debt_equity", 2.5, "ok"),
        ("debt_equity", 2.51, "debt_equity_above_maximum"),
        ("market_cap_musd", 2000, "ok"),
        ("market_cap_musd", 1999.9, "market_cap_below_minimum"),
    ],
)
def test_each_metric_has_its_threshold(metric, value, reason):
    """INVENTORY E18, E21-E23: 50, 2.5 and 2 000 million USD pass, a step beyond blocks."""
    verdict = asked(**{metric: value})
    assert (verdict.allow, verdict.reason) == (reason == "ok", reason)


def test_a_rejection_shows_its_whole_context():
    """INVENTORY E24: ticker, metric, value, threshold and the source's date are in the row."""
    verdict = asked(pe_ratio=61.3)
    assert verdict.measured == "SPY peNormalizedAnnual 61.3 > 50 (fake, 2013-10-07)"
    verdict = asked(market_cap_musd=1999.9, dated=date(2013, 10, 4), source="finnhub")
    assert verdict.measured == (
        "SPY marketCapitalization 1999900000 < 2000000000 (finnhub, 2013-10-04)"
    )


@pytest.mark.parametrize("metric", ["pe_ratio", "debt_equity", "market_cap_musd"])
@pytest.mark.parametrize(
    ("policy", "defense", "allowed"),
    [("allow", False, True), ("block", False, False), ("allow", True, False)],
)
def test_a_missing_metric_follows_its_policy_and_is_told(metric, policy, defense, allowed):
    """INVENTORY E24: logged as missing; allowed by default, blocked by policy or in defense."""
    chosen = settings(fundamentals_missing_policy=policy)
    verdict = asked(chosen, defense=defense, **{metric: None})
    assert (verdict.allow, verdict.reason) == (allowed, "missing_fundamentals")
    assert "missing" in verdict.measured


def test_a_metric_that_misses_its_threshold_counts_beside_one_that_is_missing():
    """INVENTORY E24: the policy for missing metrics excuses no bad one."""
    verdict = asked(pe_ratio=None, debt_equity=9.0)
    assert (verdict.allow, verdict.reason) == (False, "debt_equity_above_maximum")


def test_without_a_source_everything_is_missing():
    """INVENTORY E24: nobody who knows is the same as nothing known."""
    guard = FundamentalsGuard()
    verdict = guard.check(candidate(), view(), settings())
    assert (verdict.allow, verdict.reason) == (True, "missing_fundamentals")
    assert verdict.measured.endswith("(no source)")
    assert not guard.check(candidate(), view(defense=True), settings()).allow


def test_a_source_that_fails_is_a_failure_of_the_filter():
    """INVENTORY E5: the network's error is counted, the decision left to the others."""
    sources = Sources(fundamentals=FakeFundamentals(error=NetworkError("no route")))
    chosen = settings()
    verdicts = decide(candidate(), view(), chosen, build_chain(chosen, sources))
    assert (verdicts[0].rule, verdicts[0].reason) == ("fundamentals", "failed_open")
    assert all(verdict.allow for verdict in verdicts)


@pytest.mark.parametrize("wrong", [{"symbol": "IBM"}, {"dated": date(2013, 10, 8)}])
def test_an_answer_about_something_else_is_an_error(wrong):
    """Another symbol's metrics, or those of a later day, are corrupt input."""

    class Confused:
        label = "confused"

        def fundamentals(self, symbol, day):
            values = {"symbol": symbol, "day": day} | {
                "day" if key == "dated" else key: value for key, value in wrong.items()
            }
            return sound(values["symbol"], values["day"])

    guard = FundamentalsGuard(Sources(fundamentals=Confused()))
    with pytest.raises(DataError, match="SPY"):
        guard.check(candidate(), view(), settings())


@pytest.mark.parametrize(
    ("metric", "value"), [("pe_ratio", 33.1), ("debt_equity", 1.66), ("market_cap_musd", 3030)]
)
def test_defense_mode_narrows_every_threshold(metric, value):
    """SPEC §4: 50 and 2.5 × 0.66 = 33 and 1.65; 2e9 / 0.66 = 3.03e9."""
    assert asked(**{metric: value}).allow
    assert not asked(defense=True, **{metric: value}).allow
    assert asked(defense=True).allow


def test_the_toggle_switches_the_guard_off():
    """INVENTORY E32: with ENABLE_FUNDAMENTAL_GUARD=false no one is asked."""
    source = FakeFundamentals(pe_ratio=999.0)
    chosen = settings(enable_fundamental_guard="false")
    chain = build_chain(chosen, Sources(fundamentals=source))
    verdicts = decide(candidate(), view(), chosen, chain)
    assert (verdicts[0].rule, verdicts[0].reason) == ("fundamentals", "disabled")
    assert source.asked == []


def test_every_strategy_is_asked_on_the_day():
    """Document 050: the guard is about companies, not about a strategy."""
    source = FakeFundamentals()
    guard = FundamentalsGuard(Sources(fundamentals=source))
    for name in ("open", "mid", "close"):
        assert guard.applies_to(name)
        guard.check(candidate(strategy=name), view(), settings())
    assert source.asked == [("SPY", DAY)] * 3


def test_the_self_check_tells_the_policy():
    """INVENTORY E30: the guard answers at launch."""
    check = FundamentalsGuard().self_check(settings())
    assert (check.name, check.passed) == ("enhancements.fundamentals", True)
    assert check.detail == "no source; missing metrics: allow"


@pytest.mark.parametrize("key", ["max_pe_ratio", "max_debt_equity", "min_market_cap_fundamental"])
def test_the_self_check_fails_on_a_threshold_that_is_no_number(key):
    """INVENTORY E30: a NaN threshold refuses the launch and is named."""
    check = FundamentalsGuard().self_check(settings().model_copy(update={key: math.nan}))
    assert not check.passed
    assert key.upper() in check.detail
