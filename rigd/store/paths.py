"""Where every file lies (ARCHITECTURE §8): a home holds ``env/`` and ``runs/``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.errors import LogicError
from rigd.core.values import BotIdentity

if TYPE_CHECKING:
    from datetime import date

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")

SESSIONS = "sessions"
"""The folder of a bot's tree that holds one folder per session."""

TEST_MODE = "test_mode"
"""The folder below ``runs/`` that holds what a dry run leaves."""


@dataclass(frozen=True, slots=True)
class BotTree:
    """The output tree of one bot, ``runs/{BOT_IDENTITY}/``.

    Parameters
    ----------
    root
        The tree's folder.
    identity
        The bot it belongs to.
    """

    root: Path
    identity: BotIdentity

    @property
    def logs(self) -> Path:
        """The bot's standing logs (document 070)."""
        return self.root / "logs"

    @property
    def trades(self) -> Path:
        """Where trade_history lies."""
        return self.root / "trades"

    @property
    def summaries(self) -> Path:
        """Statistics of single sessions."""
        return self.root / "summaries"

    @property
    def ledgers(self) -> Path:
        """The books and their exports."""
        return self.root / "ledgers"

    @property
    def ledger_db(self) -> Path:
        """The books, ``{BOT_IDENTITY}_BOT_ledger.db``."""
        return self.ledgers / f"{self.identity}_BOT_ledger.db"

    @property
    def transfers(self) -> Path:
        """Transfers between accounts."""
        return self.root / "transfers"

    @property
    def sessions(self) -> Path:
        """One folder per session."""
        return self.root / SESSIONS

    @property
    def lock(self) -> Path:
        """The file that lets one session of the bot run at a time."""
        return self.root / "session.lock"

    @property
    def config_lock(self) -> Path:
        """The file that lets one change of the settings be written at a time."""
        return self.root / "config.lock"

    @property
    def epoch(self) -> Path:
        """The counter of the bot's owners (the lease epoch)."""
        return self.root / "lease_epoch"

    @property
    def launch_lock(self) -> Path:
        """The file that lets one launcher or supervisor own the bot at a time."""
        return self.root / "launch.lock"

    @property
    def launch_ticket(self) -> Path:
        """What lets the engine of a launched session begin; removed by who redeems it."""
        return self.root / "launch_ticket.json"

    @property
    def lease(self) -> Path:
        """Where the engine's loop says that it is alive."""
        return self.root / "lease.json"

    @property
    def supervisor(self) -> Path:
        """Where the supervisor that started the engine says that it is alive."""
        return self.root / "supervisor.json"

    @property
    def risk_state(self) -> Path:
        """The latched kill switch and the persisted loss counter."""
        return self.root / "risk_state.json"

    @property
    def defense_state(self) -> Path:
        """What defense mode left behind."""
        return self.root / "defense_state.json"

    def session(self, day: date, number: int) -> Path:
        """Return the folder of a session.

        Parameters
        ----------
        day
            The exchange day.
        number
            The session's number on that day, from 1.

        Returns
        -------
        Path
            ``sessions/{YYYY-MM-DD}_{n}``.

        Raises
        ------
        LogicError
            If the number is not positive.
        """
        if number < 1:
            msg = f"a session's number must count from 1, was {number}"
            raise LogicError(msg)
        return self.sessions / f"{day.isoformat()}_{number}"

    def journals(self) -> list[Path]:
        """Return the journals of the bot's sessions, in order."""
        return sorted(self.sessions.glob("*/journal.log"))

    def session_numbers(self, day: date) -> list[int]:
        """Return the numbers of the sessions of a day that have a folder, ascending."""
        prefix = f"{day.isoformat()}_"
        names = [path.name.removeprefix(prefix) for path in self.sessions.glob(prefix + "*")]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())


@dataclass(frozen=True, slots=True)
class Home:
    """Every path of the product.

    Parameters
    ----------
    root
        RIGD_HOME: the folder that holds ``env/`` and ``runs/``.
    test_mode
        Whether outputs go to the ephemeral folder of TEST_MODE (document 070). Settings, secrets
        and control flags are those of the home all the same.
    """

    root: Path
    test_mode: bool = False

    @property
    def live(self) -> Home:
        """The same home with its outputs that stay."""
        return Home(self.root)

    @property
    def dry(self) -> Home:
        """The same home with outputs of TEST_MODE, which the next dry run removes."""
        return Home(self.root, test_mode=True)

    @property
    def env(self) -> Path:
        """Settings, keys and secrets."""
        return self.root / "env"

    @property
    def users(self) -> Path:
        """The users' database (document 090)."""
        return self.env / "databases" / "SYSTEM_USERS.db"

    @property
    def runs(self) -> Path:
        """Everything that a run leaves behind."""
        runs = self.root / "runs"
        return runs / TEST_MODE if self.test_mode else runs

    @property
    def control(self) -> Path:
        """Where the control flags appear."""
        return self.root / "runs" / "control"

    @property
    def request_keys(self) -> Path:
        """What pages sign and seal their requests with; made by each supervisor for itself."""
        return self.env / "keys" / "requests.key"

    @property
    def key_lock(self) -> Path:
        """The file that lets one change of secrets be written at a time."""
        return self.env / "keys" / "change.lock"

    @property
    def resident_lock(self) -> Path:
        """The file that lets one resident supervisor own the home at a time."""
        return self.root / "runs" / "up.lock"

    @property
    def resident_lease(self) -> Path:
        """Where the resident supervisor says that it is alive."""
        return self.root / "runs" / "up.json"

    @property
    def logs(self) -> Path:
        """The system logs (document 070)."""
        return self.runs / "logs"

    @property
    def screeners(self) -> Path:
        """Universes and screener results."""
        return self.runs / "screeners"

    @property
    def cache(self) -> Path:
        """What can be fetched or computed again."""
        return self.runs / "cache"

    @property
    def backups(self) -> Path:
        """Rotated archives."""
        return self.runs / "backups"

    @property
    def backtest_results(self) -> Path:
        """Results of backtests."""
        return self.runs / "backtest_results"

    @property
    def latest(self) -> Path:
        """A link to the newest session's folder."""
        return self.runs / "latest"

    def bot(self, identity: BotIdentity) -> BotTree:
        """Return the output tree of a bot."""
        return BotTree(self.runs / str(identity), identity)

    def bots_with_sessions(self) -> list[str]:
        """Return the names of the bots that have a folder of sessions, in order."""
        return sorted(path.parent.name for path in self.runs.glob(f"*/{SESSIONS}"))

    def bots(self) -> list[str]:
        """Return the names of the bots that have sessions or books, in order."""
        return sorted({
            *self.bots_with_sessions(),
            *(path.parent.parent.name for path in self.books()),
        })

    def books(self) -> list[Path]:
        """Return the books of every bot of the home, in order."""
        return sorted(self.runs.glob("*/ledgers/*.db"))

    def old_ledger_db(self, identity: BotIdentity) -> Path:
        """Return where document 090 kept the books of a bot; looked up to read, never written.

        Parameters
        ----------
        identity
            The bot.

        Returns
        -------
        Path
            ``entities/{ENTITY}_{JURISDICTION}/ledgers/bot/{BOT_IDENTITY}_BOT_ledger.db``.
        """
        entity = f"{identity.entity_code}_{identity.jurisdiction_code}"
        folder = self.root / "entities" / entity / "ledgers" / "bot"
        return folder / f"{identity}_BOT_ledger.db"

    @property
    def sim_brokers(self) -> Path:
        """The truth files of the simulated brokers' accounts."""
        return self.runs / "simulated_broker"

    def sim_accounts(self) -> list[str]:
        """Return the simulated brokers' accounts that have a truth file, in order."""
        return sorted(path.stem for path in self.sim_brokers.glob("*.log"))

    def sim_broker(self, account: str) -> Path:
        """Return the truth file of a simulated broker's account, which the engine never reads.

        Parameters
        ----------
        account
            1-64 letters, digits, ``_`` and ``-``.

        Returns
        -------
        Path
            ``runs/simulated_broker/{account}.log``.

        Raises
        ------
        LogicError
            If the account has another form.
        """
        if not _ACCOUNT.match(account):
            msg = f"an account must be 1-64 letters, digits, '_' and '-', was {account!r}"
            raise LogicError(msg)
        return self.sim_brokers / f"{account}.log"
