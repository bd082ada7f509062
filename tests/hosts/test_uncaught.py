"""Exceptions that nobody caught reach the session from every place they can escape."""

from __future__ import annotations

import asyncio
import sys
import threading

from rigd.hosts.uncaught import handed_on, watch_loop


class Taken:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def report(self, error: BaseException, where: str) -> None:
        self.found.append((str(error), where))


def test_the_main_threads_hook_reports_and_passes_on(monkeypatch) -> None:
    """X22: what leaves the main thread is reported; the hook before is still called."""
    told, taken = [], Taken()
    monkeypatch.setattr(sys, "excepthook", lambda *told_of: told.append(told_of[1]))
    before = sys.excepthook
    error = ValueError("lost")
    with handed_on(taken.report):
        sys.excepthook(ValueError, error, None)
    assert taken.found == [("lost", "uncaught in the main thread")]
    assert told == [error]
    assert sys.excepthook is before


def test_another_threads_exception_is_reported(monkeypatch) -> None:
    """X22: with the thread's name; the hook before is called and comes back."""
    told, taken = [], Taken()
    monkeypatch.setattr(threading, "excepthook", told.append)

    def fail() -> None:
        raise ValueError("lost")

    with handed_on(taken.report):
        thread = threading.Thread(target=fail, name="cell")
        thread.start()
        thread.join()
    assert taken.found == [("lost", "uncaught in thread cell")]
    assert len(told) == 1


def test_an_exception_in_the_event_loop_is_reported() -> None:
    """X22: a callback that raises, and a context without an exception that says nothing."""
    taken, shown = Taken(), []

    async def body() -> None:
        loop = asyncio.get_running_loop()
        loop.default_exception_handler = shown.append
        watch_loop(taken.report)

        def fail() -> None:
            raise ValueError("lost")

        loop.call_soon(fail)
        loop.call_exception_handler({"message": "a transport closed"})
        await asyncio.sleep(0)

    asyncio.run(body())
    assert [error for error, _ in taken.found] == ["lost"]
    assert taken.found[0][1].startswith("uncaught in the event loop: Exception in callback")
    assert len(shown) == 2
