"""A home with users, for tests of access."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING

from rigd.access.trail import Log, Trail
from rigd.access.users import Users
from rigd.store.database import open_database
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.access.roles import Role

WORDS = "four unlikely words together"
"""A password that is accepted."""


class House:
    """Users over a real database and real log files, with a clock that the test moves."""

    def __init__(self, root: Path, *, cost: int = 4) -> None:
        self.home = Home(root)
        self.clock = FakeClock()
        self.registry = Registry(self.home)
        self.database = open_database(self.home.users, wal_reserve=False, secret=True)
        self._numbers = count()
        self._cost = cost
        self.reopen()

    def reopen(self) -> None:
        """Open the users anew, as another process would."""
        self.users = Users(
            self.database,
            self.clock,
            Trail(self.registry, self.clock),
            cost=self._cost,
            draw=lambda size: f"{next(self._numbers):0{size}d}",
        )

    def admin(self, name: str = "ada") -> str:
        """Register the first admin; return the name."""
        self.users.register(self.users.offer_registration(), name, WORDS)
        return name

    def add(self, role: Role, name: str = "") -> str:
        """Add a user of a role; return the session's id."""
        name = name or f"{role}-1"
        self.users.add(name, role, WORDS, by="ada")
        return self.users.log_in(name, WORDS)

    def rows(self, log: Log) -> list[dict]:
        """The rows of a log."""
        path = self.registry.path(log.value)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        """Close what is open."""
        self.database.close()
        self.registry.close()
