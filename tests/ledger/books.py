"""Ledgers and journal entries for tests, made without the code under test."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.events import Entry, FillRecorded, Record, SessionStarted
from rigd.core.orders import ExecType, Purpose
from rigd.core.values import Profile, Side
from rigd.ledger.book import Ledger
from rigd.ledger.entries import AccountInfo

if TYPE_CHECKING:
    from pathlib import Path

BOT = "RIGD_USA_SIM_01"
ACCOUNT = AccountInfo(
    broker="SIM", account_id="SIM01", currency="USD", entity="RIGD", jurisdiction="USA"
)
OPEN = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
KEY = "2013-10-07_1"


def connect(path: Path | str = ":memory:", *, foreign_keys: bool = True) -> sqlite3.Connection:
    """Return a connection as the product opens its databases, but for the syncing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    return connection


def ledger(path: Path | str = ":memory:") -> Ledger:
    """Return a ledger in a database of its own."""
    return Ledger(connect(path), identity=BOT, account=ACCOUNT)


def entry(seq: int, record: Record, *, at: datetime = OPEN) -> Entry:
    """Return a record in its place, with a hash that depends on the number alone."""
    return Entry(seq, at, record, hashlib.sha256(b"%d" % seq).hexdigest())


def started(cash: str = "100000", *, bot: str = BOT, currency: str = "USD") -> SessionStarted:
    """Return the first record of a session."""
    return SessionStarted(
        bot=bot,
        day=date(2013, 10, 7),
        number=1,
        profile=Profile.TEST,
        test_mode=False,
        replay=True,
        broker="SIM",
        session_open=OPEN,
        session_close=OPEN + timedelta(minutes=390),
        half_day=False,
        data_label="made",
        data_digest="",
        config_digest="",
        code_digest="",
        symbols=("SPY",),
        strategies=("open",),
        currency=currency,
        opening_cash=Decimal(cash),
        float_amount=Decimal(cash),
        session_cap=Decimal(1000),
        settings=(),
        limits=(),
    )


def fill(
    key: str,
    side: Side,
    qty: str,
    price: str,
    *,
    symbol: str = "SPY",
    commission: str = "0",
    minute: int = 0,
    strategy: str = "open",
    exec_type: ExecType = ExecType.TRADE,
    ref: str = "",
    broker: str = "SIM",
) -> FillRecorded:
    """Return an execution."""
    return FillRecorded(
        broker=broker,
        exec_key=key,
        exec_type=exec_type,
        exec_ref_key=ref,
        cl_ord_id=f"R{key}",
        broker_order_id=f"B{key}",
        strategy=strategy,
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
        price=Decimal(price),
        commission=Decimal(commission),
        ts=OPEN + timedelta(minutes=minute),
        purpose=Purpose.ENTRY,
        anomaly="",
    )


def post_all(books: Ledger, *records: Record, first: int = 1, key: str = KEY) -> int:
    """Post records as the journal of one session; return how many transactions came of it."""
    return sum(
        books.post(entry(seq, record), key) for seq, record in enumerate(records, start=first)
    )
