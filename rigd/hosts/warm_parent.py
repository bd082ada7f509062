"""The warm parent: a process that has the imports of a run done and forks runs of one home.

``python -m rigd.hosts.warm_parent HOME`` is started by `supervisor.warm_parent`, which holds the
other end of its stdin: the parent ends when that end closes, however its owner dies. Runs that it
forked go on. It opens no file of the home, holds no secret and starts no thread; it forks in one
place, between two messages, and refuses to when it has a second thread. A fork keeps the
descriptors of its order, and nothing else of what its parent held. When nobody asks it forks one
run ahead, with its kernel, which waits for the next order.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout, environment, replace_environment
from rigd.core.errors import ExitCode, LogicError, RigdError
from rigd.hosts import build_check, runner, warm
from rigd.hosts.runner import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.hosts.warm_kernel import ForkedKernel

IMPORTED = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "bokeh.plotting",
    "faulthandler",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "numpy",
    "pandas",
    "papermill",
    "psutil",
    "rigd.hosts.review",
    "rigd.hosts.session",
    "rigd.hosts.warm_kernel",
    "rigd.reporting.report",
    "rigd.reporting.review_view",
    "rigd.reporting.session_view",
    "tornado.platform.asyncio",
)
"""What a run imports; each is imported before the first fork."""
SCHEMAS = (4, 5)
"""The minor versions of notebooks' format 4 that are in use."""
LOOK_S = 1.0
"""How often ended runs are reaped when nobody asks [s]."""
TAKE_S = 2.0
"""How long one who asks may take to hand its order over [s]."""
OPEN = Path("/proc/self/fd")
THREADS = Path("/proc/self/task")
_DESCRIPTORS = 2
_STREAMS = 3


class Parent:
    """Forks runs of one home.

    Parameters
    ----------
    root
        RIGD_HOME.
    owner
        A descriptor whose other end the owner holds.
    """

    def __init__(self, root: Path, owner: int) -> None:
        self._address = warm.address(root)
        self._owner = owner
        self._told: dict[str, Any] = {}
        self._ahead: socket.socket | None = None

    def warm_up(self) -> None:
        """Do the imports, and make sure that what was imported is one build.

        Raises
        ------
        LogicError
            If the code was changed meanwhile.
        """
        stamp, build = _build()
        runner.skip_grammar()
        for name in IMPORTED:
            import_module(name)
        _prepare()
        if _build() != (stamp, build):
            raise LogicError("the code must stay as it is while it is imported, it was changed")
        self._told = {
            "build": build,
            "stamp": stamp,
            "interpreter": warm.interpreter(),
            "read_at_start": warm.read_at_start(environment()),
        }
        gc.collect()
        gc.freeze()

    def serve(self) -> Callable[[], int] | None:
        """Answer until the owner is gone.

        Returns
        -------
        function or None
            None in the parent, at its end. In a fork, what it has to do; it returns its exit code.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self._address)
            listener.listen()
            sys.stdout.write(f"{warm.IS_READY}\n")
            sys.stdout.flush()
            while True:
                ready, _, _ = select.select([listener.fileno(), self._owner], [], [], LOOK_S)
                _reap()
                if self._owner in ready:
                    return None
                asked = listener.fileno() in ready
                if role := self._answer(listener) if asked else self._fork_ahead():
                    return role

    def _answer(self, listener: socket.socket) -> Callable[[], int] | None:
        line, _ = listener.accept()
        with line:
            if not warm.is_ours(line):
                return None
            line.settimeout(TAKE_S)
            warm.send(line, self._told)
            try:
                content, given, _, _ = socket.recv_fds(line, warm.MESSAGE_BYTES, _DESCRIPTORS)
            except OSError:
                return None
        if len(given) != _DESCRIPTORS:
            _close(given)
            return None
        channel = socket.socket(fileno=given[0])
        if refusal := _refusal(content):
            warm.send(channel, {"refused": refusal})
        elif not self._hand_on(content, given) and not os.fork():
            return lambda: _run(json.loads(content), channel, given[1])
        channel.close()
        _close(given[1:])
        return None

    def _hand_on(self, content: bytes, given: list[int]) -> bool:
        """Give an order to the run that was forked ahead; False when there is none any more."""
        if self._ahead is None:
            return False
        with self._ahead as line:
            self._ahead = None
            try:
                socket.send_fds(line, [content], given)
            except OSError:
                return False
        return True

    def _fork_ahead(self) -> Callable[[], int] | None:
        if self._ahead is not None or _threads() != 1:
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork():
            theirs.close()
            self._ahead = ours
            return None
        ours.close()
        return lambda: _wait(theirs)


def main(arguments: list[str]) -> int:
    """Serve the home that is named; return the process's exit code."""
    if sys.path[0] == str(Path.cwd()):
        del sys.path[0]  # a kernel has no such entry
    parent = Parent(Path(arguments[0]), sys.stdin.fileno())
    try:
        parent.warm_up()
        role = parent.serve()
    except (RigdError, OSError, ImportError) as error:
        sys.stdout.write(f"{error}\n")
        return int(ExitCode.ERROR)
    return role() if role else int(ExitCode.OK)


def _run(order: dict[str, Any], channel: socket.socket, output: int) -> int:
    """Be the run that was ordered, or its kernel; return the exit code."""
    from rigd.hosts.warm_kernel import ForkedKernel, fork_kernel  # noqa: PLC0415 - imported before

    _become_alone({channel.fileno(), output})
    _speak_to(output)
    if not _may_go(order, channel):
        return int(ExitCode.OK)
    kernel = fork_kernel(channel.close)
    return _execute(order, channel, kernel) if isinstance(kernel, ForkedKernel) else kernel()


def _wait(line: socket.socket) -> int:
    """Be a run that was forked ahead, or its kernel: wait for the order; return the exit code."""
    from rigd.hosts.warm_kernel import ForkedKernel, fork_kernel  # noqa: PLC0415 - imported before

    _become_alone({line.fileno()})
    unread, printing = os.pipe()
    _speak_to(printing)
    with TemporaryDirectory(prefix="rigd-") as folder:
        replace_environment({**environment(), "IPYTHONDIR": folder, "JUPYTER_RUNTIME_DIR": folder})
        kernel = fork_kernel(line.close, Path(folder))
        if not isinstance(kernel, ForkedKernel):
            return kernel()
        content, given, _, _ = socket.recv_fds(line, warm.MESSAGE_BYTES, _DESCRIPTORS)
        line.close()
        if len(given) != _DESCRIPTORS:
            return int(ExitCode.OK)  # the parent is gone
        _speak_to(given[1])
        os.close(unread)
        order, channel = json.loads(content), socket.socket(fileno=given[0])
        return _execute(order, channel, kernel) if _may_go(order, channel) else int(ExitCode.OK)


def _may_go(order: dict[str, Any], channel: socket.socket) -> bool:
    """Take environment and folder of an order; False when nobody waits for this run any more."""
    warm.send(channel, {"pid": os.getpid()})
    if channel.recv(len(warm.GO)) != warm.GO:
        return False
    replace_environment(order["environment"])
    os.chdir(order["folder"])
    return True


def _execute(order: dict[str, Any], channel: socket.socket, kernel: ForkedKernel) -> int:
    """Run the job and tell its exit code."""
    from rigd.hosts.warm_kernel import manager_of  # noqa: PLC0415 - imported before

    code = int(ExitCode.ERROR)
    try:
        job = Job(**json.loads(order["job"]))
        code = runner.run(job, kernel_manager_class=manager_of(kernel))
    finally:
        warm.send(channel, {"code": code})
    return code


def _become_alone(kept: set[int]) -> None:
    """Lead an own process session, and hold nothing of the parent's but what is kept."""
    os.setsid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    for held in [int(path.name) for path in OPEN.iterdir()]:
        if held >= _STREAMS and held not in kept:
            with suppress(OSError):  # the listing's own
                os.close(held)
    import numpy as np  # noqa: PLC0415 - the parent has imported it

    np.random.seed()  # noqa: NPY002 - two forks must not draw the same for those who use it


def _speak_to(output: int) -> None:
    """Let both streams go to a descriptor, which is closed then."""
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)


def _build() -> tuple[str, str]:
    """Return stamp and digest of the code as it lies there."""
    return build_check.stamp_of(checkout()), build_check.build_of(checkout())


def _prepare() -> None:
    """Let the libraries make what they keep: the check of notebooks, the table of provisioners."""
    validator = import_module("nbformat.validator")
    for minor in SCHEMAS:
        validator.get_validator(4, minor)
    import_module("jupyter_client.provisioning.factory").KernelProvisionerFactory.instance()


def _refusal(content: bytes) -> str:
    """Return why an order is not carried out; blank when it may be."""
    try:
        order = json.loads(content)
        Job(**json.loads(order["job"]))
    except (ValueError, TypeError, KeyError) as error:
        return f"the warm parent does not understand the order: {error}"
    threads = _threads()
    return f"the warm parent must have one thread, it has {threads}" if threads != 1 else ""


def _threads() -> int:
    return len(list(THREADS.iterdir()))


def _reap() -> None:
    """Let go of runs that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
