"""A resident supervisor over a bot that only remembers what was asked of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.access.requests import Inbox, Requests
from rigd.config.demo import demo_env_text
from rigd.config.parse import parse_env
from rigd.core.errors import AccessError
from rigd.core.lifecycle import BotState, check_step
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.up.memory import Memory
from rigd.hosts.up.resident import Doors, Resident
from rigd.hosts.up.trader import Outcome
from rigd.store.control import ControlFolder
from rigd.store.files import make_folder
from rigd.store.paths import Home
from rigd.vault.sealed_box import BoxKey
from tests.access.test_requests import Ada
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rigd.access.requests import Request
    from rigd.access.roles import Action
    from rigd.core.ports import ControlClock
    from rigd.hosts.request import SessionRequest

IDLE = Outcome(state=BotState.IDLE, exit_code=0, session="2013-10-07_1", text="windows over")
FLAT = Outcome(state=BotState.STOPPED, exit_code=0, session="", text="flat")


class FakeTrader:
    """Remembers; each call ends as `ends` says."""

    def __init__(self) -> None:
        self.settings = parse_env(demo_env_text(), source="demo")
        self.is_simulated = True
        self.engine_lives = False
        self.forbidden = ""
        self.left: SessionRequest | None = None
        self.calls: list[str] = []
        self.ends = IDLE
        self.closes = FLAT

    def forbids_start(self) -> str:
        return self.forbidden

    def unfinished(self) -> SessionRequest | None:
        return self.left

    def run(self, _request: SessionRequest) -> Outcome:
        self.calls.append("run again" if self.left else "run")
        return self.ends

    def close(self, _why: str, *, kill: bool) -> Outcome:
        self.calls.append("kill" if kill else "close")
        flat = self.closes.state is BotState.STOPPED
        return replace(self.closes, exit_code=5) if kill and flat else self.closes

    def ask_to_stop(self, _why: str) -> None:
        self.calls.append("stop flag")

    def signal_kernel(self) -> None:
        self.calls.append("SIGTERM")

    def ask_to_kill(self, _why: str) -> None:
        self.calls.append("kill flag")


class HandWorker:
    """Works when the test says so."""

    def __init__(self) -> None:
        self._work: Callable[[], Outcome] | None = None
        self._done: Outcome | None = None

    @property
    def busy(self) -> bool:
        return self._work is not None or self._done is not None

    def begin(self, work: Callable[[], Outcome]) -> None:
        assert not self.busy
        self._work = work

    def go(self) -> None:
        """Do what was begun."""
        assert self._work is not None
        self._work, self._done = None, self._work()

    def result(self) -> Outcome | None:
        done, self._done = self._done, None
        return done


class House:
    """A home with its resident supervisor."""

    def __init__(self, root: Path, *, at_once: bool = True) -> None:
        self.home = Home(root)
        make_folder(self.home.control)
        self.clock = FakeClock()
        self.ids = FakeIds()
        self.trader = FakeTrader()
        self.worker = HandWorker()
        self.users = ["ada"]
        self.may: Callable[[str, Action], str] = lambda _digest, _action: "ada"
        self.done: list[Request] = []
        self.tests_begun = self.kept_keys = 0
        self.told: list[str] = []
        self.states: list[str] = []
        self.at_once = at_once
        self.ada = Ada()
        self.start()

    def start(self) -> None:
        """Start a supervisor; nothing is begun."""
        self.worker = HandWorker()
        self.inbox = Inbox(self.home, self.clock, BoxKey(), os.urandom)
        self.inbox.open()
        self.requests = Requests(self.home, self.clock, self.ids)
        self.flags = ControlFolder(self.home.control, self.clock, self.ids)
        self.state = Watched(self.home, self.states)
        self.memory = Memory(self.home, self.clock)
        doors = Doors(
            trader=self.trader,
            worker=self.worker,
            inbox=self.inbox,
            do=self._do,
            authority=self._authority,
            nobody=lambda: not self.users,
            run_test=self._run_test,
            keep_keys=self._keep_keys,
            tell=self.told.append,
        )
        self.resident = Resident(
            self.home,
            self.clock,
            self.ids,
            doors,
            self.memory,
            self.state,
            at_once=self.at_once,
        )

    def begin(self) -> House:
        self.resident.begin()
        return self

    def look(self, seconds: float = 1.0) -> None:
        """Let time pass, then look."""
        self.clock.advance(seconds)
        self.resident.look()

    def work(self) -> None:
        """Let the worker finish, and the supervisor see it."""
        self.worker.go()
        self.look()

    def refuse(self, _digest: str, _action: Action) -> str:
        msg = "the session has ended"
        raise AccessError(msg)

    def audit(self) -> list[dict[str, object]]:
        path = self.home.logs / "operator_audit.log"
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []

    def launches(self) -> list[dict[str, object]]:
        path = self.home.logs / "launches.log"
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []

    def files(self) -> list[str]:
        return sorted(path.name for path in self.home.control.glob("*.flag"))

    def _authority(self, digest: str, action: Action) -> str:
        return self.may(digest, action)

    def _do(self, _home: Home, request: Request, _clock: ControlClock) -> str:
        self.done.append(request)
        return "done"

    def _keep_keys(self) -> None:
        self.kept_keys += 1

    def _run_test(self) -> bool:
        self.tests_begun += 1
        return True


class Watched(BotStateFile):
    """Notes each state, and checks each step against the table."""

    def __init__(self, home: Home, states: list[str]) -> None:
        super().__init__(home)
        self._states = states

    def write(self, text: str) -> None:
        before = self.state
        super().write(text)
        if self.state is not None and self.state is not before:
            if before is not None:
                check_step(before, self.state)
            self._states.append(self.state.value)
