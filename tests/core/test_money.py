"""Exact numbers against fractions and sums worked by hand."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core import money as money_module
from rigd.core.errors import DataError, LedgerError
from rigd.core.money import (
    CENT,
    MONEY_STEP,
    PRICE_STEP,
    ZERO,
    finite,
    from_units,
    level_from_float,
    money,
    notional,
    plain,
    price_from_float,
    round_down,
    to_units,
)

D = Decimal
MILLION = 10**6
NOT_FINITE = ["NaN", "sNaN", "Infinity", "-Infinity"]

prices = st.floats(1e-6, 1e9)
amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
units = st.integers(-(2**63), 2**63 - 1)
places = st.integers(0, 12)


def nearest_even(exact: Fraction) -> int:
    """Return the nearest integer, ties to even, in integers alone."""
    below, rest = divmod(exact.numerator, exact.denominator)
    twice = 2 * rest - exact.denominator
    return below + (twice > 0 or (twice == 0 and below % 2 == 1))


def test_scales_are_the_decided_ones() -> None:
    """Prices and money have 6 places, quantities 9 in the books and 6 in orders."""
    assert list(map(str, (PRICE_STEP, MONEY_STEP, CENT, ZERO))) == [
        "0.000001",
        "0.000001",
        "0.01",
        "0",
    ]
    assert money_module.PRICE_DECIMALS == money_module.MONEY_DECIMALS == 6
    assert money_module.QUANTITY_DECIMALS == 9
    assert money_module.ORDER_QUANTITY_DECIMALS == 6


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (100.0, "100.000000"),
        (0.1, "0.100000"),
        # ties that a float holds exactly: odd multiples of 2**-7 end in …5 at the 7th place
        (2.0**-7, "0.007812"),  # 0.0078125 → even 2
        (3 * 2.0**-7, "0.023438"),  # 0.0234375 → even 8
        (5 * 2.0**-7, "0.039062"),  # 0.0390625 → even 2
        (1 + 7 * 2.0**-7, "1.054688"),  # 1.0546875 → even 8
        (123456.78901249999, "123456.789012"),
        (123456.78901250001, "123456.789013"),
        (6e-7, "0.000001"),
        (1e20, "100000000000000000000.000000"),
        (4.503599627370497e15, "4503599627370497.000000"),
    ],
)
def test_price_is_rounded_half_even_to_six_places(value: float, expected: str) -> None:
    """A float becomes the nearest millionth, ties to even, always with six places."""
    assert str(price_from_float(value)) == expected


@given(prices)
def test_price_is_the_nearest_millionth(value: float) -> None:
    """No other multiple of 10⁻⁶ is nearer to the float's exact value; a tie is even."""
    found = price_from_float(value)
    assert found.as_tuple().exponent == -6
    assert Fraction(found) * MILLION == nearest_even(Fraction(value) * MILLION)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, -1e-9, 1e-7, 5e-7, 5e-324, 1e300]
)
def test_float_that_is_no_price_is_refused(value: float) -> None:
    """NaN, infinity, zero, negatives, what rounds to zero and what is too large are no prices."""
    with pytest.raises(DataError, match="must be finite and"):
        price_from_float(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0])
def test_float_that_is_no_level_is_refused(value: float) -> None:
    """NaN, infinity, zero and negatives are no price levels."""
    with pytest.raises(DataError, match="price level must be finite and positive"):
        level_from_float(value)


@given(st.floats(min_value=0.0, exclude_min=True, allow_infinity=False))
def test_level_reads_back_as_the_same_float(value: float) -> None:
    """A level survives the way to a decimal and back, bit for bit."""
    assert float(level_from_float(value)) == value


def test_level_is_not_rounded() -> None:
    """A level keeps every digit of its shortest text: 98.0000001 stays below 98.00000011."""
    assert level_from_float(98.0000001) == D("98.0000001")
    assert level_from_float(0.1) == D("0.1")
    assert level_from_float(1e-07) == D("0.0000001")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_number_that_is_not_finite_is_named(value: float) -> None:
    """The refusal says which number it was."""
    with pytest.raises(DataError, match=f"^ADX must be a finite number, was {value}$"):
        finite(value, "ADX")


@pytest.mark.parametrize("value", [0.0, -1.5, 1e308])
def test_finite_number_passes(value: float) -> None:
    """Any finite number passes unchanged."""
    assert finite(value, "ADX") == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", "1.000000"),
        ("0.0000005", "0.000000"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000002"),
        ("0.00000250000000000000000000000001", "0.000003"),
        ("-0.0000015", "-0.000002"),
        ("-0.0000025", "-0.000002"),
        ("-12.3456789", "-12.345679"),
        ("99999999999999999999999999999999.9999994", "99999999999999999999999999999999.999999"),
    ],
)
def test_money_is_rounded_half_even_to_six_places(value: str, expected: str) -> None:
    """An amount is rounded to the nearest millionth, ties to even, for either sign."""
    assert str(money(D(value))) == expected


@given(amounts)
def test_money_is_the_nearest_millionth(value: Decimal) -> None:
    """No other millionth is nearer, and rounding twice changes nothing."""
    found = money(value)
    assert Fraction(found) * MILLION == nearest_even(Fraction(value) * MILLION)
    assert money(found) == found


@pytest.mark.parametrize("text", [*NOT_FINITE, "1E+33"])
def test_amount_that_cannot_be_held_is_refused(text: str) -> None:
    """NaN, infinity and what has more than 38 digits at six places are refused, never passed on."""
    with pytest.raises(DataError, match="must be finite and of at most 38 digits"):
        money(D(text))
    with pytest.raises(DataError, match="must be finite and of at most 38 digits"):
        round_down(D(text), 6)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1E+33"])
def test_notional_that_cannot_be_held_is_refused(text: str) -> None:
    """A product that is not finite or too large is refused."""
    with pytest.raises(DataError, match="must be finite and of at most 38 digits"):
        notional(D(text), D(1))


@pytest.mark.parametrize(
    ("price", "quantity", "expected"),
    [
        ("100.25", "3", "300.750000"),
        ("0.000001", "0.5", "0.000000"),  # a tie: 5 at the 7th place after an even 0
        ("0.000003", "0.5", "0.000002"),  # 0.0000015 → even 2
        ("0.000001", "0.500000001", "0.000001"),
        ("123.456789", "0.123456789", "15.241579"),  # 15.241578750190521
        ("999999999.999999", "1000000000000", "999999999999999000000.000000"),
        ("10.5", "-2", "-21.000000"),
    ],
)
def test_notional_is_the_rounded_product(price: str, quantity: str, expected: str) -> None:
    """Price × quantity is rounded once, half-even, to six places."""
    assert str(notional(D(price), D(quantity))) == expected


@given(st.integers(1, 10**15), st.integers(-(10**18), 10**18))
def test_notional_is_rounded_once(price_units: int, quantity_units: int) -> None:
    """For every price of 6 and quantity of 9 places it is the nearest millionth of the product."""
    exact = Fraction(price_units, 10**6) * Fraction(quantity_units, 10**9)
    found = notional(D(price_units).scaleb(-6), D(quantity_units).scaleb(-9))
    assert Fraction(found) * MILLION == nearest_even(exact * MILLION)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        ("1.999999999", 6, "1.999999"),
        ("-1.999999999", 6, "-1.999999"),
        ("99.99", 0, "99"),
        ("0.0000009", 6, "0.000000"),
        ("5", 2, "5.00"),
    ],
)
def test_sizes_are_rounded_towards_zero(value: str, decimals: int, expected: str) -> None:
    """Sizing never rounds a quantity up, for either sign."""
    assert str(round_down(D(value), decimals)) == expected


@given(amounts, places)
def test_rounding_down_never_grows(value: Decimal, decimals: int) -> None:
    """The result is the truncated count of 10⁻ᵈ: less than one step nearer to zero."""
    assert Fraction(round_down(value, decimals)) * 10**decimals == math.trunc(
        Fraction(value) * 10**decimals
    )


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        ("1.5", 6, 1_500_000),
        ("-0.000001", 6, -1),
        ("1E+3", 6, 1_000_000_000),
        ("0", 9, 0),
        ("-0", 9, 0),
        ("1.500000000000", 6, 1_500_000),
        # 29 digits: more than the 28 of Python's ordinary context
        ("12345678901234567890123.123456", 6, 12345678901234567890123123456),
    ],
)
def test_units_are_exact(value: str, decimals: int, expected: int) -> None:
    """An amount becomes its exact count of the smallest unit, and an integer."""
    found = to_units(D(value), decimals)
    assert (found, type(found)) == (expected, int)


@pytest.mark.parametrize(("value", "decimals"), [("0.0000001", 6), ("1.5", 0), ("-2.00000005", 7)])
def test_amount_finer_than_the_scale_is_refused(value: str, decimals: int) -> None:
    """The books never round: an amount with more places than the scale is an error."""
    with pytest.raises(LedgerError, match=f"at most {decimals} decimal places, was "):
        to_units(D(value), decimals)


@pytest.mark.parametrize("text", NOT_FINITE)
def test_amount_that_is_not_finite_has_no_units(text: str) -> None:
    """NaN and infinity never reach the books."""
    with pytest.raises(LedgerError, match=f"amount must be finite, was {text}"):
        to_units(D(text), 6)


def test_amount_of_more_than_38_digits_has_no_units() -> None:
    """What the arithmetic cannot hold exactly is refused, not rounded."""
    with pytest.raises(LedgerError):
        to_units(D("1" * 39), 6)


@given(units, places)
def test_units_survive_the_way_to_a_decimal_and_back(count: int, decimals: int) -> None:
    """Every 64-bit integer is the same after decimal and back, and means count × 10⁻ᵈ."""
    value = from_units(count, decimals)
    assert Fraction(value) == Fraction(count, 10**decimals)
    assert to_units(value, decimals) == count


def test_units_do_not_depend_on_the_context_of_the_thread() -> None:
    """A caller with a short decimal context gets the same exact numbers."""
    with decimal.localcontext(prec=3):
        assert to_units(D("123456.789"), 6) == 123_456_789_000
        assert str(from_units(123_456_789, 6)) == "123.456789"
        assert str(price_from_float(123.456789)) == "123.456789"
        assert str(money(D("123456.7891234"))) == "123456.789123"
        assert str(notional(D("123.456"), D("1000.5"))) == "123517.728000"
        assert str(round_down(D("123456.789"), 2)) == "123456.78"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000000", "0"),
        ("-0.00", "0"),
        ("100", "100"),
        ("100.000000", "100"),
        ("100.250000", "100.25"),
        ("-1.10", "-1.1"),
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("1200", "1200"),
        ("-1.20E+4", "-12000"),
    ],
)
def test_plain_text_has_no_exponent_and_no_idle_zeros(value: str, expected: str) -> None:
    """The text of an amount is the shortest plain one; zeros before the point stay."""
    assert plain(D(value)) == expected


@given(amounts)
def test_plain_text_reads_back_as_the_same_amount(value: Decimal) -> None:
    """Reading the text gives an equal amount, and equal amounts have equal texts."""
    text = plain(value)
    assert D(text) == value
    assert text == plain(D(text))
    if value.as_tuple().exponent == 0:
        assert text == plain(D(f"{value}.000"))
    assert "E" not in text
