"""Runs from a warm parent: the same record as a cold run, and never a run that nobody asked for."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import nbformat
import psutil
import pytest

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.hosts import build_check
from rigd.hosts.launch import read_fields
from rigd.store.paths import Home
from tests.refresh_notebooks import IGNORED, neutral
from tests.system.evidence import read_left, session_folders
from tests.system.processes import (
    is_running,
    processes_of,
    run_rigd,
    session_of,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PARENT = "rigd.hosts.warm_parent"
SECRET = "hunter2"  # noqa: S105 - a made-up one


@contextmanager
def warm(home: Path) -> Iterator[psutil.Process]:
    """Keep a warm parent by `rigd warm`; its owner is killed at the end."""
    owner = subprocess.Popen(
        [sys.executable, "-m", "rigd", "warm"],
        env={**os.environ, HOME_VARIABLE: str(home), "BROKER_PASSWORD": SECRET},
        cwd=checkout(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith("warm: ")
        (parent,) = psutil.Process(owner.pid).children()
        assert PARENT in parent.cmdline()
        yield parent
    finally:
        owner.kill()
        owner.communicate()
    wait_until("the parent's end", lambda: not is_running(parent))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose build is sealed."""
    build_check.seal(Home(tmp_path), by="test", reason="test")
    return tmp_path


def compared(home: Path) -> list[object]:
    """What nbval compares of the executed notebook: sources and outputs, neutralised."""
    folder = session_folders(home)[-1]
    cells = nbformat.read(folder / "session.ipynb", as_version=4).cells
    told = [
        (cell.id, cell.get("execution_count"), json.dumps(cell.get("outputs")))
        for cell in cells
        if cell.id in KEPT_CELLS
    ]
    return [neutral(text.replace(str(home), "HOME")) for _, _, text in told] + [
        (name, count) for name, count, _ in told
    ]


OF_THE_RUN = {"kernel.json", "manifest.json", "session.ipynb", "session.json", "status.json"}
"""What holds instants, process numbers and the home's folder; everything else is equal."""
KEPT_CELLS = [
    cell.id
    for cell in nbformat.read(checkout() / "notebooks" / "session.ipynb", as_version=4).cells
    if cell.cell_type == "code" and not {IGNORED, "parameters"} & set(cell.metadata.get("tags", ()))
]


def test_a_warm_record_equals_a_cold_one(
    home: Path, tmp_path_factory: pytest.TempPathFactory, figure: Callable[[str, str], None]
) -> None:
    """Cells, outputs, trades and books of a session are the same, forked or started."""
    cold_home = tmp_path_factory.mktemp("cold")
    homes = (cold_home, home)
    for place in homes:  # the first session provisions
        assert run_rigd(place, "session").code == 0
    with warm(home) as parent:
        ahead = forked_ahead(parent)
        warmed = run_rigd(home, "session")
        assert not is_running(ahead)
        wait_until("the run to be reaped", lambda: parent.cpu_times().children_user > 0)
    cold = run_rigd(cold_home, "session")
    assert (cold.code, warmed.code) == (0, 0)
    assert without_seal(warmed.out) == without_seal(cold.out)
    assert "cold start" not in warmed.err
    assert compared(home) == compared(cold_home)
    ours, theirs = (session_folders(at)[-1] for at in homes)
    names = sorted(path.name for path in ours.iterdir())
    assert names == sorted(path.name for path in theirs.iterdir())
    same = {name for name in names if (ours / name).read_bytes() == (theirs / name).read_bytes()}
    assert set(names) - same == OF_THE_RUN
    assert run_rigd(home, "verify").code == 0
    figure("a session, started cold and warm", f"{cold.seconds:.2f} s, {warmed.seconds:.2f} s")


def forked_ahead(parent: psutil.Process, but: psutil.Process | None = None) -> psutil.Process:
    """Wait for the kernel of the run that the parent forks when nobody asks; return it."""

    def found() -> list[psutil.Process]:
        kernels = [kernel for run in parent.children() for kernel in run.children()]
        return [kernel for kernel in kernels if kernel != but and len(kernel.threads()) > 1]

    wait_until("a run ahead", lambda: bool(found()))
    return found()[0]


def without_seal(told: str) -> str:
    """The printed summary without its seal, which is over instants too."""
    return re.sub(r"seal [0-9a-f]{16}", "seal", told)


def test_the_parent_holds_nothing_that_a_run_should_not_have(home: Path) -> None:
    """No secret, no home in its environment, one thread, no file but its own socket and pipes."""
    with warm(home) as parent:
        assert SECRET not in parent.environ().values()
        assert HOME_VARIABLE not in parent.environ()
        assert parent.num_threads() == 1
        assert [file.path for file in parent.open_files()] == []
        assert len(parent.net_connections("inet")) == 0


@pytest.mark.parametrize("ahead", [True, False])
def test_a_forked_run_is_a_run_like_any_other(home: Path, *, ahead: bool) -> None:
    """Own process session, its own environment, papermill above the kernel, nothing inherited."""
    with warm(home) as parent:
        waiting = forked_ahead(parent) if ahead else None
        with session_of(home, "--speed", "6000") as running:
            running.wait_for_minute(60)
            kernel = running.kernel
            forked = kernel.parent()
            assert forked is not None
            assert forked.parent() == parent
            assert waiting in {None, kernel}
            for process in (forked, kernel):
                assert os.getsid(process.pid) == process.pid
            listening = {line.laddr for line in parent.net_connections("unix") if line.laddr}
            inherited = {line.laddr for line in kernel.net_connections("unix") if line.laddr}
            assert not listening & inherited
            assert running.ended().code == 0
        wait_until("the run to be reaped", lambda: not is_running(forked))


def test_the_parent_dies_with_its_owner_and_the_run_goes_on(home: Path) -> None:
    """SIGKILL of the owner ends the parent; the session trades to its end and is sealed."""
    with warm(home) as parent:
        with session_of(home, "--speed", "6000") as running:
            running.wait_for_minute(30)
            owner = parent.parent()
            assert owner is not None
            running.wait_for_minute(40)
            ahead = forked_ahead(parent, but=running.kernel)
            owner.send_signal(signal.SIGKILL)
            wait_until("the parent's end", lambda: not is_running(parent))
            wait_until("the end of what waits", lambda: not is_running(ahead))
            assert running.ended().code == 0
        assert read_left(home).problems == ()


def test_a_killed_run_is_told_as_one(home: Path) -> None:
    """SIGKILL of the forked kernel and of papermill: the launcher says what a cold one says."""
    with warm(home) as parent, session_of(home, "--speed", "6000") as running:
        running.wait_for_minute(60)
        kernel = running.kernel
        forked = kernel.parent()
        assert forked is not None
        assert forked.parent() == parent
        forked.kill()
        kernel.kill()
        ended = running.ended()
    assert ended.code != 0
    assert "did not end" in ended.err


def test_a_run_that_is_interrupted_stops_gracefully(home: Path) -> None:
    """Ctrl-C at the launcher reaches the forked kernel: it closes, and the record is sealed."""
    with warm(home), session_of(home, "--speed", "6000") as running:
        running.wait_for_positions()
        running.process.send_signal(signal.SIGINT)
        ended = running.ended()
    assert ended.code == 0, ended.err
    assert read_fields(session_folders(home)[-1] / "session.json")["exit_reason"] != "session_end"
    assert processes_of(home) == []


def test_a_parent_that_hangs_is_left_alone(home: Path) -> None:
    """A stopped parent answers nobody: the run starts cold, says so, and no second one begins."""
    with warm(home) as parent:
        parent.suspend()
        ran = run_rigd(home, "session")
        assert ran.code == 0
        assert "cold start: the warm parent does not answer" in ran.err
        parent.resume()
        wait_until("the parent to take up its line", lambda: parent.status() == "sleeping")
        assert len(session_folders(home)) == 1


def test_a_parent_of_another_build_is_not_used(home: Path) -> None:
    """When the seal is not the parent's code, a run starts cold and says so."""
    assert run_rigd(home, "session").code == 0
    with warm(home):
        assert run_rigd(home, "review", "latest").err == ""
        (home / "env" / build_check.MANIFEST).write_text("{}")
        ran = run_rigd(home, "review", "latest")
        assert ran.code == 0
        assert "cold start: the warm parent's code is not the sealed build" in ran.err
