"""The supervisor's one worker: a thread that does one piece of work at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rigd.core.errors import ExitCode
from rigd.core.lifecycle import BotState
from rigd.core.redaction import redact
from rigd.hosts.up.trader import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable


class ThreadWorker:
    """Works beside the looks of the supervisor."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._done: list[Outcome] = []

    @property
    def busy(self) -> bool:
        """Tell whether it works, or has a result that nobody took."""
        return self._thread is not None

    def begin(self, work: Callable[[], Outcome]) -> None:
        """Begin a piece of work; the one before must have been taken."""
        self._thread = threading.Thread(target=self._run, args=(work,), name="rigd-worker")
        self._thread.daemon = True
        self._thread.start()

    def result(self) -> Outcome | None:
        """Return the result once; None while it works, or has none."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        return self._done.pop()

    def _run(self, work: Callable[[], Outcome]) -> None:
        try:
            self._done.append(work())
        except BaseException as error:  # noqa: BLE001 - the worker's outermost frame
            self._done.append(
                Outcome(
                    state=BotState.ERROR,
                    exit_code=int(ExitCode.ERROR),
                    session="",
                    text=redact(f"{type(error).__name__}: {error}"),
                )
            )
