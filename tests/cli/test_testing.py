"""``rigd test`` raises the flag that it needs, and one run uses it up."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import ExitCode
from rigd.hosts import supervisor
from rigd.store.control import ControlFolder
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import demo


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path / "home")


@pytest.mark.usefixtures("door")
def test_without_a_name_it_is_a_dry_run_of_the_bot(rigd, home) -> None:
    """The session runs in TEST_MODE, its record lies under runs/test_mode, the flag is gone."""
    said = rigd(home, "test", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert "/runs/test_mode/" in told["record"]
    assert told["trades"] > 0
    assert ControlFolder(home.control, FakeClock(), FakeIds()).tests() == ()
    checked = rigd(home, "verify", told["record"])
    assert (checked.code, "whole" in checked.out) == (0, True)


def test_a_name_starts_the_runner_beside_its_flag(rigd, home, monkeypatch) -> None:
    """The runner is a child without the launcher's secrets, and finds the flag."""
    seen = []
    monkeypatch.setenv("BROKER_PASSWORD", "hunter2")

    def runner(variables, folder) -> int:
        flags = ControlFolder(home.control, FakeClock(), FakeIds())
        seen.append((flags.tests(), variables, folder))
        return 1

    monkeypatch.setattr(supervisor, "run_tests", runner)
    assert rigd(home, "test", "env_bot", "ledger_schema").code == 1
    ((names, variables, folder),) = seen
    assert names == ("env_bot", "ledger_schema")
    assert variables["RIGD_HOME"] == str(home.root)
    assert "hunter2" not in json.dumps(variables)
    assert (folder / "tests" / "integration_test_runner.py").is_file()


def test_a_name_that_no_flag_can_carry_is_refused(rigd, home) -> None:
    """Names become file names: letters, digits and _ alone (FAULTS S12)."""
    said = rigd(home, "test", "../../etc/passwd")
    assert said.code == ExitCode.BAD_INPUT
    assert "must be named" in said.err
