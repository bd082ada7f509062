"""Drive a session through the minutes of a feed, with a simulated exchange as the market.

One minute: what is due by time, the bar's open at the exchange, protection of what filled, the rest
of the bar, then the engine's decisions on the closed bar. A session, a simulated day and a crash
test are driven by this one loop; they differ in clock, feed, broker and journal alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rigd.core.errors import Superseded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
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

    @property
    def waits(self) -> bool:
        """Tell whether a minute takes any time at all."""
        return self._minute_s > 0.0

    async def minute(self, look: Callable[[], bool]) -> None:
        """Wait for the next minute; `look` is called meanwhile and ends the wait when True."""
        if not self.waits:
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
    guard = Guard(session)

    def look() -> bool:
        session.obey()
        after_minute(session.next_minute)
        return session.closing is not None

    bring_up(session, feed, market)
    await guard.run(session.begin(), "the start of the session")
    for slice_ in feed.slices(first):
        if pace.waits:
            await pace.minute(look)
        session.obey()
        if session.is_finished():
            break
        minute, starts = slice_.minute, slice_.start
        desk.clock.advance(max(desk.clock.now(), starts))
        session.update(minute)
        quiet = session.is_quiet(minute)
        if not quiet:
            await guard.run(session.before_minute(minute), "the start of a minute")
            if session.is_finished():
                break
        market.open_bar(slice_)
        if not quiet:
            await guard.run(session.after_open(minute), "the open of a minute")
        market.trade_through(slice_)
        await guard.run(session.after_trading(), "the trades of a minute")
        desk.clock.advance(max(desk.clock.now(), starts + MINUTE))
        await guard.run(session.on_slice(slice_), "the close of a minute")
        after_minute(minute)
    if not session.is_finished():
        desk.clock.advance(max(desk.clock.now(), desk.day.close))
        await guard.run(session.end_of_bars(), "the end of the bars")
        market.end_session({symbol: bars[-1].close for symbol, bars in desk.bars.items()})
    await session.end()
    after_minute(desk.day.minutes)


def bring_up(session: Session, feed: Feed, market: Market) -> None:
    """Show strategies and market what they had seen when a crash cut the session off.

    The strategies see the minutes that were complete, the market every minute that had passed: what
    an order meets then is what it would have met. A market that has seen a minute leaves it alone.

    Parameters
    ----------
    session
        A session over its replayed journal.
    feed
        Its bars.
    market
        The simulated exchange.
    """
    first, until = session.next_minute, session.desk.clock.now()
    for slice_ in feed.slices():
        passed = slice_.start + MINUTE <= until
        if passed:
            market.open_bar(slice_)
            market.trade_through(slice_)
        if slice_.minute < first:
            session.catch_up(slice_)
        elif not passed:
            break


class Guard:
    """The outermost catch: the first error closes the session, a second one ends the process.

    An engine that a newer owner has superseded ends at once: the account is no longer its own.

    Parameters
    ----------
    session
        The session whose stages run under it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._failed = False

    async def run(self, stage: Awaitable[None], context: str) -> None:
        """Run one stage; when it fails for the first time, start the emergency close.

        Parameters
        ----------
        stage
            What is to be done.
        context
            What it is, for the record.

        Raises
        ------
        Superseded
            If a newer owner has taken the bot over: nothing is closed here then.
        """
        try:
            await stage
        except Superseded:
            raise
        except Exception as error:
            if self._failed:
                raise
            self._failed = True
            self._session.fail(error, context)
