"""Forked processes: tried in an interpreter of its own, because the tests' process has threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rigd.config.sources import checkout
from rigd.core.errors import LogicError
from rigd.hosts.crashes.processes import KILLED, Run
from rigd.hosts.crashes.watch import Watched


def said_by(code: str) -> subprocess.CompletedProcess[str]:
    """What an interpreter prints that runs a piece of code."""
    return subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        cwd=checkout(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_jobs_are_spread_over_processes() -> None:
    """Every job is answered once, by several processes, and long answers arrive whole."""
    done = said_by(
        "import os\n"
        "from rigd.hosts.crashes.processes import spread_over\n"
        "def work(job):\n"
        "    return {'job': job, 'pid': os.getpid(), 'text': 'x' * 100000}\n"
        "answers = list(spread_over(2, range(7), work))\n"
        "print(sorted(a['job'] for a in answers), len({a['pid'] for a in answers}),\n"
        "      {len(a['text']) for a in answers})\n"
    )
    assert done.stdout == "[0, 1, 2, 3, 4, 5, 6] 2 {100000}\n", done.stderr


def test_a_worker_that_dies_is_an_error() -> None:
    """No job is lost in silence; what it died of is printed."""
    done = said_by(
        "from rigd.hosts.crashes.processes import spread_over\n"
        "def work(job):\n"
        "    raise ValueError(f'job {job} is bad')\n"
        "list(spread_over(2, [1, 2], work))\n"
    )
    assert done.returncode == 1
    assert "a worker must do all its jobs" in done.stderr
    assert "is bad" in done.stderr


def test_children_end_with_their_parent() -> None:
    """A killed matrix leaves no broker behind."""
    done = said_by(
        "import os, signal, sys\n"
        "from rigd.hosts.crashes.processes import _in_child, fork\n"
        "reading, writing = os.pipe()\n"
        "parent = fork()\n"
        "if parent == 0:\n"
        "    if fork() == 0:\n"
        "        _in_child(lambda: (os.write(writing, b'r'), signal.pause()))\n"
        "    os.close(writing)\n"
        "    signal.pause()\n"
        "os.close(writing)\n"
        "os.read(reading, 1)\n"
        "os.kill(parent, signal.SIGKILL)\n"
        "print('ended', os.read(reading, 1))\n"
    )
    assert done.stdout == "ended b''\n", done.stderr


def test_a_run_tells_its_last_words() -> None:
    """The diagnosis is the last line; an undisturbed run must be good in every way."""
    run = Run(1, "Traceback\nrigd.core.errors.StorageError: full\n", 0.1, Watched())
    assert run.last_words == "rigd.core.errors.StorageError: full"
    assert Run(KILLED, "", 0.1, Watched()).last_words == ""
    with pytest.raises(LogicError, match="StorageError: full"):
        run.require_good()
    with pytest.raises(LogicError, match="sent before"):
        Run(0, "", 0.1, Watched(wrongs=["sent before"])).require_good()
    Run(0, "", 0.1, Watched()).require_good()
