"""One blocking fixture per constraint, with its reason code (INVENTORY S10)."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from rigd.core.values import Direction, Reference
from rigd.risk import limits as rules
from rigd.risk.defense import effective_limits
from rigd.risk.limits import MISSING, RULES, self_check
from tests.factories import candidate, settings
from tests.risk.views import KNOWN, view

D = Decimal
NAN = math.nan


def priced(text):
    """Return a candidate at a price."""
    return candidate(reference_price=D(text))


def about(**known):
    """Return a view with a changed reference."""
    return view(reference=replace(KNOWN, **known))


BLOCKED = [
    ("trading_enabled", candidate(), view(), {"DISABLE_ALL_TRADES": "true"}, "trading_disabled"),
    ("symbol_free", candidate(), view(symbol_busy=True), {}, "symbol_busy"),
    ("max_trades", candidate(), view(window_entries=4), {}, "max_trades"),
    ("max_open_positions", candidate(), view(open_positions=5), {}, "max_open_positions"),
    ("price", priced("1.99"), view(), {}, "price_below_minimum"),
    ("price", priced("300.01"), view(), {}, "price_above_maximum"),
    ("volume", candidate(), about(previous_volume=499_999.0), {}, "volume_below_minimum"),
    ("volume", candidate(), about(previous_volume=NAN), {}, "volume_below_minimum"),
    ("gap", candidate(), view(session_open_price=110.01), {}, "gap_above_maximum"),
    ("gap", candidate(), view(session_open_price=89.99), {}, "gap_above_maximum"),
    ("gap", candidate(), view(session_open_price=NAN), {}, "gap_above_maximum"),
    ("gap", candidate(), about(previous_close=0.0), {}, "gap_above_maximum"),
    ("market_cap", candidate(), about(market_cap=299e6), {}, "market_cap_below_minimum"),
    ("market_cap", candidate(), about(market_cap=10.1e9), {}, "market_cap_above_maximum"),
    ("market_cap", candidate(), about(market_cap=NAN), {}, "market_cap_below_minimum"),
    ("spread", candidate(), view(spread=0.0051), {}, "spread_above_maximum"),
    ("spread", candidate(), view(spread=-0.001), {}, "spread_above_maximum"),
    ("spread", candidate(), view(spread=NAN), {}, "spread_above_maximum"),
    ("slippage", candidate(), view(expected_slippage=0.011), {}, "slippage_above_maximum"),
    ("slippage", candidate(), view(expected_slippage=NAN), {}, "slippage_above_maximum"),
]


@pytest.mark.parametrize(
    ("rule", "asked", "seen", "overrides", "reason"), BLOCKED, ids=lambda value: str(value)[:24]
)
def test_each_constraint_blocks_with_its_reason(rule, asked, seen, overrides, reason):
    """INVENTORY S10: one fixture per constraint; a NaN blocks everywhere."""
    limits = effective_limits(settings(**overrides), defense=False)
    verdict = getattr(rules, rule)(asked, seen, limits)
    assert (verdict.allow, verdict.rule, verdict.reason) == (False, rule, reason)


EDGES = [
    ("max_trades", candidate(), view(window_entries=3)),
    ("max_open_positions", candidate(), view(open_positions=4)),
    ("price", priced("2"), view()),
    ("price", priced("300"), view()),
    ("volume", candidate(), about(previous_volume=500_000.0)),
    ("gap", candidate(), view(session_open_price=109.99)),
    ("market_cap", candidate(), about(market_cap=300e6)),
    ("market_cap", candidate(), about(market_cap=10e9)),
    ("spread", candidate(), view(spread=0.005)),
    ("slippage", candidate(), view(expected_slippage=0.01)),
]


@pytest.mark.parametrize(("rule", "asked", "seen"), EDGES, ids=lambda value: str(value)[:24])
def test_a_value_on_the_limit_is_allowed(rule, asked, seen):
    """Limits are inclusive; counts leave room for one more."""
    verdict = getattr(rules, rule)(asked, seen, effective_limits(settings(), defense=False))
    assert (verdict.allow, verdict.rule, verdict.reason) == (True, rule, "ok")


SHORT = candidate(direction=Direction.SHORT)


@pytest.mark.parametrize(
    ("short_type", "broker", "allowed", "reason"),
    [
        ("disabled", True, False, "short_disabled"),
        ("ShortSell", True, True, "ok"),
        ("ShortSell", False, False, "short_unsupported"),
        ("InverseETF", True, False, "no_mapping"),
    ],
)
def test_a_short_needs_the_strategy_and_the_broker(short_type, broker, allowed, reason):
    """SPEC §3: disabled blocks, a short sale needs the broker, an inverse ETF its mapping."""
    limits = effective_limits(settings(SHORT_TYPE_OPEN=short_type), defense=False)
    verdict = rules.short_allowed(SHORT, view(short=broker), limits)
    assert (verdict.allow, verdict.reason) == (allowed, reason)


def test_a_long_put_without_its_option_is_blocked():
    """SPEC §3: a put that nothing maps to is no trade."""
    chosen = settings(SHORT_TYPE_OPEN="LongPut", BROKER_CODE="IBKR")
    verdict = rules.short_allowed(SHORT, view(), effective_limits(chosen, defense=False))
    assert (verdict.allow, verdict.reason) == (False, "no_option")


def test_a_long_is_not_asked_about_shorts():
    """The rule does not apply to longs."""
    verdict = rules.short_allowed(
        candidate(), view(short=False), effective_limits(settings(), defense=False)
    )
    assert (verdict.allow, verdict.reason) == (True, "not_applicable")


@pytest.mark.parametrize(
    ("rule", "seen", "reason"),
    [
        (
            "volume",
            {"reference": Reference(previous_close=100.0, market_cap=5e9)},
            "missing_volume",
        ),
        ("gap", {"reference": Reference(previous_volume=1e6, market_cap=5e9)}, "missing_gap"),
        ("gap", {"session_open_price": None}, "missing_gap"),
        (
            "market_cap",
            {"reference": Reference(previous_close=100.0, previous_volume=1e6)},
            "missing_market_cap",
        ),
    ],
)
def test_missing_data_allows_with_a_warning_and_blocks_in_defense_mode(rule, seen, reason):
    """SPEC §3a.9: a missing volume, gap or market cap warns at ease, blocks in defense mode."""
    ask = getattr(rules, rule)
    at_ease = ask(candidate(), view(**seen), effective_limits(settings(), defense=False))
    tight = ask(candidate(), view(**seen, defense=True), effective_limits(settings(), defense=True))
    assert (at_ease.allow, at_ease.reason) == (True, reason)
    assert (tight.allow, tight.reason) == (False, reason)
    assert reason in MISSING


def test_without_quotes_the_spread_is_no_question():
    """SPEC §3a.9: spread only where the feed has quotes, also in defense mode."""
    limits = effective_limits(settings(), defense=True)
    verdict = rules.spread(candidate(), view(spread=None, defense=True), limits)
    assert (verdict.allow, verdict.reason) == (True, "not_applicable")


def test_verdicts_show_the_numbers():
    """A person reads what was found and what was allowed."""
    limits = effective_limits(settings(), defense=False)
    assert rules.gap(candidate(), view(session_open_price=112.0), limits).measured == (
        "gap +0.1200, at most 0.1"
    )
    assert rules.max_trades(candidate(), view(window_entries=4), limits).measured == (
        "4 entries of 4"
    )


def test_rules_are_asked_in_a_fixed_order():
    """The order is a table: switches and counts first, then the symbol, then its price."""
    assert [rule.__name__ for rule in RULES] == [
        "trading_enabled",
        "symbol_free",
        "max_trades",
        "max_open_positions",
        "short_allowed",
        "price",
        "volume",
        "gap",
        "market_cap",
        "spread",
        "slippage",
    ]


def test_the_self_check_passes_with_the_defaults():
    """INVENTORY S13: every rule blocks a candidate that is wrong in every respect."""
    assert self_check(settings()).passed


def test_the_self_check_names_a_rule_that_lets_everything_pass(monkeypatch):
    """INVENTORY S13, S14: a broken rule refuses the launch."""

    def price(candidate, view, limits):
        del candidate, view, limits
        return rules._allow("price")

    monkeypatch.setattr(
        rules, "RULES", tuple(price if rule.__name__ == "price" else rule for rule in RULES)
    )
    check = self_check(settings())
    assert (check.passed, check.detail) == (False, "must block but allowed: price")
