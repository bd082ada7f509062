"""What the tables say."""

from __future__ import annotations

from rigd.core.values import Side
from rigd.ledger import reading
from tests.ledger.books import fill, ledger, post_all
from tests.ledger.test_book import DAY, bust, correction


def connection_of(*records):
    books = ledger()
    post_all(books, *records)
    return books._connection


def test_legs_are_read_from_either_place():
    """The sale of two lots has its five legs apart, the others theirs in the row."""
    posted = reading.transactions(connection_of(*DAY))
    assert [len(each.legs) for each in posted] == [2, 3, 3, 5, 4, 2, 3]
    assert [leg.leg for leg in posted[3].legs] == [1, 2, 3, 4, 5]
    assert [(leg.account, leg.amount) for leg in posted[1].legs] == [
        (1111, 1005_000_000),
        (5010, 1_005_000),
        (1030, -1006_005_000),
    ]
    assert all(sum(leg.amount for leg in each.legs) == 0 for each in posted)


def test_balances_add_up_both_places():
    """The sum over the view is the sum over all legs."""
    connection = connection_of(*DAY)
    expected: dict[int, int] = {}
    for posted in reading.transactions(connection):
        for leg in posted.legs:
            expected[leg.account] = expected.get(leg.account, 0) + leg.amount
    assert reading.totals(connection) == [
        (account, "USD", amount) for account, amount in sorted(expected.items())
    ]


def test_the_transaction_in_force_is_followed_through_corrections():
    """Under its old key and its new one; a busted one is in force no more."""
    fixed = correction("x", "1", Side.BUY, "8", "99", minute=1)
    connection = connection_of(*DAY, fixed)
    found = [reading.in_force(connection, key) for key in ("1", "x")]
    assert found[0] == found[1]
    assert (found[0].external_id, found[0].quantity) == ("x", 8 * 10**9)
    assert reading.in_force(connection, "nobody") is None
    assert reading.in_force(connection_of(*DAY, bust("y", "1")), "1") is None


def test_what_is_in_force_since_a_fill():
    """The later fills of its symbol alone, in order."""
    connection = connection_of(*DAY)
    second = reading.last(connection, "external_id = ?", "2")
    later = reading.in_force_since(connection, second)
    assert [posted.row.external_id for posted in later] == ["2", "3", "4"]


def test_open_lots_of_a_symbol():
    """Three of the second lot of five are left after a sale of twelve."""
    lots = reading.open_lots(connection_of(*DAY[:4]), "SPY")
    assert [(lot.number, lot.quantity, lot.open_quantity, lot.open_cost) for lot in lots] == [
        (3, 5 * 10**9, 3 * 10**9, 303_000_000)
    ]


def test_the_keys_of_all_fills():
    """Neither the opening nor a correction is a fill of its own."""
    connection = connection_of(*DAY[:3], bust("x", "1"), fill("9", Side.BUY, "1", "1"))
    assert reading.execution_keys(connection) == {"1", "2", "9"}
