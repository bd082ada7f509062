"""Save versions of the chart of accounts in ``env/coa.versioned/``: one file each.

The row of the audit log is written first: where it cannot be, nothing is saved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.hosts import operator_audit
from rigd.ledger.chart_versions import TEMPLATE, ChartVersion, changes, document, parsed
from rigd.store.files import SECRET_MODE, create, make_folder
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

FOLDER = "coa.versioned"


def versions(home: Home) -> list[ChartVersion]:
    """Return every version of the chart, newest first; the template is the last.

    Parameters
    ----------
    home
        Whose.

    Returns
    -------
    list of ChartVersion
        A file that was changed into another form raises LedgerError.
    """
    folder = home.env / FOLDER
    files = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    return [*(parsed(file.read_bytes()) for file in files if file.suffix == ".json"), TEMPLATE]


def save_version(bot: Bot, text: str, why: str, clock: Clock) -> str:
    """Save what follows the version in force.

    Parameters
    ----------
    bot
        Whose.
    text
        As `rigd.ledger.chart_versions.parsed` reads it.
    why
        The reason; kept in the version and in the audit.
    clock
        Says when.

    Returns
    -------
    str
        What was done, for people.

    Raises
    ------
    LedgerError
        If it does not follow the version in force, or is no chart; nothing was written.
    StorageError
        If somebody else saved that version at the same moment, or the disk refuses.
    """
    saved = replace(parsed(text), at=iso(clock.now()), by=operator_audit.name(), why=why[:200])
    changed = changes(versions(bot.home)[0], saved)
    path = bot.home.env / FOLDER / f"{saved.version:06d}.json"
    with Registry(bot.home, bot.identity) as registry:
        fields = {
            "bot": str(bot.identity),
            "version": saved.version,
            "reason": saved.why,
            "changes": [list(change) for change in changed],
        }
        operator_audit.audit(registry, clock, "chart_changed", fields)
    make_folder(path.parent)
    create(path, document(saved), SECRET_MODE)
    told = ", ".join(f"{number} {name}" for number, _, name in changed)
    return f"version {saved.version} of the chart is saved: {told}"
