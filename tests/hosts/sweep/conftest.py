"""One small sweep over real days: its home, its request, its settings."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.config.demo import demo_env_text
from rigd.config.parse import parse_env
from rigd.hosts.sweep.grid import axes_from
from rigd.hosts.sweep.host import make_sweep
from rigd.hosts.sweep.request import SweepRequest
from rigd.store.paths import Home
from tests.shared import shared_path

GRID = {
    "STRAT_OPEN_BUFFER": [0.0001, 0.0005],
    "OPEN_ANALYSIS_TIME": [5, 20],
    "STOP_PCT_OPEN": [0.002, None],
    "TRAIL_PCT_OPEN": [0.001, 0.004],
    "OPEN_MONITORING_TIME": [5, 30],
    "TARGET_PCT_OPEN": [None, 0.002],
}


@pytest.fixture(scope="session")
def kernel_home(tmp_path_factory):
    """Return a home whose compiled kernels every test of the session shares."""
    return Home(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def home(tmp_path, kernel_home):
    """Return a home of its own, with the cache of kernels of all."""
    kernel_home.cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "cache").symlink_to(kernel_home.cache)
    return Home(tmp_path)


@pytest.fixture(scope="session")
def demo_settings():
    """Return the demo's settings."""
    return parse_env(demo_env_text(), source="the demo settings")


@pytest.fixture
def request_of():
    """Return a maker of requests over three real days of three symbols."""

    def make(grid=None, **changes):
        fields = {
            "strategy": "open",
            "data": str(shared_path("data")),
            "start": date(2013, 10, 4),
            "end": date(2013, 10, 8),
            "axes": axes_from(grid or GRID),
            "symbols": ("SPY", "IBM", "BAC"),
            "changes": (("SLIPPAGE_SIMULATION_TYPE", "none"), ("SHORT_TYPE_OPEN", "ShortSell")),
        }
        return SweepRequest(**{**fields, **changes})

    return make


@pytest.fixture
def made(home, demo_settings, request_of):
    """Return a maker of sweeps in the test's home."""

    def make(name="one", grid=None, jobs=1, cluster="", **changes):
        request = request_of(grid, **changes)
        return make_sweep(home, demo_settings, request, name, jobs=jobs, cluster=cluster)

    return make
