"""The log of a person's own scripts: schema, threads, rotation."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest

from rigd.core.errors import LogicError
from rigd.reporting.telling import Level
from rigd.reporting.trading_log import FIELDS, NAME, TradingLog, TradingLogger, exact
from rigd.store.paths import Home
from rigd.store.registry import Registry
from rigd.store.rotation import rotated
from tests.fakes.clock import FakeClock
from tests.fakes.outputs import FakeOutputs

TYPES = {"text": str, "integer": int, "instant": str, "object": dict}


def lines(outputs: FakeOutputs | Registry) -> list[dict]:
    return [json.loads(line) for line in outputs.read(NAME).decode().splitlines()]


def logger(outputs: FakeOutputs | Registry, clock: FakeClock | None = None) -> TradingLogger:
    return TradingLogger(TradingLog(outputs, clock or FakeClock(), 4711), "my_module")


def test_every_line_follows_the_schema() -> None:
    """Q1: the same fields with the same types whatever is told, and the events' own names."""
    outputs = FakeOutputs()
    mine = logger(outputs)
    mine.log_trade_signal("AAPL", "BUY", "equity", 0.8)
    mine.log_trade_execution("AAPL", "BUY", 10, Decimal("189.50"))
    mine.log_api_call("finnhub", 200, 0.25)
    mine.log_api_call("finnhub", 429, 0.25)
    mine.info("began", symbols=3)
    mine.warning("late", ratio=0.1)
    mine.error("no answer")
    rows = lines(outputs)
    for row in rows:
        assert list(row) == [field.name for field in FIELDS]
        for field in FIELDS:
            assert isinstance(row[field.name], TYPES[field.kind]), field.name
        assert (row["logger"], row["process"], row["timestamp"][-1]) == ("my_module", 4711, "Z")
    assert [(row["event"], row["level"]) for row in rows] == [
        ("trade_signal", "INFO"),
        ("trade_execution", "INFO"),
        ("api_call", "INFO"),
        ("api_call", "ERROR"),
        ("message", "INFO"),
        ("message", "WARNING"),
        ("message", "ERROR"),
    ]
    assert rows[0]["details"] == {
        "symbol": "AAPL",
        "action": "BUY",
        "asset_class": "equity",
        "strength": 0.8,
    }
    assert rows[1]["message"] == "BUY 10 AAPL at 189.5"


def test_a_float_is_written_as_it_prints() -> None:
    """Q1: 0.8 stays 0.8 digit for digit; what is no finite number is refused."""
    outputs = FakeOutputs()
    logger(outputs).log_trade_signal("AAPL", "BUY", "equity", 0.1 + 0.2)
    assert '"strength":0.30000000000000004}' in outputs.read(NAME).decode()
    assert exact("1.50") == Decimal("1.50")
    for wrong in (float("nan"), "much", float("inf")):
        with pytest.raises(LogicError, match="must be finite"):
            exact(wrong)


def test_what_breaks_a_line_stays_in_its_line() -> None:
    """Q1: a line end or a quote in a message forges no second row."""
    outputs = FakeOutputs()
    logger(outputs).info('a\n{"level":"ERROR"}', note='"\r\x1b[31m')
    (row,) = lines(outputs)
    assert row["message"] == 'a\n{"level":"ERROR"}'


def test_threads_write_whole_lines(tmp_path) -> None:
    """Q1: eight threads at once; every line parses, none is lost, each names its thread."""
    with Registry(Home(tmp_path)) as outputs:
        log = TradingLog(outputs, FakeClock(), 1)
        barrier = threading.Barrier(8)

        def work() -> None:
            mine = TradingLogger(log, "worker")
            barrier.wait()
            for number in range(200):
                mine.info("x" * 100, number=number)

        threads = [threading.Thread(target=work, name=f"worker-{n}") for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = lines(outputs)
    assert len(rows) == 1600
    for n in range(8):
        own = [row["details"]["number"] for row in rows if row["thread"] == f"worker-{n}"]
        assert own == list(range(200))


def test_it_is_rotated_by_size(tmp_path) -> None:
    """Q1: before it would grow beyond its bound; as many older files stay as were asked for."""
    with Registry(Home(tmp_path), max_bytes=1000, kept=2) as outputs:
        mine = logger(outputs)
        for number in range(30):
            mine.info("x" * 100, number=number)
        files = rotated(outputs.path(NAME))
    assert len(files) == 3
    assert all(path.stat().st_size <= 1000 for path in files)


def test_it_is_rotated_when_a_day_begins(tmp_path) -> None:
    """Q1: also where another process wrote the day before, and once a day alone."""
    clock = FakeClock()
    with Registry(Home(tmp_path)) as outputs:
        logger(outputs, clock).info("monday")
    clock.advance(86_400)
    with Registry(Home(tmp_path)) as outputs:
        mine = logger(outputs, clock)
        mine.info("tuesday")
        mine.info("tuesday again")
        clock.advance(86_400)
        mine.info("wednesday")
        files = rotated(outputs.path(NAME))
    told = [[json.loads(line)["message"] for line in p.read_text().splitlines()] for p in files]
    assert told == [["monday"], ["tuesday", "tuesday again"], ["wednesday"]]


def test_a_file_without_a_readable_last_line_is_appended_to(tmp_path) -> None:
    """A line of something else is no reason to fail a script."""
    path = Home(tmp_path).logs / NAME
    path.parent.mkdir(parents=True)
    path.write_text("words\n")
    with Registry(Home(tmp_path)) as outputs:
        logger(outputs).info("mine")
    assert path.read_text().startswith("words\n{")


def test_a_logger_has_a_name() -> None:
    """A blank one is refused."""
    with pytest.raises(LogicError, match="must have a name"):
        TradingLogger(TradingLog(FakeOutputs(), FakeClock(), 1), " ")


def test_levels_are_those_of_every_log() -> None:
    """DEBUG to ERROR, by name."""
    outputs = FakeOutputs()
    log = TradingLog(outputs, FakeClock(), 1)
    for level in Level:
        log.write(level, "message", "me", "x", {})
    assert [row["level"] for row in lines(outputs)] == [level.name for level in Level]
