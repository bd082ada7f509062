"""Views for the risk tests."""

from __future__ import annotations

from decimal import Decimal

from rigd.core.values import Reference
from rigd.risk.view import RiskView

KNOWN = Reference(previous_close=100.0, previous_volume=1_000_000.0, market_cap=5e9)


def view(**overrides: object) -> RiskView:
    """Return a session that allows: float 100,000, cap 2,000, nothing open, all data known."""
    values: dict[str, object] = {
        "float_amount": Decimal(100_000),
        "session_cap": Decimal(2_000),
        "window_exposure": Decimal(0),
        "window_entries": 0,
        "open_positions": 0,
        "symbol_busy": False,
        "reference": KNOWN,
        "session_open_price": 100.0,
        "last_close": Decimal(100),
        "spread": None,
        "min_notional": Decimal(1),
        "quantity_decimals": 6,
        "fractional": True,
        "short": True,
        "defense": False,
        "expected_slippage": 0.0,
    }
    return RiskView(**(values | overrides))  # type: ignore[arg-type]
