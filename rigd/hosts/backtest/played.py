"""One day of a backtest by the session engine itself, in memory.

Journal and exchange keep nothing on disk, and the control clock stands still. It is what every
faster path is measured against, and what runs the days on which something rare may happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from rigd.broker.adapters.sim import SimBroker
from rigd.broker.links import LocalLink
from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel
from rigd.config.inverse_etfs import SHIPPED, InverseEtfs
from rigd.config.schema import Settings
from rigd.core.draws import Draws
from rigd.core.errors import LogicError
from rigd.core.values import BotIdentity, Profile
from rigd.enhancements.contract import NO_SOURCES, Sources
from rigd.hosts import replay, wiring
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import LatchState
from rigd.store.journal import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from datetime import datetime
    from decimal import Decimal

    from rigd.core.events import Entry
    from rigd.market.feed import DayFeed

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On whose terms days are run: everything but the bars.

    Parameters
    ----------
    settings
        The bot's, with the changes of this backtest; the broker is the simulated one.
    identity, profile
        The bot: order ids, and with them the draws of the simulated broker, depend on it.
    number
        The session's number on its day, part of the ids too.
    sources
        Who knows what the filters ask.
    inverse_etfs
        Which fund is bought where a short side is taken by InverseETF.
    code_digest, config_digest
        SHA-256 over the code that runs, and over the bot's own settings before the broker was
        taken to be the simulated one.
    defense
        How defense mode begins each day.
    """

    settings: Settings
    identity: BotIdentity
    profile: Profile
    number: int = 1
    sources: Sources = NO_SOURCES
    inverse_etfs: InverseEtfs = SHIPPED
    code_digest: str = "-"
    config_digest: str = "-"
    defense: DefenseState = field(default_factory=DefenseState)

    def bought_only(self, feed: DayFeed, asked: Sequence[str]) -> frozenset[str]:
        """Return the symbols of a feed that are bought for others alone."""
        if not wiring.buys_inverse(self.settings):
            return frozenset()
        funds = {self.inverse_etfs.of(symbol) for symbol in asked or feed.symbols}
        return frozenset(funds) & set(feed.symbols) - set(asked)


class StillClock:
    """A control clock that stands still: nothing in a replay waits for it.

    Parameters
    ----------
    at
        The instant that it shows, UTC.
    """

    __slots__ = ("_at",)

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the instant."""
        return self._at

    def monotonic(self) -> float:
        """Return 0."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""
        del seconds

    async def wait(self, seconds: float) -> None:
        """Return at once."""
        del seconds


class MemoryLog:
    """The truth of an exchange that no restart will ask for."""

    __slots__ = ()

    def append(
        self,
        at: datetime,
        kind: str,
        data: dict[str, Any],
        *,
        durable: bool = False,
    ) -> tuple[int, str]:
        """Keep nothing."""
        del at, kind, data, durable
        return 0, ""

    def entries(self) -> Sequence[tuple[int, datetime, str, dict[str, Any], str]]:
        """Return nothing."""
        return ()


def play(
    terms: Terms, feed: DayFeed, asked: Sequence[str], opening_cash: Decimal
) -> tuple[Entry, ...]:
    """Run one session of the engine over a day's bars.

    Parameters
    ----------
    terms
        On whose terms.
    feed
        The day's bars.
    asked
        The symbols asked for; empty for all of the feed.
    opening_cash
        The account's cash at the open [currency].

    Returns
    -------
    tuple of Entry
        The session's journal.
    """
    return finish(_play(terms, feed, asked, opening_cash))


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end what never has to wait, also where an event loop runs already, as in Lab.

    Parameters
    ----------
    coroutine
        Stages of a session over a broker and a clock in memory.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    LogicError
        If it waits for something after all.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    msg = "a session in memory must not wait for anything"
    raise LogicError(msg)


async def _play(
    terms: Terms, feed: DayFeed, asked: Sequence[str], opening_cash: Decimal
) -> tuple[Entry, ...]:
    settings, day, account = terms.settings, feed.session, str(terms.identity)
    model = replace(SimModel.from_settings(settings), starting_cash=opening_cash)
    exchange = SimExchange(
        MemoryLog(), model, Draws(settings.simulation_seed), account, wiring.CURRENCY
    )
    exchange.begin_session(day.day, terms.number, day.open)
    broker = SimBroker(LocalLink(exchange), account, native_trailing=model.native_trailing)
    await broker.connect()
    clock = StillClock(day.open)
    journal = MemoryJournal(f"backtest|{account}|{day.day}|{terms.number}")
    session = await wiring.open_session(
        wiring.Plan(
            settings=settings,
            day=day,
            feed=feed,
            inverse_etfs=terms.inverse_etfs,
            bought_only=terms.bought_only(feed, asked),
        ),
        wiring.Start(
            identity=terms.identity,
            profile=terms.profile,
            number=terms.number,
            epoch=1,
            latch=LatchState(),
            save_latch=_forget,
            code_digest=terms.code_digest,
            defense=terms.defense,
            sources=terms.sources,
        ),
        broker,
        journal,
        wiring.command_reader(None, clock, settings),
    )
    await replay.run(session, feed, exchange, replay.Pace(clock, 0.0), _forget)
    await broker.close()
    return tuple(journal.entries())


def _forget(_state: object) -> None:
    """Keep nothing: no session follows this one."""
