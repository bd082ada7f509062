"""U7: each value on the status page equals its source file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.widgets.world import empty_world, words, world
from widgets.status import Status, by_session, by_strategy

if TYPE_CHECKING:
    from pathlib import Path


def test_each_value_is_that_of_its_file(tmp_path: Path) -> None:
    """State, PnL, float, win rates, health, uptime, defense and kill switch of the sample."""
    made = world(tmp_path)
    made.write("daily_summary.json", {"win_rate_per_strategy": {"open": "0.5"}})
    made.write("risk_state.json", {"latest": "-7.5", "tripped": False, "cause": ""})
    made.write("defense_state.json", {"on": False, "trigger": "losses", "latest": "WWL"})
    made.write("termination.json", {"steps": [{"name": "positions", "passed": True}]})
    made.write("supervisor.json", {"at": "2024-03-04T13:59:57Z"})
    shown = words(made.page(Status).view)
    for expected in (
        "state trading reason window open session 2013-10-07_1 status RUNNING",
        "uptime 1 h 02 min",
        "realised +12.80 unrealised +3.20 total +16.00",
        "float 100,000.00 session cap 2,000.00 used 500.00 used of the cap 25.0 %",
        "kill switch armed",
        "loss counter -7.50",
        "defense off trigger losses last trades WWL",
        "open 0-60 2 1 100 % 50 % +14.80 +14.80 +14.80 +14.80",
        "supervisor OK last sign 3 s ago",
        "engine OK last beat 2 s ago",
        "broker SIM OK",
        "daily loss limit 5,000",
        "positions OK",
    ):
        assert expected in shown
    assert "monitoring only; official = ledger" in shown


def test_a_silent_engine_is_seen(tmp_path: Path) -> None:
    """A beat that is twenty seconds old while a session runs is a failure."""
    made = world(tmp_path)
    made.clock.advance(20)
    assert "engine FAILED last beat 22 s ago" in words(made.page(Status).view)


def test_the_overlays_have_one_series_each(tmp_path: Path) -> None:
    """U9: one per strategy, one per session, over the time of the day."""
    page = world(tmp_path).page(Status)
    assert list(page.by_strategy._series) == ["open", "mid", "close"]
    assert list(page.by_session._series) == ["2013-10-07_1"]
    trades = page.read().trades
    assert by_strategy(trades, "2013-10-07_1")["open"].y == (0.0, 14.8)
    assert by_session(trades)["2013-10-07_1"].y == (0.0, 14.8, 12.8, 12.8)


def test_without_trades_a_chart_has_no_point() -> None:
    """An axis from -1 ms to 1 ms says nothing."""
    assert {points.x for points in by_strategy([], "").values()} == {()}


def test_an_empty_home_has_a_status_page(tmp_path: Path) -> None:
    """Nothing known is dashes."""
    assert "no session yet" in words(empty_world(tmp_path).page(Status).view)
