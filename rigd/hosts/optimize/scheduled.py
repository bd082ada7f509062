"""The optimiser on a schedule: after each session, one study per strategy over the rolling window.

Each runs ``notebooks/optimize.ipynb`` by papermill and leaves its executed copy; a study that is
there is not run again, so whoever keeps the schedule may call this as often as it likes. Nothing is
proposed: a person reads the studies (document 090).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.calendar.exchange import exchange_time, previous_session, session, trades_on
from rigd.hosts.optimize.notebooks import OUTPUTS, run_notebook
from rigd.store.registry import Registry
from rigd.strategy.router import sequence

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.core.ports import Clock
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

NOTEBOOK = "optimize.ipynb"


class Due(NamedTuple):
    """A study that is due: the name of its copy, and the parameters of the notebook.

    The window ends with `day` and has OPTIMIZER_BACKTEST_LOOKBACK_DAYS sessions.
    """

    day: date
    stamp: str
    parameters: dict[str, str | int | float | bool]


def due(home: Home, settings: Settings, now: datetime, data: str = "") -> list[Due]:
    """Return the studies that are due, in the order of the strategies.

    Parameters
    ----------
    home
        Where the copies of earlier ones lie.
    settings
        TRADING_DAYS, and the strategies that run.
    now
        The instant, UTC.
    data
        Folder of bar files; blank for the built-in sample, whose window ends with its own day.

    Returns
    -------
    list of Due
        Of the newest session that is over; empty when each was made.
    """
    day = last_closed(settings, now)
    found = []
    for strategy in sequence(settings):
        stamp = f"scheduled_{day}_{strategy}"
        if not Registry(home, stamp=stamp).path(OUTPUTS[NOTEBOOK]).exists():
            given: dict[str, str | int | float | bool] = {"strategy": strategy}
            if data:
                given |= {"data": data, "end": day.isoformat()}
            found.append(Due(day, stamp, given))
    return found


def last_closed(settings: Settings, now: datetime) -> date:
    """Return the day of the newest session of TRADING_DAYS whose close is over."""
    today = session(exchange_time(now).date())
    if today is None or now < today.close or not trades_on(today.day, settings.trading_days):
        today = previous_session(exchange_time(now).date())
    while not trades_on(today.day, settings.trading_days):
        today = previous_session(today.day)
    return today.day


def run_due(bot: Bot, clock: Clock, data: str = "") -> list[Path]:
    """Run the studies that are due; return their executed copies.

    Parameters
    ----------
    bot
        Whose.
    clock
        Says which session was the last.
    data
        As of `due`.

    Returns
    -------
    list of Path
        Empty when there is nothing to do.

    Raises
    ------
    ConfigError
        If a notebook did not run to its end; those before it stay.
    """
    return [
        run_notebook(bot, NOTEBOOK, each.parameters, each.stamp)
        for each in due(bot.home, bot.settings, clock.now(), data)
    ]
