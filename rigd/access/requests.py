"""Requests: what a page asks of the supervisor, as one signed file that expires (FAULTS §3 rule 8).

A page has no authority. `Requests.send` asks whether its log-in may do this, and leaves one file in
``runs/control/``: a flag for start, stop, kill and tests, a request for everything else. The
supervisor takes each file once, checks signature, age and number, asks SYSTEM_USERS.db again
whether this log-in may do this now, acts, and leaves the answer. Keys live as long as one
supervisor: what it did not take in time means nothing to the next one. Stop and kill need no
supervisor: the engine obeys them in any form.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from rigd.access.roles import Action
from rigd.core.clock import from_iso, iso
from rigd.core.errors import (
    AccessError,
    ConfigError,
    LogicError,
    RigdError,
    SecretError,
    StorageError,
)
from rigd.core.events import Command
from rigd.store.control import (
    ANSWER_FILE,
    FLAG_LIFE_S,
    MAX_MESSAGE_BYTES,
    REQUEST_FILE,
    ControlFolder,
    mac_of,
    read_message,
    vouches,
)
from rigd.store.files import SECRET_FOLDER_MODE, SECRET_MODE, make_folder, remove, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rigd.core.ports import ControlClock, IdSource
    from rigd.store.paths import Home
    from rigd.vault.sealed_box import BoxKey

COMMANDS: Final = MappingProxyType({
    Action.START: Command.START,
    Action.START_LIVE: Command.START,
    Action.STOP: Command.STOP,
    Action.KILL: Command.KILL,
})
"""Actions that are flags, because the engine, or a person with `touch`, knows them too."""

REQUESTS: Final = frozenset({
    Action.DEFENSE,
    Action.EDIT_SETTINGS,
    Action.RESET_KILL,
    Action.ROTATE_KEYS,
    Action.ACKNOWLEDGE_ALERT,
    Action.CONFIRM_TRADE,
    Action.APPROVE_PROPOSAL,
    Action.EDIT_CHART,
    Action.EDIT_CONFIGURATION,
})
"""Actions that travel as a request; `RUN_TESTS` is the flag of a test."""

LIFE_S: Final = FLAG_LIFE_S
ANSWER_LIFE_S: Final = 3600
"""How long an answer can be read [s]."""

SOURCE: Final = "panel"
MOST_AT_ONCE: Final = 32
"""Requests that are taken in one look; the rest waits for the next, or expires."""
_NUMBER = re.compile(r"[0-9a-f]{32}")
_FORGED = "its signature is not right: it is not from a page of this supervisor"
_FIELDS = ("id", "action", "by", "session", "why", "box", "issued", "expires")


class Person(Protocol):
    """Who is logged in."""

    @property
    def name(self) -> str:
        """Their name."""
        ...


class LogIn(Protocol):
    """A page's log-in (`rigd.access.session.Session`)."""

    @property
    def digest(self) -> str:
        """What the database knows it by; never the key itself."""
        ...

    def require(self, action: Action) -> Person:
        """Return who it is when they may do this now; AccessError otherwise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a request.

    Parameters
    ----------
    done
        Whether it was done.
    text
        What was done, or why not; for people.
    at
        When, UTC.
    """

    done: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the supervisor took it.

    Parameters
    ----------
    number
        Its id, 32 hexadecimal digits, never used twice.
    action
        What is asked for.
    by, session
        Who asks, and the digest of their log-in.
    why
        The reason.
    payload
        What belongs to the action, by name.
    refused
        Why it must not be done; blank when nothing is wrong with the message itself.
    """

    number: str
    action: Action
    by: str
    session: str
    why: str
    payload: Mapping[str, str]
    refused: str = ""


class Requests:
    """A page's way to the supervisor.

    Parameters
    ----------
    home
        Whose supervisor.
    clock, ids
        The control clock and the source of nonces.
    """

    def __init__(self, home: Home, clock: ControlClock, ids: IdSource) -> None:
        self._control = home.control
        self._keys = home.request_keys
        self._clock = clock
        self._ids = ids

    def send(
        self,
        session: LogIn,
        action: Action,
        *,
        why: str = "",
        payload: Mapping[str, str] | None = None,
    ) -> str:
        """Ask for an action.

        Parameters
        ----------
        session
            Who asks; whether they may is asked first, and noted.
        action
            What for.
        why
            The reason.
        payload
            What belongs to it, by name; it is sealed, so secrets may be among it.

        Returns
        -------
        str
            The request's number, for `answer`.

        Raises
        ------
        AccessError
            If they may not, or no supervisor runs that could do it.
        ConfigError
            If it is larger than `store.control.MAX_MESSAGE_BYTES`.
        LogicError
            If the action is done by no request.
        StorageError
            If the disk refuses.
        """
        user = session.require(action)
        if action is Action.RUN_TESTS:
            return self._ask_for_test((payload or {}).get("test", ""), user.name, session.digest)
        if (command := COMMANDS.get(action)) is not None:
            return self._raise_flag(command, user.name, why, session.digest)
        if action not in REQUESTS:
            msg = f"a request must be for one of {sorted(REQUESTS)}, was {action.value}"
            raise LogicError(msg)
        return self._write(session.digest, user.name, action, why, dict(payload or {}))

    def answer(self, number: str) -> Answer | None:
        """Return what came of a request; None while nothing has.

        Parameters
        ----------
        number
            What `send` returned.

        Returns
        -------
        Answer or None
            It can be read for an hour.
        """
        if not _NUMBER.fullmatch(number):
            return None
        held = read_message(self._control / ANSWER_FILE.format(number))
        try:
            return Answer(
                done=held["done"] is True, text=str(held["text"]), at=from_iso(str(held["at"]))
            )
        except (KeyError, ValueError, LogicError):
            return None

    def _ask_for_test(self, test: str, by: str, session: str) -> str:
        number = self._ids.nonce()
        flags = ControlFolder(self._control, self._clock, self._ids)
        flags.raise_test(test, by, SOURCE, session=session, nonce=number)
        return number

    def _raise_flag(self, command: Command, by: str, why: str, session: str) -> str:
        """Raise a flag; stop and kill need no supervisor that could check who asks."""
        try:
            mac, _ = self._published()
        except AccessError:
            if command is Command.START:
                raise
            mac, session = b"", ""
        flags = ControlFolder(self._control, self._clock, self._ids, key=mac)
        return flags.raise_flag(command, by, why, SOURCE, session=session)

    def _published(self) -> tuple[bytes, bytes]:
        """Return what the supervisor published at its start: the keys to sign and to seal with."""
        held = read_message(self._keys)
        try:
            return bytes.fromhex(held["mac"]), bytes.fromhex(held["box"])
        except (KeyError, TypeError, ValueError) as error:
            msg = "a supervisor must run to do this, found none"
            raise AccessError(msg, fix="rigd up") from error

    def _write(
        self, session: str, by: str, action: Action, why: str, payload: dict[str, str]
    ) -> str:
        from rigd.vault.sealed_box import seal_for  # noqa: PLC0415 - many pages send none

        mac, box = self._published()
        number, now = self._ids.nonce(), self._clock.now()
        inside = json.dumps(payload, sort_keys=True).encode()
        content = {
            "id": number,
            "action": action.value,
            "by": by,
            "session": session,
            "why": why,
            "box": base64.b64encode(seal_for(box, inside, bound=number.encode())).decode(),
            "issued": iso(now),
            "expires": iso(now + timedelta(seconds=LIFE_S)),
        }
        text = json.dumps(content | {"mac": mac_of(mac, content)}, indent=1).encode() + b"\n"
        if len(text) > MAX_MESSAGE_BYTES:
            msg = f"a request must be at most {MAX_MESSAGE_BYTES} bytes, was {len(text)}"
            raise ConfigError(msg)
        replace(self._control / REQUEST_FILE.format(number), text, SECRET_MODE)
        return number


class Inbox:
    """The supervisor's side: publishes its keys, takes requests once, answers them.

    Parameters
    ----------
    home
        Whose.
    clock
        The control clock.
    box
        Opens what was sealed for this supervisor.
    draw
        Draws bytes for the key that signs.
    """

    def __init__(
        self,
        home: Home,
        clock: ControlClock,
        box: BoxKey,
        draw: Callable[[int], bytes],
    ) -> None:
        self._control = home.control
        self._keys = home.request_keys
        self._clock = clock
        self._box = box
        self.mac_key = draw(32)
        self._used: dict[str, datetime] = {}

    def open(self) -> None:
        """Publish the keys; what an earlier supervisor left is refused from now on."""
        make_folder(self._keys.parent, SECRET_FOLDER_MODE)
        content = {"mac": self.mac_key.hex(), "box": self._box.public.hex()}
        replace(self._keys, json.dumps(content).encode() + b"\n", SECRET_MODE)

    def close(self) -> None:
        """Take the keys back: nothing is accepted any more."""
        remove(self._keys)

    def take(self) -> list[Request]:
        """Return requests that lie there, oldest first; each is removed before it is returned.

        Returns
        -------
        list of Request
            At most `MOST_AT_ONCE`. A crash loses what was taken and not done: its sender sees no
            answer and asks again. What cannot be removed, such as a folder, is left alone.
        """
        found: list[tuple[str, Request]] = []
        for path in sorted(self._control.glob(REQUEST_FILE.format("*"))):
            number = path.stem.removeprefix("request_")
            if len(found) == MOST_AT_ONCE or not _NUMBER.fullmatch(number):
                continue
            held = read_message(path)
            with suppress(StorageError):
                if remove(path):
                    found.append((str(held.get("issued", "")), self._judge(number, held)))
        return [request for _, request in sorted(found, key=lambda pair: pair[0])]

    def answer(self, number: str, text: str, *, done: bool) -> None:
        """Leave what came of a request; older answers go.

        Parameters
        ----------
        number, text, done
            The request's number, and the answer.
        """
        if not _NUMBER.fullmatch(number):
            return
        content = {"done": done, "text": text, "at": iso(self._clock.now())}
        path = self._control / ANSWER_FILE.format(number)
        replace(path, json.dumps(content).encode() + b"\n", SECRET_MODE)
        for old in self._old_answers():
            with suppress(StorageError):
                remove(old)

    def _old_answers(self) -> Iterator[Path]:
        oldest = self._clock.now().timestamp() - ANSWER_LIFE_S
        for path in self._control.glob(ANSWER_FILE.format("*")):
            with suppress(FileNotFoundError):
                if path.lstat().st_mtime < oldest:
                    yield path

    def _judge(self, number: str, held: dict[str, Any]) -> Request:
        """Return a request, refused where it is not fresh and ours; its content only when it is."""
        texts = all(isinstance(held.get(name), str) for name in (*_FIELDS, "mac"))
        if not texts or held["action"] not in {action.value for action in REQUESTS}:
            return _refusal(number, "a request must be what a page wrote, found something else")
        ours = held["id"] == number and self._vouches(held)
        try:
            refused = self._stale(number, held) if ours else _FORGED
            payload = {} if refused else self._payload(number, held["box"])
        except (RigdError, ValueError) as error:
            refused, payload = str(error), {}
        return Request(
            number=number,
            action=Action(held["action"]),
            by=held["by"][:64] if ours else "",  # a forged name is nobody's in the audit
            session=held["session"][:64],
            why=held["why"][:400],
            payload=MappingProxyType(payload),
            refused=refused,
        )

    def _vouches(self, held: dict[str, Any]) -> bool:
        return vouches(self.mac_key, {name: held[name] for name in _FIELDS}, held["mac"])

    def _stale(self, number: str, held: dict[str, Any]) -> str:
        now = self._clock.now()
        if number in self._used:
            return "it was used before"
        expires, issued = from_iso(held["expires"]), from_iso(held["issued"])
        if expires - issued > timedelta(seconds=LIFE_S):
            return f"it claims to be valid for more than {LIFE_S} s"
        if not issued - timedelta(seconds=2) <= now < expires:
            return f"it must be taken within {LIFE_S} s, it expired at {held['expires']}"
        self._used = {used: until for used, until in self._used.items() if until > now}
        self._used[number] = expires
        return ""

    def _payload(self, number: str, box: str) -> dict[str, str]:
        inside = self._box.open(base64.b64decode(box), bound=number.encode())
        held = json.loads(inside)
        if not isinstance(held, dict) or not all(isinstance(text, str) for text in held.values()):
            msg = "a request's content must be texts by name"
            raise SecretError(msg)
        return held


def _refusal(number: str, why: str) -> Request:
    return Request(
        number=number,
        action=Action.VIEW_STATUS,
        by="",
        session="",
        why="",
        payload=MappingProxyType({}),
        refused=why,
    )
