"""A control clock that tests move by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2024, 3, 4, 14, 0, tzinfo=UTC)


class FakeClock:
    """Implements ``core.ports.ControlClock``.

    With `auto` (the default) a sleeper moves time itself and never waits; without it a coroutine
    waits until the test calls `advance`. Its monotonic time starts at 0, so that no beat by a real
    clock is older, even on a machine that was started a minute ago.
    """

    def __init__(self, start: datetime = START, *, auto: bool = True) -> None:
        self._now = start
        self._monotonic = 0.0
        self._auto = auto
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    async def wait(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._auto:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((self._monotonic + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Move both clocks on and wake the coroutines whose time has come."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        due = [item for item in self._waiting if item[0] <= self._monotonic]
        self._waiting = [item for item in self._waiting if item[0] > self._monotonic]
        for _, future in sorted(due, key=lambda item: item[0]):
            if not future.done():
                future.set_result(None)

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as a time server would."""
        self._now += timedelta(seconds=seconds)
