"""The users of a home: SYSTEM_USERS.db and its logs, opened for one piece of work."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from rigd.access.schema import RESTORE, require_known
from rigd.access.trail import Log, Trail
from rigd.access.users import Users
from rigd.core.errors import DataError, StorageError
from rigd.store.database import open_database, open_for_reading
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.access.roles import Action
    from rigd.core.ports import Clock
    from rigd.store.paths import Home

CONSOLE: Final = "console"
"""The address of whoever proves themselves at the command line of the machine."""


def connect(home: Home) -> sqlite3.Connection:
    """Return a connection to the users' database, which is made when there is none.

    Parameters
    ----------
    home
        Whose users.

    Returns
    -------
    sqlite3.Connection
        Of `rigd.store.database.open_database`.

    Raises
    ------
    DataError
        If the file is damaged, was emptied, or has other tables than its version; it is left as it
        is.
    StorageError
        If it is of a newer version, or the disk refuses.
    """
    if home.users.is_file() and not home.users.is_symlink():
        _require_known(home)
    return open_database(home.users, wal_reserve=False, secret=True)


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
        Closed with its logs afterwards; for the thread that opened it.

    Raises
    ------
    DataError
        As of `connect`.
    StorageError
        As of `connect`, or if the database cannot be read or written while it is used.
    """
    with (
        closing(connect(home)) as connection,
        Registry(home) as registry,
    ):
        try:
            yield Users(connection, clock, Trail(registry, clock))
        except sqlite3.Error as error:
            msg = f"SYSTEM_USERS.db must be read and written, was refused: {error}"
            raise StorageError(msg, fix="see that the disk has room, then try again") from error


def has_users(home: Home, clock: Clock) -> bool:
    """Tell whether somebody has registered in a home; nothing is made by asking.

    Parameters
    ----------
    home
        Whose users.
    clock
        Wall time.

    Returns
    -------
    bool
        False where there is no database, or nobody in it.

    Raises
    ------
    DataError
        As of `connect`: a database that is not sound is no home without users.
    StorageError
        As of `users_of`.
    """
    if not home.users.exists():
        return False
    with users_of(home, clock) as users:
        return not users.nobody


def prove(home: Home, clock: Clock, name: str, password: str, action: Action) -> None:
    """Prove by a log-in, which ends at once, that somebody at the console is a user who may.

    Parameters
    ----------
    home
        Whose users.
    clock
        Wall time.
    name, password
        As typed.
    action
        What is about to be done.

    Raises
    ------
    AccessError
        As of `Users.log_in`, or if the role is not granted the action.
    LockedOutError
        If there were too many attempts.
    DataError
        As of `connect`.
    StorageError
        As of `users_of`.
    """
    with users_of(home, clock) as users:
        key = users.log_in(name, password, address=CONSOLE)
        try:
            users.require(key, action)
        finally:
            users.log_out(key)


def _require_known(home: Home) -> None:
    """Refuse what is no database of users, before anything could be written to it.

    An empty one is made anew only where nobody ever registered: else a first admin could.

    Raises
    ------
    DataError
        As of `connect`.
    """
    there = home.users.stat().st_size > 0
    if there:
        try:
            with closing(open_for_reading(home.users)) as connection:
                there = require_known(connection)
        except DataError as error:
            raise DataError(error.message, fix=RESTORE) from error
    if not there and _had_users(home):
        msg = f"SYSTEM_USERS.db must hold the users that {Log.USERS} tells of, was empty"
        raise DataError(msg, fix=RESTORE)


def _had_users(home: Home) -> bool:
    with Registry(home) as registry:
        path = registry.path(Log.USERS)
        return path.is_file() and path.stat().st_size > 0
