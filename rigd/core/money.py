"""Exact numbers: the one place where floats become decimals and decimals become integers.

Scales (decided once): prices and money 10⁻⁶ of the currency, quantities 10⁻⁹ of a share in the
books and 10⁻⁶ in orders. Rounding is half-even everywhere but in sizing, which rounds down.
"""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation

from rigd.core.errors import DataError, LedgerError

PRICE_DECIMALS = 6
MONEY_DECIMALS = 6
QUANTITY_DECIMALS = 9
ORDER_QUANTITY_DECIMALS = 6

PRICE_STEP = Decimal(1).scaleb(-PRICE_DECIMALS)
MONEY_STEP = Decimal(1).scaleb(-MONEY_DECIMALS)
CENT = Decimal("0.01")
ZERO = Decimal(0)

_EXACT = Context(prec=38, traps=[Inexact])
_WIDE = Context(prec=38)


def finite(value: float, what: str) -> float:
    """Return `value`, or raise DataError when it is NaN or infinite."""
    if not math.isfinite(value):
        msg = f"{what} must be a finite number, was {value}"
        raise DataError(msg)
    return value


def price_from_float(value: float) -> Decimal:
    """Return a price [currency/share] as a decimal with 6 places.

    Parameters
    ----------
    value
        A price from a bar or a simulation; must be finite and positive.

    Returns
    -------
    Decimal
        The nearest multiple of 10⁻⁶, ties to even.

    Raises
    ------
    DataError
        If the price is not finite or not positive, also once it is rounded.
    """
    if math.isfinite(value):
        price = _rounded(Decimal(value), PRICE_STEP, ROUND_HALF_EVEN)
        if price > 0:
            return price
    msg = f"price must be finite and positive, was {value}"
    raise DataError(msg)


def money(value: Decimal) -> Decimal:
    """Return an amount [currency] rounded half-even to 6 places."""
    return _rounded(value, MONEY_STEP, ROUND_HALF_EVEN)


def notional(price: Decimal, quantity: Decimal) -> Decimal:
    """Return price × quantity [currency], rounded half-even to 6 places."""
    return _rounded(_WIDE.multiply(price, quantity), MONEY_STEP, ROUND_HALF_EVEN)


def round_down(value: Decimal, decimals: int) -> Decimal:
    """Return `value` rounded towards zero to `decimals` places."""
    return _rounded(value, Decimal(1).scaleb(-decimals), ROUND_DOWN)


def to_units(value: Decimal, decimals: int) -> int:
    """Return `value` as an integer count of 10⁻ᵈ.

    Parameters
    ----------
    value
        A decimal with at most `decimals` places.
    decimals
        The number of places of the scale.

    Returns
    -------
    int
        ``value × 10**decimals``, exactly.

    Raises
    ------
    LedgerError
        If the value has more places than the scale holds, or is not finite.
    """
    if not value.is_finite():
        msg = f"amount must be finite, was {value}"
        raise LedgerError(msg)
    try:
        scaled = value.scaleb(decimals, _EXACT).to_integral_exact(context=_EXACT)
    except Inexact:
        msg = f"amount must have at most {decimals} decimal places, was {value}"
        raise LedgerError(msg) from None
    return int(scaled)


def from_units(units: int, decimals: int) -> Decimal:
    """Return an integer count of 10⁻ᵈ as a decimal."""
    return Decimal(units).scaleb(-decimals, _EXACT)


def plain(value: Decimal) -> str:
    """Return a decimal without exponent, trailing zeros or negative zero."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def level_from_float(value: float) -> Decimal:
    """Return a price level [currency/share] unrounded: converting it back gives the same float.

    Parameters
    ----------
    value
        A level that a rule computed; must be finite and positive.

    Returns
    -------
    Decimal
        The shortest decimal that reads back as `value`.

    Raises
    ------
    DataError
        If the level is not finite or not positive.
    """
    if not (math.isfinite(value) and value > 0.0):
        msg = f"price level must be finite and positive, was {value}"
        raise DataError(msg)
    return Decimal(repr(value))


def _rounded(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    try:
        rounded = value.quantize(step, rounding, _WIDE)
    except InvalidOperation:
        rounded = Decimal("NaN")
    if not rounded.is_finite():
        msg = f"amount must be finite and of at most {_WIDE.prec} digits, was {value}"
        raise DataError(msg)
    return rounded
