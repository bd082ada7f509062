"""The same sweep on a real Dask cluster: two workers on loopback, one killed midway."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from rigd.core.errors import ConfigError, NetworkError
from rigd.hosts.sweep import cluster, host
from tests.fakes.clock import FakeClock


def test_dask_is_loaded_by_one_module_when_it_is_asked_for(monkeypatch) -> None:
    """Without the extra the answer says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="needs dask"):
        next(iter(cluster.run_on("tcp://127.0.0.1:1", ())))


@pytest.mark.system
@pytest.mark.filterwarnings("default")  # dask's own, in its processes and sockets
def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch) -> None:
    """Nobody listens: the address is named."""
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9"):
        next(iter(cluster.run_on("tcp://127.0.0.1:9", ())))


@pytest.mark.system
@pytest.mark.filterwarnings("default")  # dask's own, in its processes and sockets
def test_two_workers_of_which_one_is_killed_give_the_local_result(made, monkeypatch) -> None:
    """Identical to the last bit to the sweep in this process."""
    from distributed import LocalCluster  # noqa: PLC0415 - heavy, and an optional extra

    monkeypatch.setattr(host, "PART_COMBINATIONS", 16)
    local = made("local").run(FakeClock(), resumed=False)
    killed = []
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
    ) as workers:
        pids = [worker.process.pid for worker in workers.workers.values()]
        assert len(pids) == 2

        def kill_one(_count) -> None:
            if not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        sweep = made("cluster", cluster=workers.scheduler_address)
        result = sweep.run(FakeClock(), kill_one, resumed=False)
    assert killed
    assert result.outputs.tobytes() == local.outputs.tobytes()
    names = [(each.folder / "result.csv").read_bytes() for each in (local, result)]
    assert names[0] == names[1]
