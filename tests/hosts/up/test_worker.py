"""The worker: one piece of work, one result, no exception lost."""

from __future__ import annotations

import threading

from rigd.core.lifecycle import BotState
from rigd.hosts.up.trader import Outcome
from rigd.hosts.up.worker import ThreadWorker

DONE = Outcome(state=BotState.IDLE, exit_code=0, session="2013-10-07_1", text="")


def test_a_result_is_there_once_when_the_work_is_over() -> None:
    """While it works there is none, and it stays busy until the result was taken."""
    worker, go, gone = ThreadWorker(), threading.Event(), threading.Event()

    def work() -> Outcome:
        go.wait(10)
        gone.set()
        return DONE

    assert (worker.busy, worker.result()) == (False, None)
    worker.begin(work)
    assert (worker.busy, worker.result()) == (True, None)
    go.set()
    assert gone.wait(10)
    while (found := worker.result()) is None:
        assert worker.busy
    assert (found, worker.busy, worker.result()) == (DONE, False, None)


def test_an_exception_is_an_error_of_the_bot() -> None:
    """Whatever it was: the supervisor goes on and says so."""
    worker = ThreadWorker()

    def work() -> Outcome:
        raise SystemExit("gone")

    worker.begin(work)
    while (found := worker.result()) is None:
        pass
    assert (found.state, found.text) == (BotState.ERROR, "SystemExit: gone")
