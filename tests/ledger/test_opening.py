"""What a new ledger starts with."""

from __future__ import annotations

from rigd.ledger.mapping import MAPPING, EventType
from rigd.ledger.opening import chart_rows, mapping_rows, opening_balance
from tests.ledger.books import ACCOUNT

AT = "2013-10-07T13:30:00Z"


def test_the_chart_is_written_with_its_metadata():
    """Version, number, name, kind, currency, entity, jurisdiction, created and updated."""
    rows = list(chart_rows(ACCOUNT, AT))
    assert len(rows) == 25
    assert (1, 1030, "Broker cash", "asset", "USD", "RIGD", "USA", AT, AT) in rows


def test_the_mapping_is_written_with_its_version():
    """Version, event, debit, credit, difference, created."""
    rows = list(mapping_rows(MAPPING, AT))
    assert len(rows) == 12
    assert (1, "sell", 1030, 1111, 4010, AT) in rows


def test_the_opening_balance_is_cash_against_equity():
    """Dr 1030 Cr 3030; the change of cash is all of it, without a symbol or a fee."""
    fact, legs = opening_balance(5_000_000, AT, MAPPING[EventType.OPENING_CASH], "USD")
    assert legs == [(1, 1, 1030, "USD", 5_000_000, 0, 0), (1, 2, 3030, "USD", -5_000_000, 0, 0)]
    assert (fact.event, fact.at, fact.external_id) == ("opening_cash", AT, "opening_cash")
    assert (fact.amount, fact.symbol, fact.commission) == (5_000_000, "", 0)
