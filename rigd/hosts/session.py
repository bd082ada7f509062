"""Host one session in a notebook's kernel: an own thread and loop for the engine.

A cell that computes, an interrupt or the death of papermill does not cut the engine off in the
middle of closing positions: signals and the parent's death become commands, ``atexit`` waits for
the engine, and the truth about the run is in our own record (JUPYTER §3 and §7).
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout
from rigd.core.clock import SystemClock
from rigd.core.errors import ExitCode, LogicError, RigdError
from rigd.core.events import Command
from rigd.core.ids import SystemIds
from rigd.core.redaction import redact
from rigd.hosts import engine_run, launch_ticket, test_mode, uncaught
from rigd.hosts.bot import is_provisioned, open_bot
from rigd.hosts.finishing import Finished
from rigd.hosts.provision import provision_for
from rigd.hosts.request import SessionRequest
from rigd.hosts.throwaway import throwaway_home
from rigd.reporting import session_view
from rigd.reporting.session_summary import SummaryInputs, session_summary
from rigd.store import manifest
from rigd.store.control import ControlFolder
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from rigd.broker.links import Link
    from rigd.core.events import Entry
    from rigd.core.values import Bar
    from rigd.hosts.bot import Bot
    from rigd.hosts.wiring import Plan

JOIN_S = 0.2
"""How long the main thread waits at a time, so that signal handlers run [seconds]."""
CLOSE_BUDGET_S = 45.0
"""How long the end of the process waits for the engine to close [seconds]."""

_running: dict[Path, SessionHandle] = {}


@dataclass(slots=True)
class _Outcome:
    """What the engine's thread left behind."""

    finished: Finished | None = None
    error: BaseException | None = None


class SessionHandle:
    """A session that runs in this process.

    Parameters
    ----------
    bot
        The bot.
    request
        What was asked for.
    launched
        Whether a launcher seals the record afterwards; else the handle does.
    link, plan
        As of `EngineRun`.

    Raises
    ------
    AccessError
        If the session needs a launch ticket, or says that it was launched, and has none that fits.
    """

    def __init__(
        self,
        bot: Bot,
        request: SessionRequest,
        *,
        launched: bool,
        link: Link | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.bot = bot
        self.request = request
        self._launched = launched
        self._outcome = _Outcome()
        ticket = launch_ticket.redeem(bot) if launched else None
        self._run = engine_run.EngineRun(
            bot, request, SystemClock(), SystemIds(), link=link, plan=plan, ticket=ticket
        )
        self._thread = threading.Thread(target=self._main, name="rigd-engine", daemon=True)
        self._handlers: dict[int, Any] = {}
        self._end_watch: Callable[[], None] = lambda: None

    @property
    def folder(self) -> Path:
        """The session's folder."""
        return self._run.place.folder

    @property
    def entries(self) -> Sequence[Entry]:
        """The journal so far."""
        return self._run.entries()

    @property
    def bars(self) -> dict[str, list[Bar]]:
        """The session's bars per symbol so far."""
        return self._run.bars()

    def start(self) -> None:
        """Start the engine's thread; signals of this process become commands."""
        self._catch_signals()
        atexit.register(self._at_exit)
        self._end_watch = uncaught.watch_cells(self._on_cell_error)
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """Return where the session stands, as status.json shows it."""
        return self._run.status()

    def stop(self, why: str = "asked in the notebook") -> None:
        """Ask for a graceful stop."""
        self._run.commands.ask(Command.STOP, "notebook", why)

    def kill(self, why: str = "asked in the notebook") -> None:
        """Ask for an emergency close."""
        self._run.commands.ask(Command.KILL, "notebook", why)

    def wait(self) -> SessionHandle:
        """Wait for the session's end; an interrupt asks for a graceful stop and waits on.

        Returns
        -------
        SessionHandle
            This handle.

        Raises
        ------
        RigdError
            If the session could not be run; what happened after its start is in its record.
        """
        while self._thread.is_alive():
            try:
                self._thread.join(JOIN_S)
            except KeyboardInterrupt:
                self.stop("interrupted")
        self._release_signals()
        self._end_watch()
        if _running.get(self.bot.home.root) is self:
            del _running[self.bot.home.root]
        if self._outcome.error is not None:
            error = _told(self._outcome.error)
            raise error from None
        return self

    def summary(self) -> str:
        """Return the printed summary of the ended session."""
        finished = self._require_finished()
        return session_summary(
            self.entries,
            SummaryInputs(
                books=finished.books,
                record=_relative(self.folder, self.bot.home.root),
                warnings=finished.warnings,
                next_steps=("rigd verify latest", "rigd why SYMBOL", "rigd ledger export"),
            ),
        )

    def show(self, view: Callable[[Sequence[Entry]], str]) -> str:
        """Return one of `reporting.session_view`'s blocks of this session."""
        return view(self.entries)

    def equity(self) -> str:
        """Return the equity curve as inline SVG."""
        return session_view.equity(self.entries, self.bars)

    def books(self) -> str:
        """Return what the ledger says, as a table."""
        return session_view.books(self._require_finished().facts)

    def seal(self) -> str:
        """Return what the record is sealed with so far, as a table."""
        entries = self.entries
        pairs = (("journal records", str(len(entries))), ("journal head", entries[-1].hash))
        return session_view.seal(pairs)

    def _require_finished(self) -> Finished:
        if self._outcome.finished is None:
            msg = "the session must have ended, it has not"
            raise LogicError(msg, fix="call wait() first")
        return self._outcome.finished

    def _main(self) -> None:
        try:
            self._outcome.finished = asyncio.run(self._run.run())
            if not self._launched:
                manifest.seal(
                    self.folder,
                    {
                        "session": self.folder.name,
                        **self.bot.marks,
                        "books": list(self._outcome.finished.head),
                    },
                    chains=self._run.chains(),
                )
        except BaseException as error:  # noqa: BLE001 - the engine's outermost loop
            self._outcome.error = error
            self._run.note_failure(error)
        if self._launched and self._run.orphaned():
            os._exit(int(ExitCode.INTERRUPTED))  # nobody else will end a kernel without parent

    def _catch_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._on_signal)

    def _release_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        while self._handlers:
            number, handler = self._handlers.popitem()
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        command = Command.STOP if number == signal.SIGINT else Command.SHUTDOWN
        self._run.commands.ask(command, name, f"signal {name}")

    def _on_cell_error(self, error: BaseException, where: str) -> None:
        """Put an error of a cell on record; the engine goes on (document 050)."""
        self._run.commands.report(error, where, fatal=False)

    def _at_exit(self) -> None:
        if self._thread.is_alive():
            self._run.commands.ask(Command.SHUTDOWN, "atexit", "the process ends")
            self._thread.join(CLOSE_BUDGET_S)


def _told(error: BaseException) -> BaseException:
    """Return an error as the notebook may show it: a foreign one in our words, redacted (K20)."""
    if isinstance(error, RigdError) or not isinstance(error, Exception):
        return error
    return LogicError(f"the session ended by {type(error).__name__}: {redact(str(error))}")


def start(home: str, request: str = "", *, launched: bool = False) -> SessionHandle:
    """Start a session in this process, or return the one that runs already.

    Parameters
    ----------
    home
        RIGD_HOME; blank for a throw-away folder.
    request
        A `SessionRequest` as JSON; blank for the built-in sample.
    launched
        Whether `rigd session` started this kernel and seals the record.

    Returns
    -------
    SessionHandle
        Running; call ``wait()``.
    """
    place = Home(Path(home or throwaway_home()).expanduser().absolute())
    running = _running.get(place.root)
    if running is not None:
        return running
    wanted = SessionRequest.from_json(request) if request else SessionRequest()
    clock, ids = SystemClock(), SystemIds()
    if launched:
        outputs = place.dry if wanted.test_mode else place
    else:
        flags = ControlFolder(place.control, clock, ids)
        wanted = test_mode.latched(flags, wanted)
        outputs = test_mode.begin(place, flags) if wanted.test_mode else place
    if not is_provisioned(place):
        provision_for(place, wanted, clock)
    bot = open_bot(outputs, checkout() / "VERSION.md")
    handle = SessionHandle(bot, wanted, launched=launched)
    _running[place.root] = handle
    handle.start()
    return handle


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
