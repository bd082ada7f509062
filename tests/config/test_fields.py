"""Tests of the text forms of values."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from rigd.config import fields
from rigd.config.choices import LogFormat


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("+7", 7), ("-3", -3), ("007", 7), ("9" * 18, 10**18 - 1)],
)
def test_whole_numbers(text: str, value: int) -> None:
    """Digits with an optional sign are whole numbers."""
    assert fields.whole(text) == value


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1.0", "1e3", "1_0", "\u0663", "0x1", "9" * 19, "--1"]
)
def test_other_texts_are_no_whole_numbers(text: str) -> None:
    """Nothing but ASCII digits and a sign counts, at most 18 of them."""
    with pytest.raises(PydanticCustomError):
        fields.whole(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("300e6", "300000000"), (".5", "0.5"), ("5.", "5"), ("-0.25", "-0.25"), ("1E-2", "0.01")],
)
def test_numbers(text: str, value: str) -> None:
    """Point and exponent are read; decimals stay exact."""
    assert fields.exact(text) == Decimal(value)
    assert fields.real(text) == float(value)


@pytest.mark.parametrize(
    "text", ["", ".", "e5", "1e999", "1e-13", "nan", "inf", "1,5", "\uff11", "1e", "0x1", "1" * 19]
)
def test_other_texts_are_no_numbers(text: str) -> None:
    """NaN, infinity, commas and numbers beyond 18 digits and 12 places are refused."""
    for read in (fields.real, fields.exact):
        with pytest.raises(PydanticCustomError):
            read(text)


@pytest.mark.parametrize("text", ["open+0m", "close-26m", "12:00 ET", "16:00Z", "23:59Z"])
def test_start_times_in_four_forms(text: str) -> None:
    """The four forms of SPEC §2 are accepted and kept as written."""
    assert fields.start_time(text) == text


@pytest.mark.parametrize(
    "text", ["", "open", "open+m", "open-5m", "close+5m", "24:00Z", "12:60 ET", "12:00", "9:30 ET"]
)
def test_other_start_times_are_refused(text: str) -> None:
    """Any other form is refused."""
    with pytest.raises(PydanticCustomError):
        fields.start_time(text)


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon", ["mon"]), ("fri, mon", ["mon", "fri"]), ("sat..sun", ["sat", "sun"])],
)
def test_weekdays_come_in_order(text: str, days: list[str]) -> None:
    """Days are listed or a range, and come Monday first."""
    assert fields.weekdays(text) == tuple(days)


def test_blank_is_none_for_optional_values_only() -> None:
    """A blank optional number is None; zero is not blank."""
    read = fields.optional(fields.real)
    assert read("") is None
    assert read("0") == 0.0


@profile(max_examples=200, deadline=None)
@given(st.decimals(min_value=-(10**17), max_value=10**17, places=12))
def test_numbers_as_text_read_back_equal(value: Decimal) -> None:
    """What is written reads back as the same value."""
    assert fields.exact(fields.as_text(value)) == value
    assert fields.real(fields.as_text(float(value))) == float(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (LogFormat.CSV, "csv"),
        (("a", Decimal("0.40")), "a,0.4"),
        (3e8, "300000000"),
        (0.0005, "0.0005"),
        (1e-7, "0.0000001"),
        (Decimal("1E+3"), "1000"),
        (-7, "-7"),
        ("open+0m", "open+0m"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    """Each type has one text form, without exponents."""
    assert fields.as_text(value) == text
