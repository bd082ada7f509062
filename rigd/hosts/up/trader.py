"""The bot as its resident supervisor has it: set it up, run a session, close its account.

Each call runs in the supervisor's one worker thread and returns when it is over, however long that
takes; nothing here decides when or why.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.config.sources import checkout
from rigd.core.errors import ConfigError, ExitCode, RigdError
from rigd.core.events import Command
from rigd.core.lifecycle import BotState
from rigd.hosts import records
from rigd.hosts.bootstrap import bootstrap, not_bootstrapped
from rigd.hosts.bot import is_provisioned, open_bot
from rigd.hosts.kill import SIMULATED, Kill, Verdict
from rigd.hosts.kill_access import KillAccess, find_access, leave_access
from rigd.hosts.latch import read_latch
from rigd.hosts.launch import AskedToEnd, Latched, Launcher, read_fields
from rigd.hosts.provision import provision_for
from rigd.hosts.request import SessionRequest
from rigd.hosts.supervisor import ask_kernel
from rigd.hosts.watch import Supervision
from rigd.store.control import ControlFolder
from rigd.store.files import make_folder
from rigd.store.hashing import digest_tree
from rigd.store.lease import Phase, read_lease
from rigd.store.locks import SUPERVISOR, SessionLock
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.ports import ControlClock, IdSource
    from rigd.core.values import Profile
    from rigd.hosts.bot import Bot
    from rigd.hosts.bot_state import BotStateFile
    from rigd.hosts.launch import Progress
    from rigd.store.paths import Home

STEP_S = 0.2
OTHER_CODE = "the code was changed since this supervisor started; next: end it, then rigd up again"
"""Supervisor and engine must be of one build (FAULTS K10)."""
NOT_BEGUN = "a stop or kill was asked for before the session began"
"""The bot rests then, and its supervisor obeys the flag as it lies there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a piece of work ended.

    Parameters
    ----------
    state
        What the bot rests in from now on: idle, stopped only when the broker was seen flat, error.
    exit_code
        As the command line's.
    session
        The session's name; blank without one.
    text
        What a person should know.
    """

    state: BotState
    exit_code: int
    session: str
    text: str


class BotTrader:
    """The bot of a home.

    Parameters
    ----------
    home
        Whose.
    clock, ids
        The control clock and the source of nonces.
    state
        Where its state is published.
    """

    def __init__(self, home: Home, clock: ControlClock, ids: IdSource, state: BotStateFile) -> None:
        self._home = home
        self._clock = clock
        self._ids = ids
        self._state = state
        self._code = code_digest()
        self._lock: SessionLock | None = None
        self._launcher: Launcher | None = None

    # What is asked before anything is done.

    @property
    def settings(self) -> Settings:
        """The settings as they lie there now."""
        return self._bot().settings

    @property
    def profile(self) -> Profile:
        """Which kind of bot it is."""
        return self._bot().profile

    @property
    def is_simulated(self) -> bool:
        """Tell whether its broker is the simulated one: no money is at stake."""
        return self._bot().identity.broker_code == SIMULATED

    def forbids_start(self) -> str:
        """Return what keeps every session from a start; blank when nothing does."""
        if code_digest() != self._code:
            return OTHER_CODE
        bot = self._bot()
        latch = read_latch(bot.home.bot(bot.identity).risk_state)
        return _told(Latched(latch.cause, latch.detail)) if latch.tripped else ""

    @property
    def engine_lives(self) -> bool:
        """Tell whether an engine lives that another process started."""
        bot = self._bot()
        lease = read_lease(bot.home.bot(bot.identity).lease)
        return lease is not None and lease.phase is not Phase.ENDED and lease.owner.lives

    def unfinished(self) -> SessionRequest | None:
        """Return what was asked of the newest session without an end that sent orders, or lives."""
        bot, lives = self._bot(), self.engine_lives
        folders = sorted(bot.home.bot(bot.identity).sessions.glob("*_*"), reverse=True)
        for folder in folders:
            path = folder / records.REQUEST
            if records.is_finished(folder) or not path.exists():
                continue
            with suppress(RigdError):
                if lives or records.sent_orders(folder, bot.identity):
                    return SessionRequest.from_json(path.read_text(encoding="utf-8"))
        return None

    # What is done.

    def set_up(self) -> None:
        """Make what a first start makes, through its states; nothing where it exists already."""
        if not is_provisioned(self._home):
            provision_for(self._home, SessionRequest(), self._clock, self._state.step)
        elif not not_bootstrapped(self._home):
            return
        else:  # the first start was cut short
            self._state.step(BotState.INITIALIZE)
        self._state.step(BotState.BOOTSTRAPPING)
        bootstrap(self._bot(), self._clock)

    def own(self) -> None:
        """Own the bot's launch until `release`; AlreadyRunning when somebody else does."""
        bot = self._bot()
        tree = bot.home.bot(bot.identity)
        make_folder(tree.root)
        try:
            find_access(bot.home)
        except ConfigError:  # no session ran yet
            leave_access(bot.home, KillAccess(identity=bot.identity, profile=bot.profile))
        lock = SessionLock(tree.launch_lock, what=SUPERVISOR, clock=self._clock)
        lock.acquire()
        self._lock = lock

    def release(self) -> None:
        """Give the bot's launch back."""
        if self._lock is not None:
            self._lock.release()

    def run(self, request: SessionRequest) -> Outcome:
        """Run one session, its engine watched; what lives of an earlier one is watched first.

        Parameters
        ----------
        request
            What is asked for.

        Returns
        -------
        Outcome
            Of the session, or why it was refused.
        """
        if code_digest() != self._code:
            return Outcome(
                state=BotState.ERROR, exit_code=int(ExitCode.ERROR), session="", text=OTHER_CODE
            )
        try:
            self._await_orphan()
            self._launcher = Launcher(
                self._home, self._clock, self._ids, _ignore, supervised=True, state=self._state
            )
            ended = self._launcher.launch(request)
        except Latched as error:
            return self.close(error.message, kill=False)
        except AskedToEnd:
            return Outcome(
                state=BotState.IDLE, exit_code=int(ExitCode.OK), session="", text=NOT_BEGUN
            )
        except RigdError as error:
            return Outcome(
                state=BotState.ERROR, exit_code=error.exit_code, session="", text=_told(error)
            )
        finally:
            self._launcher = None
        if ended.closed is not None:
            state, text = ended.closed.state, ended.closed.exit_reason
        else:
            flat = ended.exit_code in {ExitCode.HALTED, ExitCode.KILLED}
            state, text = BotState.STOPPED if flat else BotState.ERROR, ended.message
        if request.test_mode or state not in {BotState.STOPPED, BotState.ERROR}:
            state = BotState.IDLE
        return Outcome(state=state, exit_code=ended.exit_code, session=ended.folder.name, text=text)

    def close(self, why: str, *, kill: bool) -> Outcome:
        """Close the account while no session runs; return when the broker was seen flat, twice.

        Parameters
        ----------
        why
            The reason.
        kill
            Whether the kill switch latches too.

        Returns
        -------
        Outcome
            Stopped; error where the way to the account is gone.
        """
        try:
            access = find_access(self._home)
            closing = Kill(
                self._home,
                access,
                self._clock,
                self._ids,
                tell=tell,
                why=why,
                publish=self._state.write,
            )
            flat = closing.run().verdict is Verdict.FLAT if kill else closing.flatten().verified
        except RigdError as error:
            return Outcome(
                state=BotState.ERROR, exit_code=error.exit_code, session="", text=_told(error)
            )
        state = BotState.STOPPED if flat else BotState.ERROR
        text = "the account is flat, verified with the broker" if flat else "NOT verified flat"
        code = ExitCode.KILLED if kill else ExitCode.OK
        return Outcome(state=state, exit_code=int(code), session="", text=f"{why}: {text}")

    # The way out of a session that runs, one step stronger each time; from the main thread.

    def ask_to_stop(self, why: str) -> None:
        """Ask the engine for a graceful end, by a flag; it is not started again."""
        self._raise(Command.STOP, why)

    def signal_kernel(self) -> None:
        """Ask the engine's own process (SIGTERM): it may not see the flag."""
        bot = self._bot()
        lease = read_lease(bot.home.bot(bot.identity).lease)
        if lease is not None and lease.owner.lives:
            ask_kernel(lease.owner.pid)

    def ask_to_kill(self, why: str) -> None:
        """Raise the kill flag; an engine that lets it lie is ended, and its account closed."""
        self._raise(Command.KILL, why)

    def _raise(self, command: Command, why: str) -> None:
        if self._launcher is not None:
            self._launcher.ask_to_end()
        flags = ControlFolder(self._home.control, self._clock, self._ids)
        flags.raise_flag(command, SUPERVISOR, why, SUPERVISOR)

    def _await_orphan(self) -> None:
        """Watch the engine that an earlier supervisor left behind, to its end."""
        bot = self._bot()
        tree = bot.home.bot(bot.identity)
        status = Registry(self._home, bot.identity).path("status.json")
        guard = Supervision(tree, self._clock, life_s=bot.settings.lease_s)
        if not self.engine_lives:
            return
        try:
            while guard.adopt() and not guard.look():
                self._state.write(str(read_fields(status).get("state", "")))
                self._clock.sleep(STEP_S)
        finally:
            guard.end()

    def _bot(self) -> Bot:
        return open_bot(self._home, checkout() / "VERSION.md")


def code_digest() -> str:
    """Return the digest of the package's code, as a session's own record has it."""
    return digest_tree(checkout() / "rigd", "**/*.py")


def tell(text: str) -> None:
    """Tell a person at the console; one that is gone stops nothing."""
    with suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _ignore(_: Progress) -> None:
    """Show no progress: the panel reads status.json."""


def _told(error: RigdError) -> str:
    return f"{error.message}; next: {error.fix}" if error.fix else error.message
