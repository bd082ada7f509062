"""Blocking work runs in a thread, its end in the loop."""

from __future__ import annotations

import asyncio
import threading

from rigd.core.errors import AccessError
from tests.fakes.clock import FakeClock
from widgets.work import Threads


async def until_idle(work: Threads) -> None:
    """Wait for everything that was begun."""
    while work._tasks:
        await asyncio.wait(set(work._tasks))


def test_work_is_done_in_a_thread_and_ends_in_the_loop() -> None:
    """The page's loop is free meanwhile, and what follows runs in it."""
    seen: list[bool] = []
    main = threading.get_ident()

    async def run() -> None:
        work = Threads(FakeClock())
        work.do(
            lambda: threading.get_ident() == main,
            lambda inside: seen.extend([inside, threading.get_ident() == main]),
            lambda _: None,
        )
        await until_idle(work)

    asyncio.run(run())
    assert seen == [False, True]


def test_a_typed_error_is_told() -> None:
    """What was refused reaches the page as a value."""
    told: list[str] = []

    def refuse() -> None:
        raise AccessError("not you")

    async def run() -> None:
        work = Threads(FakeClock())
        work.do(refuse, lambda _: told.append("done"), lambda error: told.append(str(error)))
        await until_idle(work)

    asyncio.run(run())
    assert told == ["not you"]


def test_an_answer_is_asked_for_until_it_is_there() -> None:
    """Every 0.3 s, and no more once it came."""
    clock, answers, told = FakeClock(), iter([None, None, "yes", "again"]), []

    async def run() -> None:
        work = Threads(clock)
        work.until(lambda: next(answers), told.append, lambda: told.append("gave up"))
        await until_idle(work)

    asyncio.run(run())
    assert told == ["yes"]
    assert clock.slept == [0.3, 0.3]


def test_an_answer_that_never_comes_is_given_up() -> None:
    """After 30 s of asking the page says so."""
    clock, told = FakeClock(), []

    async def run() -> None:
        work = Threads(clock)
        work.until(lambda: None, told.append, lambda: told.append("gave up"))
        await until_idle(work)

    asyncio.run(run())
    assert told == ["gave up"]
    assert round(sum(clock.slept)) == 30
