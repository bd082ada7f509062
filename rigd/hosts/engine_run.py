"""One session's engine with its doors: lock, journal, books, simulated broker, flags, status."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.broker.simulated.model import SimModel
from rigd.calendar.exchange import self_check as calendar_check
from rigd.config import hot
from rigd.config.inverse_etfs import keep_version
from rigd.config.sources import checkout
from rigd.core.clock import MarketClock, iso
from rigd.core.errors import (
    AlreadyRunning,
    ConfigError,
    ExitCode,
    LedgerError,
    RigdError,
    StorageError,
    Superseded,
)
from rigd.core.events import Command, NoteMade, SessionClosed, SessionStarted
from rigd.core.money import ZERO, notional, plain
from rigd.core.readings import RiskFree
from rigd.core.redaction import redact
from rigd.core.values import SelfCheck
from rigd.engine import watchdog
from rigd.engine.api_trail import ApiTrail
from rigd.engine.broker_line import BrokerLine
from rigd.enhancements.contract import Sources
from rigd.hosts import books, finishing, launch_ticket, records, replay, uncaught, wiring
from rigd.hosts.bot import build_checks, env_door, keyring
from rigd.hosts.confirmations import Confirmations
from rigd.hosts.fundamentals import online_fundamentals
from rigd.hosts.kill_access import KillAccess, leave_access
from rigd.hosts.latch import begin_states, read_defense, read_latch, save_latch, state_text
from rigd.hosts.notifying import Notifier, setup_of
from rigd.hosts.pinning import PinnedCode
from rigd.hosts.plan import make_plan
from rigd.hosts.projections import Projections
from rigd.hosts.settings_watch import SettingsWatch
from rigd.hosts.sim_market import open_market
from rigd.hosts.steps import Steps
from rigd.hosts.test_mode import DryRunLog
from rigd.hosts.universe import known
from rigd.ledger.book import Ledger
from rigd.ledger.chart import CASH
from rigd.ledger.verify import self_check as ledger_check
from rigd.market.fundamentals import DayCache
from rigd.reporting.alerts import AlertFold, Silence
from rigd.reporting.broker_api import ApiSession, BrokerApiLog
from rigd.reporting.status import Live, PositionLine, status_document
from rigd.reporting.tuning import self_check as tuning_check
from rigd.store import manifest
from rigd.store.control import ControlFolder
from rigd.store.database import open_database
from rigd.store.files import make_folder, repoint
from rigd.store.hashing import digest_tree
from rigd.store.journal import open_journal
from rigd.store.lease import Beat, Phase, read_lease
from rigd.store.locks import SessionLock, current_epoch, next_epoch
from rigd.store.registry import Registry
from rigd.vault.security import launch_checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rigd.broker.links import Link
    from rigd.core.events import Entry
    from rigd.core.orders import Account
    from rigd.core.ports import Broker, ControlClock, IdSource
    from rigd.core.values import Bar
    from rigd.engine.session import Session
    from rigd.hosts.bot import Bot
    from rigd.hosts.finishing import Finished
    from rigd.hosts.launch_ticket import Ticket
    from rigd.hosts.request import SessionRequest
    from rigd.hosts.wiring import Plan
    from rigd.risk.defense_mode import DefenseState
    from rigd.risk.kill_switch import LatchState
    from rigd.store.journal import FileJournal

UNHEARD = "a critical alert is not acknowledged: exits only until it is"


class EngineRun:
    """Everything that one session of a bot opens, runs and closes.

    Parameters
    ----------
    bot
        The bot.
    request
        What was asked for; checked here, before anything is written.
    clock, ids
        The control clock and the source of nonces.
    link
        The way to a simulated exchange in another process; without one the run opens the bot's own.
    plan
        What the request amounts to, where it was checked already.
    ticket
        The launch ticket that was redeemed; None in research.
    """

    def __init__(
        self,
        bot: Bot,
        request: SessionRequest,
        clock: ControlClock,
        ids: IdSource,
        link: Link | None = None,
        plan: Plan | None = None,
        ticket: Ticket | None = None,
    ) -> None:
        launch_ticket.admit(bot, request, ticket)
        self._bot = bot
        self._request = request
        self._clock = clock
        self._link = link
        self.plan = plan or make_plan(
            bot.settings, request, bot.inverse_etfs, known=known(bot.home.live, request)
        )
        self._tree = bot.home.bot(bot.identity)
        self.place = records.place_of(self._tree, self.plan.day.day)
        launch_ticket.require_session(ticket, self.place.folder.name)
        self._flags = flags = ControlFolder(bot.home.control, clock, ids)
        self.commands = wiring.command_reader(flags, clock, self.plan.settings, flags.take_tests)
        self._registry = Registry(
            bot.home, bot.identity, day=self.plan.day.day, number=self.place.number
        )
        self._journal: FileJournal | None = None
        self._session: Session | None = None
        self._projections: Projections | None = None
        self._owner = False
        self._epoch = 0
        self._lease = Beat(self._tree.lease, clock, life_s=self.plan.settings.lease_s)
        self._supervised = self._hears_supervisor()
        self._parent = os.getppid()
        self._told_orphaned = False
        self._derived_failed: StorageError | LedgerError | None = None
        self._began = clock.monotonic()
        self._next_beat = self._next_status = float("-inf")
        self._on_close = ExitStack()
        self._notifier: Notifier | None = None
        self._trail = ApiTrail()
        self._api_log = BrokerApiLog(self._registry, self._api_session())

    def entries(self) -> Sequence[Entry]:
        """Return the journal so far."""
        return self._journal.entries() if self._journal is not None else ()

    def bars(self) -> dict[str, list[Bar]]:
        """Return the bars that the engine has seen, per symbol."""
        return self._session.desk.bars if self._session is not None else {}

    def chains(self) -> dict[str, str]:
        """Return the chained logs of the session's folder with what they are chained to."""
        return {records.JOURNAL: self._genesis()}

    def orphaned(self) -> bool:
        """Tell whether the process that started this one is gone."""
        return os.getppid() != self._parent

    async def run(self) -> Finished:
        """Run the session to its end and write what it leaves.

        Returns
        -------
        Finished
            The state of the books and the warnings.
        """
        uncaught.watch_loop(self.commands.report)
        with uncaught.handed_on(self.commands.report):
            return await self._run_locked()

    async def _run_locked(self) -> Finished:
        make_folder(self._tree.root)
        what = f"session {self.plan.day.day.isoformat()}_{self.place.number}"
        with SessionLock(self._tree.lock, what=what, clock=self._clock):
            self._require_place()
            self._owner = True
            begin_states(
                self._tree,
                self._bot.profile,
                self._registry,
                test_mode=self._bot.home.test_mode,
            )
            self._epoch = self._lease.epoch = next_epoch(self._tree.epoch)
            self._lease.beat(Phase.STARTING)
            leave_access(self._bot.home, self._access())
            self._note_kernel({})
            ledger = self._open_ledger()
            try:
                with PinnedCode(_package_folder()):
                    finished = await self._run_with(ledger)
                self.note_finished(finished)
            finally:
                ledger.close()
                self._registry.close()
                self._on_close.close()
                self._lease.beat(Phase.ENDED)
            return finished

    def status(self) -> dict[str, Any]:
        """Return status.json's content for this instant."""
        live = self._live()
        if live is None or self._projections is None:
            return {"state": "initialize", "pid": os.getpid()}
        inputs = self._projections.status.inputs(live)
        if inputs is None:
            return {"state": "initialize", "pid": os.getpid()}
        document: dict[str, Any] = json.loads(status_document(inputs))
        return document

    def note_finished(self, finished: Finished) -> None:
        """Leave the end of the run in kernel.json, for the launcher."""
        self._note_kernel({
            "finished": True,
            "books": finished.books,
            "balanced": finished.balanced,
            "books_head": list(finished.head),
            "warnings": list(finished.warnings),
            "steps": Steps(finished.steps).as_fields(),
        })

    def note_failure(self, error: BaseException) -> None:
        """Leave the reason of a failed run in kernel.json.

        Not where another run owns that file, nor where the seal stands already: the disk may have
        failed after it was written, and what is sealed is changed no more.
        """
        if not self._owner or (self.place.folder / manifest.NAME).exists():
            return
        code = error.exit_code if isinstance(error, RigdError) else ExitCode.ERROR
        self._note_kernel({
            "exit_code": int(code),
            "error_type": type(error).__name__,
            "message": redact(str(error)),
            "fix": error.fix if isinstance(error, RigdError) else "",
        })

    async def _run_with(self, ledger: Ledger) -> Finished:
        with self._exchange() as exchange:
            self._journal = self._open_journal()
            self._require_same(self._journal.entries())
            if self.plan.mapping:
                keep_version(env_door(self._bot.home), self.plan.inverse_etfs)
            dry_run_log = self._open_dry_run_log()
            self._projections = Projections(
                self._journal, ledger, self._registry, self._key(), (*dry_run_log, *self._alerts())
            )
            if not self._closed():
                await self._trade(exchange, ledger)
            self._lease.beat(Phase.FINISHING)
            self._projections.advance()
            entries = self._journal.entries()
            finished = finishing.finish(self._registry, ledger, entries, self._all_bars())
            steps = Steps(finished.steps)
            steps.take("status", self._publish_status, instead=None)
            self._journal.seal()
            steps.note("journal sealed", passed=True)
            latest = self._bot.home.latest
            steps.take("latest", lambda: repoint(latest, self.place.folder), instead=None)
            return replace(finished, steps=tuple(steps.taken))

    async def _trade(self, exchange: Link, ledger: Ledger) -> None:
        assert self._journal is not None  # noqa: S101 - opened by the caller
        broker = wiring.linked_broker(self.plan.settings, exchange, str(self._bot.identity))
        line: Broker = self._line_before(broker)
        try:
            await line.connect()
            self._session = await self._opened(broker, line, ledger)
            line = self._session.desk.broker
            self._session.desk.operator = self._operator()
            for odd in self._flags.oddities():
                note = NoteMade(topic="control", text=str(odd))
                self._session.desk.recorder.record(note)
            self._housekeep(0)
            await replay.run(
                self._session,
                self.plan.feed,
                exchange,
                replay.Pace(self._clock, self._request.speed),
                self._housekeep,
            )
            if self._derived_failed is not None:
                raise self._derived_failed
            self._save_latch(self._session.desk.kill_switch.state)
        finally:
            await line.close()
            if self._derived_failed is None:
                self._api_log.write(self._trail.take())

    def _operator(self) -> Confirmations | None:
        """Return who confirms entries; nobody where a replay does not wait for people."""
        if not self._request.speed:
            return None
        operator = Confirmations(self._bot.home, self._bot.identity, self._clock)
        operator.begin()
        return operator

    def _line_before(self, broker: Broker) -> BrokerLine:
        """Return the way to the broker until the session has its own; both keep one trail."""
        entries, settings = self.entries(), self.plan.settings
        market = MarketClock(entries[-1].at if entries else self.plan.day.open)
        limit = settings.api_retry_limit
        return BrokerLine(broker, market, self._clock, limit, trail=self._trail)

    def _open_dry_run_log(self) -> tuple[DryRunLog, ...]:
        """Begin test_mode.log of a dry run; nothing otherwise."""
        if not self.plan.test_mode:
            return ()
        log = DryRunLog(self._bot.home, self._bot.identity, self._clock)
        self._on_close.callback(log.close)
        log.start()
        log.note("books_checked", books.validate_copy(self._bot))
        return (log,)

    def _alerts(self) -> tuple[Notifier, ...]:
        """Begin to send alerts where a channel is named; a dry run tells nobody (document 070)."""
        if self.plan.test_mode or self._bot.home.test_mode:
            return ()
        key, identity = self._key(), self._bot.identity
        self._notifier = notifier = Notifier(
            self._bot.home,
            identity,
            AlertFold(key, str(identity), self._bot.profile.value),
            key,
            self._clock,
            lambda: self._session.desk.settings if self._session else self.plan.settings,
            lambda: setup_of(self._bot.home),
            lambda why: self.commands.ask(Command.STOP, "alerts", why),
        )
        self._on_close.callback(notifier.close)
        notifier.start()
        return (notifier,)

    def _settings_watch(self) -> SettingsWatch | None:
        """Return what looks for changed settings; those of a dry run are latched with its mode."""
        if self.plan.test_mode:
            return None
        interval_s = self.plan.settings.flag_interval_ms / 1000.0
        own = dict(self._request.overrides)
        return SettingsWatch(self._bot, own, checkout() / "VERSION.md", self._clock, interval_s)

    async def _opened(self, broker: Broker, line: Broker, ledger: Ledger) -> Session:
        """Open the session; a refused launch stands in the logs too (document 090)."""
        assert self._journal is not None  # noqa: S101 - opened by the caller
        checks = (*self._checks(ledger), self._same_cash(ledger, await line.account()))
        try:
            return await wiring.open_session(
                self.plan,
                self._start(),
                broker,
                self._journal,
                self.commands,
                checks,
                self._settings_watch(),
                self._trail,
            )
        except ConfigError:
            if self._projections is not None:
                self._projections.advance()
            raise

    def _same_cash(self, ledger: Ledger, account: Account) -> SelfCheck:
        """Compare the books' cash with the broker's before a new session trusts either."""
        books = ledger.balances().get(CASH, ZERO) if ledger.head[0] else account.cash
        resumed = bool(self.entries())
        return SelfCheck(
            name="books.cash",
            passed=resumed or books == account.cash,
            detail="taken up again: compared when reconciled"
            if resumed
            else f"account {CASH} {plain(books)}, broker {plain(account.cash)}",
        )

    def _checks(self, ledger: Ledger) -> tuple[SelfCheck, ...]:
        """Ask the parts that only this host knows: keys and secrets, calendar, build, books."""
        home = self._bot.home
        return (
            *map(without_key_id, launch_checks(env_door(home), keyring(home))),
            calendar_check(self.plan.day.day),
            *build_checks(self._bot),
            tuning_check(),
            ledger_check(ledger),
        )

    def _require_place(self) -> None:
        """Refuse when another session of the bot changed the folders since the plan was made."""
        found = records.place_of(self._tree, self.plan.day.day)
        if found != self.place:
            msg = f"session {self.place.folder.name} must be the next one, it is {found}"
            raise AlreadyRunning(msg, fix="run it again")

    def _require_same(self, entries: Sequence[Entry]) -> None:
        """Refuse to take up an unfinished session on other bars or with other settings.

        Keys that may change while a session runs may also have changed while it was dead.

        Raises
        ------
        ConfigError
            If the bars, a key that is fixed at the start or one of the request's own differ.
        """
        started = entries[0].record if entries else None
        if not isinstance(started, SessionStarted):
            return
        began_with = hot.as_recorded(started.settings, started.config_digest)
        own = {key for key, _ in self._request.overrides}
        keys = [
            *hot.needs_start(began_with, self.plan.settings),
            *(key for key in hot.changed(began_with, self.plan.settings) if key in own),
        ]
        pairs = (
            ("bars", started.data_digest != self.plan.feed.digest),
            ("settings", bool(keys)),
            ("inverse ETFs", mapping_of(entries) != self.plan.mapping),
        )
        changed = [what for what, differs in pairs if differs]
        if changed:
            msg = (
                f"session {self.place.folder.name} is unfinished and must be taken up as it "
                f"began, found other {' and '.join(changed)}"
            )
            what = f" ({', '.join(dict.fromkeys(keys))})" if keys else ""
            raise ConfigError(msg, fix=f"restore what changed{what}, or choose another day")

    def _start(self) -> wiring.Start:
        return wiring.Start(
            identity=self._bot.identity,
            profile=self._bot.profile,
            number=self.place.number,
            epoch=self._epoch,
            latch=read_latch(self._tree.risk_state),
            save_latch=self._save_latch,
            code_digest=digest_tree(_package_folder(), "**/*.py"),
            fence=self._require_newest,
            defense=read_defense(self._tree.defense_state),
            save_defense=self._save_defense,
            sources=self._sources(),
        )

    def _api_session(self) -> ApiSession:
        return ApiSession(
            key=self._key(),
            bot=self._bot.identity,
            profile=self._bot.profile,
            test_mode=self.plan.test_mode,
            log_format=self.plan.settings.log_format,
        )

    def _require_newest(self) -> None:
        """Refuse to go on once another owner has taken the bot over (FAULTS K02)."""
        newest = current_epoch(self._tree.epoch)
        if newest != self._epoch:
            msg = f"the bot's owner must be number {self._epoch}, found number {newest}"
            raise Superseded(msg, fix="nothing: the newer owner goes on")

    def _hears_supervisor(self) -> bool:
        lease = read_lease(self._tree.supervisor)
        return lease is not None and lease.expires_s > self._clock.monotonic() and lease.owner.lives

    def _access(self) -> KillAccess:
        settings = self.plan.settings
        return KillAccess(
            identity=self._bot.identity,
            profile=self._bot.profile,
            seed=settings.simulation_seed,
            model=SimModel.from_settings(settings),
        )

    def _sources(self) -> Sources:
        """Return who knows what the filters ask: metrics beside the bars, the bot's own rate."""
        day, clock, identity = self.plan.day.day, self._clock, self._bot.identity_file
        known = self.plan.fundamentals or online_fundamentals(
            self._bot, self.plan.settings, day, clock
        )
        return Sources(
            fundamentals=DayCache(known, self._registry, day, clock) if known else None,
            risk_free=RiskFree(
                jurisdiction=identity.jurisdiction_code, rate=identity.risk_free_rate()
            ),
        )

    def _housekeep(self, _minute: int) -> None:
        """Keep what is derived up to date; when that fails, close on the journal's reserve alone.

        A full or failing disk takes books, logs and status with it, not the way out: the journal
        has its room, and the next run derives the rest from it (FAULTS R04).
        """
        assert self._session is not None  # noqa: S101 - only a session is kept house for
        if self._derived_failed is None:
            try:
                self._keep_up()
            except (StorageError, LedgerError) as error:
                self._derived_failed = error
                if self._session.closed is None:
                    self._session.fail(error, "books, logs and status")
        if self.orphaned() and not self._told_orphaned:
            self._told_orphaned = True
            self.commands.ask(Command.SHUTDOWN, "parent", "the process that started it died")

    def _keep_up(self) -> None:
        """Carry records over; beat and publish when due."""
        assert self._projections is not None  # noqa: S101 - opened before the session
        self._projections.advance()
        self._api_log.write(self._trail.take())
        now = self._clock.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + self.plan.settings.heartbeat_interval_s
            self._lease.beat(Phase.TRADING)
            self._beat()
            if self._session is not None:
                silent = self._supervised and not self._hears_supervisor()
                unheard = not silent and self._unheard()
                why = UNHEARD if unheard else ""
                self._session.watch_supervisor(silent=silent or unheard, why=why)
        if now >= self._next_status:
            self._next_status = now + self.plan.settings.status_interval_ms / 1000.0
            self._publish_status()

    def _unheard(self) -> bool:
        """Tell whether a critical alert has gone unacknowledged for too long to take new risk."""
        return self._notifier is not None and self._notifier.silence is not Silence.HEARD

    def _beat(self) -> None:
        market = iso(self._session.desk.clock.now()) if self._session else ""
        fields = {
            "pid": os.getpid(),
            "session": self._key(),
            "market_time": market,
            **self._bot.marks,
        }
        line = watchdog.beat_line(self._clock, fields)
        self._registry.append_line("heartbeat.log", line, writer=watchdog.WRITER)

    def _publish_status(self) -> None:
        live = self._live()
        if live is not None and self._projections is not None:
            self._projections.status.publish(live)

    def _live(self) -> Live | None:
        if self._session is None:
            return None
        desk = self._session.desk
        if not desk.portfolio.positions.keys() <= desk.bars.keys():
            return None  # taken up after a crash, and the bars until then not shown again yet
        positions = tuple(
            PositionLine(
                symbol=held.symbol,
                strategy=held.strategy,
                qty=held.signed_qty,
                entry_price=held.entry_price,
                mark=desk.mark(held.symbol),
                unrealised=held.unrealised(desk.mark(held.symbol)),
            )
            for held in list(desk.portfolio.positions.values())
        )
        used = sum((notional(line.entry_price, abs(line.qty)) for line in positions), ZERO)
        used += sum((order.leaves_notional for order in desk.working_entries()), ZERO)
        return Live(
            pid=os.getpid(),
            minute=self._session.next_minute,
            market_time=desk.clock.now(),
            positions=positions,
            unrealised=sum((line.unrealised or ZERO for line in positions), ZERO),
            float_used=used,
            uptime_s=int(self._clock.monotonic() - self._began),
            updated_at=self._clock.now(),
        )

    def _closed(self) -> bool:
        entries = self.entries()
        return bool(entries) and isinstance(entries[-1].record, SessionClosed)

    def _all_bars(self) -> dict[str, list[Bar]]:
        return self.bars() or {symbol: list(bars) for symbol, bars in self.plan.feed.bars.items()}

    def _open_ledger(self) -> Ledger:
        path = self._registry.claim("ledger.db", writer="rigd.ledger.book")
        make_folder(path.parent)
        return Ledger(
            open_database(path), identity=str(self._bot.identity), account=self._bot.account
        )

    @contextmanager
    def _exchange(self) -> Iterator[Link]:
        """Open the way to the exchange, which is in this session afterwards."""
        link, market = self._link, None
        if link is None:
            market = open_market(self._bot.home, self._access())
            link = market.link
        try:
            day = self.plan.day
            link.begin_session(day.day, self.place.number, day.open)
            yield link
        finally:
            if market is not None:
                market.close()

    def _open_journal(self) -> FileJournal:
        make_folder(self.place.folder)
        path = self._registry.claim("journal.log", writer="rigd.engine.session")
        return open_journal(path, self._genesis())

    def _genesis(self) -> str:
        return records.genesis(self._bot.identity, self.plan.day.day, self.place.number)

    def _key(self) -> str:
        return records.session_key(self.plan.day.day, self.place.number)

    def _save_latch(self, state: LatchState) -> None:
        save_latch(self._registry, state, self._state_text(state))

    def _save_defense(self, state: DefenseState) -> None:
        content = self._state_text(state)
        self._registry.write("defense_state.json", content, writer="rigd.engine.session")

    def _state_text(self, state: LatchState | DefenseState) -> bytes:
        return state_text(state, self._bot.profile, test_mode=self._bot.home.test_mode)

    def _note_kernel(self, more: dict[str, Any]) -> None:
        make_folder(self.place.folder)
        fields = {
            "pid": os.getpid(),
            **self._bot.marks,
            "updated_at": iso(self._clock.now()),
        } | more
        content = json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
        self._registry.write("kernel.json", content, writer="rigd.hosts.session")


def mapping_of(entries: Sequence[Entry]) -> str:
    """Return what a session's record says of its table of inverse ETFs; blank without one."""
    notes = (entry.record for entry in entries if isinstance(entry.record, NoteMade))
    return next((note.text for note in notes if note.topic == wiring.MAPPING_NOTE), "")


def without_key_id(check: SelfCheck) -> SelfCheck:
    """Return a check as the journal keeps it: the same in every home that runs the session."""
    if check.name == "key" and check.passed:
        return SelfCheck(name=check.name, passed=True, detail="the key can be read")
    return check


def _package_folder() -> Path:
    return Path(__file__).resolve().parents[1]
