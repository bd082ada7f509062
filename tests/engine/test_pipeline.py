"""One minute through the stages; a strategy's fault stays its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from rigd.core.errors import DataError
from rigd.core.events import ErrorCaptured, PoolRanked, SliceDone, WindowClosed
from rigd.core.orders import Purpose
from rigd.core.values import STRATEGIES, Direction, PoolEntry
from rigd.engine import pipeline
from rigd.engine.recorder import STRATEGY_OFF
from rigd.hosts import wiring
from rigd.reporting.telling import Memory, tell
from tests.engine.test_candidates import breaking, entries, world
from tests.engine.test_session import FRIDAY, assert_sound
from tests.engine.world import Table, World, real_bars, settings


def breaks(name: str, at: int, error: Exception, function: str = "entry"):
    """Make a strategy raise from a minute on."""

    def change(session) -> None:
        runner = session.desk.runner(name)
        real = getattr(runner.plan.strategy, function)

        def broken(state, *rest):
            bar = rest[0]
            if getattr(bar, "minute", at) >= at:
                raise error
            return real(state, *rest)

        strategy = replace(runner.plan.strategy, **{function: broken})
        runner.plan = replace(runner.plan, strategy=strategy)

    return change


def run_with(change) -> World:
    return World(
        settings=settings(
            max_trades="3",
            weights="0.4,0.3,0.3",
            short_type_mid="ShortSell",
            short_type_close="ShortSell",
        ),
        bars=real_bars(FRIDAY, "SPY", "IBM", "BAC"),
        day=wiring.session_day(FRIDAY),
        filters=False,
        on_session=change,
    ).run()


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), KeyError("x"), RuntimeError("x"), DataError("x")]
)
def test_a_strategy_that_raises_is_off_and_the_others_go_on(error) -> None:
    """K07: recorded once, its positions are still managed, the session ends normally."""
    run = run_with(breaks("open", 25, error))
    captured = list(run.journal.records(ErrorCaptured))
    assert [(each.strategy, each.context) for each in captured] == [("open", STRATEGY_OFF)]
    assert not captured[0].fatal
    assert run.session.closed.exit_code == 0
    assert {trade.strategy for trade in run.trades} > {"open"}
    assert_sound(run)


def test_a_score_that_raises_switches_the_strategy_off() -> None:
    """No pool, no entry, no crash."""
    run = run_with(breaks("open", 0, ValueError("x"), "score"))
    assert "open" not in {ranked.strategy for ranked in run.journal.records(PoolRanked)}
    assert "open" in {closed.strategy for closed in run.journal.records(WindowClosed)}
    assert "open" not in {trade.strategy for trade in run.trades}
    assert run.session.closed.exit_code == 0


def test_a_strategy_that_was_off_stays_off_after_a_crash() -> None:
    """The journal knows it: the resumed session records it once and asks it no more."""
    base = run_with(breaks("open", 25, ZeroDivisionError("x")))
    off = base.kinds().index("ErrorCaptured") + 1
    resumed = base.again(off, base.journal.marks[off]).run()
    assert len(resumed.journal.records(ErrorCaptured)) == 1
    assert resumed.trades == base.trades


def test_the_pool_is_ranked_once_at_the_end_of_analysis() -> None:
    """SPEC §3a.1: scores of the analysis bars alone, best first."""
    run = world({"AAA": breaking(0.1, [25]), "BBB": breaking(0.3, [])}).run()
    (ranked,) = run.journal.records(PoolRanked)
    assert ranked.minute == 19
    assert [(member.symbol, member.rank) for member in ranked.pool] == [("BBB", 1), ("AAA", 2)]
    assert [member.score for member in ranked.pool] == [50.3 / 49.7 - 1.0, 50.1 / 49.9 - 1.0]


def test_a_pool_whose_last_analysis_minute_is_missing_is_ranked_on_the_next() -> None:
    """SPEC §3a.8: no bar of any symbol at minute 19; the score is the same and the trade too."""
    whole = world({"AAA": breaking(0.1, [25])}).run()
    rows = [bar for bar in breaking(0.1, [25]) if bar.minute not in {19, 20}]
    holed = world({"AAA": rows}).run()
    assert holed.journal.records(PoolRanked) == whole.journal.records(PoolRanked)
    assert holed.trades == whole.trades


def test_a_pool_holds_max_trades_times_the_multiplier() -> None:
    """Symbols beyond it are named as such."""
    bars = {name: breaking(0.1 * n, [25]) for n, name in enumerate(("AAA", "BBB", "CCC"), 1)}
    run = world(bars, max_trades="1", weights="1", candidate_multiplier="2").run()
    (ranked,) = run.journal.records(PoolRanked)
    assert [member.symbol for member in ranked.pool] == ["CCC", "BBB"]
    assert ranked.skipped == (("AAA", "beyond_pool"),)


def test_quiet_minutes_leave_no_record_and_exposed_ones_do() -> None:
    """A minute with a position or a working order is marked complete, a quiet one is not."""
    run = world({"AAA": breaking(0.1, [25])}).run()
    done = [record.minute for record in run.journal.records(SliceDone)]
    last = 60 if run.trades[0].exit_reason == "timeout" else max(done)
    assert set(range(25, last)) <= set(done)
    assert not set(range(2, 19)) & set(done)


def test_strategies_see_the_bars_of_their_span_alone() -> None:
    """A window strategy's state begins with its window, a session strategy's with the session."""
    table = Table()
    table.show(range(5))
    states = {runner.name: set(runner.states) for runner in table.desk.runners}
    assert states == {"open": {"AAA", "BBB", "CCC"}, "mid": {"AAA", "BBB", "CCC"}, "close": set()}
    assert len(table.desk.bars["AAA"]) == 5


def test_an_entry_uses_the_close_of_its_signal_bar() -> None:
    """SPEC §3a.2: the reference price is the latest close."""
    run = world({"AAA": breaking(0.1, [25])}).run()
    assert [float(intent.reference_price) for intent in entries(run)] == [50.6]


def test_a_signal_of_the_analysis_counts_for_nothing_though_the_pool_is_known() -> None:
    """A crash after ranking runs the analysis minutes again: their signals would look ahead."""
    table = Table()
    runner = table.desk.runner("open")
    strategy = replace(runner.plan.strategy, entry=lambda *_: 1.0)
    runner.plan = replace(runner.plan, strategy=strategy)
    last = runner.plan.window.analysis_end - 1
    pool = (PoolEntry("AAA", 1.0, 1),)
    table.desk.recorder.record(PoolRanked(strategy="open", minute=last, pool=pool, skipped=()))
    signalled = {
        slice_.minute: bool(pipeline.step(table.desk, slice_))
        for slice_ in table.world.feed.slices()
        if slice_.minute <= last + 1
    }
    assert [minute for minute, any_ in signalled.items() if any_] == [last, last + 1]


def test_every_strategy_gives_the_same_type_of_signal() -> None:
    """INVENTORY N14: a number whose sign is the direction, from each of the three, to the order."""
    signals: dict[tuple[str, str, int], float] = {}

    def heard(session) -> None:
        for runner in session.desk.runners:
            hear(runner)

    def hear(runner) -> None:
        real, name = runner.plan.strategy.entry, runner.name
        symbols: dict[int, str] = {}

        def entry(state, bar, params):
            signal = real(state, bar, params)
            owner = symbols.get(id(state)) or next(
                symbol for symbol, known in runner.states.items() if known is state
            )
            signals[name, symbols.setdefault(id(state), owner), bar.minute] = signal
            return signal

        runner.plan = replace(runner.plan, strategy=replace(runner.plan.strategy, entry=entry))

    day = date(2013, 10, 8)
    shorts = {f"short_type_{name}": "ShortSell" for name in STRATEGIES}
    run = World(
        settings=settings(**shorts, max_trades="2", weights="0.5,0.5"),
        bars=real_bars(day, "SPY", "IBM", "BAC"),
        day=wiring.session_day(day),
        filters=False,
        on_session=heard,
    ).run()
    assert {type(signal) for signal in signals.values()} == {float}
    ordered = [intent for intent in run.intents if intent.purpose is Purpose.ENTRY]
    assert {intent.strategy for intent in ordered} == set(STRATEGIES)
    for intent in ordered:
        signal = signals[intent.strategy, intent.asked, intent.signal_minute]
        assert signal != 0.0
        assert intent.direction is (Direction.LONG if signal > 0 else Direction.SHORT)
    assert len({intent.direction for intent in ordered}) == 2


def test_the_same_fault_is_handled_and_told_alike_in_every_strategy() -> None:
    """INVENTORY N14: one record, one log row and one consequence; they differ by its name alone."""
    captured, rows = set(), set()
    for name in STRATEGIES:
        run = run_with(breaks(name, 0, ZeroDivisionError("x")))
        (record,) = run.journal.records(ErrorCaptured)
        assert record.strategy == name
        captured.add(replace(record, strategy="", raw_exception=""))
        told = tell(record, Memory())
        assert told is not None
        rows.add((told.event, told.level, told.message, *told.cells, *told.details))
        assert name not in {trade.strategy for trade in run.trades}
        assert run.session.closed.exit_code == 0
    assert len(captured) == 1
    assert len(rows) == 1
