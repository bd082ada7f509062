"""A whole session in memory: real wiring over a list-backed exchange log and a memory journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rigd.broker.adapters.sim import SimBroker
from rigd.broker.links import LocalLink
from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel
from rigd.config.inverse_etfs import SHIPPED, InverseEtfs
from rigd.config.schema import Settings
from rigd.core.draws import Draws
from rigd.core.events import Command, CommandObeyed, OrderIntent, TradeClosed
from rigd.core.orders import OrdType, Purpose
from rigd.core.ports import Broker
from rigd.core.values import (
    Bar,
    BotIdentity,
    Direction,
    ExitReason,
    Profile,
    Reading,
    Reference,
    SessionDay,
    Side,
)
from rigd.engine import sending
from rigd.engine.session import Session
from rigd.engine.updating import SettingsSource
from rigd.enhancements.contract import Sources
from rigd.hosts import replay, wiring
from rigd.market.feed import DayFeed
from rigd.market.vix import VixHistory
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import LatchState
from rigd.store.journal import MemoryJournal
from tests import factories
from tests.fakes.broker import FakeBroker
from tests.fakes.chainlog import ListLog
from tests.fakes.clock import FakeClock
from tests.fakes.sources import FakeFundamentals
from tests.strategy.days import days_of, flat

if TYPE_CHECKING:
    from rigd.core.events import Record
    from rigd.engine.orders import Order
    from tests.fakes.chainlog import Row

ACCOUNT = "RIGD_USA_SIM_01"
IDENTITY = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
DAY = date(2013, 10, 7)


def settings(**overrides: object) -> Settings:
    """Settings under which the real days trade: one entry, small thresholds, no loss limit."""
    values: dict[str, object] = {
        "broker_code": "SIM",
        "max_trades": "1",
        "weights": "1",
        "max_risk_per_trade": "1",
        "daily_loss_limit": "1",
        "strat_open_buffer": "0.0003",
        "strat_mid_vwap_threshold": "0.0005",
        "strat_close_threshold": "0.0005",
        "slippage_simulation_type": "none",
        "simulated_latency_ms": "0",
    }
    return factories.settings(**(values | overrides))


def real_bars(day: date, *symbols: str) -> dict[str, list[Bar]]:
    """The bars of one real day."""
    return {symbol: days_of(symbol)[day.isoformat()] for symbol in symbols}


class Journal(MemoryJournal):
    """A memory journal that remembers how much was durable and how far the exchange was.

    `marks[n]` is the length of the exchange's log when entry n + 1 was written; `synced[n]` the
    count of durable entries then.
    """

    __slots__ = ("break_at", "durable", "log", "marks", "on_append", "synced")

    def __init__(self, log: ListLog | None = None) -> None:
        super().__init__("world")
        self.log = log
        self.marks: list[int] = []
        self.synced: list[int] = []
        self.durable = 0
        self.break_at = -1
        self.on_append: Callable[[Record], None] | None = None

    def append(self, at, record, *, durable=False):
        if len(self._entries) == self.break_at:
            self.break_at = -1
            raise Crash
        entry = super().append(at, record, durable=durable)
        self.marks.append(len(self.log.rows) if self.log else 0)
        if durable:
            self.durable = len(self._entries)
        self.synced.append(self.durable)
        if self.on_append is not None:
            self.on_append(record)
        return entry

    def sync(self) -> None:
        self.durable = len(self._entries)
        if self.synced:
            self.synced[-1] = self.durable

    def prefix(self, count: int) -> Journal:
        """A journal that holds the first entries of this one."""
        cut = Journal()
        cut._entries = self._entries[:count]
        cut._hash = cut._entries[-1].hash if count else cut._hash
        cut.durable = count
        return cut

    def records(self, *kinds: type[Record]) -> list[Any]:
        """The records of some kinds."""
        return [entry.record for entry in self._entries if isinstance(entry.record, kinds)]


class Crash(BaseException):
    """The process dies here."""


class Flags:
    """A flag folder that gives nothing; commands are asked through `World.commands`."""

    def read(self) -> None:
        return None

    def consume(self, seen: object) -> None:
        del seen


@dataclass
class World:
    """Everything one session needs; `run` builds it from its two logs and drives it to the end."""

    settings: Settings = field(default_factory=settings)
    bars: Mapping[str, Sequence[Bar]] = field(default_factory=dict)
    day: SessionDay | None = None
    log: ListLog = field(default_factory=ListLog)
    journal: Journal | None = None
    latch: LatchState = field(default_factory=LatchState)
    defense: DefenseState = field(default_factory=DefenseState)
    vix: float | None = 25.0
    references: Mapping[str, Reference] = field(default_factory=dict)
    inverse_etfs: InverseEtfs = SHIPPED
    bought_only: frozenset[str] = frozenset()
    filters: bool = True
    sources: Sources = field(default_factory=lambda: Sources(fundamentals=FakeFundamentals()))
    model: SimModel | None = None
    on_session: Callable[[Session], None] | None = None
    wrap_broker: Callable[[Broker], Broker] | None = None
    settings_source: SettingsSource | None = None
    saved: list[tuple[int, LatchState]] = field(default_factory=list)
    saved_defense: list[tuple[int, DefenseState]] = field(default_factory=list)
    exchange: SimExchange | None = None
    session: Session | None = None

    def __post_init__(self) -> None:
        if self.day is None:
            self.day = wiring.session_day(DAY)
        if self.journal is None:
            self.journal = Journal(self.log)
        if isinstance(self.journal, Journal):
            self.journal.log = self.log
        readings = () if self.vix is None else (Reading(self.vix, date(2000, 1, 3)),)
        self.feed = DayFeed(
            self.day,
            self.bars,
            label="real bars",
            references=self.references,
            vix=VixHistory(readings),
        )
        self.clock = FakeClock()
        self.commands = wiring.command_reader(None, self.clock, self.settings)

    async def open(self) -> Session:
        """Build the session over the logs, as the host does."""
        self.exchange = SimExchange(
            self.log,
            self.model or SimModel.from_settings(self.settings),
            Draws(self.settings.simulation_seed),
            ACCOUNT,
            "USD",
        )
        self.exchange.begin_session(self.day.day, 1, self.day.open)
        model = self.model or SimModel.from_settings(self.settings)
        broker: Broker = SimBroker(
            LocalLink(self.exchange), ACCOUNT, native_trailing=model.native_trailing
        )
        if self.wrap_broker is not None:
            broker = self.wrap_broker(broker)
        await broker.connect()
        start = wiring.Start(
            identity=IDENTITY,
            profile=Profile.TEST,
            number=1,
            epoch=1,
            latch=self.latch,
            save_latch=self._save,
            code_digest="-",
            defense=self.defense,
            save_defense=self._save_defense,
            sources=self.sources,
        )
        plan = wiring.Plan(
            settings=self.settings,
            day=self.day,
            feed=self.feed,
            inverse_etfs=self.inverse_etfs,
            bought_only=self.bought_only,
        )
        self.session = await wiring.open_session(
            plan,
            start,
            broker,
            self.journal,
            self.commands,
            settings_source=self.settings_source,
        )
        if not self.filters:
            self.session.desk.chain = ()
        if self.on_session is not None:
            self.on_session(self.session)
        return self.session

    async def drive(self, after_minute: Callable[[int], None] = lambda _: None) -> None:
        """Open the session and run it to its end."""
        session = await self.open()
        await replay.run(
            session, self.feed, self.exchange, replay.Pace(self.clock, 0.0), after_minute
        )

    def run(self, after_minute: Callable[[int], None] = lambda _: None) -> World:
        """Run the session on an event loop of its own."""
        asyncio.run(self.drive(after_minute))
        return self

    def again(self, entries: int, rows: int) -> World:
        """Another process that finds prefixes of both logs."""
        log = ListLog(self.log.rows[:rows])
        latch, defense = LatchState(), self.defense
        for count, state in self.saved:
            if count <= entries:
                latch = state
        for count, state in self.saved_defense:
            if count <= entries:
                defense = state
        return replace(
            self,
            log=log,
            journal=self.journal.prefix(entries),
            latch=latch,
            defense=defense,
            saved=[],
            saved_defense=[],
            exchange=None,
            session=None,
        )

    def ask_at(self, minute: int, command: Command) -> Callable[[int], None]:
        """An `after_minute` that asks for a command when a minute is complete."""

        def look(done: int) -> None:
            if done == minute:
                self.commands.ask(command, "test", "asked by the test")

        return look

    @property
    def trades(self) -> list[TradeClosed]:
        """The closed trades on record."""
        return self.journal.records(TradeClosed)

    @property
    def intents(self) -> list[OrderIntent]:
        """The orders that were meant."""
        return self.journal.records(OrderIntent)

    def kinds(self) -> list[str]:
        """The names of the records, in order."""
        return [type(entry.record).__name__ for entry in self.journal.entries()]

    def _save_defense(self, state: DefenseState) -> None:
        self.saved_defense.append((len(self.journal.entries()), state))

    def _save(self, state: LatchState) -> None:
        self.saved.append((len(self.journal.entries()), state))


def truth(world: World) -> dict[str, Any]:
    """What the exchange holds: orders, executions, positions, cash."""
    book = world.exchange._book
    return {
        "orders": {
            name: (order.request, order.status, order.cum_qty, order.broker_order_id)
            for name, order in book.orders.items()
        },
        "fills": list(book.fills),
        "positions": book.positions(),
        "working": sorted(book.working),
        "cash": book.cash,
    }


def executions(rows: Sequence[Row]) -> int:
    """How many executions the exchange's log holds."""
    return sum(change["is"] == "executed" for row in rows for change in row[3].get("changes", ()))


def obeyed(command: Command) -> CommandObeyed:
    """A command as the journal records it."""
    return CommandObeyed(command=command, source="test", signed=False, by="test", why="test")


class Table:
    """A desk over the scripted broker, for tests of one stage at a time."""

    def __init__(self, **overrides: object) -> None:
        self.broker = FakeBroker()
        self.world = World(
            settings=settings(**overrides),
            bars={symbol: flat(range(390)) for symbol in ("AAA", "BBB", "CCC")},
            wrap_broker=lambda _: self.broker,
            filters=False,
        )
        self.session = asyncio.run(self._begin())
        self.desk = self.session.desk
        self.broker.now = self.desk.day.open

    async def _begin(self) -> Session:
        session = await self.world.open()
        await session.begin()
        return session

    @property
    def journal(self) -> Journal:
        """The session's journal."""
        return self.world.journal

    def show(self, minutes: range) -> None:
        """Show the strategies and the desk the bars of some minutes."""
        for slice_ in self.world.feed.slices():
            if slice_.minute in minutes:
                self.session.catch_up(slice_)
                self.desk.clock.advance(slice_.start + replay.MINUTE)

    def intent(self, leg: str = "entry", **overrides: object) -> OrderIntent:
        """An order of the open strategy in AAA: an entry of 100 at market by default."""
        values: dict[str, Any] = {
            "cl_ord_id": self.desk.order_id("open", "AAA", 20, leg),
            "replaces": "",
            "strategy": "open",
            "symbol": "AAA",
            "direction": Direction.LONG,
            "side": Side.BUY,
            "qty": Decimal(100),
            "ord_type": OrdType.MARKET,
            "limit_price": None,
            "stop_price": None,
            "oco_group": "",
            "purpose": Purpose.ENTRY,
            "signal_minute": 20,
            "reference_price": Decimal(100),
            "verdict_id": "open:AAA:20:1",
            "exit_reason": None,
            "note": "",
            "epoch": 1,
        }
        return OrderIntent(**(values | overrides))

    def send(self, leg: str = "entry", **overrides: object) -> Order:
        """Send an order through the engine."""
        return asyncio.run(sending.send(self.desk, self.intent(leg, **overrides)))

    def exit(self, leg: str = "exit/60", **overrides: object) -> Order:
        """Send an exit of 100 through the engine."""
        values = {"purpose": Purpose.EXIT, "side": Side.SELL, "exit_reason": ExitReason.TIMEOUT}
        return self.send(leg, **(values | overrides))

    def drain(self) -> None:
        """Take in what the broker has told."""
        asyncio.run(sending.drain(self.desk))

    def held(self, symbol: str = "AAA") -> Decimal:
        """Our signed position."""
        position = self.desk.portfolio.positions.get(symbol)
        return position.signed_qty if position else Decimal(0)
