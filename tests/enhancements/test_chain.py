"""The chain of filters."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import product

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.core.errors import DataError, LogicError, TamperError
from rigd.core.readings import RiskFree
from rigd.core.values import Direction, Reading, SelfCheck, Verdict
from rigd.enhancements.chain import (
    PLUGS,
    allows,
    build_chain,
    decide,
    failures,
    is_fatal,
    self_checks,
)
from rigd.enhancements.contract import NO_SOURCES, Sources
from tests.enhancements.views import view
from tests.factories import bars, candidate, settings
from tests.fakes.sources import FakeFundamentals, FakeImbalance, FakeOptions, put

FRIDAY = date(2013, 10, 4)


class Stub:
    """A filter that does as it is told."""

    def __init__(self, name, answer, strategies=("open", "mid", "close")):
        self.name = name
        self.answer = answer
        self.strategies = strategies
        self.asked = 0

    def applies_to(self, strategy):
        return strategy in self.strategies

    def self_check(self, settings):
        del settings
        if isinstance(self.answer, Exception):
            raise self.answer
        return SelfCheck(name=self.name, passed=self.answer is True, detail="")

    def check(self, candidate, view, settings):
        del candidate, view, settings
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        if isinstance(self.answer, bool):
            return Verdict(allow=self.answer, rule=self.name, reason="ok")
        return self.answer


def test_filters_are_asked_in_the_order_of_the_table():
    """INVENTORY E3, SPEC §3: every call leaves a verdict, in order."""
    found = {
        name: [f.name for f in build_chain(settings()) if f.applies_to(name)]
        for name in ("open", "mid", "close")
    }
    assert found == {
        "open": ["fundamentals", "black_scholes", "ticker_blocklist"],
        "mid": ["adx", "bollinger", "fundamentals", "black_scholes", "ticker_blocklist"],
        "close": ["vix", "fundamentals", "black_scholes", "ticker_blocklist"],
    }


def test_a_filter_of_another_broker_says_so() -> None:
    """INVENTORY E26: the scanner of IBKR stands in no strategy's way elsewhere, and says why."""
    found = {check.name: check.detail for check in self_checks(settings(), build_chain(settings()))}
    assert found["enhancements.imbalance"] == "asked at IBKR alone"


def test_every_filter_asked_is_in_the_trace_of_the_candidate():
    """INVENTORY E3: the verdicts of one candidate are the calls in order."""
    falling = view(bars=bars([100.0, 100.1] * 20 + [99.0]))
    verdicts = decide(candidate(strategy="mid"), falling, settings(), build_chain(settings()))
    assert [verdict.rule for verdict in verdicts] == [
        *("adx", "bollinger", "fundamentals", "black_scholes", "ticker_blocklist")
    ]


def test_the_first_no_ends_the_questions():
    """A blocked candidate is not put to the filters behind."""
    last = Stub("last", True)
    verdicts = decide(
        candidate(), view(), settings(), [Stub("first", True), Stub("no", False), last]
    )
    assert [(v.rule, v.allow) for v in verdicts] == [("first", True), ("no", False)]
    assert last.asked == 0
    assert not allows(verdicts)


def test_a_filter_of_another_strategy_is_not_asked():
    """INVENTORY E1: filters follow the strategy's context."""
    other = Stub("other", False, strategies=("mid",))
    assert decide(candidate(strategy="open"), view(), settings(), [other]) == ()
    assert other.asked == 0


def test_the_adx_toggle_skips_the_filter_and_says_disabled():
    """INVENTORY E1, E10: ADX_FILTER_ENABLED=false changes which filters run, visibly."""
    trend = view(bars=bars([100.0 + step for step in range(40)]))
    asked = candidate(strategy="mid", direction=Direction.SHORT)
    on, off = settings(), settings(ADX_FILTER_ENABLED="false")
    before = decide(asked, trend, on, build_chain(on))
    after = decide(asked, trend, off, build_chain(off))
    assert [(v.rule, v.allow, v.reason) for v in before] == [("adx", False, "adx_above_threshold")]
    assert (after[0].rule, after[0].allow, after[0].reason) == ("adx", True, "disabled")
    assert after[1].rule == "bollinger"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ADX_FILTER_ENABLED", "adx"),
        ("ENABLE_FUNDAMENTAL_GUARD", "fundamentals"),
        ("ENABLE_BSM_FILTER", "black_scholes"),
        ("ENABLE_IMBALANCE_SCANNER", "imbalance"),
    ],
)
def test_a_filter_that_is_off_need_not_exist(monkeypatch, key, name):
    """INVENTORY E8: with the toggle off the chain works without the filter's module."""
    monkeypatch.setitem(sys.modules, f"rigd.enhancements.{name}", None)
    off = settings(BROKER_CODE="IBKR", **{key: "false"})
    chain = build_chain(off)
    assert [filter_.name for filter_ in chain] == [plug.name for plug in PLUGS]
    assert all(check.passed for check in self_checks(off, chain))
    asked = {
        verdict.rule: verdict.reason
        for strategy in ("mid", "close")
        for filter_ in chain
        if filter_.name == name and filter_.applies_to(strategy)
        for verdict in [filter_.check(candidate(strategy=strategy), view(), off)]
    }
    assert asked == {name: "disabled"}
    with pytest.raises(ImportError):
        build_chain(settings(BROKER_CODE="IBKR"))


@pytest.mark.parametrize(
    ("policy", "defense", "allowed", "reason"),
    [
        ("open", False, True, "failed_open"),
        ("closed", False, False, "failed_closed"),
        ("open", True, False, "failed_closed"),
    ],
)
def test_a_failing_filter_follows_the_policy_and_is_marked(policy, defense, allowed, reason):
    """INVENTORY E5: fail open with a warning to count, closed by policy or in defense mode."""
    chosen = settings(ENHANCEMENT_FAIL_POLICY=policy)
    chain = [Stub("broken", DataError("no bars")), Stub("after", True)]
    verdicts = decide(candidate(), view(defense=defense), chosen, chain)
    assert (verdicts[0].rule, verdicts[0].allow, verdicts[0].reason) == ("broken", allowed, reason)
    assert verdicts[0].measured == "DataError: no bars"
    assert allows(verdicts) is allowed
    assert len(verdicts) == (2 if allowed else 1)
    assert failures(verdicts) == verdicts[:1]


def test_a_failure_leaves_the_decision_to_the_other_filters():
    """INVENTORY E5: with a broken filter the rest of the chain decides as without it."""
    for answer in (True, False):
        whole = [Stub("broken", ValueError("x")), Stub("other", answer)]
        assert allows(decide(candidate(), view(), settings(), whole)) is answer


def fatal_error():
    """Return a logic error that its raiser marked as fatal."""
    error = LogicError("state is corrupt")
    error.fatal = True
    return error


@pytest.mark.parametrize(
    "error",
    [MemoryError(), SystemError("x"), TamperError("x"), fatal_error(), KeyboardInterrupt()],
    ids=lambda error: type(error).__name__,
)
def test_a_fatal_error_passes_through(error):
    """INVENTORY E5: fatal stops; it is never counted as a filter's failure."""
    with pytest.raises(type(error)):
        decide(candidate(), view(), settings(), [Stub("broken", error)])


def test_an_ordinary_logic_error_is_not_fatal():
    """INVENTORY E5: only a marked error stops the session."""
    assert not is_fatal(LogicError("x"))
    assert is_fatal(fatal_error())


@pytest.mark.parametrize("answer", [None, "yes", 1])
def test_an_answer_that_is_no_verdict_is_an_error(answer):
    """INVENTORY E4: anything but a verdict counts as a failure, not as a yes."""
    verdicts = decide(
        candidate(), view(), settings(ENHANCEMENT_FAIL_POLICY="closed"), [Stub("odd", answer)]
    )
    assert (verdicts[0].allow, verdicts[0].reason) == (False, "failed_closed")
    assert "LogicError" in verdicts[0].measured


@pytest.mark.parametrize("plug", PLUGS, ids=lambda plug: plug.name)
def test_each_filter_stands_alone_and_answers_at_launch(plug):
    """INVENTORY E2, E30: each one is made, checked and asked without an engine."""
    filter_ = plug.load(NO_SOURCES)
    assert filter_.name == plug.name
    assert filter_.self_check(settings()) == SelfCheck(
        name=f"enhancements.{plug.name}", passed=True, detail=filter_.self_check(settings()).detail
    )
    asked = candidate(strategy=plug.strategies[0])
    assert isinstance(filter_.check(asked, view(), settings()), Verdict)
    assert not any(
        filter_.applies_to(name) for name in {"open", "mid", "close"} - {*plug.strategies}
    )


def test_a_filter_that_cannot_answer_at_launch_has_not_passed():
    """INVENTORY E30: a self-check that raises refuses the launch and names the cause."""
    checks = self_checks(settings(), [Stub("good", True), Stub("broken", ValueError("no file"))])
    assert [check.passed for check in checks] == [True, False]
    assert checks[1].name == "enhancements.broken"
    assert "no file" in checks[1].detail


def test_a_fatal_error_at_launch_passes_through():
    """A self-check never swallows a fatal error."""
    with pytest.raises(MemoryError):
        self_checks(settings(), [Stub("broken", MemoryError())])


walks = st.lists(
    st.floats(min_value=-0.5, max_value=0.5, allow_nan=False), min_size=1, max_size=45
).map(lambda steps: bars([100.0 + sum(steps[: n + 1]) for n in range(len(steps))]))
situations = st.fixed_dictionaries({
    "bars": walks,
    "vix": st.none() | st.builds(Reading, st.floats(min_value=5, max_value=40), st.just(FRIDAY)),
    "traded": st.frozensets(st.sampled_from(["SPY", "IBM"])),
})
candidates = st.builds(
    lambda strategy, symbol, direction: candidate(
        strategy=strategy, symbol=symbol, direction=direction
    ),
    st.sampled_from(["open", "mid", "close"]),
    st.sampled_from(["SPY", "IBM", "BAC"]),
    st.sampled_from(list(Direction)),
)
policies = st.sampled_from(["open", "closed"])
maybe = partial(st.floats, allow_nan=False)
metrics = st.fixed_dictionaries({
    "pe_ratio": st.none() | maybe(-20, 80),
    "debt_equity": st.none() | maybe(0, 4),
    "market_cap_musd": st.none() | maybe(500, 6000),
})
sources = st.builds(
    lambda known, auction, paired, price: Sources(
        fundamentals=FakeFundamentals(**known) if known else None,
        imbalance=FakeImbalance(auction, paired),
        options=FakeOptions(put(bid=price, ask=price)) if price else None,
        risk_free=RiskFree(jurisdiction="USA", rate=0.045),
    ),
    st.none() | metrics,
    st.none() | maybe(-1000, 1000),
    st.sampled_from([0.0, 1000.0]),
    st.none() | st.decimals(min_value="3.5", max_value="5.5", places=2),
)
"""Metrics, auctions and prices about their thresholds; the put's model price is 4.52."""

PUTS = {f"SHORT_TYPE_{name}": "LongPut" for name in ("OPEN", "MID", "CLOSE")}


def at_ibkr(**overrides):
    """Settings under which every one of the filters is asked."""
    return settings(BROKER_CODE="IBKR", BSM_VOLATILITY="0.2", **PUTS, **overrides)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    situation=situations,
    asked=candidates,
    known=sources,
    policy=policies,
    kept=st.sets(st.integers(0, len(PLUGS) - 1)),
    late=st.booleans(),
)
def test_more_filters_never_allow_more(situation, asked, known, policy, kept, late):
    """INVENTORY E7: what the whole chain allows, every part of it allows too."""
    chosen = at_ibkr(ENHANCEMENT_FAIL_POLICY=policy)
    chain = build_chain(chosen, known)
    part = [filter_ for at, filter_ in enumerate(chain) if at in kept]
    whole = allows(decide(asked, seen(situation, late=late), chosen, chain))
    assert allows(decide(asked, seen(situation, late=late), chosen, part)) or not whole


@hypothesis_settings(max_examples=400, deadline=None)
@given(
    situation=situations,
    asked=candidates,
    known=sources,
    policy=policies,
    missing=st.sampled_from(["allow", "block"]),
    factor=st.decimals(min_value="0.01", max_value="1", places=2),
    late=st.booleans(),
)
def test_defense_mode_allows_a_subset(situation, asked, known, policy, missing, factor, late):
    """INVENTORY E31, SPEC §4: what passes in defense mode passes at ease, never the reverse."""
    chosen = at_ibkr(
        ENHANCEMENT_FAIL_POLICY=policy,
        FUNDAMENTALS_MISSING_POLICY=missing,
        DEFENSE_MODE_FILTER_FACTOR=factor,
    )
    chain = build_chain(chosen, known)
    tight = allows(decide(asked, seen(situation, late=late, defense=True), chosen, chain))
    assert allows(decide(asked, seen(situation, late=late), chosen, chain)) or not tight


def seen(situation, *, late, defense=False):
    """The view of a situation, in the auction's window or before it."""
    day = view().session
    now = day.close - timedelta(minutes=9) if late else day.open + timedelta(minutes=200)
    return view(**situation, defense=defense, now=now)


FIXED = {
    "strategy": ("open", "mid", "close"),
    "vix": (12.0, 18.0, 30.0),
    "pe_ratio": (20.0, 45.0, 60.0),
    "imbalance": (-100.0, -250.0, -400.0),
    "price": ("4.5", "5.0", "6.0"),
    "direction": tuple(Direction),
}


def test_defense_mode_shrinks_the_allowed_set():
    """INVENTORY E31: of one fixed set of candidates fewer pass, and the thresholds are in the rows.

    At ease: VIX 18 and 30, P/E 20 and 45, -100 and -250 against a long of close, puts up to 5.0.
    """
    chosen = at_ibkr(ADX_FILTER_ENABLED="false")
    passed = {}
    shown = set()
    for defense in (False, True):
        found = set()
        for case in product(*FIXED.values()):
            strategy, vix, pe_ratio, auction, price, direction = case
            known = Sources(
                fundamentals=FakeFundamentals(pe_ratio=pe_ratio),
                imbalance=FakeImbalance(auction),
                options=FakeOptions(put(bid=Decimal(price), ask=Decimal(price))),
                risk_free=RiskFree(jurisdiction="USA", rate=0.045),
            )
            looked = seen({"vix": Reading(vix, FRIDAY)}, late=True, defense=defense)
            asked = candidate(strategy=strategy, direction=direction)
            verdicts = decide(asked, looked, chosen, build_chain(chosen, known))
            if allows(verdicts):
                found.add(case)
            shown |= {verdict.measured.split(" (")[0] for verdict in verdicts}
        passed[defense] = found
    assert passed[True] < passed[False]
    for text in (
        "VIX 18.00 < 22.7273",
        "SPY peNormalizedAnnual 45 > 33",
        "opposing 0.2500 > 0.198",
    ):
        assert text in shown
