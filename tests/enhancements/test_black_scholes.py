"""The Black-Scholes filter."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from statistics import NormalDist

import pytest

from rigd.core.errors import ConfigError, DataError
from rigd.core.readings import OptionRight, RiskFree
from rigd.core.values import Direction
from rigd.enhancements.black_scholes import BlackScholesFilter
from rigd.enhancements.chain import build_chain, decide
from rigd.enhancements.contract import Sources
from tests.enhancements.views import view
from tests.factories import candidate, settings
from tests.fakes.sources import FakeOptions, put

SHORT = candidate(direction=Direction.SHORT)
USA = RiskFree(jurisdiction="USA", rate=0.045)


def long_put(**overrides):
    """Settings under which every short side is a long put."""
    chosen = {f"short_type_{name}": "LongPut" for name in ("open", "mid", "close")}
    chosen |= {"broker_code": "IBKR", "bsm_volatility": 0.2}
    return settings(**(chosen | overrides))


def asked(market, chosen=None, risk_free=USA, *, defense=False, **quote):
    """Ask about a put whose bid and ask are both `market`."""
    price = Decimal(str(market))
    options = FakeOptions(put(bid=price, ask=price, **quote))
    filter_ = BlackScholesFilter(Sources(options=options, risk_free=risk_free))
    return filter_.check(SHORT, view(defense=defense), chosen or long_put())


def fixed(monkeypatch, value):
    """Let the model's price be `value`."""
    monkeypatch.setattr("rigd.indicators.black_scholes.option_price", lambda *_: value)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_side_that_is_no_long_put_is_not_checked(direction):
    """INVENTORY E11: otherwise the filter allows, reason not_applicable, and reads no quote."""
    options = FakeOptions(put())
    filter_ = BlackScholesFilter(Sources(options=options, risk_free=USA))
    for chosen in (settings(), settings(short_type_open="ShortSell")):
        verdict = filter_.check(candidate(direction=direction), view(), chosen)
        assert (verdict.allow, verdict.reason) == (True, "not_applicable")
    verdict = filter_.check(candidate(), view(), long_put())
    assert (verdict.allow, verdict.reason, options.asked) == (True, "not_applicable", 0)


@pytest.mark.parametrize(
    ("market", "allowed"), [(1.15, True), (1.1501, False), (0.85, True), (0.8499, False)]
)
def test_fifteen_percent_pass_and_a_hundredth_more_is_rejected(monkeypatch, market, allowed):
    """INVENTORY E14: 15.0 % passes, 15.01 % is rejected, above and below a model price of 1."""
    fixed(monkeypatch, 1.0)
    verdict = asked(market)
    assert verdict.allow is allowed
    assert verdict.reason == ("ok" if allowed else "deviation_above_maximum")


@pytest.mark.parametrize("model", [0.7, 1.3, 3.7, 12.9])
def test_the_limit_itself_passes_whatever_it_rounds_to(monkeypatch, model):
    """INVENTORY E14: the last digits of float64 do not decide."""
    fixed(monkeypatch, model)
    assert asked(round(model * 1.15, 6)).allow
    assert asked(round(model * 0.85, 6)).allow


def test_a_rejection_shows_everything_behind_it():
    """INVENTORY E15: S, K, T, r, sigma, model price, market price and deviation are in the row.

    T = 182.5 days = 0.5 years; the price is worked with the normal law of the standard library.
    """
    verdict = asked(6)
    assert not verdict.allow
    fields = dict(part.split("=") for part in verdict.measured.split() if "=" in part)
    assert (fields["S"], fields["K"], fields["T"]) == ("100.0000", "100", "0.500000")
    assert (fields["r"], fields["sigma"], fields["market"]) == ("0.045", "0.2000", "6.0000")
    model = float(fields["model"])
    assert model == pytest.approx(hand_worked_put(), abs=1e-4)
    assert float(fields["deviation"]) == pytest.approx(6 / model - 1, abs=1e-4)
    assert "(USA)" in verdict.measured
    assert "(BSM_VOLATILITY)" in verdict.measured


def hand_worked_put():
    """The put of the example: K·exp(-rT)·N(-d2) - S·N(-d1)."""
    d1 = (math.log(1.0) + (0.045 + 0.02) * 0.5) / (0.2 * math.sqrt(0.5))
    d2 = d1 - 0.2 * math.sqrt(0.5)
    law = NormalDist()
    return 100 * math.exp(-0.0225) * law.cdf(-d2) - 100 * law.cdf(-d1)


def test_two_jurisdictions_have_two_rates():
    """INVENTORY E12: the rate in the row is the jurisdiction's, and it moves the price."""
    texts = [
        asked(6, risk_free=RiskFree(jurisdiction=code, rate=rate)).measured
        for code, rate in (("USA", 0.045), ("GBR", 0.05))
    ]
    assert "r=0.045 (USA)" in texts[0]
    assert "r=0.05 (GBR)" in texts[1]
    assert len({text.split("model=")[1] for text in texts}) == 2


def test_a_jurisdiction_without_a_rate_is_an_error_and_no_default():
    """INVENTORY E12: an unknown code is a config error at launch and in a check."""
    filter_ = BlackScholesFilter(Sources(options=FakeOptions(put())))
    with pytest.raises(ConfigError, match="jurisdiction"):
        filter_.check(SHORT, view(), long_put())
    check = filter_.self_check(long_put())
    assert not check.passed
    assert "jurisdiction" in check.detail


def test_the_toggle_switches_the_filter_off():
    """INVENTORY E13: with ENABLE_BSM_FILTER=false it is never called."""
    options = FakeOptions(put())
    sources = Sources(options=options, risk_free=USA)
    for flag, questions in (("true", 1), ("false", 0)):
        options.asked = 0
        chosen = long_put(enable_bsm_filter=flag)
        verdicts = decide(SHORT, view(), chosen, build_chain(chosen, sources))
        found = next(verdict for verdict in verdicts if verdict.rule == "black_scholes")
        assert options.asked == questions
        assert (found.reason == "disabled") is (flag == "false")


def test_without_a_setting_the_volatility_is_the_realised_one():
    """SPEC §6: blank BSM_VOLATILITY takes 20 days; a zigzag of 1 % realises 16.21 % a year."""
    closes = [100.0, 101.0] * 12
    options = FakeOptions(put(), closes)
    filter_ = BlackScholesFilter(Sources(options=options, risk_free=USA))
    verdict = filter_.check(SHORT, view(), long_put(bsm_volatility=None))
    assert "sigma=0.1621 (realised over 20 days)" in verdict.measured


@pytest.mark.parametrize(
    ("policy", "defense", "allowed"),
    [("open", False, True), ("closed", False, False), ("open", True, False)],
)
def test_what_cannot_be_checked_follows_the_fail_policy(policy, defense, allowed):
    """INVENTORY E5: no quote and no volatility are warnings, and block when failing closed."""
    chosen = long_put(enhancement_fail_policy=policy, bsm_volatility=None)
    for options, reason in (
        (FakeOptions(), "no_quote"),
        (FakeOptions(put(), [100.0] * 20), "no_volatility"),
    ):
        filter_ = BlackScholesFilter(Sources(options=options, risk_free=USA))
        verdict = filter_.check(SHORT, view(defense=defense), chosen)
        assert (verdict.allow, verdict.reason) == (allowed, reason)


def test_an_expired_put_is_blocked():
    """Nothing is bought that has no time left."""
    verdict = asked(1, expires_at=datetime(2013, 10, 7, 13, 54, tzinfo=UTC))
    assert (verdict.allow, verdict.reason) == (False, "expired")


def test_a_worthless_put_is_blocked():
    """A model price of 0 has no deviation: the filter says no."""
    verdict = asked(1, strike=Decimal("0.01"))
    assert (verdict.allow, verdict.reason) == (False, "deviation_above_maximum")


@pytest.mark.parametrize(
    "wrong", [{"right": OptionRight.CALL}, {"at": datetime(2013, 10, 7, 14, tzinfo=UTC)}]
)
def test_a_quote_of_something_else_is_an_error(wrong):
    """A call, or a quote of the future, is corrupt input."""
    with pytest.raises(DataError, match="put on SPY"):
        asked(4.5, **wrong)


def test_defense_mode_narrows_the_limit(monkeypatch):
    """SPEC §4: 0.15 × 0.66 = 0.099; 12 % pass at ease and not in defense mode."""
    fixed(monkeypatch, 1.0)
    assert asked(1.12).allow
    verdict = asked(1.12, defense=True)
    assert not verdict.allow
    assert "limit=0.099" in verdict.measured


def test_the_self_check_passes_and_names_the_threshold():
    """INVENTORY E30: the filter answers at launch, also where no puts are bought."""
    for filter_, chosen in (
        (BlackScholesFilter(), settings()),
        (BlackScholesFilter(Sources(options=FakeOptions(), risk_free=USA)), long_put()),
    ):
        check = filter_.self_check(chosen)
        assert (check.name, check.passed) == ("enhancements.black_scholes", True)
        assert "0.15" in check.detail


def test_the_self_check_fails_when_puts_are_bought_without_quotes():
    """INVENTORY E30: LongPut without a source of quotes refuses the launch."""
    check = BlackScholesFilter(Sources(risk_free=USA)).self_check(long_put())
    assert not check.passed
    assert "SHORT_TYPE_OPEN" in check.detail


def test_the_self_check_fails_when_the_model_is_wrong(monkeypatch):
    """INVENTORY E30: a broken formula refuses the launch."""
    fixed(monkeypatch, 42.0)
    assert "42" in BlackScholesFilter().self_check(settings()).detail


def test_the_self_check_fails_on_a_threshold_that_is_no_number():
    """INVENTORY E30: a NaN threshold refuses the launch."""
    broken = settings().model_copy(update={"max_bsm_deviation": math.nan})
    assert not BlackScholesFilter().self_check(broken).passed
