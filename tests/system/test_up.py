"""The resident supervisor as a real process: started, asked, killed, and started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rigd.core.events import SessionResumed
from rigd.core.lifecycle import BotState
from rigd.hosts import records
from rigd.hosts.kill_access import find_access
from rigd.store.lease import read_lease
from rigd.store.paths import Home
from tests.system.accounts import standing
from tests.system.evidence import bot_tree, session_folders
from tests.system.processes import processes_of, run_rigd, wait_until
from tests.system.timing import within
from tests.system.up_process import Up, prepare, up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a bot that enters early."""
    home = tmp_path_factory.mktemp("seed") / "home"
    home.mkdir()
    prepare(home)
    return home


@pytest.fixture
def home(seeded: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    copied = shutil.copytree(seeded, tmp_path / "home", symlinks=True)
    (copied / "runs" / "control" / "bot_state.txt").unlink()
    return copied


def kernel_of(running: Up) -> psutil.Process:
    lease = read_lease(bot_tree(running.home) / "lease.json")
    assert lease is not None
    return psutil.Process(lease.owner.pid)


def resumed(running: Up) -> int:
    """How often the newest session was taken up again."""
    folder = session_folders(running.home)[-1]
    identity = find_access(Home(running.home)).identity
    entries = records.entries_of(folder, identity)
    return sum(isinstance(entry.record, SessionResumed) for entry in entries)


def ask(running: Up, flag: str) -> float:
    """Raise a flag as a person does; return when [s, monotonic]."""
    (running.home / "runs" / "control" / f"control_{flag}.flag").touch()
    return time.monotonic()


def test_one_supervisor_owns_a_home_from_start_to_stop(
    home: Path, figure: Callable[[str, str], None]
) -> None:
    """P2, P4, C1, T13, K01: Start runs a session, a second owner is refused, Stop ends flat."""
    with up(home) as running:
        running.start()
        for words in (("up", "--no-panel"), ("session",)):
            refused = run_rigd(home, *words)
            assert refused.code == 3
            assert f"rigd up (process {running.process.pid}" in refused.err
            assert words[0] != "up" or within(refused.seconds, 1.0)
            figure(f"rigd {words[0]} is refused in", f"{refused.seconds:.2f} s")
        ours = psutil.Process(running.process.pid).children(recursive=True)
        others = {process.pid for process in processes_of(home)} - {running.process.pid}
        assert others <= {process.pid for process in ours}
        asked = ask(running, "stop")
        running.wait_for(BotState.GRACEFUL_CLOSING, BotState.STOPPED, seconds=5.0)
        figure("Stop to closing, in bot_state.txt", f"{time.monotonic() - asked:.2f} s")
        running.wait_for(BotState.STOPPED)
        assert standing(home) == {}
        wait_until("the record", lambda: len(running.launches()) == 2)
        assert running.launches()[-1]["state"] == "stopped"
        assert not (home / "runs" / "control" / "control_stop.flag").exists()


def test_the_health_port_tells_what_the_files_say(home: Path) -> None:
    """Q2, Q3, Q4, C10: 200 while it is well, 503 when not; nothing but reading."""
    with up(home) as running:
        running.start()
        code, text = running.get("/health/detailed")
        services = json.loads(text)["services"]
        assert (code, services["supervisor"]["status"]) == (200, "healthy")
        assert services["engine"]["status"] == "healthy"
        code, text = running.get("/metrics")
        names = {family.name for family in text_string_to_metric_families(text)}
        assert {"trade_signals", "trades_executed", "api_calls", "portfolio_total_value"} <= names
        shown = run_rigd(home, "health", "--detailed")
        assert shown.code == 0
        assert "ok   engine" in shown.out
        os.kill(running.process.pid, signal.SIGSTOP)
        wait_until("an old beat", lambda: run_rigd(home, "health").code == 1, 30.0)
        os.kill(running.process.pid, signal.SIGCONT)


def test_kill_ends_flat_with_a_frozen_kernel(
    home: Path, figure: Callable[[str, str], None]
) -> None:
    """FAULTS K08, X06: SIGSTOP, then Kill: flat in 5 s, and stopped only then."""
    with up(home) as running:
        running.start()
        kernel_of(running).suspend()
        asked = ask(running, "kill")
        wait_until("a flat account", lambda: standing(home) == {}, 20.0)
        took = time.monotonic() - asked
        figure("Kill with a frozen kernel to flat", f"{took:.1f} s")
        assert within(took, 5.0)
        running.wait_for(BotState.STOPPED)
        control = home / "runs" / "control"
        wait_until("no flag is left", lambda: not any(control.glob("control_*.flag")))


def test_a_killed_kernel_is_started_again_in_recovery(home: Path) -> None:
    """FAULTS K04: the resident's own launcher takes the session up."""
    with up(home) as running:
        running.start()
        kernel_of(running).kill()
        wait_until("a recovery", lambda: resumed(running) == 1)
        ask(running, "stop")
        running.wait_for(BotState.STOPPED)
        assert standing(home) == {}


def test_a_killed_supervisor_is_followed_by_one_that_takes_its_engine(home: Path) -> None:
    """FAULTS K09: the engine goes on; the next supervisor watches it to its end and seals it."""
    with up(home) as first:
        first.start()
        first.process.kill()
        first.process.wait()
        kernel = kernel_of(first)
        assert kernel.is_running()
        with up(home) as second:
            wait_until("the record", lambda: len(second.launches()) == 2)
            assert second.launches()[-1]["trigger"] == "recovery"
            wait_until("a beat for the engine", (bot_tree(home) / "supervisor.json").exists)
            assert kernel_of(second).pid == kernel.pid
            ask(second, "stop")
            second.wait_for(BotState.STOPPED)
            wait_until("the end", lambda: second.launches()[-1]["event"] == "ended")
            assert standing(home) == {}
            assert (session_folders(home)[-1] / "manifest.json").exists()


@pytest.mark.parametrize("flag", ["start", "kill"])
def test_after_a_reboot_no_old_flag_starts_anything(home: Path, flag: str) -> None:
    """FAULTS K12: everything dead, a flag of an hour ago, a state of then.

    A start starts nothing: the session that was cut off is taken up because it holds positions. A
    kill is obeyed: the account is flat before `stopped` is said.
    """
    with up(home) as first:
        first.start()
        for process in [first.process, *processes_of(home)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        first.process.wait()
    assert standing(home) != {}
    path = home / "runs" / "control" / f"control_{flag}.flag"
    path.touch()
    long_ago = time.time() - 3600.0
    os.utime(path, (long_ago, long_ago))
    with up(home) as second:
        if flag == "kill":
            second.wait_for(BotState.STOPPED)
        else:
            wait_until("a recovery", lambda: resumed(second) == 1)
            ask(second, "stop")
            second.wait_for(BotState.STOPPED)
        assert standing(home) == {}
        triggers = [row.get("trigger") for row in second.launches() if row["event"] == "begun"]
        assert triggers == (["start"] if flag == "kill" else ["start", "recovery"])
        wait_until("the flag is gone", lambda: not path.exists())


def test_asked_to_end_it_closes_first(home: Path) -> None:
    """T14, T15: SIGTERM, as a shutdown of the system sends it: flat, then shutdown."""
    with up(home) as running:
        running.start()
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert standing(home) == {}
        assert running.state == BotState.SHUTDOWN
        assert processes_of(home) == []
