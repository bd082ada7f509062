"""Close the bot's account with nothing else of rigd working: the way out of every broken state.

The engine is asked first (the kill flag). One that does not obey at once is hung: its process is
ended and proven dead before anything is closed, so that nobody else sends. Then the account is
closed over the broker's port alone. Settings, secrets, books, journal, market data, supervisor and
panel are neither asked nor imported (FAULTS X06-X08).
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.broker import api
from rigd.broker.flatten import PENDING, Flattener, Flattening, Way
from rigd.core.clock import iso
from rigd.core.errors import AlreadyRunning, RigdError, Unavailable
from rigd.core.events import Command
from rigd.core.ids import kill_order_id
from rigd.core.lifecycle import BotState
from rigd.hosts import supervisor
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.broker_door import port_of
from rigd.hosts.kill_trail import KillTrail
from rigd.hosts.latch import note_kill, trip_latch
from rigd.hosts.operator_audit import audit, name
from rigd.hosts.sim_market import open_market
from rigd.risk.kill_switch import Cause
from rigd.store.control import ControlFolder
from rigd.store.lease import Phase, read_lease
from rigd.store.locks import Owner, SessionLock, holders, owner_of
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import ControlClock, IdSource
    from rigd.hosts.kill_access import KillAccess
    from rigd.store.paths import Home

WRITER = "rigd.hosts.kill"
WHAT = "rigd kill"
SIMULATED = "SIM"

OBEY_S = 2.0
"""How long an engine may take to take the kill flag before it counts as hung [s]."""
CLOSE_S = 20.0
"""How long an engine that took the flag may close by itself while its beat goes on [s]."""
OTHER_S = 60.0
"""How long another `rigd kill` may hold the account [s]."""
STEP_S = 0.05
LAUNCHER_S = 5.0
"""How long the end waits for a launcher that is going, to publish the bot's state [s]."""


class Verdict(StrEnum):
    """What may be said of the account."""

    FLAT = "FLAT_VERIFIED"
    PENDING = PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """How a kill ended.

    Parameters
    ----------
    verdict
        FLAT_VERIFIED only when the broker was seen flat, twice.
    account
        What was closed: bot and account.
    closing
        What the broker was asked and answered.
    unwritten
        What could not be written, and why; the kill went on without it.
    """

    verdict: Verdict
    account: str
    closing: Flattening
    unwritten: tuple[str, ...]


class Kill:
    """One kill of one bot.

    Parameters
    ----------
    home, access
        Whose account, and how to reach it.
    clock, ids
        The control clock and the source of nonces.
    tell
        Called with what people must know.
    why
        The reason, for flag, latch and audit log.
    cause
        What the kill switch says of it.
    publish
        Publishes the bot's state; None for the file itself, where no launcher owns it.
    """

    def __init__(
        self,
        home: Home,
        access: KillAccess,
        clock: ControlClock,
        ids: IdSource,
        *,
        tell: Callable[[str], None],
        why: str,
        cause: Cause = Cause.KILLED,
        publish: Callable[[str], None] | None = None,
    ) -> None:
        self._home = home
        self._access = access
        self._clock = clock
        self._ids = ids
        self._tell = tell
        self._why = why
        self._cause = cause
        self._publish = publish
        self._tree = home.bot(access.identity)
        self._lock = SessionLock(self._tree.lock, what=WHAT, clock=clock)
        self._launch_lock = SessionLock(self._tree.launch_lock, what=WHAT, clock=clock)
        self._flags = ControlFolder(home.control, clock, ids)
        self._state = BotStateFile(home)
        self._unwritten: list[str] = []
        self._trail = KillTrail(clock)
        self._began = clock.monotonic()
        self._told_s = float("-inf")

    def run(self, patience_s: float | None = None) -> Killed:
        """Close the account; return when it is verified flat, or the patience is over.

        Parameters
        ----------
        patience_s
            After how long to give up [s]; None for never.

        Returns
        -------
        Killed
            What may be said of the account.
        """
        try:
            return self._run(patience_s)
        finally:
            for lock in (self._lock, self._launch_lock):
                self._write("lock", lock.release)

    def flatten(self) -> Flattening:
        """Close what is open and see the broker flat, twice; nobody trades, nothing is latched.

        Returns
        -------
        Flattening
            Verified; the caller owns the bot, and waits however long it takes.
        """
        if not self._tree.root.exists() or self._never_traded():
            return Flattening(verified=True)
        flattener = self._flattener()
        with self._lock:
            asyncio.run(self._flatten(flattener, None))
        return flattener.outcome

    def _run(self, patience_s: float | None) -> Killed:
        flag_lies = self._write("kill flag", self._raise_flag)
        self._say(BotState.EMERGENCY_CLOSING)
        flattener = self._flattener()
        if self._is_served():
            asyncio.run(flattener.cancel_all())
        until = self._began + patience_s if patience_s is not None else float("inf")
        reason = self._take_over(until, flag_lies=flag_lies)
        if reason:
            flattener.outcome.problem = reason
        else:
            latched = self._write("kill switch", self._latch)
            self._write("defense mode", self._note_kill)
            if not (flag_lies or latched):
                self._end_launcher()
            if self._never_traded():
                return self._end(Flattening(verified=True))
            left = None if patience_s is None else until - self._clock.monotonic()
            asyncio.run(self._flatten(flattener, left))
        return self._end(flattener.outcome)

    def _raise_flag(self) -> None:
        self._flags.raise_flag(Command.KILL, name(), self._why, WHAT)

    def _is_served(self) -> bool:
        return port_of(self._home.sim_broker(self._access.account)) is not None

    def _never_traded(self) -> bool:
        """Tell whether there is no account: neither its truth file nor any session's journal."""
        if not self._is_simulated or self._home.sim_broker(self._access.account).exists():
            return False
        return not self._tree.journals()

    @property
    def _is_simulated(self) -> bool:
        return self._access.identity.broker_code == SIMULATED

    def _flattener(self) -> Flattener:
        bot = str(self._access.identity)
        return Flattener(
            self._open,
            self._clock,
            order_id=lambda symbol: kill_order_id(bot, symbol, self._ids.nonce()),
            tell=self._pending,
            contact=self._access.contact,
        )

    # The owner of the bot.

    def _take_over(self, until: float, *, flag_lies: bool) -> str:
        """Become the bot's one owner: wait for an engine that obeys, end one that does not.

        Parameters
        ----------
        until
            When to give up [s, monotonic].
        flag_lies
            Whether the engine has been asked.

        Returns
        -------
        str
            Blank; who still owns the bot when the patience is over.
        """
        if not self._tree.root.exists():
            return ""
        while True:
            reason = self._try_to_own(flag_lies=flag_lies)
            if not reason or self._clock.monotonic() >= until:
                return reason
            if self._waited() > CLOSE_S:
                self._pending_owner(reason)
            self._clock.sleep(STEP_S)

    def _try_to_own(self, *, flag_lies: bool) -> str:
        """Take the session's lock, or say why not; end an owner that does not obey."""
        try:
            if not self._lock.held:
                self._lock.acquire(nameless=True)
        except AlreadyRunning as error:
            reason, owner = error.message, owner_of(self._tree.lock)
        except RigdError as error:
            self._unwritten.append(f"lock: {error.message}")
            return ""
        else:
            owner = self._engine_without_lock()
            reason = f"{owner} goes on without its lock"
            if owner is None:
                return ""
        if owner is None or self._may_go_on(owner, flag_lies=flag_lies):
            return reason
        if not supervisor.end_process(owner.process):
            return f"{owner} cannot be ended by this user"
        return f"{owner} was hung and is ended"

    def _engine_without_lock(self) -> Owner | None:
        """Return an engine that lives although its lock is ours: somebody removed its lock file."""
        lease = read_lease(self._tree.lease)
        if lease is None or lease.phase is Phase.ENDED or not lease.owner.lives:
            return None
        if lease.owner.pid == os.getpid():
            return None
        return Owner(**asdict(lease.owner), started=lease.at, what="an engine")

    def _may_go_on(self, owner: Owner, *, flag_lies: bool) -> bool:
        """Tell whether the owner of the bot is closing, or about to."""
        waited = self._waited()
        if owner.what == WHAT:
            return waited < OTHER_S
        lease = read_lease(self._tree.lease)
        if lease is None or lease.owner.pid != owner.pid:
            return waited < OBEY_S
        if lease.is_late(self._clock.monotonic()) or not flag_lies:
            return False
        finishing = lease.phase in {Phase.FINISHING, Phase.ENDED}
        taken = finishing or not self._flag_is_pending()
        return waited < (CLOSE_S if taken else OBEY_S)

    def _flag_is_pending(self) -> bool:
        try:
            return any(seen.command is Command.KILL for seen in self._flags.pending())
        except RigdError:
            return True

    def _waited(self) -> float:
        return self._clock.monotonic() - self._began

    def _end_launcher(self) -> None:
        """End the launcher that would start the engine again: nothing on disk keeps it from it."""
        if self._publish is not None or self._launch_lock.held:
            return
        launcher = owner_of(self._tree.launch_lock)
        if launcher is None or not holders(self._tree.launch_lock):
            return
        ended = supervisor.end_process(launcher.process)
        self._pending(f"{launcher} {'is ended' if ended else 'cannot be ended by this user'}")

    # The account.

    async def _flatten(self, flattener: Flattener, patience_s: float | None) -> None:
        try:
            await flattener.run(patience_s)
        finally:
            await flattener.close()

    async def _open(self) -> Way:
        path = self._home.sim_broker(self._access.account)
        code = self._access.identity.broker_code
        if not self._is_simulated:
            api.reach(code, account_id=self._access.account)
        if not path.exists():
            msg = f"the account's truth file must exist, found none: {path.name}"
            raise Unavailable(msg)
        market = open_market(self._home, self._access)
        try:
            reached = api.reach(code, account_id=self._access.account, link=market.link)
            broker = self._trail.follows(reached)
            await broker.connect()
        except BaseException:
            market.close()
            raise
        return Way(broker=broker, play=market.link.fill_at_marks, give_back=market.close)

    # What is left behind, where it can be.

    def _latch(self) -> None:
        if self._tree.root.exists():
            trip_latch(
                self._home,
                self._access.identity,
                self._access.profile,
                cause=self._cause,
                why=self._why or "no reason given",
                at=self._clock.now(),
            )

    def _note_kill(self) -> None:
        """Let the next session begin in defense mode (SPEC §4)."""
        if self._tree.root.exists():
            note_kill(self._home, self._access.identity, self._access.profile)

    def _end(self, closing: Flattening) -> Killed:
        verdict = Verdict.FLAT if closing.verified else Verdict.PENDING
        if self._lock.held:
            self._write("broker_api.log", self._keep_trail)
        self._write("kill.json", lambda: self._result(verdict, closing))
        self._write("operator_audit.log", lambda: self._audit(verdict))
        if closing.verified:
            self._say(BotState.STOPPED, patience_s=LAUNCHER_S)
        return Killed(
            verdict=verdict,
            account=self._access.account,
            closing=closing,
            unwritten=tuple(self._unwritten),
        )

    def _result(self, verdict: Verdict, closing: Flattening) -> None:
        if not self._tree.root.exists():
            return
        fields = {
            "bot": str(self._access.identity),
            "profile": self._access.profile.value,
            "at": iso(self._clock.now()),
            "by": name(),
            "why": self._why,
            "verdict": verdict.value,
            "contact": self._access.contact,
            "problem": closing.problem,
            "first_cancel_s": closing.first_cancel_s,
            "took_s": self._waited(),
            "cancels": closing.cancels,
            "rounds": closing.rounds,
            "closes": closing.closes,
        }
        content = json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
        with Registry(self._home, self._access.identity) as registry:
            registry.write("kill.json", content, writer=WRITER)

    def _keep_trail(self) -> None:
        """Write what was asked and answered; the log has one writer, so only as the bot's owner."""
        access, home = self._access, self._home
        if self._tree.root.exists():
            with Registry(home, access.identity) as registry:
                self._trail.write(
                    registry, access.identity, access.profile, test_mode=home.test_mode
                )

    def _audit(self, verdict: Verdict) -> None:
        fields = {
            "bot": str(self._access.identity),
            "profile": self._access.profile.value,
            "reason": self._why,
            "verdict": verdict.value,
        }
        with Registry(self._home) as registry:
            audit(registry, self._clock, "kill", fields)

    def _say(self, state: BotState, *, patience_s: float = 0.0) -> None:
        """Publish the bot's state: through its owner, or as the owner where there is none."""
        if (publish := self._publish) is not None:
            self._write("bot_state.txt", lambda: publish(state.value))
        elif self._tree.root.exists() and self._owns_launch(patience_s):
            self._write("bot_state.txt", lambda: self._state.write(state.value))

    def _owns_launch(self, patience_s: float) -> bool:
        until = self._clock.monotonic() + patience_s
        while not self._launch_lock.held:
            try:
                self._launch_lock.acquire(nameless=True)
            except AlreadyRunning:
                if self._clock.monotonic() >= until:
                    return False
                self._clock.sleep(STEP_S)
            except RigdError:
                return False
        return True

    def _write(self, what: str, write: Callable[[], None]) -> bool:
        """Write what can be written; what cannot is told at the end and stops nothing."""
        try:
            write()
        except Exception as error:  # noqa: BLE001 - nothing that is left behind may stop a kill
            self._unwritten.append(f"{what}: {error}")
            return False
        return True

    def _pending_owner(self, reason: str) -> None:
        now = self._clock.monotonic()
        if now - self._told_s >= OTHER_S:
            self._told_s = now
            self._pending(f"{PENDING}: {reason}; by hand: {self._access.contact}")

    def _pending(self, text: str) -> None:
        """Tell what people must know; a terminal that is gone stops no kill."""
        with suppress(OSError):
            self._tell(text)
