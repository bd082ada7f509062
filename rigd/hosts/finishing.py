"""What follows a session's last record: copies, report, exports, check of the books, backup.

Everything here is derived from the journal and may run again; a failed backup never blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.core.errors import RigdError
from rigd.hosts import books
from rigd.reporting.report import report_html, write_report
from rigd.store.backup import back_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from rigd.core.events import Entry
    from rigd.core.values import Bar
    from rigd.hosts.bot import Bot
    from rigd.ledger.book import Ledger
    from rigd.store.registry import Registry

WRITER = "rigd.hosts.finishing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What the finishing found.

    Parameters
    ----------
    books
        The ledger's answer in a few words.
    balanced
        Whether the books check out.
    facts
        The books as (name, value) pairs, for reports.
    warnings
        What went wrong without blocking.
    head
        Number and hash of the last transaction.
    """

    books: str
    balanced: bool
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    head: tuple[int, str]


def finish(
    registry: Registry,
    ledger: Ledger,
    entries: Sequence[Entry],
    bars: Mapping[str, Sequence[Bar]],
) -> Finished:
    """Write what a closed session leaves beside its journal.

    Parameters
    ----------
    registry, ledger
        The session's doors.
    entries
        The whole journal.
    bars
        The session's bars per symbol.

    Returns
    -------
    Finished
        The state of the books and the warnings.
    """
    problems = ledger.check()
    facts = books.facts(ledger)
    warnings = [f"books: {problem}" for problem in problems]
    warnings += _export(registry, ledger)
    write_report(registry, report_html(entries, bars, books=facts))
    txn, head = ledger.head
    return Finished(
        books=f"{'balanced' if not problems else 'NOT BALANCED'}, {txn} transactions",
        balanced=not problems,
        facts=facts,
        warnings=tuple(warnings),
        head=(txn, head),
    )


def back_up_session(bot: Bot, folder: Path, at: datetime) -> str:
    """Back the session and the books up; return why it failed, blank when it did not."""
    result = back_up(bot.home, bot.identity, folder, at, keep=bot.settings.backup_keep)
    return result.reason


def _export(registry: Registry, ledger: Ledger) -> list[str]:
    warnings = []
    for form in books.FORMATS:
        try:
            content = books.render(ledger, form)
        except (RigdError, ImportError) as error:
            warnings.append(f"export {form}: {error}")
            continue
        registry.write(f"ledger.{form}", content, writer=WRITER)
    return warnings
