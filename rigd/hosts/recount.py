"""Count a session's PnL a second time, from its executions alone and by another library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.hosts import records
from rigd.reporting.header import started_of
from rigd.reporting.second_account import booked_of, executions_of, recount

if TYPE_CHECKING:
    from rigd.hosts.bot import Bot
    from rigd.reporting.second_account import Recount


def recount_session(bot: Bot, session: str = "latest") -> list[Recount]:
    """Return the PnL of a session by symbol, as booked and as vectorbt counts it.

    Parameters
    ----------
    bot
        Whose session.
    session
        ``latest``, a session such as ``2013-10-07_1``, or a folder.

    Returns
    -------
    list of Recount
        Empty when nothing traded.

    Raises
    ------
    DataError
        If a position stayed open, or an execution was corrected.
    ConfigError
        If there is no such session.
    """
    entries = records.entries_of(records.find_record(bot.home, bot.identity, session), bot.identity)
    executions = executions_of(entries)
    if not executions:
        return []
    return recount(executions, booked_of(entries), started_of(entries).opening_cash)
