"""The desk: everything that the stages of one session share, handed in by the host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rigd.config.inverse_etfs import SHIPPED, InverseEtfs
from rigd.config.schema import Settings
from rigd.core.clock import MarketClock
from rigd.core.emergencies import Emergency, Response
from rigd.core.errors import DataError, LogicError
from rigd.core.ids import client_order_id
from rigd.core.money import price_from_float
from rigd.core.orders import Purpose
from rigd.core.ports import Alerts, Broker, Feed
from rigd.core.values import Bar, BotIdentity, Candidate, SessionDay
from rigd.engine.asking import Operator
from rigd.engine.orders import Order, OrderBook
from rigd.engine.portfolio import Portfolio, Position
from rigd.engine.recorder import Recorder
from rigd.engine.watchdog import Watchdog
from rigd.enhancements.chain import build_chain
from rigd.enhancements.contract import Enhancement
from rigd.risk.defense_mode import DefenseMode
from rigd.risk.kill_switch import KillSwitch
from rigd.risk.last_door import LastDoor
from rigd.strategy.router import RunnableStrategy


@dataclass(slots=True)
class Runner:
    """One strategy in this session: its definition, its state per symbol and its pool."""

    plan: RunnableStrategy
    states: dict[str, Any] = field(default_factory=dict)
    off: bool = False
    first_minute: int = 0

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.plan.strategy.name


def _nobody_meets(event: Emergency, detail: str) -> Response:
    msg = f"an emergency must be met by a session, found none for {event}: {detail}"
    raise LogicError(msg)


async def _nobody_reconciles(reason: str) -> None:
    msg = f"the broker must be compared with by a session, found none for {reason}"
    raise LogicError(msg)


@dataclass(slots=True, kw_only=True)
class Desk:
    """The shared state of one session.

    Parameters
    ----------
    inverse_etfs
        Which fund is bought where a short side is taken by InverseETF.
    bought_only
        Symbols of the feed that are bought for others and are no candidates themselves.
    bars
        The session's bars so far, per symbol, oldest first.
    epoch
        Which owner of the session this is; journalled with every intent.
    entries_allowed
        False once the session is on its way out.
    gap_seen
        Whether events may be missing, so that the broker must be asked.
    build_chain
        Makes the filters again when a hot change switches one on or off.
    save_latch
        Puts the kill switch's state on disk.
    obey
        Takes in a command that has arrived; asked between stages, so that a kill waits for none.
    fence
        Raises Superseded when a newer owner took the bot over; asked right before each send.
    opening_equity
        The account's equity when the session began [currency].
    held_back
        Why new risk stays suspended although the books agree, such as ``clock``.
    data_down
        Whether the market data is down.
    collared
        Whether exits go as limit orders within the price collar (SPEC §9).
    meet
        Does what the table of emergencies says about an event.
    reconcile
        Compares with the broker, for the reason given.
    save_defense
        Puts the state of defense mode on disk.
    operator
        Who confirms entries; None where nobody watches, as in a replay at full speed.
    waiting
        The candidates that wait for the operator, by strategy, symbol and minute.
    """

    identity: BotIdentity
    settings: Settings
    day: SessionDay
    number: int
    epoch: int
    feed: Feed
    broker: Broker
    clock: MarketClock
    recorder: Recorder
    orders: OrderBook
    portfolio: Portfolio
    chain: Sequence[Enhancement]
    door: LastDoor
    kill_switch: KillSwitch
    float_amount: Decimal
    session_cap: Decimal
    defense_mode: DefenseMode
    opening_equity: Decimal
    watchdog: Watchdog
    alerts: Alerts
    expected_slippage: float
    inverse_etfs: InverseEtfs = SHIPPED
    bought_only: frozenset[str] = frozenset()
    runners: list[Runner] = field(default_factory=list)
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    entries_allowed: bool = True
    gap_seen: bool = False
    build_chain: Callable[[Settings], Sequence[Enhancement]] = build_chain
    held_back: set[str] = field(default_factory=set)
    data_down: bool = False
    collared: bool = False
    save_defense: Callable[[], None] = lambda: None
    operator: Operator | None = None
    waiting: dict[tuple[str, str, int], Candidate] = field(default_factory=dict)
    meet: Callable[[Emergency, str], Response] = _nobody_meets
    reconcile: Callable[[str], Awaitable[object]] = _nobody_reconciles
    save_latch: Callable[[], None] = lambda: None
    obey: Callable[[], None] = lambda: None
    fence: Callable[[], None] = lambda: None

    @property
    def defense(self) -> bool:
        """Whether the limits are compressed."""
        return self.defense_mode.on

    def order_id(self, strategy: str, symbol: str, signal_minute: int, leg: str) -> str:
        """Return the deterministic id of one leg of a signal."""
        return client_order_id(
            bot=str(self.identity),
            day=self.day.day,
            number=self.number,
            strategy=strategy,
            symbol=symbol,
            signal_minute=signal_minute,
            leg=leg,
        )

    def mark(self, symbol: str) -> Decimal:
        """Return the last bar's close of a symbol [currency/share]."""
        return price_from_float(self.bars[symbol][-1].close)

    def mark_before(self, symbol: str) -> Decimal | None:
        """Return the close before the mark [currency/share]; None after the first bar."""
        bars = self.bars[symbol]
        return price_from_float(bars[-2].close) if len(bars) > 1 else None

    def exit_mark(self, position: Position) -> Decimal:
        """Return the mark of what is held, or its entry price before its first bar."""
        bars = self.bars.get(position.symbol)
        return price_from_float(bars[-1].close) if bars else position.entry_price

    def runner(self, strategy: str) -> Runner:
        """Return the strategy of a name."""
        return next(runner for runner in self.runners if runner.name == strategy)

    def marks(self) -> dict[str, Decimal]:
        """Return the marks of all held symbols."""
        return {symbol: self.mark(symbol) for symbol in self.portfolio.positions}

    def working_entries(self, strategy: str = "") -> list[Order]:
        """Return the entries that may still fill, of one strategy or of all."""
        return [
            order
            for order in self.orders.working(Purpose.ENTRY)
            if not strategy or order.intent.strategy == strategy
        ]

    def session_pnl(self) -> Decimal | None:
        """Return realised plus unrealised profit of the session [currency]; None when unknown."""
        try:
            return self.portfolio.realised() + self.portfolio.unrealised(self.marks())
        except (ArithmeticError, LookupError, DataError):
            return None
