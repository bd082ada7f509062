"""Accounts, FITIDs and hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import LedgerError
from rigd.ledger import entries
from tests.ledger.books import ACCOUNT, connect

PARTS = {
    "broker": "SIM",
    "account_id": "SIM01",
    "external_id": "E1",
    "event": "buy",
    "symbol": "SPY",
    "at": "2013-10-07T13:30:00Z",
    "amount": -1006000000,
    "quantity": 10000000000,
    "price": 100500000,
    "currency": "USD",
}


def test_a_fitid_is_the_sha256_over_its_ten_parts():
    """SPEC §8 names the parts and their order."""
    text = "\x1f".join(str(part) for part in PARTS.values())
    assert entries.fitid(**PARTS) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("part", PARTS)
def test_a_fitid_depends_on_every_part(part):
    """Two transactions that differ in one part have different ids."""
    value = PARTS[part]
    other = value + 1 if isinstance(value, int) else f"{value}X"
    assert entries.fitid(**{**PARTS, part: other}) != entries.fitid(**PARTS)


def test_a_seal_depends_on_the_hash_before_it():
    """The same transaction after another one has another hash."""
    assert entries.seal("a", "[1]", "[]") != entries.seal("b", "[1]", "[]")
    assert entries.seal("a", "[1]", "[]") == hashlib.sha256(b"a[1][]").hexdigest()


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text().filter(str.isprintable))))
def test_literals_are_those_of_the_database(values):
    """Python and SQLite write a row alike, so either can prove the other's chain."""
    if not values:
        return
    places = ",".join("?" * len(values))
    (found,) = connect().execute(f"SELECT json_array({places})", values).fetchone()
    assert entries.literal(values) == found
    assert json.loads(found) == values


@given(st.lists(st.one_of(st.integers(), st.text(), st.tuples(st.integers(), st.text()))))
def test_a_chain_is_the_sha256_over_the_hash_before_and_the_row(content):
    """The row is compact JSON, whatever is in it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    try:
        expected = hashlib.sha256(f"{'a' * 64}{text}".encode()).hexdigest()
    except UnicodeEncodeError:
        return
    assert entries.chain("a" * 64, *content) == expected


def leg(number, account, amount, lot=0, quantity=0):
    return entries.Leg(7, number, account, "USD", amount, lot, quantity)


@pytest.mark.parametrize(
    ("legs", "slots"),
    [
        ([leg(1, 1030, 5), leg(2, 3030, -5)], (0, 0, 1030, 5, 3030, -5, 0, 0, 0, 0)),
        (
            [leg(1, 1111, 9, 7, 3), leg(2, 5010, 1), leg(3, 1030, -10)],
            (7, 3, 1111, 9, 5010, 1, 1030, -10, 0, 0),
        ),
        (
            [leg(1, 1111, -9, 2, -3), leg(2, 4010, -2), leg(3, 5010, 1), leg(4, 1030, 10)],
            (2, -3, 1111, -9, 4010, -2, 5010, 1, 1030, 10),
        ),
    ],
)
def test_up_to_four_legs_stand_in_the_row(legs, slots):
    """Lot and quantity of the first, then account and amount of each; and back again."""
    assert entries.slots_of(legs) == slots
    assert entries.legs_of(7, "USD", slots) == tuple(legs)


def test_other_legs_do_not_fit_the_row():
    """Five legs, or two that move lots, stand in their own table."""
    five = [leg(number, 1030, 0) for number in range(1, 6)]
    two_lots = [leg(1, 1111, -1, 2, -1), leg(2, 1111, -1, 3, -1), leg(3, 1030, 2)]
    assert entries.slots_of(five) == entries.slots_of(two_lots) == entries.NO_SLOTS
    row = (*(0,) * 16, *entries.NO_SLOTS, "")
    assert entries.stand_apart(row)
    assert not entries.stand_apart((*(0,) * 18, 1030, *(0,) * 7, ""))


@pytest.mark.parametrize(
    "change",
    [
        {"account_id": "X" * 23},
        {"account_id": ""},
        {"currency": "usd"},
        {"currency": "USDT"},
        {"entity": "Ä"},
        {"broker": "S\nM"},
    ],
)
def test_account_details_of_another_form_are_refused(change):
    """ACCTID has 1-22 characters, a currency three capitals, and all is plain ASCII."""
    with pytest.raises(LedgerError):
        replace(ACCOUNT, **change)


def test_the_genesis_depends_on_whose_books_they_are():
    """A chain cannot be moved to the ledger of another bot or account."""
    first = entries.genesis("A_B_SIM_01", ACCOUNT, 1)
    assert first != entries.genesis("A_B_SIM_02", ACCOUNT, 1)
    assert first != entries.genesis("A_B_SIM_01", replace(ACCOUNT, account_id="X"), 1)
