"""Positions and trades, folded from the journal: what the next slice may read.

A position is one round trip of one symbol: it opens with an entry's first fill and becomes a
closed trade when its quantity is back at zero. Cash flows are rounded as the books round them, so
a trade's PnL equals the ledger's to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.events import FillRecorded, NoteMade, OrderIntent, TradeClosed
from rigd.core.money import PRICE_STEP, ZERO, notional
from rigd.core.orders import ExecType, Purpose
from rigd.core.values import Direction, ExitReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.core.events import Record

STALE_EXIT = "stale_exit"
"""Flag of a trade that was closed at its last mark because the bars ended (SPEC §3a.8)."""


@dataclass(slots=True)
class Position:
    """An open round trip.

    `peak` is the best price since entry [currency/share], from bars that are complete; `volume`
    and `turnover` accumulate the session's VWAP when the exit rules need it.
    """

    symbol: str
    strategy: str
    direction: Direction
    signal_minute: int
    entry_id: str
    entry_time: datetime
    entry_qty: Decimal = ZERO
    entry_notional: Decimal = ZERO
    exit_qty: Decimal = ZERO
    exit_notional: Decimal = ZERO
    commission: Decimal = ZERO
    exit_time: datetime | None = None
    exit_reason: ExitReason = ExitReason.MANUAL
    flag: str = ""
    peak: float = 0.0
    exit_attempts: int = 0

    @property
    def qty(self) -> Decimal:
        """What is held [shares], never negative in normal life."""
        return self.entry_qty - self.exit_qty

    @property
    def signed_qty(self) -> Decimal:
        """What is held, negative when short [shares]."""
        return self.qty * self.direction.sign

    @property
    def entry_price(self) -> Decimal:
        """The average entry price [currency/share], 6 places."""
        return _average(self.entry_notional, self.entry_qty)

    def unrealised(self, mark: Decimal) -> Decimal:
        """Return the open profit at a mark [currency], before commissions of the exit."""
        closed_cost = (
            self.entry_notional * self.exit_qty / self.entry_qty if self.entry_qty else ZERO
        )
        open_cost = self.entry_notional - closed_cost
        return (notional(mark, self.qty) - open_cost) * self.direction.sign


def _average(total: Decimal, qty: Decimal) -> Decimal:
    return (total / qty).quantize(PRICE_STEP, ROUND_HALF_EVEN) if qty else ZERO


class Portfolio:
    """Open positions, closed trades and realised profit of a session.

    Parameters
    ----------
    broker
        The broker's code, for the trade records.
    session_open
        The session's first instant, UTC: signal times are counted from it.
    """

    def __init__(self, broker: str, session_open: datetime) -> None:
        self._broker = broker
        self._open = session_open
        self._intents: dict[str, OrderIntent] = {}
        self._commissions: dict[str, Decimal] = {}
        self._unrecorded: list[TradeClosed] = []
        self.positions: dict[str, Position] = {}
        self.trades: list[TradeClosed] = []
        self.filled_symbols: set[str] = set()
        self.entries: dict[str, set[str]] = {}
        self.cash_flow = ZERO

    @property
    def flat(self) -> bool:
        """Tell whether nothing is held."""
        return not self.positions

    def realised(self, strategy: str = "") -> Decimal:
        """Return the profit of closed trades net of commissions [currency]."""
        return sum(
            (trade.pnl for trade in self.trades if not strategy or trade.strategy == strategy), ZERO
        )

    def unrealised(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return the open profit at the marks, net of commissions paid so far [currency]."""
        return sum(
            (
                position.unrealised(marks[symbol]) - position.commission
                for symbol, position in self.positions.items()
            ),
            ZERO,
        )

    def fold(self, record: Record) -> None:
        """Take in one journal record; records of other kinds change nothing."""
        if isinstance(record, OrderIntent):
            self._intents[record.cl_ord_id] = record
        elif isinstance(record, FillRecorded):
            self._fold_fill(record)
        elif isinstance(record, TradeClosed):
            self.trades.append(record)
            if record in self._unrecorded:
                self._unrecorded.remove(record)
        elif isinstance(record, NoteMade) and record.topic == STALE_EXIT:
            self._mark_stale(record.text)

    def take_closed(self) -> list[TradeClosed]:
        """Return the closed trades that the journal does not have yet."""
        return list(self._unrecorded)

    def window_exposure(self, strategy: str, reference: Mapping[str, Decimal]) -> Decimal:
        """Return what a strategy holds at reference prices [currency]."""
        return sum(
            (
                notional(reference[symbol], position.qty)
                for symbol, position in self.positions.items()
                if position.strategy == strategy
            ),
            ZERO,
        )

    def _mark_stale(self, symbol: str) -> None:
        position = self.positions.get(symbol)
        if position is not None:
            position.flag = STALE_EXIT

    def _fold_fill(self, fill: FillRecorded) -> None:
        intent = self._intents[fill.cl_ord_id]
        if fill.exec_type is not ExecType.TRADE:
            return
        amount = notional(fill.price, fill.qty)
        self.cash_flow -= amount * fill.side.sign + fill.commission
        if fill.purpose is Purpose.ENTRY:
            self._grow(intent, fill, amount)
        else:
            self._shrink(intent, fill, amount)

    def _grow(self, intent: OrderIntent, fill: FillRecorded, amount: Decimal) -> None:
        self.filled_symbols.add(fill.symbol)
        self.entries.setdefault(intent.strategy, set()).add(fill.symbol)
        position = self.positions.get(fill.symbol)
        if position is None:
            position = Position(
                symbol=fill.symbol,
                strategy=intent.strategy,
                direction=intent.direction,
                signal_minute=intent.signal_minute,
                entry_id=intent.cl_ord_id,
                entry_time=fill.ts,
            )
            self.positions[fill.symbol] = position
        position.entry_qty += fill.qty
        position.entry_notional += amount
        position.commission += fill.commission
        position.peak = position.peak or float(position.entry_price)

    def _shrink(self, intent: OrderIntent, fill: FillRecorded, amount: Decimal) -> None:
        position = self.positions.get(fill.symbol)
        if position is None:
            return
        position.exit_qty += fill.qty
        position.exit_notional += amount
        position.commission += fill.commission
        position.exit_time = fill.ts
        position.exit_reason = intent.exit_reason or ExitReason.MANUAL
        position.flag = position.flag or intent.note
        if position.qty == 0:
            del self.positions[fill.symbol]
            self._unrecorded.append(self._closed(position))

    def _closed(self, position: Position) -> TradeClosed:
        gross = (position.exit_notional - position.entry_notional) * position.direction.sign
        return TradeClosed(
            strategy=position.strategy,
            symbol=position.symbol,
            direction=position.direction,
            size=position.entry_qty,
            signal_time=minute_start(self._open, position.signal_minute),
            entry_time=position.entry_time,
            exit_time=position.exit_time or position.entry_time,
            entry_price=position.entry_price,
            exit_price=_average(position.exit_notional, position.exit_qty),
            pnl=gross - position.commission,
            commission=position.commission,
            broker=self._broker,
            exit_reason=position.exit_reason,
            error_code=position.flag,
        )


def minute_start(session_open: datetime, minute: int) -> datetime:
    """Return the instant at which a minute of the session starts, UTC."""
    return session_open + timedelta(minutes=minute)


def describe(position: Position) -> str:
    """Return a position as one line of text for people."""
    return (
        f"{position.direction} {position.qty} {position.symbol} at {position.entry_price} "
        f"since {iso(position.entry_time)} ({position.strategy})"
    )
