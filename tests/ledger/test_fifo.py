"""Proving that lots were closed first in, first out."""

from __future__ import annotations

import pytest

from rigd.ledger.fifo import FifoWalk
from rigd.ledger.lots import LotBook


def walk(*moves):
    """Return whether each move was sound, and what is open afterwards."""
    lots = LotBook()
    fifo = FifoWalk(lots)
    sound = [fifo.move(txn, reverses, "SPY", *rest) for txn, reverses, *rest in moves]
    return sound, [(lot.number, lot.open_quantity, lot.open_cost) for lot in lots.queue("SPY")]


BOUGHT = ((2, 0, 2, 10, 100), (3, 0, 3, 10, 120))


def test_the_oldest_lot_goes_first_at_its_cost():
    """Twelve of two lots of ten: the first whole, two of the second at 24."""
    sound, left = walk(*BOUGHT, (4, 0, 2, -10, -100), (4, 0, 3, -2, -24))
    assert sound == [True] * 4
    assert left == [(3, 8, 96)]


@pytest.mark.parametrize(
    "wrong",
    [
        (4, 0, 3, -2, -24),
        (4, 0, 2, -2, -21),
        (4, 0, 2, -11, -110),
        (4, 0, 2, 2, 20),
        (4, 0, 9, -2, -20),
        (4, 0, 4, -2, -20),
        (4, 9, 9, -10, -100),
        (4, 3, 2, 1, 10),
        (4, 2, 2, -9, -90),
    ],
)
def test_any_other_move_is_unsound(wrong):
    """A later lot, another cost, too much, the wrong side, an unknown lot, a false reversal."""
    sound, _ = walk(*BOUGHT, wrong)
    assert sound == [True, True, False]


def test_nothing_can_be_closed_when_nothing_is_open():
    """A sale of a lot of another symbol is unsound."""
    assert walk((4, 0, 2, -1, -1)) == ([False], [])


def test_reversals_put_back_what_they_take_back():
    """A sale taken back opens its lot again, a purchase taken back is gone."""
    sold = (4, 0, 2, -4, -40)
    assert walk(*BOUGHT, sold, (5, 4, 2, 4, 40)) == ([True] * 4, [(2, 10, 100), (3, 10, 120)])
    assert walk(*BOUGHT, (5, 2, 2, -10, -100)) == ([True] * 3, [(3, 10, 120)])
