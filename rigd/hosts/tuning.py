"""Read the tuning tables of a bot, or make them again from its sealed sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.core.values import STRATEGIES
from rigd.hosts import records, review, session
from rigd.hosts.throwaway import throwaway_home
from rigd.reporting.tuning import document, file_of, runs_in, runs_of, write_table
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.hosts.bot import Bot
    from rigd.reporting.tuning import Run


def tables(bot: Bot) -> dict[str, dict[str, Any]]:
    """Return the tuning document of each strategy that has runs.

    Parameters
    ----------
    bot
        Whose.

    Returns
    -------
    dict
        `rigd.reporting.tuning.document` by strategy.
    """
    registry = Registry(bot.home, bot.identity)
    found = {name: runs_in(registry.read(file_of(name))) for name in STRATEGIES}
    return {name: document(str(bot.identity), name, runs) for name, runs in found.items() if runs}


def open_tables(home: str) -> dict[str, dict[str, Any]]:
    """Return the tuning documents of a home's bot, for a notebook.

    Parameters
    ----------
    home
        RIGD_HOME; blank for a throw-away folder, in which the built-in sample is run first.

    Returns
    -------
    dict
        As `tables`.
    """
    if not home:
        root = str(throwaway_home())
        session.start(root).wait()
        return open_tables(root)
    return tables(review.find_bot(Home(Path(home).expanduser().absolute())))


def rebuild(bot: Bot) -> int:
    """Make the tables again from the journals of the sealed sessions; return how many there are.

    Parameters
    ----------
    bot
        Whose.

    Returns
    -------
    int
        Sessions that were read.

    Raises
    ------
    TamperError
        If the journal of one was changed.
    """
    folders = _sealed(bot)
    runs: dict[str, list[Run]] = {name: [] for name in STRATEGIES}
    for folder in folders:
        for name, run in runs_of(records.entries_of(folder, bot.identity)).items():
            runs[name].append(run)
    registry = Registry(bot.home, bot.identity)
    for name, found in runs.items():
        write_table(registry, str(bot.identity), name, found)
    return len(folders)


def _sealed(bot: Bot) -> list[Path]:
    sessions = bot.home.bot(bot.identity).sessions
    if not sessions.exists():
        return []
    found = [path for path in sessions.glob("*_*") if records.is_finished(path)]
    return sorted(found, key=records.day_and_number)
