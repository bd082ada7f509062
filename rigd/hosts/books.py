"""Open, check and export the books of a bot from outside a session."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, Problem, RigdError, TamperError
from rigd.core.money import plain
from rigd.ledger import exports, realised_gains, tables
from rigd.ledger.book import Ledger
from rigd.ledger.chart import find
from rigd.ledger.verify import verify
from rigd.store import manifest
from rigd.store.database import backup_database, open_database, open_for_reading
from rigd.store.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.hosts.bot import Bot
    from rigd.ledger.statement import Statement


FORMATS: Mapping[str, Callable[[Statement], bytes]] = {
    **exports.FORMS,
    "csv": lambda statement: _owned_csv(statement).encode(),
}
"""Every form of export; a line of the table says whose it is."""


def open_books(bot: Bot) -> Ledger:
    """Return the bot's ledger, or raise ConfigError when no session has made one yet."""
    path = _existing(bot)
    return Ledger(open_database(path), identity=str(bot.identity), account=bot.account)


def make_books(bot: Bot) -> Ledger:
    """Return the bot's ledger, which is begun when there is none; what a session posts into."""
    path = bot.home.bot(bot.identity).ledger_db
    make_folder(path.parent)
    return Ledger(open_database(path), identity=str(bot.identity), account=bot.account)


def check_books(bot: Bot) -> tuple[list[Problem], list[tuple[str, str]]]:
    """Return what is wrong with the books, and the balances of sound ones as (account, amount).

    Parameters
    ----------
    bot
        Whose books; without any, those that document 090 kept elsewhere are read, never written.

    Returns
    -------
    tuple of two lists
        Problems, and names with values.
    """
    old = bot.home.old_ledger_db(bot.identity)
    if old.exists() and not bot.home.bot(bot.identity).ledger_db.exists():
        return list(verify(old)), [("old books, read only", old.name)]
    problems = list(verify(_existing(bot)))
    if problems:
        return problems, []
    with closing(open_books(bot)) as ledger:
        return [], list(facts(ledger))


def validate_copy(bot: Bot) -> str:
    """Check a copy of the actual books with the bot's own settings, for a dry run.

    Parameters
    ----------
    bot
        Of a dry run; its actual books are copied, never opened to write.

    Returns
    -------
    str
        What was found, for people.

    Raises
    ------
    TamperError
        If the copy does not check out.
    LedgerError
        If the books are another bot's or account's.
    """
    live = bot.home.live
    ledger_db = live.bot(bot.identity).ledger_db
    if not ledger_db.exists():
        return "there are no actual books yet"
    make_folder(bot.home.runs)
    with TemporaryDirectory(prefix=".books-", dir=bot.home.runs) as work:
        copy = Path(work) / ledger_db.name
        with closing(open_for_reading(ledger_db)) as source:
            backup_database(source, copy)
        account = replace(bot, home=live).account
        database = open_database(copy)
        with closing(Ledger(database, identity=str(bot.identity), account=account)) as ledger:
            problems, (txn, _) = ledger.check(), ledger.head
    if problems:
        msg = f"a dry run needs sound actual books, found {len(problems)} problem(s) in a copy"
        raise TamperError(msg, problems=problems, fix="rigd ledger check")
    return f"a copy of the actual books checks out: {txn} transactions"


def facts(ledger: Ledger) -> tuple[tuple[str, str], ...]:
    """Return balances and head of the books as names and values."""
    balances = tuple(
        (f"{number} {find(number).name}", plain(amount))
        for number, amount in ledger.balances().items()
    )
    txn, head = ledger.head
    return (*balances, ("transactions", str(txn)), ("head", head[:16]))


def export_books(bot: Bot, form: str) -> bytes:
    """Return the books as ``ofx``, ``beancount``, ``csv`` or ``json``."""
    refuse_lost_books(bot)
    with closing(open_books(bot)) as ledger:
        return render(ledger, form)


def export_gains(bot: Bot, year: int | None) -> bytes:
    """Return the realised gains lot by lot as CSV, of one year or of all."""
    refuse_lost_books(bot)
    with closing(open_books(bot)) as ledger:
        found = realised_gains.realised_gains(ledger.statement(), year)
    return realised_gains.to_csv(found).encode()


def render(ledger: Ledger, form: str) -> bytes:
    """Return open books in one of `FORMATS`; ofx needs ofxtools."""
    return FORMATS[form](ledger.statement())


def _existing(bot: Bot) -> Path:
    path = bot.home.bot(bot.identity).ledger_db
    if not path.exists():
        msg = f"the books of {bot.identity} must exist, found none"
        raise ConfigError(msg, fix="run a session first: rigd session")
    return path


def _owned_csv(statement: Statement) -> str:
    """Return the legs with bot and account in each line, so that a line says whose it is."""
    header, *rows = csv.reader(io.StringIO(tables.to_csv(statement), newline=""))
    owner = [statement.identity, statement.account.account_id]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*header, "bot", "account_id"])
    writer.writerows([*row, *owner] for row in rows)
    return text.getvalue()


def verify_books(bot: Bot, folder: Path) -> list[Problem]:
    """Return what was changed in the books since a session sealed their head."""
    return _verify_from(bot, sealed_head(folder))


def refuse_lost_books(bot: Bot) -> None:
    """Do nothing while the books hold what the newest sealed session left in them.

    Parameters
    ----------
    bot
        Whose books; a bot without sealed sessions may have none.

    Raises
    ------
    TamperError
        If they are gone, changed or cut: a session would begin new books without a word.
    """
    sessions = bot.home.bot(bot.identity).sessions
    heads = [sealed_head(path.parent) for path in sessions.glob(f"*/{manifest.NAME}")]
    head = max((head for head in heads if head), default=None)
    problems = _verify_from(bot, head) if head else []
    if problems:
        msg = f"the books must hold all {head[0] if head else 0} transactions that were sealed"
        fix = "restore them from runs/backups, then: rigd ledger check"
        raise TamperError(msg, problems=problems, fix=fix)


def sealed_head(folder: Path) -> tuple[int, str] | None:
    """Return number and hash of the last transaction that a session sealed; None without one."""
    try:
        number, digest = manifest.read(folder)["extra"]["books"]
        return (int(number), str(digest)) if number else None
    except (RigdError, KeyError, TypeError, ValueError):
        return None  # no seal, or a broken one: `rigd verify` of that session names it


def _verify_from(bot: Bot, head: tuple[int, str] | None) -> list[Problem]:
    path = bot.home.bot(bot.identity).ledger_db
    if not path.exists():
        return [Problem(path.name, "the books are gone")]
    return list(verify(path, expected_head=head))
