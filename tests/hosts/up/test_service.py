"""`rigd up` in this process: what it opens, keeps and gives back."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import AlreadyRunning, ConfigError, StorageError
from rigd.core.lifecycle import BotState
from rigd.hosts.bot_state import read_state
from rigd.hosts.up import service
from rigd.hosts.up.memory import read_known
from rigd.hosts.up.resident import Resident
from rigd.store.files import make_folder
from rigd.store.lease import read_lease
from rigd.store.locks import SessionLock
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import bot_of, demo
from tests.system.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PANEL = [sys.executable, "-c", "import time; time.sleep(60)"]


class EndingClock(FakeClock):
    """Lets the service look around a few times, then asks it to end as the system does."""

    def __init__(self, looks: int, on_look: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._left = looks
        self._on_look = on_look

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._left -= 1
        self._on_look()
        if not self._left:
            os.kill(os.getpid(), signal.SIGTERM)


def serve(home: Home, clock: FakeClock, told: list[str], **options: object) -> None:
    chosen = {"panel_port": 8866, "health_port": 0, "with_panel": False} | options
    service.serve(home, {"PATH": os.environ["PATH"]}, clock, FakeIds(), tell=told.append, **chosen)


def test_from_an_empty_home_to_the_registration_and_down_again(tmp_path: Path) -> None:
    """T1 to T4, T14: it sets the bot up, offers the token on its console, and gives all back."""
    home, told = Home(tmp_path), []
    seen: list[BotState | None] = []
    beats: list[bool] = []

    def look() -> None:
        seen.append(read_state(home))
        beats.append(read_lease(home.resident_lease) is not None)

    serve(home, EndingClock(15, look), told)
    assert seen == [BotState.REGISTRATION] * 15
    assert all(beats)
    assert read_state(home) is BotState.SHUTDOWN
    assert sum("register the first admin with this token" in line for line in told) == 1
    assert f"health: http://127.0.0.1:{read_known(home).health_port}/health" in told
    assert not home.resident_lease.exists()
    assert not home.request_keys.exists()


def test_a_token_is_drawn_anew_before_it_is_too_old(tmp_path: Path) -> None:
    """Ten minutes: the next one is on the console after nine."""
    told: list[str] = []
    serve(demo(tmp_path), EndingClock(5_500), told)
    tokens = {line.rpartition(" ")[2] for line in told if "this token" in line}
    assert len(tokens) == 2


def test_a_second_one_is_refused_and_names_the_first(tmp_path: Path) -> None:
    """P4, K01: before anything is loaded or written."""
    home, clock = Home(tmp_path), FakeClock()
    with (
        SessionLock(home.resident_lock, what="rigd up", clock=clock),
        pytest.raises(AlreadyRunning, match=rf"rigd up \(process {os.getpid()}"),
    ):
        serve(home, clock, [])
    assert not (tmp_path / "env").exists()


def test_it_is_refused_while_a_session_in_the_foreground_owns_the_bot(tmp_path: Path) -> None:
    """One launcher of a bot at a time."""
    home, clock = demo(tmp_path), FakeClock()
    tree = home.bot(bot_of(home).identity)
    with (
        SessionLock(tree.launch_lock, what="rigd session", clock=clock),
        pytest.raises(AlreadyRunning, match="rigd session"),
    ):
        serve(home, clock, [])


def test_the_panel_runs_beside_it_and_ends_with_it(tmp_path: Path) -> None:
    """A process of its own, which the supervisor notes and ends."""
    home = demo(tmp_path)
    found: list[int] = []
    clock = EndingClock(3, lambda: found.append(read_known(home).panel_pid))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve(home, clock, [], with_panel=True, panel_port=port, panel_command=PANEL)
    assert len(set(found)) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(found[0], 0)
    assert read_known(home).panel_pid == 0


def test_a_panel_that_hangs_is_killed_and_the_log_says_so(tmp_path: Path) -> None:
    """It never says that its loop runs: one row of supervisor.log, and another panel follows."""
    home, told = demo(tmp_path), []
    found: list[int] = []
    clock = EndingClock(1_400, lambda: found.append(read_known(home).panel_pid))
    serve(home, clock, told, with_panel=True, panel_port=free_port(), panel_command=PANEL)
    assert len(set(found) - {0}) == 2
    said = "the panel did not come up for 120 s: it is killed, with its pages"
    assert told.count(said) == 1
    rows = [json.loads(line) for line in (home.logs / "supervisor.log").read_text().splitlines()]
    assert [(row["error_code"], row["raw_exception"]) for row in rows] == [("PANEL_HUNG", said)]
    assert read_state(home) is BotState.SHUTDOWN


def test_an_exception_in_a_look_is_written_and_the_watch_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T16: once in supervisor.log, the state is error; the signal to end is heard all the same."""
    home, told = demo(tmp_path), []
    real = Resident.look

    def broken(self: Resident) -> None:
        if not self._asked_to_end:
            raise RuntimeError("a defect")
        real(self)

    monkeypatch.setattr(Resident, "look", broken)
    seen: list[BotState | None] = []
    serve(home, EndingClock(5, lambda: seen.append(read_state(home))), told)
    assert seen == [BotState.ERROR] * 5
    assert told.count("the supervisor goes on after RuntimeError: a defect") == 1
    (line,) = (home.logs / "supervisor.log").read_text().splitlines()
    assert "a defect" in line
    assert read_state(home) is BotState.SHUTDOWN


def test_a_port_that_somebody_has_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """Whoever followed the printed address would type the token into a stranger's page."""
    home, told = demo(tmp_path), []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"panel's port must be free, {port} is not"
        ) as caught:
            serve(home, EndingClock(5), told, with_panel=True, panel_port=port)
    assert "--port" in caught.value.fix
    assert told == []
    assert not home.resident_lease.exists()


def test_a_broken_users_database_is_told_with_the_way_to_mend_it(tmp_path: Path) -> None:
    """The bot stands still in error; the console says what to put in the file's place."""
    home, told = demo(tmp_path), []
    make_folder(home.users.parent)
    home.users.write_bytes(b"garbage" * 1000)
    seen: list[BotState | None] = []
    serve(home, EndingClock(5, lambda: seen.append(read_state(home))), told)
    assert seen == [BotState.ERROR] * 5
    (line,) = [line for line in told if line.startswith("the supervisor goes on after")]
    assert "SYSTEM_USERS.db must be a sound SQLite database" in line
    assert "put a sound copy of env/databases/SYSTEM_USERS.db in its place" in line
    assert read_state(home) is BotState.SHUTDOWN


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where a folder should be: which home, and what to do next."""
    root = tmp_path / "file"
    root.touch()
    with pytest.raises(StorageError, match=f"home {root} must be a folder") as caught:
        serve(Home(root), FakeClock(), [])
    assert "RIGD_HOME" in caught.value.fix


def test_a_console_that_is_gone_ends_no_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect, and nobody to tell it: it is written, and the watch goes on."""
    home = demo(tmp_path)
    monkeypatch.setattr(Resident, "begin", lambda _: 1 // 0)

    def gone(text: str) -> None:
        if "goes on" in text:
            raise BrokenPipeError

    service.serve(
        home,
        {"PATH": os.environ["PATH"]},
        EndingClock(5),
        FakeIds(),
        tell=gone,
        panel_port=8866,
        health_port=0,
        with_panel=False,
    )
    assert "ZeroDivisionError" in (home.logs / "supervisor.log").read_text()
