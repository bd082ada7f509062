"""Effective limits: the settings, compressed in defense mode (SPEC §4).

Defense mode replaces TOTAL_ALLOCATION, scales MAX_TRADES and MAX_OPEN_POSITIONS down and moves
every threshold of the filter keys towards blocking. Nothing here ever widens a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from rigd.config.choices import ShortType
from rigd.core.money import MONEY_DECIMALS, plain, round_down
from rigd.core.values import STRATEGIES, SelfCheck

if TYPE_CHECKING:
    from rigd.config.schema import Settings

ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLimits:
    """The limits of one strategy's candidates: short side, gap [fraction], market value [USD]."""

    short_type: ShortType
    max_gap: float
    min_market_cap: float
    max_market_cap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveLimits:
    """The limits in force.

    Parameters
    ----------
    defense
        Whether they are compressed.
    trading_disabled
        DISABLE_ALL_TRADES: signals are recorded, nothing is sent.
    total_allocation, max_risk_per_trade, daily_loss_limit
        Fractions of the float, the float and the equity at session start.
    max_trades, max_open_positions
        Entries per window; open positions over all windows.
    weights
        Part of the session cap for the first, second, ... entry of a window.
    min_price, max_price
        [currency/share].
    min_volume
        [shares].
    max_spread, max_slippage
        Fractions of the price.
    fractional
        Whether parts of a share are wanted.
    entry
        The limits that differ by strategy.
    """

    defense: bool
    trading_disabled: bool
    total_allocation: Decimal
    max_risk_per_trade: Decimal
    daily_loss_limit: Decimal
    max_trades: int
    max_open_positions: int
    weights: tuple[Decimal, ...]
    min_price: Decimal
    max_price: Decimal
    min_volume: float
    max_spread: float
    max_slippage: float
    fractional: bool
    entry: Mapping[str, EntryLimits]


def effective_limits(settings: Settings, *, defense: bool) -> EffectiveLimits:
    """Return the limits in force.

    Parameters
    ----------
    settings
        The session's settings.
    defense
        Whether defense mode is on.

    Returns
    -------
    EffectiveLimits
        The settings themselves, or compressed ones; counts are rounded down, never up.
    """
    factor = settings.defense_mode_filter_factor if defense else ONE
    narrow = float(factor)
    allocation = settings.total_allocation
    if defense:
        allocation = min(allocation, settings.defense_mode_total_allocation)
    return EffectiveLimits(
        defense=defense,
        trading_disabled=settings.disable_all_trades,
        total_allocation=allocation,
        max_risk_per_trade=settings.max_risk_per_trade,
        daily_loss_limit=settings.daily_loss_limit,
        max_trades=_scaled(settings.max_trades, settings, defense=defense),
        max_open_positions=_scaled(settings.max_open_positions, settings, defense=defense),
        weights=settings.weights,
        min_price=settings.min_price / factor,
        max_price=settings.max_price * factor,
        min_volume=settings.min_volume_threshold / narrow,
        max_spread=float(settings.max_spread_pct),
        max_slippage=float(settings.max_slippage_pct),
        fractional=settings.fractional,
        entry={name: _entry_limits(settings, name, narrow) for name in STRATEGIES},
    )


class _InForce:
    """The limits of the settings asked about last: a session asks about one value for hours."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Settings, bool, EffectiveLimits] | None = None

    def __call__(self, settings: Settings, *, defense: bool) -> EffectiveLimits:
        """Return `effective_limits`, made once for one settings object."""
        last = self._last
        if last is not None and last[0] is settings and last[1] is defense:
            return last[2]
        limits = effective_limits(settings, defense=defense)
        self._last = (settings, defense, limits)
        return limits


limits_in_force = _InForce()
"""`effective_limits` for a caller that asks again and again; settings never change in place."""


def session_cap(settings: Settings, float_amount: Decimal, *, defense: bool) -> Decimal:
    """Return the most one strategy session may hold.

    Parameters
    ----------
    settings
        The session's settings.
    float_amount
        Equity assigned to the bot [currency].
    defense
        Whether defense mode is on.

    Returns
    -------
    Decimal
        float × TOTAL_ALLOCATION [currency], rounded down; never negative.
    """
    allocation = effective_limits(settings, defense=defense).total_allocation
    return _part(float_amount, allocation)


def limits_table(
    settings: Settings, float_amount: Decimal, *, defense: bool | None = None
) -> tuple[tuple[str, str], ...]:
    """Return the limits in money and counts, for the journal and the start log.

    Parameters
    ----------
    settings
        The session's settings.
    float_amount
        Equity assigned to the bot [currency].
    defense
        Whether defense mode is on; by default DEFENSE_MODE_ACTIVE.

    Returns
    -------
    tuple of (str, str)
        Name and value, in reading order.
    """
    on = settings.defense_mode_active if defense is None else defense
    limits = effective_limits(settings, defense=on)
    rows: list[tuple[str, Decimal | int | float]] = [
        ("float", float_amount),
        ("session_cap", _part(float_amount, limits.total_allocation)),
        ("max_risk_per_trade", _part(float_amount, limits.max_risk_per_trade)),
        ("daily_loss_limit", _part(float_amount, limits.daily_loss_limit)),
        ("total_allocation", limits.total_allocation),
        ("max_trades", limits.max_trades),
        ("max_open_positions", limits.max_open_positions),
        ("min_price", limits.min_price),
        ("max_price", limits.max_price),
        ("min_volume", limits.min_volume),
        ("max_spread", settings.max_spread_pct),
        ("max_slippage", settings.max_slippage_pct),
        ("max_order_notional", settings.max_order_notional),
        ("max_order_quantity", settings.max_order_quantity),
        ("price_collar", settings.price_collar_pct),
    ]
    for name, entry in limits.entry.items():
        rows += [
            (f"max_gap_{name}", entry.max_gap),
            (f"min_market_cap_{name}", entry.min_market_cap),
            (f"max_market_cap_{name}", entry.max_market_cap),
        ]
    mode = ("defense_mode", "on" if on else "off")
    return (mode, *((name, _text(value)) for name, value in rows))


def self_check(settings: Settings) -> SelfCheck:
    """Check that defense mode compresses every limit and widens none.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names what defense mode would widen.
    """
    wide = effective_limits(settings, defense=False)
    tight = effective_limits(settings, defense=True)
    wider = [name for name, (low, high) in _pairs(tight, wide).items() if not low <= high]
    in_force = "on" if settings.defense_mode_active else "off"
    detail = f"defense mode would widen {', '.join(wider)}" if wider else f"defense mode {in_force}"
    return SelfCheck(name="risk.defense", passed=not wider, detail=detail)


def _pairs(
    tight: EffectiveLimits, wide: EffectiveLimits
) -> dict[str, tuple[Decimal | float, Decimal | float]]:
    """Return pairs of which the first must not be above the second."""
    pairs: dict[str, tuple[Decimal | float, Decimal | float]] = {
        "total_allocation": (tight.total_allocation, wide.total_allocation),
        "max_trades": (tight.max_trades, wide.max_trades),
        "max_open_positions": (tight.max_open_positions, wide.max_open_positions),
        "min_price": (wide.min_price, tight.min_price),
        "max_price": (tight.max_price, wide.max_price),
        "min_volume": (wide.min_volume, tight.min_volume),
    }
    for name in STRATEGIES:
        low, high = tight.entry[name], wide.entry[name]
        pairs[f"max_gap_{name}"] = (low.max_gap, high.max_gap)
        pairs[f"min_market_cap_{name}"] = (high.min_market_cap, low.min_market_cap)
        pairs[f"max_market_cap_{name}"] = (low.max_market_cap, high.max_market_cap)
    return pairs


def _entry_limits(settings: Settings, strategy: str, narrow: float) -> EntryLimits:
    own = settings.strategy(strategy)
    return EntryLimits(
        short_type=own.short_type,
        max_gap=own.max_gap_pct * narrow,
        min_market_cap=own.min_market_cap / narrow,
        max_market_cap=own.max_market_cap * narrow,
    )


def _scaled(count: int, settings: Settings, *, defense: bool) -> int:
    if not defense:
        return count
    scaled = count * settings.defense_mode_trade_limit_pct
    return min(count, int(scaled.to_integral_value(ROUND_FLOOR)))


def _part(amount: Decimal, fraction: Decimal) -> Decimal:
    return max(Decimal(0), round_down(amount * fraction, MONEY_DECIMALS))


def _text(value: Decimal | float) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return plain(round_down(exact, MONEY_DECIMALS))
