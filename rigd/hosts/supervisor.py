"""Start notebook runs and watch over them: the one module that starts processes.

papermill runs in its own process session, so that Ctrl-C and group signals do not cut the bot off;
what ends the bot is a flag or a signal to the kernel itself (JUPYTER §7).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rigd.hosts.runner import Job

KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "COLUMNS")
"""Variables that a run inherits; everything else stays outside (no secret reaches a notebook)."""


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
    on_tick: Callable[[], None],
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
        Shows progress.
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
                on_tick()
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


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
