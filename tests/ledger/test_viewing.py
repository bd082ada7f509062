"""The books as a page reads them, through a connection that cannot write."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.ledger.viewing import view_of
from rigd.store.database import open_for_reading
from tests.ledger.books import BOT, KEY, ledger
from tests.reporting.journals import session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Books of the hand-made session of three trades."""
    path = tmp_path / "ledger.db"
    held = ledger(path)
    for entry in session():
        held.post(entry, KEY)
    held.close()
    return path


def test_balances_and_transactions_are_those_of_the_ledger(books: Path) -> None:
    """Cash 100 000 + 12.80, both sides equal, and every transaction with its legs."""
    with closing(open_for_reading(books)) as connection:
        view = view_of(connection)
    assert view.identity == BOT
    assert {row.account: row.debit for row in view.trial}[1030] == Decimal("100012.8")
    assert view.debit == view.credit
    assert all(sum(leg.amount for leg in posted.legs) == 0 for posted in view.transactions)
    assert len(view.transactions) == 7  # the opening and six fills


def test_reading_leaves_no_transaction_open(books: Path) -> None:
    """The session that trades can write at once."""
    with closing(open_for_reading(books)) as connection:
        view_of(connection)
        assert not connection.in_transaction
