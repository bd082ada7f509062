"""Read the tuning tables of a bot, or make them again from its sealed sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.values import STRATEGIES
from rigd.hosts import records
from rigd.reporting.tuning import document, file_of, runs_in, runs_of, write_table
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.hosts.bot import Bot
    from rigd.reporting.tuning import Run


def tables(bot: Bot) -> dict[str, dict[str, object]]:
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
