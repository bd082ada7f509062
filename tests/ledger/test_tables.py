"""CSV and JSON exports."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pytest

from rigd.core.values import Side
from rigd.ledger import tables
from tests.ledger.books import fill, ledger, post_all
from tests.ledger.test_book import DAY

D = Decimal


def books_of(*records):
    books = ledger()
    post_all(books, *records)
    return books


def test_csv_has_every_leg():
    """Amounts add up to the balances and to zero."""
    books = books_of(*DAY)
    rows = list(csv.DictReader(io.StringIO(tables.to_csv(books.statement()))))
    assert sum(D(row["amount"]) for row in rows) == 0
    cash = sum(D(row["amount"]) for row in rows if row["account"] == "1030")
    assert cash == D("100151.9")
    assert [row["lot_quantity"] for row in rows if row["lot"] == "3"] == ["5", "-2", "-3"]


def test_the_trial_balance_as_csv():
    """Debits and credits have the same sum."""
    rows = list(csv.DictReader(io.StringIO(tables.trial_csv(books_of(*DAY).statement()))))
    assert sum(D(row["debit"]) for row in rows) == D("100155")
    assert sum(D(row["credit"]) for row in rows) == D("100155")


def test_json_has_the_whole_ledger():
    """Amounts are texts, so that no reader makes them binary fractions."""
    value = json.loads(tables.to_json(books_of(*DAY).statement()))
    assert value["identity"] == "RIGD_USA_SIM_01"
    assert len(value["transactions"]) == 7
    sale = value["transactions"][3]
    assert (sale["quantity"], sale["amount"], sale["commission"]) == ("-12", "1318.68", "1.32")
    assert [leg["amount"] for leg in sale["legs"]] == ["-1005", "-202", "-113", "1.32", "1318.68"]
    assert value["lots"] == [
        {
            "lot": 6,
            "symbol": "IBM",
            "direction": "short",
            "traded_at": "2013-10-07T13:35:00+00:00",
            "quantity": "1.25",
            "cost": "62.5",
        }
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_formula_is_written_as_text(text):
    """A spreadsheet shows it and does not run it."""
    assert tables.escape(text) == f"'{text}"
    assert tables.escape(f"x{text}") == f"x{text}"


def test_texts_of_the_broker_are_escaped():
    """An execution key that looks like a formula is defused in the CSV."""
    books = books_of(DAY[0], fill("=HYPERLINK()", Side.BUY, "1", "1", strategy="@open"))
    rows = list(csv.DictReader(io.StringIO(tables.to_csv(books.statement()))))
    assert (rows[-1]["external_id"], rows[-1]["strategy"]) == ("'=HYPERLINK()", "'@open")


def test_the_same_books_give_the_same_text():
    """The exports are functions of the books."""
    one, two = books_of(*DAY).statement(), books_of(*DAY).statement()
    assert tables.to_csv(one) == tables.to_csv(two)
    assert tables.to_json(one) == tables.to_json(two)
