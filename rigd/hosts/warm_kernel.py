"""A kernel that is forked, not started: it waits until papermill has a connection for it.

It is forked before its run starts any thread. It does nothing before its order comes, and ends when
the run is gone before that. It says that it is ready when its sockets are bound: a client that
connects earlier hangs (PERFORMANCE W5).
"""

from __future__ import annotations

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
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import default

from rigd.config.sources import replace_environment
from rigd.core.errors import LogicError
from rigd.hosts import warm

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
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._line = line

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
            warm.send(line, order)
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


def fork_kernel(leave: Callable[[], None]) -> ForkedKernel | Callable[[], int]:
    """Fork this process into a run and its kernel.

    Parameters
    ----------
    leave
        Called in the kernel: lets go of what is the run's alone.

    Returns
    -------
    ForkedKernel or function
        The kernel, in the run. In the kernel itself, what it has to do; it returns its exit code.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return ForkedKernel(pid, ours)
    ours.close()
    leave()
    return lambda: _be_kernel(theirs)


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
            if tuple(cmd[: len(LAUNCHED)]) != LAUNCHED:
                raise LogicError(f"a forked kernel must stand for ipykernel, not {cmd[:3]}")
            environment = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
            self.cwd = kwargs.get("cwd") or str(Path.cwd())
            kernel.begin(cmd[len(LAUNCHED) :], environment, self.cwd)
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
            self.provisioner = Provisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )
            return await super()._async_pre_start_kernel(**kwargs)

        async def _async_wait(self, pollinterval: float = POLL_S) -> None:
            await super()._async_wait(min(pollinterval, POLL_S))

    return Manager


def _be_kernel(line: socket.socket) -> int:
    """Become the kernel that is asked for; return when it was shut down."""
    os.setsid()
    order = warm.received(line)
    if not order:
        return 0  # the run is gone
    replace_environment(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["ipykernel_launcher", *order["arguments"]]
    app: Any = IPKernelApp.instance()
    app.initialize(order["arguments"])
    with line:
        warm.send(line, READY)
    app.start()
    return 0
