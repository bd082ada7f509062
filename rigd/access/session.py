"""A page's log-in: which one a kernel was given, and what it may do now.

The panel's server binds a kernel to the log-in of whoever asked for the page (`bind`); the kernel
looks itself up by its id. A kernel that is bound to nothing, or to a log-in that has ended, is
refused everything. Every question is answered from SYSTEM_USERS.db at the moment it is asked, so
that nothing which a browser can set has a say (FAULTS §4.7 S01, S02; JUPYTER §1).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from rigd.access.directory import users_of
from rigd.access.roles import Action, may
from rigd.access.schema import transaction
from rigd.access.users import standing
from rigd.config.sources import environment
from rigd.core.errors import AccessError, RigdError
from rigd.store.database import open_for_reading

if TYPE_CHECKING:
    import sqlite3

    from rigd.access.users import User
    from rigd.core.ports import Clock, ControlClock
    from rigd.store.paths import Home

KERNEL_ID: Final = "VOILA_KERNEL_ID"
"""What the server calls the variable with the kernel's id."""
PREHEATED: Final = "VOILA_PREHEAT"

STEP_S: Final = 0.05
LIMIT_S: Final = 20.0
"""How often, and for how long, a kernel looks for its row [s]; one of the warm pool looks on."""

_UNBOUND = "a page must belong to a log-in, this one has none"
_ENDED = "the log-in of this page has ended"
_FIX = "log in again"


class Binding(NamedTuple):
    """What a kernel was given: the digest of a log-in, and the page that was asked for."""

    digest: str
    page: str


def bind(connection: sqlite3.Connection, kernel: str, digest: str, page: str, now_s: float) -> None:
    """Give a kernel to a log-in, once.

    Parameters
    ----------
    connection
        SYSTEM_USERS.db.
    kernel
        Its id.
    digest
        Of the log-in's key.
    page
        What was asked for.
    now_s
        The time [s since 1970].

    Raises
    ------
    AccessError
        If the kernel was given to somebody before, or the log-in has ended.
    """
    with transaction(connection):
        if standing(connection, digest, now_s) is None:
            raise AccessError(_ENDED, fix=_FIX)
        done = connection.execute(
            "INSERT OR IGNORE INTO kernel_sessions VALUES (?,?,?,?)", (kernel, digest, page, now_s)
        )
        if done.rowcount != 1:
            msg = "a kernel must be given to one log-in, it has one already"
            raise AccessError(msg, fix="open the page again")


def release(connection: sqlite3.Connection, kernel: str) -> None:
    """Forget a kernel that is gone."""
    connection.execute("DELETE FROM kernel_sessions WHERE kernel = ?", (kernel,))


def release_all(connection: sqlite3.Connection) -> None:
    """Forget every kernel: those of an earlier server are gone."""
    connection.execute("DELETE FROM kernel_sessions")


def binding_of(connection: sqlite3.Connection, kernel: str) -> Binding | None:
    """Return what a kernel was given; None while it was given to nobody."""
    row = connection.execute(
        "SELECT session, page FROM kernel_sessions WHERE kernel = ?", (kernel,)
    ).fetchone()
    return None if row is None else Binding(*row)


class Session:
    """One page's log-in.

    Parameters
    ----------
    home
        Whose users.
    clock
        Wall time.
    kernel
        The kernel that the page runs in.
    binding
        What it was given.
    """

    def __init__(self, home: Home, clock: Clock, kernel: str, binding: Binding) -> None:
        self._home = home
        self._clock = clock
        self._kernel = kernel
        self.digest = binding.digest
        self.page = binding.page
        self._lock = threading.Lock()
        self._reading: sqlite3.Connection | None = None

    def user(self) -> User:
        """Return who is logged in, as the database has them now; it prolongs nothing.

        Returns
        -------
        User
            Never one that was disabled.

        Raises
        ------
        AccessError
            If the log-in ended or the kernel is not bound to it any more.
        """
        with self._lock:
            if self._reading is None:
                self._reading = open_for_reading(self._home.users, any_thread=True)
            bound = binding_of(self._reading, self._kernel)
            found = standing(self._reading, self.digest, self._clock.now().timestamp())
        if found is None or bound is None or bound.digest != self.digest:
            raise AccessError(_ENDED, fix=_FIX)
        return found.user

    def may(self, action: Action) -> bool:
        """Tell whether the user may now; it decides what is shown, never what is done."""
        try:
            return may(self.user().role, action)
        except AccessError:
            return False

    def require(self, action: Action) -> User:
        """Return the user when they may do this now; one row of the log says so either way.

        Parameters
        ----------
        action
            What is about to be done.

        Returns
        -------
        User
            Who does it.

        Raises
        ------
        AccessError
            If the log-in has ended, the role is not granted the action, or the action asks for
            the password again and it was not given just now.
        """
        digest = self.digest
        try:
            self.user()
        except AccessError:
            digest = ""
        with users_of(self._home, self._clock) as users:
            return users.require_digest(digest, action)

    def close(self) -> None:
        """Close what is open; it is opened again when it is needed."""
        with self._lock:
            if self._reading is not None:
                self._reading.close()
                self._reading = None


def of_kernel(home: Home, clock: ControlClock, kernel: str = "") -> Session:
    """Return the log-in of this kernel, once the server has given it to one.

    Parameters
    ----------
    home
        Whose users.
    clock
        Waits.
    kernel
        The kernel's id; from the environment when blank.

    Returns
    -------
    Session
        For the life of the page.

    Raises
    ------
    AccessError
        If it was given to nobody in `LIMIT_S`, or is no kernel of the panel.
    """
    kernel, limit_s = _waiting(kernel)
    until = clock.monotonic() + limit_s
    while (found := _look(home, kernel)) is None:
        if clock.monotonic() >= until:
            raise AccessError(_UNBOUND, fix=_FIX)
        clock.sleep(STEP_S)
    return Session(home, clock, kernel, found)


async def of_kernel_later(home: Home, clock: ControlClock, kernel: str = "") -> Session:
    """Do what `of_kernel` does without blocking the kernel: the cell ends and the page is warm.

    Parameters
    ----------
    home, clock, kernel
        As of `of_kernel`.

    Returns
    -------
    Session
        For the life of the page.

    Raises
    ------
    AccessError
        As of `of_kernel`.
    """
    kernel, limit_s = _waiting(kernel)
    until = clock.monotonic() + limit_s
    while (found := _look(home, kernel)) is None:
        if clock.monotonic() >= until:
            raise AccessError(_UNBOUND, fix=_FIX)
        await clock.wait(STEP_S)
    return Session(home, clock, kernel, found)


def _waiting(kernel: str) -> tuple[str, float]:
    variables = environment()
    kernel = kernel or variables.get(KERNEL_ID, "")
    if not kernel:
        raise AccessError(_UNBOUND, fix=_FIX)
    return kernel, float("inf") if variables.get(PREHEATED) == "True" else LIMIT_S


def _look(home: Home, kernel: str) -> Binding | None:
    """Look for the row; a database that cannot be read means: not yet."""
    try:
        connection = open_for_reading(home.users)
    except RigdError:
        return None
    try:
        return binding_of(connection, kernel)
    finally:
        connection.close()
