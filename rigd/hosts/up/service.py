"""``rigd up``: the resident process. Locks, then everything it keeps, then one look after another.

Only one owns a home: the lock is taken before anything is loaded that takes time, so that a second
start is refused at once. The loop is one of the two outermost ones: an exception in a look is
written, the bot's state is `error`, and the watch goes on.
"""

from __future__ import annotations

import os
import secrets
import traceback
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.errors import ErrorType, StorageError
from rigd.core.lifecycle import BotState
from rigd.core.redaction import redact
from rigd.store.files import make_folder, remove
from rigd.store.lease import Beat, Phase
from rigd.store.locks import SUPERVISOR, SessionLock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rigd.core.ports import ControlClock, IdSource
    from rigd.hosts.bot_state import BotStateFile
    from rigd.hosts.panel.listening import Listening
    from rigd.hosts.up.memory import Memory
    from rigd.hosts.up.panel import PanelKeeper
    from rigd.hosts.up.resident import Resident
    from rigd.hosts.up.trader import BotTrader
    from rigd.store.paths import Home

LOOK_S = 0.1
BEAT_S = 1.0
BEAT_LIFE_S = 10.0
TOKEN_S = 9 * 60.0
"""How often a token for the first user is drawn anew [s]: one is good for ten minutes."""


def serve(
    home: Home,
    inherited: Mapping[str, str],
    clock: ControlClock,
    ids: IdSource,
    *,
    tell: Callable[[str], None],
    panel_port: int,
    health_port: int,
    panel_command: Sequence[str] = (),
    with_panel: bool = True,
    on_schedule: bool = False,
    speed: float = 0.0,
    listening: Listening | None = None,
) -> None:
    """Be the supervisor of a home until asked to end (SIGTERM, SIGINT, SIGHUP).

    Parameters
    ----------
    home, inherited
        Whose, and this process's environment.
    clock, ids
        The control clock and the source of nonces.
    tell
        Called with what a person should know.
    panel_port, health_port
        Ports on loopback; 0 for any, of the health port.
    panel_command
        What is run as the panel; the product's own without it.
    with_panel
        Whether there is a panel.
    on_schedule
        Whether Start arms the schedule in the TEST profile too, which else runs a session now.
    speed
        How fast sessions of the sample run [market seconds per second]; 0 for as fast as possible.
    listening
        Where the panel listens; on loopback without it. Whether that is safe was asked before.

    Raises
    ------
    AlreadyRunning
        If another supervisor, or a session in the foreground, owns the bot.
    RigdError
        If the home cannot be served: nothing was started.
    """
    _make_writable(home)
    with SessionLock(home.resident_lock, what=SUPERVISOR, clock=clock), ExitStack() as stack:
        from rigd.hosts.panel.listening import Listening  # noqa: PLC0415 - after the lock
        from rigd.hosts.supervisor import interrupts  # noqa: PLC0415 - after the lock

        received = stack.enter_context(interrupts())
        parts = _Parts(home, inherited, clock, ids, tell)
        stack.callback(remove, home.resident_lease)
        beat = Beat(home.resident_lease, clock, life_s=BEAT_LIFE_S)
        resident = parts.open(stack, on_schedule=on_schedule, health_port=health_port, speed=speed)
        where = listening or Listening()
        panel = parts.panel(stack, panel_port, panel_command, where) if with_panel else None
        parts.greet(where.url(panel_port) if with_panel else "")
        guarded = _Guarded(home, clock, resident, tell)
        guarded.do(resident.begin)
        next_beat = float("-inf")
        while True:
            if (now := clock.monotonic()) >= next_beat:
                next_beat = now + BEAT_S
                with suppress(StorageError):
                    beat.beat(Phase.WATCHING)
                guarded.do(parts.offer_registration)
            if panel is not None:
                guarded.do(panel.look)
            while received:
                received.pop()
                guarded.do(resident.ask_to_end)
            guarded.do(resident.look)
            if guarded.over:
                return
            clock.sleep(LOOK_S)


def _make_writable(home: Home) -> None:
    """Make the folder of the control files, or say which home cannot be written."""
    try:
        make_folder(home.control)
    except StorageError as error:
        msg = f"the home {home.root} must be a folder that can be written: {error.message}"
        fix = "let RIGD_HOME name a folder of yours; rigd doctor"
        raise StorageError(msg, errno=error.errno, fix=fix) from error


class _Guarded:
    """Calls what must not end the watch; the same failure is written once."""

    def __init__(
        self,
        home: Home,
        clock: ControlClock,
        resident: Resident,
        tell: Callable[[str], None],
    ) -> None:
        self._home = home
        self._clock = clock
        self._resident = resident
        self._tell = tell
        self._written: set[str] = set()

    @property
    def over(self) -> bool:
        return self._resident.over

    def do(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Exception as error:  # noqa: BLE001 - the supervisor's outermost loop
            text = redact(f"{type(error).__name__}: {error}")
            if fix := getattr(error, "fix", ""):
                text += f"; next: {fix}"
            if text not in self._written:
                self._written.add(text)
                with suppress(Exception):
                    self._tell(f"the supervisor goes on after {text}")
                with suppress(Exception):
                    self._write(error)
                with suppress(Exception):
                    self._resident.fail(text)

    def _write(self, error: Exception) -> None:
        text = redact("".join(traceback.format_exception(error)))[-4000:]
        _note(self._home, self._clock, "SUPERVISOR", text, "a look of the supervisor")


def _note(home: Home, clock: ControlClock, code: str, text: str, context: str) -> None:
    """Append a row about what the supervisor keeps to its log."""
    from rigd.hosts.launch import note_trouble  # noqa: PLC0415 - for the rare case

    row = {
        "timestamp": iso(clock.now()),
        "strategy": "",
        "broker": "",
        "error_type": ErrorType.LOGIC.value,
        "error_code": code,
        "raw_exception": text,
        "context": context,
    }
    note_trouble(home, row)


class _Parts:
    """Opens what the supervisor keeps, in the order in which it is needed."""

    def __init__(
        self,
        home: Home,
        inherited: Mapping[str, str],
        clock: ControlClock,
        ids: IdSource,
        tell: Callable[[str], None],
    ) -> None:
        from rigd.hosts.bot_state import BotStateFile  # noqa: PLC0415 - after the lock
        from rigd.hosts.up.memory import Memory  # noqa: PLC0415 - after the lock
        from rigd.hosts.up.trader import BotTrader  # noqa: PLC0415 - after the lock

        self._home, self._inherited, self._clock, self._ids = home, inherited, clock, ids
        self._tell = tell
        self.state: BotStateFile = BotStateFile(home)
        self.memory: Memory = Memory(home, clock)
        self.trader: BotTrader = BotTrader(home, clock, ids, self.state)
        self._next_token = float("-inf")

    def open(
        self, stack: ExitStack, *, on_schedule: bool, health_port: int, speed: float
    ) -> Resident:
        """Set the bot up, own it, publish keys, answer on the health port."""
        from rigd.access.requests import Inbox  # noqa: PLC0415 - after the lock
        from rigd.core.values import Profile  # noqa: PLC0415 - after the lock
        from rigd.hosts.up import access, desk, test_runs  # noqa: PLC0415 - after the lock
        from rigd.hosts.up.resident import Doors, Resident  # noqa: PLC0415 - after the lock
        from rigd.hosts.up.server import HealthPort  # noqa: PLC0415 - after the lock
        from rigd.hosts.up.worker import ThreadWorker  # noqa: PLC0415 - after the lock
        from rigd.vault.sealed_box import BoxKey  # noqa: PLC0415 - after the lock

        self.trader.set_up()
        self.memory.profile = self.trader.profile.value
        self.trader.own()
        stack.callback(self.trader.release)
        inbox = Inbox(self._home, self._clock, BoxKey(), secrets.token_bytes)
        inbox.open()
        stack.callback(inbox.close)
        port = stack.enter_context(HealthPort(self._home, self._clock, health_port)).port
        self.memory.change(health_port=port)
        runs = test_runs.TestRuns(self._home, self._inherited)
        stack.callback(runs.end)
        users = access.Access(self._home, self._clock, self._tell)
        self._access = users
        doors = Doors(
            trader=self.trader,
            worker=ThreadWorker(),
            inbox=inbox,
            do=desk.do,
            authority=users.authority,
            nobody=users.nobody,
            run_test=runs.begin,
            keep_keys=users.keep_keys,
            tell=self._tell,
        )
        at_once = self.trader.profile is Profile.TEST and not on_schedule
        return Resident(
            self._home,
            self._clock,
            self._ids,
            doors,
            self.memory,
            self.state,
            at_once=at_once,
            speed=speed,
        )

    def panel(
        self, stack: ExitStack, port: int, command: Sequence[str], listening: Listening
    ) -> PanelKeeper:
        """Keep the panel; one that a killed supervisor left is ended first."""
        from rigd.config.sources import checkout  # noqa: PLC0415 - after the lock
        from rigd.hosts.up import panel as host  # noqa: PLC0415 - after the lock

        host.end_former(self.memory)
        host.require_free(port, listening.address)
        self.memory.change(panel_port=port)
        variables = host.environment(self._inherited, self._home)
        line = list(command) or host.command(port, listening)
        keeper = host.PanelKeeper(
            lambda: host.Panel(line, variables, checkout()),
            self._clock,
            self.memory,
            self._tell,
            lambda told: _note(self._home, self._clock, "PANEL_HUNG", told, "the panel's keeper"),
        )
        stack.callback(keeper.end)
        return keeper

    def greet(self, panel: str) -> None:
        """Say who runs and where it answers."""
        known = self.memory.known
        self._tell(f"supervisor of {self._home.root}, process {os.getpid()}; Ctrl-C ends it")
        if panel:
            self._tell(f"panel:  {panel}")
        self._tell(f"health: http://127.0.0.1:{known.health_port}/health")

    def offer_registration(self) -> None:
        """Print a token for the first user, again before it is too old, while there is none."""
        now = self._clock.monotonic()
        if now < self._next_token or self.state.state is not BotState.REGISTRATION:
            return
        self._next_token = now + TOKEN_S
        if (token := self._access.offer_registration()) is not None:
            self._tell(f"register the first admin with this token, good for 10 minutes: {token}")
