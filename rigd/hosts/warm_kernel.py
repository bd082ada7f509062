"""A kernel that is forked, not started: it waits until papermill has an order for it.

It is forked before its run starts any thread. One that is forked ahead of its run binds its sockets
at once, in the run's own folder; it runs no code before its order comes, which gives it environment
and folder, and ends when the run is gone before that. It says that it is ready when its sockets are
bound: a client that connects earlier hangs (PERFORMANCE W5).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from ipykernel.kernelapp import IPKernelApp
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import default

from rigd.config.sources import checkout, replace_environment
from rigd.core.errors import LogicError
from rigd.hosts import runner, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_client.connect import KernelConnectionInfo

LAUNCHED = (sys.executable, "-m", "ipykernel_launcher")
"""The beginning of the command that a forked kernel stands for."""
READY = {"ready": True}
POLL_S = 0.005
"""How often a kernel that was asked to end is looked at [s]; Jupyter's own 0.1 s would show."""
QUIET_S = 0.2
"""How long Jupyter's client waits for silence before it begins [s]."""
PATIENCE_S = 60.0
"""How long a kernel may take from its order until it is ready [s]; it takes a tenth of a second."""


class ForkedKernel:
    """A forked kernel, seen from its parent; stands for the `Popen` that Jupyter's client holds.

    Parameters
    ----------
    pid
        The kernel's process.
    line
        On which it gets its order and says that it is ready.
    arguments
        What it was initialised with; empty when it waits for them too.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, line: socket.socket, arguments: Sequence[str] = ()) -> None:
        self.pid = pid
        self.arguments = tuple(arguments)
        self.returncode: int | None = None
        self._line = line

    @property
    def connection_file(self) -> str:
        """Where its sockets are told; blank when it has none yet."""
        return self.arguments[1] if self.arguments else ""

    def begin(self, arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
        """Let the kernel begin, and wait until it can be connected to.

        Parameters
        ----------
        arguments
            The arguments of ``ipykernel_launcher``.
        environment
            The kernel's whole environment.
        folder
            Where it runs.

        Raises
        ------
        LogicError
            If it ends or hangs before it is ready.
        """
        order = {"arguments": list(arguments), "environment": dict(environment), "folder": folder}
        with self._line as line:
            line.settimeout(PATIENCE_S)
            with suppress(OSError):  # gone: then nothing is received either
                socket.send_fds(line, [json.dumps(order).encode()], [sys.stdout.fileno()])
            if warm.received(line) != READY:
                raise LogicError("a forked kernel must become ready, it did not")

    def poll(self) -> int | None:
        """Return how the kernel ended; None while it runs."""
        return self._await(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for the kernel's end and return its exit code."""
        return self._await(0)

    def send_signal(self, number: int) -> None:
        """Send the kernel a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _await(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Client(AsyncKernelClient):
    """A client of a kernel that is ready: it need not wait until nothing more is said."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as its base
        """Return when kernel and client hear each other.

        Parameters
        ----------
        timeout
            How long that may take [s].

        Raises
        ------
        RuntimeError
            If the kernel does not answer; as Jupyter's own client.
        """
        self.kernel_info()
        try:
            reply = await self.get_shell_msg(timeout=timeout or PATIENCE_S)
        except Empty:
            raise RuntimeError("the forked kernel must answer, it did not") from None
        self._handle_kernel_info_reply(reply)
        with suppress(Empty):  # the first message tells that the subscription lives
            await self.get_iopub_msg(timeout=QUIET_S)


def fork_kernel(
    leave: Callable[[], None], ahead: Path | None = None
) -> ForkedKernel | Callable[[], int]:
    """Fork this process into a run and its kernel.

    Parameters
    ----------
    leave
        Called in the kernel: lets go of what is the run's alone.
    ahead
        A private folder for the sockets of a kernel that is forked ahead of its run; None for one
        that gets its arguments with its order.

    Returns
    -------
    ForkedKernel or function
        The kernel, in the run. In the kernel itself, what it has to do; it returns its exit code.
    """
    arguments = _arguments_ahead(ahead) if ahead else ()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return ForkedKernel(pid, ours, arguments)
    ours.close()
    leave()
    return lambda: _be_kernel(theirs, arguments)


def manager_of(kernel: ForkedKernel) -> type[AsyncKernelManager]:
    """Return the class of kernel managers whose kernel is forked already.

    Parameters
    ----------
    kernel
        The kernel.

    Returns
    -------
    type
        For nbclient, which makes one of it.
    """

    class Provisioner(LocalProvisioner):
        """Gives the kernel its order where another one starts a process."""

        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:  # noqa: ANN401 - as its base
            arguments = tuple(cmd[len(LAUNCHED) :])
            if tuple(cmd[: len(LAUNCHED)]) != LAUNCHED or kernel.arguments not in {(), arguments}:
                kernel.kill()  # it stands for another command than the one that is asked for
                return await super().launch_kernel(cmd, **kwargs)
            environment = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
            self.cwd = kwargs.get("cwd") or str(Path.cwd())
            kernel.begin(arguments, environment, self.cwd)
            self.process = kernel  # type: ignore[assignment] # has what is asked of a Popen
            self.pid = self.pgid = kernel.pid
            return self.connection_info

    class Manager(AsyncKernelManager):
        """Asks its own provisioner; everything else is Jupyter's."""

        @default("client_factory")
        def _own_client(self) -> type[AsyncKernelClient]:
            return Client

        async def _async_pre_start_kernel(
            self,
            **kwargs: Any,  # noqa: ANN401 - as its base
        ) -> tuple[list[str], dict[str, Any]]:
            if kernel.connection_file:
                self.connection_file = kernel.connection_file
                self.load_connection_file()
                self._connection_file_written = True
            self.provisioner = Provisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )
            return await super()._async_pre_start_kernel(**kwargs)

        async def _async_wait(self, pollinterval: float = POLL_S) -> None:
            await super()._async_wait(min(pollinterval, POLL_S))

    return Manager


def _arguments_ahead(folder: Path) -> tuple[str, ...]:
    """Return the arguments that the kernelspec will give a kernel; name its sockets."""
    sockets = str(folder / "kernel-ipc")
    path, _ = write_connection_file(str(folder / "connection.json"), ip=sockets, transport="ipc")
    folder_of_spec = checkout() / "env" / "jupyter" / "kernels" / runner.KERNEL
    argv = KernelSpec.from_resource_dir(str(folder_of_spec)).argv[len(LAUNCHED) :]
    return tuple(path if word == "{connection_file}" else word for word in argv)


def _be_kernel(line: socket.socket, ahead: Sequence[str]) -> int:
    """Become the kernel that is asked for; return when it was shut down."""
    os.setsid()
    app = _initialised(ahead) if ahead else None
    content, given, _, _ = socket.recv_fds(line, warm.MESSAGE_BYTES, 1)
    if not content:
        return 0  # the run is gone
    order = json.loads(content)
    replace_environment(order["environment"])
    os.chdir(order["folder"])
    for stream in (sys.stdout, sys.stderr):  # what is printed past IPython goes to the run's output
        copy = getattr(stream, "_original_stdstream_copy", None)
        if copy is not None:
            os.dup2(given[0], copy)
    app = app or _initialised(order["arguments"])
    with line:
        warm.send(line, READY)
    app.start()
    return 0


def _initialised(arguments: Sequence[str]) -> Any:  # noqa: ANN401 - an IPKernelApp, which is untyped
    """Return a kernel whose sockets are bound."""
    sys.argv = ["ipykernel_launcher", *arguments]
    app: Any = IPKernelApp.instance()
    app.initialize(list(arguments))
    return app
