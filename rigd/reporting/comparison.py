"""A session against its backtest: each trade's difference, split into what made it.

``signal``: only one of them had the trade. ``missed_fill``: the session ordered it and got nothing.
``size``: another quantity, at the backtest's prices. ``timing``: entry or exit in another bar.
``price``: the same bar at another price. ``fee``: commission. What is left is unexplained.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.events import FillRecorded, OrderIntent, TradeClosed
from rigd.core.money import ZERO, money, plain
from rigd.core.orders import Purpose
from rigd.reporting.tables import Table, signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.core.events import Entry

PARTS = ("signal", "timing", "price", "size", "fee", "missed_fill")
"""What a difference is made of, in the order in which it is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One trade of either side, and what its difference in PnL is made of [currency].

    Parameters
    ----------
    strategy, symbol
        Which.
    session, backtest
        The PnL there; None where there was no such trade.
    signal, timing, price, size, fee, missed_fill
        The parts.
    """

    strategy: str
    symbol: str
    session: Decimal | None
    backtest: Decimal | None
    signal: Decimal = ZERO
    timing: Decimal = ZERO
    price: Decimal = ZERO
    size: Decimal = ZERO
    fee: Decimal = ZERO
    missed_fill: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        """Session less backtest [currency]."""
        return (self.session or ZERO) - (self.backtest or ZERO)

    @property
    def residual(self) -> Decimal:
        """What no part explains [currency]: roundings of the sixth place, else a defect."""
        return self.difference - sum((getattr(self, part) for part in PARTS), ZERO)


def compare(session: Sequence[Entry], backtest: Sequence[Entry]) -> tuple[Split, ...]:
    """Return every trade of a session and of its backtest, with what differs.

    Parameters
    ----------
    session, backtest
        Journals of the same day.

    Returns
    -------
    tuple of Split
        By strategy and symbol; a symbol has at most one trade of a strategy.
    """
    theirs, ours = _trades(session), _trades(backtest)
    missed = _unfilled(session)
    return tuple(
        _split(key, theirs.get(key), ours.get(key), missed=key in missed)
        for key in sorted(theirs.keys() | ours.keys())
    )


def total(splits: Iterable[Split]) -> Split:
    """Return the sum of all differences, part by part."""
    known = list(splits)
    parts = {part: sum((getattr(each, part) for each in known), ZERO) for part in PARTS}
    return Split(
        strategy="total",
        symbol="",
        session=sum((each.session or ZERO for each in known), ZERO),
        backtest=sum((each.backtest or ZERO for each in known), ZERO),
        **parts,
    )


def comparison_table(splits: Sequence[Split]) -> Table:
    """Return the trades, their differences and the parts, the total last."""
    columns = ("Strategy", "Symbol", "Session", "Backtest", "Difference", *PARTS, "residual")
    rows = tuple(_row(each) for each in (*splits, *([total(splits)] if splits else [])))
    empty = "neither the session nor its backtest made a trade"
    return Table("Session against backtest", columns, rows, frozenset(range(2, 12)), empty)


def fields_of(split: Split) -> dict[str, object]:
    """Return one split as plain values; money is text, digit for digit."""
    return {
        "strategy": split.strategy,
        "symbol": split.symbol,
        "session": None if split.session is None else plain(split.session),
        "backtest": None if split.backtest is None else plain(split.backtest),
        "difference": plain(split.difference),
        **{part: plain(getattr(split, part)) for part in PARTS},
        "residual": plain(split.residual),
    }


def _split(
    key: tuple[str, str], theirs: TradeClosed | None, ours: TradeClosed | None, *, missed: bool
) -> Split:
    strategy, symbol = key
    if theirs is None or ours is None or theirs.direction is not ours.direction:
        session = None if theirs is None else theirs.pnl
        backtest = None if ours is None else ours.pnl
        lacking = theirs is None and missed
        whole = (session or ZERO) - (backtest or ZERO)
        return Split(
            strategy=strategy,
            symbol=symbol,
            session=session,
            backtest=backtest,
            signal=ZERO if lacking else whole,
            missed_fill=whole if lacking else ZERO,
        )
    sign = ours.direction.sign
    entered = money(-sign * theirs.size * (theirs.entry_price - ours.entry_price))
    left = money(sign * theirs.size * (theirs.exit_price - ours.exit_price))
    late_entry = theirs.entry_time != ours.entry_time
    late_exit = theirs.exit_time != ours.exit_time
    gained = ours.exit_price - ours.entry_price
    return Split(
        strategy=strategy,
        symbol=symbol,
        session=theirs.pnl,
        backtest=ours.pnl,
        timing=(entered if late_entry else ZERO) + (left if late_exit else ZERO),
        price=(ZERO if late_entry else entered) + (ZERO if late_exit else left),
        size=money(sign * (theirs.size - ours.size) * gained),
        fee=ours.commission - theirs.commission,
    )


def _trades(entries: Sequence[Entry]) -> dict[tuple[str, str], TradeClosed]:
    trades = (entry.record for entry in entries if isinstance(entry.record, TradeClosed))
    return {(trade.strategy, trade.symbol): trade for trade in trades}


def _unfilled(entries: Sequence[Entry]) -> set[tuple[str, str]]:
    """Return the entries that a session ordered and that never filled."""
    records = [entry.record for entry in entries]
    filled = {record.cl_ord_id for record in records if isinstance(record, FillRecorded)}
    return {
        (record.strategy, record.symbol)
        for record in records
        if isinstance(record, OrderIntent)
        and record.purpose is Purpose.ENTRY
        and record.cl_ord_id not in filled
    }


def _row(split: Split) -> tuple[str, ...]:
    return (
        split.strategy,
        split.symbol,
        "–" if split.session is None else signed(split.session),
        "–" if split.backtest is None else signed(split.backtest),
        signed(split.difference),
        *(signed(getattr(split, part)) for part in PARTS),
        signed(split.residual),
    )
