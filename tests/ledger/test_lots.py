"""First-in, first-out lots."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import LedgerError
from rigd.core.money import from_units, notional
from rigd.ledger.lots import Lot, LotBook, share


@given(st.integers(-(10**18), 10**18), st.integers(0, 10**15), st.integers(1, 10**15))
def test_share_rounds_half_even(amount, part, whole):
    """A share is the nearest whole unit of the exact fraction, ties to even."""
    assert share(amount, part, whole) == round(Fraction(amount * part, whole))


@given(st.integers(0, 10**12), st.integers(0, 10**15))
def test_a_notional_in_units_is_the_notional_of_core(price, quantity):
    """The books round a notional exactly as core.money does."""
    expected = notional(from_units(price, 6), from_units(quantity, 9))
    assert from_units(share(price, quantity, 10**9), 6) == expected


@given(st.integers(0, 10**15), st.lists(st.integers(1, 10**12), min_size=1, max_size=20))
def test_cost_in_equals_cost_out(cost, pieces):
    """However a lot is cut up, its pieces cost what it cost, each within a unit of the exact."""
    quantity = sum(pieces)
    lot = Lot(1, 1, quantity, cost)
    taken = [lot.take(piece) for piece in pieces]
    assert sum(taken) == cost
    assert (lot.open_quantity, lot.open_cost) == (0, 0)
    for piece, part in zip(pieces, taken, strict=True):
        assert abs(part - Fraction(cost * piece, quantity)) <= 1


def test_thirds_of_a_lot_worked_by_hand():
    """10 units of cost over 3 shares leave as 3, 4 and 3: cumulated 3⅓→3, 6⅔→7, 10."""
    lot = Lot(1, 1, 3, 10)
    assert [lot.take(1) for _ in range(3)] == [3, 4, 3]


def test_a_lot_gives_no_more_than_it_holds():
    """Closing more than is open is refused."""
    with pytest.raises(LedgerError, match="holds 3"):
        Lot(1, 1, 3, 10).take(4)


def test_a_fill_closes_the_oldest_lots_first():
    """A sale of 7 closes the lot of 5 and 2 of the lot of 4."""
    book = LotBook()
    book.queue("SPY").extend([Lot(1, 1, 5, 50), Lot(2, 1, 4, 48)])
    assert book.fill("SPY", -1, 7) == ([(1, 5, 50), (2, 2, 24)], 0)
    assert [lot.number for lot in book.queue("SPY")] == [2]


def test_a_fill_that_is_too_large_leaves_a_rest():
    """What nothing stands against is returned, to open a lot."""
    book = LotBook()
    book.queue("SPY").append(Lot(1, -1, 5, 50))
    assert book.fill("SPY", 1, 8) == ([(1, 5, 50)], 3)
    assert book.symbols() == []


def test_a_fill_of_the_same_sign_closes_nothing():
    """A second purchase opens its own lot."""
    book = LotBook()
    book.queue("SPY").append(Lot(1, 1, 5, 50))
    assert book.fill("SPY", 1, 8) == ([], 8)
