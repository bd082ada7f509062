"""Transactions and legs as rows, their FITID and the hash that chains them."""

from __future__ import annotations

import hashlib
import json.encoder
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNT_ID_MAX = 22
"""Length of ACCTID in OFX."""

SEPARATOR = "\x1f"
"""Between the parts of a FITID; it is not printable, so no part holds it."""

_quote = json.encoder.encode_basestring
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    """The one broker account that a ledger keeps.

    Parameters
    ----------
    broker
        The broker's name, as fills carry it.
    account_id
        Short id of the account for OFX, 1-22 characters.
    currency
        ISO 4217 code.
    entity, jurisdiction
        Codes of the legal entity and its jurisdiction.

    Raises
    ------
    LedgerError
        If the account id or the currency has another form, or a text is not plain ASCII.
    """

    broker: str
    account_id: str
    currency: str
    entity: str
    jurisdiction: str

    def __post_init__(self) -> None:
        texts = (self.broker, self.account_id, self.currency, self.entity, self.jurisdiction)
        if not all(text.isascii() and text.isprintable() and text for text in texts):
            msg = f"account details must be printable ASCII and not blank, were {texts}"
            raise LedgerError(msg)
        if len(self.account_id) > ACCOUNT_ID_MAX:
            msg = f"account id must have at most {ACCOUNT_ID_MAX} characters, was {self.account_id}"
            raise LedgerError(msg)
        if len(self.currency) != 3 or not (self.currency.isalpha() and self.currency.isupper()):
            msg = f"currency must be three capital letters, was {self.currency!r}"
            raise LedgerError(msg)


Slots = tuple[int, int, int, int, int, int, int, int, int, int]
"""Up to four legs in a transaction's own row: lot and quantity of the first, then account and
amount of each; zeros for none."""

Row = tuple[int, str, str, str, str, str, str, str, int, int, int, int, str, str, int, int, *Slots]
"""A row of ``transactions`` but its hash: what it says of itself, then its `Slots`."""

SealedRow = tuple[*Row, str]
"""A row of ``transactions``."""

NO_SLOTS: Slots = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
"""The slots of a transaction whose legs stand in ``legs``."""

SLOTS = 4
"""How many legs a transaction's own row holds."""

LegRow = tuple[int, int, int, str, int, int, int]
"""A row of ``legs``: txn, leg, account, currency, amount, lot, quantity."""

_PADDING: tuple[LegRow, ...] = ((0, 0, 0, "", 0, 0, 0),) * SLOTS


class Transaction(NamedTuple):
    """What a transaction says of itself; money and prices [10⁻⁶], quantities [10⁻⁹ shares].

    `quantity` is positive for what adds shares; `amount` is the change of cash, net of
    `commission`; `because` names the correction that caused the row, blank for none; `reverses`
    is the transaction that it takes back, 0 for none.
    """

    txn: int
    fitid: str
    event: str
    at: str
    traded_at: str
    external_id: str
    because: str
    symbol: str
    quantity: int
    price: int
    amount: int
    commission: int
    currency: str
    strategy: str
    reverses: int
    legs: int
    hash: str


class Leg(NamedTuple):
    """A debit (positive) or credit (negative) of an account [10⁻⁶].

    Legs of an inventory account carry the transaction that opened their lot and a quantity
    [10⁻⁹ shares]; the others carry zeros.
    """

    txn: int
    leg: int
    account: int
    currency: str
    amount: int
    lot: int
    quantity: int


def fitid(
    *,
    broker: str,
    account_id: str,
    external_id: str,
    event: str,
    symbol: str,
    at: str,
    amount: int,
    quantity: int,
    price: int,
    currency: str,
) -> str:
    """Return the id of a transaction: SHA-256 over what makes it itself (SPEC §8).

    Parameters
    ----------
    broker, account_id
        Where it happened.
    external_id, event, symbol, at
        The broker's id of it, its type, the symbol and the instant, ISO 8601 UTC.
    amount, quantity, price, currency
        Change of cash [10⁻⁶], shares [10⁻⁹], price [10⁻⁶], ISO 4217.

    Returns
    -------
    str
        64 hexadecimal characters.
    """
    text = SEPARATOR.join((
        broker,
        account_id,
        external_id,
        event,
        symbol,
        at,
        str(amount),
        str(quantity),
        str(price),
        currency,
    ))
    return hashlib.sha256(text.encode()).hexdigest()


def literal(value: object) -> str:
    """Return integers, texts and sequences of them as compact JSON, as SQLite's ``json_array``."""
    return _ENCODE(value)


def slots_of(legs: Sequence[LegRow]) -> Slots:
    """Return legs as the slots of their transaction's row, or `NO_SLOTS` when they do not fit.

    Parameters
    ----------
    legs
        All legs of a transaction, in order and in its currency.

    Returns
    -------
    Slots
        The legs, when there are two to four of which the first alone may move a lot.
    """
    if len(legs) > SLOTS:
        return NO_SLOTS
    one, two, three, four = *legs, *_PADDING[len(legs) :]
    if two[5] or three[5] or four[5]:
        return NO_SLOTS
    return (
        one[5],
        one[6],
        one[2],
        one[4],
        two[2],
        two[4],
        three[2],
        three[4],
        four[2],
        four[4],
    )


def stand_apart(row: SealedRow) -> bool:
    """Tell whether the legs of a transaction stand in ``legs``."""
    return not row[18]


def legs_of(txn: int, currency: str, slots: Slots) -> tuple[Leg, ...]:
    """Return the legs that stand in a transaction's own row.

    Parameters
    ----------
    txn, currency
        Of the transaction.
    slots
        Not `NO_SLOTS`.

    Returns
    -------
    tuple of Leg
        Two to four.
    """
    lot, quantity, account, amount, *others = slots
    pairs = zip(others[::2], others[1::2], strict=True)
    return (
        Leg(txn, 1, account, currency, amount, lot, quantity),
        *(
            Leg(txn, number, account, currency, amount, 0, 0)
            for number, (account, amount) in enumerate(pairs, start=2)
            if account
        ),
    )


def chain(previous: str, *content: object) -> str:
    """Return the hash of a row: SHA-256 over the hash before it and the row as JSON.

    Parameters
    ----------
    previous
        The hash of the row before, hexadecimal.
    *content
        Integers, texts, and sequences of them.

    Returns
    -------
    str
        64 hexadecimal characters.
    """
    parts = [
        _quote(value)
        if type(value) is str
        else str(value)
        if type(value) is int
        else literal(value)
        for value in content
    ]
    return hashlib.sha256(f"{previous}[{','.join(parts)}]".encode()).hexdigest()


def seal(previous: str, row: str, legs: str = "") -> str:
    """Return the hash of a transaction: over its row but the hash, and all its legs.

    The journal's record numbers are no part of it: a crash adds records to the journal, and the
    books must come out the same.

    Parameters
    ----------
    previous
        The hash of the transaction before.
    row
        The columns of ``transactions`` but the last, as a JSON array.
    legs
        The columns of ``legs`` but the first, as a JSON array of arrays in order; blank when the
        legs stand in the row.

    Returns
    -------
    str
        64 hexadecimal characters.
    """
    return hashlib.sha256(f"{previous}{row}{legs}".encode()).hexdigest()


def genesis(identity: str, account: AccountInfo, schema_version: int) -> str:
    """Return the hash that every chain of a ledger starts from: over whose books they are."""
    return chain("", schema_version, identity, *account_fields(account))


def account_fields(account: AccountInfo) -> tuple[str, ...]:
    """Return the fields of an account in the order of the table ``books``."""
    return (
        account.broker,
        account.account_id,
        account.currency,
        account.entity,
        account.jurisdiction,
    )
