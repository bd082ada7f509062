"""What holds for every test: its flag, the property-test profile, and the traceability of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import traceability
from tests.flags import flag_name, missing_flag, under_ci

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

settings.register_profile(
    "rigd",
    deadline=None,
    database=None,
    derandomize=under_ci(),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("rigd")


NARROWING = ("keyword", "lf", "deselect", "ignore", "ignore_glob", "maxfail")
"""Options that leave tests out; such a run is not held to the table of listed tests."""


@pytest.fixture(scope="session")
def control_of_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary control folder of this run."""
    return tmp_path_factory.mktemp("control", numbered=True)


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Give back the environment that a test found, whatever it ran in this process."""
    found = dict(os.environ)
    yield
    if dict(os.environ) != found:
        os.environ.clear()
        os.environ.update(found)


@pytest.fixture(scope="module", autouse=True)
def _flag_of_module(request: pytest.FixtureRequest, control_of_run: Path) -> Iterator[None]:
    flag = control_of_run / flag_name(request.module.__name__)
    flag.touch()
    yield
    flag.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _no_test_without_its_flag(
    request: pytest.FixtureRequest, _flag_of_module: None, control_of_run: Path
) -> None:
    refusal = missing_flag(control_of_run, flag_name(request.module.__name__))
    if refusal:
        pytest.skip(refusal)


class RunRecord:
    """Remembers how each test ended and judges the listed ones at the end of a whole run."""

    def __init__(
        self, *, whole: bool, system: bool, stamp: Callable[[list[str]], None] = lambda _: None
    ) -> None:
        self.whole = whole
        self.system = system
        self.stamp = stamp
        self.outcomes: dict[str, str] = {}
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        worst = self.outcomes.get(report.nodeid, "")
        if report.outcome != "passed" or (report.when == "call" and not worst):
            self.outcomes[report.nodeid] = report.outcome

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self.whole or exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return
        mine = [
            node
            for node in traceability.nodes()
            if node.startswith("tests/") and node.startswith(traceability.SYSTEM) == self.system
        ]
        self.problems = traceability.problems_of_run(mine, self.outcomes, strict=under_ci())
        if self.problems:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        failed = [node for node, outcome in self.outcomes.items() if outcome == "failed"]
        unnamed = ["see its output"] if session.exitstatus and not failed else []
        self.stamp([*failed, *self.problems] or unnamed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.problems:
            terminalreporter.section("traceability", red=True)
            for problem in self.problems:
                terminalreporter.line(problem)


def pytest_configure(config: pytest.Config) -> None:
    """Follow the run, except in a worker, whose reports reach the process that started it."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    asked = [Path(argument).resolve() for argument in config.args]
    narrowed = any(getattr(config.option, name, None) for name in NARROWING)
    system = "not system" not in config.option.markexpr
    whole = not narrowed and asked == [
        Path(traceability.SYSTEM).resolve() if system else traceability.TESTS
    ]
    record = RunRecord(whole=whole, system=system, stamp=_stamp_of(system) if whole else _no_stamp)
    config.pluginmanager.register(record, "rigd-run-record")


def _no_stamp(_: list[str]) -> None:
    """A part of the suite says nothing of the code as a whole."""


def _stamp_of(system: bool) -> Callable[[list[str]], None]:  # noqa: FBT001 - which suite
    """Return what notes a whole run's end, bound to the code as it is now (V20)."""
    from rigd.core.clock import SystemClock  # noqa: PLC0415 - for a whole run alone
    from rigd.hosts import gate_stamp  # noqa: PLC0415 - as above
    from rigd.hosts.backtest.clearance import code_digest  # noqa: PLC0415 - as above

    tested = code_digest()

    def stamp(failed: list[str]) -> None:
        gate_stamp.write_stamp(
            gate_stamp.place(),
            "system" if system else "tests",
            passed=not failed,
            failed=failed,
            code_digest=tested,
            at=SystemClock().now(),
        )

    return stamp
