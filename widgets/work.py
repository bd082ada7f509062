"""Blocking work in a thread, and what a page does with its result in the page's own loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from rigd.core.errors import RigdError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rigd.core.clock import SystemClock

T = TypeVar("T")


class Work(Protocol):
    """How a page does something that blocks."""

    def do(
        self,
        blocking: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[RigdError], None],
    ) -> None:
        """Run something, and then one of the two with what came of it."""

    def until(
        self, asked: Callable[[], T | None], then: Callable[[T], None], given_up: Callable[[], None]
    ) -> None:
        """Ask again and again until there is an answer."""


class Threads:
    """The work of a kernel's page: a worker thread, then the kernel's event loop.

    Parameters
    ----------
    clock
        Waits between two questions.
    """

    TRIES = 100
    PAUSE_S = 0.3

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def do(
        self,
        blocking: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[RigdError], None],
    ) -> None:
        """Run `blocking` in a thread; a typed error goes to `failed`, a defect to the kernel."""
        self.start(self._done(blocking, then, failed))

    def until(
        self, asked: Callable[[], T | None], then: Callable[[T], None], given_up: Callable[[], None]
    ) -> None:
        """Ask in a thread every `PAUSE_S` seconds, `TRIES` times at most."""
        self.start(self._answered(asked, then, given_up))

    def start(self, coroutine: Coroutine[object, object, None]) -> None:
        """Run a coroutine in the kernel's loop; it is kept until it ends."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _done(
        blocking: Callable[[], T], then: Callable[[T], None], failed: Callable[[RigdError], None]
    ) -> None:
        try:
            found = await asyncio.to_thread(blocking)
        except RigdError as error:
            failed(error)
        else:
            then(found)

    async def _answered(
        self, asked: Callable[[], T | None], then: Callable[[T], None], given_up: Callable[[], None]
    ) -> None:
        for _ in range(self.TRIES):
            found = await asyncio.to_thread(asked)
            if found is not None:
                then(found)
                return
            await self._clock.wait(self.PAUSE_S)
        given_up()
