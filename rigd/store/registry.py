"""Every output file with its one writer, as a table; a run-time guard refuses all others.

Paths, file names and "shown in the logs page" are those of document 070; the alias is the script
that owned the file in the documents.
"""

from __future__ import annotations

import difflib
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from rigd.core.errors import ForeignWriter, LogicError
from rigd.core.values import STRATEGIES
from rigd.store.files import FILE_MODE, read_plain, replace
from rigd.store.rotation import KEPT, MAX_BYTES, LineLog

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from rigd.core.values import BotIdentity
    from rigd.store.paths import Home


class Format(StrEnum):
    """What a file holds."""

    LINES = "lines"
    JSON = "json"
    CSV = "csv"
    CHAIN = "chain"
    DATABASE = "database"
    NOTEBOOK = "notebook"
    HTML = "html"
    TEXT = "text"
    ARCHIVE = "archive"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One row of the table.

    Parameters
    ----------
    name
        How code asks for the file.
    path_template
        Where it lies below ``runs/``; ``{bot}`` is the bot identity, ``{session}`` the session,
        ``{date}`` its day; a file with another field in its path is placed by its writer.
    writer
        The one module that may write it.
    format
        What it holds.
    shown
        Whether the logs page shows it.
    alias
        The documents' script that owned it.
    """

    name: str
    path_template: str
    writer: str
    format: Format
    shown: bool
    alias: str


def _log(name: str, writer: str, alias: str, *, bot: bool, shown: bool = True) -> Output:
    folder = "{bot}/logs" if bot else "logs"
    return Output(
        name=name,
        path_template=f"{folder}/{name}",
        writer=writer,
        format=Format.JSON if name.endswith(".json") else Format.LINES,
        shown=shown,
        alias=alias,
    )


def _file(name: str, path_template: str, writer: str, alias: str, kind: Format) -> Output:
    return Output(
        name=name,
        path_template=path_template,
        writer=writer,
        format=kind,
        shown=False,
        alias=alias,
    )


_SESSION = "{bot}/sessions/{session}"

_STANDING = (
    _log("main_bot.log", "rigd.reporting.logs", "main_bot", bot=False),
    _log("system_logs.log", "rigd.reporting.status", "status_bot", bot=False),
    _log("heartbeat.log", "rigd.engine.watchdog", "watchdog_bot", bot=False),
    _log("router.log", "rigd.reporting.logs", "strategy_router", bot=False),
    _log("screener.log", "rigd.reporting.logs", "finnhub_screener", bot=False),
    _log("kill_switch.log", "rigd.reporting.logs", "kill_switch", bot=False),
    _log("disaster_mode.log", "rigd.reporting.logs", "risk_bot", bot=False),
    _log("start_log", "rigd.reporting.logs", "main", bot=False),
    _log("stop_log", "rigd.reporting.logs", "main", bot=False),
    _log("operator_audit.log", "rigd.hosts.operator_audit", "main", bot=False),
    _log("key_usage.log", "rigd.hosts.keys", "security_bot", bot=False, shown=False),
    _log("alerts.log", "rigd.hosts.notifying", "notifier_bot", bot=False),
    _log(
        "alerts_acknowledged.json", "rigd.hosts.notifying", "notifier_bot", bot=False, shown=False
    ),
    _log("supervisor.log", "rigd.hosts.launch", "tbot_supervisor", bot=False),
    _log("trading_bot.log", "rigd.reporting.trading_log", "logging_config", bot=False),
    _log("launches.log", "rigd.hosts.up.memory", "scheduler_service", bot=False),
    _log("provisioning.log", "rigd.hosts.provision", "provisioning_runner", bot=False),
    _log("provisioning_status.json", "rigd.hosts.provision", "provisioning_runner", bot=False),
    _log("auth_web.log", "rigd.access.trail", "auth_web", bot=False),
    _log("security_users.log", "rigd.access.trail", "auth_web", bot=False),
    _log("system_users.log", "rigd.access.trail", "auth_web", bot=False),
    _log("user_activity_monitoring.log", "rigd.access.trail", "auth_web", bot=False),
    _log("password_reset_tokens.log", "rigd.access.trail", "auth_web", bot=False),
    _log(
        "init_system_logs.log", "rigd.hosts.bootstrap", "init_system_logs", bot=False, shown=False
    ),
    _log(
        "init_system_users.log", "rigd.hosts.bootstrap", "init_system_users", bot=False, shown=False
    ),
    _log(
        "init_user_activity_monitoring.log",
        "rigd.hosts.bootstrap",
        "init_user_activity_monitoring",
        bot=False,
        shown=False,
    ),
    _log(
        "init_password_reset_tokens.log",
        "rigd.hosts.bootstrap",
        "init_password_reset_tokens",
        bot=False,
        shown=False,
    ),
    _file(
        "bot_state.txt",
        "control/bot_state.txt",
        "rigd.hosts.bot_state",
        "tbot_supervisor",
        Format.TEXT,
    ),
    _file(
        "resident.json",
        "control/resident.json",
        "rigd.hosts.up.memory",
        "tbot_supervisor",
        Format.JSON,
    ),
    _log("open.log", "rigd.reporting.logs", "main", bot=True),
    _log("mid.log", "rigd.reporting.logs", "main", bot=True),
    _log("close.log", "rigd.reporting.logs", "main", bot=True),
    _log("unresolved_orders.log", "rigd.reporting.errors", "orders_bot", bot=True),
    _log("error_tracebacks.log", "rigd.reporting.errors", "error_handler", bot=True),
    _log("broker_api.log", "rigd.reporting.broker_api", "broker_api", bot=True),
    _log("daily_summary.json", "rigd.reporting.summary", "daily_summary", bot=True),
    _log("status.json", "rigd.reporting.status", "status_bot", bot=True, shown=False),
    _file(
        "termination.json",
        "{bot}/logs/termination.json",
        "rigd.hosts.launch",
        "main",
        Format.JSON,
    ),
    _log(
        "test_stamp.json",
        "rigd.hosts.gate_stamp",
        "integration_test_runner",
        bot=False,
        shown=False,
    ),
    _log("test_mode.log", "rigd.hosts.test_mode", "integration_test_runner", bot=True),
    _file(
        "trade_history.csv",
        "{bot}/trades/trade_history.csv",
        "rigd.reporting.trades",
        "trade_logger",
        Format.CSV,
    ),
    _file(
        "trade_history.json",
        "{bot}/trades/trade_history.json",
        "rigd.reporting.trades",
        "trade_logger",
        Format.JSON,
    ),
    _file(
        "session_summary.json",
        "{bot}/summaries/{session}.json",
        "rigd.reporting.summary",
        "session_report",
        Format.JSON,
    ),
)

_BOOKS = (
    _file(
        "ledger.db",
        "{bot}/ledgers/{bot}_BOT_ledger.db",
        "rigd.ledger.book",
        "accounting_api",
        Format.DATABASE,
    ),
    *(
        _file(
            f"ledger.{ending}",
            f"{{bot}}/ledgers/{{session}}.{ending}",
            "rigd.hosts.finishing",
            "generate_ofx",
            kind,
        )
        for ending, kind in (
            ("ofx", Format.TEXT),
            ("beancount", Format.TEXT),
            ("csv", Format.CSV),
            ("json", Format.JSON),
        )
    ),
)

_OF_SESSION = (
    _file("journal.log", f"{_SESSION}/journal.log", "rigd.engine.session", "main", Format.CHAIN),
    _file(
        "session.ipynb",
        f"{_SESSION}/session.ipynb",
        "rigd.hosts.launch",
        "main",
        Format.NOTEBOOK,
    ),
    _file("request.json", f"{_SESSION}/request.json", "rigd.hosts.launch", "main", Format.JSON),
    _file("session.json", f"{_SESSION}/session.json", "rigd.hosts.launch", "main", Format.JSON),
    _file("kernel.json", f"{_SESSION}/kernel.json", "rigd.hosts.session", "main", Format.JSON),
    _file(
        "report.html",
        f"{_SESSION}/report.html",
        "rigd.reporting.report",
        "session_report",
        Format.HTML,
    ),
    _file(
        "manifest.json",
        f"{_SESSION}/manifest.json",
        "rigd.store.manifest",
        "report_router",
        Format.JSON,
    ),
)

_BUILD = "screeners/builds/{stamp}"

_UNIVERSE = (
    _file(
        "symbol_universe.json",
        "screeners/symbol_universe.json",
        "rigd.screener.build",
        "finnhub_screener",
        Format.JSON,
    ),
    _file(
        "archived_universe.json",
        "screeners/archive/symbol_universe_{stamp}.json",
        "rigd.screener.build",
        "finnhub_screener",
        Format.JSON,
    ),
    _file(
        "universe_state.json",
        "screeners/universe_state.json",
        "rigd.screener.build",
        "finnhub_screener",
        Format.JSON,
    ),
    *(
        _file(
            f"universe_{stage}.json",
            f"{_BUILD}/{stage}.json",
            "rigd.screener.build",
            "finnhub_screener",
            Format.JSON,
        )
        for stage in ("raw", "allowed", "enriched", "filtered")
    ),
    _file(
        "blocklist.txt",
        "screeners/blocklist.txt",
        "rigd.screener.blocklist",
        "finnhub_screener",
        Format.TEXT,
    ),
    _file("universe.lock", "screeners/universe.lock", "rigd.store.locks", "main", Format.JSON),
)

_RESEARCH = (
    *(
        _file(
            f"{prefix}{name}",
            f"backtest_results/{folder}{name}",
            "rigd.reporting.backtest",
            "backtest_engine",
            kind,
        )
        for prefix, folder in (("", ""), ("backtest/", "runs/{stamp}/"))
        for name, kind in (
            ("trade_history_backtest.csv", Format.CSV),
            ("trade_history_backtest.json", Format.JSON),
            ("daily_summary_backtest.json", Format.JSON),
            ("backtest_slippage_comparison.json", Format.JSON),
        )
    ),
    _file(
        "backtest.ipynb",
        "backtest_results/runs/{stamp}/backtest.ipynb",
        "rigd.hosts.backtest.launch",
        "backtest_engine",
        Format.NOTEBOOK,
    ),
    _file(
        "backtest_plots.html",
        "backtest_results/runs/{stamp}/plots.html",
        "rigd.reporting.backtest_charts",
        "plot_results",
        Format.HTML,
    ),
)

_OTHER = (
    _file(
        "review.ipynb",
        "{bot}/reviews/{session}.ipynb",
        "rigd.hosts.review",
        "session_report",
        Format.NOTEBOOK,
    ),
    _file(
        "backup.zip",
        "backups/{bot}_{session}_{stamp}.zip",
        "rigd.store.backup",
        "auto_backup",
        Format.ARCHIVE,
    ),
    _file(
        "sim_broker.log",
        "simulated_broker/{account}.log",
        "rigd.broker.simulated.exchange",
        "broker_api",
        Format.CHAIN,
    ),
    _file(
        "risk_state.json",
        "{bot}/risk_state.json",
        "rigd.engine.session",
        "risk_bot",
        Format.JSON,
    ),
    _file(
        "env_bot.enc.backup",
        "backups/{bot}_env_bot_{stamp}.enc",
        "rigd.hosts.configure",
        "auto_backup",
        Format.ARCHIVE,
    ),
    _file("alerts.json", "{bot}/alerts.json", "rigd.hosts.notifying", "notifier_bot", Format.JSON),
    _file(
        "confirmations.json",
        "{bot}/confirmations.json",
        "rigd.hosts.confirmations",
        "main",
        Format.JSON,
    ),
    _file(
        "confirmations_answered.json",
        "{bot}/confirmations_answered.json",
        "rigd.hosts.confirmations",
        "main",
        Format.JSON,
    ),
    _file("config.lock", "{bot}/config.lock", "rigd.store.locks", "main", Format.JSON),
    _file(
        "sim_broker.json",
        "simulated_broker/{account}.json",
        "rigd.hosts.broker_door",
        "broker_api",
        Format.JSON,
    ),
    _file("kill.json", "{bot}/kill.json", "rigd.hosts.kill", "stop_bot", Format.JSON),
    _file("lease.json", "{bot}/lease.json", "rigd.store.lease", "main", Format.JSON),
    _file(
        "defense_state.json",
        "{bot}/defense_state.json",
        "rigd.engine.session",
        "risk_bot",
        Format.JSON,
    ),
    _file(
        "supervisor.json",
        "{bot}/supervisor.json",
        "rigd.store.lease",
        "tbot_supervisor",
        Format.JSON,
    ),
    _file(
        "fundamentals.json",
        "cache/fundamentals_{date}.json",
        "rigd.market.fundamentals",
        "finnhub_fundamental_guard",
        Format.JSON,
    ),
    *(
        _file(
            f"tuning_{name}.json",
            f"backtest_results/strategy_tuning/{{bot}}_{name}.json",
            "rigd.reporting.tuning",
            "tuning_tracker",
            Format.JSON,
        )
        for name in STRATEGIES
    ),
    _file(
        "trials.log",
        "backtest_results/strategy_tuning/trials.log",
        "rigd.hosts.optimize.trials",
        "strategy_optimizer",
        Format.CHAIN,
    ),
    _file(
        "optimize.lock", "backtest_results/optimize.lock", "rigd.store.locks", "main", Format.JSON
    ),
    _file(
        "study.journal",
        "backtest_results/strategy_tuning/studies/{stamp}.journal",
        "rigd.hosts.optimize.search",
        "strategy_optimizer",
        Format.TEXT,
    ),
    _file(
        "optimized.ipynb",
        "backtest_results/strategy_tuning/studies/{stamp}.ipynb",
        "rigd.hosts.optimize.notebooks",
        "strategy_optimizer",
        Format.NOTEBOOK,
    ),
    _file(
        "tuned.ipynb",
        "backtest_results/strategy_tuning/{bot}_{stamp}.ipynb",
        "rigd.hosts.optimize.notebooks",
        "tuning_tracker",
        Format.NOTEBOOK,
    ),
    *(
        _file(
            f"tuning_{name}.csv",
            f"backtest_results/strategy_tuning/{{bot}}_{name}.csv",
            "rigd.reporting.tuning",
            "tuning_tracker",
            Format.CSV,
        )
        for name in STRATEGIES
    ),
    _file(
        "proposals.log",
        "{bot}/proposals.log",
        "rigd.hosts.optimize.proposals",
        "strategy_optimizer",
        Format.CHAIN,
    ),
    _file(
        "study.json",
        "backtest_results/strategy_tuning/studies/{stamp}.json",
        "rigd.hosts.optimize.study",
        "strategy_optimizer",
        Format.JSON,
    ),
    _file("launch.lock", "{bot}/launch.lock", "rigd.store.locks", "main", Format.JSON),
    _file(
        "launch_ticket.json",
        "{bot}/launch_ticket.json",
        "rigd.hosts.launch_ticket",
        "main",
        Format.JSON,
    ),
    _file("session.lock", "{bot}/session.lock", "rigd.store.locks", "main", Format.JSON),
    _file("lease_epoch", "{bot}/lease_epoch", "rigd.store.locks", "main", Format.TEXT),
)

COPIED = (
    "open.log",
    "mid.log",
    "close.log",
    "main_bot.log",
    "router.log",
    "screener.log",
    "kill_switch.log",
    "disaster_mode.log",
    "unresolved_orders.log",
    "error_tracebacks.log",
    "broker_api.log",
    "trade_history.csv",
    "trade_history.json",
    "daily_summary.json",
    "status.json",
)
"""Standing files of which each session keeps its own part, under the name ``session/{name}``."""

OWN_PART = "session/"
"""How the names of those parts begin; they are sealed whole, so that none is ever rotated."""


def _copy(standing: Output) -> Output:
    return _file(
        f"{OWN_PART}{standing.name}",
        f"{_SESSION}/{standing.name}",
        standing.writer,
        standing.alias,
        standing.format,
    )


_SWEEPS = tuple(
    _file(
        name,
        f"backtest_results/strategy_tuning/sweeps/{place}",
        "rigd.hosts.sweep.state",
        "strategy_optimizer",
        kind,
    )
    for name, place, kind in (
        ("sweep.json", "{stamp}/sweep.json", Format.JSON),
        ("sweep_result.json", "{stamp}/result.json", Format.JSON),
        ("sweep_result.csv", "{stamp}/result.csv", Format.CSV),
        ("sweep_part.npy", "{stamp}.npy", Format.ARRAY),
    )
)
"""Of a part the stamp is the sweep's with the part's number."""


OUTPUTS: tuple[Output, ...] = (
    *_STANDING,
    *_BOOKS,
    *_OF_SESSION,
    *(_copy(output) for output in _STANDING if output.name in COPIED),
    *_UNIVERSE,
    *_RESEARCH,
    *_OTHER,
    *_SWEEPS,
)
"""Every output file."""

BY_NAME = MappingProxyType({output.name: output for output in OUTPUTS})


def output(name: str) -> Output:
    """Return the row of a file.

    Parameters
    ----------
    name
        Its name in the table.

    Returns
    -------
    Output
        The row.

    Raises
    ------
    LogicError
        If there is none; names the nearest.
    """
    row = BY_NAME.get(name)
    if row is None:
        near = difflib.get_close_matches(name, BY_NAME, n=1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        msg = f"an output must be in the output table, was {name!r}{hint}"
        raise LogicError(msg)
    return row


class Registry:
    """The door to the output files of one home.

    Parameters
    ----------
    home
        Where ``runs/`` lies.
    identity
        The bot; None where only system files are written.
    day, number
        The session; None where no session's files are written.
    stamp
        The build of a universe; blank where none of its files are written.
    max_bytes, kept
        Size at which a standing log is rotated [bytes], and how many older files are kept.
    """

    __slots__ = ("_day", "_home", "_identity", "_kept", "_logs", "_max_bytes", "_number", "_stamp")

    def __init__(
        self,
        home: Home,
        identity: BotIdentity | None = None,
        *,
        day: date | None = None,
        number: int | None = None,
        stamp: str = "",
        max_bytes: int = MAX_BYTES,
        kept: int = KEPT,
    ) -> None:
        self._home = home
        self._identity = identity
        self._day = day
        self._number = number
        self._stamp = stamp
        self._max_bytes = max_bytes
        self._kept = kept
        self._logs: dict[str, LineLog] = {}

    def path(self, name: str) -> Path:
        """Return where a file lies.

        Parameters
        ----------
        name
            Its name in the table.

        Returns
        -------
        Path
            The file, whether it exists or not.

        Raises
        ------
        LogicError
            If the name is unknown, or needs a bot or session that this registry was not given.
        """
        row = output(name)
        known = {}
        if self._identity is not None:
            known["bot"] = str(self._identity)
        if self._day is not None:
            known["date"] = self._day.isoformat()
        if self._day is not None and self._number is not None:
            known["session"] = f"{self._day.isoformat()}_{self._number}"
        if self._stamp:
            known["stamp"] = self._stamp
        try:
            return self._home.runs / row.path_template.format(**known)
        except KeyError as missing:
            msg = f"output {name!r} needs a {missing.args[0]}, the registry was given none"
            raise LogicError(msg) from missing

    def claim(self, name: str, *, writer: str) -> Path:
        """Return where a file lies to the module that may write it.

        For files that are written through another door: a journal, a database, a notebook.

        Parameters
        ----------
        name
            Its name in the table.
        writer
            The module that asks.

        Returns
        -------
        Path
            The file, whether it exists or not.

        Raises
        ------
        ForeignWriter
            If the file belongs to another module.
        LogicError
            If the name is unknown, or needs a bot or session.
        """
        owner = output(name).writer
        if writer != owner:
            msg = f"{name} is written by {owner} alone, not by {writer}"
            raise ForeignWriter(msg)
        return self.path(name)

    def write(self, name: str, content: bytes, *, writer: str) -> Path:
        """Replace a whole file atomically; return where it lies.

        Parameters
        ----------
        name
            Its name in the table.
        content
            The whole new content.
        writer
            The module that asks.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ForeignWriter
            If the file belongs to another module.
        LogicError
            If the name is unknown, or needs a bot or session.
        StorageError
            If the disk refuses.
        """
        path = self.claim(name, writer=writer)
        replace(path, content, FILE_MODE)
        return path

    def open_log(self, name: str, *, writer: str) -> LineLog:
        """Return a standing log to append to; the same object every time.

        Parameters
        ----------
        name
            Its name in the table.
        writer
            The module that asks.

        Returns
        -------
        LineLog
            Open until `close`.

        Raises
        ------
        ForeignWriter
            If the file belongs to another module.
        LogicError
            If the name is unknown or no log, or needs a bot or session.
        StorageError
            If the disk refuses.
        """
        path = self.claim(name, writer=writer)
        if output(name).format is not Format.LINES:
            msg = f"only a log is appended to, {name} holds {output(name).format}"
            raise LogicError(msg)
        log = self._logs.get(name)
        if log is None:
            most = sys.maxsize if name.startswith(OWN_PART) else self._max_bytes
            log = self._logs[name] = LineLog(path, max_bytes=most, kept=self._kept)
        return log

    def append_line(self, name: str, line: str, *, writer: str) -> None:
        """Append one line, which carries no line end, to a standing log; see `open_log`."""
        self.open_log(name, writer=writer).write(line)

    def begin_log(self, name: str, *, writer: str) -> None:
        """Move what a standing log holds aside, so that it begins anew; see `open_log`."""
        self.open_log(name, writer=writer).begin_new()

    def read(self, name: str) -> bytes:
        """Return the content of a file; blank when it does not exist.

        Parameters
        ----------
        name
            Its name in the table.

        Returns
        -------
        bytes
            All of it.

        Raises
        ------
        StorageError
            If it cannot be read.
        """
        path = self.path(name)
        return read_plain(path) if os.path.lexists(path) else b""

    def close(self) -> None:
        """Sync and close every log that was opened."""
        while self._logs:
            self._logs.popitem()[1].close()

    def __enter__(self) -> Self:
        """Return the registry."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the logs."""
        self.close()
