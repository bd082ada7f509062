"""Run one session in the foreground: check, start the notebook, watch, seal the record.

Everything that can be refused is refused here, before anything is written: settings, bars, flags
that lie there, a latched kill switch, another session of the bot.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rigd.config.lines import decode
from rigd.config.sources import checkout, environment
from rigd.core.clock import from_iso, iso
from rigd.core.errors import ConfigError, ErrorType, ExitCode, RigdError, StorageError
from rigd.core.events import Command, Entry, SessionClosed
from rigd.core.lifecycle import BotState
from rigd.core.lines import one_line
from rigd.core.redaction import redact
from rigd.hosts import (
    build_check,
    finishing,
    gate_stamp,
    keys,
    launch_ticket,
    records,
    supervisor,
    test_mode,
)
from rigd.hosts.backtest import clearance
from rigd.hosts.books import refuse_lost_books
from rigd.hosts.bootstrap import bootstrap
from rigd.hosts.bot import build_checks, is_provisioned, open_bot
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.latch import read_latch
from rigd.hosts.plan import make_plan
from rigd.hosts.provision import provision_for
from rigd.hosts.records import Place
from rigd.hosts.request import SessionRequest
from rigd.hosts.runner import Job
from rigd.hosts.steps import Steps, from_fields
from rigd.hosts.universe import known
from rigd.hosts.watch import CRASH_LOOP, Supervision
from rigd.risk.kill_switch import Cause
from rigd.store import manifest
from rigd.store.control import ControlFolder
from rigd.store.files import make_folder, read_plain, repoint
from rigd.store.hashing import sha256_file
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from rigd.core.ports import ControlClock, IdSource
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

WRITER = "rigd.hosts.launch"
NOTEBOOK = "session.ipynb"
TICK_S = 0.2
_BEFORE = (BotState.INITIALIZE, BotState.STARTED)
"""What an engine begins with; the resident supervisor has said it before."""
OBEY_S = 1.5
"""How long a watched engine may let a kill flag lie before it counts as hung [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a running session stands.

    Parameters
    ----------
    state
        The bot's state.
    minute, minutes
        Minutes since the open that are complete, and the session's length.
    trades
        Trades so far.
    """

    state: str
    minute: int
    minutes: int
    trades: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a session ended.

    Parameters
    ----------
    folder
        Its record.
    exit_code
        What the process should exit with.
    closed
        The session's last record; None when the kernel died before it.
    entries
        The journal.
    books
        What the ledger said, in a few words.
    warnings
        What went wrong without blocking.
    message
        Why there is no closed session; blank when there is one.
    seal
        The manifest's digest; blank when the record is not sealed.
    """

    folder: Path
    exit_code: int
    closed: SessionClosed | None
    entries: tuple[Entry, ...]
    books: str
    warnings: tuple[str, ...]
    message: str
    seal: str


class Launcher:
    """Launches sessions of the bot of one home.

    Parameters
    ----------
    home
        RIGD_HOME.
    clock, ids
        The control clock and the source of nonces.
    on_progress
        Called while the session runs.
    supervised
        Whether the engine is watched, restarted when it hangs or dies, and its account closed
        when that does not help.
    notebook
        The notebook that hosts the engine; the product's own by default.
    state
        Where the bot's state is published; of its resident supervisor, which holds the launch lock
        then. None in the foreground: the launcher takes the lock, and publishes by itself.
    """

    def __init__(
        self,
        home: Home,
        clock: ControlClock,
        ids: IdSource,
        on_progress: Callable[[Progress], None],
        *,
        supervised: bool = False,
        notebook: Path | None = None,
        state: BotStateFile | None = None,
    ) -> None:
        self._live = self._home = home
        self._resident = state
        self._clock = clock
        self._ids = ids
        self._on_progress = on_progress
        self._supervised = supervised
        self._notebook = notebook or checkout() / "notebooks" / NOTEBOOK
        self._interrupts = 0
        self._unwritten: set[str] = set()
        self._state = state or BotStateFile(home)
        self._kill_lies_since = float("inf")
        self._way_out = ""
        self._since = clock.now()

    def launch(self, request: SessionRequest) -> Ended:
        """Run one session to its end.

        Parameters
        ----------
        request
            What is asked for; an unfinished session of the day is taken up again as it was asked.

        Returns
        -------
        Ended
            How it ended.
        """
        flags = ControlFolder(self._live.control, self._clock, self._ids)
        request = test_mode.latched(flags, request)
        self._home = self._live.dry if request.test_mode else self._live
        if request.test_mode or self._resident is None:
            self._state = BotStateFile(self._home)
        if not is_provisioned(self._live):
            self._set_up(request)
        bot = open_bot(self._home, checkout() / "VERSION.md")
        launch_ticket.require_launcher(bot, request)
        build_check.require(build_checks(bot))
        clearance.require(self._home, bot.settings)
        gate_stamp.require_passed(bot.settings)
        plan = make_plan(bot.settings, request, bot.inverse_etfs, known=known(self._live, request))
        tree = self._home.bot(bot.identity)
        with self._owned(bot):
            self._refuse_flags()
            if request.test_mode:
                test_mode.begin(self._live, flags)
            place = _place(bot, plan.day.day, request)
            if not place.resumed:
                refuse_latched(tree.risk_state)
            refuse_lost_books(bot)
            make_folder(place.folder)
            registry = Registry(self._home, bot.identity, day=plan.day.day, number=place.number)
            notebook = sha256_file(checkout() / "notebooks" / NOTEBOOK)
            asked = json.loads(request.to_json()) | bot.marks | {"notebook_sha256": notebook}
            registry.write("request.json", _json(asked), writer=WRITER)
            run = self._reside if self._supervised else self._run
            code, output = run(bot, place, request, plan.day.minutes)
            return self._end(bot, place, registry, code, output)

    def ask_to_end(self) -> None:
        """Start no engine again from now on; what is open is closed when this one is gone."""
        self._interrupts += 1

    @contextmanager
    def _owned(self, bot: Bot) -> Iterator[None]:
        """Hold the launch for this process; a kernel that outlived its launcher counts too."""
        tree = self._live.bot(bot.identity)
        make_folder(tree.root)
        lock = SessionLock(tree.launch_lock, what="rigd session", clock=self._clock)
        with nullcontext() if self._resident is not None else lock:
            probe = SessionLock(tree.lock, what="rigd session", clock=self._clock)
            probe.acquire()
            probe.release()
            yield

    def _refuse_flags(self) -> None:
        pending = ControlFolder(self._home.control, self._clock, self._ids).pending()
        found = [seen.file for seen in pending if seen.command is not Command.START]
        if found:
            msg = f"no stop or kill flag may lie in runs/control at start, found {', '.join(found)}"
            raise AskedToEnd(msg, fix="rigd flags clear")

    def _reside(
        self, bot: Bot, place: Place, request: SessionRequest, minutes: int
    ) -> tuple[int, str]:
        """Run the engine until its session is over, again and again when it dies; as `_run`.

        A dead engine is proven dead before the next one starts. A stop or kill that nobody took, a
        latch, or a crash loop end in the kill path instead, which ends flat (FAULTS K04). One that
        ended flat in error lost its disk or its books, and would lose them again: the next Start
        finishes what is derived (FAULTS R04).

        Returns
        -------
        tuple of int and str
            What the last run of the notebook's process ended with and printed.
        """
        tree = bot.home.bot(bot.identity)
        guard = Supervision(tree, self._clock, life_s=bot.settings.lease_s)
        try:
            while True:
                guard.begin()
                code, output = self._run(bot, place, request, minutes, guard)
                guard.await_end()
                if self._is_over(bot, place):
                    return code, output
                reason = guard.reason or f"the notebook's process ended with {code}"
                way_out = self._must_leave(tree.risk_state) or guard.crash_loop()
                response = way_out or "started again"
                self._watch_on("supervisor.log", self._log, bot, place, reason, response)
                if way_out:
                    self._leave(bot, way_out, reason)
                    return code, output
        finally:
            guard.end()

    def _is_over(self, bot: Bot, place: Place) -> bool:
        """Tell whether nothing is left to run: finished, refused to begin, or flat in error."""
        kernel = self._kernel(place.folder)
        if kernel.get("finished") or records.ended_in_error(place.folder, bot.identity):
            return True
        try:
            sent = records.sent_orders(place.folder, bot.identity)
        except RigdError:
            return False  # a broken journal: what it held may be open
        return bool(kernel.get("error_type")) and not sent

    def _must_leave(self, risk_state: Path) -> str:
        """Return what forbids a restart; blank when nothing does."""
        try:
            pending = ControlFolder(self._home.control, self._clock, self._ids).pending()
        except StorageError as error:
            return error.message  # a kill may lie there
        asked = [seen.file for seen in pending if seen.command is not Command.START]
        if asked:
            return f"{asked[0]} lies there"
        if self._interrupts:
            return "this process was asked to end"
        latch = read_latch(risk_state)
        return f"the kill switch is latched: {latch.cause}" if latch.tripped else ""

    def _leave(self, bot: Bot, way_out: str, reason: str) -> None:
        """Close the account by the kill path, however long it takes."""
        from rigd.hosts.kill import Kill  # noqa: PLC0415 - on the way out alone
        from rigd.hosts.kill_access import find_access  # noqa: PLC0415 - on the way out alone

        crash_loop = way_out == CRASH_LOOP
        kill = Kill(
            self._home,
            find_access(self._home, str(bot.identity)),
            self._clock,
            self._ids,
            tell=_tell,
            why=f"{way_out}: {reason}",
            cause=Cause.CRASH_LOOP if crash_loop else Cause.KILLED,
            publish=self._state.write,
        )
        kill.run()
        self._way_out = way_out

    def _log(self, bot: Bot, place: Place, reason: str, response: str) -> None:
        row = {
            "timestamp": iso(self._clock.now()),
            "strategy": "",
            "broker": bot.identity.broker_code,
            "error_type": ErrorType.LOGIC.value,
            "error_code": "ENGINE_LOST",
            "raw_exception": reason,
            "context": f"session {place.folder.name}: {response}",
            "profile": bot.profile.value,
        }
        note_trouble(self._home, row)

    def _run(
        self,
        bot: Bot,
        place: Place,
        request: SessionRequest,
        minutes: int,
        guard: Supervision | None = None,
    ) -> tuple[int, str]:
        self._since = self._clock.now()
        session = place.folder.name
        self._watch_on(keys.LOG, keys.note_session, self._home, self._clock, session)
        job = Job(
            notebook=str(self._notebook),
            output=str(place.folder / NOTEBOOK),
            folder=str(place.folder),
            parameters={
                "home": str(self._home.root),
                "request": request.to_json(),
                "launched": True,
            },
        )
        status = Registry(self._home, bot.identity).path("status.json")
        with TemporaryDirectory(prefix="rigd-") as runtime:
            variables = supervisor.run_environment(
                environment(),
                home=self._home.root,
                kernels=checkout() / "env" / "jupyter",
                runtime=Path(runtime),
            )
            try:
                variables |= launch_ticket.issue(bot, place.folder.name, self._ids)
            except StorageError as error:  # as a run that ended at once: the watch goes on
                return int(error.exit_code), error.message

            ended: list[bool] = []

            def tick() -> bool:
                if guard is not None and guard.ended and not ended:
                    ended.append(records.ended_in_error(place.folder, bot.identity))
                self._show(status, place.folder, minutes, in_error=any(ended))
                return guard is not None and guard.look(self._ignored_kill())

            try:
                return supervisor.run_notebook(
                    job,
                    variables,
                    tick_s=TICK_S,
                    on_tick=tick,
                    on_interrupt=lambda: self._interrupt(place.folder),
                )
            finally:
                self._watch_on("launch_ticket.json", launch_ticket.withdraw, bot)

    def _ignored_kill(self) -> str:
        """Return why an engine is hung whatever its beat says: it lets a kill flag lie."""
        try:
            pending = ControlFolder(self._home.control, self._clock, self._ids).pending()
        except StorageError:
            return ""
        now = self._clock.monotonic()
        lies = any(seen.command is Command.KILL for seen in pending)
        self._kill_lies_since = min(self._kill_lies_since, now) if lies else float("inf")
        ignored = now - self._kill_lies_since > OBEY_S
        return f"a kill flag lay there for more than {OBEY_S:.0f} s" if ignored else ""

    def _interrupt(self, folder: Path) -> None:
        """Ask for a graceful stop the first time, for a kill the second."""
        self._interrupts += 1
        pid = self._kernel(folder).get("pid")
        if self._interrupts == 1 and isinstance(pid, int) and supervisor.ask_kernel(pid):
            return
        flags = ControlFolder(self._home.control, self._clock, self._ids)
        asked = (Command.KILL, "operator", "interrupted twice", "rigd session")
        self._watch_on("kill flag; next: rigd kill", flags.raise_flag, *asked)

    def _watch_on(self, what: str, write: Callable[..., object], *arguments: object) -> None:
        """Write what a watch must not die of; told once, a disk or terminal that refuses is all."""
        try:
            write(*arguments)
        except (StorageError, OSError) as error:
            if what not in self._unwritten:
                self._unwritten.add(what)
                _tell(f"could not be written, and the watch goes on: {what}: {error}")

    def _kernel(self, folder: Path) -> dict[str, Any]:
        """Return what the kernel of this launch says; an earlier kernel's words do not count."""
        fields = read_fields(folder / records.KERNEL)
        said = fields.get("updated_at")
        return fields if said and from_iso(str(said)) >= self._since else {}

    def _show(self, status: Path, folder: Path, minutes: int, *, in_error: bool) -> None:
        """Publish state and progress; status.json is an old one where its disk is full."""
        fields = read_fields(status)
        if fields.get("session") == folder.name:
            state = BotState.ERROR.value if in_error else str(fields.get("state", ""))
            if self._resident is None or state not in _BEFORE:
                self._watch_on("bot_state.txt", self._state.write, state)
            progress = Progress(
                state=state,
                minute=int(fields.get("minute", 0) or 0),
                minutes=minutes,
                trades=int(fields.get("trades", 0) or 0),
            )
            self._watch_on("progress", self._on_progress, progress)

    def _set_up(self, request: SessionRequest) -> None:
        """Provision the demo, then make its books; users come with the panel (document 070)."""
        provision_for(self._live, request, self._clock, self._state.step)
        if not request.test_mode:
            self._state.step(BotState.BOOTSTRAPPING)
            bootstrap(open_bot(self._live, checkout() / "VERSION.md"), self._clock)

    def _end(self, bot: Bot, place: Place, registry: Registry, code: int, output: str) -> Ended:
        folder = place.folder
        day, number = records.day_and_number(folder)
        chain = records.genesis(bot.identity, day, number)
        entries = (
            records.entries_of(folder, bot.identity) if (folder / records.JOURNAL).exists() else ()
        )
        closed = entries[-1].record if entries else None
        kernel = self._kernel(folder)
        if not isinstance(closed, SessionClosed) or not kernel.get("finished"):
            return self._failed(folder, entries, kernel, code, output)
        warnings = tuple(str(text) for text in kernel.get("warnings", ()))
        exit_code = int(closed.exit_code)
        if kernel.get("balanced") is False:
            exit_code = exit_code or int(ExitCode.ERROR)
        if code:
            warnings += (f"the notebook did not run to its end (papermill exit code {code})",)
            exit_code = exit_code or int(ExitCode.ERROR)
        steps = Steps(from_fields(kernel.get("steps")))
        steps.note("notebook", passed=not code, detail=f"papermill exit code {code}")
        document = {
            "session": folder.name,
            "bot": str(bot.identity),
            **bot.marks,
            "state": closed.state.value,
            "status": closed.status,
            "exit_reason": closed.exit_reason,
            "exit_code": exit_code,
            "notebook_exit_code": code,
            "ended_at": iso(self._clock.now()),
            "warnings": list(warnings),
            "steps": steps.as_fields(),
        }
        self._state.write(closed.state.value)
        registry.write("session.json", _json(document), writer=WRITER)
        seal = manifest.seal(
            folder,
            {
                "session": folder.name,
                **bot.marks,
                "books": kernel.get("books_head", []),
            },
            chains={records.JOURNAL: chain},
        )
        steps.note("manifest sealed", passed=True, detail=seal)
        warnings += self._after_seal(bot, folder, registry, steps)
        return Ended(
            folder=folder,
            exit_code=exit_code,
            closed=closed,
            entries=entries,
            books=str(kernel.get("books", "")),
            warnings=warnings,
            message="",
            seal=seal,
        )

    def _after_seal(
        self, bot: Bot, folder: Path, registry: Registry, steps: Steps
    ) -> tuple[str, ...]:
        """Take the steps that never block: link, backup, and the record of all steps."""
        known = len(steps.warnings)
        steps.take("latest session", lambda: repoint(self._home.latest, folder), instead=None)
        reason = finishing.back_up_session(bot, folder, self._clock.now())
        steps.note("backup", passed=not reason, detail=reason)
        document = {
            "session": folder.name,
            "bot": str(bot.identity),
            **bot.marks,
            "ended_at": iso(self._clock.now()),
            "steps": steps.as_fields(),
        }
        steps.take(
            "termination.json",
            lambda: registry.write("termination.json", _json(document), writer=WRITER),
            instead=None,
        )
        return steps.warnings[known:]

    def _failed(
        self,
        folder: Path,
        entries: tuple[Entry, ...],
        kernel: dict[str, Any],
        code: int,
        output: str,
    ) -> Ended:
        reason = kernel.get("message") or redact((output.strip().splitlines() or ["no output"])[-1])
        exit_code = int(kernel.get("exit_code") or max(code, 0) or ExitCode.ERROR)
        if self._way_out:
            reason = f"{self._way_out}; the account was closed and is verified flat"
            exit_code = int(ExitCode.HALTED if self._way_out == CRASH_LOOP else ExitCode.KILLED)
        else:
            self._watch_on("bot_state.txt", self._state.write, BotState.ERROR.value)
        return Ended(
            folder=folder,
            exit_code=exit_code,
            closed=None,
            entries=entries,
            books="not checked: the session did not end",
            warnings=(),
            message=f"the session did not end: {reason}",
            seal="",
        )


def note_trouble(home: Home, row: dict[str, str]) -> None:
    """Append a row to supervisor.log, with the seven fields of document 050."""
    with Registry(home) as registry:
        registry.append_line("supervisor.log", json.dumps(row), writer=WRITER)


def refuse_latched(risk_state: Path) -> None:
    """Refuse a start while the kill switch is latched."""
    latch = read_latch(risk_state)
    if latch.tripped:
        raise Latched(latch.cause, latch.detail)


class AskedToEnd(ConfigError):  # noqa: N818 - what was asked for
    """A stop or kill was asked for before the session began: nothing was started."""


class Latched(RigdError):  # noqa: N818 - the field's term
    """The kill switch is latched: nothing starts until it is reset."""

    exit_code = ExitCode.HALTED

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(
            f"the kill switch is latched ({one_line(f'{cause}: {detail}')}): no session may start",
            fix="look into the loss, then: rigd risk reset --reason '…'",
        )


def read_fields(path: Path) -> dict[str, Any]:
    """Return a JSON object that another process replaces atomically; empty when there is none."""
    try:
        fields = json.loads(read_plain(path))
    except (StorageError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _place(bot: Bot, day: date, request: SessionRequest) -> Place:
    """Return where a session goes: an unfinished one is taken up as it was asked.

    Parameters
    ----------
    bot, day
        Whose session, and of which day.
    request
        What is asked for.

    Returns
    -------
    Place
        The unfinished session when it was asked for the same; the next one also when the unfinished
        one never sent an order, which is left as it lies.

    Raises
    ------
    ConfigError
        If an unfinished session that sent orders was asked for something else.
    """
    tree = bot.home.bot(bot.identity)
    place = records.place_of(tree, day)
    path = place.folder / records.REQUEST
    if not place.resumed or not path.exists():
        return place
    stored = SessionRequest.from_json(decode(read_plain(path), source=path.name))
    if stored == request:
        return place
    if not records.sent_orders(place.folder, bot.identity):
        number = place.number + 1
        return Place(folder=tree.session(day, number), number=number, resumed=False)
    msg = f"session {place.folder.name} is unfinished and sent orders: it must be taken up as asked"
    raise ConfigError(msg, fix=f"run again: {stored.command_line()}")


def _tell(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
