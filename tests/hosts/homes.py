"""Homes, bots and sessions in this process, for the tests of hosts and command line."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rigd.config.demo import demo_env_text, demo_identity
from rigd.config.sources import checkout
from rigd.core.errors import RigdError
from rigd.hosts import launch_ticket, session
from rigd.hosts.bot import env_door, keyring, open_bot
from rigd.hosts.engine_run import EngineRun
from rigd.hosts.provision import provision_home
from rigd.hosts.request import SessionRequest
from rigd.hosts.runner import Job
from rigd.store.paths import Home
from rigd.vault.secrets import IDENTITY, SecretStore
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.events import Entry
    from rigd.hosts.bot import Bot
    from rigd.hosts.finishing import Finished

VERSION_FILE = checkout() / "VERSION.md"

SAMPLE = SessionRequest()
ONE_SYMBOL = SessionRequest(symbols=("FB",))
"""The sample's liveliest symbol alone: it trades, and the session takes a fraction of the time."""

THAT_TRADES = (
    ("MAX_TRADES", "1"),
    ("WEIGHTS", "1"),
    ("STRAT_CLOSE_MODE", "fade"),
    ("SLIPPAGE_SIMULATION_TYPE", "none"),
)
"""What a session on the three real days changes of the demo's settings."""

OF_THE_SIMULATION = ("SIM", "SLIPPAGE")
"""How keys of the simulated broker begin; beside a real one they are refused."""


def demo(root: Path) -> Home:
    """A home with the demo's key and secrets."""
    home = Home(root)
    provision_home(home, FakeClock())
    return home


def at_alpaca(root: Path) -> Home:
    """A home of the demo whose settings name a real broker, be the account paper or live."""
    home = demo(root)
    kept = [line for line in demo_env_text().splitlines() if not line.startswith(OF_THE_SIMULATION)]
    path = home.env / ".env_bot"
    path.write_text("\n".join(kept).replace("BROKER_CODE=SIM", "BROKER_CODE=ALPACA") + "\n")
    path.chmod(0o600)
    return home


def production(root: Path) -> Home:
    """A home of PRODUCTION at the simulated broker."""
    home = demo(root)
    text = demo_identity().text().replace("TEST", "PRODUCTION")
    SecretStore(env_door(home), keyring(home)).write(IDENTITY, text.encode())
    return home


def bot_of(home: Home) -> Bot:
    """The bot of a provisioned home."""
    return open_bot(home, VERSION_FILE)


def real_days(data: Path, day: int, *overrides: tuple[str, str]) -> SessionRequest:
    """A session on the real bars of a day of October 2013."""
    return SessionRequest(
        data=str(data),
        day=date(2013, 10, day),
        symbols=("SPY", "IBM", "BAC"),
        overrides=overrides,
    )


def engine(home: Home, request: SessionRequest = SAMPLE, clock: FakeClock | None = None):
    """The engine of a session that has not begun."""
    return EngineRun(bot_of(home), request, clock or FakeClock(), FakeIds())


def run(home: Home, request: SessionRequest = SAMPLE) -> tuple[EngineRun, Finished]:
    """A session that ran to its end."""
    ran = engine(home, request)
    return ran, asyncio.run(ran.run())


class WatchingClock(FakeClock):
    """Calls `on_wait` each time that a paced session waits; nothing really waits."""

    def __init__(self, on_wait: Callable[[], None]) -> None:
        super().__init__()
        self._on_wait = on_wait

    async def wait(self, seconds: float) -> None:
        self._on_wait()
        await super().wait(seconds)


class Crash(BaseException):
    """The process dies here."""


def short_report(entries: Sequence[Entry], *_: object, **__: object) -> bytes:
    """A report without charts, where the report is not what is looked at: they take longest."""
    return f"<title>[TEST] {len(entries)} records</title>".encode()


def wait_until(what: Callable[[], object]) -> None:
    """Wait for another thread, ten seconds at most."""
    pause = threading.Event()
    for _ in range(1000):
        if what():
            return
        pause.wait(0.01)
    pytest.fail("nothing happened in ten seconds")


def listing(root: Path) -> dict[str, bytes]:
    """Every file below a folder with its content; a folder counts as a file without any."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b""
        for path in sorted(root.rglob("*"))
    }


def fields(path: Path) -> dict:
    """The JSON object in a file."""
    return json.loads(path.read_bytes())


@dataclass
class InProcess:
    """Stands for papermill: runs the launcher's job in this process and leaves a notebook."""

    ran: int = 0
    before: Callable[[Job], None] = lambda _: None
    after: Callable[[], int] = lambda: 0
    environment: Mapping[str, str] | None = None

    def __call__(self, job: Job, environment, *, tick_s, on_tick, on_interrupt) -> tuple[int, str]:
        assert tick_s < 1.0
        self.ran += 1
        self.environment = environment
        self.on_interrupt = on_interrupt
        self.before(job)
        names = job.parameters
        os.environ[launch_ticket.VARIABLE] = environment.get(launch_ticket.VARIABLE, "")
        handle = session.start(names["home"], names["request"], launched=names["launched"])
        try:
            handle.wait()
        except (RigdError, Crash) as error:
            return 1, f"papermill\n{error}\n"
        on_tick()
        cells = [
            {"cell_type": "code", "id": "start", "source": "bot.wait()"},
            {"cell_type": "code", "id": "summary", "source": handle.summary()},
        ]
        document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        Path(job.output).write_text(json.dumps(document, indent=1), encoding="utf-8")
        return self.after(), ""
