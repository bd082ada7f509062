"""Users, and what proves who somebody is: SYSTEM_USERS.db (document 090).

Everything is decided from the database at the moment it is asked: a role that was taken away, a
user that was disabled or a session that was ended has no effect any more with the next question.
Ids of sessions and tokens are kept as SHA-256 alone, so that the file opens nothing.
Source: FAULTS §4.7 S05 (guessing), S06 (passwords), S07 (sessions), S21 and S24 (tokens).
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from rigd.access import passwords
from rigd.access.devices import device_key
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

SEEN_STEP_S: Final = 10.0
"""A use of a session is written when the last one is so old [s]."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_REFUSED = "name or password is not right, or there were too many attempts"
_TRY_LATER = "try again in 15 minutes, or ask an admin for a reset"


class LockedOutError(AccessError):
    """There were too many attempts; nothing was verified."""


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
        self._own: set[int] = set()
        migrate(connection)
        self._write_rows()

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
        with transaction(self._db):
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
        self._require_token("register", "", token)
        kept = self._kept(name, password)
        with self._change() as note:
            if not self.nobody:
                msg = "the first registration must come before every user, found users"
                raise AccessError(msg, fix="ask an admin for a user")
            self._use("register", "", token)
            self._insert(name, Role.ADMIN, kept)
            note(Log.USERS, "registered", by=name, role=Role.ADMIN)
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
        kept = self._kept(name, password)
        with self._change() as note:
            if self.get(name) is not None:
                msg = f"a user's name must be new, found {name!r}"
                raise ConfigError(msg, fix="choose another name")
            self._insert(name, role, kept)
            note(Log.USERS, "added", by=by, user=name, role=role)
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
        with self._change() as note:
            self._require_other_admin(self._require(name))
            self._db.execute("DELETE FROM tokens WHERE user = ?", (name,))
            self._db.execute("DELETE FROM users WHERE name = ?", (name,))
            note(Log.USERS, "removed", by=by, user=name)

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
        with self._change() as note:
            before = self._require(name)
            if role is not Role.ADMIN:
                self._require_other_admin(before)
            self._db.execute(
                "UPDATE users SET role = ?, changed_at = ? WHERE name = ?", (role, self._at(), name)
            )
            note(Log.SECURITY, "role_changed", by=by, user=name, before=before.role, after=role)

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
        with self._change() as note:
            before = self._require(name)
            if not enabled:
                self._require_other_admin(before)
                self._end_all(name)
            self._db.execute(
                "UPDATE users SET enabled = ?, changed_at = ? WHERE name = ?",
                (int(enabled), self._at(), name),
            )
            note(Log.SECURITY, "enabled" if enabled else "disabled", by=by, user=name)

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
        with self._change() as note:
            token = self._issue("reset", user.name)
            note(Log.TOKENS, "issued", by=by, user=user.name, token=digest_of(token)[:16])
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
        self._require_token("reset", name, token)
        kept = self._kept(name, password)
        with self._change() as note:
            self._use("reset", name, token)
            self._db.execute(
                "UPDATE users SET password = ?, changed_at = ? WHERE name = ?",
                (kept, self._at(), name),
            )
            self._db.execute("DELETE FROM attempts WHERE account = ?", (name,))
            self._end_all(name)
            note(Log.TOKENS, "used", by=name, token=digest_of(token)[:16])
            note(Log.SECURITY, "password_changed", by=name, user=name)

    # Sessions.

    def log_in(self, name: str, password: str, *, address: str = "local", device: str = "") -> str:
        """Begin a session.

        Parameters
        ----------
        name, password
            As typed.
        address
            From where.
        device
            What a browser keeps that logged in before as this user, verified by the caller; its
            attempts are counted apart, so that a stranger's guesses do not lock the user out, not
            even those from the same address: over a loopback every browser has that of strangers.

        Returns
        -------
        str
            The session's id, 256 bits; for the user's cookie and nowhere else.

        Raises
        ------
        AccessError
            If name or password are wrong or the user is disabled; the answer and the time that it
            takes are the same.
        LockedOutError
            If there were too many attempts, whether there is such a user or not.
        """
        lane = self._lane(name, device)
        self._admit_attempt(lane, address, name, "login_refused", known=bool(device))
        kept = self._password_of(name)
        if not passwords.matches(password, kept):
            self._trail.note(Log.AUTH, "login_refused", by=self._known(name), address=address)
            raise AccessError(_REFUSED, fix=_TRY_LATER)
        key, now = self._draw(32), self._now()
        with self._change() as note:
            if self._password_of(name) != kept:  # changed or disabled while it was verified
                raise AccessError(_REFUSED, fix=_TRY_LATER)
            self._db.execute("DELETE FROM attempts WHERE account = ?", (lane,))
            self._db.execute(
                "INSERT INTO sessions VALUES (?,?,?,?,?)",
                (digest_of(key), self._require(name).name, now, now, now),
            )
            note(Log.AUTH, "login", by=name, address=address)
            note(Log.ACTIVITY, "session_begun", by=name, session=digest_of(key)[:16])
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
        LockedOutError
            If there were too many attempts in this session.
        """
        user, digest = self.who(key), digest_of(key)
        if user is None:
            self._refuse("", Action.VIEW_STATUS, "the session has ended")
        lane = f"{user.name}@{digest[:16]}"
        self._admit_attempt(lane, "", user.name, "proof_refused")
        if not passwords.matches(password, self._password_of(user.name)):
            self._trail.note(Log.AUTH, "proof_refused", by=user.name)
            raise AccessError(_REFUSED, fix=_TRY_LATER)
        with self._change() as note:
            self._db.execute("DELETE FROM attempts WHERE account = ?", (lane,))
            self._db.execute(
                "UPDATE sessions SET proved_s = ? WHERE digest = ?", (self._now(), digest)
            )
            note(Log.AUTH, "proof", by=user.name)

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
        return self.holder(digest_of(key))

    def holder(self, digest: str) -> User | None:
        """Return whose session a digest is of, as `who` does."""
        now = self._now()
        found = standing(self._db, digest, now)
        if found is None:
            self._expire(digest)
            return None
        if now - found.seen_s >= SEEN_STEP_S:
            self._db.execute("UPDATE sessions SET seen_s = ? WHERE digest = ?", (now, digest))
        return found.user

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
        return self.require_digest(digest_of(key), action)

    def require_digest(self, digest: str, action: Action) -> User:
        """Do what `require` does for the digest of a session's id."""
        user = self.holder(digest)
        if user is None:
            self._refuse("", action, "the session has ended")
        if not may(user.role, action):
            self._refuse(user.name, action, f"a {user.role} may not {action.replace('_', ' ')}")
        if asks_again(action) and not self._is_fresh(digest):
            self._refuse(user.name, action, "the password must be given again")
        self._trail.note(Log.ACTIVITY, "allowed", by=user.name, action=action)
        return user

    def device_key(self, name: str) -> str:
        """Return what signs the cookies by which a user's browsers are known."""
        return device_key(self._db, name, draw=self._draw)

    def log_out(self, key: str) -> None:
        """End a session; one that has ended stays so."""
        self._end(digest_of(key), "session_ended")

    # The parts.

    def _refuse(self, name: str, action: Action, reason: str) -> NoReturn:
        self._trail.note(Log.ACTIVITY, "refused", by=name, action=action, reason=reason)
        raise AccessError(reason, fix="log in with a user who may")

    def _is_fresh(self, digest: str) -> bool:
        found = standing(self._db, digest, self._now())
        return found is not None and 0.0 <= self._now() - found.proved_s < FRESH_S

    def _expire(self, digest: str) -> None:
        """End a session that is over; an id that is none costs no writing."""
        row = self._db.execute("SELECT 1 FROM sessions WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            self._end(digest, "session_expired")

    def _end(self, digest: str, event: str) -> None:
        with self._change() as note:
            row = self._db.execute(
                "DELETE FROM sessions WHERE digest = ? RETURNING user", (digest,)
            ).fetchone()
            if row is not None:
                note(Log.ACTIVITY, event, by=row[0], session=digest[:16])

    def _password_of(self, name: str) -> str | None:
        """Return the hash of a user who may log in; None for any other name."""
        row = self._db.execute(
            "SELECT password FROM users WHERE name = ? AND enabled = 1", (name,)
        ).fetchone()
        return None if row is None else str(row[0])

    def _admit_attempt(
        self, lane: str, address: str, name: str, event: str, *, known: bool = False
    ) -> None:
        """Count an attempt before anything is verified, so that many at once are no way around.

        A browser that is known has its lane alone, not its address, against it.

        Raises
        ------
        LockedOutError
            If there were too many.
        """
        now = self._now()
        with transaction(self._db):
            self._db.execute("DELETE FROM attempts WHERE at_s < ?", (now - ADDRESS_WINDOW_S,))
            counted = "" if known else address
            locked = self._too_many(lane, counted, now)
            if not locked:
                self._db.execute("INSERT INTO attempts VALUES (?,?,?)", (now, lane, counted))
        if locked:
            by = self._known(name)
            self._trail.note(Log.AUTH, event, by=by, address=address, locked=True)
            raise LockedOutError(_REFUSED, fix=_TRY_LATER)

    def _known(self, name: str) -> str:
        """Return a name as a log may have it; blank when nobody has it: it may be a password."""
        return "" if self.get(name) is None else name

    def _lane(self, name: str, device: str) -> str:
        """Return what attempts are counted by: a user, a browser of theirs, or what was typed."""
        known = self._known(name) or digest_of(name)
        return f"{known}@{digest_of(device)[:16]}" if device else known

    def _too_many(self, lane: str, address: str, now: float) -> bool:
        (on_account,) = self._db.execute(
            "SELECT count(*) FROM attempts WHERE account = ? AND at_s > ?",
            (lane, now - ACCOUNT_WINDOW_S),
        ).fetchone()
        (from_address,) = self._db.execute(
            "SELECT count(*) FROM attempts WHERE address = ? AND address <> '' AND at_s > ?",
            (address, now - ADDRESS_WINDOW_S),
        ).fetchone()
        return bool(on_account >= ACCOUNT_TRIES or from_address >= ADDRESS_TRIES)

    @contextmanager
    def _change(self) -> Iterator[Callable[..., None]]:
        """Do a change and its rows of the logs whole or not at all.

        The rows are committed with the change and then written to their logs; those that a crash
        left behind are written by the next opening.

        Yields
        ------
        callable
            Keeps a row, as `Trail.note` would write it.
        """
        with transaction(self._db):
            yield self._keep_row
        self._write_rows()

    def _keep_row(self, log: Log, event: str, *, by: str, **fields: object) -> None:
        line = self._trail.line(event, by=by, **fields)
        (number,) = self._db.execute(
            "INSERT INTO rows_to_write(log, line) VALUES (?,?) RETURNING number", (log, line)
        ).fetchone()
        self._own.add(number)

    def _write_rows(self) -> None:
        if self._db.execute("SELECT 1 FROM rows_to_write LIMIT 1").fetchone() is None:
            return
        with transaction(self._db):
            rows = self._db.execute(
                "SELECT number, log, line FROM rows_to_write ORDER BY number"
            ).fetchall()
            for number, log, line in rows:
                row = json.dumps(json.loads(line) | {"row": number}, sort_keys=True)
                if number in self._own or not self._trail.holds(Log(log), row):
                    self._trail.append(Log(log), row)
            self._db.execute("DELETE FROM rows_to_write")
        self._own.clear()

    def _kept(self, name: str, password: str) -> str:
        _require_name(name)
        passwords.require_fit(password, name)
        return passwords.hashed(password, cost=self._cost)

    def _require_token(self, purpose: str, user: str, token: str) -> None:
        """Refuse a wrong token before a password is hashed for it."""
        row = self._db.execute(
            "SELECT expires_s FROM tokens WHERE digest = ? AND purpose = ? AND user = ?",
            (digest_of(token), purpose, user),
        ).fetchone()
        if row is None and (purpose != "register" or self.nobody):
            self._refuse_token(purpose, user)

    def _refuse_token(self, purpose: str, user: str) -> NoReturn:
        self._trail.note(Log.TOKENS, "refused", by=self._known(user), purpose=purpose)
        msg = "the token must be the last one issued, unused and no older than 10 minutes"
        raise AccessError(msg, fix="ask for a new one")

    def _issue(self, purpose: str, user: str) -> str:
        token = self._draw(24)
        self._db.execute("DELETE FROM tokens WHERE purpose = ? AND user = ?", (purpose, user))
        self._db.execute(
            "INSERT INTO tokens VALUES (?,?,?,?)",
            (digest_of(token), purpose, user, self._now() + TOKEN_S),
        )
        return token

    def _use(self, purpose: str, user: str, token: str) -> None:
        row = self._db.execute(
            "DELETE FROM tokens WHERE digest = ? AND purpose = ? AND user = ? RETURNING expires_s",
            (digest_of(token), purpose, user),
        ).fetchone()
        if row is None or not 0.0 < row[0] - self._now() <= TOKEN_S:
            self._refuse_token(purpose, user)

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


class Standing(NamedTuple):
    """A session that has not ended."""

    user: User
    seen_s: float
    proved_s: float


def standing(connection: sqlite3.Connection, digest: str, now_s: float) -> Standing | None:
    """Return a session as it is now; nothing is written.

    Parameters
    ----------
    connection
        SYSTEM_USERS.db; one that only reads is enough.
    digest
        Of the session's id.
    now_s
        The time [s since 1970].

    Returns
    -------
    Standing or None
        None when it has ended, is too old or unused for too long, or its user is disabled.
    """
    row = connection.execute(
        "SELECT name, role, enabled, created_at, changed_at, begun_s, seen_s, proved_s"
        " FROM sessions JOIN users ON users.name = sessions.user WHERE digest = ?",
        (digest,),
    ).fetchone()
    if row is None or not row[2]:
        return None
    begun, seen, proved = row[5:]
    if not 0.0 <= now_s - seen < IDLE_S or not 0.0 <= now_s - begun < ABSOLUTE_S:
        return None
    return Standing(_user(row[:5]), seen, proved)


def _user(row: tuple[str, str, int, str, str]) -> User:
    name, role, enabled, created_at, changed_at = row
    return User(
        name=name,
        role=Role(role),
        enabled=bool(enabled),
        created_at=created_at,
        changed_at=changed_at,
    )


def digest_of(key: str) -> str:
    """Return what the database knows a session's id or a token by."""
    return hashlib.sha256(key.encode()).hexdigest()


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        msg = f"a user's name must be 2 to 64 of a-z, 0-9, '.', '_' and '-', was {name!r}"
        raise ConfigError(msg, fix="choose a name in small letters")
