"""Kill the build of a universe at each of its writes, in processes of their own.

``python -m tests.system.universe_process FOLDER`` builds once undisturbed, then forks a child for
each change of the disk, which dies there by SIGKILL, and another one that takes the build up. It
prints one JSON object: how many were killed, and the numbers of those that did not end with the
same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.draws import Draws
from rigd.market.providers.universe import UniverseFolder
from rigd.net.calls import Calls
from rigd.net.rate import RateLimit
from rigd.net.retry import Backoff
from rigd.screener.asking import Source
from rigd.screener.criteria import Criteria
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.screener.worlds import Workshop, screeners
from tests.system.crash_points import CrashPoint

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock

DAY = date(2014, 3, 28)
START = datetime(2014, 3, 28, 21, tzinfo=UTC)
LATER = datetime(2014, 3, 28, 22, tzinfo=UTC)
HEADER = "symbol,close,volume\n"


def market(folder: Path) -> None:
    """Two days of thirty symbols, one of them twice."""
    folder.mkdir(parents=True)
    for day, price in (("20140327", 10), ("20140328", 11)):
        rows = [f"S{number:02d},{price + number},{900_000 + number}\n" for number in range(30)]
        (folder / f"m_{day}.csv").write_text(HEADER + "".join(rows) + "TWO,5,1\nTWO,6,1\n")


def build(root: Path, folder: Path, now: datetime) -> None:
    """Run the command on a home at an instant."""
    workshop = Workshop(root, FakeClock(now))
    workshop.builder.build(
        [_source(folder, workshop.clock)], Criteria.of(settings()), keep=1, batch=10
    )


def child(root: Path, folder: Path, now: datetime, point: CrashPoint) -> int:
    """Build in a forked child, which dies at the point; return its wait status."""
    forked = os.fork()
    if forked == 0:
        code = 1
        try:
            point.install()
            build(root, folder, now)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(forked, 0)[1]


def main(folder: Path) -> None:
    """Kill at every write and print what was found."""
    data, first = folder / "market", folder / "first"
    market(data)
    Workshop(first, FakeClock(datetime(2014, 3, 27, 21, tzinfo=UTC))).builder.build(
        [_source(data, FakeClock())], Criteria.of(settings()), keep=1, day=date(2014, 3, 27)
    )
    calm = folder / "calm"
    shutil.copytree(first, calm)
    build(calm, data, START)
    expected = screeners(Workshop(calm).home)
    killed, wrong, nth = 0, [], 0
    while True:
        nth += 1
        root = folder / str(nth)
        shutil.copytree(first, root)
        status = child(root, data, START, CrashPoint(where="disk", nth=nth))
        if not os.WIFSIGNALED(status):
            break
        killed += os.WTERMSIG(status) == signal.SIGKILL
        home = Workshop(root).home
        if screeners(home) != expected:
            begun = b'"phase": "building"' in screeners(home)["universe_state.json"]
            child(root, data, LATER if begun else START, CrashPoint())
        if screeners(home) != expected:
            wrong.append(nth)
        shutil.rmtree(root)
    sys.stdout.write(json.dumps({"killed": killed, "wrong": wrong, "files": len(expected)}) + "\n")


def _source(folder: Path, clock: ControlClock) -> Source:
    calls = Calls(
        "folder", clock=clock, backoff=Backoff(limit=1), rate=RateLimit((), clock), draws=Draws(1)
    )
    return Source(UniverseFolder(folder), calls)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
