"""Drive a session through the minutes of a feed, with a simulated exchange as the market.

One minute: what is due by time, the bar's open at the exchange, protection of what filled, the rest
of the bar, then the engine's decisions on the closed bar. A session, a simulated day and a crash
test are driven by this one loop; they differ in clock, feed, broker and journal alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    from rigd.core.ports import ControlClock, Feed
    from rigd.core.values import MarketSlice
    from rigd.engine.session import Session

MINUTE = timedelta(minutes=1)
NAP_S = 0.1
"""How long a paced replay sleeps between two looks at the flags [seconds]."""


class Market(Protocol):
    """The simulated exchange's own time, which the replay moves."""

    def begin_session(self, day: date, number: int, opens: datetime) -> None:
        """Enter a session; entering it again changes nothing."""
        ...

    def open_bar(self, slice_: MarketSlice) -> None:
        """Let a minute open."""
        ...

    def trade_through(self, slice_: MarketSlice) -> None:
        """Let a minute trade to its end."""
        ...

    def end_session(self, marks: Mapping[str, float] | None = None) -> None:
        """Fill what is due at the last marks and expire the rest."""
        ...


class Pace:
    """How replayed minutes relate to the control clock.

    Parameters
    ----------
    clock
        The control clock.
    speed
        Market seconds per second; 0 for as fast as possible.
    """

    def __init__(self, clock: ControlClock, speed: float) -> None:
        self._clock = clock
        self._minute_s = 60.0 / speed if speed > 0.0 else 0.0
        self._due = clock.monotonic()

    async def minute(self, look: Callable[[], bool]) -> None:
        """Wait for the next minute; `look` is called meanwhile and ends the wait when True."""
        if not self._minute_s:
            return
        self._due += self._minute_s
        while (left := self._due - self._clock.monotonic()) > 0.0:
            if look():
                return
            await self._clock.wait(min(left, NAP_S))


async def run(
    session: Session,
    feed: Feed,
    market: Market,
    pace: Pace,
    after_minute: Callable[[int], None],
) -> None:
    """Run every minute of a session that is not complete yet, then end it.

    Parameters
    ----------
    session
        A session over its replayed journal; it begins here, when market and strategies have seen
        the minutes that were complete before.
    feed
        Its bars.
    market
        The simulated exchange.
    pace
        How fast.
    after_minute
        Called with each minute when it is complete: projections, status, heartbeat.
    """
    desk = session.desk
    first = session.next_minute

    def look() -> bool:
        session.obey()
        after_minute(session.next_minute)
        return session.closing is not None

    for slice_ in feed.slices():
        if slice_.minute >= first:
            break
        market.open_bar(slice_)
        market.trade_through(slice_)
        session.catch_up(slice_)
    await session.begin()
    for slice_ in feed.slices(first):
        if session.is_finished():
            break
        await pace.minute(look)
        desk.clock.advance(max(desk.clock.now(), slice_.start))
        await session.before_minute(slice_.minute)
        if session.is_finished():
            break
        market.open_bar(slice_)
        await session.after_open(slice_.minute)
        market.trade_through(slice_)
        await session.after_trading()
        desk.clock.advance(slice_.start + MINUTE)
        await session.on_slice(slice_)
        after_minute(slice_.minute)
    if not session.is_finished():
        desk.clock.advance(max(desk.clock.now(), desk.day.close))
        await session.end_of_bars()
        market.end_session({symbol: bars[-1].close for symbol, bars in desk.bars.items()})
    await session.end()
    after_minute(desk.day.minutes)
