"""Whether chart, mapping and schema of this code fit each other and a bot's books (document 050).

Only the form is looked at, in milliseconds: `rigd.ledger.verify` proves every row.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from rigd.core.errors import Problem
from rigd.ledger import audit, chart, mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def chart_problems(books: Path) -> list[Problem]:
    """Return what is wrong with the chart of accounts.

    Parameters
    ----------
    books
        The bot's database; it may not exist yet, and is opened for reading only.

    Returns
    -------
    list of Problem
        Accounts that stand twice or that an event needs and the chart lacks, and books that were
        begun with another chart; empty when all fits.
    """
    return [*_in_code(), *_in_books(books, _charted)]


def schema_problems(books: Path) -> list[Problem]:
    """Return in what the schema of a bot's books differs from the code's; see `chart_problems`."""
    return _in_books(books, audit.schema_problems)


def _in_code() -> Iterator[Problem]:
    numbers = [account.number for account in chart.CHART]
    for number in sorted({each for each in numbers if numbers.count(each) > 1}):
        yield Problem("chart of accounts", "stands twice", str(number))
    for event in mapping.EventType:
        rule = mapping.MAPPING.get(event)
        if rule is None and event is not mapping.EventType.REVERSAL:
            yield Problem("chart of accounts", "the event has no accounts", event.value)
        for number in rule or ():
            if number and number not in numbers:
                text = f"the chart has no account {number}"
                yield Problem("chart of accounts", text, event.value)


def _charted(connection: sqlite3.Connection, where: str) -> Iterator[Problem]:
    return audit.chart_problems(connection, where, filled=False)


def _in_books(
    books: Path, look: Callable[[sqlite3.Connection, str], Iterator[Problem]]
) -> list[Problem]:
    if not books.is_file():
        return []
    try:
        uri = f"file:{quote(str(books.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            return list(look(connection, books.name))
    except sqlite3.Error as error:
        return [Problem(books.name, f"the database cannot be read: {error}")]
