"""What follows a session's last record: copies, report, exports, check of the books, backup.

Everything here is derived from the journal and may run again; a failed backup never blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.core.errors import RigdError
from rigd.core.events import SessionClosed
from rigd.hosts import books
from rigd.hosts.steps import Step, Steps
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
    steps
        How each step went, in order.
    """

    books: str
    balanced: bool
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    head: tuple[int, str]
    steps: tuple[Step, ...] = ()


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
    steps = Steps()
    _note_flatness(steps, entries)
    problems = steps.take("books checked", lambda: _problems(ledger), instead=[_UNCHECKED])
    facts = steps.take("balances", lambda: books.facts(ledger), instead=_NO_FACTS)
    warnings = [f"books: {problem}" for problem in problems]
    exports = _export(registry, ledger)
    steps.note("exports", passed=not exports, detail="; ".join(exports))
    steps.take(
        "report",
        lambda: write_report(registry, report_html(entries, bars, books=facts)),
        instead=None,
    )
    txn, head = ledger.head
    told = {"positions", "books checked", "exports"}
    warnings += exports
    warnings += [f"{step.name}: {step.detail}" for step in _failed(steps) if step.name not in told]
    return Finished(
        books=f"{'balanced' if not problems else 'NOT BALANCED'}, {txn} transactions",
        balanced=not problems,
        facts=facts,
        warnings=tuple(warnings),
        head=(txn, head),
        steps=tuple(steps.taken),
    )


def _problems(ledger: Ledger) -> list[str]:
    return [str(problem) for problem in ledger.check()]


_NO_FACTS: tuple[tuple[str, str], ...] = ()
_UNCHECKED = "the check itself failed: the books were not checked"


def _note_flatness(steps: Steps, entries: Sequence[Entry]) -> None:
    closed = entries[-1].record if entries else None
    flat = isinstance(closed, SessionClosed) and closed.flat
    steps.note("positions", passed=flat, detail="flat" if flat else "not verified flat")


def _failed(steps: Steps) -> list[Step]:
    return [step for step in steps.taken if not step.passed]


def back_up_session(bot: Bot, folder: Path, at: datetime) -> str:
    """Back the session and the books up; return why it failed, blank when it did not."""
    result = back_up(bot.home, bot.identity, folder, at, keep=bot.settings.backup_keep)
    return result.reason


def _export(registry: Registry, ledger: Ledger) -> list[str]:
    warnings = []
    for form in books.FORMATS:
        try:
            content = books.render(ledger, form)
            registry.write(f"ledger.{form}", content, writer=WRITER)
        except (RigdError, ImportError) as error:
            warnings.append(f"export {form}: {error}")
    return warnings
