"""The metrics, against a session whose journal is counted by hand here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rigd.core.events import FillRecorded, SessionClosed
from rigd.hosts import records
from rigd.hosts.up import metrics
from rigd.hosts.up.metrics import Metrics
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.hosts.homes import ONE_SYMBOL, bot_of, demo, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    found = demo(tmp_path_factory.mktemp("home"))
    run(found, ONE_SYMBOL)
    return found


def samples(home: Home) -> dict[str, dict[tuple[str, ...], float]]:
    text = Metrics(home, FakeClock()).text().decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_the_counters_are_what_the_journal_says(home: Home) -> None:
    """Q5 to Q10: signals, executions, calls, cash, sessions, durations."""
    identity = bot_of(home).identity
    (folder,) = home.bot(identity).sessions.glob("*_*")
    journal = [entry.record for entry in records.entries_of(folder, identity)]
    closed = journal[-1]
    assert isinstance(closed, SessionClosed)
    shown = samples(home)
    fills = [record for record in journal if isinstance(record, FillRecorded)]
    assert fills
    assert sum(shown["trades_executed_total"].values()) == len(fills)
    assert shown["trades_executed_total"][fills[0].side.value, fills[0].symbol] >= 1
    assert sum(shown["trade_signals_total"].values()) == closed.signals
    assert {labels[1] for labels in shown["trade_signals_total"]} == {"equity"}
    assert shown["sessions_completed_total"] == {("test",): 1.0}
    assert shown["portfolio_total_value"][()] == pytest.approx(float(closed.closing_cash))
    rows = [json.loads(x) for x in (folder / "broker_api.log").read_text().splitlines()]
    answers = [row for row in rows if row["event"] == "api_response"]
    assert shown["api_calls_total"] == {("sim", "200"): float(len(answers))}
    assert shown["api_call_duration_seconds_count"][("sim",)] == len(answers)
    assert shown["session_trades_sum"][("test",)] == closed.trades


def test_a_finished_session_is_folded_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question after the first reads the newest alone."""
    found = Metrics(home, FakeClock())
    monkeypatch.setattr(records, "is_finished", lambda _: True)
    first = found.text()
    monkeypatch.setattr(metrics, "fold", lambda *_: pytest.fail("folded twice"))
    assert found.text() == first


def test_a_home_without_a_bot_has_metrics_too(tmp_path: Path) -> None:
    """States and health; no counter."""
    shown = samples(Home(tmp_path))
    assert len(shown["rigd_bot_state"]) == 16
    assert "portfolio_total_value" not in shown
