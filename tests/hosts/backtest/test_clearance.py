"""A launch at a real broker needs a recorded backtest of the same configuration and code."""

from __future__ import annotations

import json

import pytest

import rigd
from rigd.config.digest import digest
from rigd.core.errors import ConfigError
from rigd.hosts import gate_stamp
from rigd.hosts.backtest.clearance import cleared_by, require
from rigd.hosts.launch import Launcher
from rigd.store.paths import Home
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import SAMPLE, at_alpaca, listing


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
    home = at_alpaca(tmp_path)
    before = listing(tmp_path)
    with pytest.raises(ConfigError, match="launch at ALPACA needs a recorded backtest"):
        Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(SAMPLE)
    assert listing(tmp_path) == before


def test_a_recorded_backtest_clears_the_launch_until_the_settings_change(
    tmp_path, monkeypatch
) -> None:
    """B10: what `rigd backtest` records lets the bot pass on, until one setting is another.

    What refuses next is the plan: no live feed is built yet, and a real broker trades no replay.
    """
    monkeypatch.setattr(gate_stamp, "require_passed", lambda _: None)  # V20 has its own tests
    home = at_alpaca(tmp_path)
    launcher = Launcher(home, FakeClock(), FakeIds(), lambda _: None)
    span = {"start": "2012-11-12", "end": "2012-11-14", "symbols": "FB", "lane": "plain"}
    rigd.backtest("all", home=str(home.root), save=True, strat_open_buffer=0.009, **span)
    with pytest.raises(ConfigError, match="needs a recorded backtest"):
        launcher.launch(SAMPLE)
    rigd.backtest("all", home=str(home.root), save=True, **span)
    with pytest.raises(ConfigError, match="on recorded bars"):
        launcher.launch(SAMPLE)
    path = home.env / ".env_bot"
    path.write_text(path.read_text() + "MAX_TRADES=2\nWEIGHTS=0.5,0.5\n")
    with pytest.raises(ConfigError, match="needs a recorded backtest"):
        launcher.launch(SAMPLE)
