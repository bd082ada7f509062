"""Files that a browser may fetch: each is found in a table by its name, never by a path.

A link where a file should be is refused, and of a long log the end is given (FAULTS §4.7 S12).
"""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rigd.hosts.chart_of_accounts import versions
from rigd.ledger import reading, tables
from rigd.ledger.entries import AccountInfo
from rigd.ledger.exports import FORMS
from rigd.ledger.lots import LotBook
from rigd.ledger.statement import Statement
from rigd.store.database import open_for_reading
from rigd.store.registry import BY_NAME

if TYPE_CHECKING:
    from rigd.ledger.chart_versions import ChartVersion
    from rigd.store.paths import Home

MOST_BYTES: Final = 1 << 23
"""Of a longer log its end is given [bytes]."""

ASSETS: Final = frozenset({"bokeh.min.js"})


def log(home: Home, name: str) -> bytes:
    """Return a log that is marked "shown".

    Parameters
    ----------
    home
        Whose.
    name
        Its name in the table of outputs.

    Returns
    -------
    bytes
        The last `MOST_BYTES` of it, from the beginning of a line.

    Raises
    ------
    LookupError
        If there is no such log, it is not shown, or it is no plain file.
    """
    row = BY_NAME.get(name)
    bot = next(reversed(home.bots_with_sessions()), "")
    if row is None or not row.shown or ("{bot}" in row.path_template and not bot):
        raise LookupError(name)
    path = home.runs / row.path_template.format(bot=bot)
    if any(part.is_symlink() for part in (path, path.parent)) or not path.is_file():
        raise LookupError(name)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MOST_BYTES))
        content = file.read(MOST_BYTES)
    return content if size <= MOST_BYTES else content[content.find(b"\n") + 1 :]


def books(home: Home, form: str) -> bytes:
    """Return the books that were written last in one of `FORMS`; they are only read.

    Parameters
    ----------
    home
        Whose.
    form
        Of the table.

    Returns
    -------
    bytes
        The whole ledger; accounts are called as in the newest version of the chart.

    Raises
    ------
    LookupError
        If there is no such form, or there are no books.
    """
    render = FORMS.get(form)
    found = [path for path in home.books() if path.is_file() and not path.is_symlink()]
    if render is None or not found:
        raise LookupError(form)
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return render(_statement(newest, versions(home)[0]))


def chart_json(home: Home) -> bytes:
    """Return the newest version of the chart of accounts as JSON."""
    chart = versions(home)[0]
    accounts = [
        {"number": account.number, "name": account.name, "kind": account.kind.value}
        for account in chart.accounts
    ]
    return json.dumps({"version": chart.version, "accounts": accounts}, indent=1).encode()


def chart_csv(home: Home) -> bytes:
    """Return the newest version of the chart of accounts as a table."""
    chart = versions(home)[0]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("number", "name", "kind", "version"))
    for account in chart.accounts:
        name = tables.escape(account.name)
        writer.writerow((account.number, name, account.kind.value, chart.version))
    return text.getvalue().encode()


def asset(name: str) -> bytes:
    """Return a script of an installed package.

    Parameters
    ----------
    name
        Of `ASSETS`.

    Returns
    -------
    bytes
        Its text.

    Raises
    ------
    LookupError
        If there is none of that name.
    """
    spec = find_spec("bokeh")
    if name not in ASSETS or spec is None or spec.origin is None:
        raise LookupError(name)
    return (Path(spec.origin).parent / "server" / "static" / "js" / name).read_bytes()


def _statement(path: Path, chart: ChartVersion) -> Statement:
    with closing(open_for_reading(path)) as connection:
        identity, *account = connection.execute(
            "SELECT identity, broker, account_id, currency, entity, jurisdiction FROM books"
        ).fetchone()
        names = ("broker", "account_id", "currency", "entity", "jurisdiction")
        transactions = tuple(reading.transactions(connection))
        book = LotBook()
        for symbol in sorted({posted.row.symbol for posted in transactions if posted.row.symbol}):
            book.replace(symbol, reading.open_lots(connection, symbol))
        return Statement(
            identity=identity,
            account=AccountInfo(**dict(zip(names, account, strict=True))),
            transactions=transactions,
            trial=tuple(
                row._replace(name=chart.find(row.account).name)
                for row in reading.trial_balance(reading.totals(connection))
            ),
            lots=tuple(reading.lots_of(connection, book)),
            chart=chart,
        )
