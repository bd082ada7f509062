"""Bootstrapping, once for each home: the books, and the first row of the logs that begin with it.

The four ``init_*.log`` are those of document 070 (INVENTORY L16 to L19): written here alone, never
shown in the panel.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rigd.core.clock import iso
from rigd.hosts.books import make_books
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

WRITER: Final = "rigd.hosts.bootstrap"
PARTS: Final = (
    "system_logs",
    "system_users",
    "user_activity_monitoring",
    "password_reset_tokens",
)
"""What begins with a home; each has its own log of this."""


def bootstrap(bot: Bot, clock: Clock) -> None:
    """Make the books of a new bot and note that its logs begin; what was done already stays.

    Parameters
    ----------
    bot
        Provisioned just now.
    clock
        Says when.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    make_books(bot).close()
    at, missing = iso(clock.now()), not_bootstrapped(bot.home.live)
    with Registry(bot.home.live) as registry:
        for part in PARTS:
            if part in missing:
                row = {"timestamp": at, "event": "bootstrapped", "begins": f"{part}.log"}
                registry.append_line(f"init_{part}.log", json.dumps(row), writer=WRITER)


def not_bootstrapped(home: Home) -> frozenset[str]:
    """Return the parts whose log of the bootstrap has no row: none were begun, or it was cut."""
    with Registry(home) as registry:
        return frozenset(part for part in PARTS if not registry.read(f"init_{part}.log").strip())
