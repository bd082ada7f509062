"""The resident supervisor: one look after another, none of them waits (documents 070 and 090).

Each `look` takes the requests and flags that lie there, keeps the schedule, and notes what the one
worker has finished. The worker runs sessions and closes the account; while it works the bot's state
is its own, and stop and kill belong to the engine, which reads the flags itself. `stopped` is said
only after the broker was seen flat. No strategy runs here (INVENTORY P4).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rigd.access.requests import Inbox, Request
from rigd.access.roles import Action
from rigd.calendar.exchange import exchange_time
from rigd.core.clock import iso
from rigd.core.errors import AccessError, ExitCode, RigdError, StorageError
from rigd.core.events import Command
from rigd.core.lifecycle import BotState, may_follow
from rigd.core.ports import ControlClock
from rigd.hosts.operator_audit import acting, audit
from rigd.hosts.request import SessionRequest
from rigd.hosts.up.schedule import missed, next_launch
from rigd.store.control import ControlFolder, FlagSeen
from rigd.store.locks import SUPERVISOR as WHAT
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.ports import IdSource
    from rigd.hosts.bot_state import BotStateFile
    from rigd.hosts.up.memory import Memory
    from rigd.hosts.up.trader import Outcome

STOP_S = 60.0
"""How long a session may close by itself after a stop, before its process is asked [s]."""
SIGNAL_S = 15.0
"""How long it may then take before the kill flag is raised [s]; that ends it (JUPYTER §7)."""
_FIRST = (BotState.INITIALIZE, BotState.BOOTSTRAPPING, BotState.REGISTRATION)
_VIA = (BotState.STARTED, BotState.GRACEFUL_CLOSING, BotState.EMERGENCY_CLOSING)
OURS = "rigd test"
"""Who raises flags of tests and runs them itself."""
RECOVERY = "recovery"
TEST = "test"
RETRY_S = 60.0
"""How long after a close that failed the flag that lies there is obeyed again [s]."""
SLOW_S = 1.0
"""How often users and schedule are looked at [s]."""


class Trader(Protocol):
    """The bot, as of `rigd.hosts.up.trader.BotTrader`."""

    @property
    def settings(self) -> Settings:
        """The settings as they lie there now."""
        ...

    @property
    def is_simulated(self) -> bool:
        """Tell whether its broker is the simulated one."""
        ...

    @property
    def engine_lives(self) -> bool:
        """Tell whether an engine lives that another process started."""
        ...

    def forbids_start(self) -> str:
        """Return what keeps every session from a start."""
        ...

    def unfinished(self) -> SessionRequest | None:
        """Return what was asked of a session that has no end, and an engine or orders."""
        ...

    def run(self, request: SessionRequest) -> Outcome:
        """Run one session."""
        ...

    def close(self, why: str, *, kill: bool) -> Outcome:
        """Close the account; return when it is flat."""
        ...

    def ask_to_stop(self, why: str) -> None:
        """Ask the engine for a graceful end."""
        ...

    def signal_kernel(self) -> None:
        """Ask the engine's own process."""
        ...

    def ask_to_kill(self, why: str) -> None:
        """Raise the kill flag."""
        ...


class Worker(Protocol):
    """Does one piece of work at a time."""

    @property
    def busy(self) -> bool:
        """Tell whether it works, or has a result that nobody took."""
        ...

    def begin(self, work: Callable[[], Outcome]) -> None:
        """Begin; only when it is not busy."""
        ...

    def result(self) -> Outcome | None:
        """Return the result once; None while it works, or has none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the supervisor reaches the rest through.

    Parameters
    ----------
    trader, worker
        The bot, and who works for it.
    inbox
        The requests of the panel.
    do
        Does what a request asks for, as `rigd.hosts.up.desk.do`.
    authority
        Returns the name of whoever a log-in's digest belongs to, when they may do this now;
        AccessError otherwise.
    nobody
        Tells whether there is no user yet.
    run_test
        Starts the tests whose flags lie there; True when one could be started.
    keep_keys
        Exchanges the keys where the users changed; called while no session runs.
    tell
        Tells a person at the console.
    """

    trader: Trader
    worker: Worker
    inbox: Inbox
    do: Callable[[Home, Request, ControlClock], str]
    authority: Callable[[str, Action], str]
    nobody: Callable[[], bool]
    run_test: Callable[[], bool]
    keep_keys: Callable[[], None]
    tell: Callable[[str], None]


class Resident:
    """The supervisor of one home; the caller holds its locks.

    Parameters
    ----------
    home, clock, ids
        Whose, the control clock and the source of nonces.
    doors
        Everything else that it uses.
    memory
        What it knows over a restart.
    state
        Where the bot's state is published: this object and the worker's are one.
    at_once
        Whether Start runs a session of the sample now; else it arms the schedule.
    speed
        How fast sessions of the sample run [market seconds per second]; 0 for as fast as possible.
    """

    def __init__(
        self,
        home: Home,
        clock: ControlClock,
        ids: IdSource,
        doors: Doors,
        memory: Memory,
        state: BotStateFile,
        *,
        at_once: bool,
        speed: float = 0.0,
    ) -> None:
        self._request = SessionRequest(speed=speed)
        self._home = home
        self._clock = clock
        self._doors = doors
        self._memory = memory
        self._state = state
        self._at_once = at_once
        self._flags = ControlFolder(home.control, clock, ids, key=doors.inbox.mac_key)
        self._seen: dict[str, FlagSeen] = {}
        self._asked_to_end = 0
        self._steps: list[tuple[float, Callable[[], None]]] = []
        self._session = self._dry = False
        self._then: list[str] = []
        self._person_ended = False
        self._next_slow = self._next_close = float("-inf")

    @property
    def over(self) -> bool:
        """Tell whether it has ended: nothing runs, and the state is `shutdown`."""
        return self._state.state is BotState.SHUTDOWN

    def begin(self) -> None:
        """Come to rest where the last supervisor left, or take up what it left unfinished.

        A stop or kill that lies there is obeyed before anything else; the flag of a start or a test
        that is old starts nothing (FAULTS K12).
        """
        if self._state.state is None:
            self._state.step(BotState.INITIALIZE)
        for name in self._flags.tests():
            if self._flags.test_fields(name)["source"] != OURS:
                self._drop_test(name, "it lay there before the supervisor started")
        self._drop_ours()
        asked = [seen for seen in self._flags.pending() if seen.command is not Command.START]
        unfinished, lives = self._doors.trader.unfinished(), self._doors.trader.engine_lives
        goes_on = lives or (not asked and self._memory.known.rest == BotState.IDLE)
        if unfinished is not None and goes_on:
            self._launch(unfinished, RECOVERY, by=WHAT)
        elif asked:
            self._obey(asked[0])
        elif unfinished is not None:
            self._close("a session was left unfinished", kill=False)
        else:
            self._rest()

    def look(self) -> None:
        """Look at everything once."""
        if self._asked_to_end and not self._doors.worker.busy:
            self._go_down()
            return
        self._finish()
        self._escalate()
        for request in self._doors.inbox.take():
            self._answer(request)
        self._look_at_flags()
        now = self._clock.monotonic()
        if self._asked_to_end or self._doors.worker.busy or now < self._next_slow:
            return
        self._next_slow = now + SLOW_S
        self._catch_up()
        if self._state.state is BotState.REGISTRATION and not self._doors.nobody():
            self._rest()
        self._doors.keep_keys()
        self._look_at_tests()
        self._keep_schedule()

    def fail(self, reason: str) -> None:
        """Stand still after a defect of this program; a session that runs goes on by itself."""
        if not self._doors.worker.busy:
            self._keep_known(rest=BotState.ERROR.value, reason=reason, armed=False, next_at="")
            self._rest()

    def ask_to_end(self) -> None:
        """Close what runs and end; asked once more, close it at once."""
        self._asked_to_end += 1
        if not self._session or not self._doors.worker.busy:
            return
        trader = self._doors.trader
        if self._asked_to_end == 1:
            trader.ask_to_stop("the supervisor was asked to end")
            now = self._clock.monotonic()
            kill = "it did not close within the time it has"
            self._steps = [
                (now + STOP_S, trader.signal_kernel),
                (now + STOP_S + SIGNAL_S, lambda: trader.ask_to_kill(kill)),
            ]
        else:
            self._steps = []
            trader.ask_to_kill("the supervisor was asked to end twice")

    # Rest, and the way down.

    def _rest(self) -> None:
        """Publish the state that the bot rests in while no session runs."""
        known = self._memory.known
        if known.rest != BotState.IDLE:
            self._settle(BotState(known.rest))
        elif self._state.state in _FIRST and self._doors.nobody():
            self._settle(BotState.REGISTRATION)
        elif self._at_once or known.armed:
            self._settle(BotState.IDLE)
        else:
            self._memory.change(rest=BotState.STOPPED.value, reason="it was never started")
            self._settle(BotState.STOPPED)

    def _keep_known(self, **fields: object) -> None:
        """Keep what is known, on a disk that refuses in this process alone until it does not."""
        try:
            self._memory.change(**fields)
        except StorageError as error:
            self._doors.tell(f"not written yet: {error.message}")

    def _catch_up(self) -> None:
        """Write and publish what the disk refused before."""
        self._memory.save()
        rest = BotState(self._memory.known.rest)
        if rest is not BotState.IDLE and self._state.state is not rest:
            self._rest()

    def _settle(self, state: BotState) -> None:
        """Publish a state, over one between where the table asks for one."""
        now = self._state.state
        if now is state:
            return
        if now is not None and not may_follow(now, state):
            over = [via for via in _VIA if may_follow(now, via) and may_follow(via, state)]
            self._state.step(over[0] if over else BotState.ERROR)
        self._state.step(state)

    def _go_down(self) -> None:
        self._drop_ours()
        self._state.step(BotState.SHUTDOWN_TRIGGERED)
        self._state.step(BotState.SHUTDOWN)

    def _escalate(self) -> None:
        while self._steps and self._clock.monotonic() >= self._steps[0][0]:
            self._steps.pop(0)[1]()

    # The worker.

    def _launch(self, request: SessionRequest, trigger: str, *, by: str, day: str = "") -> None:
        self._memory.record("begun", trigger=trigger, by=by, day=day)
        self._session, self._person_ended, self._dry = True, False, trigger == TEST
        self._doors.worker.begin(lambda: self._doors.trader.run(request))

    def _close(self, why: str, *, kill: bool, by: str = "") -> None:
        closing = BotState.EMERGENCY_CLOSING if kill else BotState.GRACEFUL_CLOSING
        if self._state.state in {BotState.IDLE, BotState.STARTED} or kill:
            with suppress(StorageError):  # a full disk keeps no way out closed
                self._settle(closing)
        self._session = False

        def close() -> Outcome:
            with acting(by):
                return self._doors.trader.close(why, kill=kill)

        self._doors.worker.begin(close)

    def _finish(self) -> None:
        """Note what the worker has finished; a bot that is not idle waits for a new Start."""
        done = self._doors.worker.result()
        if done is None:
            return
        if self._session:
            with suppress(StorageError):  # `_catch_up` tries again
                self._memory.record(
                    "ended",
                    session=done.session,
                    state=done.state.value,
                    exit_code=done.exit_code,
                    text=done.text,
                )
        closing, dry = not self._session, self._dry
        self._session, self._dry, self._steps = False, False, []
        self._keep(done, dry=dry)
        if done.state is BotState.STOPPED:
            self._drop_obeyed(by_kill=done.exit_code in {ExitCode.KILLED, ExitCode.HALTED})
        elif done.state is BotState.ERROR and closing:
            self._next_close = self._clock.monotonic() + RETRY_S
        if self._asked_to_end:
            return
        self._rest()
        waiting, self._then = self._then, []
        if waiting and self._state.state is BotState.IDLE:
            self._launch(self._request, "start", by=waiting[0])

    def _keep(self, done: Outcome, *, dry: bool) -> None:
        """Keep what the bot rests in from now on; a dry run changes nothing of it."""
        ours = bool(self._asked_to_end) and not self._person_ended
        if dry:
            return
        if done.state is BotState.IDLE or (ours and (not done.exit_code or not done.session)):
            self._keep_known(rest=BotState.IDLE.value, reason="")  # our own stop is nobody's
            return
        self._keep_known(
            rest=done.state.value,
            reason=done.text,
            armed=False,
            by="",
            since="",
            next_day="",
            next_at="",
        )
        self._doors.tell(f"{done.state}: {done.text}")

    def _drop_obeyed(self, *, by_kill: bool) -> None:
        """Remove the flags that the flat account has answered; a kill latches, a stop does not."""
        for seen in self._flags.pending():
            if seen.command is Command.STOP or (by_kill and seen.command is Command.KILL):
                self._flags.consume(seen)

    def _drop_ours(self) -> None:
        """Remove the stop that a supervisor raised for its own end: no session is left for it."""
        for seen in self._flags.pending():
            if seen.source == WHAT and seen.command is Command.STOP:
                self._flags.consume(seen)

    # Requests and flags.

    def _answer(self, request: Request) -> None:
        """Do what a request asks for, when whoever asks may do it now; answer and note it."""
        try:
            if request.refused:
                raise AccessError(request.refused)
            self._require(request.session, request.action, request.by)
            text = self._doors.do(self._home, request, self._clock)
        except RigdError as error:
            self._note("request_refused", request.by, action=request.action, reason=error.message)
            self._doors.inbox.answer(request.number, str(error), done=False)
        else:
            self._doors.inbox.answer(request.number, text, done=True)

    def _require(self, session: str, action: Action, by: str) -> None:
        name = self._doors.authority(session, action)
        if name != by:
            msg = f"a request must be in the name of its log-in, {name}, was {by}"
            raise AccessError(msg)

    def _look_at_flags(self) -> None:
        """Obey start, and what the engine can not: stop and kill while no session runs."""
        if not self._doors.worker.busy:
            self._drop_ours()
        pending = {seen.file: seen for seen in self._flags.pending()}
        for file, seen in self._seen.items():
            if file not in pending:
                if self._session and seen.source != WHAT:
                    self._note(f"{seen.command}_taken", seen.by, file=file, signed=seen.signed)
                self._doors.inbox.answer(seen.nonce, f"{seen.command} was taken", done=True)
        self._seen = {}
        for file, seen in pending.items():
            if seen.command is Command.START:
                if not self._is_ending(seen):
                    self._flags.consume(seen)
                    self._start(seen)
            elif self._doors.worker.busy:
                self._seen[file] = seen
                self._person_ended |= seen.source != WHAT
            elif self._clock.monotonic() >= self._next_close:
                self._obey(seen)

    def _is_ending(self, seen: FlagSeen) -> bool:
        """Tell whether a start has to wait: the account is flat, the session is being put away."""
        return (
            not seen.refused and self._doors.worker.busy and self._state.state is BotState.STOPPED
        )

    def _obey(self, seen: FlagSeen) -> None:
        """Obey a stop or kill while no session runs; its flag lies until the account is flat."""
        state = self._state.state
        kill = seen.command is Command.KILL
        if not kill:  # a kill writes its own row
            with suppress(StorageError):  # as in `_close`
                self._note("stop_obeyed", seen.by, file=seen.file, signed=seen.signed)
        if not kill and state in {BotState.STOPPED, BotState.ERROR}:
            self._flags.consume(seen)
            self._doors.inbox.answer(seen.nonce, f"it is {state} already", done=True)
            return
        self._seen[seen.file] = seen
        self._close(seen.why or f"{seen.file} was raised", kill=kill, by=seen.by)

    def _start(self, seen: FlagSeen) -> None:
        refused = seen.refused or self._forbids(seen)
        event = "start_refused" if refused else "start_obeyed"
        self._note(event, seen.by, file=seen.file, signed=seen.signed, reason=refused or seen.why)
        if refused:
            self._doors.inbox.answer(seen.nonce, refused, done=False)
            return
        self._memory.change(rest=BotState.IDLE.value, reason="")
        if self._at_once:
            self._settle(BotState.IDLE)
            unfinished = self._doors.trader.unfinished()
            if unfinished is None:
                self._launch(self._request, "start", by=seen.by)
            else:
                self._then = [seen.by]
                self._launch(unfinished, RECOVERY, by=seen.by)
            text = "a session of the sample runs now"
        else:
            self._arm(seen.by)
            self._settle(BotState.IDLE)
            text = "the schedule is armed"
        self._doors.inbox.answer(seen.nonce, text, done=True)

    def _arm(self, by: str) -> None:
        """Arm the schedule; the days before this one are nobody's to miss."""
        now = self._clock.now()
        before = (exchange_time(now).date() - timedelta(days=1)).isoformat()
        done = max(self._memory.known.done, before)
        self._memory.change(armed=True, by=by, since=iso(now), done=done)
        self._next_slow = float("-inf")

    def _forbids(self, seen: FlagSeen) -> str:
        """Return why a start that is fresh is refused all the same; blank when it is not."""
        try:
            if seen.session:
                live = not self._doors.trader.is_simulated
                action = Action.START_LIVE if live else Action.START
                self._require(seen.session, action, seen.by)
            if self._asked_to_end:
                return "the supervisor ends"
            if self._doors.worker.busy:
                return "a session runs, or the account is being closed"
            if self._state.state is BotState.ERROR and not seen.why.strip():
                return "a start after an error must say what was found and mended, found nothing"
            return self._doors.trader.forbids_start()
        except RigdError as error:
            return str(error)

    def _note(self, event: str, by: str, **fields: object) -> None:
        with Registry(self._home) as registry, acting(by or "file"):
            audit(registry, self._clock, event, fields)

    # Tests and the schedule.

    def _look_at_tests(self) -> None:
        """Run what a flag of TEST_MODE asks for; one of the panel by somebody who may still."""
        for name in self._flags.tests():
            fields = self._flags.test_fields(name)
            if fields["source"] == OURS:
                continue
            try:
                if fields["session"]:
                    self._require(fields["session"], Action.RUN_TESTS, fields["by"])
            except RigdError as error:
                self._drop_test(name, error.message)
                continue
            self._note("test_obeyed", fields["by"], test=name or "full")
            if name:
                begun = self._doors.run_test()
                text = "it runs, see test_mode.log" if begun else "another test runs"
                self._doors.inbox.answer(fields["nonce"], text, done=begun)
                if not begun:
                    self._flags.take_tests(name)
                return
            self._doors.inbox.answer(fields["nonce"], "the dry run begins", done=True)
            self._launch(self._request, TEST, by=fields["by"])
            return

    def _drop_test(self, name: str, why: str) -> None:
        fields = self._flags.test_fields(name)
        self._flags.take_tests(name)
        self._note("test_refused", fields["by"], test=name or "full", reason=why)
        self._doors.inbox.answer(fields["nonce"], why, done=False)

    def _keep_schedule(self) -> None:
        """Launch the day's session when it is due; record what nobody could launch."""
        known, now = self._memory.known, self._clock.now()
        at_rest = self._state.state is BotState.IDLE and not self._doors.worker.busy
        if not known.armed or not at_rest:
            return
        try:
            settings = self._doors.trader.settings
            if known.done_day is not None:
                for each in missed(settings, now, known.done_day):
                    day = each.day.day.isoformat()
                    why = "nobody launched it in time" if each.fits else "no window fits"
                    self._memory.record("missed", trigger="schedule", day=day, text=why)
                    self._memory.change(done=day)
            launch = next_launch(settings, now, self._memory.known.done_day)
        except RigdError as error:
            self._memory.change(
                rest=BotState.ERROR.value, reason=error.message, armed=False, next_at=""
            )
            self._rest()
            return
        day = launch.day.day.isoformat()
        if not launch.is_due(now):
            self._memory.change(next_day=day, next_at=iso(launch.at))
        elif (unfinished := self._doors.trader.unfinished()) is not None:
            self._launch(unfinished, RECOVERY, by=known.by)
        else:
            self._memory.change(done=day)
            self._launch(self._request, "schedule", by=known.by, day=day)
