"""The chart of accounts and the mapping fit each other (document 070, test_coa_consistency)."""

from __future__ import annotations

from rigd.ledger.book import Ledger
from rigd.ledger.chart import CHART, FIRST_CONTROL, LAST_CONTROL, AccountKind
from rigd.ledger.mapping import MAPPING, EventType
from tests.flags import run_by_hand
from tests.ledger.books import ACCOUNT, BOT, connect, post_all, started

NUMBERS = {
    *(1010, 1020, 1030, 1111, 1120, 1130),
    *(2010, 2020, 2100),
    *(3010, 3020, 3030, 3040),
    *(4010, 4050, 4060, 4070, 4080, 4090),
    *(5010, 5050, 5060, 5070, 5080, 5090),
}
"""The accounts of SPEC §7."""

RULES = {
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
"""Debit, credit and difference of each event, from SPEC §7."""


def test_the_chart_is_the_agreed_one() -> None:
    """Every account of SPEC §7 is there once, with a name, and no other."""
    assert sorted(account.number for account in CHART) == sorted(NUMBERS)
    assert all(account.name for account in CHART)
    assert len({account.name for account in CHART}) == len(CHART)


def test_the_first_digit_gives_the_kind() -> None:
    """1 asset, 2 liability, 3 equity, 4 income, 5 expense."""
    kinds = dict(zip((1, 2, 3, 4, 5), AccountKind, strict=True))
    assert all(account.kind is kinds[account.number // 1000] for account in CHART)


def test_the_mapping_is_the_agreed_one() -> None:
    """Each event touches the accounts of SPEC §7, all of which the chart has."""
    assert {event.value: tuple(rule) for event, rule in MAPPING.items()} == RULES
    assert {number for rule in RULES.values() for number in rule if number} <= NUMBERS


def test_every_event_but_the_reversal_is_mapped() -> None:
    """An event without a rule could not be posted; a reversal takes the legs of its original."""
    assert set(EventType) - set(MAPPING) == {EventType.REVERSAL}


def test_control_accounts_are_no_accounts_of_the_balance() -> None:
    """9100 to 9399 are for control and never in the chart."""
    assert (FIRST_CONTROL, LAST_CONTROL) == (9100, 9399)
    assert not [a for a in CHART if FIRST_CONTROL <= a.number <= LAST_CONTROL]


def test_new_books_hold_the_chart_and_the_mapping() -> None:
    """The first posting writes chart and mapping with their version into the books."""
    connection = connect()
    post_all(Ledger(connection, identity=BOT, account=ACCOUNT), started())
    accounts = connection.execute("SELECT number, version FROM accounts").fetchall()
    assert {number for number, _ in accounts} == NUMBERS
    assert {version for _, version in accounts} == {1}
    rules = connection.execute("SELECT event, debit, credit, difference FROM mappings").fetchall()
    assert {event: tuple(rest) for event, *rest in rules} == RULES


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
