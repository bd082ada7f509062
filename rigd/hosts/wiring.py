"""Build the parts of one session and hand them to one another: the only place that knows all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from rigd.broker import api
from rigd.broker.links import LocalLink
from rigd.broker.simulated.exchange import SimExchange, TruthLog
from rigd.broker.simulated.model import SimModel
from rigd.calendar import exchange as calendar
from rigd.calendar.windows import WindowKeys, describe, plan
from rigd.config import hot
from rigd.config.choices import ShortType
from rigd.config.digest import digest
from rigd.config.dry_run import NOTE, dry_run
from rigd.config.inverse_etfs import SHIPPED, InverseEtfs
from rigd.config.parse import override
from rigd.config.schema import Settings
from rigd.core.clock import MarketClock
from rigd.core.draws import Draws
from rigd.core.errors import ConfigError
from rigd.core.events import (
    BarsDropped,
    NoteMade,
    OrderIntent,
    SessionResumed,
    SessionStarted,
    WindowPlanned,
)
from rigd.core.orders import Purpose
from rigd.core.ports import Connection, FundamentalsSource
from rigd.core.values import BotIdentity, Profile, SelfCheck, SessionDay
from rigd.engine import error_handler, selfcheck, watchdog
from rigd.engine.alerting import JournalAlerts
from rigd.engine.broker_line import BrokerLine
from rigd.engine.commands import CommandReader
from rigd.engine.desk import Desk, Runner
from rigd.engine.orders import OrderBook
from rigd.engine.portfolio import Portfolio
from rigd.engine.recorder import Recorder
from rigd.engine.session import Session
from rigd.engine.watchdog import Watchdog
from rigd.enhancements import chain as filters
from rigd.enhancements.contract import NO_SOURCES, Sources
from rigd.market.feed import DayFeed
from rigd.risk import boot as risk_boot
from rigd.risk.defense import limits_table, session_cap
from rigd.risk.defense_mode import DefenseMode, DefenseState
from rigd.risk.kill_switch import KillSwitch, LatchState
from rigd.risk.last_door import LastDoor, door_limits
from rigd.screener import pool as screener
from rigd.strategy import router
from rigd.strategy.definition import Observes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

    from rigd.broker.links import Link
    from rigd.calendar.windows import Planned
    from rigd.core.events import Entry
    from rigd.core.ports import Broker, ControlClock, Journal
    from rigd.engine.api_trail import ApiTrail
    from rigd.engine.commands import Flags
    from rigd.engine.updating import SettingsSource
    from rigd.hosts.request import SessionRequest

CURRENCY = "USD"
MAPPING_NOTE = "inverse_etfs"
"""Topic of the note that names the table of inverse ETFs of a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A session that could run: checked, and nothing written yet.

    Parameters
    ----------
    settings
        The bot's settings with the session's own changes.
    day
        The exchange session.
    feed
        Its bars.
    test_mode
        Whether it is a dry run (document 070, TEST_MODE).
    fundamentals
        Companies' metrics that lie beside the bars; None where there are none.
    inverse_etfs
        Which fund is bought where a short side is taken by InverseETF.
    bought_only
        Symbols of the feed that are bought for others and are no candidates themselves.
    """

    settings: Settings
    day: SessionDay
    feed: DayFeed
    test_mode: bool = False
    fundamentals: FundamentalsSource | None = None
    inverse_etfs: InverseEtfs = SHIPPED
    bought_only: frozenset[str] = frozenset()

    @property
    def mapping(self) -> str:
        """The table of inverse ETFs that the session uses, for its record; blank without one."""
        if not buys_inverse(self.settings):
            return ""
        table, funds = self.inverse_etfs, ", ".join(sorted(self.bought_only)) or "none"
        return f"{table.name}, {len(table.pairs)} pairs, {table.digest[:16]}; bought only: {funds}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Who runs the session, and as which.

    Parameters
    ----------
    identity, profile
        The bot.
    number
        The session's number on its day.
    epoch
        Which owner of the bot this is.
    latch
        What the kill switch left behind.
    save_latch
        Called with the kill switch's state when it trips.
    code_digest
        SHA-256 over the code that runs.
    fence
        Raises Superseded when a newer owner took the bot over.
    defense, save_defense
        What defense mode left behind, and what is called when its state changed.
    connection
        A live feed's connection; None for a file replay.
    sources
        Who knows what the filters ask beyond bars.
    """

    identity: BotIdentity
    profile: Profile
    number: int
    epoch: int
    latch: LatchState
    save_latch: Callable[[LatchState], None]
    code_digest: str
    fence: Callable[[], None] = lambda: None
    defense: DefenseState = field(default_factory=DefenseState)
    save_defense: Callable[[DefenseState], None] = lambda _: None
    connection: Connection | None = None
    sources: Sources = NO_SOURCES


def session_day(day: date) -> SessionDay:
    """Return the exchange session of a date, or raise ConfigError when there is none."""
    found = calendar.session(day)
    if found is None:
        msg = f"{day.isoformat()} must be a session of the exchange XNYS, found none on that day"
        raise ConfigError(msg, fix="choose a trading day: no weekend, no holiday")
    return found


def buys_inverse(settings: Settings) -> bool:
    """Tell whether a strategy that runs takes its short side by inverse ETFs."""
    names = router.sequence(settings)
    return any(settings.strategy(name).short_type is ShortType.INVERSE_ETF for name in names)


def session_settings(settings: Settings, request: SessionRequest) -> Settings:
    """Return the bot's settings with the request's changes, validated as a whole."""
    changes = dict(request.overrides)
    chosen = override(settings, changes, source="--set") if changes else settings
    return dry_run(chosen) if request.test_mode else chosen


def windows(settings: Settings, day: SessionDay) -> list[Planned]:
    """Return the windows of the strategies that run, in their order."""
    order = []
    for name in router.sequence(settings):
        view = settings.strategy(name)
        order.append(
            WindowKeys(
                strategy=name,
                start_text=view.start_text,
                analysis=view.analysis,
                breakout=view.breakout,
                monitoring=view.monitoring,
            )
        )
    return plan(day, order)


def simulated_exchange(settings: Settings, account: str, log: TruthLog) -> SimExchange:
    """Return the simulated exchange of an account over its own durable log."""
    return SimExchange(
        log,
        SimModel.from_settings(settings),
        Draws(settings.simulation_seed),
        account,
        CURRENCY,
    )


def simulated_broker(settings: Settings, exchange: SimExchange, account: str) -> Broker:
    """Return the adapter of the settings' broker over an exchange in this process."""
    return linked_broker(settings, LocalLink(exchange), account)


def linked_broker(settings: Settings, link: Link, account: str) -> Broker:
    """Return the adapter of the settings' broker over a link to a simulated exchange."""
    return api.build(settings, account_id=account, link=link)


async def open_session(
    what: Plan,
    start: Start,
    broker: Broker,
    journal: Journal,
    commands: CommandReader,
    checks: Sequence[SelfCheck] = (),
    settings_source: SettingsSource | None = None,
    trail: ApiTrail | None = None,
) -> Session:
    """Build a session over a journal, new or cut off, and pass the self-checks.

    Parameters
    ----------
    what
        The checked plan.
    start
        Who runs it.
    broker
        A connected broker.
    journal
        The session's journal; its entries are replayed.
    commands
        Where stop and kill come from.
    checks
        What parts that only the host knows answered: keys, calendar, books.
    settings_source
        Where changed settings come from; None where nobody can change them.
    trail
        Keeps what passes between the session and its broker.

    Returns
    -------
    Session
        Over its replayed journal; `replay.run` begins it.
    """
    day, feed = what.day, what.feed
    clock = MarketClock(day.open)
    orders, portfolio = OrderBook(), Portfolio(broker.name, day.open)
    recorder = Recorder(journal, clock, (orders, portfolio))
    past = journal.entries()
    recorder.replay(past)
    started = past[0].record if past else None
    planned = windows(what.settings, day)
    settings = what.settings
    if isinstance(started, SessionStarted):
        settings = hot.as_recorded(started.settings, started.config_digest)
    draws = Draws(settings.simulation_seed)
    line = BrokerLine(broker, clock, commands.clock, settings.api_retry_limit, draws, trail)
    defense = DefenseMode(
        settings=settings,
        session=f"{day.day.isoformat()}_{start.number}",
        state=start.defense,
        at=day.open,
    )
    if not isinstance(started, SessionStarted):
        started = await _first_record(what, start, line, planned, defense=defense.on)
    kill_switch = KillSwitch(
        limit_fraction=settings.daily_loss_limit,
        equity=started.float_amount,
        day=day.day,
        session=start.number,
        state=start.latch,
    )
    desk = Desk(
        identity=start.identity,
        settings=settings,
        day=day,
        number=start.number,
        epoch=start.epoch,
        feed=feed,
        broker=line,
        clock=clock,
        recorder=recorder,
        orders=orders,
        portfolio=portfolio,
        chain=filters.build_chain(settings, start.sources),
        build_chain=partial(filters.build_chain, sources=start.sources),
        door=_door(settings, past),
        kill_switch=kill_switch,
        float_amount=started.float_amount,
        session_cap=started.session_cap,
        defense_mode=defense,
        opening_equity=started.float_amount,
        watchdog=Watchdog(
            watchdog.limits_of(settings), line, clock, commands.clock, start.connection, day
        ),
        alerts=JournalAlerts(recorder),
        expected_slippage=expected_slippage(settings),
        inverse_etfs=what.inverse_etfs,
        bought_only=what.bought_only,
        runners=[_runner(settings, item) for item in planned if item.window is not None],
        save_latch=lambda: start.save_latch(kill_switch.state),
        fence=start.fence,
        save_defense=lambda: start.save_defense(defense.state),
    )
    if past:
        clock.advance(past[-1].at)
        recorder.record(SessionResumed(epoch=start.epoch, after_seq=past[-1].seq), durable=True)
    else:
        recorder.record(started, durable=True)
        _record_boot(recorder, what, planned)
    selfcheck.require(recorder, [*checks, *await _answers(settings, desk, line)])
    return Session(desk, commands, started.opening_cash, settings_source)


def command_reader(
    flags: Flags | None,
    clock: ControlClock,
    settings: Settings,
    take_tests: Callable[[], Sequence[str]] = tuple,
) -> CommandReader:
    """Return the reader of stop and kill with the settings' interval."""
    return CommandReader(flags, clock, settings.flag_interval_ms / 1000.0, take_tests)


async def _first_record(
    what: Plan, start: Start, broker: Broker, planned: list[Planned], *, defense: bool
) -> SessionStarted:
    settings, day, feed = what.settings, what.day, what.feed
    account = await broker.account()
    return SessionStarted(
        bot=str(start.identity),
        day=day.day,
        number=start.number,
        profile=start.profile,
        test_mode=what.test_mode,
        replay=True,
        broker=broker.name,
        session_open=day.open,
        session_close=day.close,
        half_day=day.half_day,
        data_label=feed.label,
        data_digest=feed.digest,
        config_digest=digest(settings),
        code_digest=start.code_digest,
        symbols=feed.symbols,
        strategies=tuple(item.strategy for item in planned if item.window is not None),
        currency=account.currency,
        opening_cash=account.cash,
        float_amount=account.equity,
        session_cap=session_cap(settings, account.equity, defense=defense),
        settings=settings.public_items(),
        limits=_limits(settings, account.equity, defense=defense),
    )


def _limits(
    settings: Settings, float_amount: Decimal, *, defense: bool
) -> tuple[tuple[str, str], ...]:
    table = limits_table(settings, float_amount, defense=defense)
    return tuple((str(name), str(value)) for name, value in table)


def expected_slippage(settings: Settings) -> float:
    """Return the slippage that a fill is expected to have [fraction of the price]."""
    if settings.slippage_simulation_type == "none":
        return 0.0
    return float(settings.slippage_mean_pct)


def _runner(settings: Settings, item: Planned) -> Runner:
    assert item.window is not None  # noqa: S101 - the caller filtered
    runnable = router.build(settings, item.window)
    whole_session = runnable.strategy.observes is Observes.SESSION
    return Runner(plan=runnable, first_minute=0 if whole_session else item.window.start)


def _door(settings: Settings, past: Sequence[Entry]) -> LastDoor:
    """Return the last door with its counters as the journal left them."""
    door = LastDoor(door_limits(settings))
    door.restore(
        (entry.at, entry.record.symbol)
        for entry in past
        if isinstance(entry.record, OrderIntent) and entry.record.purpose is Purpose.ENTRY
    )
    return door


def _record_boot(recorder: Recorder, what: Plan, planned: list[Planned]) -> None:
    for dropped in what.feed.dropped:
        recorder.record(
            BarsDropped(
                symbol=dropped.symbol,
                source=dropped.source,
                kept=dropped.kept,
                dropped=dropped.dropped,
            )
        )
    vix = what.feed.vix(what.day.day)
    text = f"VIX {vix.value:g} of {vix.dated.isoformat()}" if vix else "no VIX is known"
    recorder.record(NoteMade(topic="vix", text=text))
    for warning in what.settings.warnings():
        recorder.record(NoteMade(topic="settings", text=warning))
    if what.test_mode:
        recorder.record(NoteMade(topic="test_mode", text=NOTE))
    if what.mapping:
        recorder.record(NoteMade(topic=MAPPING_NOTE, text=what.mapping))
    for item in planned:
        window = item.window
        recorder.record(NoteMade(topic="window", text=describe(what.day, item)))
        recorder.record(
            WindowPlanned(
                strategy=item.strategy,
                start=window.start if window else 0,
                analysis_end=window.analysis_end if window else 0,
                breakout_end=window.breakout_end if window else 0,
                end=window.end if window else 0,
                exit_minute=window.exit_minute if window else 0,
                skipped=item.skipped,
            )
        )


async def _answers(settings: Settings, desk: Desk, broker: Broker) -> list[SelfCheck]:
    return [
        *risk_boot.self_checks(settings),
        watchdog.self_check(settings),
        error_handler.self_check(),
        *router.self_checks(settings),
        screener.self_check(settings),
        *filters.self_checks(settings, desk.chain),
        await broker.self_check(),
        SelfCheck(
            name="market.feed",
            passed=bool(desk.feed.symbols),
            detail=f"{desk.feed.label}: {', '.join(desk.feed.symbols)}",
        ),
    ]
