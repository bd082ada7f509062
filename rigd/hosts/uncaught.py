"""Hooks for exceptions that nobody caught: main thread, other threads, event loop, cells.

Whatever escapes is handed on, so that the session fails by it: recorded with its seven fields,
closed, ended in error (document 050). An error of a notebook's cell is recorded alone: the cells of
the kernel are people's, the engine has its own thread. What was installed before is called as well
and comes back.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType


@contextmanager
def handed_on(report: Callable[[BaseException, str], None]) -> Iterator[None]:
    """Hand every uncaught exception of the process to `report` while the block runs.

    Parameters
    ----------
    report
        Takes the exception and where it escaped; called from any thread.

    Yields
    ------
    None
        While the hooks are in place.
    """
    main, threads = sys.excepthook, threading.excepthook

    def of_main(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        report(error, "uncaught in the main thread")
        main(kind, error, trace)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            name = args.thread.name if args.thread is not None else "unknown"
            report(args.exc_value, f"uncaught in thread {name}")
        threads(args)

    sys.excepthook, threading.excepthook = of_main, of_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = main, threads


def watch_loop(report: Callable[[BaseException, str], None]) -> None:
    """Hand on what escapes from the callbacks and forgotten tasks of the running event loop."""

    def of_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            report(error, f"uncaught in the event loop: {context.get('message', '')}")
        loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(of_loop)


def watch_cells(report: Callable[[BaseException, str], None]) -> Callable[[], None]:
    """Hand on the errors of the cells that this process's kernel runs.

    Parameters
    ----------
    report
        Takes the exception and which cell raised it.

    Returns
    -------
    callable
        Ends the watch. Outside IPython there are no cells to watch.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return lambda: None

    def after_cell(result: Any) -> None:  # noqa: ANN401 - IPython's ExecutionResult
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, Exception):
            number = result.execution_count
            cell = f"cell {number}" if number else "a cell without number"
            report(error, f"{cell} of the bot's notebook")

    shell.events.register("post_run_cell", after_cell)

    def end() -> None:
        with suppress(ValueError):  # somebody took it away already
            shell.events.unregister("post_run_cell", after_cell)

    return end
