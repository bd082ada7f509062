"""Turn a request into a checked plan: settings, exchange day and bars. Writes nothing."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.calendar.exchange import next_session, previous_session, session, trades_on
from rigd.config.choices import BrokerCode
from rigd.config.inverse_etfs import SHIPPED
from rigd.core.errors import ConfigError, DataError
from rigd.hosts.wiring import Plan, buys_inverse, session_day, session_settings, windows
from rigd.market.feed import open_feed
from rigd.market.files import data_root
from rigd.market.fundamentals import find_fundamentals
from rigd.market.sample import SAMPLE_DAY, sample_feed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rigd.config.inverse_etfs import InverseEtfs
    from rigd.config.schema import Settings
    from rigd.core.values import Reference, SessionDay
    from rigd.hosts.request import SessionRequest
    from rigd.market.feed import DayFeed


def make_plan(
    settings: Settings,
    request: SessionRequest,
    inverse_etfs: InverseEtfs = SHIPPED,
    *,
    known: Mapping[str, Reference] = MappingProxyType({}),
) -> Plan:
    """Return what a session would run on.

    Parameters
    ----------
    settings
        The bot's settings.
    request
        What is asked for.
    inverse_etfs
        Which fund is bought where a short side is taken by InverseETF. The funds of the symbols
        asked for are read with them, where there are bars. They are bought only: a fund is a
        candidate of its own when it is asked for by name. Where no symbol is named, every symbol
        of the folder is a candidate but the funds of others.
    known
        What the request's universe knows of the symbols: `rigd.hosts.universe.known`.

    Returns
    -------
    Plan
        Every file was read and checked.
    """
    chosen = session_settings(settings, request)
    _require_simulated(chosen)
    day = _day(request)
    _require_trading_day(chosen, day)
    windows(chosen, day)
    if not request.data:
        return Plan(
            settings=chosen,
            day=day,
            feed=sample_feed(day, request.symbols).with_known(known),
            inverse_etfs=inverse_etfs,
            test_mode=request.test_mode,
        )
    folder = Path(request.data).expanduser().absolute()
    maps = buys_inverse(chosen)
    feed = open_feed(
        folder,
        day,
        request.symbols,
        request.bar_stamp,
        previous=previous_session(day.day),
        optional=_funds(request.symbols, inverse_etfs) if maps else (),
    )
    _require_all(feed)
    funds = _funds(request.symbols or feed.symbols, inverse_etfs) if maps else ()
    return Plan(
        settings=chosen,
        day=day,
        feed=feed.with_known(known),
        inverse_etfs=inverse_etfs,
        fundamentals=find_fundamentals(data_root(folder)),
        bought_only=frozenset(funds) & set(feed.symbols) - set(request.symbols),
        test_mode=request.test_mode,
    )


def _day(request: SessionRequest) -> SessionDay:
    """Return the exchange day; a dry run on a day without one takes the next (document 070)."""
    asked = request.day or SAMPLE_DAY
    if request.test_mode and not request.data and session(asked) is None:
        return next_session(asked)
    return session_day(asked)


def _funds(symbols: Sequence[str], table: InverseEtfs) -> tuple[str, ...]:
    return tuple(sorted({fund for symbol in symbols if (fund := table.of(symbol))}))


def _require_simulated(settings: Settings) -> None:
    if settings.broker_code is not BrokerCode.SIM:
        msg = f"BROKER_CODE must be SIM for a session on recorded bars, was {settings.broker_code}"
        raise ConfigError(msg, fix="set BROKER_CODE=SIM")


def _require_trading_day(settings: Settings, day: SessionDay) -> None:
    if not trades_on(day.day, settings.trading_days):
        weekday = f"{day.day:%a}".lower()
        msg = f"{day.day} must be one of TRADING_DAYS {','.join(settings.trading_days)}: {weekday}"
        raise ConfigError(msg, fix="choose another day, or add the weekday to TRADING_DAYS")


def _require_all(feed: DayFeed) -> None:
    if feed.absent:
        msg = f"every symbol must have bars on the day, found none for {', '.join(feed.absent)}"
        raise DataError(msg, fix=f"leave out {', '.join(feed.absent)} or choose another day")
