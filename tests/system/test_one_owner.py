"""Two sessions of one bot at once."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.system.accounts import broker_server, engine
from tests.system.evidence import bot_tree, read_broker_log, session_folders
from tests.system.processes import run_rigd, session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system


def test_the_second_session_is_refused_at_once(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """It exits with 3 within a second of its own start-up and names the owner's process."""
    with session_of(tmp_path, "--speed", "600") as running:
        running.wait_for_minute(2)
        bare = median(run_rigd(tmp_path, "--help").seconds for _ in range(3))
        second = run_rigd(tmp_path, "session", "--speed", "600")
        assert second.code == 3, second.err
        assert str(running.process.pid) in second.err or str(running.kernel.pid) in second.err
        took = second.seconds - bare
        figure("the second session is refused after", f"{took:.2f} s (rigd --help {bare:.2f} s)")
        assert took < 1.0


def test_a_kernel_that_outlived_its_launcher_still_owns_the_bot(tmp_path: Path) -> None:
    """While a kernel runs, its launcher gone, another session is refused and told whose it is."""
    with session_of(tmp_path, "--speed", "600") as running:
        running.wait_for_minute(2)
        running.process.kill()
        second = run_rigd(tmp_path, "session", "--speed", "600")
        assert second.code == 3, second.err
        assert str(running.kernel.pid) in second.err


def test_of_four_sessions_started_at_once_one_runs(tmp_path: Path) -> None:
    """One owns the bot and its broker; the others exit with 3 before they ask anything (K01)."""
    assert run_rigd(tmp_path, "session").code == 0
    again = ("--speed", "2400", "--symbols", "FB")
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: run_rigd(tmp_path, "session", *again), range(4)))
    assert sorted(each.code for each in ran) == [0, 3, 3, 3], [each.err for each in ran]
    assert len(session_folders(tmp_path)) == 2


def test_a_frozen_owner_that_wakes_after_a_take_over_sends_nothing(tmp_path: Path) -> None:
    """Stopped, superseded, woken: its next send is refused by the epoch, and it ends (K02)."""
    for moment in range(3):
        home = tmp_path / str(moment)
        home.mkdir()
        with broker_server(home), engine(home) as running:
            running.wait_for_minute(1 + moment)
            running.process.send_signal(signal.SIGSTOP)
            epoch = bot_tree(home) / "lease_epoch"
            epoch.write_text(f"{int(epoch.read_text()) + 1}\n")
            before = orders_at_broker(home)
            running.process.send_signal(signal.SIGCONT)
            out, _ = running.process.communicate(timeout=60)
            assert running.process.returncode != 0
            assert "Superseded" in out
            assert orders_at_broker(home) == before


def orders_at_broker(home: Path) -> list[str]:
    """The ids of the orders that came in at the broker, as its own log tells."""
    (log,) = (home / "runs" / "simulated_broker").glob("*.log")
    changes = read_broker_log(log)
    return [change["request"]["cl_ord_id"] for change in changes if change["is"] == "taken"]
