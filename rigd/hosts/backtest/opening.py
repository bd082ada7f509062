"""Open what a backtest runs on: settings, identity and bars. Writes nothing, needs no bot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.calendar.exchange import sessions, trades_on
from rigd.config.demo import demo_identity
from rigd.config.digest import digest
from rigd.config.inverse_etfs import SHIPPED
from rigd.config.lines import decode
from rigd.config.parse import parse_env
from rigd.config.sources import checkout
from rigd.core.errors import ConfigError, DataError
from rigd.core.readings import RiskFree
from rigd.core.values import Profile
from rigd.enhancements.contract import Sources
from rigd.hosts import wiring
from rigd.hosts.backtest.clearance import code_digest
from rigd.hosts.backtest.history import History, load
from rigd.hosts.backtest.played import Terms
from rigd.hosts.bot import first_settings, is_provisioned, open_bot
from rigd.market.sample import sample_feed

if TYPE_CHECKING:
    from rigd.config.identity import IdentityFile
    from rigd.config.inverse_etfs import InverseEtfs
    from rigd.config.schema import Settings
    from rigd.core.values import BotIdentity
    from rigd.hosts.backtest.request import BacktestRequest
    from rigd.store.paths import Home


def terms_of(home: Home, request: BacktestRequest, config: str = "") -> Terms:
    """Return on whose terms a backtest runs.

    Parameters
    ----------
    home
        RIGD_HOME; without a bot in it the demo's settings are taken, as `rigd session` would.
    request
        What is asked.
    config
        A settings file such as ``env/.env_bot.test`` instead of the bot's own; blank for those.

    Returns
    -------
    Terms
        With the request's changes, at the simulated broker; who knows fundamentals comes with the
        bars, see `with_history`.

    Raises
    ------
    ConfigError
        If a setting is unknown, with the nearest known one, or wrong.
    """
    settings, identity, file, table, profile = _of_home(home)
    if config:
        path = Path(config).expanduser()
        settings = parse_env(decode(path.read_bytes(), source=path.name), source=path.name)
    return Terms(
        settings=request.settings(settings),
        identity=identity,
        profile=profile,
        sources=Sources(
            risk_free=RiskFree(jurisdiction=file.jurisdiction_code, rate=file.risk_free_rate())
        ),
        inverse_etfs=table,
        code_digest=code_digest(),
        config_digest=digest(settings),
    )


def history_of(request: BacktestRequest, terms: Terms) -> History:
    """Return the bars of a backtest.

    Parameters
    ----------
    request
        With folder, span and symbols.
    terms
        With TRADING_DAYS and the inverse ETFs that are read beside the symbols.

    Returns
    -------
    History
        Every session with bars.
    """
    days = terms.settings.trading_days
    if not request.data:
        return sample_of(request, tuple(days))
    funds: tuple[str, ...] = ()
    if wiring.buys_inverse(terms.settings):
        known = (terms.inverse_etfs.of(symbol) for symbol in request.symbols)
        funds = tuple(sorted({fund for fund in known if fund}))
    return load(
        Path(request.data).expanduser().absolute(),
        request.start,
        request.end,
        request.symbols,
        bar_stamp=request.bar_stamp,
        funds=funds,
        trading_days=tuple(days),
    )


def sample_of(request: BacktestRequest, trading_days: tuple[str, ...]) -> History:
    """Return the sessions of the built-in sample.

    Parameters
    ----------
    request
        With span and symbols.
    trading_days
        The weekdays that count.

    Returns
    -------
    History
        Every session of the span that the sample has.

    Raises
    ------
    ConfigError
        If it has none.
    """
    span = [d for d in sessions(request.start, request.end) if trades_on(d.day, trading_days)]
    feeds, missing = [], []
    for day in span:
        try:
            feeds.append(sample_feed(day, request.symbols))
        except DataError:
            missing.append(day.day)
    if not feeds:
        msg = f"the built-in sample has no session from {request.start} to {request.end}"
        fix = "choose a span between 2000-03-01 and 2013-03-01, or add --data FOLDER"
        raise ConfigError(msg, fix=fix)
    return History(feeds=tuple(feeds), without_bars=tuple(missing), asked=request.symbols)


def with_history(terms: Terms, history: History) -> Terms:
    """Return terms whose filters know the metrics that lie beside the bars."""
    sources = replace(terms.sources, fundamentals=history.fundamentals)
    return replace(terms, sources=sources)


def _of_home(
    home: Home,
) -> tuple[Settings, BotIdentity, IdentityFile, InverseEtfs, Profile]:
    version = checkout() / "VERSION.md"
    if is_provisioned(home):
        bot = open_bot(home, version)
        return bot.settings, bot.identity, bot.identity_file, bot.inverse_etfs, bot.profile
    settings, file = first_settings(home, version), demo_identity()
    return settings, file.identity(settings.broker_code), file, SHIPPED, Profile.TEST
