"""OFX investment statement of the books, read back and compared before it is handed out.

ofxtools (GPL-3.0) is imported here and nowhere else. It lets some wrong files through, so the
amounts are written as plain decimals, its warnings count as errors and the result is parsed again.
"""

from __future__ import annotations

import io
import warnings
import xml.etree.ElementTree as ET
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.clock import from_iso
from rigd.core.errors import LedgerError
from rigd.core.money import (
    MONEY_DECIMALS,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    from_units,
    notional,
    plain,
)
from rigd.core.values import Direction
from rigd.ledger import chart
from rigd.ledger.mapping import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ofxtools import models
    from ofxtools.models.ofx import OFX

    from rigd.ledger.entries import Transaction
    from rigd.ledger.statement import Statement

_MEMO_MAX = 255


class Version(IntEnum):
    """The forms of OFX that are written."""

    SGML_102 = 102
    XML_203 = 203
    XML_220 = 220


class _Plain(Decimal):
    """A decimal that is written without exponent; ofxtools writes ``str(value)``."""

    __slots__ = ()

    def __str__(self) -> str:
        return plain(self)


class _Line(NamedTuple):
    """What one line of the statement must say after it was read back."""

    fitid: str
    units: Decimal
    price: Decimal
    commission: Decimal
    total: Decimal


class _Mark(NamedTuple):
    """A holding at the price of the symbol's last fill."""

    symbol: str
    units: Decimal
    price: Decimal
    value: Decimal
    at: datetime


def render(statement: Statement, version: Version = Version.XML_220) -> bytes:
    """Return the books as one OFX file with an investment statement.

    Parameters
    ----------
    statement
        The whole ledger.
    version
        The form of OFX.

    Returns
    -------
    bytes
        The file, ASCII; the same statement gives the same bytes. Holdings are marked at the
        symbol's last fill.

    Raises
    ------
    LedgerError
        If the ledger is empty, ofxtools warns or refuses, the file read back says anything else
        than the books, or the lines do not add up to the cash.
    """
    if not statement.transactions:
        msg = "an OFX export needs at least one transaction, the ledger had none"
        raise LedgerError(msg)
    marks = _marks(statement)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            content = _header(version) + ET.tostring(_build(statement, marks).to_etree())
            _compare(content, statement, marks)
        except (ValueError, TypeError, SyntaxError, Warning) as error:
            msg = f"ofxtools refused the export: {error}"
            raise LedgerError(msg) from error
    return content


def _header(version: Version) -> bytes:
    from ofxtools.header import OFXHeaderV1, OFXHeaderV2  # noqa: PLC0415 - lazy, a heavy import

    if version < Version.XML_203:
        # Without a character set ofxparse cannot read OFX 1.x.
        return str(OFXHeaderV1(version.value, charset="1252")).encode()
    return str(OFXHeaderV2(version.value)).encode()


def _build(statement: Statement, marks: list[_Mark]) -> OFX:
    from ofxtools import models  # noqa: PLC0415 - lazy, a heavy import
    from ofxtools.models.ofx import OFX  # noqa: PLC0415 - lazy, a heavy import

    last = from_iso(max(posted.row.at for posted in statement.transactions))
    first = from_iso(min(posted.row.at for posted in statement.transactions))
    done = models.STATUS(code=0, severity="INFO")
    body = models.INVSTMTRS(
        dtasof=last,
        curdef=statement.account.currency,
        invacctfrom=models.INVACCTFROM(
            brokerid=statement.account.broker, acctid=statement.account.account_id
        ),
        invtranlist=models.INVTRANLIST(*_lines(statement), dtstart=first, dtend=last),
        invposlist=models.INVPOSLIST(*(_position(mark) for mark in marks)) if marks else None,
        invbal=models.INVBAL(
            availcash=_Plain(statement.balance(chart.CASH)),
            marginbalance=_Plain(0),
            shortbalance=_Plain(sum((mark.value for mark in marks if mark.units < 0), Decimal(0))),
        ),
    )
    uid = statement.transactions[-1].row.hash[:36]
    answer = models.INVSTMTTRNRS(trnuid=uid, status=done, invstmtrs=body)
    return OFX(
        signonmsgsrsv1=models.SIGNONMSGSRSV1(
            sonrs=models.SONRS(status=done, dtserver=last, language="ENG")
        ),
        invstmtmsgsrsv1=models.INVSTMTMSGSRSV1(answer),
        seclistmsgsrsv1=_securities(statement.symbols),
    )


def _lines(statement: Statement) -> Iterable[Any]:
    for posted in statement.transactions:
        row = posted.row
        if not row.symbol:
            yield _bank_line(row)
        elif row.reverses:
            original = statement.transactions[row.reverses - 1].row
            yield _trade_line(row, original.event, original.fitid)
        else:
            yield _trade_line(row, row.event, None)


def _bank_line(row: Transaction) -> models.INVBANKTRAN:
    from ofxtools import models  # noqa: PLC0415 - lazy, a heavy import

    return models.INVBANKTRAN(
        stmttrn=models.STMTTRN(
            trntype="CREDIT" if row.amount >= 0 else "DEBIT",
            dtposted=from_iso(row.at),
            trnamt=_amount(row.amount),
            fitid=row.fitid,
            name=row.event[:32],
        ),
        subacctfund="CASH",
    )


def _trade_line(row: Transaction, event: str, reversed_fitid: str | None) -> Any:  # noqa: ANN401 - one of two aggregates
    from ofxtools import models  # noqa: PLC0415 - lazy, a heavy import

    is_short = event in {EventType.SELL_SHORT, EventType.BUY_TO_COVER}
    memo = f"{row.event} {row.strategy} {row.external_id}"
    details: dict[str, Any] = {
        "invtran": models.INVTRAN(
            fitid=row.fitid,
            dttrade=from_iso(row.at),
            reversalfitid=reversed_fitid,
            memo=memo.encode("ascii", "replace").decode()[:_MEMO_MAX],
        ),
        "secid": _security_id(row.symbol),
        "units": _Plain(from_units(row.quantity, QUANTITY_DECIMALS)),
        "unitprice": _Plain(from_units(row.price, PRICE_DECIMALS)),
        "commission": _amount(row.commission),
        "total": _amount(row.amount),
        "subacctsec": "SHORT" if is_short else "CASH",
        "subacctfund": "CASH",
    }
    if event in {EventType.BUY, EventType.BUY_TO_COVER}:
        return models.BUYSTOCK(
            invbuy=models.INVBUY(**details), buytype="BUYTOCOVER" if is_short else "BUY"
        )
    return models.SELLSTOCK(
        invsell=models.INVSELL(**details), selltype="SELLSHORT" if is_short else "SELL"
    )


def _position(mark: _Mark) -> models.POSSTOCK:
    from ofxtools import models  # noqa: PLC0415 - lazy, a heavy import

    is_short = mark.units < 0
    return models.POSSTOCK(
        invpos=models.INVPOS(
            secid=_security_id(mark.symbol),
            heldinacct="SHORT" if is_short else "CASH",
            postype="SHORT" if is_short else "LONG",
            units=_Plain(mark.units),
            unitprice=_Plain(mark.price),
            mktval=_Plain(mark.value),
            dtpriceasof=mark.at,
            memo="marked at the last fill",
        )
    )


def _securities(symbols: list[str]) -> models.SECLISTMSGSRSV1 | None:
    from ofxtools import models  # noqa: PLC0415 - lazy, a heavy import

    if not symbols:
        return None
    infos = (
        models.STOCKINFO(
            secinfo=models.SECINFO(secid=_security_id(symbol), secname=symbol, ticker=symbol)
        )
        for symbol in symbols
    )
    return models.SECLISTMSGSRSV1(models.SECLIST(*infos))


def _security_id(symbol: str) -> models.SECID:
    from ofxtools import models  # noqa: PLC0415 - lazy, a heavy import

    return models.SECID(uniqueid=symbol, uniqueidtype="TICKER")


def _amount(units: int) -> _Plain:
    return _Plain(from_units(units, MONEY_DECIMALS))


def _marks(statement: Statement) -> list[_Mark]:
    held: dict[str, Decimal] = {}
    for lot in statement.lots:
        sign = 1 if lot.direction is Direction.LONG else -1
        held[lot.symbol] = held.get(lot.symbol, Decimal(0)) + sign * lot.open_quantity
    last = {posted.row.symbol: posted.row for posted in statement.transactions}
    marks = []
    for symbol, units in sorted(held.items()):
        price = from_units(last[symbol].price, PRICE_DECIMALS)
        at = from_iso(last[symbol].traded_at)
        marks.append(_Mark(symbol, units, price, notional(price, units), at))
    return marks


def _compare(content: bytes, statement: Statement, marks: list[_Mark]) -> None:
    """Read the file back; every line, holding and balance must be the books'."""
    from ofxtools.Parser import OFXTree  # noqa: PLC0415 - lazy, a heavy import

    parser = OFXTree()
    parser.parse(io.BytesIO(content))
    found = parser.convert().statements[0]
    expected = [_expected(posted.row) for posted in statement.transactions]
    _same("lines", sorted(map(_read_line, found.transactions)), sorted(expected))
    positions = [
        (each.invpos.secid.uniqueid, each.invpos.units, each.invpos.mktval)
        for each in found.positions or ()
    ]
    _same("holdings", positions, [(mark.symbol, mark.units, mark.value) for mark in marks])
    cash = statement.balance(chart.CASH)
    _same("cash", found.balances.availcash, cash)
    _same("the sum of all lines", sum(line.total for line in expected), cash)
    if len({line.fitid for line in expected}) != len(expected):
        msg = "every FITID must be unique"
        raise LedgerError(msg)


def _expected(row: Transaction) -> _Line:
    return _Line(
        row.fitid,
        from_units(row.quantity, QUANTITY_DECIMALS),
        from_units(row.price, PRICE_DECIMALS),
        from_units(row.commission, MONEY_DECIMALS),
        from_units(row.amount, MONEY_DECIMALS),
    )


def _read_line(line: Any) -> _Line:  # noqa: ANN401 - one of three aggregates
    zero = Decimal(0)
    kind = type(line).__name__
    if kind == "INVBANKTRAN":
        return _Line(line.stmttrn.fitid, zero, zero, zero, line.stmttrn.trnamt)
    inner = line.invbuy if kind == "BUYSTOCK" else line.invsell
    return _Line(inner.invtran.fitid, inner.units, inner.unitprice, inner.commission, inner.total)


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        msg = f"OFX read back: {what} must be {expected}, was {found}"
        raise LedgerError(msg)
