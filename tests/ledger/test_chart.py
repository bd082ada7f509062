"""The chart of accounts."""

from __future__ import annotations

import re

import pytest

from rigd.core.errors import LedgerError
from rigd.ledger import chart
from rigd.ledger.chart import Account, AccountKind
from tests.ledger.books import KEY, entry, ledger, post_all, started

SPEC = (
    "1010 Float injection · 1020 Float returned · 1030 Broker cash · 1111 Broker equities · "
    "1120 Tax reserve · 1130 Payroll reserve · 2010 Broker payables · 2020 Market data payables · "
    "2100 Short positions · 3010 Capital float · 3020 Daily float allocation · 3030 Opening balance"
    " · 3040 Accumulated profit · 4010 Realised gains · 4050 Qualified dividends · "
    "4060 Short-term gains · 4070 Long-term gains · 4080 Holdings rebalancing gain/loss · "
    "4090 Reserve transfers · 5010 Broker fees · 5050 Slippage and execution losses · "
    "5060 API time-out penalties · 5070 Infrastructure · 5080 Tax payments · "
    "5090 Payroll disbursements"
)


def test_the_chart_is_the_one_of_the_specification():
    """Every account of SPEC §7 is in the chart under its number and name, and no other."""
    expected = [re.match(r"(\d+) (.+)", part).groups() for part in SPEC.split(" · ")]
    assert [(str(each.number), each.name) for each in chart.CHART] == expected


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1030, AccountKind.ASSET),
        (2100, AccountKind.LIABILITY),
        (3030, AccountKind.EQUITY),
        (4010, AccountKind.INCOME),
        (5010, AccountKind.EXPENSE),
    ],
)
def test_the_first_digit_gives_the_kind(number, kind):
    """Assets 1, liabilities 2, equity 3, income 4, expenses 5."""
    assert chart.find(number).kind is kind
    assert kind.debit_normal == (number // 1000 in {1, 5})


@pytest.mark.parametrize("number", [9100, 9399, 0])
def test_control_accounts_are_not_in_the_balance(number):
    """A control account can neither be made nor found among the balance's accounts."""
    with pytest.raises(LedgerError):
        Account(number=number, name="control")
    with pytest.raises(LedgerError):
        chart.find(number)


def test_coa_consistency():
    """The accounts in a ledger's file equal the code's chart and carry their metadata."""
    books = ledger()
    books.post(entry(1, started()), KEY)
    rows = books._connection.execute(
        "SELECT number, name, kind, currency, entity, jurisdiction, version, created, updated"
        " FROM accounts ORDER BY number"
    ).fetchall()
    opened = "2013-10-07T13:30:00Z"
    assert rows == [
        (each.number, each.name, each.kind.value, "USD", "RIGD", "USA", 1, opened, opened)
        for each in chart.CHART
    ]


def test_a_chart_that_differs_from_the_code_is_reported():
    """A ledger without its chart fails its check."""
    books = ledger()
    post_all(books, started())
    connection = books._connection
    (trigger,) = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'accounts_no_delete'"
    ).fetchone()
    connection.execute("DROP TRIGGER accounts_no_delete")
    connection.execute("DELETE FROM accounts")
    connection.execute(trigger)
    problems = books.check()
    assert any(problem.key == "accounts" for problem in problems)
