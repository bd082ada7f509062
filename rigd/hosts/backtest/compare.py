"""Replay a session's day in the backtest host and hold both against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.config import hot
from rigd.core.errors import ConfigError, DataError
from rigd.core.events import DefenseChanged, SessionStarted, SliceDone
from rigd.core.readings import RiskFree
from rigd.enhancements.contract import Sources
from rigd.hosts import records
from rigd.hosts.backtest.history import History
from rigd.hosts.backtest.host import Host, Way
from rigd.hosts.backtest.played import Terms
from rigd.hosts.plan import make_plan
from rigd.hosts.request import SessionRequest
from rigd.hosts.review import find
from rigd.hosts.universe import known
from rigd.reporting.comparison import Split, compare
from rigd.risk.defense_mode import DefenseState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.events import Entry
    from rigd.hosts.bot import Bot
    from rigd.hosts.wiring import Plan
    from rigd.store.paths import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A session against its backtest.

    Parameters
    ----------
    folder
        The session's record.
    way
        How the backtest ran the day.
    splits
        Each trade of either side, with what differs.
    same_code
        Whether the session ran the code that the backtest runs.
    """

    folder: Path
    way: Way
    splits: tuple[Split, ...]
    same_code: bool


def compare_session(home: Home, session_key: str, code_digest: str) -> Comparison:
    """Run a session's day in the backtest host and compare each trade.

    Parameters
    ----------
    home
        RIGD_HOME.
    session_key
        ``latest``, a session such as ``2013-10-07_1``, or a folder.
    code_digest
        SHA-256 over the code that runs now.

    Returns
    -------
    Comparison
        Nothing was written.

    Raises
    ------
    ConfigError
        If there is no such record, or it does not say what it was asked.
    DataError
        If the bars are not those that the session had.
    """
    bot, folder = find(home, session_key)
    entries = records.entries_of(folder, bot.identity)
    started = entries[0].record if entries else None
    if not isinstance(started, SessionStarted):
        msg = f"session {folder.name} must begin with its first record, found none"
        raise ConfigError(msg, fix="choose a session that began")
    plan = _plan(home, bot, folder, started)
    history = History(
        feeds=(plan.feed,),
        fundamentals=plan.fundamentals,
        asked=_asked(plan),
    )
    terms = Terms(
        settings=hot.as_recorded(started.settings, started.config_digest),
        identity=bot.identity,
        profile=started.profile,
        number=started.number,
        sources=Sources(
            fundamentals=plan.fundamentals,
            risk_free=RiskFree(
                jurisdiction=bot.identity_file.jurisdiction_code,
                rate=bot.identity_file.risk_free_rate(),
            ),
        ),
        inverse_etfs=plan.inverse_etfs,
        code_digest=code_digest,
        config_digest=started.config_digest,
        defense=_defense_at_start(entries),
    )
    day = Host(terms, history).day(0, started.opening_cash)
    return Comparison(
        folder=folder,
        way=day.way,
        splits=compare(entries, day.entries),
        same_code=started.code_digest == code_digest,
    )


def _plan(home: Home, bot: Bot, folder: Path, started: SessionStarted) -> Plan:
    """Return what the session ran on, made again from what it was asked."""
    path = folder / records.REQUEST
    if not path.exists():
        msg = f"session {folder.name} must keep what it was asked, found no {records.REQUEST}"
        raise ConfigError(msg, fix="compare a session that `rigd session` ran")
    request = SessionRequest.from_json(path.read_text(encoding="utf-8"))
    plan = make_plan(bot.settings, request, bot.inverse_etfs, known=known(home, request))
    if plan.feed.digest != started.data_digest:
        msg = (
            f"the bars must be those of session {folder.name}, {started.data_digest[:16]}, "
            f"were {plan.feed.digest[:16]}"
        )
        raise DataError(msg, fix="restore the folder of bars that the session had")
    return plan


def _asked(plan: Plan) -> tuple[str, ...]:
    """Return the symbols that were candidates."""
    return tuple(symbol for symbol in plan.feed.symbols if symbol not in plan.bought_only)


def _defense_at_start(entries: Sequence[Entry]) -> DefenseState:
    """Return defense mode as the session began with it."""
    for entry in entries:
        record = entry.record
        if isinstance(record, SliceDone):
            break
        if isinstance(record, DefenseChanged) and record.on:
            return DefenseState(on=True, trigger=str(record.trigger), detail=record.detail)
    return DefenseState()
