"""Exceptions that nobody caught reach the session from every place they can escape."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import SimpleNamespace

import IPython
from IPython.core.events import EventManager, available_events
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult

from rigd.hosts.uncaught import handed_on, watch_cells, watch_loop


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


def ran(number: int, error: BaseException | None, *, before: bool = False) -> ExecutionResult:
    """What IPython says of a cell that was run."""
    info = ExecutionInfo("cell", store_history=True, silent=False, shell_futures=True, cell_id="")
    result = ExecutionResult(info)
    result.execution_count = number
    if before:
        result.error_before_exec = error
    else:
        result.error_in_exec = error
    return result


def test_an_error_of_a_cell_is_reported_with_the_cells_number(monkeypatch) -> None:
    """X22: also one that does not compile; an interrupt is no error; the watch ends for good."""
    shell = SimpleNamespace()
    shell.events = EventManager(shell, available_events)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    taken = Taken()
    end = watch_cells(taken.report)
    cells = (
        ran(1, None),
        ran(2, ValueError("lost")),
        ran(3, SyntaxError("open quote"), before=True),
        ran(4, KeyboardInterrupt()),
    )
    for cell in cells:
        shell.events.trigger("post_run_cell", cell)
    assert taken.found == [
        ("lost", "cell 2 of the bot's notebook"),
        ("open quote", "cell 3 of the bot's notebook"),
    ]
    end()
    end()
    shell.events.trigger("post_run_cell", ran(5, ValueError("later")))
    assert len(taken.found) == 2


def test_without_a_kernel_there_are_no_cells(monkeypatch) -> None:
    """A session in a plain process watches none."""
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    watch_cells(Taken().report)()
    monkeypatch.delitem(sys.modules, "IPython")
    watch_cells(Taken().report)()
