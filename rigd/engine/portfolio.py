"""Positions and trades, folded from the journal: what the next slice may read.

A position is one round trip of one symbol: it opens with an entry's first fill and becomes a
closed trade when its quantity is back at zero. Cash flows are rounded as the books round them, so
a trade's PnL equals the ledger's to the last digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from rigd.core.events import FillRecorded, NoteMade, OrderIntent, TradeClosed
from rigd.core.money import PRICE_STEP, ZERO, notional
from rigd.core.orders import ExecType, Purpose
from rigd.core.values import Direction, ExitReason, Side
from rigd.strategy.trailing import RangeState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.core.events import Record

STALE_EXIT = "stale_exit"
"""Flag of a trade that was closed at its last mark because the bars ended (SPEC §3a.8)."""


@dataclass(slots=True)
class Track:
    """What the exit rules need of the bars of one position; `seen` counts the bars taken in.

    `best` is the best price of the bars since entry [currency/share]; `turnover` and `volume` give
    the session's VWAP; `ranges` the average true range.
    """

    seen: int = 0
    best: float = math.nan
    turnover: float = 0.0
    volume: float = 0.0
    ranges: RangeState = field(default_factory=RangeState)


@dataclass(slots=True)
class Position:
    """An open round trip.

    `unwanted` marks a position that no entry of ours opened: an order filled for more than it was
    meant for. It is closed as soon as it is seen.
    """

    symbol: str
    strategy: str
    direction: Direction
    signal_minute: int
    entry_id: str
    entry_time: datetime
    grown_at: datetime
    unwanted: bool = False
    entry_qty: Decimal = ZERO
    entry_notional: Decimal = ZERO
    exit_qty: Decimal = ZERO
    exit_notional: Decimal = ZERO
    commission: Decimal = ZERO
    exit_time: datetime | None = None
    exit_reason: ExitReason = ExitReason.MANUAL
    flag: str = ""
    executions: set[str] = field(default_factory=set)
    track: Track = field(default_factory=Track)

    @property
    def qty(self) -> Decimal:
        """What is held [shares]; positive while the position is open."""
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


def _opposite(fact: FillRecorded) -> FillRecorded:
    """Return the execution that undoes another one: same price, other side, its commission back."""
    back = {
        Side.BUY: Side.SELL,
        Side.SELL: Side.BUY,
        Side.SELL_SHORT: Side.BUY_TO_COVER,
        Side.BUY_TO_COVER: Side.SELL_SHORT,
    }
    return replace(
        fact,
        side=back[fact.side],
        commission=-fact.commission,
        purpose=Purpose.EXIT,
        anomaly=str(ExecType.BUST),
    )


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
        self._unrecorded: list[TradeClosed] = []
        self._facts: dict[str, FillRecorded] = {}
        self._adjusted: dict[str, Decimal] = {}
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
        """Return the profit of closed trades net of commissions, as corrected [currency]."""
        trades = (trade.pnl for trade in self.trades if not strategy or trade.strategy == strategy)
        adjusted = (
            amount for name, amount in self._adjusted.items() if not strategy or name == strategy
        )
        return sum(trades, ZERO) + sum(adjusted, ZERO)

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

    def _mark_stale(self, symbol: str) -> None:
        position = self.positions.get(symbol)
        if position is not None:
            position.flag = STALE_EXIT

    def _fold_fill(self, fill: FillRecorded) -> None:
        intent = self._intents[fill.cl_ord_id]
        if fill.exec_type is not ExecType.TRADE:
            self._correct(fill, intent)
            return
        self._facts[fill.exec_key] = fill
        self._book(fill, intent)

    def _correct(self, word: FillRecorded, intent: OrderIntent) -> None:
        """Take back an execution, or book it again with other numbers.

        Taken back, it is the opposite execution at its own price: cash, commission and position are
        as if it had never been, and what it leaves open is for an exit at once. A new price of a
        position that is open changes its average; of a closed trade, the realised profit alone.
        """
        fact = self._facts.pop(word.exec_ref_key, None)
        if fact is None:
            return
        if word.exec_type is ExecType.BUST:
            self._book(_opposite(fact), intent)
            return
        self._facts[word.exec_ref_key] = word
        if word.qty != fact.qty:
            self._book(_opposite(fact), intent)
            self._book(word, intent)
            return
        sign = fact.side.sign
        paid = notional(word.price, word.qty) - notional(fact.price, fact.qty)
        fee = word.commission - fact.commission
        self.cash_flow -= paid * sign + fee
        position = self.positions.get(fact.symbol)
        if position is None or fact.exec_key not in position.executions:
            self._adjusted[intent.strategy] = (
                self._adjusted.get(intent.strategy, ZERO) - paid * sign - fee
            )
            return
        position.commission += fee
        if sign == position.direction.sign:
            position.entry_notional += paid
        else:
            position.exit_notional += paid

    def _book(self, fill: FillRecorded, intent: OrderIntent) -> None:
        amount = notional(fill.price, fill.qty)
        self.cash_flow -= amount * fill.side.sign + fill.commission
        if fill.purpose is Purpose.ENTRY:
            self.filled_symbols |= {fill.symbol, intent.asked}
            self.entries.setdefault(intent.strategy, set()).add(fill.symbol)
        position = self.positions.get(fill.symbol)
        if position is None:
            position = self._opened(intent, fill)
        if fill.side.sign == position.direction.sign:
            self._grow(position, fill, fill.qty, amount, fill.commission)
            position.executions.add(fill.exec_key)
            return
        closing = min(fill.qty, position.qty)
        closing_amount = notional(fill.price, closing)
        self._shrink(position, intent, fill, closing, closing_amount)
        if fill.qty > closing:
            rest = fill.qty - closing
            turned = self._opened(intent, fill)
            turned.executions.add(fill.exec_key)
            self._grow(turned, fill, rest, amount - closing_amount, ZERO)

    def _opened(self, intent: OrderIntent, fill: FillRecorded) -> Position:
        direction = Direction.LONG if fill.side.sign > 0 else Direction.SHORT
        position = Position(
            symbol=fill.symbol,
            strategy=intent.strategy,
            direction=direction,
            signal_minute=intent.signal_minute,
            entry_id=intent.cl_ord_id,
            entry_time=fill.ts,
            grown_at=fill.ts,
            unwanted=fill.purpose is not Purpose.ENTRY or direction is not intent.direction,
        )
        self.positions[fill.symbol] = position
        return position

    @staticmethod
    def _grow(
        position: Position, fill: FillRecorded, qty: Decimal, amount: Decimal, commission: Decimal
    ) -> None:
        position.entry_qty += qty
        position.entry_notional += amount
        position.commission += commission
        position.grown_at = fill.ts

    def _shrink(
        self,
        position: Position,
        intent: OrderIntent,
        fill: FillRecorded,
        qty: Decimal,
        amount: Decimal,
    ) -> None:
        position.executions.add(fill.exec_key)
        position.exit_qty += qty
        position.exit_notional += amount
        position.commission += fill.commission
        position.exit_time = fill.ts
        position.exit_reason = intent.exit_reason or ExitReason.MANUAL
        position.flag = position.flag or intent.note or _taken_back(fill)
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


def _taken_back(fill: FillRecorded) -> str:
    """Return the flag of a trade that an execution ended which was taken back."""
    return fill.anomaly if fill.anomaly == ExecType.BUST else ""
