"""Sizing: which part of the session cap an entry gets, and how many shares (SPEC §3a.11)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from typing import TYPE_CHECKING

from rigd.core.money import (
    MONEY_DECIMALS,
    ORDER_QUANTITY_DECIMALS,
    ZERO,
    notional,
    plain,
    round_down,
)
from rigd.core.values import SelfCheck, Verdict

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.values import Candidate
    from rigd.risk.defense import EffectiveLimits
    from rigd.risk.view import RiskView

RULE = "sizing"
_DOWN = Context(prec=60, rounding=ROUND_DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much to enter.

    Parameters
    ----------
    qty
        [shares].
    notional
        At the reference price [currency]; never more than the slice.
    slice_
        What the entry may cost [currency].
    """

    qty: Decimal
    notional: Decimal
    slice_: Decimal


def slice_of(view: RiskView, limits: EffectiveLimits) -> Decimal:
    """Return what the next entry of the window may cost.

    Parameters
    ----------
    view
        The session; `window_entries` counts the filled and working entries.
    limits
        The limits in force.

    Returns
    -------
    Decimal
        The smallest of session cap × WEIGHTS[i], float × MAX_RISK_PER_TRADE and what the window's
        exposure leaves of the session cap [currency], rounded down; zero when nothing is left.
    """
    if view.window_entries >= len(limits.weights):
        return ZERO
    cap = min(view.session_cap, _DOWN.multiply(view.float_amount, limits.total_allocation))
    parts = (
        _DOWN.multiply(cap, limits.weights[view.window_entries]),
        _DOWN.multiply(view.float_amount, limits.max_risk_per_trade),
        cap - view.window_exposure,
    )
    return max(ZERO, round_down(min(parts), MONEY_DECIMALS))


def quantity_decimals(view: RiskView, limits: EffectiveLimits) -> int:
    """Return the places of a quantity: 0, or up to 6 with FRACTIONAL and a broker that takes it."""
    if not (limits.fractional and view.fractional):
        return 0
    return min(ORDER_QUANTITY_DECIMALS, view.quantity_decimals)


def size_of(candidate: Candidate, view: RiskView, limits: EffectiveLimits) -> Size | Verdict:
    """Return how much of a candidate to enter.

    Parameters
    ----------
    candidate
        The signal with its reference price.
    view
        The session.
    limits
        The limits in force.

    Returns
    -------
    Size or Verdict
        The size, or a no: ``session_cap_used`` when the window's cap leaves nothing,
        ``below_minimum`` when the quantity or its value is below the broker's minimum.
    """
    slice_ = slice_of(view, limits)
    if slice_ <= ZERO:
        used = f"exposure {plain(view.window_exposure)} of cap {plain(view.session_cap)}"
        return _block("session_cap_used", f"{used}, {view.window_entries} entries")
    price = candidate.reference_price
    qty = round_down(_DOWN.divide(slice_, price), quantity_decimals(view, limits))
    cost = notional(price, qty)
    if qty <= ZERO or cost < view.min_notional:
        found = f"{plain(qty)} shares, {plain(cost)} of at least {plain(view.min_notional)}"
        return _block("below_minimum", f"slice {plain(slice_)} at {plain(price)} buys {found}")
    return Size(qty=qty, notional=cost, slice_=slice_)


def self_check(settings: Settings) -> SelfCheck:
    """Check that WEIGHTS has MAX_TRADES parts that never add up to more than the cap.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names what was expected and found.
    """
    weights = settings.weights
    total = sum(weights, ZERO)
    problems = []
    if len(weights) != settings.max_trades:
        problems.append(f"WEIGHTS must have {settings.max_trades} parts, had {len(weights)}")
    if not total <= 1 or any(not weight >= 0 for weight in weights):
        problems.append(f"WEIGHTS must be positive and add up to at most 1, were {plain(total)}")
    detail = "; ".join(problems) or f"{len(weights)} weights, sum {plain(total)}"
    return SelfCheck(name="risk.sizing", passed=not problems, detail=detail)


def _block(reason: str, measured: str) -> Verdict:
    return Verdict(allow=False, rule=RULE, reason=reason, measured=measured)
