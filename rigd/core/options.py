"""Options as an order names them, and which put a short side buys (SPEC §3, LongPut).

The rule: of the puts that can be bought and sold again, the first expiry after the exchange day,
and there the strike nearest to the price of the underlying; of two equally near ones the lower. One
that expires on the day itself is left out: it would be exercised or lost if its exit failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.errors import LogicError
from rigd.core.readings import OptionRight
from rigd.core.values import require_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rigd.core.readings import OptionQuote

SHARES_PER_CONTRACT = 100
"""What one contract on an equity or ETF covers [shares]."""

_OCC_ROOT = 6
_OCC_MAX_STRIKE = Decimal(100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionContract:
    """One listed option.

    Parameters
    ----------
    underlying
        The exchange symbol.
    right
        Call or put.
    strike
        [currency/share].
    expires_on
        The exchange day of its expiry.
    multiplier
        What one contract covers [shares].

    Raises
    ------
    ConfigError
        If the underlying is no symbol.
    LogicError
        If the strike is not a positive multiple of 0.001 under 100,000, or the multiplier not
        positive.
    """

    underlying: str
    right: OptionRight
    strike: Decimal
    expires_on: date
    multiplier: int = SHARES_PER_CONTRACT

    def __post_init__(self) -> None:
        require_symbol(self.underlying)
        whole = self.strike.is_finite() and self.strike * 1000 == int(self.strike * 1000)
        if not (whole and 0 < self.strike < _OCC_MAX_STRIKE):
            msg = f"a strike must be a positive multiple of 0.001 under 100000, was {self.strike}"
            raise LogicError(msg)
        if self.multiplier < 1:
            msg = f"a contract must cover at least 1 share, was {self.multiplier}"
            raise LogicError(msg)

    @property
    def occ_symbol(self) -> str:
        """The contract's name at the Options Clearing Corporation, 21 characters.

        Root padded to six, expiry YYMMDD, C or P, strike in thousandths on eight places:
        ``SPY   131019P00165500``.

        Raises
        ------
        LogicError
            If the underlying has no root of at most six letters and digits.
        """
        root = self.underlying.replace(".", "").replace("-", "")
        if len(root) > _OCC_ROOT:
            msg = f"an option's root must be 1-{_OCC_ROOT} characters, was {root}"
            raise LogicError(msg)
        letter = "P" if self.right is OptionRight.PUT else "C"
        return f"{root:<6}{self.expires_on:%y%m%d}{letter}{int(self.strike * 1000):08d}"


def contract_of(quote: OptionQuote) -> OptionContract:
    """Return the contract that a quote is about; exchanges close before midnight UTC."""
    return OptionContract(
        underlying=quote.symbol,
        right=quote.right,
        strike=quote.strike,
        expires_on=quote.expires_at.date(),
    )


def select_put(
    quotes: Iterable[OptionQuote], symbol: str, spot: Decimal, now: datetime
) -> OptionQuote | None:
    """Return the put that a short side by LongPut buys.

    Parameters
    ----------
    quotes
        What a port told, of any symbol, right, strike and expiry.
    symbol
        The underlying.
    spot
        Its price [currency/share].
    now
        The instant of the decision, UTC.

    Returns
    -------
    OptionQuote or None
        The first expiry after the day, at the money; None when no put has a bid and an ask, was
        quoted by now and expires later than today.
    """
    fitting = [
        quote
        for quote in quotes
        if quote.symbol == symbol
        and quote.right is OptionRight.PUT
        and quote.at <= now
        and quote.bid > 0
        and quote.expires_at.date() > now.date()
    ]
    return min(
        fitting,
        key=lambda quote: (quote.expires_at.date(), abs(quote.strike - spot), quote.strike),
        default=None,
    )
