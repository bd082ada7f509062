"""Run sessions in processes of their own, without papermill: ``HOME REQUEST``, or a server.

``python -m tests.system.engine_process HOME REQUEST`` runs one session and ends.
``python -m tests.system.engine_process`` reads one job per line on its standard input and answers
each with one line. It has imported everything beforehand and forks a child for each run, so that a
run costs the run alone; the child may be told to die at one write.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from rigd.config.sources import checkout
from rigd.core.clock import SystemClock
from rigd.core.ids import SystemIds
from rigd.hosts import finishing, session
from rigd.hosts.bot import open_bot
from rigd.hosts.engine_run import EngineRun
from rigd.hosts.request import SessionRequest
from rigd.store.paths import Home
from tests.system.crash_points import CrashPoint

OUTPUT = "engine_process.log"
COUNTS = "counts.json"


def run(home: str, request: str) -> None:
    """Run one session to its end."""
    session.start(home, request).wait()


def run_child(home: str, request: str, point: CrashPoint) -> int:
    """Run one session in a forked child; return the child's wait status."""
    child = os.fork()
    if child == 0:
        _be_child(home, request, point)
    _, status = os.waitpid(child, 0)
    return status


def _be_child(home: str, request: str, point: CrashPoint) -> None:
    descriptor = os.open(f"{home}/{OUTPUT}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    code = 1
    try:
        _lighten(point)
        point.install()
        run(home, request)
        code = 0
    except BaseException:  # noqa: BLE001 - the child's outermost frame: its end is its answer
        traceback.print_exc()
    Path(home, COUNTS).write_text(json.dumps(point.counts), encoding="utf-8")
    os._exit(code)


def _lighten(point: CrashPoint) -> None:
    """Leave out what a kill cannot tell: real syncs, and the report's charts.

    What a process has written survives its death whether it was synced or not; the moments before
    and after a sync stay moments. The report is drawn when deaths at any file are asked for.
    """

    def pretend(_descriptor: int) -> None:
        pass

    os.fsync = os.fdatasync = pretend
    if point.where in {"journal", "broker", "ledger"}:
        vars(finishing)["report_html"] = lambda *_, **__: "<!DOCTYPE html>"


def serve() -> None:
    """Answer jobs ``{"home": …, "request": …, "where": …, "nth": …, "how": …}`` until the end."""
    warmed: set[str] = set()
    for line in sys.stdin:
        job = json.loads(line)
        home, request = job["home"], job["request"]
        if request not in warmed:
            _warm_up(home, request)
            warmed.add(request)
        began = time.monotonic()
        status = run_child(home, request, CrashPoint(job["where"], job["nth"], job["how"]))
        answer = {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
            "seconds": time.monotonic() - began,
            "rss_kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _warm_up(home: str, request: str) -> None:
    """Run a session here, so that the children find in memory what it imports and reads."""
    with TemporaryDirectory(prefix="rigd-") as folder:
        copied = Home(Path(shutil.copytree(home, folder, dirs_exist_ok=True)))
        bot = open_bot(copied, checkout() / "VERSION.md")
        wanted = SessionRequest.from_json(request)
        asyncio.run(EngineRun(bot, wanted, SystemClock(), SystemIds()).run())


def main(arguments: list[str]) -> int:
    """Run one session, or serve."""
    if arguments:
        run(*arguments)
    else:
        serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
