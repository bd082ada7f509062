"""The trace: the same seed gives the same hash in every process (I-20)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from rigd.hosts.simulate.runner import run_seed
from rigd.hosts.simulate.swarm import Profile
from rigd.hosts.simulate.trace import Trace

SEEDS = (0, 4, 13, 24)
CODE = (
    "from rigd.hosts.simulate.runner import run_seed\n"
    "from rigd.hosts.simulate.swarm import Profile\n"
    f"for seed in {SEEDS}: print(run_seed(seed, Profile.SWARM, 400).digest)"
)
ROOT = Path(__file__).resolve().parents[3]


def digests(**environment: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CODE],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd="/",
    )
    return done.stdout.split()


def test_the_hash_is_that_of_the_lines() -> None:
    """One line an event: number, instant, kind, text."""
    trace = Trace(keep=True)
    trace.at(datetime(2024, 3, 8, 14, 30, tzinfo=UTC))
    trace.add("order", "B1 buy")
    trace.add("find", "x")
    lines = [
        "1 2024-03-08T14:30:00+00:00 order B1 buy\n",
        "2 2024-03-08T14:30:00+00:00 find x\n",
    ]
    assert trace.lines == lines
    assert trace.digest() == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert Trace().lines is None


def test_two_processes_have_the_same_trace() -> None:
    """I-20: whatever hash seed, zone, language and folder a process has."""
    here = [run_seed(seed, Profile.SWARM, 400).digest for seed in SEEDS]
    one = digests(PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C", LANG="C")
    two = digests(PYTHONHASHSEED="99", TZ="America/New_York", LC_ALL="C.UTF-8", LANG="C.UTF-8")
    assert here == one == two
    assert len(set(here)) == len(SEEDS)
