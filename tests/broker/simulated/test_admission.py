"""Tests of the rules of admission that need no exchange; `test_exchange` has the others."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.broker.simulated.admission import buying_power, judge, judge_id
from rigd.broker.simulated.book import Book, Executed, OrderTaken
from rigd.core.orders import OrdStatus
from rigd.core.values import Side
from tests.broker.market import OPENS, order

FREE = Decimal(0)


def book_with(name: str, side: Side, qty: str, filled_at: str = "") -> Book:
    """A book of 10000 with one order, filled or working."""
    book = Book(Decimal(10_000))
    request = order(name, side, qty)
    book.take(OrderTaken(request=request, broker_order_id="1", status=OrdStatus.NEW), OPENS)
    if filled_at:
        fill = Executed(
            exec_key="E",
            cl_ord_id=name,
            qty=Decimal(qty),
            price=Decimal(filled_at),
            commission=FREE,
            ts=OPENS,
        )
        book.take(fill, OPENS)
    return book


@pytest.mark.parametrize("name", ["A", "a-1", "R" + "A2" * 13, "X" * 32])
def test_ids_that_are_taken(name: str) -> None:
    """Letters, digits and hyphens up to 32, among them the ids that rigd makes."""
    assert judge_id(name) is None


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "é", "a_b", "X" * 33])
def test_ids_that_are_refused(name: str) -> None:
    """Anything else is no id."""
    refusal = judge_id(name)
    assert refusal is not None
    assert refusal.code == "bad_id"


def test_buying_power_of_a_short() -> None:
    """Short 100 at 50: 15000 of cash less 2 x 5000 leaves 5000, so that equity covers both."""
    book = book_with("A", Side.SELL_SHORT, "100", filled_at="50")
    assert book.cash == 15_000
    assert buying_power(book, FREE) == 5_000
    book.marks["AAA"] = 60.0
    assert buying_power(book, FREE) == 3_000


def test_working_entry_counts_at_its_mark_with_commission() -> None:
    """100 at a mark of 40 with 1 % take 4040 of 10000."""
    book = book_with("A", Side.BUY, "100")
    book.marks["AAA"] = 40.0
    assert buying_power(book, Decimal("0.01")) == 5_960
    assert buying_power(book, Decimal("0.01"), book.working["A"]) == 10_000


def test_commission_belongs_to_the_need() -> None:
    """Exactly 10000 of shares fit without commission, and not with it."""
    book = Book(Decimal(10_000))
    request = order("A", qty="100", limit="100")
    assert judge(request, book, FREE) is None
    refusal = judge(request, book, Decimal("0.0001"))
    assert refusal is not None
    assert refusal.code == "insufficient_funds"


def test_replacement_does_not_count_what_it_replaces() -> None:
    """A plain stop for all 100 may be replaced by another one for all 100."""
    book = book_with("A", Side.BUY, "100", filled_at="50")
    old = order("S", Side.SELL, "100", stop="40")
    book.take(OrderTaken(request=old, broker_order_id="2", status=OrdStatus.NEW), OPENS)
    new = order("S2", Side.SELL, "100", stop="45")
    refusal = judge(new, book, FREE)
    assert refusal is not None
    assert refusal.code == "oversell"
    assert judge(new, book, FREE, book.working["S"]) is None


def test_notional_below_one_is_refused_by_the_price_that_is_known() -> None:
    """0.01 at 99 is 0.99; without any price the rule cannot speak."""
    book = Book(Decimal(10_000))
    request = order("A", qty="0.01")
    assert judge(request, book, FREE) is None
    book.marks["AAA"] = 99.0
    refusal = judge(request, book, FREE)
    assert refusal is not None
    assert refusal.code == "below_minimum"
    book.marks["AAA"] = 100.0
    assert judge(request, book, FREE) is None
