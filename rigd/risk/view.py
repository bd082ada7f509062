"""What the risk rules see of the session when a candidate asks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from rigd.core.errors import LogicError
from rigd.core.values import Reference

_AMOUNTS = ("float_amount", "session_cap", "window_exposure", "last_close", "min_notional")
_COUNTS = ("window_exposure", "window_entries", "open_positions", "quantity_decimals")


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """The session as the risk rules see it, for one candidate.

    Parameters
    ----------
    float_amount
        Equity assigned to the bot, read once at session start [currency].
    session_cap
        The most one strategy session may hold [currency]; fixed at session start.
    window_exposure
        Open positions and working entries of the window at their reference prices [currency];
        unacknowledged and in-doubt orders count at full size.
    window_entries
        Filled and working entries of the window: the index into WEIGHTS.
    open_positions
        Open positions over all windows, working entries included.
    symbol_busy
        Whether the symbol has a position or an order that is working or in doubt.
    reference
        What was known of the symbol before the session.
    session_open_price
        The symbol's first regular open today [currency/share]; None before it traded.
    last_close
        The close of the symbol's last bar [currency/share].
    spread
        (ask - bid) / mid of the last quote; None without quotes.
    min_notional
        The broker's minimum per order [currency].
    quantity_decimals
        The broker's places of a quantity.
    fractional, short
        Whether the broker takes parts of a share, and short sales, of this symbol.
    defense
        Whether defense mode is on.
    expected_slippage
        The slippage that the fill is expected to have [fraction of the price].

    Raises
    ------
    LogicError
        If an amount is not finite, or an exposure or count is negative.
    """

    float_amount: Decimal
    session_cap: Decimal
    window_exposure: Decimal
    window_entries: int
    open_positions: int
    symbol_busy: bool
    reference: Reference
    session_open_price: float | None
    last_close: Decimal
    spread: float | None
    min_notional: Decimal
    quantity_decimals: int
    fractional: bool
    short: bool
    defense: bool
    expected_slippage: float

    def __post_init__(self) -> None:
        amounts = (
            self.float_amount,
            self.session_cap,
            self.window_exposure,
            self.last_close,
            self.min_notional,
        )
        counts: tuple[Decimal | int, ...] = (
            self.window_exposure,
            self.window_entries,
            self.open_positions,
            self.quantity_decimals,
        )
        for name, amount in zip(_AMOUNTS, amounts, strict=True):
            if not amount.is_finite():
                msg = f"{name} must be finite, was {amount}"
                raise LogicError(msg)
        for name, count in zip(_COUNTS, counts, strict=True):
            if count < 0:
                msg = f"{name} must not be negative, was {count}"
                raise LogicError(msg)
