"""The users of a home: SYSTEM_USERS.db and its logs, opened for one piece of work."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from rigd.access.trail import Trail
from rigd.access.users import Users
from rigd.store.database import open_database
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.core.ports import Clock
    from rigd.store.paths import Home


@contextmanager
def users_of(home: Home, clock: Clock) -> Iterator[Users]:
    """Open the users of a home; the database is made when there is none.

    Parameters
    ----------
    home
        Whose users.
    clock
        Wall time.

    Yields
    ------
    Users
        Closed with its logs afterwards.
    """
    with (
        closing(open_database(home.users, wal_reserve=False, secret=True)) as connection,
        Registry(home) as registry,
    ):
        yield Users(connection, clock, Trail(registry, clock))
