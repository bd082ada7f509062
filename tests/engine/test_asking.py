"""TRADE_CONFIRMATION_REQUIRED: an entry waits for a person, and is never sent without a yes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rigd.core.events import Command
from rigd.core.orders import Purpose
from rigd.engine.asking import WAITS_S, Question, Reply
from rigd.hosts import wiring
from tests.engine.test_candidates import ALL, breaking, judged
from tests.engine.world import DAY, World, settings

if TYPE_CHECKING:
    from rigd.core.values import Bar


class Person:
    """Somebody who answers as the test says, so many looks after the question."""

    def __init__(self, reply: Reply, *, after: int = 0, there: bool = True) -> None:
        self.asked: list[Question] = []
        self.settled: list[str] = []
        self.says, self.after, self.there = reply, after, there

    def ask(self, question: Question) -> bool:
        self.asked.append(question)
        return self.there

    def reply(self, number: str) -> Reply:
        assert number in {question.number for question in self.asked}
        self.after -= 1
        return Reply.WAITS if self.after >= 0 else self.says

    def settle(self, number: str) -> None:
        self.settled.append(number)


def asking(person: Person, bars: dict[str, list[Bar]] | None = None, **overrides: object) -> World:
    def with_person(session) -> None:
        session.desk.operator = person

    return World(
        settings=settings(
            strategy_override="open", trade_confirmation_required="true", **(ALL | overrides)
        ),
        bars=bars or {"AAA": breaking(0.1, [25])},
        day=wiring.session_day(DAY),
        filters=False,
        on_session=with_person,
    )


def entries(run: World) -> list[tuple[str, int]]:
    return [(i.symbol, i.signal_minute) for i in run.intents if i.purpose is Purpose.ENTRY]


def test_a_yes_sends_the_entry_once() -> None:
    """With the signal's own minute, and the yes among what it rests on."""
    person = Person(Reply.YES, after=1)
    run = asking(person).run()
    assert entries(run) == [("AAA", 25)]
    (question,) = person.asked
    assert (question.strategy, question.symbol, question.side) == ("open", "AAA", "buy")
    assert person.settled == [question.number]
    (intent,) = (i for i in run.intents if i.purpose is Purpose.ENTRY)
    assert ("trade_confirmation", "confirmed") in {(c.rule, c.reason) for c in intent.checks}
    assert judged(run, "AAA")[0] == ("router", "allowed", "asked")
    assert run.session.desk.portfolio.flat


@pytest.mark.parametrize("reply", [Reply.NO, Reply.LATE])
def test_a_no_and_silence_send_nothing(reply: Reply) -> None:
    """60 s, then it expires; the reason is on record."""
    person = Person(reply, after=2)
    run = asking(person).run()
    assert entries(run) == []
    assert judged(run, "AAA") == [("router", "allowed", "asked"), ("router", "blocked", reply)]
    assert WAITS_S == 60


def test_while_it_waits_nothing_more_is_asked_of_the_symbol() -> None:
    """A second signal of the same symbol is no second question; after a no it may be one."""
    bars = {"AAA": breaking(0.1, [25, 26, 28])}
    person = Person(Reply.NO, after=2)
    run = asking(person, bars).run()
    assert len(person.asked) == 2
    assert judged(run, "AAA", 26) == []


def test_a_yes_passes_filters_and_risk_once_more() -> None:
    """What was allowed when it was asked is asked again: two yeses for one place are one entry."""
    person = Person(Reply.YES)
    bars = {"AAA": breaking(0.1, [25]), "BBB": breaking(0.3, [25])}
    run = asking(person, bars, max_open_positions="1").run()
    assert len(person.asked) == 2
    assert entries(run) == [("BBB", 25)]
    assert judged(run, "AAA")[-1][:2] == ("risk", "blocked")


def test_a_window_that_ends_ends_the_wait() -> None:
    """A yes after the last entry minute would buy what the strategy does not want any more."""
    run = asking(Person(Reply.YES, after=10_000)).run()
    assert entries(run) == []
    assert judged(run, "AAA")[-1] == ("router", "blocked", "window_over")


@pytest.mark.parametrize("command", [Command.STOP, Command.KILL])
def test_stop_and_kill_end_the_wait(command: Command) -> None:
    """No entry follows them."""
    person = Person(Reply.YES, after=3)
    made = asking(person)
    made.run(made.ask_at(26, command))
    assert entries(made) == []
    assert judged(made, "AAA")[-1] == ("router", "blocked", "session_over")
    assert person.settled == [person.asked[0].number]


def test_where_nobody_can_be_asked_nothing_is_sent() -> None:
    """The disk refused the question."""
    run = asking(Person(Reply.YES, there=False)).run()
    assert entries(run) == []
    assert judged(run, "AAA") == [("router", "blocked", "not_asked")]


def test_what_a_crash_cut_off_is_not_sent() -> None:
    """A question is a process's own: the next run says no, and asks again at the next signal."""
    first = asking(Person(Reply.WAITS))
    first.run()
    asked = next(
        n
        for n, entry in enumerate(first.journal.entries())
        if getattr(entry.record, "reason", "") == "asked"
    )
    person = Person(Reply.YES)
    second = first.again(asked + 1, first.journal.marks[asked])
    second.on_session = asking(person).on_session
    asyncio.run(second.drive())
    assert person.asked == []
    assert entries(second) == []
    assert judged(second, "AAA")[-1] == ("router", "blocked", "cut_off_while_it_waited")
