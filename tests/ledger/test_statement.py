"""The books as one value."""

from __future__ import annotations

from decimal import Decimal

from tests.ledger.books import ledger, post_all
from tests.ledger.test_book import DAY


def test_a_statement_holds_the_whole_ledger():
    """Transactions with their legs, the trial balance and the open lots."""
    books = ledger()
    post_all(books, *DAY)
    statement = books.statement()
    assert [posted.row.txn for posted in statement.transactions] == [1, 2, 3, 4, 5, 6, 7]
    assert all(len(posted.legs) == posted.row.legs for posted in statement.transactions)
    assert all(sum(leg.amount for leg in posted.legs) == 0 for posted in statement.transactions)
    assert statement.symbols == ["IBM", "SPY"]
    assert statement.balance(1030) == Decimal("100151.9")
    assert statement.balance(5090) == 0
    assert [lot.symbol for lot in statement.lots] == ["IBM"]
    assert (statement.identity, statement.account) == (books.identity, books.account)
