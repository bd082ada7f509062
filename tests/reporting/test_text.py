from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rigd.reporting.text import (
    csv_line,
    csv_text,
    escape,
    json_document,
    json_text,
    shown,
)


def test_markup_is_escaped_for_content_and_attributes() -> None:
    """The five characters that HTML gives a meaning are written as entities."""
    assert escape("<img src=x onerror=\"a('b')&c\">") == (
        "&lt;img src=x onerror=&quot;a(&#x27;b&#x27;)&amp;c&quot;&gt;"
    )


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", "  =1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    """Text cells that begin like a formula are prefixed."""
    assert csv_text(start) == "'" + start


def test_csv_quotes_separators_and_quotes() -> None:
    """Commas and quotes inside a cell follow RFC 4180."""
    assert csv_line(["a,b", 'c"d', "e"]) == '"a,b","c""d",e'


def test_json_keeps_decimals_digit_for_digit() -> None:
    """A decimal is a JSON number with its own digits, without binary rounding or exponent."""
    text = json_text({"a": Decimal("0.100000000000000000001"), "b": Decimal("1E+3"), "c": None})
    assert text == '{"a":0.100000000000000000001,"b":1000,"c":null}'


def test_json_is_one_ascii_line() -> None:
    """Line ends, separators and foreign letters are escaped and come back unchanged."""
    value = {"k": ["a\nb\u2028ü\x1b", True, 3, date(2013, 10, 7)]}
    text = json_text(value)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == {"k": ["a\nb\u2028ü\x1b", True, 3, "2013-10-07"]}


def test_binary_floats_are_refused_in_json() -> None:
    """A float has no exact text, so it must not reach a file."""
    with pytest.raises(TypeError, match="float"):
        json_text({"a": 0.1})


def test_indented_json_means_the_same() -> None:
    """The file form parses to the same value as the line form."""
    value = {"a": [], "b": {}, "c": [1, {"d": Decimal("1.50")}]}
    document = json_document(value)
    assert json.loads(document) == {"a": [], "b": {}, "c": [1, {"d": 1.5}]}
    assert document.decode() == (
        '{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    {\n      "d": 1.5\n    }\n  ]\n}\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (Decimal("1.500"), "1.5"),
        (datetime(2013, 10, 7, 13, 30, tzinfo=UTC), "2013-10-07T13:30:00Z"),
        (7, "7"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, text: str) -> None:
    """Decimals are plain, instants ISO 8601 with Z, nothing is blank."""
    assert shown(value) == text
