"""Orders with their newest status, from the hand-made journal."""

from __future__ import annotations

from decimal import Decimal

from rigd.reporting.order_view import MEANT, order_lines
from tests.reporting.journals import Writer, fill, intent, session, started


def test_orders_are_shown_newest_first_with_their_fills() -> None:
    """IBM's entry of the hand-made session is filled whole: 10 of 10."""
    lines = order_lines(session())
    first = lines[-1]
    assert (first.symbol, first.side, first.status) == ("IBM", "buy", "FILLED")
    assert first.filled == first.qty == Decimal(10)
    assert [line.at for line in lines] == sorted((line.at for line in lines), reverse=True)


def test_an_order_without_an_answer_is_an_intent() -> None:
    """Nothing was filled and nobody answered."""
    journal = Writer()
    journal.add(0, started())
    journal.add(21, intent("R1", limit_price=Decimal("99.5")))
    (line,) = order_lines(journal.entries)
    assert (line.status, line.filled, line.limit_price) == (MEANT, Decimal(0), Decimal("99.5"))


def test_a_part_is_not_the_whole() -> None:
    """4 of 10 filled is partly filled; the other 6 end it."""
    journal = Writer()
    journal.add(0, started())
    journal.add(21, intent("R1"), fill("R1", 21, qty=Decimal(4)))
    (line,) = order_lines(journal.entries)
    assert (line.status, line.filled) == ("PARTIALLY_FILLED", Decimal(4))
    journal.add(22, fill("R1", 22, qty=Decimal(6), exec_key="second"))
    assert order_lines(journal.entries)[0].status == "FILLED"
