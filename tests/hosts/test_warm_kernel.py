from __future__ import annotations

import os
import signal
import socket
import sys
import threading

import pytest

from rigd.core.errors import LogicError
from rigd.hosts import warm
from rigd.hosts.warm_kernel import LAUNCHED, READY, ForkedKernel, manager_of

LIVES = ("-c", "import sys; sys.stdin.read()")


@pytest.fixture
def lines():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def test_a_kernel_gets_its_order_and_says_when_it_is_ready(lines) -> None:
    """Arguments, environment and folder go over; nobody connects before the answer."""
    ours, theirs = lines
    orders = []

    def be_kernel() -> None:
        orders.append(warm.received(theirs))
        warm.send(theirs, READY)

    thread = threading.Thread(target=be_kernel)
    thread.start()
    ForkedKernel(1, ours).begin(["-f", "x"], {"A": "b"}, "/w")
    thread.join()
    assert orders == [{"arguments": ["-f", "x"], "environment": {"A": "b"}, "folder": "/w"}]


def test_a_kernel_that_ends_before_it_is_ready_is_an_error(lines) -> None:
    """The run must not wait for a kernel that is gone."""
    ours, theirs = lines
    theirs.close()
    with pytest.raises(LogicError, match="become ready"):
        ForkedKernel(1, ours).begin([], {}, "/")


def child(*arguments: str) -> tuple[int, int]:
    """A process that lives until its stdin closes, and the other end of that."""
    reading, writing = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, reading, 0), (os.POSIX_SPAWN_CLOSE, writing)]
    pid = os.posix_spawn(
        sys.executable, [sys.executable, *arguments], os.environ, file_actions=actions
    )
    os.close(reading)
    return pid, writing


def test_a_kernel_stands_for_a_process(lines) -> None:
    """It is polled, signalled and waited for like the process that Jupyter starts."""
    pid, alive = child(*LIVES)
    kernel = ForkedKernel(pid, lines[0])
    assert kernel.poll() is None
    kernel.kill()
    assert kernel.wait() == -signal.SIGKILL
    assert kernel.poll() == -signal.SIGKILL
    kernel.terminate()  # nothing is left to signal
    os.close(alive)


def test_a_kernel_that_ended_has_its_code(lines) -> None:
    """The exit code is the process's own."""
    pid, alive = child("-c", "import sys; sys.exit(3)")
    os.close(alive)
    assert ForkedKernel(pid, lines[0]).wait() == 3


def test_a_forked_kernel_stands_for_ipykernel_alone(lines) -> None:
    """Another command than that of the kernelspec rigd-bot is refused, not ignored."""
    assert (sys.executable, "-m", "ipykernel_launcher") == LAUNCHED
    manager = manager_of(ForkedKernel(1, lines[0]))
    assert manager.__mro__[1].__name__ == "AsyncKernelManager"
