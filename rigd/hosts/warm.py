"""Start a notebook run from the warm parent of a home, or say why it starts cold.

The warm parent (`warm_parent`) has the imports of a run done and forks (PERFORMANCE W5). It is used
when its code is the code that lies there and the code that was sealed, its interpreter and what an
interpreter reads from the environment are this one's, and it runs for this user. What it forks does
nothing before it was told to go on: a run that was given up here can't begin later.
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import socket
import struct
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.core.errors import RigdError
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rigd.hosts.runner import Job

GO = b"go"
IS_READY = "ready"
"""What a parent prints when it may be asked."""
MESSAGE_BYTES = 1 << 17
"""More than any job with its environment needs [bytes]."""
PATIENCE_S = 5.0
"""How long a parent may take to answer before the run starts cold [s]."""
READ_AT_START = ("LANG", "LC_ALL", "PYTHONHASHSEED", "PYTHONPATH", "PYTHONUTF8", "TZ")
"""Variables that Python reads once, when it starts: a fork can't have others than its parent."""
KILLED = -9
"""The exit code of a run that ended without naming one."""

_CREDENTIALS = struct.Struct("3i")
_OUTPUT_BYTES = 1 << 16


class NotWarm(RigdError):  # noqa: N818 - not a fault: the run starts cold
    """A warm parent is there and can't be used."""


class Absent(NotWarm):
    """There is no warm parent."""


class ForkedRun:
    """A run that a warm parent forked, seen from the one who asked for it.

    Parameters
    ----------
    pid
        The run's process; it leads a process session of its own.
    channel
        The run's own line: it names its exit code there, and the line ends with it.
    output
        The descriptor on which the run's streams are read.
    """

    def __init__(self, pid: int, channel: socket.socket, output: int) -> None:
        self.pid = pid
        self._channel = channel
        self._output = output
        self._printed = bytearray()
        self._code = KILLED
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ)
        self._selector.register(output, selectors.EVENT_READ)

    def ended(self, within_s: float) -> tuple[int, str] | None:
        """Return exit code and output when the run has ended; None after a while, or earlier.

        Parameters
        ----------
        within_s
            How long to wait for it [s].

        Returns
        -------
        tuple of int and str, or None
            A run that was killed has `KILLED` as its code.
        """
        for key, _ in self._selector.select(within_s):
            self._hear() if key.fileobj is self._channel else self._read()
        if self._selector.get_map():
            return None
        return self._code, self._printed.decode(errors="replace")

    def close(self) -> None:
        """Let go of the descriptors; the run goes on."""
        self._selector.close()
        self._channel.close()
        os.close(self._output)

    def _hear(self) -> None:
        told = received(self._channel)
        if not told:
            self._selector.unregister(self._channel)
        self._code = int(told.get("code", self._code))

    def _read(self) -> None:
        content = os.read(self._output, _OUTPUT_BYTES)
        if not content:
            self._selector.unregister(self._output)
        self._printed += content


@contextmanager
def forked(job: Job, environment: Mapping[str, str]) -> Iterator[ForkedRun]:
    """Let the warm parent of a home fork a run; it has begun when the context is entered.

    Parameters
    ----------
    job
        What to run.
    environment
        The run's whole environment; its RIGD_HOME says whose parent is asked.

    Yields
    ------
    ForkedRun
        The run.

    Raises
    ------
    Absent
        If the home has no warm parent.
    NotWarm
        If it has one that can't be used; the message says why.
    """
    root = environment.get(HOME_VARIABLE, "")
    if not root:
        raise Absent("a run without a home has no warm parent")
    home = Home(Path(root))
    with ExitStack() as kept, ExitStack() as given, _connected(home.root) as line:
        _require_same(home, received(line), environment)
        channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept.callback(channel.close)
        given.callback(theirs.close)
        output, printing = os.pipe()
        kept.callback(os.close, output)
        given.callback(os.close, printing)
        order = {"job": job.to_json(), "environment": dict(environment), "folder": str(Path.cwd())}
        _hand_over(line, order, (theirs.fileno(), printing))
        given.close()
        pid = _set_going(channel)
        kept.pop_all()
    child = ForkedRun(pid, channel, output)
    try:
        yield child
    finally:
        child.close()


def address(root: Path) -> str:
    """Return where the warm parent of a home listens: an abstract name that ends with it.

    Parameters
    ----------
    root
        RIGD_HOME.

    Returns
    -------
    str
        It begins with a zero byte; no file is made.
    """
    name = f"{os.getuid()}:{root.resolve()}"
    return f"\0rigd-warm-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def interpreter() -> dict[str, str]:
    """Return what tells this interpreter from another."""
    return {"executable": sys.executable, "prefix": sys.prefix, "version": sys.version}


def read_at_start(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that Python reads when it starts."""
    return {name: variables[name] for name in READ_AT_START if name in variables}


def received(line: socket.socket) -> dict[str, Any]:
    """Return the next message of a line; empty when it ended."""
    with suppress(OSError, ValueError):
        told = json.loads(line.recv(MESSAGE_BYTES))
        return told if isinstance(told, dict) else {}
    return {}


def send(line: socket.socket, message: Mapping[str, Any]) -> None:
    """Send one message; nobody may be left to read it."""
    with suppress(OSError):
        line.send(json.dumps(message).encode())


def is_ours(line: socket.socket) -> bool:
    """Tell whether the process at the other end of a line runs for this user."""
    held = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(held)
    return bool(user == os.getuid())


@contextmanager
def _connected(root: Path) -> Iterator[socket.socket]:
    if not hasattr(socket, "SO_PEERCRED"):
        raise Absent("this system has no warm parents")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.settimeout(PATIENCE_S)
        try:
            line.connect(address(root))
        except ConnectionRefusedError:
            raise Absent("the home has no warm parent") from None
        except OSError as error:
            raise NotWarm(f"the warm parent does not answer: {error}") from None
        if not is_ours(line):
            raise NotWarm("the warm parent must run for this user, it runs for another")
        yield line


def _require_same(home: Home, told: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Refuse a parent whose code, interpreter or first environment is not the run's own."""
    from rigd.hosts import build_check  # noqa: PLC0415 - rigd kill knows this module, not that one

    if not told:
        raise NotWarm("the warm parent does not answer")
    if told.get("build") != build_check.sealed_build(home):
        raise NotWarm("the warm parent's code is not the sealed build")
    if told.get("stamp") != build_check.stamp_of(checkout()):
        raise NotWarm("the code was changed after the warm parent began")
    if told.get("interpreter") != interpreter():
        raise NotWarm("the warm parent runs in another Python")
    if told.get("read_at_start") != read_at_start(environment):
        raise NotWarm("the warm parent began with other variables")


def _hand_over(line: socket.socket, order: Mapping[str, Any], given: tuple[int, ...]) -> None:
    """Send an order together with the descriptors that the run is to have."""
    try:
        socket.send_fds(line, [json.dumps(order).encode()], list(given))
    except OSError as error:
        raise NotWarm(f"the warm parent took no order: {error}") from None


def _set_going(channel: socket.socket) -> int:
    """Let the forked run go on; return its process number."""
    channel.settimeout(PATIENCE_S)
    told = received(channel)
    if "pid" not in told:
        raise NotWarm(str(told.get("refused", "the warm parent did not fork")))
    try:
        channel.send(GO)
    except OSError as error:
        raise NotWarm(f"the forked run was gone at once: {error}") from None
    channel.settimeout(None)
    return int(told["pid"])
