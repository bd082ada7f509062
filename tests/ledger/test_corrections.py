"""Reversing entries and what is posted again after them."""

from __future__ import annotations

from rigd.core.values import Side
from rigd.ledger.corrections import restated, reversal, reversing_legs
from tests.ledger.books import fill, ledger, post_all, started

LATER = "2013-10-08T13:30:00Z"


def sale():
    """Return a sale of 4 at 110 with a fee of 1, after a purchase at 100, as it stands in books."""
    books = ledger()
    post_all(
        books,
        started(),
        fill("a", Side.BUY, "4", "100"),
        fill("b", Side.SELL, "4", "110", commission="1"),
    )
    return books.transactions()[-1]


def test_a_reversal_is_the_same_the_other_way_round():
    """Four shares come back, 440 go out, and the fee comes back."""
    fact = reversal(sale().row, LATER, "x")
    assert (fact.event, fact.at, fact.because) == ("reversal", LATER, "x")
    assert (fact.sign, fact.quantity, fact.price) == (1, 4 * 10**9, 110 * 10**6)
    assert (fact.notional, fact.commission, fact.amount) == (440 * 10**6, -(10**6), -439 * 10**6)


def test_reversing_legs_cancel_the_original_ones():
    """Account for account and lot for lot."""
    posted = sale()
    legs = reversing_legs(posted.legs, 9)
    assert [(leg[0], leg[1], leg[2], leg[5]) for leg in legs] == [
        (9, 1, 1111, 2),
        (9, 2, 4010, 0),
        (9, 3, 5010, 0),
        (9, 4, 1030, 0),
    ]
    assert [leg[4] for leg in legs] == [-leg.amount for leg in posted.legs]
    assert [leg[6] for leg in legs] == [-leg.quantity for leg in posted.legs]


def test_a_restated_fill_is_the_fill_again():
    """Same size, price, proceeds and fee, caused by the correction."""
    fact = restated(sale().row, LATER, "x")
    assert (fact.event, fact.at, fact.because, fact.external_id) == ("sell", LATER, "x", "b")
    assert (fact.sign, fact.quantity, fact.price) == (-1, 4 * 10**9, 110 * 10**6)
    assert (fact.notional, fact.commission, fact.amount) == (440 * 10**6, 10**6, 439 * 10**6)
