"""`rigd up` as a process of its own, seen by its files, its port and its console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.hosts.bot_state import read_state
from rigd.hosts.up.memory import read_known
from rigd.store.paths import Home
from tests.system.accounts import EARLY
from tests.system.processes import Running, processes_of, run_rigd, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.core.lifecycle import BotState

SPEED = "300"
"""Market seconds per second: a session of `EARLY` holds a position for half a minute."""


@dataclass(slots=True)
class Up:
    """A supervisor that runs.

    Parameters
    ----------
    process
        Its process.
    home
        Its RIGD_HOME.
    """

    process: subprocess.Popen[str]
    home: Path
    states: list[str] = field(default_factory=list)

    @property
    def console(self) -> str:
        """What it printed."""
        return (self.home.parent / f"{self.home.name}.console").read_text()

    @property
    def state(self) -> str:
        return read_state(Home(self.home)) or ""

    @property
    def session(self) -> Running:
        """The newest session, as the system tests see one."""
        return Running(self.process, self.home)

    def start(self, why: str = "test") -> None:
        """Raise the flag of a start, and wait until the session holds something."""
        raised = run_rigd(self.home, "flags", "raise", "start", "--reason", why)
        assert raised.code == 0, raised.err
        self.session.wait_for_positions()

    def wait_for(self, *states: BotState, seconds: float = 60.0) -> float:
        """Wait for one of some states of the bot; return how long it took [s].

        The file follows a fast replay in steps of 0.2 s: a short state may never stand in it.
        """
        return wait_until(" or ".join(states), lambda: self.state in states, seconds)

    def launches(self) -> list[dict[str, Any]]:
        path = self.home / "runs" / "logs" / "launches.log"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def get(self, route: str) -> tuple[int, str]:
        """Ask the health port."""
        url = f"http://127.0.0.1:{read_known(Home(self.home)).health_port}{route}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def prepare(home: Path) -> None:
    """Provision a home whose sessions hold a position early and for long."""
    with up(home) as running:
        running.process.terminate()
        assert running.process.wait(30) == 0
    changes = [f"{key}={value}" for key, value in EARLY]
    changed = run_rigd(home, "config", "set", *changes, "--reason", "test")
    assert changed.code == 0, changed.err


@contextmanager
def up(home: Path, *options: str, panel: int = 0) -> Iterator[Up]:
    """Run `rigd up` and wait until it answers; whatever runs for the home at the end is killed.

    `panel` is the port of its panel; 0 for none.
    """
    variables = dict(os.environ) | {HOME_VARIABLE: str(home)}
    where = ("--port", str(panel)) if panel else ("--no-panel",)
    words = (*where, "--health-port", "0", "--speed", SPEED, *options)
    with (home.parent / f"{home.name}.console").open("a") as console:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "rigd", "up", *words],
            env=variables,
            cwd=checkout(),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Up(process, home)
    try:
        wait_until("a supervisor", (home / "runs" / "up.json").exists)
        yield running
    finally:
        process.kill()
        process.wait()
        for left in processes_of(home):
            with suppress(psutil.NoSuchProcess):
                left.kill()
