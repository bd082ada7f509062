"""kill -9 at any write: run again, and the session ends as if nothing had happened (FAULTS R01).

The engine runs without papermill in forked processes, which are told at which write to die: before
it, half-way through it, before or after its sync. A few moments go through papermill and a kernel.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.hosts.bot import provision_demo
from rigd.hosts.request import SessionRequest
from rigd.store.paths import Home
from tests.system.crash_points import BEFORE, HOWS, SYNCED, WRITTEN
from tests.system.engines import Engines, Moment, Outcome, is_sealed, spread
from tests.system.evidence import differences, read_left
from tests.system.processes import run_rigd, session_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

ENGINE = (sys.executable, "-m", "tests.system.engine_process")

MOMENTS = 200
"""Moments spread over the journal's growth (the issue's figure)."""

SMALL = SessionRequest(symbols=("GOOG",), overrides=(("STRATEGY_SEQUENCE", "open"),))
"""One strategy, one symbol: few enough writes to die at each."""

FAULTY = SessionRequest(
    overrides=(
        ("SIM_PARTIAL_FILL_RATE", "0.5"),
        ("SIM_REJECT_RATE", "0.1"),
        ("SIM_LOST_REPLY_RATE", "0.2"),
        ("SIM_COMMISSION_PCT", "0.001"),
    ),
)
"""A broker that fills in parts, refuses and does not answer."""


class Prepared:
    """Engines for one request, and what its session leaves and writes when nobody kills it."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.left, self.counts = engines.undisturbed()

    def judge(self, moments: Sequence[Moment]) -> list[Outcome]:
        """Kill and take up at each moment; fail when any differs."""
        outcomes = self.engines.judge_all(moments, self.left)
        bad = [outcome for outcome in outcomes if outcome.differs]
        shown = "\n".join(f"{o.moment}: {'; '.join(o.differs)}" for o in bad[:20])
        assert not bad, f"{len(bad)} of {len(outcomes)} moments differ\n{shown}"
        return outcomes


@pytest.fixture(scope="module")
def whole_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """The built-in sample, all strategies."""
    with Engines(tmp_path_factory.mktemp("whole"), SessionRequest()) as engines:
        yield Prepared(engines)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """The small session."""
    with Engines(tmp_path_factory.mktemp("small"), SMALL) as engines:
        yield Prepared(engines)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """The whole day at a broker with faults."""
    with Engines(tmp_path_factory.mktemp("faulty"), FAULTY) as engines:
        yield Prepared(engines)


def told(prepared: Prepared, outcomes: Sequence[Outcome], began: float) -> str:
    """A figure: moments, deaths, what is at stake, time."""
    left = prepared.left
    return (
        f"{len(outcomes)} moments, {sum(o.killed for o in outcomes)} deaths; "
        f"{len(left.entries)} records, {len(left.taken)} orders, {len(left.fills)} fills, "
        f"{len(left.trades)} trades; {time.monotonic() - began:.0f} s"
    )


def test_the_undisturbed_sessions_are_worth_killing(
    whole_day: Prepared, small: Prepared, faulty: Prepared
) -> None:
    """They trade, end closed, whole and balanced; the faulty broker's faults do occur."""
    for prepared in (whole_day, small, faulty):
        assert differences(prepared.left, prepared.left) == []
        assert prepared.left.trades
    assert len({trade.strategy for trade in whole_day.left.trades}) == 3
    assert {change["status"] for change in faulty.left.taken} == {"NEW", "REJECTED"}
    assert len(faulty.left.fills) > 2 * len(faulty.left.trades)


def test_killed_at_moments_all_over_the_journals_growth(
    whole_day: Prepared, figure: Callable[[str, str], None]
) -> None:
    """200 moments: the same books and trades, no order twice, no fill lost."""
    began = time.monotonic()
    records = spread(MOMENTS, whole_day.counts["journal"])
    hows = cycle(HOWS)
    outcomes = whole_day.judge([Moment("journal", nth, next(hows)) for nth in records])
    assert sum(outcome.killed for outcome in outcomes) == MOMENTS
    figure("kill -9 over the journal's growth", told(whole_day, outcomes, began))


@pytest.mark.parametrize("where", ["journal", "broker", "ledger"])
def test_killed_at_every_write_of_a_small_session(
    small: Prepared, figure: Callable[[str, str], None], where: str
) -> None:
    """Every journal record, every record of the broker's log, every commit of the ledger."""
    began = time.monotonic()
    hows = cycle((BEFORE, WRITTEN, SYNCED) if where == "ledger" else HOWS)
    times = 3 if where == "ledger" else 1
    writes = [nth for nth in range(1, small.counts[where] + 1) for _ in range(times)]
    outcomes = small.judge([Moment(where, nth, next(hows)) for nth in writes])
    assert sum(outcome.killed for outcome in outcomes) == len(writes)
    figure(f"kill -9 at every write: {where}", told(small, outcomes, began))


def test_killed_again_while_it_is_taken_up(
    small: Prepared, figure: Callable[[str, str], None]
) -> None:
    """A successor that dies in its first writes is taken up as well."""
    began = time.monotonic()
    hows = cycle(HOWS)
    moments = [
        Moment("journal", nth, next(hows), again=(("journal", 1 + i % 7, next(hows)),))
        for i, nth in enumerate(spread(24, small.counts["journal"] - 3))
    ]
    outcomes = small.judge(moments)
    assert sum(outcome.killed for outcome in outcomes) > 1.5 * len(moments)
    figure("kill -9 twice", told(small, outcomes, began))


def test_killed_with_a_broker_that_fills_in_parts_refuses_and_is_silent(
    faulty: Prepared, figure: Callable[[str, str], None]
) -> None:
    """Partial fills, refusals and lost replies change nothing: the same books, no order twice."""
    began = time.monotonic()
    hows = cycle(HOWS)
    records = spread(40, faulty.counts["journal"])
    outcomes = faulty.judge([Moment("journal", nth, next(hows)) for nth in records])
    figure("kill -9 with a faulty broker", told(faulty, outcomes, began))


def test_killed_at_changes_of_the_file_system(
    small: Prepared, figure: Callable[[str, str], None]
) -> None:
    """Any file: logs, status, exports, report, manifest, at every tenth change."""
    began = time.monotonic()
    moments = [Moment("disk", nth) for nth in range(1, small.counts["disk"] + 1, 10)]
    outcomes = small.judge(moments)
    assert sum(outcome.killed for outcome in outcomes) >= len(moments) - 2
    figure("kill -9 at changes of any file", told(small, outcomes, began))


def test_killed_through_papermill(
    tmp_path: Path, whole_day: Prepared, figure: Callable[[str, str], None]
) -> None:
    """The same with `rigd session` and a real kernel, killed from outside at five moments."""
    began, paced = time.monotonic(), ("--speed", "6000")
    count = whole_day.counts["journal"]
    for place, nth in enumerate((count // 10, count // 4, count // 2, count * 3 // 4, count - 9)):
        home = tmp_path / f"{place}"
        with session_of(home, *paced) as running:
            wait_until("the journal", partial(has_grown, home, nth))
            running.kernel.kill()
            assert running.ended().code == 1
        again = run_rigd(home, "session", *paced)
        assert again.code == 0, again.err
        assert differences(read_left(home), whole_day.left) == [], f"killed at record {nth}"
    figure("kill -9 of a real kernel", f"5 moments, {time.monotonic() - began:.0f} s")


def has_grown(home: Path, records: int) -> bool:
    """Tell whether the journal of the only session holds so many records."""
    found = list((home / "runs").glob("RIGD_*/sessions/*/journal.log"))
    if not found:
        return False
    with found[0].open("rb") as journal:
        return journal.read(1 << 20).count(b"\n") >= records


def test_killed_at_system_calls(
    tmp_path: Path, small: Prepared, figure: Callable[[str, str], None]
) -> None:
    """Under strace: at system calls that write or sync, those inside SQLite included."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace, which tests/system/packages.sh installs where it may")
    began, killed = time.monotonic(), 0
    template = tmp_path / "template"
    provision_demo(Home(template))
    calls = "pwrite64,write,fsync,fdatasync,rename,ftruncate"
    for nth in range(20, 620, 50):
        home = shutil.copytree(template, tmp_path / f"{nth}")
        arguments = [str(home), small.engines.request]
        inject = f"--inject={calls}:signal=KILL:when={nth}"
        command = [strace, "-f", "-qq", "-o", "/dev/null", inject, *ENGINE, *arguments]
        done = subprocess.run(  # noqa: S603 - strace and our own interpreter
            command, cwd=checkout(), capture_output=True, check=False
        )
        killed += done.returncode != 0
        if not is_sealed(home):
            again = [*ENGINE, *arguments]
            subprocess.run(again, cwd=checkout(), check=True)  # noqa: S603 - our own interpreter
        assert differences(read_left(home), small.left) == [], f"killed at system call {nth}"
    assert killed
    figure("kill -9 at system calls", f"{killed} deaths, {time.monotonic() - began:.0f} s")
