"""A child process that stands at the door: started anew, not forked from the tests' process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rigd.config.sources import checkout
from rigd.hosts.crashes.calls import CallDoor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STAND = """
import os, signal, socket, sys
from pathlib import Path
from rigd.hosts.crashes.calls import stand
signal.signal(signal.SIGINT, signal.default_int_handler)
home = Path(sys.argv[2])
end = socket.socket(fileno=int(sys.argv[1]))
stand(end)
end.close()
"""


@contextmanager
def standing(home: Path, body: str) -> Iterator[tuple[CallDoor, subprocess.Popen[str]]]:
    """Yield the door of a child that runs `body` with ``home``; what it does waits there."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", _STAND + body, str(theirs.fileno()), str(home)]
    with (
        ours,
        theirs,
        subprocess.Popen(  # noqa: S603 - our own interpreter and code
            command,
            cwd=checkout(),
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        ) as child,
    ):
        theirs.close()
        door = CallDoor.take(ours)
        try:
            yield door, child
        finally:
            door.close()
            child.kill()
