"""Differences between a session and its backtest, split by hand-worked trades.

The backtest: long 10 AAA, 100 to 110, PnL 100. In the session, one after another: 12 shares
(+2 × 10 = 20), exit a minute later at 108 (12 × -2 = -24), entry in the same minute at 101
(12 × -1 = -12), commission 3: together 100 + 20 - 24 - 12 - 3 = 81.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rigd.core.events import Entry, OrderIntent, TradeClosed
from rigd.core.orders import OrdType, Purpose
from rigd.core.values import Direction, ExitReason, Side
from rigd.reporting.comparison import PARTS, compare, comparison_table, fields_of, total

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OURS = TradeClosed(
    strategy="open",
    symbol="AAA",
    direction=Direction.LONG,
    size=Decimal(10),
    signal_time=AT,
    entry_time=AT + MINUTE,
    exit_time=AT + 5 * MINUTE,
    entry_price=Decimal(100),
    exit_price=Decimal(110),
    pnl=Decimal(100),
    commission=Decimal(0),
    broker="SIM",
    exit_reason=ExitReason.TIMEOUT,
    error_code="",
)
THEIRS = replace(
    OURS,
    size=Decimal(12),
    exit_time=AT + 6 * MINUTE,
    entry_price=Decimal(101),
    exit_price=Decimal(108),
    commission=Decimal(3),
    pnl=Decimal(81),
)
MEANT = OrderIntent(
    cl_ord_id="R1",
    replaces="",
    strategy="open",
    symbol="AAA",
    direction=Direction.LONG,
    side=Side.BUY,
    qty=Decimal(10),
    ord_type=OrdType.MARKET,
    limit_price=None,
    stop_price=None,
    oco_group="",
    purpose=Purpose.ENTRY,
    signal_minute=30,
    reference_price=Decimal(100),
    verdict_id="open:AAA:30:1",
    exit_reason=None,
    note="",
    epoch=1,
)


def journal(*records) -> list[Entry]:
    """Some records as entries."""
    return [Entry(seq, AT, record, "") for seq, record in enumerate(records, start=1)]


def test_every_part_is_found() -> None:
    """Size, timing, price and fee are 20, -24, -12 and -3; nothing is left."""
    (split,) = compare(journal(THEIRS), journal(OURS))
    assert (split.size, split.timing, split.price, split.fee) == (20, -24, -12, -3)
    assert (split.difference, split.residual) == (-19, 0)


def test_a_short_is_mirrored() -> None:
    """Short 10 from 110 to 100 makes 100; entered at 109 instead, 10 less by price."""
    short = replace(OURS, direction=Direction.SHORT, entry_price=Decimal(110))
    short = replace(short, exit_price=Decimal(100))
    late = replace(short, entry_price=Decimal(109), pnl=Decimal(90))
    (split,) = compare(journal(late), journal(short))
    assert (split.price, split.residual) == (-10, 0)


def test_a_trade_of_one_side_alone_is_a_signal() -> None:
    """A trade that only one of them made is a signal's difference, whole."""
    (extra,) = compare(journal(OURS), journal())
    assert (extra.session, extra.backtest, extra.signal) == (100, None, 100)
    (lacking,) = compare(journal(), journal(OURS))
    assert (lacking.signal, lacking.missed_fill, lacking.residual) == (-100, 0, 0)


def test_an_order_that_never_filled_is_a_missed_fill() -> None:
    """The session ordered and got nothing: the backtest's PnL was missed."""
    (split,) = compare(journal(MEANT), journal(OURS))
    assert (split.missed_fill, split.signal, split.residual) == (-100, 0, 0)


def test_what_no_part_explains_is_told() -> None:
    """A PnL that does not follow from the trade stays in the residual."""
    odd = replace(OURS, pnl=Decimal(99))
    (split,) = compare(journal(odd), journal(OURS))
    assert split.residual == -1
    assert fields_of(split)["residual"] == "-1"


def test_the_table_ends_with_the_sum() -> None:
    """One row per trade, then the total; without trades it says so."""
    other = replace(OURS, symbol="BBB")
    splits = compare(journal(THEIRS, other), journal(OURS, other))
    table = comparison_table(splits)
    assert [row[:5] for row in table.rows] == [
        ("open", "AAA", "+81.00", "+100.00", "-19.00"),
        ("open", "BBB", "+100.00", "+100.00", "0.00"),
        ("total", "", "+181.00", "+200.00", "-19.00"),
    ]
    assert table.columns[5:] == (*PARTS, "residual")
    assert total(splits).fee == -3
    assert comparison_table(()).rows == ()
