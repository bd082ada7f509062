"""One seed: a broker, a disk, people, and processes that come and go over one exchange day."""

from __future__ import annotations

import traceback
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import BrokerError, ConfigError, LedgerError, LogicError, StorageError
from rigd.core.events import SessionClosed, to_fields
from rigd.core.values import BotIdentity, Profile
from rigd.hosts import replay, wiring
from rigd.hosts.simulate import days
from rigd.hosts.simulate.disk import Crash, Disk
from rigd.hosts.simulate.editors import Editors
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.hostile import Hostile
from rigd.hosts.simulate.oracle import Oracle, Violated, Violation
from rigd.hosts.simulate.trace import Trace
from rigd.hosts.simulate.users import SimClock, Users
from rigd.hosts.simulate.venue import Venue
from rigd.hosts.simulate.wire import ACCOUNT, NAME, ChaosBroker
from rigd.ledger.book import Ledger
from rigd.ledger.entries import AccountInfo
from rigd.ledger.verify import verify
from rigd.risk.kill_switch import reset
from rigd.store.chainlog import genesis_hash, link
from rigd.store.database import open_in_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping
    from datetime import date, datetime

    from rigd.core.events import Entry
    from rigd.core.orders import Fill, OrderRequest
    from rigd.core.values import MarketSlice
    from rigd.hosts.simulate.disk import SimJournal
    from rigd.hosts.simulate.swarm import Options

_T = TypeVar("_T")

IDENTITY = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
BOOKS = AccountInfo(
    broker=NAME, account_id=ACCOUNT, currency="USD", entity="RIGD", jurisdiction="USA"
)
LOOK_S = 0.25
"""How much time passes when the engine is asked for a minute's next step [s]."""

JUMPS_S = (2, 20, 3600, 86_400)
"""How far a wall clock may jump [s]."""

MAX_PROCESSES = 60
"""A bot that was started so often and still has not ended its session never will."""


class SimWorld:
    """Everything that outlives a process, and the loop that starts the next one.

    Parameters
    ----------
    options
        The seed.
    keep_trace
        Whether the trace's lines are kept beside its hash.
    dropped
        Occurrences of faults that do not happen.
    """

    def __init__(
        self,
        options: Options,
        *,
        keep_trace: bool = False,
        dropped: frozenset[tuple[Fault, int]] = frozenset(),
    ) -> None:
        self.options = options
        self.trace = Trace(keep=keep_trace)
        self.plan = FaultPlan(options.seed, options.rates, dropped)
        self.day = days.exchange_day(options.day)
        self.length = min(self.day.minutes, options.minutes)
        self.quiet_from = options.quiet_from + (self.length if options.quiet_from < 0 else 0)
        bars = days.true_bars(options, self.day)
        self.feed = days.ChaosFeed(self.day, bars, self.plan, self.quiet_from)
        self.venue = Venue(
            days.minutes_of(bars, self.length),
            self.day.open,
            self.day.close,
            options.personality,
            self.plan,
            self.trace,
        )
        self.trace.at(self.day.open)
        self.clock = SimClock(self.day.open)
        self.key = f"{options.day.isoformat()}_1"
        self.disk = Disk(self.key, self.plan, self.trace, self.may_crash)
        self.oracle = Oracle(self)
        self.users = Users(self.plan, self.trace, self.oracle.flag_raised)
        self.editors = Editors(self.plan, self.trace, options.settings)
        self.hostile = Hostile(self.plan)
        self.epoch = 0
        self.processes = 0
        self.crashes = 0
        self.phases: Counter[str] = Counter()
        """In which states of the bot a process died, and a kill was asked for."""
        self.executions: dict[str, Fill] = {}
        self.violation: Violation | None = None
        self._starting = False
        self._finished = False

    def run(self) -> SimWorld:
        """Run the session to its end or to the first violation."""
        try:
            while not self._finished:
                self._next_process()
            self.oracle.session_over()
        except Violated as found:
            self.violation = found.violation
        finally:
            self.trace.add("end", str(self.violation or "held"))
            self.disk.books.close()
        return self

    def may_crash(self, fault: Fault) -> bool:
        """Tell whether the process dies at this point; a run has a number of deaths."""
        if self.crashes >= self.options.crashes or not self.plan.fires(fault):
            return False
        self.crashes += 1
        self.trace.add("crash", fault)
        self.phases[f"crash in {self.oracle.account.state}"] += 1
        return True

    def sending(self, request: OrderRequest) -> None:
        """Let the oracle see an order before it leaves."""
        self.oracle.sending(request)

    def config_digests(self) -> Collection[str]:
        """Return the digests of every valid whole content that the settings' file ever had."""
        return self.editors.valid

    def has_strangers(self) -> bool:
        """Tell whether somebody else changed the account's positions or cash."""
        return bool(self.venue.foreign or self.venue.corrections)

    def rebuilt_books(self) -> tuple[bytes, bytes]:
        """Return the books made from the journal alone, and the books that were kept."""
        with closing(open_in_memory(lambda _: "")) as connection:
            ledger = Ledger(connection, identity=str(IDENTITY), account=BOOKS)
            for entry in self.disk.entries:
                ledger.post(entry, self.key)
            rebuilt = ledger.canonical_dump()
        kept = Ledger(self.disk.books, identity=str(IDENTITY), account=BOOKS).canonical_dump()
        return rebuilt, kept

    def book_problems(self) -> list[str]:
        """Return what is wrong with the chains and sums of the books."""
        return [str(problem) for problem in verify(self.disk.books)]

    def broken_link(self) -> int:
        """Return the number of the first record that does not fit the chain; 0 when all do."""
        previous = genesis_hash(self.key)
        for entry in self.disk.entries:
            kind, data = type(entry.record).__name__, to_fields(entry.record)
            _, previous = link(previous, entry.seq, entry.at, kind, data)
            if previous != entry.hash:
                return entry.seq
        return 0

    # One process.

    def _next_process(self) -> None:
        self.processes += 1
        self.epoch += 1
        if self.processes > MAX_PROCESSES:
            self._fail("V-4", f"{self.processes} processes and no end")
        self.trace.add("process", str(self.epoch))
        self.oracle.restart()
        self.maybe_reset()
        try:
            self._starting = True
            _complete(self._live())
            self._finished = True
        except Crash:
            self._die(power=self.plan.fires(Fault.POWER_LOSS))
        except (BrokerError, ConfigError, LedgerError, StorageError) as error:
            self.trace.add("exit", f"{type(error).__name__}: {error}")
            if not self.plan.on:
                self._fail("V-4", f"the process ended with {type(error).__name__}: {error}")
            self._die(power=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            self._fail("V-0", f"an error that nothing handles: {error!r} at {place}")
        self.oracle.process_ended()

    def _die(self, *, power: bool) -> None:
        self.disk.lose(power=power)
        minute, opened = divmod(max(self.venue.phase, 0), 2)
        if not opened and self.plan.pick("away", 2):
            self.venue.trade_minute(minute)
            self._learn()

    async def _live(self) -> None:
        """Do what one process does from its start to its end, as the session's host does it."""
        ledger = Ledger(self.disk.books, identity=str(IDENTITY), account=BOOKS)
        journal = self.disk.open_journal()
        books = Books(journal, ledger, self.key)
        if not _is_closed(journal):
            broker = ChaosBroker(
                self.venue, self.plan, self.trace, self, self.may_crash, self.clock.sleep
            )
            await broker.connect()
            journal.on_append = self.oracle.appended
            commands = wiring.command_reader(self.users, self.clock, self.options.settings)
            plan = wiring.Plan(settings=self.options.settings, day=self.day, feed=self.feed)
            session = await wiring.open_session(
                plan,
                self._start(),
                broker,
                journal,
                commands,
                settings_source=self.editors.watch(),
            )
            self.hostile.put_in(session.desk.runners)

            def after_minute(minute: int) -> None:
                books.advance()
                self.oracle.minute_done(minute)

            await replay.run(
                session, self.feed, Market(self), replay.Pace(self.clock, 0.0), after_minute
            )
        books.advance()

    def _start(self) -> wiring.Start:
        return wiring.Start(
            identity=IDENTITY,
            profile=Profile.TEST,
            number=1,
            epoch=self.epoch,
            latch=self.disk.latch,
            save_latch=self.disk.save_latch,
            code_digest="-",
        )

    def maybe_reset(self) -> None:
        """Let an admin release the latch, perhaps while the bot still closes."""
        if self.disk.latch.tripped and self.plan.fires(Fault.USER_RESETS):
            self.disk.latch = reset(self.disk.latch, by="admin", reason="simulated")
            self.trace.add("user", "reset")

    def _learn(self) -> None:
        """Know every execution of the broker's by its key."""
        for fill in self.venue.fills[len(self.executions) :]:
            self.executions[fill.exec_key] = fill

    def _fail(self, invariant: str, text: str) -> None:
        at = self.venue.now.isoformat()
        raise Violated(Violation(invariant=invariant, at=at, text=text))

    # The market, as the replay moves it.

    def open_bar(self, minute: int) -> None:
        """Open a minute at the venue; people act, and from some minute on nothing goes wrong."""
        if minute >= self.quiet_from and self.plan.on:
            self.plan.on = False
            self.trace.add("quiet", str(minute))
        if self._starting:
            self._starting = False
            if self.epoch > 1 and self.may_crash(Fault.CRASH_AT_START):
                raise Crash
        if self.venue.phase < 2 * minute:
            self.users.act()
            self.editors.act()
            self.maybe_reset()
            self._turn_clock()
        self.clock.sleep(LOOK_S)
        self.venue.open_minute(minute)
        self._learn()
        if self.may_crash(Fault.CRASH_IN_MINUTE):
            raise Crash

    def _turn_clock(self) -> None:
        """Set the machine's wall clock to another time."""
        for fault, sign in ((Fault.CLOCK_AHEAD, 1), (Fault.CLOCK_BACK, -1)):
            if self.plan.fires(fault):
                seconds = sign * JUMPS_S[self.plan.pick("jump", len(JUMPS_S))]
                self.clock.jump(seconds)
                self.trace.add("clock", f"{seconds:+d} s")

    def trade_through(self, minute: int) -> None:
        """Trade a minute at the venue."""
        self.venue.trade_minute(minute)
        self._learn()
        self.clock.sleep(LOOK_S)
        if self.may_crash(Fault.CRASH_IN_MINUTE):
            raise Crash

    def end_session(self) -> None:
        """End the session at the venue."""
        self.venue.end()
        self._learn()


class Market:
    """The venue's own time, which `replay.run` moves.

    Parameters
    ----------
    world
        Whose venue it is.
    """

    def __init__(self, world: SimWorld) -> None:
        self._world = world

    def begin_session(self, day: date, number: int, opens: datetime) -> None:
        """Do nothing: the venue is in its one session."""

    def open_bar(self, slice_: MarketSlice) -> None:
        """Let a minute open."""
        self._world.open_bar(slice_.minute)

    def trade_through(self, slice_: MarketSlice) -> None:
        """Let a minute trade to its end."""
        self._world.trade_through(slice_.minute)

    def end_session(self, marks: Mapping[str, float] | None = None) -> None:
        """Fill what is due at the last marks and expire the rest."""
        del marks
        self._world.end_session()


class Books:
    """Carries the journal into the ledger, as the session's host does it.

    Parameters
    ----------
    journal, ledger
        From where to where.
    key
        The session's key.
    """

    def __init__(self, journal: SimJournal, ledger: Ledger, key: str) -> None:
        self._journal = journal
        self._ledger = ledger
        self._key = key
        self._done = 0

    def advance(self) -> None:
        """Carry over what is new; it is made durable in the journal first."""
        entries = self._journal.entries()
        if len(entries) == self._done:
            return
        self._journal.sync()
        for entry in entries[self._done :]:
            self._ledger.post(entry, self._key)
        self._done = len(entries)


def _is_closed(journal: SimJournal) -> bool:
    entries: tuple[Entry, ...] = tuple(journal.entries())
    return bool(entries) and isinstance(entries[-1].record, SessionClosed)


def _complete(coroutine: Coroutine[object, object, _T]) -> _T:
    """Run a coroutine that never waits for anything, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: _T = end.value
        return value
    msg = "a simulated process must not wait for the world outside"
    raise LogicError(msg)
