"""Control flags: files by which a person asks the bot to start, stop or kill.

A flag is a request, not an order with authority: it says who asks, why and until when. Kill
precedes stop precedes start. Stop and kill are obeyed in any form, also bare, malformed or old,
because refusing them is the greater danger; start is obeyed only when it is fresh and new
(documents 070 and 090, SPEC §10).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rigd.core.clock import from_iso, iso
from rigd.core.errors import DataError, LogicError, Problem, StorageError
from rigd.core.events import Command
from rigd.store.files import SECRET_MODE, remove, replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.core.ports import ControlClock, IdSource

FLAG_LIFE_S = 30
"""How long a flag may start something [s] (FAULTS §3, rule 8)."""

REQUEST_FILE = "request_{}.json"
ANSWER_FILE = "answer_{}.json"
"""A request to the supervisor, and what came of it (`rigd.access.requests`)."""

MAX_MESSAGE_BYTES = 256 * 1024
"""The largest request: a whole chart of accounts has room."""

_MAX_BYTES = 4096
_MAX_TEXT = 200
_CLOCK_SLACK_S = 2
_USED = "control_nonces.json"
STATE_FILE = "bot_state.txt"
RESIDENT_FILE = "resident.json"
"""Lie beside the flags; the launcher writes the one, the resident supervisor the other."""
TEST_FLAG = "test_mode.flag"
"""Asks for a dry run of the whole bot, ``test_mode_<test>.flag`` for one test (document 070)."""
_TEST = re.compile(r"test_mode(?:_([a-z][a-z0-9_]{0,60}))?\.flag\Z")
_MESSAGE = re.compile(r"(?:request|answer)_[0-9a-f]{32}\.json\Z")
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A row of the table of control flags.

    Parameters
    ----------
    name
        The file that is written.
    also
        The older form that is accepted (document 090).
    command
        What it asks for.
    writer, reader
        Who raises it and who obeys it.
    expiry_s
        How long it is obeyed [s]; None when it is obeyed at any age.
    """

    name: str
    also: str
    command: Command
    writer: str
    reader: str
    expiry_s: int | None


FLAGS = (
    Flag(
        name="control_kill.flag",
        also="control_kill.txt",
        command=Command.KILL,
        writer="widgets",
        reader="rigd.engine.commands",
        expiry_s=None,
    ),
    Flag(
        name="control_stop.flag",
        also="control_stop.txt",
        command=Command.STOP,
        writer="widgets",
        reader="rigd.engine.commands",
        expiry_s=None,
    ),
    Flag(
        name="control_start.flag",
        also="control_start.txt",
        command=Command.START,
        writer="widgets",
        reader="rigd.hosts.supervisor",
        expiry_s=FLAG_LIFE_S,
    ),
)
"""Every control flag, strongest first."""

_BY_FILE = MappingProxyType({file: flag for flag in FLAGS for file in (flag.name, flag.also)})
_BY_COMMAND = MappingProxyType({flag.command: flag for flag in FLAGS})
_ORDER = MappingProxyType({file: place for place, file in enumerate(_BY_FILE)})


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSeen:
    """A flag that lies in the control folder.

    Parameters
    ----------
    command
        What it asks for.
    file
        Its file name, as it was seen.
    signed
        Whether it carries a valid, fresh, unused nonce.
    by, why, source
        Who asks, why and from where; blank when it does not say.
    refused
        Why it must not be obeyed; blank when it must. Only a start is ever refused.
    nonce
        Its id; blank without one.
    note
        Why it is unsigned; blank when it is signed.
    session
        Digest of the log-in that raised it in the panel; blank for one raised elsewhere.
    """

    command: Command
    file: str
    signed: bool
    by: str
    why: str
    source: str
    refused: str
    nonce: str
    note: str
    session: str = ""


class ControlFolder:
    """The folder in which control flags appear.

    Parameters
    ----------
    path
        The folder; it may be missing, then no flag is raised.
    clock
        Wall time for the age of flags.
    ids
        Nonces for the flags that are raised.
    key
        With it the flags of the panel are vouched for, and checked; without it neither.
    """

    __slots__ = ("_clock", "_ids", "_key", "_path", "_used")

    def __init__(self, path: Path, clock: ControlClock, ids: IdSource, *, key: bytes = b"") -> None:
        self._key = key
        self._path = path
        self._clock = clock
        self._ids = ids
        self._used: dict[str, str] | None = None

    def raise_flag(
        self, command: Command, by: str, why: str, source: str, *, session: str = ""
    ) -> str:
        """Write a flag; one of the same command that lies there is replaced.

        Where a folder has its place, it gets its second name: a folder keeps no kill away.

        Parameters
        ----------
        command
            Start, stop or kill.
        by, why, source
            Who asks, why and from where, such as ``cli``.
        session
            Digest of the log-in of the panel that asks; whoever obeys a start asks for it again.

        Returns
        -------
        str
            The flag's nonce.

        Raises
        ------
        LogicError
            If the command has no flag.
        StorageError
            If the disk refuses.
        """
        flag = _BY_COMMAND.get(command)
        if flag is None:
            msg = f"a flag must ask for one of {[f.command.value for f in FLAGS]}, was {command}"
            raise LogicError(msg)
        nonce, now = self._ids.nonce(), self._clock.now()
        content = {
            "command": command.value,
            "nonce": nonce,
            "issued": iso(now),
            "expires": iso(now + timedelta(seconds=FLAG_LIFE_S)),
            "by": _printable(by),
            "why": _printable(why),
            "source": _printable(source),
        }
        if session:
            content["session"] = session
            content["mac"] = mac_of(self._key, content)
        text = json.dumps(content, indent=1).encode() + b"\n"
        name = flag.also if (self._path / flag.name).is_dir() else flag.name
        replace(self._path / name, text, SECRET_MODE, mark=nonce)
        return nonce

    def read(self) -> FlagSeen | None:
        """Return the strongest flag that lies there, obeyed or refused; None without one."""
        for file in self._files():
            seen = self._inspect(file)
            if seen is not None:
                return seen
        return None

    def pending(self) -> list[FlagSeen]:
        """Return every flag that lies there, strongest first."""
        seen = [self._inspect(file) for file in self._files()]
        return [flag for flag in seen if flag is not None]

    def tests(self) -> tuple[str, ...]:
        """Return the tests that flags ask for: names, and a blank for the whole dry run.

        Returns
        -------
        tuple of str
            Names in order, the blank last: a single test takes precedence. Links, folders and
            files of other users do not count.

        Raises
        ------
        StorageError
            If the folder cannot be read.
        """
        found = {match.group(1) or "" for name in self._names() if (match := _TEST.match(name))}
        ours = [name for name in found if self._is_ours(flag_of_test(name))]
        return tuple(sorted(ours, key=lambda name: (not name, name)))

    def raise_test(
        self, name: str, by: str, source: str, *, session: str = "", nonce: str = ""
    ) -> str:
        """Write the flag of a test; return its file name.

        Parameters
        ----------
        name
            The test; blank for the whole dry run.
        by, source, session, nonce
            Who asks, from where, and the digest of their log-in of the panel with its number.

        Returns
        -------
        str
            The flag's file name.

        Raises
        ------
        LogicError
            If the name has another form.
        StorageError
            If the disk refuses.
        """
        file = flag_of_test(name)
        content = {"test": name, "issued": iso(self._clock.now()), "by": by, "source": source}
        if session:
            content |= {"session": session, "nonce": nonce}
        replace(self._path / file, json.dumps(content, indent=1).encode() + b"\n", SECRET_MODE)
        return file

    def test_fields(self, name: str) -> dict[str, str]:
        """Return what the flag of a test says: by, source, session, nonce; blank for a bare one."""
        try:
            held = json.loads(_read(self._path / flag_of_test(name)))
        except (OSError, ValueError, RecursionError):
            held = {}
        fields = held if isinstance(held, dict) else {}
        names = ("by", "source", "session", "nonce")
        return {each: _printable(str(fields.get(each, ""))) for each in names}

    def take_tests(self, *names: str) -> list[str]:
        """Remove flags of tests: those named, or all that lie there; return the file names."""
        files = [flag_of_test(name) for name in (names or self.tests())]
        return [file for file in files if remove(self._path / file)]

    def oddities(self) -> list[Problem]:
        """Return what lies in the folder and is no flag: it is ignored.

        Returns
        -------
        list of Problem
            Unknown names, and folders and links that bear a flag's name.

        Raises
        ------
        StorageError
            If the folder cannot be read.
        """
        found = []
        for name in sorted(self._names()):
            known = (
                name in _BY_FILE or name in {_USED, STATE_FILE, RESIDENT_FILE} or _TEST.match(name)
            )
            known = known or _MESSAGE.match(name)
            if not known and not name.endswith(".tmp"):
                found.append(Problem(name, "not a control flag: ignored"))
            elif name in _BY_FILE and not self._is_file(name):
                found.append(Problem(name, "a flag must be a plain file: ignored"))
        return found

    def consume(self, seen: FlagSeen) -> None:
        """Remove a flag that was obeyed or refused; its nonce is never obeyed again.

        Parameters
        ----------
        seen
            What `read` returned.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        if seen.nonce and seen.command is Command.START:
            self._remember(seen.nonce)
        remove(self._path / seen.file)

    def clear(self) -> list[str]:
        """Remove every flag unread.

        Returns
        -------
        list of str
            The names of the files removed.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        files = [file for file in self._files() if self._is_file(file)]
        return [file for file in files if remove(self._path / file)]

    def _files(self) -> list[str]:
        """Return the names of flags in the folder, strongest first; one look at the folder."""
        return sorted((name for name in self._names() if name in _BY_FILE), key=_ORDER.__getitem__)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._path)  # noqa: PTH208 - 5 times as fast, five looks a second
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = f"could not read the control folder: {error.strerror}"
            raise StorageError(msg, errno=error.errno or 0) from error

    def _is_ours(self, file: str) -> bool:
        try:
            status = (self._path / file).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()

    def _is_file(self, file: str) -> bool:
        try:
            return stat.S_ISREG((self._path / file).lstat().st_mode)
        except FileNotFoundError:
            return False

    def _inspect(self, file: str) -> FlagSeen | None:
        """Return what a flag says; None when it is no plain file, or a start that has gone."""
        command = _BY_FILE[file].command
        try:
            status = (self._path / file).lstat()
            if not stat.S_ISREG(status.st_mode):
                return None
            content = _read(self._path / file)
        except FileNotFoundError:
            return None if command is Command.START else _unsigned(file, "gone while it was read")
        except OSError as error:
            note = f"cannot be read: {error.strerror}"
            return _unsigned(file, note, refused=note if command is Command.START else "")
        return self._judge(file, content, status)

    def _judge(self, file: str, content: bytes, status: os.stat_result) -> FlagSeen:
        command, now = _BY_FILE[file].command, self._clock.now()
        if not content.strip():
            refused = _refuse_bare(status, now) if command is Command.START else ""
            return _unsigned(file, "carries no nonce", refused=refused)
        try:
            fields = _fields(content, command)
        except DataError as error:
            note = f"malformed: {error.message}"
            bare = file.endswith(".txt") and not content.lstrip().startswith(b"{")
            refused = _refuse_bare(status, now) if bare else note
            return _unsigned(file, note, refused=refused if command is Command.START else "")
        note = self._stale(fields, now) or self._unvouched(fields)
        return FlagSeen(
            command=command,
            file=file,
            signed=not note,
            by=fields["by"],
            why=fields["why"],
            source=fields["source"],
            refused=note if command is Command.START else "",
            nonce=fields["nonce"],
            note=note,
            session=fields.get("session", ""),
        )

    def _unvouched(self, fields: dict[str, str]) -> str:
        """Return why a flag of the panel is not what the panel wrote; blank when it is."""
        if not self._key or "session" not in fields:
            return ""
        content = {name: text for name, text in fields.items() if name != "mac"}
        vouched = vouches(self._key, content, fields["mac"])
        return "" if vouched else "its signature is not right"

    def _stale(self, fields: dict[str, str], now: datetime) -> str:
        """Return why a well-formed flag is not fresh; blank when it is."""
        issued, expires = from_iso(fields["issued"]), from_iso(fields["expires"])
        if fields["nonce"] in self._nonces():
            return "its nonce was used before"
        if expires - issued > timedelta(seconds=FLAG_LIFE_S):
            return f"it claims to be valid for more than {FLAG_LIFE_S} s"
        if now >= expires:
            return f"it expired at {fields['expires']}"
        if issued > now + timedelta(seconds=_CLOCK_SLACK_S):
            return f"it was issued in the future, at {fields['issued']}"
        return ""

    def _nonces(self) -> dict[str, str]:
        """Return the used nonces with the instant of use; they outlive a restart."""
        if self._used is None:
            try:
                held = json.loads(_read(self._path / _USED))
                self._used = {str(nonce): str(at) for nonce, at in held.items()}
            except (OSError, ValueError, AttributeError):
                self._used = {}
        return self._used

    def _remember(self, nonce: str) -> None:
        now = self._clock.now()
        oldest = iso(now - timedelta(hours=1))
        kept = {used: at for used, at in self._nonces().items() if at >= oldest}
        self._used = kept | {nonce: iso(now)}
        text = json.dumps(self._used, indent=1, sort_keys=True).encode() + b"\n"
        replace(self._path / _USED, text, SECRET_MODE)


def flag_of_test(name: str) -> str:
    """Return the file name of a test's flag.

    Parameters
    ----------
    name
        The test; blank for the whole dry run.

    Returns
    -------
    str
        Such as ``test_mode_env_bot.flag``.

    Raises
    ------
    LogicError
        If the name is not of lower-case letters, digits and ``_``.
    """
    file = f"test_mode_{name}.flag" if name else TEST_FLAG
    if not _TEST.match(file):
        msg = f"a test must be named by a-z, 0-9 and _, was {name!r}"
        raise LogicError(msg)
    return file


def read_message(path: Path) -> dict[str, Any]:
    """Return a JSON object that this user wrote; empty for a link, another's or anything else."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return {}
    try:
        status = os.fstat(descriptor)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
        held = json.loads(os.read(descriptor, MAX_MESSAGE_BYTES + 1)) if ours else {}
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return held if isinstance(held, dict) else {}


def _read(path: Path) -> bytes:
    descriptor = os.open(path, _READ)
    try:
        return os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _fields(content: bytes, command: Command) -> dict[str, str]:
    """Return a flag's fields as bounded, printable text."""
    if len(content) > _MAX_BYTES:
        msg = f"longer than {_MAX_BYTES} bytes"
        raise DataError(msg)
    try:
        held: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        msg = "not JSON"
        raise DataError(msg) from error
    names = ("command", "nonce", "issued", "expires", "by", "why", "source")
    if not isinstance(held, dict) or not all(isinstance(held.get(name), str) for name in names):
        msg = f"must hold the texts {', '.join(names)}"
        raise DataError(msg)
    if held["command"] != command.value or not held["nonce"]:
        msg = f"must ask for {command.value} and carry a nonce"
        raise DataError(msg)
    try:
        from_iso(held["issued"])
        from_iso(held["expires"])
    except (ValueError, OverflowError, LogicError) as error:
        msg = "issued and expires must be instants with a zone"
        raise DataError(msg) from error
    shown = [*names, "session", "mac"] if "session" in held else list(names)
    return {name: _printable(str(held.get(name, ""))) for name in shown}


def mac_of(key: bytes, content: Mapping[str, object]) -> str:
    """Return what vouches for a message: HMAC-SHA-256 over its canonical JSON, as hexadecimals."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def vouches(key: bytes, content: Mapping[str, object], mac: str) -> bool:
    """Tell whether a message is what the owner of the key wrote."""
    return hmac.compare_digest(mac_of(key, content).encode(), mac.encode(errors="replace"))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_MAX_TEXT])


def _unsigned(file: str, note: str, *, refused: str = "") -> FlagSeen:
    return FlagSeen(
        command=_BY_FILE[file].command,
        file=file,
        signed=False,
        by="",
        why="",
        source="file",
        refused=refused,
        nonce="",
        note=note,
    )


def _refuse_bare(status: os.stat_result, now: datetime) -> str:
    """Return why a start without nonce is refused; blank when it is fresh and our own."""
    age = (now - datetime.fromtimestamp(status.st_mtime, UTC)).total_seconds()
    if status.st_uid != os.getuid():
        return "it belongs to another user"
    if not -_CLOCK_SLACK_S <= age < FLAG_LIFE_S:
        return f"a start without nonce must be younger than {FLAG_LIFE_S} s, was {age:.0f} s old"
    return ""
