"""Small makers of values that many tests need."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rigd import __version__
from rigd.config.schema import Settings
from rigd.core.values import Bar, Candidate, Direction

if TYPE_CHECKING:
    from collections.abc import Sequence


def settings(**overrides: object) -> Settings:
    """Return settings: the documents' defaults, the required keys, and overrides by either name.

    Values may be texts as in ``.env_bot`` or values of the key's type; `MAX_TRADES` and
    `max_trades` both name the key.
    """
    values: dict[str, object] = {
        "version_tag": __version__,
        "max_order_notional": Decimal(1_000_000),
        "max_order_quantity": Decimal(100_000),
    }
    values.update({name.lower(): value for name, value in overrides.items()})
    return Settings.model_validate(values)


def candidate(**overrides: object) -> Candidate:
    """Return a long candidate of the open strategy in SPY at 100.00, bar 23, rank 1."""
    values: dict[str, object] = {
        "strategy": "open",
        "symbol": "SPY",
        "direction": Direction.LONG,
        "minute": 23,
        "pool_rank": 1,
        "fallback_level": 0,
        "reference_price": Decimal(100),
    }
    return Candidate(**(values | overrides))  # type: ignore[arg-type]


def bars(closes: Sequence[float], half_range: float = 0.05) -> list[Bar]:
    """Return one bar a minute from the open, each `half_range` above and below its close."""
    return [
        Bar(minute, close, close + half_range, close - half_range, close, 1000.0)
        for minute, close in enumerate(closes)
    ]
