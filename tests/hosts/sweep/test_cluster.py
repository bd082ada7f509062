"""The same sweep on a real Dask cluster: two workers on loopback; workers and the driver die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys

import pytest

from rigd.core.errors import ConfigError, NetworkError
from rigd.hosts.sweep import cluster, host
from rigd.hosts.sweep.state import SweepFolder
from tests.fakes.clock import FakeClock

PARTS = {"PART_COMBINATIONS": 16, "PART_SETS": 3}
"""Small parts, so that there are many of them."""

PORTFOLIO = {
    "STOP_PCT_OPEN": [0.002, None],
    "MAX_OPEN_POSITIONS": [1, 2],
    "STRAT_OPEN_BUFFER": [0.0001, 0.0005],
    "TARGET_PCT_OPEN": [None, 0.002],
}
KINDS = {"each symbol alone": {}, "portfolio": {"grid": PORTFOLIO, "portfolio": True}}

dask = pytest.mark.filterwarnings("default")
"""dask's own warnings, in its processes and sockets."""


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """Return what makes a sweep of one kind, cut into small parts."""
    for name, size in PARTS.items():
        monkeypatch.setattr(host, name, size)
    return KINDS[request.param]


@pytest.fixture
def workers():
    """Return a cluster of two worker processes."""
    from distributed import LocalCluster  # noqa: PLC0415 - heavy, and an optional extra

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
    ) as made:
        yield made


def pids_of(workers) -> list[int]:
    """Return the workers' processes."""
    found = [worker.process.pid for worker in workers.workers.values()]
    assert len(found) == 2
    return found


def files_of(result) -> tuple[bytes, bytes]:
    """Return the outputs and the table on disk."""
    return result.outputs.tobytes(), (result.folder / "result.csv").read_bytes()


def test_dask_is_loaded_by_one_module_when_it_is_asked_for(monkeypatch) -> None:
    """Without the extra the answer says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="needs dask"):
        next(iter(cluster.run_on("tcp://127.0.0.1:1", ())))


@dask
@pytest.mark.system
def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch) -> None:
    """Nobody listens: the address is named."""
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9"):
        next(iter(cluster.run_on("tcp://127.0.0.1:9", ())))


@dask
@pytest.mark.system
def test_two_workers_of_which_one_is_killed_give_the_local_result(made, kind, workers) -> None:
    """Identical to the last bit to the sweep in this process, alone or in one account."""
    local = made("local", **kind).run(FakeClock(), resumed=False)
    pids = pids_of(workers)
    killed = []

    def kill_one(_count) -> None:
        if not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    sweep = made("cluster", cluster=workers.scheduler_address, **kind)
    result = sweep.run(FakeClock(), kill_one, resumed=False)
    assert killed
    assert files_of(result) == files_of(local)


@dask
@pytest.mark.system
def test_a_worker_and_the_driver_die_and_the_sweep_resumes_to_the_same_bits(
    made, kind, workers, home, demo_settings
) -> None:
    """SIGKILL for a worker, then for the process that asked: resumed, nothing differs."""
    local = made("local", **kind).run(FakeClock(), resumed=False)
    address = workers.scheduler_address
    request = made("cut", **kind).request
    driver = multiprocessing.get_context("spawn").Process(
        target=drive, args=(home, demo_settings, request, address, pids_of(workers)[0])
    )
    driver.start()
    driver.join()
    assert driver.exitcode == -signal.SIGKILL
    sweep = made("cut", cluster=address, **kind)
    folder, spans = SweepFolder(home, "cut"), sweep.spans()
    done = [number for number in range(len(spans)) if folder.has_part(number)]
    assert 4 <= len(done) < len(spans)
    resumed = []
    result = sweep.run(FakeClock(), resumed.append, resumed=True)
    assert sum(resumed) == sweep.total
    assert files_of(result) == files_of(local)


def drive(home, settings, request, address, worker) -> None:
    """Run a sweep, kill a worker after two parts and this process after four."""
    for name, size in PARTS.items():
        setattr(host, name, size)
    done = []

    def told(count) -> None:
        done.append(count)
        if len(done) == 2:
            os.kill(worker, signal.SIGKILL)
        if len(done) == 4:
            os.kill(os.getpid(), signal.SIGKILL)

    sweep = host.make_sweep(home, settings, request, "cut", cluster=address)
    sweep.run(FakeClock(), told, resumed=False)
