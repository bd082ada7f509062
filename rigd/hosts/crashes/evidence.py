"""What a session left behind, read from its files: journal, the broker's own log, the books.

The simulated broker's log is read here line by line as JSON, without the exchange's own code.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout
from rigd.core.errors import LogicError, Problem, RigdError
from rigd.core.events import Entry, FillRecorded, OrderIntent, SessionClosed, TradeClosed
from rigd.core.lifecycle import BotState
from rigd.core.values import Side
from rigd.hosts import records
from rigd.hosts.books import open_books
from rigd.hosts.bot import Bot, open_bot
from rigd.hosts.latch import read_latch
from rigd.risk.kill_switch import Cause
from rigd.store.chainlog import used_length
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What one session of a home left.

    Parameters
    ----------
    entries
        Its journal.
    broker
        What happened at the simulated broker, in its order, as its log says.
    books
        The ledger's canonical dump.
    booked
        The execution at the broker that each trade in the ledger is of.
    problems
        What `rigd verify` and `rigd ledger check` would say.
    """

    entries: tuple[Entry, ...]
    broker: tuple[dict[str, Any], ...]
    books: bytes
    booked: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def intents(self) -> list[OrderIntent]:
        """The orders that were meant."""
        return [r for _, _, r, _ in self.entries if isinstance(r, OrderIntent)]

    @property
    def fills(self) -> list[FillRecorded]:
        """The fills in the journal."""
        return [r for _, _, r, _ in self.entries if isinstance(r, FillRecorded)]

    @property
    def trades(self) -> list[TradeClosed]:
        """The closed trades in the journal."""
        return [r for _, _, r, _ in self.entries if isinstance(r, TradeClosed)]

    @property
    def closed(self) -> SessionClosed | None:
        """The closing record, None when the session has none."""
        last = self.entries[-1].record if self.entries else None
        return last if isinstance(last, SessionClosed) else None

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The orders that came in at the broker."""
        return [change for change in self.broker if change["is"] == "taken"]

    @property
    def executed(self) -> list[dict[str, Any]]:
        """The executions at the broker."""
        return [change for change in self.broker if change["is"] == "executed"]


def bot_tree(home: Path) -> Path:
    """Return the one bot's output tree in a home."""
    found = [path for path in (home / "runs").iterdir() if path.name.startswith("RIGD_")]
    if len(found) != 1:
        msg = f"a home must hold one bot's tree, found {[path.name for path in found]}"
        raise LogicError(msg)
    return found[0]


def session_folders(home: Path) -> list[Path]:
    """Return the folders of a home's sessions, by name."""
    return sorted(path for path in home.glob("runs/RIGD_*/sessions/*") if path.is_dir())


def read_left(home: Path, bot: Bot | None = None) -> Left:
    """Read what the only session of a home left; its bot is opened unless it is given."""
    bot = bot or open_bot(Home(home), checkout() / "VERSION.md")
    (folder,) = session_folders(home)
    with closing(open_books(bot)) as ledger:
        books = ledger.canonical_dump()
        posted = ledger.transactions()
        problems = list(ledger.check())
    problems += records.verify_record(folder, bot.identity)
    (log,) = (home / "runs" / "simulated_broker").iterdir()
    return Left(
        entries=records.entries_of(folder, bot.identity),
        broker=tuple(read_broker_log(log)),
        books=books,
        booked=tuple(t.row.external_id for t in posted if t.row.symbol),
        problems=tuple(problems),
    )


def read_broker_log(path: Path) -> list[dict[str, Any]]:
    """Return the changes in the simulated broker's log, in order; numbers compare by value."""
    content = path.read_bytes()
    lines = content[: used_length(content)].splitlines()
    changes = [change for line in lines for change in json.loads(line)["data"].get("changes", ())]
    return [{name: _value(held) for name, held in change.items()} for change in changes]


def _value(held: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(held, dict):
        return {name: _value(inner) for name, inner in held.items()}
    if isinstance(held, str) and _NUMBER.fullmatch(held):
        return Decimal(held)
    return held


def differences(left: Left, undisturbed: Left) -> list[str]:
    """Return how a session that was killed and taken up differs from the undisturbed one.

    Parameters
    ----------
    left
        What it left.
    undisturbed
        What the same session left without a crash.

    Returns
    -------
    list of str
        Nothing when books and trades are the same, no order was sent twice and no fill is lost.
    """
    rules = (
        ("the session is closed", left.closed == undisturbed.closed),
        ("the books are the same", left.books == undisturbed.books),
        ("the trades are the same", left.trades == undisturbed.trades),
        ("one order per client id at the broker", _once(_ids(left.taken))),
        ("one intent per client id", _once([i.cl_ord_id for i in left.intents])),
        (
            "the broker has exactly the intended orders",
            sorted(_ids(left.taken)) == sorted(i.cl_ord_id for i in left.intents),
        ),
        ("the broker was asked for the same", left.broker == undisturbed.broker),
        (
            "each execution is one fill in the journal",
            [e["exec_key"] for e in left.executed] == [f.exec_key for f in left.fills],
        ),
        (
            "each execution is one trade in the books",
            [e["exec_key"] for e in left.executed] == list(left.booked),
        ),
        ("the record is whole", not left.problems),
    )
    return [rule for rule, kept in rules if not kept]


def unsound(left: Left) -> list[str]:
    """Return what is wrong with a session that took another road than the undisturbed one.

    Parameters
    ----------
    left
        What a session left that was stopped, or that a failing disk made close early.

    Returns
    -------
    list of str
        Nothing when it is closed, flat and balanced, no order was sent twice or without an intent,
        and every execution stands once in journal and books.
    """
    closed = left.closed
    taken, executed = _ids(left.taken), [e["exec_key"] for e in left.executed]
    rules = (
        ("the session is closed", closed is not None),
        ("the session is flat", closed is not None and closed.flat),
        ("nothing is held at the broker", not held_at_broker(left.broker)),
        ("one order per client id at the broker", _once(taken)),
        ("one intent per client id", _once([i.cl_ord_id for i in left.intents])),
        ("every order was intended", set(taken) <= {i.cl_ord_id for i in left.intents}),
        (
            "each execution is one fill in the journal",
            executed == [f.exec_key for f in left.fills],
        ),
        ("each execution is one trade in the books", executed == list(left.booked)),
        ("the record is whole", not left.problems),
    )
    return [rule for rule, kept in rules if not kept]


def held_at_broker(changes: Iterable[dict[str, Any]]) -> dict[str, Decimal]:
    """Return what the executions in the broker's own log leave open, by symbol."""
    orders: dict[str, tuple[str, str]] = {}
    held: dict[str, Decimal] = {}
    for change in changes:
        if change["is"] == "taken":
            request = change["request"]
            orders[request["cl_ord_id"]] = (request["symbol"], request["side"])
        elif change["is"] == "executed":
            symbol, side = orders[change["cl_ord_id"]]
            held[symbol] = held.get(symbol, Decimal(0)) + change["qty"] * Side(side).sign
    return {symbol: qty for symbol, qty in held.items() if qty}


def unreadable(home: Path, bot: Bot | None = None) -> list[str]:
    """Return every file of state, flags and configuration that cannot be read as it lies.

    Parameters
    ----------
    home
        A home as a dead process left it; nothing in it is changed.
    bot
        Its bot; without one the home's configuration is read and judged as well.

    Returns
    -------
    list of str
        File and reason; temporary files, which no reader looks at, do not count.
    """
    wrong = []
    for path in sorted((home / "runs").rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name.startswith("."):
            continue
        try:
            _read_state(path)
        except (ValueError, RigdError) as error:
            wrong.append(f"{path.relative_to(home)}: {error}")
    try:
        bot = bot or open_bot(Home(home), checkout() / "VERSION.md")
    except RigdError as error:
        return [*wrong, f"env: {error}"]
    for folder in session_folders(home):
        if (folder / records.JOURNAL).exists():
            try:
                records.entries_of(folder, bot.identity)
            except RigdError as error:
                wrong.append(f"{folder.name}/{records.JOURNAL}: {error}")
    return wrong


def changed_configuration(home: Path, template: Path) -> list[str]:
    """Return what differs in the configuration of a home from the home that it is a copy of."""
    left, right = (_contents(each / "env") for each in (home, template))
    names = sorted(left.keys() | right.keys())
    return [f"env/{name}: changed" for name in names if left.get(name) != right.get(name)]


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _read_state(path: Path) -> None:
    """Read one file of state; raise when it is neither old nor new but a mixture."""
    if path.suffix == ".json":
        json.loads(path.read_bytes())
    elif path.name == "lease_epoch":
        int(path.read_text(encoding="ascii"))
    elif path.name == "bot_state.txt":
        BotState(path.read_text(encoding="ascii").strip())
    if path.name == "risk_state.json":
        latch = read_latch(path)
        if latch.cause is Cause.STATE_UNREADABLE:
            raise ValueError(latch.detail)


def _ids(taken: list[dict[str, Any]]) -> list[str]:
    return [change["request"]["cl_ord_id"] for change in taken]


def _once(names: list[str]) -> bool:
    return len(set(names)) == len(names)
