"""The launch answers of all parts."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from rigd.core.errors import ConfigError, DataError
from rigd.core.events import ErrorCaptured, SelfChecked, SessionClosed
from rigd.core.values import SelfCheck
from rigd.engine.selfcheck import require
from rigd.enhancements.chain import PLUGS
from rigd.enhancements.contract import NO_SOURCES
from rigd.reporting.errors import error_logs
from rigd.risk import boot
from tests.engine.world import DAY, Table, World, real_bars, settings


def answers(*passed: bool) -> list[SelfCheck]:
    return [
        SelfCheck(name=f"part.{n}", passed=each, detail=f"detail {n}")
        for n, each in enumerate(passed)
    ]


def test_answers_are_recorded_and_all_may_pass() -> None:
    """One record per part."""
    table = Table()
    before = len(table.journal.records(SelfChecked))
    require(table.desk.recorder, answers(True, True))
    assert len(table.journal.records(SelfChecked)) == before + 2


def test_every_failure_refuses_the_launch_and_is_named() -> None:
    """All failures at once, each with its part; the passed one is not among them."""
    table = Table()
    with pytest.raises(ConfigError) as caught:
        require(table.desk.recorder, answers(False, True, False))
    assert [str(problem) for problem in caught.value.problems] == [
        "part.0: detail 0",
        "part.2: detail 2",
    ]
    assert caught.value.exit_code == 2
    (error,) = table.journal.records(ErrorCaptured)
    assert (error.error_type, error.context, error.fatal) == (
        "ConfigError",
        "self-check at launch",
        False,
    )
    assert "part.2: detail 2" in error.raw_exception


def test_a_resumed_session_records_no_answer_twice() -> None:
    """The answers are asked again and judged again, and recorded once."""
    table = Table()
    for _ in range(2):
        require(table.desk.recorder, answers(True))
    names = [record.name for record in table.journal.records(SelfChecked)]
    assert names.count("part.0") == 1
    with pytest.raises(ConfigError):
        require(table.desk.recorder, answers(False))


def test_a_session_asks_every_part_before_it_trades() -> None:
    """Router, strategies, screener, filters, risk, broker and feed have answered."""
    run = World(settings=settings(), bars=real_bars(DAY, "SPY")).run()
    names = {record.name for record in run.journal.records(SelfChecked)}
    assert {"strategy.router", "screener.pool", "risk.limits", "broker", "market.feed"} <= names
    assert {"risk.kill_switch", "engine.watchdog", "engine.error_handler"} <= names
    kinds = run.kinds()
    last = max(n for n, kind in enumerate(kinds) if kind == "SelfChecked")
    assert last < kinds.index("Reconciled")
    assert isinstance(run.journal.entries()[-1].record, SessionClosed)


@pytest.mark.parametrize(
    "name",
    [
        "rigd.risk.limits.self_check",
        "rigd.risk.kill_switch.self_check",
        "rigd.engine.watchdog.self_check",
        "rigd.engine.error_handler.self_check",
        "rigd.strategy.router.self_checks",
    ],
)
def test_each_part_of_document_090_refuses_the_launch_when_it_fails(name, monkeypatch) -> None:
    """S14: break each in turn; the launch is refused, its cause in error_tracebacks.log."""
    failed = SelfCheck(name="the part", passed=False, detail="broken by the test")
    several = name.endswith("s")
    parts = name.rpartition(".")[0].rpartition(".")[2]
    if name.startswith("rigd.risk"):
        checks = MappingProxyType({**boot.SELF_CHECKS, f"risk.{parts}": lambda _: failed})
        monkeypatch.setattr(boot, "SELF_CHECKS", checks)
    else:
        monkeypatch.setattr(name, lambda *_: [failed] if several else failed)
    run = World(settings=settings(), bars=real_bars(DAY, "SPY"))
    with pytest.raises(ConfigError, match="broken by the test"):
        run.run()
    assert run.intents == []
    rows = error_logs(run.journal.entries())["error_tracebacks.log"].decode().splitlines()
    (row,) = [json.loads(line) for line in rows]
    assert row["timestamp"].endswith("Z")
    assert "the part: broken by the test" in row["raw_exception"]


@pytest.mark.parametrize("plug", PLUGS, ids=lambda plug: plug.name)
def test_a_broken_filter_refuses_the_launch(monkeypatch, plug) -> None:
    """INVENTORY E30: each filter is asked at launch; a broken one is named and nothing trades."""

    def broken(self, settings_):
        del self, settings_
        msg = "a broken part"
        raise DataError(msg)

    monkeypatch.setattr(type(plug.load(NO_SOURCES)), "self_check", broken)
    run = World(settings=settings(broker_code="IBKR"), bars=real_bars(DAY, "SPY"))
    with pytest.raises(ConfigError) as caught:
        run.run()
    assert [problem.where for problem in caught.value.problems] == [f"enhancements.{plug.name}"]
    assert "a broken part" in str(caught.value)
    assert run.intents == []
