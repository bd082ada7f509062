"""A failed run of the tests blocks launch and changes at a real broker (document 070, V20)."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from rigd.cli import build
from rigd.config.demo import demo_env_text
from rigd.config.digest import digest
from rigd.core.errors import ConfigError
from rigd.hosts import gate_stamp
from rigd.hosts.backtest import clearance
from rigd.hosts.configure import change_settings
from rigd.hosts.gate_stamp import read_stamps, refuse_after_failure, require_passed, write_stamp
from rigd.hosts.launch import Launcher
from rigd.store.paths import Home
from tests.conftest import RunRecord
from tests.factories import settings
from tests.fakes.clock import START, FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import SAMPLE, bot_of, demo, listing

SIM, ALPACA = settings(broker_code="SIM"), settings(broker_code="ALPACA")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Home:
    """A checkout of its own, for the stamp."""
    home = Home(tmp_path / "checkout")
    monkeypatch.setattr(gate_stamp, "place", lambda: home)
    return home


def stamp(home: Home, *failed: str, suite: str = "tests", code: str = "k") -> None:
    write_stamp(home, suite, passed=not failed, failed=failed, code_digest=code, at=START)


def test_a_launch_needs_a_passed_run_on_its_code(place) -> None:
    """V20: none, another code's and a failed one refuse; the simulated broker asks for nothing."""
    require_passed(SIM, lambda: "k")
    with pytest.raises(ConfigError, match=r"needs a passed run .* \(k\), found none of it"):
        require_passed(ALPACA, lambda: "k")
    stamp(place, code="other")
    with pytest.raises(ConfigError, match="found none of it"):
        require_passed(ALPACA, lambda: "k")
    stamp(place, "tests/a.py::t")
    with pytest.raises(ConfigError, match=r"tests failed at 2024-03-04T14:00:00Z: tests/a.py::t"):
        require_passed(ALPACA, lambda: "k")
    stamp(place)
    require_passed(ALPACA, lambda: "k")
    stamp(place, "tests/system/b.py::t", suite="system")
    with pytest.raises(ConfigError, match="system failed"):
        require_passed(ALPACA, lambda: "k")
    require_passed(SIM, lambda: "k")


def test_a_change_waits_until_the_tests_pass(place) -> None:
    """V20: whatever code failed; none without a run; risk may always be taken away."""
    refuse_after_failure(ALPACA, "a change")
    stamp(place, "tests/a.py::t", code="other")
    for keys in ((), ("MAX_TRADES",), ("MAX_TRADES", "DEFENSE_MODE_ACTIVE")):
        with pytest.raises(ConfigError, match="a change must wait until the tests pass"):
            refuse_after_failure(ALPACA, "a change", keys)
    refuse_after_failure(ALPACA, "a change", ("DEFENSE_MODE_ACTIVE",))
    refuse_after_failure(ALPACA, "a change", ("DISABLE_ALL_TRADES",))
    refuse_after_failure(SIM, "a change")
    stamp(place)
    refuse_after_failure(ALPACA, "a change")


@pytest.mark.parametrize("content", ["{", "[]", '{"tests": 1}', '{"tests": {"passed": true}}'])
def test_a_broken_stamp_is_no_passed_run(place, content: str) -> None:
    """V20: it clears nothing."""
    stamp(place)
    (place.logs / "test_stamp.json").write_text(content)
    assert read_stamps(place) == {}
    with pytest.raises(ConfigError, match="found none of it"):
        require_passed(ALPACA, lambda: "k")


@pytest.fixture
def real(tmp_path, place) -> Home:
    """A home whose bot trades at a real broker; its tests failed last."""
    home = demo(tmp_path / "home")
    lines = demo_env_text().splitlines()
    kept = [line for line in lines if not line.startswith(("SIM", "SLIPPAGE"))]
    text = "\n".join(kept).replace("BROKER_CODE=SIM", "BROKER_CODE=ALPACA") + "\n"
    (home.env / ".env_bot").write_text(text)
    (home.env / ".env_bot").chmod(0o600)
    stamp(place, "tests/a.py::t")
    return home


def test_a_launch_stops_before_anything_is_written(real) -> None:
    """V20: with a recorded backtest at hand, the tests are what is missing."""
    bot = bot_of(real)
    folder = real.runs / "backtest_results" / "runs" / "1"
    folder.mkdir(parents=True)
    fields = {"config_digest": digest(bot.settings), "code_digest": clearance.code_digest()}
    content = json.dumps(fields | {"overrides": {}, "sessions": 1})
    (folder / "daily_summary_backtest.json").write_text(content)
    before = listing(real.root)
    with pytest.raises(ConfigError, match="launch at ALPACA needs a passed run of the tests"):
        Launcher(real, FakeClock(), FakeIds(), lambda _: None).launch(SAMPLE)
    assert listing(real.root) == before


def test_settings_and_code_stay_after_a_failure(real, monkeypatch) -> None:
    """V20: a change of settings and a seal of changed code are refused; a roll-back is not."""
    bot = bot_of(real)
    monkeypatch.setattr("rigd.hosts.configure._refuse_plaintext", lambda _: None)
    monkeypatch.setattr(
        "rigd.hosts.configure.read_text", lambda *_: (real.env / ".env_bot").read_text()
    )
    before = listing(real.env)
    with pytest.raises(ConfigError, match="a change of settings must wait"):
        change_settings(bot, {"MAX_OPEN_POSITIONS": "3"}, "", FakeClock())
    monkeypatch.setattr(build, "open_home", lambda: real)
    with pytest.raises(ConfigError, match="a seal of changed code must wait"):
        build.seal("a test")
    assert listing(real.env) == before
    done = change_settings(bot, {"MAX_OPEN_POSITIONS": "3"}, "", FakeClock(), restores=True)
    assert [key for key, _, _ in done.changes] == ["MAX_OPEN_POSITIONS"]


def ended(failing: bool) -> list[list[str]]:  # noqa: FBT001 - a case
    """What a whole run of two tests stamps."""
    told: list[list[str]] = []
    record = RunRecord(whole=True, system=True, stamp=told.append)
    outcomes = {"tests/system/a.py::t": "failed" if failing else "passed"}
    for node, outcome in outcomes.items():
        report = SimpleNamespace(nodeid=node, outcome=outcome, when="call")
        record.pytest_runtest_logreport(report)
    status = pytest.ExitCode.TESTS_FAILED if failing else pytest.ExitCode.OK
    record.pytest_sessionfinish(SimpleNamespace(exitstatus=status), status)
    return told


def test_the_end_of_a_whole_run_is_stamped(monkeypatch) -> None:
    """V20: what failed by name, nothing where all passed; a part of the suite stamps nothing."""
    monkeypatch.setattr("tests.traceability.nodes", list)
    assert ended(failing=True) == [["tests/system/a.py::t"]]
    assert ended(failing=False) == [[]]
    told: list[list[str]] = []
    part = RunRecord(whole=False, system=False, stamp=told.append)
    part.pytest_sessionfinish(SimpleNamespace(exitstatus=0), pytest.ExitCode.OK)
    assert told == []
