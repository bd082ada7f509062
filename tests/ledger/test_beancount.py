"""Beancount exports, judged by beancount."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from beancount import loader
from beancount.core.data import Transaction

from rigd.core.values import Side
from rigd.ledger import beancount
from tests.ledger.books import fill, ledger, post_all, started
from tests.ledger.test_book import DAY, bust, random_fills

RECORDS = (*DAY, fill("f", Side.BUY, "0.000000001", "80", symbol="F"), bust("x", "1"))


def text_of(*records):
    books = ledger()
    post_all(books, *records)
    return beancount.render(books.statement())


def test_beancount_finds_no_error():
    """Transactions balance and every final balance holds, without tolerance."""
    entries, errors, _ = loader.load_string(text_of(*RECORDS))
    assert errors == []
    assert sum(isinstance(each, Transaction) for each in entries) == 15


def test_random_books_pass_and_keep_their_cash():
    """Fractions of shares and of cents pass as well; the cash is the ledger's."""
    books = ledger()
    post_all(books, started(), *random_fills(8, 200))
    entries, errors, _ = loader.load_string(beancount.render(books.statement()))
    assert errors == []
    cash = sum(
        posting.units.number
        for each in entries
        if isinstance(each, Transaction)
        for posting in each.postings
        if posting.account == "Assets:A1030-Broker-cash"
    )
    assert cash == books.balances()[1030]


def test_bean_check_passes(tmp_path):
    """The program of the package accepts the file."""
    path = tmp_path / "books.beancount"
    path.write_text(text_of(*RECORDS), encoding="utf-8")
    program = Path(sys.executable).with_name("bean-check")
    done = subprocess.run(  # noqa: S603 - the program of the environment, on a file of ours
        [program, path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_beancount_would_notice_a_wrong_millionth():
    """The check above is sharp: one millionth more in one leg is an error."""
    text = text_of(*DAY)
    assert text.count("-1006.005 USD") == 1
    _, errors, _ = loader.load_string(text.replace("-1006.005 USD", "-1006.005001 USD"))
    assert errors


def test_an_empty_ledger_is_a_file_of_accounts():
    """It opens every account of the chart and holds nothing."""
    entries, errors, _ = loader.load_string(beancount.render(ledger().statement()))
    assert errors == []
    assert len(entries) == 27


def test_account_names_are_beancounts():
    """Root by kind, number, words joined by hyphens."""
    assert beancount.account_name(4080) == "Income:A4080-Holdings-rebalancing-gain-loss"
    assert beancount.account_name(1030) == "Assets:A1030-Broker-cash"


def test_the_same_books_give_the_same_text():
    """The export is a function of the books."""
    assert text_of(*RECORDS) == text_of(*RECORDS)
