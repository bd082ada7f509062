"""What a page asks of the log-in that it runs under, and of the door to the supervisor.

Every effect of a page is one request; every callback with an effect asks `Session.require` at the
moment of the press, whatever the page shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from rigd.access.roles import Action, Role
    from rigd.access.users import User


class Session(Protocol):
    """The log-in of this page."""

    @property
    def digest(self) -> str:
        """The digest of the log-in's key, never the key."""

    def user(self) -> User:
        """Return who is logged in; AccessError when the log-in ended."""

    def may(self, action: Action) -> bool:
        """Tell whether the user may now; decides what is shown, never what is done."""

    def require(self, action: Action) -> User:
        """Return the user, or raise AccessError; leaves one audit row either way."""


class Answer(Protocol):
    """What came of a request."""

    @property
    def done(self) -> bool:
        """Whether it was done; False for a refusal."""

    @property
    def text(self) -> str:
        """What happened, for people."""

    @property
    def at(self) -> datetime:
        """When, UTC."""


class Requests(Protocol):
    """The door to the supervisor: files in the control folder."""

    def send(
        self,
        session: Session,
        action: Action,
        *,
        why: str = "",
        payload: Mapping[str, str] | None = None,
    ) -> str:
        """Check the session, write one request and return its id."""

    def answer(self, number: str) -> Answer | None:
        """Return what came of a request; None while it waits."""


class People(Protocol):
    """What the users page does with SYSTEM_USERS.db; `rigd.access.users.Users` is one."""

    def __iter__(self) -> Iterator[User]:
        """Yield every user."""

    def add(self, name: str, role: Role, password: str, *, by: str) -> User:
        """Add a user."""

    def remove(self, name: str, *, by: str) -> None:
        """Remove a user."""

    def set_role(self, name: str, role: Role, *, by: str) -> None:
        """Give a user another role."""

    def set_enabled(self, name: str, *, enabled: bool, by: str) -> None:
        """Let a user in, or keep the user out."""

    def offer_reset(self, name: str, *, by: str) -> str:
        """Return a one-time token for a new password."""
