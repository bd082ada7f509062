"""Build the universe of a home from outside a session, and take a session's symbols from it.

A session fetches no symbols: where the operator asks for a universe (``rigd session --universe``),
the launcher reads the published file once and trades the symbols that are in it and in the feed.
The request keeps the version, so a session that is taken up later reads the same one from the
archive, whatever was published meanwhile. Its average volumes and market values fill in where the
feed knows none (SPEC §3a.9).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.draws import Draws
from rigd.core.errors import ConfigError, DataError
from rigd.core.values import Reference
from rigd.hosts.wiring import session_day
from rigd.market.files import BarFolder
from rigd.market.providers.universe import UniverseFolder
from rigd.market.sample import SAMPLE_DAY, sample_feed
from rigd.market.stamps import BarStamp
from rigd.net.breaker import Breaker, Patience
from rigd.net.calls import Calls
from rigd.net.policies import POLICIES, Service
from rigd.net.rate import RateLimit
from rigd.reporting.logs import tell_universe
from rigd.reporting.telling import Level
from rigd.screener import blocklist, versions
from rigd.screener.asking import Source
from rigd.screener.blocklist import OPERATOR, Blocked
from rigd.screener.build import UniverseBuild, owned
from rigd.screener.criteria import Criteria
from rigd.store.registry import Registry
from rigd.strategy import router

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from rigd.config.schema import Settings
    from rigd.core.ports import ControlClock, UniverseProvider
    from rigd.core.universe import Universe
    from rigd.hosts.bot import Bot
    from rigd.hosts.request import SessionRequest
    from rigd.screener.build import Outcome
    from rigd.store.paths import Home

FOLDER = "universe"
"""The folder in ``env/`` that is asked where no other is named."""
LATEST = "latest"
_SEED = 0


class UniverseLog:
    """Writes rows about the universe to screener.log.

    Parameters
    ----------
    bot
        Whose universe.
    clock
        The control clock.
    """

    __slots__ = ("_bot", "_clock", "_number")

    def __init__(self, bot: Bot, clock: ControlClock) -> None:
        self._bot = bot
        self._clock = clock
        self._number = 0

    def __call__(self, level: str, event: str, message: str, details: Mapping[str, object]) -> None:
        """Append one row."""
        self._number += 1
        with Registry(self._bot.home) as registry:
            tell_universe(
                registry,
                at=self._clock.now(),
                level=Level[level],
                event=event,
                number=self._number,
                bot=self._bot.identity,
                profile=self._bot.profile,
                message=message,
                details=details,
                settings=self._bot.settings,
            )


def providers(home: Home, folders: Sequence[str]) -> list[UniverseProvider]:
    """Return whom to ask: the folders named, else ``env/universe`` where it exists."""
    if folders:
        return [UniverseFolder(Path(name).expanduser().absolute()) for name in folders]
    own = home.env / FOLDER
    return [UniverseFolder(own)] if own.is_dir() else []


def sources(bot: Bot, asked: Sequence[UniverseProvider], clock: ControlClock) -> list[Source]:
    """Return providers with the door through which each is asked.

    Parameters
    ----------
    bot
        API_RETRY_LIMIT, and the name that keys its random waits.
    asked
        The providers, each under a name of its own.
    clock
        The control clock.

    Returns
    -------
    list of Source
        In the same order.

    Raises
    ------
    ConfigError
        If two have the same name.
    """
    names = [provider.name for provider in asked]
    if len(set(names)) < len(names):
        msg = f"providers must have different names, found {', '.join(names)}"
        raise ConfigError(msg, fix="name each folder once, by folders of different names")
    return [
        Source(
            provider,
            Calls(
                f"{bot.identity} {provider.name}",
                clock=clock,
                backoff=POLICIES[Service.API].backoff(bot.settings.api_retry_limit),
                rate=RateLimit((), clock),
                draws=Draws(_SEED),
                breaker=Breaker(
                    provider.name, clock, Patience(failures=1 + bot.settings.api_retry_limit)
                ),
            ),
        )
        for provider in asked
    ]


def build(
    bot: Bot,
    asked: Sequence[UniverseProvider],
    clock: ControlClock,
    *,
    day: date | None = None,
    fresh: bool = False,
) -> Outcome:
    """Build and publish the universe of a bot's home.

    Parameters
    ----------
    bot
        Its home, thresholds and BACKUP_KEEP, which is also how many versions are archived.
    asked
        Whom to ask, in this order.
    clock
        The control clock.
    day
        The exchange day of the data; None for the unfinished build's, else today.
    fresh
        Begin anew, whatever lies there unfinished.

    Returns
    -------
    Outcome
        Published, or waiting.
    """
    return UniverseBuild(bot.home, clock, UniverseLog(bot, clock)).build(
        sources(bot, asked, clock),
        criteria_of(bot.settings),
        keep=bot.settings.backup_keep,
        day=day,
        fresh=fresh,
    )


def criteria_of(settings: Settings) -> Criteria:
    """Return the thresholds of a bot's settings, for the strategies that run."""
    return Criteria.of(settings, router.sequence(settings))


def refilter(bot: Bot, clock: ControlClock) -> Outcome:
    """Publish what was fetched under the settings' thresholds of now; ask nobody."""
    workshop = UniverseBuild(bot.home, clock, UniverseLog(bot, clock))
    return workshop.refilter(criteria_of(bot.settings), keep=bot.settings.backup_keep)


def block(bot: Bot, symbol: str, reason: str, clock: ControlClock, *, by: str) -> Blocked | None:
    """Put a symbol on the blocklist.

    Parameters
    ----------
    bot
        Whose.
    symbol, reason
        What, and why.
    clock
        Says when.
    by
        Who asks, for the log.

    Returns
    -------
    Blocked or None
        The new line; None when it was listed already.

    Raises
    ------
    ConfigError
        If the symbol or the reason has another form.
    """
    line = Blocked(symbol=symbol, reason=reason.strip(), at=clock.now(), provider=OPERATOR)
    with owned(bot.home, "rigd universe blocklist add", clock):
        registry = Registry(bot.home)
        if symbol in blocklist.read(registry):
            return None
        details = {"symbol": symbol, "reason": line.reason, "by": by}
        message = f"{symbol} goes to the blocklist: {line.reason}"
        UniverseLog(bot, clock)("INFO", "universe_blocklisted", message, details)
        blocklist.add(registry, [line])
    return line


def unblock(bot: Bot, symbol: str, clock: ControlClock, *, by: str) -> Blocked:
    """Take a symbol off the blocklist; see `rigd.screener.blocklist.remove`."""

    def on_record(gone: Blocked) -> None:
        details = {"symbol": symbol, "reason": gone.reason, "by": by}
        message = f"{symbol} goes off the blocklist, it was there for {gone.reason}"
        UniverseLog(bot, clock)("INFO", "universe_unblocked", message, details)

    with owned(bot.home, "rigd universe blocklist remove", clock):
        return blocklist.remove(Registry(bot.home), symbol, before=on_record)


def applied(home: Home, request: SessionRequest) -> SessionRequest:
    """Return a request with the symbols that the universe and the feed share.

    Parameters
    ----------
    home
        Where the universe is published.
    request
        Names the universe: ``latest``, a stamp or a version; symbols that it names are narrowed
        down.

    Returns
    -------
    SessionRequest
        With its symbols and the universe's version.

    Raises
    ------
    ConfigError
        If there is no such universe, or nothing is left to trade.
    DataError
        If the universe knows what the session must not, or the bars are malformed.
    """
    found = _universe(home, request.universe)
    session = session_day(request.day or SAMPLE_DAY)
    if found.dated >= session.day:
        msg = (
            f"a universe must be older than the session that trades it: its data are of "
            f"{found.dated}, the session of {session.day}"
        )
        raise DataError(msg, fix="rigd universe build --date with an earlier day")
    if request.data:
        stamp = BarStamp(request.bar_stamp)
        folder = BarFolder(Path(request.data).expanduser().absolute(), (), stamp)
        offered = tuple(folder.day(session).bars)
    else:
        offered = sample_feed(session).symbols
    wanted = request.symbols or offered
    symbols = tuple(name for name in wanted if name in offered and name in found.members)
    if not symbols:
        msg = (
            f"universe {found.stamp} and the bars of {session.day} must share a symbol, "
            f"{', '.join(wanted[:12])} are not in it"
        )
        raise ConfigError(msg, fix="rigd universe show SYMBOL says why")
    return replace(request, symbols=symbols, universe=found.version)


def known(home: Home, request: SessionRequest) -> Mapping[str, Reference]:
    """Return what a request's universe knows of its symbols; nothing where it names none.

    Parameters
    ----------
    home
        Where it was published.
    request
        With the version, as `applied` made it.

    Returns
    -------
    mapping of str to Reference
        Mean volume and market value by symbol.
    """
    if not request.universe:
        return {}
    members = _universe(home, request.universe).members
    return {
        symbol: Reference(
            previous_volume=members[symbol].details.average_volume,
            market_cap=members[symbol].details.market_cap,
        )
        for symbol in request.symbols
        if symbol in members
    }


def _universe(home: Home, name: str) -> Universe:
    """Return the published universe, or an archived one where another version is named."""
    published = versions.published(home)
    if name in {LATEST, published.version, published.stamp}:
        return published
    return versions.find(home, name)
