"""A launch at a real broker needs a recorded backtest of the same configuration and code."""

from __future__ import annotations

import json

import pytest

from rigd.config.demo import demo_env_text
from rigd.config.digest import digest
from rigd.core.errors import ConfigError
from rigd.hosts.backtest.clearance import cleared_by, require
from rigd.hosts.launch import Launcher
from rigd.store.paths import Home
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import SAMPLE, demo

OF_THE_SIMULATION = ("SIM", "SLIPPAGE")


def record(home: Home, stamp: str, **fields: object) -> None:
    """A recorded backtest."""
    folder = home.runs / "backtest_results" / "runs" / stamp
    folder.mkdir(parents=True)
    content = {"config_digest": "c", "code_digest": "k", "overrides": {}, "sessions": 3, **fields}
    (folder / "daily_summary_backtest.json").write_text(json.dumps(content))


def test_only_the_same_settings_and_code_clear(tmp_path) -> None:
    """Another digest, changed settings, no session or a broken file do not count."""
    home = Home(tmp_path)
    assert cleared_by(home, "c", "k") is None
    record(home, "1", config_digest="d")
    record(home, "2", code_digest="x")
    record(home, "3", overrides={"MAX_TRADES": "1"})
    record(home, "4", sessions=0)
    record(home, "5", overrides={"SLIPPAGE_SIMULATION_TYPE": "rule_based"})
    broken = home.runs / "backtest_results" / "runs" / "6"
    broken.mkdir()
    (broken / "daily_summary_backtest.json").write_text("{")
    assert cleared_by(home, "c", "k").name == "5"
    assert cleared_by(home, "c", "other") is None


def test_a_real_broker_is_refused_without_one(tmp_path) -> None:
    """At the simulated broker nothing is asked; elsewhere the message says what to run (B10)."""
    home = Home(tmp_path)
    require(home, settings(broker_code="SIM"), lambda: "k")
    alpaca = settings(broker_code="ALPACA")
    with pytest.raises(ConfigError, match="needs a recorded backtest"):
        require(home, alpaca, lambda: "k")
    record(home, "1", config_digest=digest(alpaca))
    require(home, alpaca, lambda: "k")
    with pytest.raises(ConfigError, match="needs a recorded backtest"):
        require(home, alpaca, lambda: "changed code")


def test_a_launch_asks_for_it(tmp_path) -> None:
    """`rigd session` of a bot at a real broker stops before anything is planned or written."""
    home = demo(tmp_path)
    kept = [line for line in demo_env_text().splitlines() if not line.startswith(OF_THE_SIMULATION)]
    text = "\n".join(kept).replace("BROKER_CODE=SIM", "BROKER_CODE=ALPACA") + "\n"
    (home.env / ".env_bot").write_text(text)
    (home.env / ".env_bot").chmod(0o600)
    with pytest.raises(ConfigError, match="launch at ALPACA needs a recorded backtest"):
        Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(SAMPLE)
