"""Start `rigd` and look at what runs: bounded waits, and every process is ended again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.hosts.launch import read_fields
from tests.system.evidence import bot_tree, session_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_S = 0.02
PATIENCE_S = 60.0
"""How long a test waits for something that takes a second or two."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: exit code, what it printed on both streams, how long it took."""

    code: int
    out: str
    err: str
    seconds: float


def run_rigd(home: Path, *arguments: str) -> Ran:
    """Run one command of rigd to its end."""
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        _command(arguments),
        env=_environment(home),
        cwd=checkout(),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


@dataclass(slots=True)
class Running:
    """A `rigd session` that runs.

    Parameters
    ----------
    process
        The launcher.
    home
        Its RIGD_HOME.
    """

    process: subprocess.Popen[str]
    home: Path

    @property
    def folder(self) -> Path:
        """The session's folder."""
        return session_folders(self.home)[-1]

    @property
    def kernel(self) -> psutil.Process:
        """The kernel that the session's own record names."""
        return psutil.Process(int(read_fields(self.folder / "kernel.json")["pid"]))

    @property
    def papermill(self) -> psutil.Process:
        """The process between launcher and kernel."""
        (child,) = psutil.Process(self.process.pid).children()
        assert "rigd.hosts.runner" in child.cmdline()
        return child

    def status(self) -> dict[str, Any]:
        """Return status.json as the panel reads it."""
        found = list((self.home / "runs").glob("RIGD_*/logs/status.json"))
        return read_fields(found[0]) if found else {}

    def wait_for_positions(self) -> None:
        """Wait until the session holds something."""
        self._wait("a position", lambda: bool(self.status().get("positions")))

    def wait_for_minute(self, minute: int) -> None:
        """Wait until a minute of the session is complete."""
        self._wait(f"minute {minute}", lambda: self.status().get("minute", 0) >= minute)

    def ended(self, seconds: float = PATIENCE_S) -> Ran:
        """Wait for the launcher's end."""
        began = time.monotonic()
        out, err = self.process.communicate(timeout=seconds)
        return Ran(self.process.returncode, out, err, time.monotonic() - began)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        wait_until(what, lambda: condition() or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()


@contextmanager
def session_of(home: Path, *arguments: str) -> Iterator[Running]:
    """Run `rigd session` in the background; whatever of it still runs at the end is killed."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        _command(("session", *arguments)),
        env=_environment(home),
        cwd=checkout(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process, home)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        for left in processes_of(home):
            with suppress(psutil.NoSuchProcess):
                left.kill()


def wait_until(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> float:
    """Look until a condition holds; return how long that took, fail when it takes too long."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"waited {seconds} s in vain for {what}"
        time.sleep(POLL_S)
    return time.monotonic() - began


def processes_of(home: Path) -> list[psutil.Process]:
    """Return every process that runs for a home, as its environment says."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(HOME_VARIABLE) == str(home):
                found.append(process)
    return [process for process in found if is_running(process)]


def is_running(process: psutil.Process) -> bool:
    """Tell whether a process runs; one that ended and waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def interrupt(process: subprocess.Popen[str]) -> None:
    """Send what Ctrl-C sends."""
    process.send_signal(signal.SIGINT)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object."""
    held: dict[str, Any] = json.loads(path.read_bytes())
    return held


def log_rows(home: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a JSON log of the newest session."""
    path = bot_tree(home) / "sessions" / session_folders(home)[-1].name / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def system_rows(home: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a log of the whole installation; none while it is not there."""
    path = home / "runs" / "logs" / name
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "rigd", *arguments]


def _environment(home: Path) -> dict[str, str]:
    return dict(os.environ) | {HOME_VARIABLE: str(home)}
