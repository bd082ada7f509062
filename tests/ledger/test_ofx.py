"""OFX exports, read back by two independent parsers."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from decimal import Decimal

import ofxparse
import pytest
from bs4 import XMLParsedAsHTMLWarning
from ofxtools.Parser import OFXTree

from rigd.core.errors import LedgerError
from rigd.core.values import Side
from rigd.ledger import ofx
from tests.ledger.books import fill, ledger, post_all
from tests.ledger.test_book import DAY, bust

D = Decimal
RECORDS = (*DAY, fill("f", Side.BUY, "0.000000001", "80", symbol="F", strategy="Öffnung"))


def statement(*records):
    books = ledger()
    post_all(books, *records)
    return books.statement()


def by_ofxtools(content):
    parser = OFXTree()
    parser.parse(io.BytesIO(content))
    return parser.convert().statements[0]


def by_ofxparse(content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return ofxparse.OfxParser.parse(io.BytesIO(content)).account


@pytest.mark.parametrize("version", list(ofx.Version))
def test_ofxtools_reads_what_the_books_say(version):
    """Every fill with its units, price, commission and total; cash and holdings."""
    found = by_ofxtools(ofx.render(statement(*RECORDS), version))
    assert (found.account.brokerid, found.account.acctid) == ("SIM", "SIM01")
    lines = [
        (type(each).__name__, inner.units, inner.unitprice, inner.commission, inner.total)
        for each in found.transactions
        if (
            inner := getattr(
                each,
                {"BUYSTOCK": "invbuy", "SELLSTOCK": "invsell"}.get(type(each).__name__, ""),
                None,
            )
        )
        is not None
    ]
    assert lines == [
        ("BUYSTOCK", 10, D("100.5"), D("1.005"), D("-1006.005")),
        ("BUYSTOCK", 5, 101, D("0.505"), D("-505.505")),
        ("SELLSTOCK", -12, 110, D("1.32"), D("1318.68")),
        ("SELLSTOCK", -3, 90, D("0.27"), D("269.73")),
        ("SELLSTOCK", D("-2.5"), 50, 0, 125),
        ("BUYSTOCK", D("1.25"), 40, 0, -50),
        ("BUYSTOCK", D("1e-9"), 80, 0, 0),
    ]
    kinds = [
        getattr(each, "selltype", None) or getattr(each, "buytype", None)
        for each in list(found.transactions)[1:]
    ]
    assert kinds == ["BUY", "BUY", "SELL", "SELL", "SELLSHORT", "BUYTOCOVER", "BUY"]
    assert found.transactions[0].stmttrn.trnamt == 100000
    assert found.balances.availcash == D("100151.9")
    assert found.balances.shortbalance == -50
    held = [
        (each.invpos.postype, each.invpos.units, each.invpos.mktval) for each in found.positions
    ]
    assert held == [("LONG", D("1e-9"), 0), ("SHORT", D("-1.25"), -50)]


@pytest.mark.parametrize("version", list(ofx.Version))
def test_ofxparse_reads_the_same(version):
    """An independent parser agrees on lines, totals and holdings."""
    account = by_ofxparse(ofx.render(statement(*RECORDS), version))
    assert (account.brokerid, account.account_id) == ("SIM", "SIM01")
    opening = [line for line in account.statement.transactions if not hasattr(line, "units")]
    lines = [line for line in account.statement.transactions if hasattr(line, "units")]
    assert [line.amount for line in opening] == [100000]
    assert sum(line.total for line in lines) + 100000 == D("100151.9")
    assert sorted(line.units for line in lines) == sorted([
        10,
        5,
        -12,
        -3,
        D("-2.5"),
        D("1.25"),
        D("1e-9"),
    ])
    assert {line.id for line in lines} == {
        posted.row.fitid for posted in statement(*RECORDS).transactions[1:]
    }
    assert [(each.security, each.units) for each in account.statement.positions] == [
        ("F", D("1e-9")),
        ("IBM", D("-1.25")),
    ]
    assert not account.statement.warnings


@pytest.mark.parametrize("version", list(ofx.Version))
def test_amounts_are_plain_and_the_text_is_ascii(version):
    """No exponent, no negative zero, at most nine decimals; ACCTID of at most 22 characters."""
    text = ofx.render(statement(*RECORDS), version).decode("ascii")
    amounts = re.findall(
        r"<(?:UNITS|UNITPRICE|TOTAL|COMMISSION|TRNAMT|AVAILCASH|MKTVAL|SHORTBALANCE)>([^<]*)", text
    )
    assert len(amounts) > 30
    assert all(re.fullmatch(r"-?\d+(\.\d{1,9})?", amount) for amount in amounts)
    assert "-0" not in amounts
    assert len(re.search(r"<ACCTID>([^<]*)", text)[1]) <= 22


def test_the_same_books_give_the_same_bytes():
    """No clock and no random id is in the file."""
    assert ofx.render(statement(*RECORDS)) == ofx.render(statement(*RECORDS))


def test_totals_are_units_times_price_and_fees():
    """TOTAL = -(UNITS × UNITPRICE) - COMMISSION for every line."""
    for line in by_ofxtools(ofx.render(statement(*DAY))).transactions:
        inner = getattr(line, "invbuy", None) if hasattr(line, "buytype") else None
        inner = getattr(line, "invsell", None) if hasattr(line, "selltype") else inner
        if inner is not None:
            assert inner.total == -(inner.units * inner.unitprice) - inner.commission


def test_a_reversal_names_what_it_reverses():
    """REVERSALFITID is the FITID of the fill that was taken back; the lines still add up."""
    books = statement(*DAY, bust("x", "6"))
    found = list(by_ofxtools(ofx.render(books)).transactions)
    last = found[-1].invbuy
    assert last.invtran.reversalfitid == found[-2].invbuy.invtran.fitid
    assert (last.units, last.total) == (D("-1.25"), 50)


def test_an_empty_ledger_has_nothing_to_export():
    """There is no date to put in it."""
    with pytest.raises(LedgerError, match="at least one"):
        ofx.render(ledger().statement())


def test_lines_that_do_not_add_up_to_the_cash_are_refused():
    """The export compares before it hands out."""
    books = statement(*DAY)
    first = books.trial[0]
    wrong = replace(books, trial=(first._replace(debit=first.debit + 1), *books.trial[1:]))
    with pytest.raises(LedgerError, match="the sum of all lines"):
        ofx.render(wrong)


def test_a_repeated_fitid_is_refused():
    """Two lines under one id would be read as one."""
    books = statement(*DAY)
    one, two, *rest = books.transactions
    doubled = two._replace(row=two.row._replace(fitid=one.row.fitid))
    with pytest.raises(LedgerError, match="unique"):
        ofx.render(replace(books, transactions=(one, doubled, *rest)))


def test_a_warning_of_ofxtools_is_an_error():
    """A ticker that is too long for OFX is not written with a warning."""
    books = statement(*DAY, fill("l", Side.BUY, "1", "1", symbol="L" * 33))
    with pytest.raises(LedgerError, match="refused"):
        ofx.render(books)
