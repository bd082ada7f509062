"""Real processes for one session after another: the broker in one, the engine in another.

Everything is imported and the bars are read before the first fork, so that a run costs the run
alone. Nothing is taken away from the engine but the charts of its report.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from rigd.broker.links import SocketLink
from rigd.config.sources import checkout
from rigd.core.clock import SystemClock
from rigd.core.errors import LogicError
from rigd.core.ids import SystemIds
from rigd.hosts import finishing, wiring
from rigd.hosts.bot import open_bot, provision_demo
from rigd.hosts.crashes.calls import CallDoor, die_with_parent, stand
from rigd.hosts.crashes.watch import Moment, Watched, watch
from rigd.hosts.devserver import Desk, Server
from rigd.hosts.engine_run import EngineRun
from rigd.hosts.plan import make_plan
from rigd.hosts.session import SessionHandle
from rigd.store.chainlog import ChainLog
from rigd.store.files import make_folder
from rigd.store.images import copy_home, workplace
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.hosts.crashes.boundaries import Boundary
    from rigd.hosts.request import SessionRequest
    from rigd.hosts.wiring import Plan

BROKER_RESERVE_BYTES = 1 << 16
"""The broker is not what is cut: its log has a small reserve, which is written sooner."""

KILLED = -int(signal.SIGKILL)
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Run:
    """How one engine process ended.

    Parameters
    ----------
    code
        Its exit code; negative the signal that killed it.
    output
        What it printed.
    seconds
        How long it lived [s].
    watched
        What was seen at its door.
    """

    code: int
    output: str
    seconds: float
    watched: Watched

    def require_good(self) -> None:
        """Do nothing after a good end; raise LogicError otherwise."""
        if self.code or self.watched.wrongs:
            wrong = "; ".join(self.watched.wrongs) or self.output[-500:]
            msg = f"the undisturbed session must end well, it ended with {self.code}: {wrong}"
            raise LogicError(msg)

    @property
    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self.output.strip().splitlines()
        return lines[-1] if lines else ""


class Stage:
    """Runs sessions of one request in forked processes.

    Parameters
    ----------
    request
        The session.
    template
        A provisioned home, which the sessions' homes are copies of.
    """

    def __init__(self, request: SessionRequest, template: Path) -> None:
        self.request = request
        self.template = template
        self.clock = SystemClock()
        provision_demo(Home(template))
        bot = open_bot(Home(template), version_file())
        self.account = str(bot.identity)
        self.plan: Plan = make_plan(bot.settings, request, bot.inverse_etfs)
        vars(finishing)["report_html"] = _without_charts
        self._warm_up()
        gc.collect()
        gc.freeze()  # what the children share is not looked at, and so not copied

    def home(self, folder: Path) -> Path:
        """Make a new home."""
        copy_home(self.template, folder)
        return folder

    @contextmanager
    def broker(self, home: Path) -> Iterator[int]:
        """Yield the port of a broker's process for a home, which outlives engines."""
        reading, writing = os.pipe()
        pid = fork()
        if pid == 0:
            _in_child(lambda: self._serve(home, writing))
        os.close(writing)
        try:
            with os.fdopen(reading) as port:
                yield int(port.readline())
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def run(
        self,
        home: Path,
        port: int,
        moment: Moment | None = None,
        on_call: Callable[[Boundary], None] | None = None,
    ) -> Run:
        """Run the session in a process of its own, hit at a moment, until it has ended.

        Parameters
        ----------
        home
            Its home.
        port
            The broker's.
        moment
            Where it is hit; nowhere by default.
        on_call
            Called with each boundary that happens.

        Returns
        -------
        Run
            How it ended.
        """
        body = partial(self._run_session, home, port)
        return run_watched(body, home, self.clock, moment, on_call)

    def _run_session(self, home: Path, port: int) -> None:
        bot = open_bot(Home(home), version_file())
        handle = SessionHandle(
            bot, self.request, launched=False, link=SocketLink(port), plan=self.plan
        )
        handle.start()
        handle.wait()

    def _serve(self, home: Path, writing: int) -> None:
        account = self.account
        path = Home(home).sim_broker(account)
        make_folder(path.parent)
        log = ChainLog.create(path, f"simulated_broker|{account}", BROKER_RESERVE_BYTES)
        exchange = wiring.simulated_exchange(self.plan.settings, account, log)
        server = Server(Desk(exchange))
        os.write(writing, f"{server.port}\n".encode())
        os.close(writing)
        server.serve()

    def _warm_up(self) -> None:
        """Run the session here once: what it imports and caches, the children find in memory."""
        with workplace() as folder:
            bot = open_bot(Home(self.home(folder / "home")), version_file())
            run = EngineRun(bot, self.request, self.clock, SystemIds(), plan=self.plan)
            asyncio.run(run.run())


def run_watched(
    body: Callable[[], None],
    home: Path,
    clock: ControlClock,
    moment: Moment | None = None,
    on_call: Callable[[Boundary], None] | None = None,
) -> Run:
    """Run something in a forked process at the door, hit at a moment, until it has ended.

    Parameters
    ----------
    body
        What the process does.
    home
        Below it calls are boundaries.
    clock
        Measures how long it takes.
    moment
        Where it is hit; nowhere by default.
    on_call
        Called with each boundary that happens.

    Returns
    -------
    Run
        How it ended.
    """
    began = clock.monotonic()
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    pid = fork()
    if pid == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        _in_child(partial(_at_door, body, theirs))
    os.close(writing)
    theirs.close()
    with ours:
        door = CallDoor.take(ours)
    try:
        seen = watch(door, pid, home, moment or Moment(), clock, on_call)
    finally:
        door.close()
        with os.fdopen(reading, errors="replace") as told:
            output = told.read()
        _, status = os.waitpid(pid, 0)
    return Run(os.waitstatus_to_exitcode(status), output, clock.monotonic() - began, seen)


def _at_door(body: Callable[[], None], end: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stand(end)
    end.close()
    body()


def spread_over(
    count: int, jobs: Sequence[Any], work: Callable[[Any], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Do jobs in forked processes side by side; yield what they answer, as it comes.

    Parameters
    ----------
    count
        How many processes.
    jobs
        What is to be done; every `count`-th goes to one process.
    work
        Does one job in a worker and returns what JSON can hold.

    Yields
    ------
    dict of str to Any
        The answers.

    Raises
    ------
    LogicError
        If a worker dies.
    """
    workers: dict[int, tuple[int, bytearray]] = {}
    for place in range(min(count, len(jobs))):
        reading, writing = os.pipe()
        pid = fork()
        if pid == 0:
            os.close(reading)
            _in_child(partial(_answer, jobs[place::count], work, writing))
        os.close(writing)
        workers[reading] = (pid, bytearray())
    try:
        while workers:
            for reading in select.select(list(workers), [], [])[0]:
                pid, held = workers[reading]
                chunk = os.read(reading, _CHUNK)
                held += chunk
                while (end := held.find(b"\n")) >= 0:
                    line = bytes(held[:end])
                    del held[: end + 1]
                    yield json.loads(line)
                if not chunk:
                    del workers[reading]
                    os.close(reading)
                    _, status = os.waitpid(pid, 0)
                    if status:
                        msg = f"a worker must do all its jobs, it ended with {status}"
                        raise LogicError(msg)
    finally:
        for reading, (pid, _) in workers.items():
            os.close(reading)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def fork() -> int:
    """Fork; what is still to be printed is printed once."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fork()


def _answer(jobs: Sequence[Any], work: Callable[[Any], dict[str, Any]], writing: int) -> None:
    for job in jobs:
        content = json.dumps(work(job)).encode() + b"\n"
        while content:
            content = content[os.write(writing, content) :]


def _in_child(body: Callable[[], None]) -> NoReturn:
    """Run a child's whole life; it never returns into its parent's code."""
    code = 1
    try:
        die_with_parent()
        body()
        code = 0
    except BaseException:  # noqa: BLE001 - the child's outermost frame: its end is its answer
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(code)


def version_file() -> Path:
    """Return where the running code says which release it is."""
    return checkout() / "VERSION.md"


def _without_charts(*_: object, **__: object) -> bytes:
    """Stand for the report, whose charts take longer than the rest of a small session."""
    return b"<!DOCTYPE html><title>a session that is killed needs no charts</title>\n"
