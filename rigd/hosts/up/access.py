"""What the supervisor asks SYSTEM_USERS.db: who a log-in is, and whether they may do this now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.access.directory import users_of
from rigd.core.errors import AccessError, RigdError
from rigd.hosts.keys import rotate_for_users

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.access.roles import Action
    from rigd.core.ports import ControlClock
    from rigd.store.paths import Home


class Access:
    """The users of a home, opened for one question at a time.

    Parameters
    ----------
    home, clock
        Whose users, and the control clock.
    tell
        Tells a person at the console.
    """

    def __init__(
        self, home: Home, clock: ControlClock, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._home = home
        self._clock = clock
        self._tell = tell
        self._told = ""

    def authority(self, digest: str, action: Action) -> str:
        """Return the name of a log-in's user when they may do this now.

        Parameters
        ----------
        digest
            Of the log-in's key.
        action
            What is about to be done.

        Returns
        -------
        str
            The user's name.

        Raises
        ------
        AccessError
            If the log-in has ended, the role is not granted the action, or the password was not
            given just now for an action that asks for it.
        """
        with users_of(self._home, self._clock) as users:
            return users.require_digest(digest, action).name

    def nobody(self) -> bool:
        """Tell whether there is no user yet."""
        with users_of(self._home, self._clock) as users:
            return users.nobody

    def offer_registration(self) -> str | None:
        """Return a token for the first admin; None when there are users."""
        with users_of(self._home, self._clock) as users:
            try:
                return users.offer_registration()
            except AccessError:
                return None

    def keep_keys(self) -> None:
        """Exchange the keys where the users changed (K12); what keeps it from that is told once."""
        try:
            if rotate_for_users(self._home, self._clock):
                self._told = ""
        except RigdError as error:
            if error.message != self._told:
                self._told = error.message
                self._tell(f"the keys were not exchanged: {error.message}")
