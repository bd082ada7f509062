"""Users, and what proves who somebody is: SYSTEM_USERS.db (document 090).

Everything is decided from the database at the moment it is asked: a role that was taken away, a
user that was disabled or a session that was ended has no effect any more with the next question.
Ids of sessions and tokens are kept as SHA-256 alone, so that the file opens nothing.
Source: FAULTS §4.7 S05 (guessing), S06 (passwords), S07 (sessions), S21 and S24 (tokens).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from rigd.access import passwords
from rigd.access.roles import Action, Role, asks_again, may
from rigd.access.schema import migrate, transaction
from rigd.access.trail import Log
from rigd.core.clock import iso
from rigd.core.errors import AccessError, ConfigError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from rigd.access.trail import Trail
    from rigd.core.ports import Clock

IDLE_S: Final = 15 * 60.0
ABSOLUTE_S: Final = 12 * 3600.0
"""A session ends so long after its last use, and after its beginning [s]."""

FRESH_S: Final = 5 * 60.0
"""For so long a password counts as given just now [s]."""

TOKEN_S: Final = 10 * 60.0
"""How long a token for a registration or a new password is good for [s]."""

ACCOUNT_TRIES: Final = 10
ACCOUNT_WINDOW_S: Final = 15 * 60.0
ADDRESS_TRIES: Final = 100
ADDRESS_WINDOW_S: Final = 3600.0
"""So many failed attempts on an account, and from an address, in so many seconds."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_REFUSED = "name or password is not right, or there were too many attempts"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One user as the database has them; times are ISO 8601 UTC."""

    name: str
    role: Role
    enabled: bool
    created_at: str
    changed_at: str


class Users:
    """The users of one RIGD_HOME.

    Parameters
    ----------
    connection
        SYSTEM_USERS.db, opened by `rigd.store.database`.
    clock
        Wall time; it goes on over a restart, as sessions do.
    trail
        The logs of access.
    cost
        bcrypt's cost; 0 for the standard, lower in tests alone.
    draw
        Draws ids of sessions and tokens.

    Raises
    ------
    StorageError
        If the database is of a newer version.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Clock,
        trail: Trail,
        *,
        cost: int = 0,
        draw: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._db = connection
        self._clock = clock
        self._trail = trail
        self._cost = cost
        self._draw = draw
        migrate(connection)

    def __iter__(self) -> Iterator[User]:
        """Iterate over all users by name."""
        rows = self._db.execute(
            "SELECT name, role, enabled, created_at, changed_at FROM users ORDER BY name"
        ).fetchall()
        return (_user(row) for row in rows)

    def get(self, name: str) -> User | None:
        """Return a user, None when there is none of that name."""
        row = self._db.execute(
            "SELECT name, role, enabled, created_at, changed_at FROM users WHERE name = ?", (name,)
        ).fetchone()
        return None if row is None else _user(row)

    @property
    def nobody(self) -> bool:
        """Tell whether there is no user yet: the state `registration` (document 070)."""
        return self._db.execute("SELECT 1 FROM users LIMIT 1").fetchone() is None

    # Coming and going.

    def offer_registration(self) -> str:
        """Return a one-time token with which the first admin registers.

        Returns
        -------
        str
            To be shown on the supervisor's console and nowhere else; older ones are void.

        Raises
        ------
        AccessError
            If there are users already.
        """
        if not self.nobody:
            msg = "the first registration must come before every user, found users"
            raise AccessError(msg, fix="an admin adds the others")
        return self._issue("register", "")

    def register(self, token: str, name: str, password: str) -> User:
        """Register the first admin.

        Parameters
        ----------
        token
            From `offer_registration`; it is used up by a success alone.
        name, password
            As typed.

        Returns
        -------
        User
            An admin.

        Raises
        ------
        AccessError
            If the token is wrong, used or too old, or there are users already.
        ConfigError
            If name or password are not acceptable.
        """
        _require_name(name)
        passwords.require_fit(password, name)
        kept = passwords.hashed(password, cost=self._cost)
        with transaction(self._db):
            if not self.nobody:
                msg = "the first registration must come before every user, found users"
                raise AccessError(msg, fix="ask an admin for a user")
            self._use("register", "", token)
            self._insert(name, Role.ADMIN, kept)
        self._trail.note(Log.USERS, "registered", by=name, role=Role.ADMIN)
        return self._require(name)

    def add(self, name: str, role: Role, password: str, *, by: str) -> User:
        """Add a user.

        Parameters
        ----------
        name, role, password
            Who, and as what.
        by
            The admin.

        Returns
        -------
        User
            The new one.

        Raises
        ------
        ConfigError
            If name or password are not acceptable, or the name is taken.
        """
        _require_name(name)
        passwords.require_fit(password, name)
        kept = passwords.hashed(password, cost=self._cost)
        with transaction(self._db):
            if self.get(name) is not None:
                msg = f"a user's name must be new, found {name!r}"
                raise ConfigError(msg, fix="choose another name")
            self._insert(name, role, kept)
        self._trail.note(Log.USERS, "added", by=by, user=name, role=role)
        return self._require(name)

    def remove(self, name: str, *, by: str) -> None:
        """Remove a user with their sessions.

        Parameters
        ----------
        name
            Who.
        by
            The admin.

        Raises
        ------
        AccessError
            If they are unknown, or the last admin who may log in.
        """
        with transaction(self._db):
            self._require_other_admin(self._require(name))
            self._db.execute("DELETE FROM tokens WHERE user = ?", (name,))
            self._db.execute("DELETE FROM users WHERE name = ?", (name,))
        self._trail.note(Log.USERS, "removed", by=by, user=name)

    def set_role(self, name: str, role: Role, *, by: str) -> None:
        """Give a user another role; it holds from the next question on.

        Parameters
        ----------
        name, role
            Who, and what they are from now on.
        by
            The admin.

        Raises
        ------
        AccessError
            If they are unknown, or the last admin who may log in.
        """
        with transaction(self._db):
            before = self._require(name)
            if role is not Role.ADMIN:
                self._require_other_admin(before)
            self._db.execute(
                "UPDATE users SET role = ?, changed_at = ? WHERE name = ?", (role, self._at(), name)
            )
        self._trail.note(
            Log.SECURITY, "role_changed", by=by, user=name, before=before.role, after=role
        )

    def set_enabled(self, name: str, *, enabled: bool, by: str) -> None:
        """Let a user log in again, or no more; their sessions end.

        Parameters
        ----------
        name, enabled
            Who, and whether they may.
        by
            The admin.

        Raises
        ------
        AccessError
            If they are unknown, or the last admin who may log in.
        """
        with transaction(self._db):
            before = self._require(name)
            if not enabled:
                self._require_other_admin(before)
                self._end_all(name)
            self._db.execute(
                "UPDATE users SET enabled = ?, changed_at = ? WHERE name = ?",
                (int(enabled), self._at(), name),
            )
        self._trail.note(Log.SECURITY, "enabled" if enabled else "disabled", by=by, user=name)

    # Passwords.

    def offer_reset(self, name: str, *, by: str) -> str:
        """Return a one-time token with which a user chooses a new password.

        Parameters
        ----------
        name
            Who.
        by
            The admin.

        Returns
        -------
        str
            To be handed over by another way; older ones are void.

        Raises
        ------
        AccessError
            If they are unknown.
        """
        user = self._require(name)
        token = self._issue("reset", user.name)
        self._trail.note(Log.TOKENS, "issued", by=by, user=user.name, token=_digest(token)[:16])
        return token

    def reset(self, name: str, token: str, password: str) -> None:
        """Choose a new password with a token; every session of the user ends.

        Parameters
        ----------
        name
            Who.
        token
            From `offer_reset`; it is used up by a success alone.
        password
            The new one.

        Raises
        ------
        AccessError
            If the token is wrong, used, too old or another user's.
        ConfigError
            If the password is not acceptable.
        """
        passwords.require_fit(password, name)
        kept = passwords.hashed(password, cost=self._cost)
        with transaction(self._db):
            self._use("reset", name, token)
            self._db.execute(
                "UPDATE users SET password = ?, changed_at = ? WHERE name = ?",
                (kept, self._at(), name),
            )
            self._db.execute("DELETE FROM attempts WHERE account = ?", (name,))
            self._end_all(name)
        self._trail.note(Log.TOKENS, "used", by=name, token=_digest(token)[:16])
        self._trail.note(Log.SECURITY, "password_changed", by=name, user=name)

    # Sessions.

    def log_in(self, name: str, password: str, *, address: str = "local") -> str:
        """Begin a session.

        Parameters
        ----------
        name, password
            As typed.
        address
            From where.

        Returns
        -------
        str
            The session's id, 256 bits; for the user's cookie and nowhere else.

        Raises
        ------
        AccessError
            If name or password are wrong, the user is disabled, or there were too many attempts;
            the answer and the time that it takes are the same.
        """
        now = self._now()
        row = self._db.execute(
            "SELECT password FROM users WHERE name = ? AND enabled = 1", (name,)
        ).fetchone()
        same = passwords.matches(password, None if row is None else row[0])
        if self._too_many(name, address, now) or not same:
            self._db.execute("INSERT INTO attempts VALUES (?,?,?)", (now, name[:64], address))
            self._trail.note(Log.AUTH, "login_refused", by=name[:64], address=address)
            raise AccessError(_REFUSED, fix="try again in 15 minutes, or ask an admin for a reset")
        key = self._draw(32)
        with transaction(self._db):
            self._db.execute(
                "DELETE FROM attempts WHERE account = ? OR at_s < ?", (name, now - ADDRESS_WINDOW_S)
            )
            self._db.execute(
                "INSERT INTO sessions VALUES (?,?,?,?,?)",
                (_digest(key), self._require(name).name, now, now, now),
            )
        self._trail.note(Log.AUTH, "login", by=name, address=address)
        self._trail.note(Log.ACTIVITY, "session_begun", by=name, session=_digest(key)[:16])
        return key

    def prove(self, key: str, password: str) -> None:
        """Give the password once more, for an action that asks for it.

        Parameters
        ----------
        key
            The session's id.
        password
            As typed.

        Raises
        ------
        AccessError
            If the session has ended or the password is wrong.
        """
        user = self.who(key)
        if user is None:
            self._refuse("", Action.VIEW_STATUS, "the session has ended")
        (kept,) = self._db.execute(
            "SELECT password FROM users WHERE name = ?", (user.name,)
        ).fetchone()
        now = self._now()
        if self._too_many(user.name, "", now) or not passwords.matches(password, kept):
            self._db.execute("INSERT INTO attempts VALUES (?,?,'')", (now, user.name))
            self._trail.note(Log.AUTH, "proof_refused", by=user.name)
            raise AccessError(_REFUSED, fix="try again in 15 minutes, or ask an admin for a reset")
        self._db.execute("UPDATE sessions SET proved_s = ? WHERE digest = ?", (now, _digest(key)))
        self._trail.note(Log.AUTH, "proof", by=user.name)

    def who(self, key: str) -> User | None:
        """Return whose session an id is, and note its use; None when it has ended.

        Parameters
        ----------
        key
            The session's id.

        Returns
        -------
        User or None
            As the database has them now; None also for a user that was disabled.
        """
        now, digest = self._now(), _digest(key)
        row = self._db.execute(
            "SELECT user, begun_s, seen_s FROM sessions WHERE digest = ?", (digest,)
        ).fetchone()
        if row is None:
            return None
        name, begun, seen = row
        user = self.get(name)
        over = not 0.0 <= now - seen < IDLE_S or not 0.0 <= now - begun < ABSOLUTE_S
        if over or user is None or not user.enabled:
            self._db.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
            self._trail.note(Log.ACTIVITY, "session_expired", by=name, session=digest[:16])
            return None
        self._db.execute("UPDATE sessions SET seen_s = ? WHERE digest = ?", (now, digest))
        return user

    def require(self, key: str, action: Action) -> User:
        """Return whose session it is when they may do this now; refuse and note it otherwise.

        Parameters
        ----------
        key
            The session's id.
        action
            What is about to be done; asked at the moment it is done.

        Returns
        -------
        User
            Who does it.

        Raises
        ------
        AccessError
            If the session has ended, the role is not granted the action, or the action asks for
            the password again and it was not given just now.
        """
        user = self.who(key)
        if user is None:
            self._refuse("", action, "the session has ended")
        if not may(user.role, action):
            self._refuse(user.name, action, f"a {user.role} may not {action.replace('_', ' ')}")
        if asks_again(action) and not self._is_fresh(key):
            self._refuse(user.name, action, "the password must be given again")
        self._trail.note(Log.ACTIVITY, "allowed", by=user.name, action=action)
        return user

    def log_out(self, key: str) -> None:
        """End a session; one that has ended stays so."""
        row = self._db.execute(
            "DELETE FROM sessions WHERE digest = ? RETURNING user", (_digest(key),)
        ).fetchone()
        if row is not None:
            self._trail.note(Log.ACTIVITY, "session_ended", by=row[0], session=_digest(key)[:16])

    # The parts.

    def _refuse(self, name: str, action: Action, reason: str) -> NoReturn:
        self._trail.note(Log.ACTIVITY, "refused", by=name, action=action, reason=reason)
        raise AccessError(reason, fix="log in with a user who may")

    def _is_fresh(self, key: str) -> bool:
        (proved,) = self._db.execute(
            "SELECT proved_s FROM sessions WHERE digest = ?", (_digest(key),)
        ).fetchone()
        return bool(0.0 <= self._now() - proved < FRESH_S)

    def _too_many(self, name: str, address: str, now: float) -> bool:
        (on_account,) = self._db.execute(
            "SELECT count(*) FROM attempts WHERE account = ? AND at_s > ?",
            (name, now - ACCOUNT_WINDOW_S),
        ).fetchone()
        (from_address,) = self._db.execute(
            "SELECT count(*) FROM attempts WHERE address = ? AND address <> '' AND at_s > ?",
            (address, now - ADDRESS_WINDOW_S),
        ).fetchone()
        return bool(on_account >= ACCOUNT_TRIES or from_address >= ADDRESS_TRIES)

    def _issue(self, purpose: str, user: str) -> str:
        token = self._draw(24)
        with transaction(self._db):
            self._db.execute("DELETE FROM tokens WHERE purpose = ? AND user = ?", (purpose, user))
            self._db.execute(
                "INSERT INTO tokens VALUES (?,?,?,?)",
                (_digest(token), purpose, user, self._now() + TOKEN_S),
            )
        return token

    def _use(self, purpose: str, user: str, token: str) -> None:
        row = self._db.execute(
            "DELETE FROM tokens WHERE digest = ? AND purpose = ? AND user = ? RETURNING expires_s",
            (_digest(token), purpose, user),
        ).fetchone()
        if row is None or not 0.0 < row[0] - self._now() <= TOKEN_S:
            self._trail.note(Log.TOKENS, "refused", by=user, purpose=purpose)
            msg = "the token must be the last one issued, unused and no older than 10 minutes"
            raise AccessError(msg, fix="ask for a new one")

    def _insert(self, name: str, role: Role, kept: str) -> None:
        at = self._at()
        self._db.execute("INSERT INTO users VALUES (?,?,?,1,?,?)", (name, role, kept, at, at))

    def _require(self, name: str) -> User:
        user = self.get(name)
        if user is None:
            msg = f"there is no user {name!r}"
            raise AccessError(msg, fix="rigd users list")
        return user

    def _require_other_admin(self, user: User) -> None:
        if user.role is not Role.ADMIN:
            return
        (others,) = self._db.execute(
            "SELECT count(*) FROM users WHERE role = 'admin' AND enabled = 1 AND name <> ?",
            (user.name,),
        ).fetchone()
        if not others:
            msg = f"{user.name} is the last admin: nobody could manage users any more"
            raise AccessError(msg, fix="make somebody else an admin first")

    def _end_all(self, name: str) -> None:
        self._db.execute("DELETE FROM sessions WHERE user = ?", (name,))

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _at(self) -> str:
        return iso(self._clock.now())


def _user(row: tuple[str, str, int, str, str]) -> User:
    name, role, enabled, created_at, changed_at = row
    return User(
        name=name,
        role=Role(role),
        enabled=bool(enabled),
        created_at=created_at,
        changed_at=changed_at,
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        msg = f"a user's name must be 2 to 64 of a-z, 0-9, '.', '_' and '-', was {name!r}"
        raise ConfigError(msg, fix="choose a name in small letters")
