"""The tuning tracker."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rigd.core.events import Outcome, Stage
from rigd.reporting.tuning import (
    COLUMNS,
    MIN_TRADES,
    Run,
    TuningTracker,
    recommendation,
    record_runs,
    run_of,
    runs_in,
    self_check,
    table,
    table_csv,
)
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import Writer, closed, judged, session, trade, with_settings

KEYS = {
    "STRAT_OPEN_BUFFER": "0.02",
    "STRAT_MID_VWAP_THRESHOLD": "0.03",
    "STRAT_CLOSE_THRESHOLD": "0.004",
}


def hand_made(number: int = 1, **changes: str) -> list[Any]:
    """The hand-made session with triggers on record."""
    return session(replace(with_settings(**(KEYS | changes)), number=number))


def run(**overrides: Any) -> Run:
    """Two trades of the open strategy at 0.02: one of +10 and one of -4, 90 s each."""
    values: dict[str, Any] = {
        "session": "2013-10-07_1",
        "mode": "TEST",
        "data_label": "real minute bars",
        "value": "0.02",
        "trades": 2,
        "wins": 1,
        "pnl": Decimal(6),
        "holding_us": 180_000_000,
        "blocks": 3,
        "rejects": 1,
        "tickers": {"IBM": 1, "SPY": 1},
    }
    return Run(**(values | overrides))


def held(outputs: FakeOutputs, strategy: str) -> dict[str, Any]:
    """The file of a strategy."""
    loaded: dict[str, Any] = json.loads(outputs.read(f"tuning_{strategy}.json"))
    return loaded


def test_after_three_runs_each_strategy_has_its_table() -> None:
    """INVENTORY E28: one file per strategy, one row per value, the runs behind it in order."""
    outputs = FakeOutputs()
    for number, buffer in ((2, "0.01"), (1, "0.02"), (3, "0.02")):
        tracker = TuningTracker(outputs)
        for entry in hand_made(number, STRAT_OPEN_BUFFER=buffer):
            tracker.advance(entry)
    opened = held(outputs, "open")
    assert (opened["strategy"], opened["trigger"]) == ("open", "STRAT_OPEN_BUFFER")
    assert [row["session"] for row in opened["runs"]] == [f"2013-10-07_{n}" for n in (1, 2, 3)]
    assert [(row["value"], row["runs"], row["trades"]) for row in opened["table"]] == [
        ("0.01", 1, 1),
        ("0.02", 2, 2),
    ]
    for name in ("mid", "close"):
        assert [row["runs"] for row in held(outputs, name)["table"]] == [3]


def test_the_table_has_the_documents_columns() -> None:
    """Document 070: value, win rate, average PnL, duration, block and reject counts, tickers."""
    assert [*table([run()])[0]] == [*COLUMNS]


def test_a_row_is_worked_by_hand() -> None:
    """Runs of 2 trades (+6, 180 s) and 1 trade (-3, 30 s): 1 of 3 won, 3 / 3 = 1, 210 / 3 = 70."""
    other = run(
        session="2013-10-08_1",
        value="0.020",
        trades=1,
        wins=0,
        pnl=Decimal(-3),
        holding_us=30_000_000,
        blocks=0,
        rejects=0,
        tickers={"IBM": 1},
    )
    assert table([run(), other]) == [
        {
            "value": "0.02",
            "runs": 2,
            "trades": 3,
            "win_rate": Decimal("0.333333"),
            "average_pnl": "1",
            "average_holding_s": Decimal(70),
            "blocks": 3,
            "rejects": 1,
            "ticker_frequency": {"IBM": 2, "SPY": 1},
        }
    ]


def test_a_value_without_trades_has_no_averages() -> None:
    """Nothing is divided by nothing."""
    row = table([run(trades=0, wins=0, pnl=Decimal(0), holding_us=0, tickers={})])[0]
    assert (row["win_rate"], row["average_pnl"], row["average_holding_s"]) == (None, None, None)


def test_a_run_counts_what_stopped_its_signals() -> None:
    """Blocks and rejects are counted by signal, whatever number of rows tells of them."""
    w = Writer()
    w.add(0, with_settings(**KEYS))
    for symbol, minute, outcome in (
        ("IBM", 20, Outcome.BLOCKED),
        ("IBM", 21, Outcome.BLOCKED),
        ("SPY", 21, Outcome.REJECTED),
        ("SPY", 22, Outcome.ALLOWED),
    ):
        w.add(minute, judged("open", symbol, minute, Stage.ENHANCEMENT, outcome, "vix", "r"))
    w.add(30, trade(), trade(symbol="SPY", pnl=Decimal(-1)))
    w.add(390, closed())
    found = run_of(w.entries, "open")
    assert (found.blocks, found.rejects, found.trades, found.wins) == (2, 1, 2, 1)
    assert (found.pnl, found.tickers) == (Decimal("13.80"), {"IBM": 1, "SPY": 1})
    assert found.holding_us == 2 * 14 * 60 * 1_000_000
    assert (found.value, found.mode) == ("0.02", "TEST")


def test_the_same_run_twice_counts_once() -> None:
    """A session that is taken up again after its end replaces its own row."""
    outputs = FakeOutputs()
    record_runs(outputs, hand_made())
    once = dict(outputs.files)
    record_runs(outputs, hand_made())
    assert outputs.files == once


def test_nothing_is_written_before_the_end() -> None:
    """A run that is not closed has no result yet."""
    outputs = FakeOutputs()
    tracker = TuningTracker(outputs)
    for entry in hand_made()[:-1]:
        tracker.advance(entry)
    assert outputs.files == {}


def test_a_record_without_its_settings_is_left_out() -> None:
    """Without a trigger on record there is nothing to compare by."""
    outputs = FakeOutputs()
    record_runs(outputs, session())
    assert outputs.files == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"runs": [{"value": "NaN"}]}'])
def test_a_broken_file_is_begun_anew(content: bytes) -> None:
    """The table is derived: what cannot be read is made again, and stops no session."""
    outputs = FakeOutputs()
    outputs.files["tuning_open.json"] = content
    record_runs(outputs, hand_made())
    assert len(runs_in(outputs.read("tuning_open.json"))) == 1


def test_the_value_that_earned_most_is_recommended_with_its_evidence() -> None:
    """Document 070: the highest average PnL among the values with enough trades."""
    runs = [
        run(value="0.01", trades=MIN_TRADES, pnl=Decimal(10)),
        run(value="0.02", trades=MIN_TRADES, pnl=Decimal(30)),
        run(value="0.03", trades=MIN_TRADES - 1, pnl=Decimal(900)),
    ]
    advice = recommendation("open", runs)
    assert (advice["key"], advice["value"]) == ("STRAT_OPEN_BUFFER", "0.02")
    assert advice["evidence"] == table(runs)[1]


def test_too_few_trades_recommend_nothing() -> None:
    """An average of a few trades is luck, and the file says so."""
    advice = recommendation("mid", [run()])
    assert (advice["value"], advice["evidence"]) == (None, None)
    assert str(MIN_TRADES) in str(advice["reason"])


def test_the_self_check_passes_and_fails_on_a_wrong_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """INVENTORY E30: the tracker answers at launch."""
    check = self_check()
    assert (check.name, check.passed) == ("reporting.tuning", True)
    monkeypatch.setattr("rigd.reporting.tuning.table", lambda _: [])
    assert not self_check().passed


def test_the_table_is_exported_for_spreadsheets() -> None:
    """INVENTORY O11: a head, a line per value; no formula from a ticker, negative numbers stay."""
    run = Run("a", "TEST", "", "0.02", 2, 1, Decimal(-6), 180_000_000, 3, 1, {"=A": 2})
    text = table_csv([run, run._replace(session="b", mode="live")]).decode()
    assert text.splitlines() == [
        ",".join((*COLUMNS, "modes")),
        "0.02,2,4,0.500000,-3,90.000000,6,2,'=A:4,TEST; live",
    ]
