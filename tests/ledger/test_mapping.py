"""Event types and their accounts."""

from __future__ import annotations

from rigd.core.values import Side
from rigd.ledger import chart
from rigd.ledger.mapping import MAPPING, EventType
from tests.ledger.books import KEY, entry, ledger, started


def test_the_first_version_is_the_one_of_the_specification():
    """SPEC §7 names debit and credit of every event."""
    expected = {
        "opening_cash": (1030, 3030, 0),
        "opening_position": (1111, 3030, 0),
        "float_in": (1030, 3010, 0),
        "float_out": (3010, 1030, 0),
        "buy": (1111, 1030, 0),
        "sell": (1030, 1111, 4010),
        "sell_short": (1030, 2100, 0),
        "buy_to_cover": (2100, 1030, 4010),
        "commission": (5010, 1030, 0),
        "dividend": (1030, 4050, 0),
        "data_accrual": (5070, 2020, 0),
        "infrastructure_accrual": (5070, 2020, 0),
    }
    assert {event.value: tuple(rule) for event, rule in MAPPING.items()} == expected


def test_every_account_of_the_mapping_is_in_the_chart():
    """No event can be posted to an account that does not exist."""
    numbers = {number for rule in MAPPING.values() for number in rule if number}
    assert numbers <= {account.number for account in chart.CHART}


def test_every_side_of_an_order_is_an_event():
    """A fill of any side finds its row."""
    assert all(EventType(side.value) in MAPPING for side in Side)


def test_the_mapping_is_kept_in_the_ledger_with_its_version():
    """A reader of the file alone sees which mapping posted it."""
    books = ledger()
    books.post(entry(1, started()), KEY)
    rows = books._connection.execute(
        "SELECT version, event, debit, credit, difference FROM mappings ORDER BY item"
    ).fetchall()
    assert rows == [(1, event.value, *rule) for event, rule in MAPPING.items()]
