"""The runner of the documents' tests, and its flow: provisioning, config, trading, shutdown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from rigd.core.clock import SystemClock
from rigd.core.ids import SystemIds
from rigd.hosts import session, supervisor
from rigd.hosts.configure import change_settings
from rigd.hosts.launch import Launcher
from rigd.hosts.test_mode import DryRunLog
from rigd.store.control import ControlFolder
from rigd.store.paths import Home
from tests import integration_test_runner as runner
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.flags import REFUSED, run_by_hand
from tests.hosts.homes import SAMPLE, InProcess, bot_of, demo, listing
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def flags_of(home: Home) -> ControlFolder:
    return ControlFolder(home.control, FakeClock(), FakeIds())


def started(home: Home) -> subprocess.CompletedProcess[str]:
    """The runner as the supervisor starts it."""
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "tests.integration_test_runner"],
        cwd=ROOT,
        env=kept | {"RIGD_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )


def rows(home: Home) -> list[dict]:
    path = home.bot(bot_of(home).identity).logs / "test_mode.log"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_single_flag_runs_that_test_alone(tmp_path: Path) -> None:
    """M2, M3, V12: only the matching module, also beside the whole flag; the log and a result."""
    home = demo(tmp_path)
    before = listing(home.root)
    flags_of(home).raise_test("coa_consistency", "a test", "pytest")
    flags_of(home).raise_test("", "a test", "pytest")
    done = started(home)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [(row["event"], row["test"]) for row in rows(home)]
    assert told == [("test_started", "coa_consistency"), ("test_ended", "coa_consistency")]
    assert flags_of(home).tests() == ()
    made = listing(home.root)
    written = {name for name, content in made.items() if content and before.get(name) != content}
    assert written == {
        "runs/RIGD_USA_SIM_01/logs/test_mode.log",
        "runs/test_mode/results/coa_consistency.xml",
    }


def test_without_a_flag_nothing_runs(tmp_path: Path) -> None:
    """No flag: refused with a message and exit code 2; nothing is written (V16)."""
    home = demo(tmp_path)
    before = listing(home.root)
    done = started(home)
    assert done.returncode == REFUSED
    assert "no flag of a test" in done.stderr
    assert listing(home.root) == before


def test_the_whole_flag_asks_for_every_named_test() -> None:
    """M3: the flag of the dry run triggers all tests that the documents call by name."""
    assert runner.chosen(()) == []
    assert runner.chosen(("env_bot", "")) == ["env_bot"]
    everything = runner.chosen(("",))
    assert {"main_bot", "env_bot", "strategy_selfcheck", "broker_trade_stub"} <= set(everything)


def test_a_flag_of_no_test_is_told(tmp_path: Path) -> None:
    """A name without a module is refused and logged as failed."""
    home = demo(tmp_path)
    log = DryRunLog(home, bot_of(home).identity, FakeClock(), "nothing")
    assert runner.run(home, log, "nothing") == REFUSED
    assert rows(home)[-1]["message"] == "FAILED: no such test"


def test_a_dry_run_from_provisioning_to_shutdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V12: an empty home is provisioned, configured, traded on and closed; live stays empty."""
    home = Home(tmp_path / "home")
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    flags_of(home).raise_test("", "a test", "pytest")
    ended = Launcher(home, SystemClock(), SystemIds(), lambda _: None).launch(SAMPLE)
    assert (ended.exit_code, ended.closed.status, ended.closed.flat) == (0, "CLOSED", True)
    assert ended.closed.trades > 0
    tree = home.bot(bot_of(home).identity)
    assert {path.name for path in tree.root.iterdir()} == {"launch.lock", "session.lock", "logs"}
    assert [path.name for path in tree.logs.iterdir()] == ["test_mode.log"]
    changed = change_settings(bot_of(home), {"MAX_OPEN_POSITIONS": "3"}, "", FakeClock())
    assert changed.generation == 2
    live = session.start(str(home.root), SAMPLE.to_json()).wait()
    assert live.entries[0].record.test_mode is False
    assert dict(live.entries[0].record.settings)["MAX_OPEN_POSITIONS"] == "3"


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
