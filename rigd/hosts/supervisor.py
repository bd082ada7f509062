"""Start notebook runs and watch over them: the one module that starts processes.

papermill runs in its own process session, so that Ctrl-C and group signals do not cut the bot off;
what ends the bot is a flag or a signal to the kernel itself (JUPYTER §7).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from rigd.hosts import warm
from rigd.store.lease import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rigd.hosts.runner import Job

KEPT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "COLUMNS",
    "RIGD_VAULT_FILE",
)
"""Variables that a run inherits; everything else stays outside (no secret reaches a notebook)."""

CONSTANT = {
    "JUPYTER_PLATFORM_DIRS": "1",
    "PYTHONUTF8": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
"""What every run has besides."""

ONE_THREAD = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Keeps the libraries that a warm parent imports from starting threads: one with threads does not
fork."""

SERVICE_LOOK_S = 0.5
"""How often a service in the foreground is looked at [s]."""

PATIENCE_S = 5.0
"""How long a killed process may take to be gone [s]."""


def run_environment(
    inherited: Mapping[str, str], *, home: Path, kernels: Path, runtime: Path
) -> dict[str, str]:
    """Return the environment of a notebook run.

    Parameters
    ----------
    inherited
        The launcher's environment.
    home
        RIGD_HOME of the run.
    kernels
        Folder that holds ``kernels/rigd-bot``.
    runtime
        A private folder with a short path: kernel sockets and Jupyter's own files lie there.

    Returns
    -------
    dict of str to str
        Variables by name.
    """
    return kept_of(inherited) | {
        "RIGD_HOME": str(home),
        "JUPYTER_PATH": str(kernels),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_DATA_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(runtime),
        "IPYTHONDIR": str(runtime),
        **CONSTANT,
    }


def kept_of(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a child process inherits; no secret is among them."""
    return {name: inherited[name] for name in KEPT if name in inherited}


def run_notebook(
    job: Job,
    environment: Mapping[str, str],
    *,
    tick_s: float,
    on_tick: Callable[[], object],
    on_interrupt: Callable[[], None],
) -> tuple[int, str]:
    """Run one notebook in a child process and wait for it.

    Parameters
    ----------
    job
        What to run.
    environment
        The child's whole environment.
    tick_s
        How often `on_tick` is called while it runs [seconds].
    on_tick
        Shows progress and watches; when it returns True the run is ended at once, every process
        that it started included.
    on_interrupt
        Called when this process is interrupted or asked to end (SIGINT, SIGTERM, SIGHUP); the
        wait goes on until the notebook has ended.

    Returns
    -------
    tuple of int and str
        The exit code of papermill's process and what it printed.
    """
    with interrupts() as received, ExitStack() as stack:
        try:
            run: Run = stack.enter_context(warm.forked(job, environment))
        except warm.NotWarm as reason:
            if not isinstance(reason, warm.Absent):
                sys.stderr.write(f"cold start: {reason}\n")
            run = stack.enter_context(_started(job, environment))
        while (ended := run.ended(tick_s)) is None:
            if on_tick() is True:
                _end_tree(run.pid)
            while received:
                received.pop()
                on_interrupt()
        return ended


class Run(Protocol):
    """A run of a notebook, forked or started."""

    pid: int

    def ended(self, within_s: float) -> tuple[int, str] | None:
        """Wait a while; return exit code and output when the run has ended."""


class _StartedRun:
    """A run that was started as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def ended(self, within_s: float) -> tuple[int, str] | None:
        """Wait a while; return exit code and output when the run has ended."""
        try:
            output, _ = self._process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            return None
        return self._process.returncode, output


@contextmanager
def _started(job: Job, environment: Mapping[str, str]) -> Iterator[_StartedRun]:
    """Start a run cold: papermill does its imports, then a kernel does its own."""
    command = [sys.executable, "-m", "rigd.hosts.runner", job.to_json()]
    with subprocess.Popen(  # noqa: S603 - our own interpreter, module and job
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        yield _StartedRun(process)


class WarmParent:
    """A warm parent, seen from its owner.

    Parameters
    ----------
    process
        The parent's process.
    missing
        Why it can't be asked; blank when it is ready.
    """

    def __init__(self, process: subprocess.Popen[str], missing: str) -> None:
        self.pid = process.pid
        self.missing = missing
        self._process = process

    def wait(self) -> int:
        """Wait until it ends; return its exit code."""
        return self._process.wait()


@contextmanager
def warm_parent(home: Path, inherited: Mapping[str, str]) -> Iterator[WarmParent]:
    """Keep a warm parent for the runs of a home (PERFORMANCE W5).

    Parameters
    ----------
    home
        RIGD_HOME.
    inherited
        This process's environment; the parent gets what a run gets, and no secret.

    Yields
    ------
    WarmParent
        It ends with the context, or with this process. Where it is missing, runs start cold.
    """
    command = [sys.executable, "-m", "rigd.hosts.warm_parent", str(home)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        env=warm_environment(inherited),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        told = process.stdout.readline().strip() if process.stdout else ""
        is_ready = told == warm.IS_READY
        yield WarmParent(process, "" if is_ready else told or "the warm parent ended at once")


def serve(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run a service in the foreground until it ends.

    Parameters
    ----------
    command, environment, folder
        What is run, its whole environment, and where.

    Returns
    -------
    int
        Its exit code. It shares the terminal: what is typed there, Ctrl-C too, is the service's
        own; a request to end this process (SIGTERM, SIGHUP) is handed on.
    """
    with (
        interrupts() as received,
        subprocess.Popen(list(command), env=dict(environment), cwd=folder) as process,  # noqa: S603 - our own command
    ):
        while True:
            try:
                return process.wait(timeout=SERVICE_LOOK_S)
            except subprocess.TimeoutExpired:
                while received:
                    if received.pop() != signal.SIGINT:
                        process.terminate()


def warm_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a warm parent: what a run begins with, and nothing of a home."""
    return kept_of(inherited) | CONSTANT | ONE_THREAD


def run_tests(environment: Mapping[str, str], folder: Path) -> int:
    """Run the tests that flags ask for in a child process, its output shown as it comes.

    Parameters
    ----------
    environment
        The child's whole environment.
    folder
        The checkout that holds ``tests/``.

    Returns
    -------
    int
        The exit code: 0 when every test passed.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        tests_command(), env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, check=False
    )
    return done.returncode


class Child:
    """A process beside the bot that this one keeps: the panel, a run of tests.

    It gets a process session of its own, so that Ctrl-C at the console ends the supervisor alone,
    which ends the child then.

    Parameters
    ----------
    command, environment, folder
        What is run, its whole environment, and where.
    pipes
        Descriptors that it is given, under the same numbers.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        pipes: Sequence[int] = (),
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pipes,
        )
        self.process = Process.of(self._process.pid)

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """Ask it to end, and end it when it does not."""
        if self.code is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=patience_s)
            except subprocess.TimeoutExpired:
                _end_tree(self._process.pid)
                self._process.wait()

    def kill(self) -> None:
        """Kill it with all that it started, and wait for none of them: `code` tells of its end.

        One that hangs in the system dies when the system lets it; its keeper must not hang with it.
        """
        _end_tree(self._process.pid, patience_s=0.0)


def tests_command() -> list[str]:
    """Return the command that runs the tests whose flags lie there."""
    return [sys.executable, "-m", "tests.integration_test_runner"]


def run_step(command: Sequence[str]) -> int:
    """Run one command of an installation, its output shown as it comes; 127 where it is missing."""
    try:
        return subprocess.run(list(command), check=False).returncode  # noqa: S603 - our own steps
    except FileNotFoundError:
        sys.stderr.write(f"{command[0]} is not on this machine\n")
        return 127


def ask_kernel(pid: int) -> bool:
    """Ask a bot kernel to close gracefully (SIGTERM); False when it is gone."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def end_process(process: Process, *, patience_s: float = PATIENCE_S) -> bool:
    """Kill a process (SIGKILL) and prove that it is dead before anybody takes its place.

    The process is pinned by a file descriptor first and compared with its own start then, so that
    no other process that got its number can be hit. One that is stopped (SIGSTOP) dies too.

    Parameters
    ----------
    process
        Which; one whose number another process has now, or none can have, is dead already.
    patience_s
        How long the proof may take [s].

    Returns
    -------
    bool
        True when it is dead; False when it cannot be killed: it is another user's, hangs in the
        system, or is this very process.
    """
    if process.pid == os.getpid():
        return False
    if process.pid <= 0:
        return True
    try:
        pinned = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if not process.lives:
            return True
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pinned, signal.SIGKILL)
        ended, _, _ = select.select([pinned], [], [], patience_s)
        return bool(ended)
    except PermissionError:
        return False
    finally:
        os.close(pinned)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end_tree(pid: int, *, patience_s: float = PATIENCE_S) -> None:
    """Kill a process and all that descend from it, and wait for each of them so long [s]."""
    import psutil  # noqa: PLC0415 - needed for a run that hangs alone

    with suppress(psutil.NoSuchProcess):
        descendants = psutil.Process(pid).children(recursive=True)
        for process in map(Process.of, [pid, *(each.pid for each in descendants)]):
            if process is not None:
                end_process(process, patience_s=patience_s)


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect the signals that ask this process to end, instead of dying of them."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in numbers
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
