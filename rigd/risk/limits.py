"""Limits: one pure rule per constraint, each with its reason code (SPEC §3a.9, §4).

Every comparison is written so that a NaN blocks. A missing volume, gap or market cap allows with a
warning and blocks in defense mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.config.choices import ShortType
from rigd.core.money import ZERO, plain
from rigd.core.values import STRATEGIES, Candidate, Direction, Reference, SelfCheck, Verdict
from rigd.risk.defense import EffectiveLimits, effective_limits
from rigd.risk.view import RiskView

if TYPE_CHECKING:
    from rigd.config.schema import Settings

Rule = Callable[[Candidate, RiskView, EffectiveLimits], Verdict]

MISSING = frozenset({"missing_volume", "missing_gap", "missing_market_cap"})
"""Reasons of a yes that is a counted warning."""


def trading_enabled(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block everything while DISABLE_ALL_TRADES is true: ``trading_disabled``."""
    del candidate, view
    if not limits.trading_disabled:
        return _YES["trading_enabled"]
    return _block("trading_enabled", "trading_disabled", "")


def symbol_free(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a symbol with a position or an order that works or is in doubt: ``symbol_busy``."""
    del limits
    if not view.symbol_busy:
        return _YES["symbol_free"]
    return _block("symbol_free", "symbol_busy", candidate.symbol)


def max_trades(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block when the window has MAX_TRADES filled and working entries: ``max_trades``."""
    del candidate
    found, limit = view.window_entries, limits.max_trades
    if found < limit:
        return _YES["max_trades"]
    return _block("max_trades", "max_trades", f"{found} entries of {limit}")


def max_open_positions(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block when MAX_OPEN_POSITIONS are open or working: ``max_open_positions``."""
    del candidate
    found, limit = view.open_positions, limits.max_open_positions
    if found < limit:
        return _YES["max_open_positions"]
    return _block("max_open_positions", "max_open_positions", f"{found} open of {limit}")


def short_allowed(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a short that the strategy or the broker does not take.

    Parameters
    ----------
    candidate
        The signal. One that is mapped to an inverse ETF arrives here as a long of that ETF.
    view
        With what the broker can do.
    limits
        With SHORT_TYPE_* of the strategy.

    Returns
    -------
    Verdict
        Reasons ``ok``, ``not_applicable``, ``short_disabled``, ``short_unsupported`` (by the
        broker), ``no_mapping`` (to an inverse ETF) and ``no_option`` (for a long put).
    """
    rule = "short_allowed"
    if candidate.direction is Direction.LONG:
        return _NO_SHORT
    how = limits.entry[candidate.strategy].short_type
    if how is ShortType.SHORT_SELL:
        if view.short:
            return _YES[rule]
        return _block(rule, "short_unsupported", f"{candidate.symbol} by {how}")
    reasons = {ShortType.INVERSE_ETF: "no_mapping", ShortType.LONG_PUT: "no_option"}
    return _block(rule, reasons.get(how, "short_disabled"), f"SHORT_TYPE is {how}")


def price(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a price outside MIN_PRICE to MAX_PRICE: ``price_below_minimum``, ``_above_maximum``."""
    del view
    found, low, high = candidate.reference_price, limits.min_price, limits.max_price
    if low <= found <= high:
        return _YES["price"]
    measured = f"price {plain(found)}, allowed {float(low):g} to {float(high):g}"
    return _block("price", f"price_{_side(found >= low)}", measured)


def volume(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a volume below MIN_VOLUME_THRESHOLD: ``volume_below_minimum``, ``missing_volume``."""
    del candidate
    found = view.reference.previous_volume
    if found is None:
        return _missing("volume", "missing_volume", limits)
    if found >= limits.min_volume:
        return _YES["volume"]
    measured = f"volume {found:.0f}, at least {limits.min_volume:.0f}"
    return _block("volume", "volume_below_minimum", measured)


def gap(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a gap over MAX_GAP_PCT_*, up or down: ``gap_above_maximum``, ``missing_gap``.

    Parameters
    ----------
    candidate
        The signal.
    view
        With today's open and the previous regular close; gap = open / close - 1.
    limits
        With the strategy's maximum.

    Returns
    -------
    Verdict
        An equal gap is allowed.
    """
    today, before = view.session_open_price, view.reference.previous_close
    if today is None or before is None:
        return _missing("gap", "missing_gap", limits)
    limit = limits.entry[candidate.strategy].max_gap
    if not (today > 0.0 and before > 0.0):
        return _block("gap", "gap_above_maximum", f"open {today:g} after close {before:g}")
    found = today / before - 1.0
    if abs(found) <= limit:
        return _YES["gap"]
    return _block("gap", "gap_above_maximum", f"gap {found:+.4f}, at most {limit:g}")


def market_cap(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a market value outside the strategy's limits.

    Parameters
    ----------
    candidate
        The signal.
    view
        With the market value, None where it is not known.
    limits
        With MIN_MARKET_CAP_* and MAX_MARKET_CAP_*; equal values are allowed.

    Returns
    -------
    Verdict
        Reasons ``ok``, ``market_cap_below_minimum``, ``market_cap_above_maximum`` and
        ``missing_market_cap``.
    """
    rule, found, entry = "market_cap", view.reference.market_cap, limits.entry[candidate.strategy]
    if found is None:
        return _missing(rule, "missing_market_cap", limits)
    low, high = entry.min_market_cap, entry.max_market_cap
    if low <= found <= high:
        return _YES[rule]
    measured = f"market cap {found:.4g}, allowed {low:.4g} to {high:.4g}"
    return _block(rule, f"market_cap_{_side(found >= low)}", measured)


def spread(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block a spread over MAX_SPREAD_PCT: ``spread_above_maximum``; no quotes, no question."""
    del candidate
    found = view.spread
    if found is None:
        return _NO_QUOTES
    if 0.0 <= found <= limits.max_spread:
        return _YES["spread"]
    measured = f"spread {found:.6f}, at most {limits.max_spread:g}"
    return _block("spread", "spread_above_maximum", measured)


def slippage(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Verdict:
    """Block an expected slippage over MAX_SLIPPAGE_PCT: ``slippage_above_maximum``."""
    del candidate
    found = view.expected_slippage
    if found <= limits.max_slippage:
        return _YES["slippage"]
    measured = f"expected slippage {found:.6f}, at most {limits.max_slippage:g}"
    return _block("slippage", "slippage_above_maximum", measured)


RULES: tuple[Rule, ...] = (
    trading_enabled,
    symbol_free,
    max_trades,
    max_open_positions,
    short_allowed,
    price,
    volume,
    gap,
    market_cap,
    spread,
    slippage,
)
"""Every rule, in the order in which they are asked."""

_YES = {rule.__name__: Verdict(allow=True, rule=rule.__name__, reason="ok") for rule in RULES}
"""The plain yes of each rule: numbers are told of a no alone, and a yes is asked for in a hurry."""

_NO_SHORT = Verdict(allow=True, rule="short_allowed", reason="not_applicable")
_NO_QUOTES = Verdict(allow=True, rule="spread", reason="not_applicable", measured="no quotes")


def self_check(settings: Settings) -> SelfCheck:
    """Check that every rule blocks a candidate that is wrong in every respect.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names the rules that let it pass.
    """
    limits = replace(effective_limits(settings, defense=False), trading_disabled=True)
    candidate, view = _wrong(limits)
    passing = [rule.__name__ for rule in RULES if rule(candidate, view, limits).allow]
    detail = f"must block but allowed: {', '.join(passing)}" if passing else f"{len(RULES)} rules"
    return SelfCheck(name="risk.limits", passed=not passing, detail=detail)


def _wrong(limits: EffectiveLimits) -> tuple[Candidate, RiskView]:
    price_above = limits.max_price + 1
    candidate = Candidate(
        strategy=STRATEGIES[0],
        symbol="WRONG",
        direction=Direction.SHORT,
        minute=0,
        pool_rank=1,
        fallback_level=0,
        reference_price=price_above,
    )
    nan = math.nan
    view = RiskView(
        float_amount=ZERO,
        session_cap=ZERO,
        window_exposure=ZERO,
        window_entries=limits.max_trades,
        open_positions=limits.max_open_positions,
        symbol_busy=True,
        reference=Reference(previous_close=nan, previous_volume=nan, market_cap=nan),
        session_open_price=nan,
        last_close=price_above,
        spread=nan,
        min_notional=ZERO,
        quantity_decimals=0,
        fractional=False,
        short=False,
        defense=False,
        expected_slippage=nan,
    )
    return candidate, view


def _missing(rule: str, reason: str, limits: EffectiveLimits) -> Verdict:
    if limits.defense:
        return _block(rule, reason, "not known, defense mode blocks")
    return _allow(rule, "not known", reason=reason)


def _side(above: bool) -> str:  # noqa: FBT001 - the fact itself
    return "above_maximum" if above else "below_minimum"


def _allow(rule: str, measured: str = "", *, reason: str = "ok") -> Verdict:
    return Verdict(allow=True, rule=rule, reason=reason, measured=measured)


def _block(rule: str, reason: str, measured: str) -> Verdict:
    return Verdict(allow=False, rule=rule, reason=reason, measured=measured)
