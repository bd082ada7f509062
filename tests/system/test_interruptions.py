"""Signals and deaths of the three processes of a session: launcher, papermill, kernel."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.system.evidence import Left, read_left
from tests.system.processes import (
    interrupt,
    is_running,
    processes_of,
    read_json,
    run_rigd,
    session_of,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.processes import Ran, Running

pytestmark = pytest.mark.system

PACED = ("--speed", "1200", "--set", "STATUS_INTERVAL_MS=100")
"""A minute in a twentieth of a second: time to interrupt while positions are open."""


def graceful(home: Path, running: Running, ran: Ran, *, reason: str, state: str) -> Left:
    """Assert that a session closed its positions and ran to the notebook's end."""
    assert ran.code == 0, ran.out + ran.err
    truth = read_json(running.folder / "session.json")
    assert (truth["exit_reason"], truth["state"], truth["status"]) == (reason, state, "CLOSED")
    left = read_left(home)
    assert left.problems == ()
    assert left.closed is not None
    assert left.closed.flat
    assert len(left.trades) == left.closed.trades > 0
    assert "manual" in {trade.exit_reason for trade in left.trades}
    notebook = nbformat.read(running.folder / "session.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    wait_until("the end of every process", lambda: not processes_of(home))
    return left


def test_sigterm_of_the_kernel_closes_positions_and_runs_the_rest(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """The kernel closes what is open, the notebook runs to its end, the state is shutdown."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        running.kernel.send_signal(signal.SIGTERM)
        ran = running.ended()
        graceful(tmp_path, running, ran, reason="shutdown", state="shutdown")
    figure("SIGTERM of the kernel to the launcher's end", f"{ran.seconds:.1f} s")


def test_interrupting_the_command_stops_gracefully(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """Ctrl-C at `rigd session` closes what is open and ends with exit code 0."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        interrupt(running.process)
        ran = running.ended()
        graceful(tmp_path, running, ran, reason="shutdown", state="shutdown")
    figure("Ctrl-C to the launcher's end", f"{ran.seconds:.1f} s")


def test_the_death_of_papermill_leaves_no_position_and_no_process(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """When papermill is killed the kernel closes its positions, its journal, and itself."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        kernel = running.kernel
        running.papermill.kill()
        took = wait_until("the kernel's end", lambda: not is_running(kernel))
        ran = running.ended()
        assert ran.code == 1
        wait_until("the end of every process", lambda: not processes_of(tmp_path))
    truth = read_json(running.folder / "session.json")
    assert (truth["exit_reason"], truth["status"]) == ("shutdown", "CLOSED")
    assert truth["notebook_exit_code"] != 0
    flat_and_whole(tmp_path)
    figure("death of papermill to the kernel's own end", f"{took:.1f} s")


def test_the_death_of_launcher_and_papermill_leaves_a_record_to_finish(tmp_path: Path) -> None:
    """The kernel still closes by itself; the next run seals that session instead of a new one."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        kernel, papermill = running.kernel, running.papermill
        running.process.kill()
        papermill.kill()
        wait_until("the kernel's end", lambda: not is_running(kernel))
    again = run_rigd(tmp_path, "session", *PACED)
    assert again.code == 0, again.err
    flat_and_whole(tmp_path)


def flat_and_whole(home: Path) -> None:
    """Assert that the only session was shut down flat, lost nothing and is sealed."""
    left = read_left(home)
    assert left.closed is not None
    assert (left.closed.flat, left.closed.exit_reason) == (True, "shutdown")
    assert [e["exec_key"] for e in left.executed] == [f.exec_key for f in left.fills]
    assert left.problems == ()


def test_a_killed_kernel_is_reported_and_taken_up(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """The command says that the session did not end and what to do; the next run ends it."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        running.kernel.kill()
        ran = running.ended()
    assert ran.code == 1
    assert "did not end" in ran.err
    assert "next: " in ran.err
    figure("kill -9 of the kernel to the launcher's report", f"{ran.seconds:.1f} s")
    again = run_rigd(tmp_path, "session", *PACED)
    assert again.code == 0, again.err
    left = read_left(tmp_path)
    assert left.closed is not None
    assert left.closed.exit_reason == "session_end"
    assert left.problems == ()
