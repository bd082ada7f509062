"""What the outside world says of a symbol, as dated values: fundamentals, imbalances, options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from rigd.core.clock import require_utc
from rigd.core.errors import DataError


class OptionRight(StrEnum):
    """What an option gives: the right to buy or the right to sell."""

    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fundamentals:
    """A company's metrics, None where a metric is not known.

    Parameters
    ----------
    symbol
        Whose metrics.
    pe_ratio
        ``peNormalizedAnnual``: price over yearly earnings.
    debt_equity
        ``totalDebt/totalEquityAnnual``.
    market_cap_musd
        ``marketCapitalization`` [millions of USD].
    dated
        The day for which they are known.
    source
        Who says so.

    Raises
    ------
    DataError
        If a metric is not a finite number.
    """

    symbol: str
    pe_ratio: float | None
    debt_equity: float | None
    market_cap_musd: float | None
    dated: date
    source: str

    def __post_init__(self) -> None:
        for name in ("pe_ratio", "debt_equity", "market_cap_musd"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                msg = f"{name} of {self.symbol} must be a finite number or missing, was {value}"
                raise DataError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imbalance:
    """The closing auction's imbalance of one symbol.

    Parameters
    ----------
    symbol
        Which symbol.
    imbalance
        Shares that find no counterpart; above 0 they are bought, below 0 they are sold.
    paired
        Shares that find one.
    at
        When it was read, UTC.

    Raises
    ------
    DataError
        If a count is not finite, or `paired` is negative.
    """

    symbol: str
    imbalance: float
    paired: float
    at: datetime

    def __post_init__(self) -> None:
        require_utc(self.at)
        if not (math.isfinite(self.imbalance) and math.isfinite(self.paired) and self.paired >= 0):
            found = f"{self.imbalance} and {self.paired}"
            msg = f"imbalance and paired shares of {self.symbol} must be finite, was {found}"
            raise DataError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionQuote:
    """A two-sided quote of one option.

    Parameters
    ----------
    symbol
        The underlying.
    right
        Call or put.
    strike
        [currency/share].
    expires_at
        When it expires, UTC.
    bid, ask
        [currency/share].
    at
        When it was quoted, UTC.

    Raises
    ------
    DataError
        If the strike or the ask is not positive, or the quote is crossed.
    """

    symbol: str
    right: OptionRight
    strike: Decimal
    expires_at: datetime
    bid: Decimal
    ask: Decimal
    at: datetime

    def __post_init__(self) -> None:
        require_utc(self.expires_at)
        require_utc(self.at)
        if not (self.strike > 0 and self.ask > 0 and 0 <= self.bid <= self.ask):
            found = f"strike {self.strike}, {self.bid} to {self.ask}"
            msg = f"an option of {self.symbol} must have a strike and a quote, was {found}"
            raise DataError(msg)

    @property
    def mid(self) -> Decimal:
        """The middle of the quote [currency/share]."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFree:
    """The yearly risk-free rate [fraction] of a jurisdiction."""

    jurisdiction: str
    rate: float
