"""The recorder and the facts that it folds."""

from __future__ import annotations

from datetime import UTC, date, datetime

from rigd.core.clock import MarketClock
from rigd.core.events import (
    Command,
    ErrorCaptured,
    NoteMade,
    Outcome,
    SliceDone,
    StateChanged,
)
from rigd.core.lifecycle import BotState
from rigd.engine.recorder import STRATEGY_OFF, Facts, Recorder
from rigd.hosts import wiring
from rigd.store.journal import MemoryJournal
from tests.engine.world import DAY, World, obeyed, real_bars, settings

NOW = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)


class Seen:
    """A view that keeps what it folds."""

    def __init__(self) -> None:
        self.records = []

    def fold(self, record) -> None:
        self.records.append(record)


def recorder() -> tuple[Recorder, MemoryJournal, Seen]:
    journal, seen = MemoryJournal("test"), Seen()
    return Recorder(journal, MarketClock(NOW), (seen,)), journal, seen


def test_a_record_is_journalled_stamped_and_folded_in_one_step() -> None:
    """Journal, facts and views agree at every moment."""
    rec, journal, seen = recorder()
    record = SliceDone(minute=7)
    rec.record(record)
    assert [(entry.at, entry.record) for entry in journal.entries()] == [(NOW, record)]
    assert seen.records == [record]
    assert rec.facts.last_minute == 7
    assert rec.wrote


def test_a_replay_folds_and_writes_nothing() -> None:
    """What is in the journal already is not written again."""
    rec, journal, _ = recorder()
    rec.record(NoteMade(topic="a", text="b"))
    again, empty, seen = recorder()
    again.replay(journal.entries())
    assert seen.records == [entry.record for entry in journal.entries()]
    assert empty.entries() == ()
    assert not again.wrote


def test_the_strongest_command_is_remembered() -> None:
    """A stop after a kill does not weaken it."""
    facts = Facts()
    for command, known in (
        (Command.STOP, Command.STOP),
        (Command.KILL, Command.KILL),
        (Command.SHUTDOWN, Command.KILL),
        (Command.STOP, Command.KILL),
    ):
        facts.fold(obeyed(command))
        assert facts.command is known


def test_errors_tell_which_strategy_is_off_and_what_was_fatal() -> None:
    """Only the error of a strategy's step switches it off."""

    def error(context: str, *, fatal: bool = False) -> ErrorCaptured:
        return ErrorCaptured(
            strategy="open",
            broker="SIM",
            error_type="LogicError",
            error_code="X",
            raw_exception="",
            context=context,
            fatal=fatal,
        )

    facts = Facts()
    facts.fold(error("order R1"))
    assert (facts.off, facts.fatal) == (set(), False)
    facts.fold(error(STRATEGY_OFF))
    facts.fold(error("stage", fatal=True))
    assert (facts.off, facts.fatal) == ({"open"}, True)


def test_windows_that_were_entered_are_counted() -> None:
    """From idle into analysis is a window; a return from updating is none."""
    facts = Facts()
    for previous, state in (
        (BotState.IDLE, BotState.ANALYZING),
        (BotState.ANALYZING, BotState.UPDATING),
        (BotState.UPDATING, BotState.ANALYZING),
    ):
        facts.fold(StateChanged(previous=previous, state=state, reason=""))
    assert facts.walked == 1
    assert facts.state is BotState.ANALYZING


def test_facts_of_a_session_are_the_same_from_its_journal() -> None:
    """A fold over the finished journal gives what the session had in hand."""
    run = World(settings=settings(), bars=real_bars(DAY, "SPY", "IBM"), filters=False).run()
    facts = Facts()
    for entry in run.journal.entries():
        facts.fold(entry.record)
    assert vars(facts) == vars(run.session.desk.recorder.facts)
    assert facts.closed_windows == facts.windows == {"open", "mid", "close"}
    assert facts.checks


def test_rows_and_rejections_are_found_by_candidate() -> None:
    """Rows are told per strategy, symbol and minute; a rejection bars the symbol's window."""
    run = World(
        settings=settings(strategy_override="open", max_order_quantity="1"),
        bars=real_bars(date(2013, 10, 4), "SPY"),
        day=wiring.session_day(date(2013, 10, 4)),
        filters=False,
    ).run()
    facts = run.session.desk.recorder.facts
    ((symbol, minute), *_) = facts.signals["open"]
    rows = facts.rows("open", symbol, minute)
    assert rows[-1].outcome is Outcome.REJECTED
    assert facts.out_of_window("open") == {"SPY"}
    assert facts.out_of_window("mid") == set()
    assert facts.rows("open", "IBM", minute) == ()
