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
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rigd.store.lease import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rigd.hosts.runner import Job

KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "COLUMNS")
"""Variables that a run inherits; everything else stays outside (no secret reaches a notebook)."""


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
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTHONUTF8": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
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
    command = [sys.executable, "-m", "rigd.hosts.runner", job.to_json()]
    with (
        _interrupts() as interrupts,
        subprocess.Popen(  # noqa: S603 - our own interpreter, module and job
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        while True:
            try:
                output, _ = process.communicate(timeout=tick_s)
            except subprocess.TimeoutExpired:
                if on_tick() is True:
                    _end_tree(process.pid)
            else:
                return process.returncode, output
            while interrupts:
                interrupts.pop()
                on_interrupt()


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
    command = [sys.executable, "-m", "tests.integration_test_runner"]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, check=False
    )
    return done.returncode


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


def _end_tree(pid: int) -> None:
    """Kill a process and all that descend from it, and wait until they are dead."""
    import psutil  # noqa: PLC0415 - needed for a run that hangs alone

    with suppress(psutil.NoSuchProcess):
        descendants = psutil.Process(pid).children(recursive=True)
        for process in map(Process.of, [pid, *(each.pid for each in descendants)]):
            if process is not None:
                end_process(process)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
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
