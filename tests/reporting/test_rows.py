from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from rigd.config.choices import LogFormat
from rigd.core.errors import LogicError
from rigd.reporting.rows import Field, Kind, Value, header_line, make_row, row_line, table_bytes

FIELDS = (
    Field("at", Kind.INSTANT, "when"),
    Field("who", Kind.TEXT, "who"),
    Field("much", Kind.DECIMAL, "how much", blank=True),
    Field("many", Kind.INTEGER, "how many"),
    Field("sure", Kind.BOOLEAN, "whether"),
    Field("more", Kind.OBJECT, "the rest"),
)
VALUES: dict[str, Value] = {
    "at": datetime(2013, 10, 7, 13, 30, tzinfo=UTC),
    "who": "=HYPERLINK(1)\nx",
    "much": Decimal("-2.50"),
    "many": 3,
    "sure": True,
    "more": {"a": "b"},
}


def test_json_row_is_typed() -> None:
    """Numbers, truth values and objects keep their type in JSON."""
    row = json.loads(row_line(make_row(FIELDS, VALUES), FIELDS, LogFormat.JSON))
    assert row == {
        "at": "2013-10-07T13:30:00Z",
        "who": "=HYPERLINK(1)\nx",
        "much": -2.5,
        "many": 3,
        "sure": True,
        "more": {"a": "b"},
    }


def test_csv_row_is_text_without_formulas_or_line_ends() -> None:
    """Text is defused, negative numbers stay numbers, nothing breaks the line."""
    line = row_line(make_row(FIELDS, VALUES), FIELDS, LogFormat.CSV)
    assert next(csv.reader([line])) == [
        "2013-10-07T13:30:00Z",
        r"'=HYPERLINK(1)\nx",
        "-2.5",
        "3",
        "true",
        '{"a":"b"}',
    ]


def test_blank_cells_are_null_and_nothing() -> None:
    """A field that may be blank is null in JSON and empty in CSV."""
    row = make_row(FIELDS, {k: v for k, v in VALUES.items() if k != "much"})
    assert json.loads(row_line(row, FIELDS, LogFormat.JSON))["much"] is None
    assert ",,3," in row_line(row, FIELDS, LogFormat.CSV)


@pytest.mark.parametrize(
    "wrong",
    [{"many": True}, {"many": "3"}, {"much": 2.5}, {"who": None}, {"sure": 1}, {"odd": 1}],
)
def test_a_row_that_breaks_its_schema_is_refused(wrong: dict[str, Any]) -> None:
    """Wrong types, missing cells and unknown fields are defects."""
    with pytest.raises(LogicError):
        make_row(FIELDS, VALUES | wrong)


def test_tables_hold_the_same_rows_in_both_formats() -> None:
    """The JSON array and the CSV file have one row per record and the schema's columns."""
    rows = [make_row(FIELDS, VALUES), make_row(FIELDS, VALUES | {"many": 4})]
    as_json = json.loads(table_bytes(rows, FIELDS, LogFormat.JSON))
    text = table_bytes(rows, FIELDS, LogFormat.CSV).decode()
    as_csv = list(csv.DictReader(io.StringIO(text)))
    assert [row["many"] for row in as_json] == [3, 4]
    assert [row["many"] for row in as_csv] == ["3", "4"]
    assert text.splitlines()[0] == header_line(FIELDS) == "at,who,much,many,sure,more"


def test_empty_tables_are_valid() -> None:
    """Without rows the JSON is an empty array and the CSV its header."""
    assert json.loads(table_bytes([], FIELDS, LogFormat.JSON)) == []
    assert table_bytes([], FIELDS, LogFormat.CSV) == b"at,who,much,many,sure,more\n"
