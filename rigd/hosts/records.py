"""The folder of one session: which number is next, what its journal says, how it is verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, DataError, Problem, RigdError, TamperError
from rigd.core.events import OrderIntent, Reconciled, SessionClosed
from rigd.core.lifecycle import BotState
from rigd.store import journal, manifest
from rigd.store.chainlog import verify_chain

if TYPE_CHECKING:
    from rigd.core.events import Entry
    from rigd.core.values import BotIdentity
    from rigd.store.paths import BotTree, Home

JOURNAL = "journal.log"
REQUEST = "request.json"
KERNEL = "kernel.json"

genesis = journal.genesis


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session stands on disk.

    Parameters
    ----------
    folder
        Its folder; may not exist yet.
    number
        Its number on its day, from 1.
    resumed
        Whether an unfinished session lies there: one without closing record, or whose books,
        report and seal were not finished after it.
    """

    folder: Path
    number: int
    resumed: bool


def session_key(day: date, number: int) -> str:
    """Return the key of a session in the books: ``YYYY-MM-DD_n``."""
    return f"{day.isoformat()}_{number}"


def place_of(tree: BotTree, day: date) -> Place:
    """Return where a session of a day belongs: the unfinished one, else the next number.

    Parameters
    ----------
    tree
        The bot's output tree.
    day
        The exchange day.

    Returns
    -------
    Place
        With `resumed` when the last session of the day is unfinished.

    Raises
    ------
    TamperError
        If the last session was sealed, but its journal is gone, cut or changed: taking it up would
        write over what is left of the record.
    """
    numbers = tree.session_numbers(day)
    if not numbers:
        return Place(folder=tree.session(day, 1), number=1, resumed=False)
    last = numbers[-1]
    folder = tree.session(day, last)
    if not is_finished(folder):
        return Place(folder=folder, number=last, resumed=True)
    if not is_closed(folder, genesis(tree.identity, day, last)):
        msg = f"session {folder.name} is sealed and must end with its closing record, found none"
        raise TamperError(msg, fix=f"restore it from runs/backups; rigd verify {folder.name}")
    return Place(folder=tree.session(day, last + 1), number=last + 1, resumed=False)


def sent_orders(folder: Path, identity: BotIdentity) -> bool:
    """Tell whether a session's journal means any order; one without a journal never began."""
    if not (folder / JOURNAL).exists():
        return False
    return any(isinstance(entry.record, OrderIntent) for entry in entries_of(folder, identity))


def is_closed(folder: Path, chain: str) -> bool:
    """Tell whether a session's journal ends with its closing record."""
    if not (folder / JOURNAL).exists():
        return False
    entries = journal.read_journal(folder / JOURNAL, chain)
    return bool(entries) and isinstance(entries[-1].record, SessionClosed)


def ended_in_error(folder: Path, identity: BotIdentity) -> bool:
    """Tell whether a session's journal ends in error, verified flat; a broken one does not say.

    Its closing record may be missing: the disk that the error came from may not have taken it.

    Parameters
    ----------
    folder, identity
        The session's folder, and whose it is.

    Returns
    -------
    bool
        False while something is held or works, or when the broker did not agree last.
    """
    from rigd.engine.orders import OrderBook  # noqa: PLC0415 - when a session went wrong alone
    from rigd.engine.portfolio import Portfolio  # noqa: PLC0415 - as above
    from rigd.engine.recorder import Facts  # noqa: PLC0415 - as above

    try:
        entries = entries_of(folder, identity) if (folder / JOURNAL).exists() else ()
    except RigdError:
        return False
    if not entries:
        return False
    facts, orders = Facts(), OrderBook()
    portfolio = Portfolio(identity.broker_code, entries[0].at)
    for entry in entries:
        for view in (facts, orders, portfolio):
            view.fold(entry.record)
    compared = [entry.record for entry in entries if isinstance(entry.record, Reconciled)]
    agreed = bool(compared) and compared[-1].agreed
    return facts.state is BotState.ERROR and portfolio.flat and orders.idle and agreed


def is_finished(folder: Path) -> bool:
    """Tell whether a closed session's folder was sealed: the last step, after books and report."""
    return (folder / manifest.NAME).exists()


def find_record(home: Home, identity: BotIdentity, name: str) -> Path:
    """Return the folder of a record that a person named.

    Parameters
    ----------
    home, identity
        Whose record it is.
    name
        ``latest``, a session such as ``2013-10-07_1``, or a folder's path.

    Returns
    -------
    Path
        The existing folder.

    Raises
    ------
    ConfigError
        If there is no such record; names those that exist.
    """
    named = home.latest if name == "latest" else home.bot(identity).sessions / name
    for folder in (named, Path(name)):
        if (folder / JOURNAL).exists() or is_finished(folder):
            return folder.resolve()
    sessions = home.bot(identity).sessions
    known = sorted(path.name for path in sessions.glob("*_*")) if sessions.exists() else []
    found = ", ".join(known[-5:]) or "none"
    msg = f"a record must be 'latest', a session's name or its folder, was {name!r}; found {found}"
    raise ConfigError(msg, fix="run a session first: rigd session")


def day_and_number(folder: Path) -> tuple[date, int]:
    """Return the day and number that a session folder's name carries."""
    try:
        day, number = folder.name.rsplit("_", 1)
        return date.fromisoformat(day), int(number)
    except ValueError as error:
        msg = f"a session's folder must be named YYYY-MM-DD_n, was {folder.name!r}"
        raise ConfigError(msg) from error


def entries_of(folder: Path, identity: BotIdentity) -> tuple[Entry, ...]:
    """Return the journal of a record; a changed one raises TamperError."""
    day, number = day_and_number(folder)
    return tuple(journal.read_journal(folder / JOURNAL, genesis(identity, day, number)))


def verify_record(folder: Path, identity: BotIdentity) -> list[Problem]:
    """Return everything in a session's folder that is not as it was written and sealed.

    Parameters
    ----------
    folder
        The session's folder.
    identity
        Whose session it is.

    Returns
    -------
    list of Problem
        Each names the file, and the record, line or cell where one is known.
    """
    if (folder / manifest.NAME).exists():
        return [*_misplaced(folder), *manifest.check(folder)]
    day, number = day_and_number(folder)
    unsealed = Problem(manifest.NAME, "the session was not sealed: it did not end normally")
    return [unsealed, *verify_chain(folder / JOURNAL, genesis(identity, day, number))]


def _misplaced(folder: Path) -> list[Problem]:
    """Return that a sealed record lies under the name of another session; a copy keeps its own."""
    try:
        sealed = str(manifest.read(folder)["extra"].get("session", ""))
    except DataError:
        return []  # the check of the manifest names it
    if sealed in {"", folder.name}:
        return []
    return [Problem(manifest.NAME, f"the record was sealed as {sealed}, found as {folder.name}")]
