"""What the pages know: files of the home, read again only when they changed.

Everything here blocks and is called in a worker thread. Nothing here writes, and a file that is
missing or half written is nothing known, never an error of the page.
"""

from __future__ import annotations

import json
from contextlib import closing, suppress
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rigd.config import hot
from rigd.config.lines import decode
from rigd.config.parse import parse_env
from rigd.core.clock import from_iso, iso
from rigd.core.errors import LogicError, RigdError
from rigd.core.events import SessionStarted
from rigd.core.ids import SystemIds
from rigd.core.values import BotIdentity
from rigd.ledger.viewing import BooksView, view_of
from rigd.reporting import funnel, order_view, periods, shown_logs
from rigd.reporting.standing import standing
from rigd.store.chainlog import read_chain
from rigd.store.control import ControlFolder
from rigd.store.database import open_for_reading
from rigd.store.files import SECRET_MODE, LocalFiles
from rigd.store.journal import genesis, read_journal
from rigd.store.registry import Registry
from rigd.vault.keys import KEY_FILE, KeyRing, lstat_modes
from rigd.vault.secrets import ENV_BOT, REQUIRED, SecretStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.core.events import Entry
    from rigd.core.lifecycle import BotState
    from rigd.core.ports import ControlClock
    from rigd.reporting.funnel import Funnel
    from rigd.reporting.order_view import OrderLine
    from rigd.reporting.periods import Total, Trade
    from rigd.reporting.shown_logs import Line
    from rigd.reporting.standing import Standing
    from rigd.store.paths import BotTree, Home

T = TypeVar("T")

TEST_LIFE_S = 900
"""A run of tests that has told nothing for so long is over [s]."""
CHART_FOLDER = "coa.versioned"
"""Where the supervisor keeps saved versions of the chart, below ``env/``."""
PROPOSALS_FOLDER = "env_bot.versioned"
PACE_S = 2.0
"""What is folded from a journal or from trade files is folded no more often than that [s]."""
_BIG = 32 * 1024 * 1024
_PARTS = 4


class Facts:
    """The files of one home, as values.

    Parameters
    ----------
    home
        Whose.
    clock
        Wall time, for ages.
    """

    def __init__(self, home: Home, clock: ControlClock) -> None:
        self.home = home
        self._clock = clock
        self._held: dict[tuple[str, Path], tuple[tuple[int, int, int], Any]] = {}
        self._folded: dict[str, tuple[float, Any]] = {}

    def bot(self) -> BotIdentity | None:
        """Return the bot that was heard of last; None before its set-up."""
        newest: tuple[float, BotIdentity] | None = None
        for name in self.home.bots():
            parts = name.split("_")
            if len(parts) == _PARTS:
                entity, jurisdiction, broker, number = parts
                identity = BotIdentity(
                    entity_code=entity,
                    jurisdiction_code=jurisdiction,
                    broker_code=broker,
                    bot_id=number,
                )
                status = Registry(self.home, identity).path("status.json")
                at = status.stat().st_mtime if status.is_file() else 0.0
                if newest is None or at >= newest[0]:
                    newest = at, identity
        return newest[1] if newest else None

    def tree(self) -> BotTree | None:
        """Return the output tree of the bot; None without one."""
        bot = self.bot()
        return self.home.bot(bot) if bot else None

    def state(self) -> BotState | None:
        """Return the bot's state; None when nobody who lives says one that is known."""
        return self.standing().state

    def standing(self) -> Standing:
        """Return where the bot stands, and what to tell where no supervisor lives."""
        return standing(self.home, self.bot())

    def status(self) -> Mapping[str, Any]:
        """Return status.json of the bot; empty without one."""
        return self.document("status.json")

    def document(self, name: str) -> Mapping[str, Any]:
        """Return a JSON object of the output table; empty when there is none."""
        try:
            path = self._registry().path(name)
        except LogicError:
            return {}
        return self._json(path)

    def mode(self) -> str:
        """Return TEST, PAPER or LIVE: whether money is at stake; NOT SET UP without a profile."""
        status = self.status()
        profile = status.get("profile") or self.document("provisioning_status.json").get("profile")
        if not profile:
            return "NOT SET UP"
        if profile == "TEST" or status.get("test_mode"):
            return "TEST"
        bot = self.bot()
        broker = status.get("broker") or (bot.broker_code if bot else "SIM")
        return "PAPER" if broker == "SIM" else "LIVE"

    def beat_age_s(self) -> float | None:
        """Return how long ago the engine's loop said that it is alive [s]; None if never."""
        return self.age_s(self.document("lease.json").get("at"))

    def age_s(self, at: object) -> float | None:
        """Return how long ago an ISO instant was [s]; None when it is none."""
        try:
            return (self._clock.now() - from_iso(str(at))).total_seconds()
        except (ValueError, RigdError):
            return None

    def now(self) -> datetime:
        """Return the wall time, UTC."""
        return self._clock.now()

    def entries(self) -> tuple[Entry, ...]:
        """Return the journal of the newest session; empty when it cannot be read."""
        return self._paced("entries", self._entries)

    def _entries(self) -> tuple[Entry, ...]:
        place = self._newest()
        bot = self.bot()
        if place is None or bot is None:
            return ()
        day, number = place
        path = Registry(self.home, bot, day=day, number=number).path("journal.log")
        chain = genesis(bot, day, number)
        return self._cached("journal", path, lambda: tuple(read_journal(path, chain))) or ()

    def orders(self) -> list[OrderLine]:
        """Return the orders of the newest session, newest first."""
        return self._paced("orders", lambda: order_view.order_lines(self.entries()))

    def funnels(self) -> tuple[Funnel, ...]:
        """Return the way of the newest session's signals, by strategy and in total."""
        entries = self.entries()
        return self._paced("funnels", lambda: funnel.funnels(entries) if entries else ())

    def session(self) -> str:
        """Return the newest session's name; blank without one."""
        place = self._newest()
        return f"{place[0].isoformat()}_{place[1]}" if place else ""

    def trades(self) -> list[Trade]:
        """Return the trades of this week and month as the newest session's day has them."""
        return self._paced("trades", self._trades)

    def _trades(self) -> list[Trade]:
        tree = self.tree()
        day = periods.newest_day(tree) if tree else None
        if tree is None or day is None:
            return []
        return periods.trades_since(tree, min(periods.first_of_month(day), day - timedelta(days=6)))

    def totals(self) -> dict[str, dict[str, Total]]:
        """Return PnL, trades and win rate by span and strategy; empty without a session."""
        session = self.session()
        fold = partial(periods.totals, self.trades(), session)
        return self._paced("totals", fold) if session else {}

    def books(self) -> BooksView | None:
        """Return the books of the bot; None when there are none."""
        tree = self.tree()
        if tree is None or not tree.ledger_db.is_file():
            return None
        try:
            with closing(open_for_reading(tree.ledger_db)) as connection:
                return view_of(connection)
        except RigdError:
            return None

    def proposals(self) -> list[dict[str, Any]]:
        """Return the rows of the proposals' log, oldest first; empty without one."""
        bot = self.bot()
        if bot is None:
            return []
        path = Registry(self.home, bot).path("proposals.log")
        rows = self._cached("proposals", path, lambda: read_chain(path, f"rigd proposals {bot}"))
        return [{"at": iso(row.at), "action": row.kind, **dict(row.data)} for row in rows or ()]

    def versions(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return name and content of each versioned configuration, newest first."""
        folder = self.home.env / PROPOSALS_FOLDER
        found = []
        for path in _documents(folder):
            held = self._json(path)
            if held:
                found.append((path.name, held))
        return found

    def settings(self) -> tuple[Settings | None, str]:
        """Return the settings and where they come from.

        Returns
        -------
        tuple
            The sealed settings where this process may read the key, else those that the newest
            session recorded: a panel under a user of its own holds no key.
        """
        sealed = self._cached("settings", self.home.env / ENV_BOT, self._unsealed)
        if sealed is not None:
            return sealed, "in force"
        records = (entry.record for entry in self.entries())
        started = next((each for each in records if isinstance(each, SessionStarted)), None)
        with suppress(RigdError):  # recorded by another version: not known, as it is shown
            if started is not None:
                told = f"of session {self.session()}"
                return hot.as_recorded(started.settings, started.config_digest), told
        return None, "not known yet"

    def troubles(self, most: int) -> list[Line]:
        """Return the last errors of the bot's and the system's logs, oldest first."""
        bot = self.bot()
        found = [
            line
            for name in shown_logs.TROUBLES
            if bot is not None or name not in shown_logs.OF_BOT
            for line in shown_logs.tail(
                shown_logs.path_of(self.home, bot, name), most, level="ERROR"
            )
        ]
        return sorted(found, key=lambda line: line.at)[-most:]

    def chart_versions(self) -> list[Mapping[str, Any]]:
        """Return the versions of the chart of accounts that were saved, newest first."""
        found = []
        for path in _documents(self.home.env / CHART_FOLDER):
            held = self._json(path)
            if held:
                found.append(held)
        return found

    def _unsealed(self) -> Settings:
        files = LocalFiles(self.home.env, mode=SECRET_MODE)
        secrets = SecretStore(files, KeyRing(files, lstat_modes(self.home.env)))
        return parse_env(decode(secrets.read(ENV_BOT), source=ENV_BOT), source=ENV_BOT)

    def secrets(self) -> list[tuple[str, bool]]:
        """Return every secret file and whether it exists; none is opened."""
        files = LocalFiles(self.home.env, mode=SECRET_MODE)
        return [(name, files.exists(name)) for name in (KEY_FILE, *REQUIRED)]

    def universe(self) -> tuple[Mapping[str, Any], Mapping[str, Any], int, int]:
        """Return the universe in force, how it was built, archived versions and blocked symbols."""
        registry = Registry(self.home, stamp="any")
        archive = registry.path("archived_universe.json").parent
        blocked = registry.path("blocklist.txt")
        try:
            lines = blocked.read_text(encoding="utf-8").splitlines() if blocked.is_file() else []
        except (OSError, ValueError):
            lines = []
        return (
            self.document("symbol_universe.json"),
            self.document("universe_state.json"),
            len(_documents(archive)),
            sum(1 for line in lines if line.strip() and not line.startswith("#")),
        )

    def testing(self) -> str:
        """Return what test is asked for or runs; blank for none."""
        flags = ControlFolder(self.home.control, self._clock, SystemIds())
        try:
            asked = flags.tests()
        except RigdError:
            asked = ()
        if asked:
            return ", ".join(name or "all tests" for name in asked) + " (asked for)"
        rows = [
            line for line in self.test_rows(400) if line.event in {"test_started", "test_ended"}
        ]
        if rows and rows[-1].event == "test_started":
            path = shown_logs.path_of(self.home, self.bot(), shown_logs.test_log())
            idle = self._clock.now().timestamp() - path.stat().st_mtime
            return f"{rows[-1].text} (running)" if idle < TEST_LIFE_S else ""
        return ""

    def test_rows(self, most: int) -> list[Line]:
        """Return the last rows of the log of tests."""
        if self.bot() is None:
            return []
        path = shown_logs.path_of(self.home, self.bot(), shown_logs.test_log())
        return shown_logs.tail(path, most)

    def _registry(self) -> Registry:
        return Registry(self.home, self.bot())

    def _newest(self) -> tuple[date, int] | None:
        tree = self.tree()
        day = periods.newest_day(tree) if tree else None
        if tree is None or day is None:
            return None
        numbers = tree.session_numbers(day)
        return (day, numbers[-1]) if numbers else None

    def _paced(self, kind: str, fold: Callable[[], T]) -> T:
        """Return what was folded last, and fold again when that was long ago."""
        now = self._clock.monotonic()
        held = self._folded.get(kind)
        if held is not None and now - held[0] < PACE_S:
            kept: T = held[1]
            return kept
        value = fold()
        self._folded[kind] = now, value
        return value

    def _json(self, path: Path) -> Mapping[str, Any]:
        """Return a JSON object; empty for anything else."""
        found = self._cached("json", path, lambda: json.loads(path.read_bytes()))
        return found if isinstance(found, dict) else {}

    def _cached(self, kind: str, path: Path, read: Callable[[], T]) -> T | None:
        """Return what a file held when it was read last, reading it again when it changed."""
        try:
            found = path.stat()
            stamp = found.st_mtime_ns, found.st_size, found.st_ino
            held = self._held.get((kind, path))
            if held is not None and held[0] == stamp:
                kept: T = held[1]
                return kept
            value = read() if found.st_size < _BIG else None
        except (OSError, ValueError, RecursionError, RigdError):
            return None
        self._held[kind, path] = stamp, value
        return value


def _documents(folder: Path) -> list[Path]:
    """Return the JSON files of a folder, newest version first; none where there is no folder."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix == ".json" and path.is_file())
    return sorted(found, reverse=True)
